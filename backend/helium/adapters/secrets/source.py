"""What each place of secrets can do, and how it says that it could not."""

from typing import Any, Protocol

import msgspec

from helium.adapters.secrets.reference import Reference
from helium.ports import Secret


class NotThere(Exception):
    """The place answered: it has no such secret, version or field."""


class Away(Exception):
    """The place did not give an answer that can be used; the words say why and hold no secret."""


class Source(Protocol):
    """A place that keeps secrets."""

    async def read(self, reference: Reference) -> Secret:
        """The value as it is now. Raises `NotThere` or `Away`, nothing else. May be cancelled."""
        ...

    async def aclose(self) -> None: ...


def member(text: str, field: str | None) -> str:
    """The field of a secret that is a JSON object; the whole secret if no field is asked for.

    Raises `NotThere` if it is no such object or has no such field.
    """
    if field is None:
        return text
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        # The error would quote the secret.
        raise NotThere from None
    if not isinstance(found, dict) or found.get(field) is None:
        raise NotThere
    value: Any = found[field]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def text_of(data: bytes) -> str:
    """A secret's bytes as text. Raises `NotThere` for what is no UTF-8, since no text is there."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise NotThere from None
