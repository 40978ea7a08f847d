"""Putting the adapter together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from helium.adapters.cloud_tasks.bell import WAIT_SECONDS, CloudTasksBell
from helium.adapters.cloud_tasks.push import PushRoute
from helium.adapters.cloud_tasks.queue import MOST_DEADLINE_SECONDS, Place, PushQueue, Target
from helium.kit.clock import Clock
from helium.ports import Execute

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

DEAD = "-dead"
PUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudTasks:
    """Both ends of one queue."""

    bell: CloudTasksBell
    queue: PushQueue
    dead: PushQueue
    target: Target
    clock: Clock

    def route(self, execute: Execute, keys_url: str) -> PushRoute:
        """What the worker's port serves."""
        from helium.adapters.cloud_tasks.oidc import OidcVerifier  # with cryptography: receivers only

        verifier = OidcVerifier(keys_url, self.target.url, self.target.account, self.clock)
        seconds = min(self.target.seconds, MOST_DEADLINE_SECONDS)
        return PushRoute(execute, verifier, self.queue, self.dead, seconds=seconds)


@asynccontextmanager
async def open_cloud_tasks(
    place: Place,
    target: Target,
    clock: Clock,
    *,
    production: bool,
    put_seconds: float = PUT_SECONDS,
    wait_seconds: float = WAIT_SECONDS,
) -> AsyncGenerator[CloudTasks]:
    """The queue at `place`, and `<name>-dead` beside it; both must be there.

    Args:
        production: refuse an endpoint of tests and a target without TLS.
        put_seconds: the most that creating one task takes, its second try included.
        wait_seconds: the most that a ring waits for its tasks to be created.

    Raises `ValueError` for a place or target that cannot be used, and what `google.auth` raises where
    there are no credentials.
    """
    _check(place, target, production)
    credentials = await asyncio.to_thread(_prepare, place.endpoint)
    from helium.adapters.cloud_tasks import google  # imported by now

    async with google.open_client(place.endpoint, credentials) as client:

        def queue(at: Place) -> PushQueue:
            return google.GoogleQueue(client, at, target, clock, seconds=put_seconds)

        alive, dead = queue(place), queue(replace(place, name=place.name + DEAD))
        bell = CloudTasksBell(alive, wait_seconds=wait_seconds)
        try:
            yield CloudTasks(bell=bell, queue=alive, dead=dead, target=target, clock=clock)
        finally:
            await bell.close()


def _check(place: Place, target: Target, production: bool) -> None:
    if not (place.project and place.location and place.name and target.url and target.account):
        raise ValueError(
            "Cloud Tasks needs HELIUM_QUEUE__GCP_PROJECT, HELIUM_QUEUE__GCP_LOCATION, HELIUM_QUEUE__NAME, "
            "HELIUM_QUEUE__PUSH_URL and HELIUM_QUEUE__PUSH_ACCOUNT."
        )
    if production and place.endpoint:
        raise ValueError("HELIUM_QUEUE__GCP_ENDPOINT is for tests: leave it empty in production.")
    if production and not target.url.startswith("https://"):
        raise ValueError("HELIUM_QUEUE__PUSH_URL must start with https:// in production.")


def _prepare(endpoint: str) -> "Credentials | None":
    """Blocks: the import takes a tenth of a second and more, credentials are read from files."""
    from helium.adapters.cloud_tasks import google

    return None if endpoint else google.find_credentials()
