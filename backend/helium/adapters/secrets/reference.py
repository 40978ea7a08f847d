"""How a variable says that its value is kept elsewhere: `secret:gcp:openai-key@7`."""

import re
from dataclasses import dataclass
from typing import Literal

PREFIX = "secret:"
LATEST = "latest"
Kind = Literal["env", "file", "gcp", "aws"]


class ReferenceInvalid(Exception):
    """One sentence for each reference that cannot be used; it names the variable, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a value is kept."""

    kind: Kind
    name: str
    field: str | None = None
    """The member of a secret that is a JSON object."""
    version: str | None = None
    """As it was written; None: the one that is current."""

    @property
    def pinned(self) -> bool:
        """It names one version, whose value never changes: not a label that moves."""
        pin = _PINS.get(self.kind)
        return self.version is not None and pin is not None and pin.fullmatch(self.version) is not None


@dataclass(frozen=True, slots=True)
class _Form:
    shown: str
    name: re.Pattern[str]
    version: re.Pattern[str] | None = None
    fields: bool = False


_PATH_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_GCP_NAME = r"[A-Za-z0-9_-]{1,255}"
_FORMS: dict[Kind, _Form] = {
    "env": _Form("secret:env:VARIABLE", re.compile(r"[A-Za-z_][A-Za-z0-9_]*")),
    "file": _Form("secret:file:NAME", re.compile(rf"{_PATH_PART}(/{_PATH_PART})*")),
    "gcp": _Form(
        "secret:gcp:NAME, secret:gcp:NAME@VERSION or secret:gcp:NAME#FIELD@VERSION",
        re.compile(rf"(projects/[a-z0-9.:-]+/secrets/)?{_GCP_NAME}"),
        re.compile(r"[1-9]\d*|[A-Za-z][A-Za-z0-9_-]{0,62}"),
        fields=True,
    ),
    "aws": _Form(
        "secret:aws:NAME, secret:aws:NAME@VERSION or secret:aws:NAME#FIELD@VERSION",
        re.compile(r"[A-Za-z0-9/_+=.@:-]{1,2048}"),
        re.compile(r"[A-Za-z0-9/_+=.:-]{1,256}"),
        fields=True,
    ),
}
_KINDS: dict[str, Kind] = {kind: kind for kind in _FORMS}
_PINS: dict[Kind, re.Pattern[str]] = {
    "gcp": re.compile(r"\d+"),
    "aws": re.compile(r"(?=.*\d)[A-Za-z0-9-]{32,64}"),
}


def refers(value: str) -> bool:
    """Whether a variable's value is meant as a reference."""
    return value.lstrip().startswith(PREFIX)


def parse(variable: str, value: str) -> Reference | None:
    """The reference in a variable's value, or None if it holds the value itself.

    Raises `ReferenceInvalid` if it means to be a reference and is none.
    """
    if not refers(value):
        return None
    word, _, rest = value.strip().removeprefix(PREFIX).partition(":")
    kind = _KINDS.get(word)
    if kind is None:
        known = " or ".join(f"{PREFIX}{kind}:" for kind in _FORMS)
        raise ReferenceInvalid(f"{variable} begins with secret: but not with {known}.")
    form = _FORMS[kind]
    found = _split(kind, rest, versioned=form.version is not None, fields=form.fields)
    version = None if found.version == LATEST and kind == "gcp" else found.version
    well = (
        form.name.fullmatch(found.name)
        and (version is None or (form.version is not None and form.version.fullmatch(version)))
        and found.field != ""
    )
    if not well:
        raise ReferenceInvalid(f"{variable} is not of the form {form.shown}.")
    return Reference(kind=kind, name=found.name, field=found.field, version=version)


def _split(kind: Kind, rest: str, *, versioned: bool, fields: bool) -> Reference:
    """The parts as they stand there. The version follows the last @, for Amazon's names may have some."""
    version = field = None
    if versioned and "@" in rest:
        rest, _, version = rest.rpartition("@")
    if fields and "#" in rest:
        rest, _, field = rest.partition("#")
    return Reference(kind=kind, name=rest, field=field, version=version)
