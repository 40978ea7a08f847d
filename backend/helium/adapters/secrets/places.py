"""Which places of secrets this process knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from helium.adapters.secrets.aws import AmazonSource
from helium.adapters.secrets.gcp import GoogleSource
from helium.adapters.secrets.local import EnvironmentSource, FolderSource
from helium.adapters.secrets.reference import Kind
from helium.adapters.secrets.source import Source
from helium.adapters.secrets.store import Secrets
from helium.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where secrets are kept; what is empty is not used. The fields are those of the settings."""

    folder: Path | None = None
    gcp_project: str = ""
    gcp_endpoint: str = ""
    aws_region: str = ""
    aws_endpoint: str = ""


def open_secrets(
    environ: Mapping[str, str],
    clock: Clock,
    places: Places,
    *,
    ttl_seconds: float = 300.0,
    timeout_seconds: float = 5.0,
    learn: Callable[[str], None] = lambda _: None,
) -> Secrets:
    """The secrets of these places, to be entered as an async context manager. Nothing is read, imported
    or connected to before a secret is asked for."""
    sources: dict[Kind, Source] = {"env": EnvironmentSource(environ)}
    if places.folder is not None:
        sources["file"] = FolderSource(places.folder)
    if places.gcp_project:
        sources["gcp"] = GoogleSource(
            places.gcp_project, endpoint=places.gcp_endpoint, timeout_seconds=timeout_seconds
        )
    region = places.aws_region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if region:
        sources["aws"] = AmazonSource(region, endpoint=places.aws_endpoint, timeout_seconds=timeout_seconds)
    return Secrets(
        environ, clock, sources, ttl_seconds=ttl_seconds, timeout_seconds=timeout_seconds, learn=learn
    )
