"""Helium's own event stream: the log as it is, one server-sent event for each."""

from collections.abc import Sequence
from datetime import UTC, datetime

from helium.core.events import LoggedEvent, encode_event, event_type


def encode(logged: LoggedEvent) -> bytes:
    """`id` is the event's number; data is the event with its number and time in front."""
    event = logged.event
    at = datetime.fromtimestamp(logged.created_at, UTC).isoformat(timespec="milliseconds")
    return b'id: %d\nevent: %s\ndata: {"seq":%d,"at":"%s",%s\n\n' % (
        logged.seq,
        event_type(event).encode(),
        logged.seq,
        at.replace("+00:00", "Z").encode(),
        encode_event(event)[1:],
    )


class RunEventsEncoder:
    """For a viewer of `GET /v1/runs/{id}/events`."""

    def encode(self, events: Sequence[LoggedEvent]) -> bytes:
        return b"".join(encode(logged) for logged in events)

    def farewell(self, pause_milliseconds: int) -> bytes:
        return b"retry: %d\nevent: reconnect\ndata: {}\n\n" % pause_milliseconds
