"""From a URL to a store of blobs."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from obstore.store import GCSStore, LocalStore, MemoryStore, S3Store

from helium.adapters.blobs.folder import LocalFolder
from helium.adapters.blobs.object_blobs import ObjectBlobs

CONNECT_SECONDS = 5.0
RETRIES = 3


def open_blobs(
    url: str,
    *,
    endpoint: str = "",
    region: str = "",
    credentials: Mapping[str, str] | None = None,
    timeout_seconds: float = 30.0,
) -> ObjectBlobs:
    """The store at `gs://bucket/folder`, `s3://bucket/folder`, `file:///folder` or `memory:///`.

    It makes a folder that is not there, so it blocks for a moment; a bucket must exist, and is not
    looked for. `endpoint` is the address of another server than Google's or Amazon's. Without
    `credentials` (obstore's names, such as `access_key_id` or `service_account_key`) they are found in
    the environment: variables, the machine's or the pod's role, Google's application default. A request
    that gets no answer fails within twice `timeout_seconds`. Raises `ValueError` for another URL.
    """
    parts = urlsplit(url)
    config = {**(credentials or {})}
    match parts:
        case SplitResult(scheme="memory", netloc=""):
            return ObjectBlobs(MemoryStore())
        case SplitResult(scheme="file", netloc="", path=path) if path.strip("/"):
            root = Path(unquote(path))
            folder = LocalFolder(root)
            return ObjectBlobs(LocalStore(root), folder)
        case SplitResult(scheme="gs", netloc=bucket) if bucket:
            config |= {"base_url": endpoint} if endpoint else {}
            return ObjectBlobs(GCSStore(bucket, **_options(parts, config, timeout_seconds)))
        case SplitResult(scheme="s3", netloc=bucket) if bucket:
            config |= {"endpoint": endpoint} if endpoint else {}
            config |= {"region": region} if region else {}
            return ObjectBlobs(S3Store(bucket, **_options(parts, config, timeout_seconds)))
        case _:
            raise ValueError("Blobs are kept at gs://bucket/folder, s3://bucket/folder or file:///folder.")


def _options(parts: SplitResult, config: dict[str, str], timeout_seconds: float) -> dict[str, Any]:
    timeout = timedelta(seconds=timeout_seconds)
    endpoint = config.get("base_url") or config.get("endpoint") or ""
    return {
        "prefix": parts.path.strip("/") or None,
        "config": config,
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, timeout_seconds)),
            "timeout": timeout,
        },
        "retry_config": {"max_retries": RETRIES, "retry_timeout": timeout},
    }
