"""`ReleaseTarget` on Cloud Run, by the Admin API v2.

The record is an annotation of the service whose traffic is shifted, so one etag guards both: whoever was
superseded can change nothing. The split is by revisions' names, never "latest".
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from helium.kit.clock import Clock
from helium.release import cloud_run_bodies as bodies
from helium.release.cloud_run_bodies import LABEL, RECORD, Json, last, tag
from helium.release.google import CONFLICT, GoogleApi, Refused
from helium.release.ports import Candidate, CloudAway, NotReleasable, ReleaseError, StepFailed, Superseded
from helium.release.record import Release, decode, encode

TRIES = 20
"""Conflicts in a row after which nobody is expected to win."""
Change = Callable[[Json], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRunPlace:
    """Where the services are. `services`: name by role, first the one whose traffic is shifted."""

    project: str
    region: str
    services: Mapping[str, str]
    migration: str
    endpoint: str
    poll_seconds: float = 2.0
    act_seconds: float = 1800.0
    """For how long one operation of Google's is waited for; a migration has twice as long."""

    @property
    def parent(self) -> str:
        return f"{self.endpoint}/v2/projects/{self.project}/locations/{self.region}"


class CloudRun:
    def __init__(self, api: GoogleApi, place: CloudRunPlace, clock: Clock, *, shifted: str) -> None:
        self._api = api
        self._place = place
        self._clock = clock
        self._shifted = shifted

    async def read(self) -> Release | None:
        return _record(await self._service(self._shifted))

    async def save(self, release: Release, *, over: Release | None) -> None:
        text = encode(release).decode()
        for _ in range(TRIES):
            service = await self._service(self._shifted)
            stored = _record(service)
            if stored == release:
                return  # an earlier try was carried out, and its answer lost
            if stored != over:
                raise Superseded(_elsewhere(stored))
            service["annotations"] = {**service.get("annotations", {}), RECORD: text}
            if await self._patch(self._url(self._shifted), service) is not None:
                return
        raise CloudAway("the service is changed again and again by others: find out by whom")

    async def survey(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for role, name in self._place.services.items():
            service = await self._service(role)
            split = bodies.serving(service)
            if len(split) != 1 or list(split.values()) != [100] or not all(split):
                said = ", ".join(f"{percent} % on {revision}" for revision, percent in split.items())
                raise NotReleasable(
                    f"The traffic of {name} is split ({said}): bring all of it to one revision first."
                )
            if service.get("reconciling"):
                raise NotReleasable(f"{name} is being changed just now: try again when that is over.")
            found[role] = next(iter(split))
        await self._get(f"{self._place.parent}/jobs/{self._place.migration}")
        return found

    async def migrate(self, release: Release) -> None:
        url = f"{self._place.parent}/jobs/{self._place.migration}"
        for _ in range(TRIES):
            await self._own(release)
            found = await self._get(url)
            bodies.container(found["template"]["template"])["image"] = release.image
            if (operation := await self._patch(url, found)) is not None:
                await self._over(operation)
                break
        started = await self._changed("POST", f"{url}:run", {})
        execution = await self._over(started, seconds=2 * self._place.act_seconds)
        if execution.get("failedCount", 0) or not execution.get("succeededCount", 0):
            raise StepFailed(f"The migration {last(execution.get('name', ''))} failed: see its log.")

    async def create(self, release: Release) -> str:
        return await self._made(release, self._shifted, tagged=True)

    async def candidate(self, release: Release) -> Candidate:
        service = await self._service(self._shifted)
        url = bodies.tagged_url(service, tag(release.id))
        if not url:
            raise StepFailed(
                "The new revision has no address of its own any more: somebody removed its tag."
            )
        return Candidate(url)

    async def names(self, release: Release) -> Mapping[str, str]:
        return {"service": self._place.services[self._shifted], "revision": release.candidate}

    async def shift(self, release: Release, percent: int) -> None:
        split = {release.before[self._shifted]: 100 - percent, release.candidate: percent}
        await self._split(release, self._shifted, split, {tag(release.id): release.candidate})

    async def verify(self, release: Release, percent: int) -> None:
        service = await self._service(self._shifted)
        expected = {release.before[self._shifted]: 100 - percent, release.candidate: percent}
        if bodies.serving(service) != {name: share for name, share in expected.items() if share}:
            raise StepFailed("Somebody else changed the traffic: find out who, and begin again.")

    async def promote(self, release: Release) -> None:
        for role in self._place.services:
            if role != self._shifted:
                made = await self._made(release, role, tagged=False)
                await self._split(release, role, {made: 100}, {})
        await self._split(release, self._shifted, {release.candidate: 100}, {})

    async def restore(self, release: Release) -> None:
        for role, revision in release.before.items():
            await self._split(release, role, {revision: 100}, {})

    async def _made(self, release: Release, role: str, *, tagged: bool) -> str:
        """The name of this release's revision of a service, ready and without traffic."""
        old = release.before[role]

        def give(service: Json) -> None:
            bodies.give_image(service, release.image, release.id)
            service["traffic"] = bodies.traffic({old: 100}, {}, bodies.foreign_tags(service))

        service = await self._service(role)
        if service["template"].get("labels", {}).get(LABEL) != release.id:
            await self._mutate(release, role, give)
        made = await self._ready(release, role)
        if tagged:
            await self._split(release, role, {old: 100}, {tag(release.id): made})
        return made

    async def _ready(self, release: Release, role: str) -> str:
        deadline = self._clock.monotonic() + self._place.act_seconds
        while True:
            service = await self._service(role)
            created = last(service.get("latestCreatedRevision", ""))
            if not service.get("reconciling"):
                break
            if self._clock.monotonic() >= deadline:
                raise StepFailed(f"The revision {created} does not become ready: see its log.")
            await self._clock.sleep(self._place.poll_seconds)
        if created != last(service.get("latestReadyRevision", "")):
            raise StepFailed(f"The revision {created} did not become ready: see its log.")
        revision = await self._get(f"{self._url(role)}/revisions/{created}")
        if revision.get("labels", {}).get(LABEL) != release.id or _image(revision) != release.image:
            raise StepFailed(f"Somebody else made the revision {created} meanwhile: begin again.")
        return created

    async def _split(
        self, release: Release, role: str, split: Mapping[str, int], tags: Mapping[str, str]
    ) -> None:
        """Ask for a split, and wait until traffic flows so."""
        wanted = {name: percent for name, percent in split.items() if percent}

        def give(service: Json) -> None:
            service["traffic"] = bodies.traffic(wanted, tags, bodies.foreign_tags(service))

        await self._mutate(release, role, give)
        deadline = self._clock.monotonic() + self._place.act_seconds
        while True:
            service = await self._service(role)
            tagged = all(bodies.tagged_url(service, each) for each in tags)
            if bodies.in_force(service) == wanted and tagged:
                return
            if self._clock.monotonic() >= deadline:
                raise StepFailed(f"The traffic of {self._place.services[role]} does not shift.")
            await self._clock.sleep(self._place.poll_seconds)

    async def _mutate(self, release: Release, role: str, change: Change) -> None:
        """Change a service as the holder of the release. A conflict is another try."""
        for _ in range(TRIES):
            service = await self._own(release) if role == self._shifted else await self._service(role)
            if role != self._shifted:
                await self._own(release)
            before = json.dumps(service, sort_keys=True)
            change(service)
            if json.dumps(service, sort_keys=True) == before:
                return
            if (operation := await self._patch(self._url(role), service)) is not None:
                await self._over(operation)
                return
        raise CloudAway("the service is changed again and again by others: find out by whom")

    async def _own(self, release: Release) -> Json:
        """The shifted service, on which this process still holds the release."""
        service = await self._service(self._shifted)
        stored = _record(service)
        if stored is None or (stored.id, stored.holder) != (release.id, release.holder):
            raise Superseded(_elsewhere(stored))
        return service

    async def _patch(self, url: str, body: Json) -> Json | None:
        """None if it was changed since it was read."""
        try:
            return await self._changed("PATCH", url, body)
        except Refused as error:
            if error.status == CONFLICT:
                return None
            raise

    async def _changed(self, method: str, url: str, body: Mapping[str, Any]) -> Json:
        try:
            return await self._api.change(method, url, body)
        except Refused as error:
            if error.status == CONFLICT and method == "PATCH":
                raise
            raise _translated(error, url) from error

    async def _over(self, operation: Json, *, seconds: float | None = None) -> Json:
        """What a long-running operation came to."""
        deadline = self._clock.monotonic() + (seconds or self._place.act_seconds)
        while not operation.get("done"):
            if self._clock.monotonic() >= deadline:
                raise StepFailed(f"The operation {last(operation['name'])} does not end: look at it.")
            await self._clock.sleep(self._place.poll_seconds)
            operation = await self._get(f"{self._place.endpoint}/v2/{operation['name']}")
        if error := operation.get("error"):
            raise StepFailed(f"Google says: {error.get('message', 'the operation failed')}")
        return operation.get("response", {})

    async def _service(self, role: str) -> Json:
        return await self._get(self._url(role))

    async def _get(self, url: str) -> Json:
        try:
            return await self._api.get(url)
        except Refused as error:
            raise _translated(error, url) from error

    def _url(self, role: str) -> str:
        return f"{self._place.parent}/services/{self._place.services[role]}"


def _record(service: Mapping[str, Any]) -> Release | None:
    text = service.get("annotations", {}).get(RECORD)
    if not text:
        return None
    try:
        return decode(text)
    except ValueError:
        raise NotReleasable(
            f"The annotation {RECORD} is no record that this version knows: use the one that wrote it."
        ) from None


def _image(revision: Mapping[str, Any]) -> str:
    return str(bodies.container(revision)["image"])


def _elsewhere(stored: Release | None) -> str:
    if stored is None:
        return "The release's record is gone: somebody removed it."
    return f"Another process took over the release {stored.id}: this one ends."


def _translated(error: Refused, url: str) -> ReleaseError:
    what = "/".join(url.split("/")[-2:])
    if error.status in {401, 403}:
        return CloudAway(f"you may not use {what}: give the caller roles/run.developer")
    if error.status == 404:
        return NotReleasable(f"There is no {what}: apply the infrastructure first, or check the names.")
    return StepFailed(f"Google refuses {what}: {error}")
