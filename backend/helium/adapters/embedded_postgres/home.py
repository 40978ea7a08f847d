"""The directory of a person's own in which Helium keeps its data."""

import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from helium.adapters.embedded_postgres.errors import EmbeddedPostgresFailed


def default_home(environ: Mapping[str, str]) -> Path:
    """Where data goes if nobody says otherwise: never below root's own home, which is closed to all."""
    if os.geteuid() == 0:
        return Path("/var/lib/helium")
    data = environ.get("XDG_DATA_HOME", "")
    # The XDG specification says that a relative path must be ignored.
    base = Path(data) if os.path.isabs(data) else Path(environ.get("HOME") or Path.home()) / ".local/share"
    return base / "helium"


def make_home(home: Path) -> None:
    """Make `home` if it is missing. Root's can be entered by the server's account but not listed.

    A directory that exists is left as it is, and so are all of its parents.
    """
    if home.is_dir():
        return
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=mode, exist_ok=True)
        home.chmod(mode)  # the process's umask may have taken bits away
    except OSError as error:
        raise EmbeddedPostgresFailed(
            f"Helium cannot make its data directory {home} ({error.strerror}): "
            "set HELIUM_HOME to a directory that you can write to."
        ) from error


@contextmanager
def exclusive(path: Path) -> Generator[None]:
    """Hold the lock file `path`; others wait. A killed holder's lock is gone with it."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """An open file to lock; not inherited by programs that this process starts."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedPostgresFailed(
            f"Helium cannot write to {path.parent} ({error.strerror}): "
            "run it as the account that owns this directory, or set HELIUM_HOME to another one."
        ) from error
