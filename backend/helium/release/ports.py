"""The borders of a release: the cloud that runs Helium, and who knows how many requests fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from helium.release.record import Release


class ReleaseError(Exception):
    """One sentence that says what to do."""


class NotReleasable(ReleaseError):
    """The services are in a state from which no release may begin. Nothing was changed."""


class StepFailed(ReleaseError):
    """The act was answered with no: the release is to be rolled back."""


class CloudAway(ReleaseError):
    """The cloud did not answer in time, or refused for a reason that is not the release's."""


class Locked(ReleaseError):
    """Another release, or another process of this one, is under way."""


class Superseded(ReleaseError):
    """Somebody else took this release over: whoever gets this must do nothing more."""


class Unanswered(Exception):
    """Nobody can say at present how many requests fail. The text says why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where the new revision is reached before it has traffic."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Seen:
    """Requests within a window, and how many of them failed."""

    requests: float
    errors: float


class BurnSource(Protocol):
    async def read(self, names: Mapping[str, str], window_seconds: float) -> Seen:
        """The last `window_seconds`. `names`: what metrics call the candidate (`ReleaseTarget.names`).

        Raises `Unanswered`."""
        ...


class ReleaseTarget(Protocol):
    """The services of one installation. Every act may be repeated, and is over when it returns.

    Acts raise `StepFailed`, `CloudAway` (after retries), and `Superseded` as soon as the stored record is
    held by another. An act that is cancelled may leave its last call under way in the cloud; what is
    called afterwards wins over it.
    """

    async def read(self) -> Release | None:
        """The stored record of the latest release."""
        ...

    async def save(self, release: Release, *, over: Release | None) -> None:
        """Store it if what is stored is still `over`, else raise `Superseded`. Durable on return."""
        ...

    async def survey(self) -> Mapping[str, str]:
        """What each service runs. Raises `NotReleasable` unless all traffic of each is in one place."""
        ...

    async def migrate(self, release: Release) -> None:
        """Run the new image's migration to its end."""
        ...

    async def create(self, release: Release) -> str:
        """Make the new revision, without traffic; its name, when it is ready."""
        ...

    async def candidate(self, release: Release) -> Candidate: ...

    async def names(self, release: Release) -> Mapping[str, str]:
        """What metrics call the new revision."""
        ...

    async def shift(self, release: Release, percent: int) -> None:
        """Give the new revision this share of the traffic, the old one the rest."""
        ...

    async def verify(self, release: Release, percent: int) -> None:
        """Raise `StepFailed` if the split is no longer this one."""
        ...

    async def promote(self, release: Release) -> None:
        """Bring the other services to the image, and end what the first one still has of the old."""
        ...

    async def restore(self, release: Release) -> None:
        """Bring every service back to what it ran before, from wherever the release is."""
        ...
