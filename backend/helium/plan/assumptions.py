"""What is asked for, and what is assumed where nothing is measured. Each assumption says why."""

from dataclasses import dataclass, field, fields
from typing import Literal

from helium.plan.profiles import DAY, Profile

Cloud = Literal["gcp", "aws"]
Environment = Literal["staging", "prod"]
Provider = Literal["supabase", "cloud-sql", "rds"]


def assumed(value: float, why: str) -> float:
    return field(default=value, metadata={"why": why})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What people do. `users` are at work at the same time in the busiest minute of the profile."""

    users: int
    runs_per_user_per_day: float = 20.0
    tokens_per_run: int = 1000
    input_tokens_per_run: int = 4000
    profile: Profile = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Figures that nobody has measured."""

    first_token_seconds: float = assumed(1.0, "what a hosted model takes to its first token")
    tokens_per_second: float = assumed(50.0, "speed of a hosted model of the middle class")
    gather_seconds: float = assumed(0.04, "the default of `HELIUM_STREAM__GATHER_SECONDS`")
    connection_seconds: float = assumed(600.0, "the default of `HELIUM_STREAM__MAX_CONNECTION_SECONDS`")
    streams_per_user: float = assumed(1.0, "everybody who is there follows one run; most follow none")
    viewers_per_run: float = assumed(1.2, "one, and now and then a second tab or a reconnect")
    requests_per_run: float = assumed(6.0, "start, the thread, its list, files, polls of a page")
    request_seconds: float = assumed(0.05, "a quarter of the 200 ms that are promised")
    request_bytes: float = assumed(4096.0, "a page of a list as JSON")
    other_events_per_run: float = assumed(10.0, "states, items and steps beside the text")
    cpu_reserve: float = assumed(2.0, "a vCPU of a cloud may do half of a measured core; TLS; tools")
    cpu_target: float = assumed(0.6, "both clouds add instances at 60 % of the CPU")
    memory_target: float = assumed(0.7, "the rest is for bursts and for slow readers")
    kept_days: float = assumed(30.0, "how long runs and their files are kept")
    row_bytes_per_sent: float = assumed(2.0, "row heads and indexes beside the bytes that viewers see")
    model_bytes_per_token: float = assumed(200.0, "a delta of Chat Completions on the wire")
    bytes_per_input_token: float = assumed(4.0, "English text")
    file_bytes_per_run: float = assumed(20_000.0, "one run in fifty leaves a file of 1 MB")
    log_lines_per_run: float = assumed(12.0, "a line for each request, claim, step and end")
    log_line_bytes: float = assumed(600.0, "a line of JSON with its identifiers")
    images: float = assumed(50.0, "the cleanup rule of the registries keeps so many")
    image_gib: float = assumed(0.15, "the backend's image, compressed")
    backup_days: float = assumed(35.0, "backups that production keeps, one a day, each whole")
    backup_share: float = assumed(0.4, "of the database: 69 of 167 MiB in backup-restore.md")
    secrets: float = assumed(7.0, "database, Redis and its authority, three models' keys, the backups'")
    alarms: float = assumed(25.0, "conditions and alarms of `infra/modules/*/monitoring`")
    metrics: float = assumed(40.0, "Container Insights of one cluster with three services")
    series_per_instance: float = assumed(300.0, "series of `/metrics` of one process")


def reasons() -> list[tuple[str, float, str]]:
    """Each assumption: its name, its value, why."""
    held = Assumptions()
    return [(each.name, getattr(held, each.name), each.metadata["why"]) for each in fields(held)]
