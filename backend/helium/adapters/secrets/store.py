"""The secrets that variables hold or refer to: cached, renewed before they are old, kept in an outage."""

import asyncio
import contextvars
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

from helium.adapters.secrets.kept import Kept
from helium.adapters.secrets.reference import PREFIX, Kind, Reference, ReferenceInvalid, parse, refers
from helium.adapters.secrets.source import Away, NotThere, Source
from helium.core.errors import SecretsUnavailable
from helium.kit.clock import Clock
from helium.ports import Secret

WHERE: dict[Kind, str] = {
    "file": "HELIUM_SECRETS__FOLDER",
    "gcp": "HELIUM_SECRETS__GCP_PROJECT",
    "aws": "HELIUM_SECRETS__AWS_REGION",
}
"""The variable that says where a place is."""


@dataclass(slots=True)
class Counts:
    """What has happened since the start, for metrics."""

    reads: int = 0
    failures: int = 0


class Secrets:
    """`SecretStore` over the environment and the places that its variables refer to.

    `get` takes a variable's name. `learn` is told each value, e.g. to keep it out of the logs. For one
    event loop; enter it as an async context manager, which ends reads and closes connections.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        clock: Clock,
        sources: Mapping[Kind, Source],
        *,
        ttl_seconds: float = 300.0,
        timeout_seconds: float = 5.0,
        learn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.environ = environ
        self.sources = sources
        self.counts = Counts()
        self._clock = clock
        self._ttl = ttl_seconds
        self._timeout = timeout_seconds
        self._learn = learn
        self._kept: dict[str, Kept] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Secrets":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for source in self.sources.values():
            await source.aclose()

    def check(self, names: Iterable[str]) -> None:
        """Learn the values that these variables hold, and see that references can be used.

        Reads nothing. Raises `ReferenceInvalid` with a line for each variable that is wrong.
        """
        wrong: list[str] = []
        for name in names:
            value = self.environ.get(name, "")
            try:
                if value and self.reference(name, value) is None:
                    self._learn(value.strip())
            except ReferenceInvalid as error:
                wrong.append(str(error))
        if wrong:
            raise ReferenceInvalid("\n".join(wrong))

    def refers(self, name: str) -> bool:
        """Whether this variable's value is kept elsewhere, and so may change."""
        return refers(self.environ.get(name, ""))

    def reference(self, name: str, value: str) -> Reference | None:
        """The reference in a variable's value, or None if it holds the value itself.

        Raises `ReferenceInvalid` if it cannot be read, or if nothing says where its place is.
        """
        reference = parse(name, value)
        if reference is None:
            return None
        if reference.kind not in self.sources:
            raise ReferenceInvalid(
                f"{name} refers to {PREFIX}{reference.kind}: set {WHERE[reference.kind]} for it."
            )
        if reference.kind == "env" and self.refers(reference.name):
            raise ReferenceInvalid(f"{name} refers to {reference.name}, which is a reference itself.")
        return reference

    async def get(self, name: str) -> Secret | None:
        """As in `SecretStore`. What is cached is given without suspending the caller."""
        kept = self._kept.get(name) or self._begun(name)
        if kept is None:
            value = self.environ.get(name)
            return Secret(value, "environment") if value else None
        if self._clock.monotonic() < kept.good_until:
            return kept.secret
        return await self._renewed(kept)

    def invalidate(self, name: str, *, refused: str | None = None) -> None:
        """The value was refused by whom it was shown to: the next `get` asks its place.

        That is done once in 30 s, so that a key which is simply wrong does not become a flood. With
        `refused`, the value that was shown, nothing is done if another one is known by now.
        """
        if kept := self._kept.get(name):
            kept.force(self._clock.monotonic(), refused)

    def under_way(self) -> "frozenset[asyncio.Task[None]]":
        """The reads that have not ended, for those who wait for them."""
        return frozenset(self._tasks)

    async def resolve(self, name: str, given: str) -> str:
        """What a setting holds or refers to, once, e.g. a database's URL, without space around it. Not
        cached.

        Raises `SecretsUnavailable`, or `ReferenceInvalid` if it leads nowhere.
        """
        reference = self.reference(name, given)
        if reference is None:
            self._learn(given)
            return given
        try:
            return (await self.read(reference)).value.strip()
        except NotThere:
            raise ReferenceInvalid(f"{name} refers to a secret that is not there.") from None
        except Away as error:
            raise SecretsUnavailable(f"The secret of {name} cannot be read: {error}.") from None

    async def read(self, reference: Reference) -> Secret:
        """Ask the place, now. Raises `NotThere` or `Away`."""
        self.counts.reads += 1
        try:
            async with asyncio.timeout(self._timeout):
                secret = await self.sources[reference.kind].read(reference)
        except TimeoutError:
            self.counts.failures += 1
            raise Away(f"no answer within {self._timeout:g} s") from None
        except Away:
            self.counts.failures += 1
            raise
        self._learn(secret.value)
        return secret

    def _begun(self, name: str) -> Kept | None:
        """The place of a reference that is asked for the first time; None: it is no reference."""
        try:
            reference = self.reference(name, self.environ.get(name, ""))
        except ReferenceInvalid as error:
            raise SecretsUnavailable(str(error)) from None
        if reference is not None:
            self._kept[name] = Kept(name, reference)
        return self._kept.get(name)

    async def _renewed(self, kept: Kept) -> Secret | None:
        now = self._clock.monotonic()
        if now >= kept.read_from:
            reading = self._reading(kept)
            if now >= kept.wait_from:
                await asyncio.shield(reading)
        if not kept.answered:
            raise SecretsUnavailable(f"The secret of {kept.variable} cannot be read now.")
        return kept.secret

    def _reading(self, kept: Kept) -> "asyncio.Task[None]":
        """The read that is under way, or a new one: many callers, one read."""
        if kept.reading is None:
            # Its own context: what it logs is not of the run that happened to ask.
            kept.reading = asyncio.create_task(self._read(kept), context=contextvars.Context())
            self._tasks.add(kept.reading)
            kept.reading.add_done_callback(self._tasks.discard)
        return kept.reading

    async def _read(self, kept: Kept) -> None:
        task = asyncio.current_task()
        secret = failure = None
        try:
            secret = await self.read(kept.reference)
        except NotThere:
            pass
        except Away as error:
            failure = str(error)
        finally:
            counts = kept.reading is task
            if counts:
                kept.reading = None
        if counts and failure is None:
            kept.keep(secret, self._clock.monotonic(), self._ttl)
        elif counts and failure is not None:
            kept.go_on(failure, self._clock.monotonic(), self._ttl)
