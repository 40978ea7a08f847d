"""What an object store raises, as errors of ours."""

from collections.abc import Generator
from contextlib import contextmanager

import structlog
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from helium.core.errors import BlobNotFound, BlobsUnavailable

log = structlog.get_logger()

CONFLICTS = (AlreadyExistsError, PreconditionError)
"""Somebody else was quicker. Only conditional calls meet these."""


@contextmanager
def translated(key: str, *, reading: bool = True) -> Generator[None]:
    """Raises `BlobNotFound` or `BlobsUnavailable` for what the store raises within the block.

    Whoever does not read a blob can only miss the bucket itself, and that is no `BlobNotFound`.
    """
    try:
        yield
    except FileNotFoundError as error:
        if reading:
            raise BlobNotFound("There are no bytes under this key.") from error
        log.error("blobs.bucket_missing", key=key)
        raise BlobsUnavailable("The place for files is not there.") from error
    except (BaseError, OSError) as error:
        log.warning("blobs.failed", key=key, error=type(error).__name__)
        raise BlobsUnavailable("The object store does not answer. Try again in a moment.") from error
