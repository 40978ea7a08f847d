"""Where the front keeps its entries: bytes by key, and the versions of tags."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

TAG_SECONDS = 24 * 3600.0
"""A tag's version is kept for so long after it was last asked for. No entry lives longer."""


class CacheAway(Exception):
    """The backend failed, or has just failed and is not asked again yet."""


class Found(NamedTuple):
    """What there is under a key at one moment."""

    value: bytes | None
    seconds_left: float
    versions: Mapping[str, str]
    """Of those tags that were asked for and have a version."""


class Backend(Protocol):
    """Keys and tags are names made by `entry.name_of`. Every method raises `CacheAway` for a failure, and
    nothing else.

    A version is random text that never comes back: a tag whose version was lost (evicted, expired) gets
    another one, so an entry that was made under the lost one stays worthless.
    """

    async def read(self, key: str, tags: Sequence[str]) -> Found: ...

    async def write(self, key: str, value: bytes, seconds: float) -> None:
        """Keep the value for `seconds`, at least a millisecond."""
        ...

    async def delete(self, key: str) -> None: ...

    async def versions(self, tags: Sequence[str]) -> Mapping[str, str]:
        """The versions of all these tags, made where there are none."""
        ...

    async def renew(self, tags: Sequence[str]) -> None:
        """Give each tag a version that it never had. Each is one atomic write."""
        ...
