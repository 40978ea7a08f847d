"""Where the server listens: a socket in a directory that only its account can enter, and no TCP."""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from helium.adapters.embedded_postgres.account import Account
from helium.adapters.embedded_postgres.errors import EmbeddedPostgresFailed

NAME = "helium"
"""Of the role and of the database."""
PORT = "5432"
"""A part of the socket's file name."""
_LONGEST_SOCKET_PATH = 103
"""bytes: macOS allows 103, Linux 107."""


def socket_url(directory: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(directory))}&port={PORT}"


def socket_directory(data: Path, account: Account) -> Path:
    """The data directory, or a private one with a short name if that one's path will not do."""
    if _usable(data):
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"helium-{digest}"
    if not _usable(short):
        raise EmbeddedPostgresFailed(
            f"The path {data} is too long for a socket, and so is {short}: "
            "set HELIUM_HOME or TMPDIR to a shorter one."
        )
    _make_private(short, account)
    return short


def remove_short_directory(directory: Path, data: Path) -> None:
    """Tidy up after a server that has stopped."""
    if directory != data:
        with suppress(OSError):  # somebody put something there: leave it
            directory.rmdir()


def _usable(directory: Path) -> bool:
    """Short enough, and without a comma, which separates hosts in a database URL."""
    path = os.fsencode(directory / f".s.PGSQL.{PORT}")
    return len(path) <= _LONGEST_SOCKET_PATH and b"," not in path


def _make_private(directory: Path, account: Account) -> None:
    """Make a directory that only `account` can enter, or make sure that it is one."""
    try:
        directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(directory, account.uid, account.gid, follow_symlinks=False)
    except FileExistsError:
        pass  # checked below, whoever made it
    found = directory.lstat()
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    if not private or found.st_uid != account.uid:
        raise EmbeddedPostgresFailed(
            f"Somebody else made {directory}: delete it, or set HELIUM_HOME to a shorter path."
        )
