"""Large bytes by key: on Google's or Amazon's object stores, in a folder, or in memory."""

from helium.adapters.blobs.object_blobs import ObjectBlobs
from helium.adapters.blobs.opening import open_blobs

__all__ = ["ObjectBlobs", "open_blobs"]
