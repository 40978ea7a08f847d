"""Who runs the server: PostgreSQL refuses to run as root, so root hands it to another account."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helium.adapters.embedded_postgres.errors import EmbeddedPostgresFailed

# Nothing of the caller's environment (PGHOST, PGDATA, LD_PRELOAD, …) may reach the server's programs.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """The account that owns the data and runs the server."""

    uid: int
    gid: int
    name: str

    def run(
        self, command: Sequence[str | Path], *, timeout_seconds: float = 90
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and collect what it says. A failure is a return code."""
        other = os.geteuid() == 0
        return subprocess.run(  # noqa: S603 - our own programs, no shell, no caller's words
            [str(part) for part in command],
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_seconds,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=[] if other else None,
        )

    def can_enter(self, directory: Path) -> bool:
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", directory]).returncode == 0


def account_for(data: Path) -> Account:
    """The owner of the data directory; for new data this process's account, or root's stand-in."""
    if data.exists():
        return _account(pwd_entry(data.stat().st_uid), data)
    if os.geteuid() == 0:
        return _account(_stand_in(), data)
    return _account(pwd_entry(os.geteuid()), data)


def pwd_entry(uid: int) -> pwd.struct_passwd:
    """The account database's entry, or one made up: a container may run as a bare number."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return pwd.struct_passwd((str(uid), "x", uid, os.getegid(), "", "/", "/bin/sh"))


def _stand_in() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresFailed(
        "PostgreSQL does not run as root and this machine has neither an account `postgres` nor `nobody`: "
        "run Helium as an ordinary account, or set HELIUM_DATABASE_URL."
    )


def _account(entry: pwd.struct_passwd, data: Path) -> Account:
    mine = os.geteuid()
    if entry.pw_uid == 0:
        raise EmbeddedPostgresFailed(
            f"The database in {data} belongs to root and PostgreSQL does not run as root: "
            "give the directory to another account with chown -R, or set HELIUM_HOME to another one."
        )
    if mine not in (0, entry.pw_uid):
        raise EmbeddedPostgresFailed(
            f"The database in {data} belongs to the account {entry.pw_name}: "
            "run Helium as that account, or set HELIUM_HOME to a directory of your own."
        )
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)
