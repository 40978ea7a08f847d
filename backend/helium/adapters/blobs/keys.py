"""What a blob's key may be. Keys are ours: a bad one is a defect of the caller, never a user's mistake."""

import re

MAX_KEY_CHARACTERS = 900  # S3 and Google take 1,024 bytes, the folder in the bucket included

_KEY = re.compile(r"[a-z0-9_.-]+(?:/[a-z0-9_.-]+)*")


def checked_key(key: str) -> str:
    """The key itself. Raises `ValueError` for one that could mean another place or that no store takes."""
    if (
        len(key) > MAX_KEY_CHARACTERS
        or not _KEY.fullmatch(key)
        or not {".", ".."}.isdisjoint(key.split("/"))
    ):
        raise ValueError(f"{key[:80]!r} cannot be a blob's key.")
    return key


def checked_folder(prefix: str) -> str | None:
    """A folder to list, None for all. Raises `ValueError` like `checked_key`."""
    return checked_key(prefix.removesuffix("/")) if prefix else None
