"""What a release is told by the environment: `HELIUM_RELEASE_PROJECT`, `HELIUM_RELEASE_STAGES`, …

Options of the commands win over these. A process of Helium itself reads none of them.
"""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from helium.release.burn_prometheus import ERRORS, REQUESTS

Cloud = Literal["gcp", "aws"]
Source = Literal["cloud", "prometheus"]
PREFIX = "HELIUM_RELEASE_"
GCP_NAMES = {"api": "helium-backend", "stream": "helium-stream", "worker": "helium-worker"}


class ReleaseOptions(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    cloud: Cloud = Field(default="gcp", description="Which cloud.")
    service: str = Field(default="api", description="The role whose traffic is shifted gradually.")
    also: str = Field(
        default="stream,worker", description="Roles that get the image after that one; empty: none."
    )
    names: str = Field(
        default="",
        description="Names of services that are not the default: `api=my-backend,worker=my-worker`.",
    )
    project: str = Field(default="", description="Google Cloud: the project.")
    region: str = Field(default="", description="The region.")
    migration: str = Field(
        default="", description="Google Cloud: the migration; empty: the service's name and `-migrate`."
    )
    cluster: str = Field(
        default="", description="Amazon: the ECS cluster. Services are `<cluster>-<role>`."
    )
    state: str = Field(default="", description="Amazon: where the record lies, `s3://bucket/folder`.")
    url: str = Field(default="", description="Amazon: address whose test rule leads to the new revision.")
    header: str = Field(
        default="x-helium-release: candidate",
        description="Amazon: the header that the test rule looks for.",
    )
    token: SecretStr = Field(default=SecretStr(""), description="API key for the smoke test's run.")
    smoke_model: str = Field(default="offline:demo", description="Who answers the smoke test.")
    smoke_seconds: float = Field(default=120.0, ge=0, description="For how long an answer is waited for.")
    stages: str = Field(
        default="5,25,50,100", description="Percent of the traffic, one stage after the other."
    )
    soak_seconds: float = Field(default=300.0, ge=0, description="Seconds at each stage.")
    poll_seconds: float = Field(
        default=15.0, gt=0, description="Seconds between two looks at the burn rate."
    )
    objective: float = Field(default=99.9, description="Percent of the requests that must not fail.")
    most_burn: float = Field(default=14.4, gt=0, description="Times too fast that the budget may burn.")
    least_requests: int = Field(default=60, ge=1, description="Requests under which a share says nothing.")
    patience_seconds: float = Field(
        default=300.0, ge=0, description="For how long a burn rate that cannot be read is waited for."
    )
    source: Source = Field(
        default="cloud", description="Who counts: the cloud's own metrics, or Prometheus."
    )
    prometheus_url: str = Field(default="", description="Prometheus's address.")
    prometheus_token: SecretStr = Field(
        default=SecretStr(""), description="Its bearer token, if it has one."
    )
    prometheus_requests: str = Field(default=REQUESTS, description="Query for the number of requests.")
    prometheus_errors: str = Field(default=ERRORS, description="Query for the number of errors.")
    lock_seconds: float = Field(
        default=180.0, gt=0, description="After so long a dead releaser's lock ends."
    )
    cloud_patience_seconds: float = Field(
        default=120.0, ge=0, description="For how long a cloud that answers 429 or 5xx is asked again."
    )
    wait_seconds: float = Field(
        default=3.0, gt=0, description="Seconds between two looks at the cloud's work."
    )
    endpoint: str = Field(default="", description="Another server than the cloud's: for tests.")

    def roles(self) -> list[str]:
        """The role that is shifted, then the others."""
        others = [role for each in self.also.split(",") if (role := each.strip())]
        return [self.service, *(role for role in others if role != self.service)]

    def services(self) -> dict[str, str]:
        """Name by role."""
        given = dict(pair.strip().split("=", 1) for pair in self.names.split(",") if "=" in pair)
        default = GCP_NAMES if self.cloud == "gcp" else {}
        return {
            role: given.get(role) or default.get(role) or f"{self.cluster or 'helium'}-{role}"
            for role in self.roles()
        }


def asked_for(name: str) -> str:
    """What is said to somebody who has not given this option."""
    return f"Set {PREFIX}{name.upper()}. {ReleaseOptions.model_fields[name].description}"
