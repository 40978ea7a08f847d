"""A thread's files on a disk of this machine (or one that is mounted on it)."""

from helium.adapters.files.local import LocalFiles
from helium.adapters.files.rules import FileLimits

__all__ = ["FileLimits", "LocalFiles"]
