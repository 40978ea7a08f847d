"""Stores of blobs for tests: in memory, in a folder, on S3, and Google's client on the same server.

gcp-storage-emulator speaks Google's JSON API, and obstore the XML API, of which the emulator has only the
plain upload and download, without the headers that the API promises. Google's XML API is Amazon's with
other names of headers, so moto's server answers Google's client too: all but conditions on generations.
"""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple
from xml.etree import ElementTree

from helium.adapters.blobs import ObjectBlobs, open_blobs
from tests.support.moto_server import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, MotoServer, shared_moto

CHUNK = 64 * 1024
Kind = Literal["memory", "folder", "s3", "google"]
KINDS: tuple[Kind, ...] = ("memory", "folder", "s3", "google")
S3_KEY = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
_XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_numbers = count(1)


class Bucket:
    """A new, empty bucket."""

    def __init__(self, server: MotoServer | None = None) -> None:
        self.address = (server or shared_moto()).url
        self.name = f"bucket{next(_numbers)}"
        region = f"<LocationConstraint>{REGION}</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{region}</CreateBucketConfiguration>".encode()
        request = urllib.request.Request(f"{self.address}/{self.name}", body, method="PUT")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200

    def unfinished(self) -> list[str]:
        """The keys of the multipart uploads that nobody has ended."""
        with urllib.request.urlopen(f"{self.address}/{self.name}?uploads") as answer:
            found = list(ElementTree.fromstring(answer.read()).iter(f"{_XML}Key"))
        return [key.text or "" for key in found]

    def s3(self, timeout_seconds: float = 30.0) -> ObjectBlobs:
        return open_blobs(
            f"s3://{self.name}/a/folder",
            endpoint=self.address,
            region=REGION,
            credentials=S3_KEY,
            timeout_seconds=timeout_seconds,
        )

    def google(self, **credentials: str) -> ObjectBlobs:
        given = credentials or {"bearer_token": "test"}
        return open_blobs(f"gs://{self.name}/a/folder", endpoint=self.address, credentials=given)


def new_store(kind: Kind, folder: Path) -> tuple[ObjectBlobs, Callable[[], list[str]]]:
    """A new, empty store, and a function that tells what unfinished uploads have left in it."""
    match kind:
        case "memory":
            return open_blobs("memory:///"), list
        case "folder":
            root = folder / "made" / "by-the-store"
            return open_blobs(root.as_uri()), lambda: [path.name for path in root.rglob("*#*")]
        case "s3":
            bucket = Bucket()
            return bucket.s3(), bucket.unfinished
        case "google":
            bucket = Bucket()
            return bucket.google(), bucket.unfinished


class Opened(NamedTuple):
    """One empty store."""

    blobs: ObjectBlobs
    unfinished: Callable[[], list[str]]

    async def put(self, key: str, content: bytes = b"x") -> int:
        return await self.blobs.put(key, chunks_of(content))

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        return b"".join([chunk async for chunk in self.blobs.get(key, start=start, end=end)])

    async def keys(self, folder: str = "") -> list[str]:
        return sorted([blob.key async for blob in self.blobs.list(folder)])

    async def nothing_left(self) -> bool:
        return await self.keys() == [] and await asyncio.to_thread(self.unfinished) == []


async def chunks_of(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]
