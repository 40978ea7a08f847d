"""A cache: whatever is in it can be computed again, and may be forgotten at any time (I7)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol


class Cache(Protocol):
    """JSON values by key, for a while. No method raises for its backend: a backend that fails is a
    miss, logged once as a failure (not as a miss) and counted."""

    async def get(self, key: str) -> Any | None:
        """The value, or None if there is none, it is too old, or the backend failed."""
        ...

    async def set(self, key: str, value: Any, ttl_seconds: float, *, tags: Sequence[str] = ()) -> None:
        """Keep a JSON value for at most `ttl_seconds`, until one of its tags is invalidated."""
        ...

    async def get_or_compute(
        self,
        key: str,
        compute: Callable[[], Awaitable[Any]],
        ttl_seconds: float,
        *,
        stale_seconds: float = 0.0,
        tags: Sequence[str] = (),
    ) -> Any:
        """The cached value, or a computed one. Many callers at once in one process compute once.

        For `stale_seconds` after its TTL an old value is still given at once, while one caller's task
        computes the new one. What `compute` raises is raised to all who wait for it and is not cached;
        during the stale time it is logged and the old value is given.
        """
        ...

    async def delete(self, key: str) -> None: ...

    async def invalidate(self, tag: str) -> None:
        """Forget every value with this tag, in all processes that share the backend."""
        ...
