"""The groups of settings, each a page of one part: `HELIUM_<GROUP>__<NAME>`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Group):
    pool_size: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Connections that each process keeps to the database, at most.",
    )
    processes: int = Field(
        default=1,
        ge=1,
        description="Processes of Helium on all hosts together, at most: whether their connections fit the "
        "database is checked at the start.",
    )
    pooler: bool = Field(
        default=False,
        description="Whether the URL leads to a transaction-mode pooler (PgBouncer, Supabase's port 6543). "
        "Prepared statements are then not used.",
    )
    statement_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Seconds after which the database gives up on a statement."
    )
    connect_timeout_seconds: float = Field(
        default=5.0, gt=0, description="Seconds to wait for a new connection to the database."
    )


class WorkerSettings(Group):
    slots: int = Field(default=1000, ge=1, description="Runs that one worker executes at once.")
    port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="TCP port on which a worker or sweeper answers `/api/health`, `/api/ready` and the "
        "pushes of Cloud Tasks; empty: none.",
    )
    lease_ttl_seconds: float = Field(
        default=3.0,
        gt=0,
        description="Seconds for which a silent worker holds its runs; then others take them over.",
    )
    poll_seconds: float = Field(
        default=0.5, gt=0, description="Seconds between two looks for due runs when no bell rings."
    )
    sweep_seconds: float = Field(
        default=0.5, gt=0, description="Seconds between two looks for runs whose worker is gone."
    )
    slice_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Seconds after which a run is handed over at its next step boundary; empty: never.",
    )
    max_attempts_without_progress: int = Field(
        default=4, ge=1, description="Attempts in a row without a recorded step after which a run fails."
    )
    stuck_loop_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Seconds an event loop may stand still before its runs are given up.",
    )
    step_timeout_seconds: float = Field(
        default=600.0, gt=0, description="Seconds that one model call or tool call may take."
    )
    drain_seconds: float = Field(
        default=4.0,
        ge=0,
        description="Seconds that runs have to reach a step boundary when a process ends.",
    )
    model_tries: int = Field(
        default=4, ge=1, description="Tries of one model call, the first included, before the run fails."
    )


class StreamSettings(Group):
    gather_seconds: float = Field(
        default=0.04,
        ge=0,
        le=1,
        description="Seconds for which tokens are gathered before they are stored.",
    )
    heartbeat_seconds: float = Field(
        default=15.0, gt=0, description="Seconds of silence after which a viewer is sent a sign of life."
    )
    poll_seconds: float = Field(
        default=0.1, gt=0, description="Seconds between two looks for events that another process wrote."
    )
    max_connection_seconds: float = Field(
        default=600.0, gt=0, description="Seconds after which a viewer is asked to connect again."
    )
    viewer_buffer_events: int = Field(
        default=256, ge=1, description="Events kept for a slow viewer before it reads the database again."
    )


class RedisSettings(Group):
    prefix: str = Field(
        default="helium",
        pattern=r"^[a-z0-9_-]{1,40}$",
        description="What every key and channel begins with; installations on one server differ in it.",
    )
    timeout_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Seconds after which Redis counts as away; Helium then goes on without it.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="Certificates to trust with a `rediss://` URL; empty: the system's.",
    )


class QueueSettings(Group):
    kind: Literal["local", "dramatiq", "cloud_tasks", "sqs"] = Field(
        default="local",
        description="How workers learn of runs: `local` (they look into PostgreSQL, and Redis rings if it "
        "is there), `dramatiq` (on Redis), `cloud_tasks` (Google), `sqs` (Amazon).",
    )
    name: str = Field(default="agent-processing", description="The queue's name.")
    concurrency: int = Field(
        default=100, ge=1, le=5000, description="Messages that one worker works on at once."
    )
    overdue_seconds: float = Field(
        default=5.0,
        gt=0,
        description="Seconds after which a worker takes a due run that its queue did not deliver.",
    )
    max_deliveries: int = Field(
        default=20,
        ge=1,
        description="Deliveries of one message that leads to nothing, after which it is dead.",
    )
    dead_man_bell: bool = Field(
        default=True,
        description="Whether each claim leaves a delayed message behind, for the case that its worker "
        "dies and no other process looks.",
    )
    gcp_project: str = Field(default="", description="Cloud Tasks: the project.")
    gcp_location: str = Field(default="", description="Cloud Tasks: the location, such as `europe-west1`.")
    gcp_endpoint: str = Field(
        default="", description="Cloud Tasks: address of another server than Google's, for tests."
    )
    push_url: str = Field(
        default="",
        description="Cloud Tasks: the worker service's address, `https://…`; tasks are pushed to it, and "
        "it is the audience of their tokens.",
    )
    push_account: str = Field(
        default="", description="Cloud Tasks: the service account whose tokens the worker accepts."
    )
    push_keys_url: str = Field(
        default="https://www.googleapis.com/oauth2/v3/certs",
        description="Cloud Tasks: where the keys are that sign those tokens.",
    )
    push_seconds: float = Field(
        default=1500.0,
        gt=0,
        le=1800,
        description="Cloud Tasks: seconds that one push may take (their limit: 30 minutes).",
    )
    aws_region: str = Field(default="", description="SQS: the region; empty: as the AWS tools find it.")
    aws_endpoint: str = Field(
        default="", description="SQS: address of another server than Amazon's, for tests."
    )
    sqs_url: str = Field(
        default="", description="SQS: the queue's URL; empty: looked up by the queue's name."
    )
    visibility_seconds: int = Field(
        default=60,
        ge=5,
        le=43200,
        description="SQS: seconds for which a message that is worked on stays hidden; renewed meanwhile.",
    )


class BlobSettings(Group):
    url: str = Field(
        default="",
        description="Where files are kept: `gs://bucket/folder`, `s3://bucket/folder` or `file:///folder`; "
        "empty: a folder in HELIUM_HOME, which only processes of this machine share.",
    )
    endpoint: str = Field(
        default="", description="Address of another object store than Google's or Amazon's."
    )
    region: str = Field(default="", description="The bucket's region, for S3.")
    max_bytes: int = Field(
        default=512 * 1024 * 1024, ge=1, description="Bytes that one uploaded file may have."
    )
    workspace_bytes: int = Field(
        default=50 * 1024**3, ge=1, description="Bytes that the files of one workspace may have in all."
    )
    expire_days: float = Field(
        default=0.0,
        ge=0,
        description="Days after which an uploaded file is deleted unless it says otherwise; 0: never.",
    )
    link_seconds: int = Field(
        default=900, ge=1, le=604800, description="Seconds for which a signed link to a file works."
    )


class SecretSettings(Group):
    ttl_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Seconds for which a secret is used before it is read again, a tenth more or less.",
    )
    timeout_seconds: float = Field(
        default=5.0, gt=0, description="Seconds to wait for the place that keeps a secret."
    )
    gcp_project: str = Field(default="", description="Google Secret Manager: the project.")
    gcp_endpoint: str = Field(
        default="", description="Secret Manager: address of another server than Google's, for tests."
    )
    aws_region: str = Field(default="", description="AWS Secrets Manager: the region.")
    aws_endpoint: str = Field(
        default="", description="Secrets Manager: address of another server than Amazon's, for tests."
    )
    folder: Path | None = Field(
        default=None,
        description="Folder with a file for each secret, such as one that Kubernetes or Docker mounts.",
    )


class TraceSettings(Group):
    endpoint: str = Field(
        default="",
        description="Address to which traces are sent by OTLP over HTTP, such as `http://collector:4318`; "
        "empty: that of OTEL_EXPORTER_OTLP_ENDPOINT, and without it none are made.",
    )
    ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of the runs whose traces are kept; empty: 0.05 in production, else all. "
        "Attempts that fail or take over a lost one are kept in any case.",
    )


class ErrorSettings(Group):
    dsn: SecretStr | None = Field(
        default=None,
        description="DSN of a Sentry project, `https://key@host/project`, to which defects are reported; "
        "empty: that of SENTRY_DSN, and without it none are.",
    )
    release: str = Field(
        default="", description="Name of what is installed, for traces and reports; empty: its version."
    )


class LimitSettings(Group):
    queued_per_workspace: int = Field(
        default=10_000, ge=1, description="Runs of one workspace that may wait; more get 429."
    )
    queued: int = Field(default=100_000, ge=1, description="Runs that may wait in all; more get 429.")
    running_per_workspace: int = Field(
        default=5_000, ge=1, description="Runs of one workspace that are executed at once; more wait."
    )
    running: int = Field(
        default=100_000, ge=1, description="Runs that are executed at once in all; more wait."
    )
    requests_per_minute: int = Field(
        default=0, ge=0, description="Requests that one key may send in a minute; 0: any number."
    )


class MetricsSettings(Group):
    port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="TCP port that answers `/metrics` and nothing else, for the network of the monitoring; "
        "empty: none. Needed where several processes share one address (`helium up --processes`).",
    )
    host: str = Field(default="", description="Address of that port; empty: that of HELIUM_HOST.")
    token: SecretStr | None = Field(
        default=None,
        description="Bearer token that `/metrics` asks for, on every port. Without it the main port "
        "answers in development only, and only this machine.",
    )
    models: str = Field(
        default="",
        description="Models, such as `openai:gpt-5`, with commas between, whose tokens and cost are "
        "counted by name; all others are counted as `other`, by provider.",
    )

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.models.split(",") if name.strip())
