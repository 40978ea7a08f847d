"""The record in S3, by compare-and-set: `If-Match` with the ETag that was read, `If-None-Match` at first.

ECS itself has nothing that could be compared and set.
"""

from typing import Any

from helium.release.amazon import AmazonApi, Refused
from helium.release.ports import CloudAway, NotReleasable, Superseded
from helium.release.record import Release, decode, encode

TRIES = 5
_NONE = {"NoSuchKey", "404"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


class S3Record:
    def __init__(self, api: AmazonApi, *, bucket: str, key: str) -> None:
        self._api = api
        self._place = {"Bucket": bucket, "Key": key}

    async def read(self) -> Release | None:
        return (await self._read())[0]

    async def save(self, release: Release, *, over: Release | None) -> None:
        """Store it if what is stored is still `over`. Raises `Superseded`."""
        for _ in range(TRIES):
            stored, etag = await self._read()
            if stored == release:
                return  # an earlier try was carried out, and its answer lost
            if stored != over:
                raise Superseded(elsewhere(stored))
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                await self._api.change("put_object", **self._place, Body=encode(release), **condition)
                return
            except Refused as error:
                if error.code not in _CHANGED:
                    raise CloudAway(
                        f"the record cannot be stored in {self._place['Bucket']}: {error}"
                    ) from error
        raise CloudAway("the record is changed again and again by others: find out by whom")

    async def _read(self) -> tuple[Release | None, str]:
        try:
            answer: Any = await self._api.ask("get_object", **self._place)
        except Refused as error:
            if error.code in _NONE:
                return None, ""
            raise NotReleasable(
                f"The bucket {self._place['Bucket']} cannot be read ({error.code}): check --state."
            ) from error
        async with answer["Body"] as body:
            text: bytes = await body.read()
        try:
            return decode(text), answer["ETag"]
        except ValueError:
            raise NotReleasable(
                f"{self._place['Key']} is no record that this version knows: use the one that wrote it."
            ) from None


def elsewhere(stored: Release | None) -> str:
    if stored is None:
        return "The release's record is gone: somebody removed it."
    return f"Another process took over the release {stored.id}: this one ends."
