"""What is in a task: the run's id in its body, and what it went through in its headers."""

import contextlib
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

import msgspec

from helium.adapters.cloud_tasks.queue import Message
from helium.kit.asgi import Receive, Scope, header, read_body

MOST_BYTES = 1024 * 1024
"""More than Cloud Tasks takes for one task."""
_DELIVERIES = "helium-deliveries"
_REASON = "helium-buried-because"
_WAS = "helium-was-"
_CLOUD_TASKS = b"x-cloudtasks-"
_LONGEST_HEADER = 500


class Ring(msgspec.Struct, forbid_unknown_fields=True):
    run_id: str


def ring_body(run_id: UUID) -> bytes:
    return msgspec.json.encode(Ring(run_id=str(run_id)))


def body_text(body: bytes) -> str:
    """The id of the run that was rung; what no ring of ours is, as it came."""
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.decode(body, type=Ring).run_id
    return body.decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A task as it was pushed to us."""

    body: bytes
    retries: int
    """Deliveries of this very task before this one."""
    before: int
    """Deliveries of the tasks whose place this one took."""
    origin: dict[str, str]
    """What Cloud Tasks says of it: to be read by people, and never a proof of anything."""

    @property
    def deliveries(self) -> int:
        return self.before + self.retries + 1

    def again(self, seconds: float) -> Message:
        """The same message once more, with its count but with all of its attempts still to come."""
        headers = {_DELIVERIES: str(self.deliveries)}
        return Message(body=self.body, headers=headers, delay_seconds=seconds)

    def buried(self, reason: str) -> Message:
        """The same message for the dead-letter queue. If a person has it pushed again, it counts anew."""
        was = {_WAS + name: value for name, value in self.origin.items()}
        return Message(body=self.body, headers={**was, _REASON: _header(reason)})


async def read_push(scope: Scope, receive: Receive) -> Push:
    """Raises `BodyTooLarge` or `ClientLeft`."""
    return Push(
        body=await read_body(receive, MOST_BYTES),
        retries=_number(header(scope, b"x-cloudtasks-taskretrycount")),
        before=_number(header(scope, _DELIVERIES.encode())),
        origin={
            name.removeprefix(_CLOUD_TASKS).decode(): _header(value.decode("latin-1"))
            for name, value in scope["headers"]
            if name.startswith(_CLOUD_TASKS)
        },
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _header(text: str) -> str:
    """Printable ASCII, as headers are."""
    return quote(text, safe=" !#$&'()*+,-./:;<=>?@[]^_{|}~\"")[:_LONGEST_HEADER]
