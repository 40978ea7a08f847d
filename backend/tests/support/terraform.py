"""Terraform code, parsed: what resources, modules and variables it has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import hcl2

OPTIONS = hcl2.SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)


@dataclass(frozen=True, slots=True)
class Named:
    """A resource, a module call, a variable or an output, and the file it is in."""

    file: str
    kind: str
    name: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name}"


class Code:
    """The files by path, with `/` between folders."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    @classmethod
    def read(cls, root: Path, *patterns: str) -> "Code":
        paths = sorted(path for pattern in patterns for path in root.glob(pattern))
        return cls({path.relative_to(root).as_posix(): path.read_text() for path in paths})

    def replaced(self, file: str, old: str, new: str) -> "Code":
        """The code with something else in one file."""
        assert old in self.files[file], f"{file} has no {old!r}"
        return Code({**self.files, file: self.files[file].replace(old, new)})

    def terraform(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each `.tf` file, parsed."""
        for file, text in self.files.items():
            if file.endswith(".tf"):
                yield file, _parsed(text)

    def resources(self, *kinds: str) -> list[Named]:
        """All resources, or those of some types."""
        return [
            Named(file, kind, name, body)
            for file, tree in self.terraform()
            for block in tree.get("resource", [])
            for kind, named in block.items()
            if not kinds or kind in kinds
            for name, body in named.items()
        ]

    def blocks(self, kind: str) -> list[Named]:
        """All of `module`, `variable` or `output`."""
        return [
            Named(file, kind, name, body)
            for file, tree in self.terraform()
            for block in tree.get(kind, [])
            for name, body in block.items()
        ]

    def local(self, file: str, name: str) -> Any:
        """A local value of this file, as it is written there."""
        return next(block[name] for block in _parsed(self.files[file])["locals"] if name in block)


@lru_cache(maxsize=512)
def _parsed(text: str) -> dict[str, Any]:
    return hcl2.loads(text, serialization_options=OPTIONS)
