"""What a file of a thread may be called and how much it may hold, the same for every store."""

import unicodedata
from dataclasses import dataclass

from helium.core.errors import ToolError

TEMPORARY = ".helium-"
"""Names that begin so are half-written files: they cannot be asked for and are never listed."""

_MAX_PATH_CHARACTERS = 200
_MAX_NAME_BYTES = 200  # a file system's limit is 255


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """The bounds of one thread's files."""

    bytes_per_file: int = 1024 * 1024
    files_per_thread: int = 200

    def check_size(self, size: int) -> None:
        if size > self.bytes_per_file:
            raise ToolError(f"A file has at most {self.bytes_per_file:,} bytes; this would be {size:,}.")

    def check_room(self, files: int) -> None:
        """Whether one more file may be added to `files`."""
        if files >= self.files_per_thread:
            raise ToolError(f"There are {files} files already; that is the limit. Write to one of them.")


def parts_of(path: str) -> tuple[str, ...]:
    """A path's names, normalised. Raises `ToolError` with the reason for a path that may not be used."""
    path = unicodedata.normalize("NFC", path)
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    reason = _fault(path, parts)
    if reason:
        raise ToolError(f"{path[:_MAX_PATH_CHARACTERS]!r} cannot be a file's path: {reason}.")
    return parts


def _fault(path: str, parts: tuple[str, ...]) -> str | None:
    if not parts or path.endswith("/"):
        return "it does not end in a file's name"
    if path.startswith("/"):
        return "it must be relative, without a slash in front"
    if len(path) > _MAX_PATH_CHARACTERS:
        return f"it has more than {_MAX_PATH_CHARACTERS} characters"
    if "\\" in path or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path):
        return "it holds a backslash or a control character"
    if ".." in parts:
        return "it must not climb with '..'"
    if any(part.startswith(TEMPORARY) for part in parts):
        return f"names that begin with {TEMPORARY} are not free"
    if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        return "one of its names is too long"
    return None


def no_file(path: str) -> ToolError:
    return ToolError(f"There is no file {path!r}. List the files to see their names.")


def in_the_way(path: str) -> ToolError:
    return ToolError(f"{path!r} cannot be written: a file or folder of that name is in the way.")
