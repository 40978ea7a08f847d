"""A thread's files: on a disk of this machine (or one that is mounted on it), or as blobs."""

from helium.adapters.files.blob_files import BlobFiles
from helium.adapters.files.local import LocalFiles
from helium.adapters.files.rules import FileLimits

__all__ = ["BlobFiles", "FileLimits", "LocalFiles"]
