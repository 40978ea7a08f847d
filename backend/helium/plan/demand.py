"""What an installation has to do: at each minute of the day, in its busiest minute, and in a month."""

from dataclasses import dataclass

from helium.plan.assumptions import Assumptions, Workload
from helium.plan.measured import Measured
from helium.plan.prices import DAYS_PER_MONTH

GIB = 2**30
Minutes = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShape:
    """One run."""

    seconds: float
    events: float
    sent_bytes: float
    stored_bytes: float
    server_cpu_ms: float
    database_cpu_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Per minute of a day: people there, and runs and requests that arrive. And a month's volumes."""

    users: Minutes
    run_arrivals: Minutes
    request_arrivals: Minutes
    run: RunShape
    runs_per_day: float
    runs_per_month: float
    egress_gib: float
    to_models_gib: float
    from_models_gib: float
    to_database_gib: float
    from_database_gib: float
    database_gib: float
    files_gib: float
    backups_gib: float
    logs_gib: float

    @property
    def peak_runs_per_second(self) -> float:
        return max(self.run_arrivals) / 60

    @property
    def peak_runs_at_once(self) -> float:
        return self.peak_runs_per_second * self.run.seconds


def run_shape(workload: Workload, measured: Measured, assumed: Assumptions) -> RunShape:
    """CPU grows with the tokens as measured; events are gathered, so they grow with the seconds."""
    tokens = workload.tokens_per_run
    streaming_seconds = tokens / assumed.tokens_per_second
    events = assumed.other_events_per_run + min(tokens, streaming_seconds / assumed.gather_seconds)
    sent = events * measured.bytes_per_event
    return RunShape(
        seconds=assumed.first_token_seconds + streaming_seconds,
        events=events,
        sent_bytes=sent,
        stored_bytes=sent * assumed.row_bytes_per_sent,
        server_cpu_ms=tokens * measured.server_ms_per_token * assumed.cpu_reserve,
        database_cpu_ms=tokens * measured.database_ms_per_token * assumed.cpu_reserve,
    )


def demand_of(workload: Workload, measured: Measured, assumed: Assumptions) -> Demand:
    """Runs of a day are spread over its minutes as people are."""
    users = workload.profile.minutes(workload.users)
    runs_per_day = workload.users * workload.runs_per_user_per_day
    shares = sum(workload.profile.shares)
    arrivals = tuple(runs_per_day * share / shares for share in workload.profile.shares)
    run = run_shape(workload, measured, assumed)
    runs = runs_per_day * DAYS_PER_MONTH
    asked = workload.input_tokens_per_run * assumed.bytes_per_input_token
    answers = assumed.requests_per_run * assumed.request_bytes
    kept_runs = runs_per_day * assumed.kept_days
    database_gib = kept_runs * (run.stored_bytes + asked) / GIB
    files_gib = kept_runs * assumed.file_bytes_per_run / GIB
    return Demand(
        users=users,
        run_arrivals=arrivals,
        request_arrivals=tuple(rate * assumed.requests_per_run for rate in arrivals),
        run=run,
        runs_per_day=runs_per_day,
        runs_per_month=runs,
        egress_gib=runs * (run.sent_bytes * assumed.viewers_per_run + answers) / GIB,
        to_models_gib=runs * asked / GIB,
        from_models_gib=runs * workload.tokens_per_run * assumed.model_bytes_per_token / GIB,
        to_database_gib=runs * (run.sent_bytes + asked) / GIB,
        from_database_gib=runs * (run.sent_bytes + asked + answers) / GIB,
        database_gib=database_gib,
        files_gib=files_gib,
        backups_gib=assumed.backup_days * (database_gib * assumed.backup_share + files_gib),
        logs_gib=runs * assumed.log_lines_per_run * assumed.log_line_bytes / GIB,
    )
