"""Every setting, read from the environment: `HELIUM_PORT`, `HELIUM_DATABASE__POOL_SIZE`, …

Nothing is read at import: whoever starts a process calls `load_settings` and passes values on.
Models and their keys are set by the variables that their providers know (`OPENAI_API_KEY`, …).
"""

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from helium.adapters.embedded_postgres import default_home
from helium.settings.groups import (
    BlobSettings,
    DatabaseSettings,
    ErrorSettings,
    LimitSettings,
    MetricsSettings,
    QueueSettings,
    RedisSettings,
    SecretSettings,
    StreamSettings,
    TraceSettings,
    WorkerSettings,
)

PREFIX = "HELIUM_"
DELIMITER = "__"
# In lower case, without a path, and without the port that the scheme implies.
_ORIGIN = re.compile(r"(?:https(?!.*:443$)|http(?!.*:80$))://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?")


class SettingsInvalid(Exception):
    """One sentence for each setting that cannot be used."""


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
    )

    home: Path = Field(
        default_factory=lambda: default_home(os.environ),
        description="Directory for data: the embedded database, files, the owner's token.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="TCP port to listen on; 0 for any free one."
    )
    environment: Literal["development", "production"] = Field(
        default="development",
        description="In `production` nothing that is convenient but unsafe is permitted.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins of pages on other hosts that may ask this API, such as "
        "`https://app.example.com`, with commas between.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="URL of a PostgreSQL 15 or newer, such as `postgresql://user:password@host/name`; "
        "empty: an embedded one.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="URL of a Redis, such as `redis://host:6379/0` or `rediss://user:password@host/0`; "
        "empty: none, and processes find each other's work by looking.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="Form of log lines; `auto` is `console` on a terminal and `json` elsewhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least weight of the log lines that are written."
    )
    database: DatabaseSettings = Field(default=DatabaseSettings(), description="The database.")
    worker: WorkerSettings = Field(default=WorkerSettings(), description="The execution of runs.")
    stream: StreamSettings = Field(default=StreamSettings(), description="The streams of events.")
    redis: RedisSettings = Field(default=RedisSettings(), description="Redis.")
    queue: QueueSettings = Field(default=QueueSettings(), description="The queue of runs.")
    blobs: BlobSettings = Field(default=BlobSettings(), description="Files and artifacts.")
    secrets: SecretSettings = Field(default=SecretSettings(), description="Secrets.")
    traces: TraceSettings = Field(default=TraceSettings(), description="Traces.")
    errors: ErrorSettings = Field(default=ErrorSettings(), description="Reports of defects.")
    limits: LimitSettings = Field(default=LimitSettings(), description="Limits for everybody and each.")
    metrics: MetricsSettings = Field(default=MetricsSettings(), description="Metrics.")

    @field_validator("home")
    @classmethod
    def absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("cors_origins")
    @classmethod
    def exact(cls, value: str) -> str:
        if "*" in value:
            raise ValueError("must name each origin: * would let every page of the web ask")
        if not all(_ORIGIN.fullmatch(origin) for origin in _listed(value)):
            raise ValueError(
                "should be origins as browsers write them, https://app.example.com, with commas between"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://", "secret:")):
            raise ValueError("Input should start with postgresql://")
        return value

    @property
    def page_origins(self) -> tuple[str, ...]:
        return _listed(self.cors_origins)


def load_settings() -> Settings:
    """The settings of this process's environment.

    Raises `SettingsInvalid` with one sentence per line: the variable and what is wrong with it.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsInvalid("\n".join(_sentences(error))) from None


def variable(*path: str) -> str:
    """The environment variable of a setting: `variable("database", "pool_size")`."""
    return PREFIX + DELIMITER.join(path).upper()


def _listed(value: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in value.split(",") if each.strip())


def _sentences(error: ValidationError) -> list[str]:
    """What is wrong, without the values: one of them may be a password."""
    found: list[str] = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = variable(*(str(part) for part in problem["loc"]))
        wrong = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        unknown = problem["type"] == "extra_forbidden"
        found.append(
            f"{name} is not a setting: see docs/reference/settings.md." if unknown else f"{name} {wrong}."
        )
    return found
