"""What the Cloud Run Admin API v2 calls things: pure functions of its JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

BY_NAME = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
RECORD = "helium/release"
"""Annotation of the service: the record of its latest release."""
LABEL = "helium-release"
"""Label of a revision: the release that made it."""
CONTAINER = "helium"

Json = dict[str, Any]


def tag(release_id: str) -> str:
    """What the new revision is reached by: a part of a host's name."""
    return f"c-{release_id}"


def last(name: str) -> str:
    return name.rpartition("/")[2]


def serving(service: Mapping[str, Any]) -> dict[str, int]:
    """Percent of the traffic by revision, as it is asked for."""
    found: dict[str, int] = {}
    latest = last(service.get("latestReadyRevision", ""))
    entries: list[Json] = service.get("traffic") or [{"type": LATEST, "percent": 100}]
    for entry in entries:
        revision = entry.get("revision", "") if entry.get("type") == BY_NAME else latest
        if entry.get("percent", 0):
            found[revision] = found.get(revision, 0) + entry["percent"]
    return found


def in_force(service: Mapping[str, Any]) -> dict[str, int]:
    """Percent of the traffic by revision, as it flows."""
    found: dict[str, int] = {}
    for entry in service.get("trafficStatuses", []):
        if entry.get("percent", 0):
            revision = last(entry.get("revision", ""))
            found[revision] = found.get(revision, 0) + entry["percent"]
    return found


def traffic(split: Mapping[str, int], tags: Mapping[str, str], foreign: Sequence[Json]) -> list[Json]:
    """A split by name. `tags`: name of the revision by tag; `foreign`: tags of others, without traffic."""
    entries: list[Json] = [
        {"type": BY_NAME, "revision": name, "percent": percent}
        for name, percent in split.items()
        if percent
    ]
    entries += [{"type": BY_NAME, "revision": name, "tag": each} for each, name in tags.items()]
    return [*entries, *foreign]


def foreign_tags(service: Mapping[str, Any]) -> list[Json]:
    """Tags that no release made, as entries that carry no traffic."""
    kept: list[Json] = []
    for entry in service.get("traffic", []):
        if entry.get("tag") and not entry["tag"].startswith("c-"):
            kept.append({key: value for key, value in entry.items() if key in {"type", "revision", "tag"}})
    return kept


def tagged_url(service: Mapping[str, Any], name: str) -> str:
    return next(
        (entry.get("uri", "") for entry in service.get("trafficStatuses", []) if entry.get("tag") == name),
        "",
    )


def container(template: Mapping[str, Any]) -> Json:
    """Helium's own container, beside which there may be a collector of metrics."""
    containers: list[Json] = template["containers"]
    return next((each for each in containers if each.get("name") == CONTAINER), containers[0])


def give_image(service: Json, image: str, release_id: str) -> None:
    """Make the template that of a new revision of this release."""
    template = service["template"]
    template.pop("revision", None)
    template["labels"] = {**template.get("labels", {}), LABEL: release_id}
    container(template)["image"] = image
