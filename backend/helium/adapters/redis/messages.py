"""What goes over the bus: who speaks, and about which runs. Numbers of 16 bytes, nothing else (A9)."""

from collections.abc import Iterable
from uuid import UUID

_WIDTH = 16


def pack(sender: bytes, run_ids: Iterable[UUID]) -> bytes:
    """Without run ids: something may have been missed, look by yourself."""
    return sender + b"".join([run_id.bytes for run_id in run_ids])


def unpack(message: bytes) -> tuple[bytes, list[UUID]] | None:
    """The sender and the runs; None if this is no message of Helium's."""
    if not message or len(message) % _WIDTH:
        return None
    numbers = [message[at : at + _WIDTH] for at in range(0, len(message), _WIDTH)]
    return numbers[0], [UUID(bytes=number) for number in numbers[1:]]
