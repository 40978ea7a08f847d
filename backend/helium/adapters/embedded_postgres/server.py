"""Start, attach to, stop and reset the embedded server of one home directory."""

import fcntl
import os
import shutil
from pathlib import Path

from helium.adapters.embedded_postgres.account import Account, account_for
from helium.adapters.embedded_postgres.binaries import (
    Programs,
    copy_programs,
    find_programs,
    remove_other_copies,
)
from helium.adapters.embedded_postgres.cluster import Cluster
from helium.adapters.embedded_postgres.errors import EmbeddedPostgresFailed
from helium.adapters.embedded_postgres.home import exclusive, make_home, open_lock
from helium.adapters.embedded_postgres.process import RunningServer, find_running
from helium.adapters.embedded_postgres.sockets import remove_short_directory, socket_url


class EmbeddedPostgres:
    """The database of one home directory. All methods block; any number of processes may call them.

    Whoever called `start` is a user of the server until `stop`, `release`, or the end of this object.
    The server outlives the process that started it, and the next `start` attaches to it.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()
        self._share: int | None = None

    def __del__(self) -> None:
        self.release()

    @property
    def path(self) -> Path:
        """The data directory."""
        return self._home / "postgres"

    @property
    def log_directory(self) -> Path:
        return self.path / "log"

    def start(self) -> str:
        """Start the server, or attach to the one that runs. The URL of its database.

        Raises `EmbeddedPostgresFailed` with one sentence that says what to do.
        """
        _check_name(self._home)
        make_home(self._home)
        with exclusive(self._lock_file):
            cluster = self._cluster()
            cluster.check_version()
            server = find_running(self.path) or self._launch(cluster)
            cluster.wait_until_ready(server)
            cluster.ensure_database(server)
            self._take_share()
        return socket_url(server.socket_directory)

    def running(self) -> bool:
        return find_running(self.path) is not None

    def url(self) -> str | None:
        """The URL of the running server's database, or None if none runs."""
        server = find_running(self.path)
        return socket_url(server.socket_directory) if server else None

    def stop(self, *, force: bool = False) -> bool:
        """Stop the server, by default only if nobody else uses it. Whether it is stopped now."""
        if not self._home.is_dir():
            return True
        with exclusive(self._lock_file):
            return self._stop(force=force)

    def stop_if_unused(self) -> bool:
        """Leave the server; the last user stops it. Whether it is stopped now."""
        return self.stop(force=False)

    def release(self) -> None:
        """Leave the server without stopping it."""
        if self._share is not None:
            os.close(self._share)
            self._share = None

    def reset(self, *, force: bool = False) -> None:
        """Stop the server and delete all of its data. Raises if somebody uses it, unless `force`."""
        if not self._home.is_dir():
            return
        with exclusive(self._lock_file):
            if not self._stop(force=force):
                raise EmbeddedPostgresFailed(
                    "Helium is running on this database: stop it first, or use `helium db reset --force`."
                )
            if self.path.exists():
                shutil.rmtree(self.path)

    @property
    def _lock_file(self) -> Path:
        return self._home / "postgres.lock"

    def _cluster(self) -> Cluster:
        account = account_for(self.path)
        return Cluster(data=self.path, account=account, programs=self._programs(account))

    def _programs(self, account: Account) -> Programs:
        programs = find_programs()
        if os.geteuid() != 0:
            return programs
        if not account.can_enter(self._home):
            raise EmbeddedPostgresFailed(
                f"PostgreSQL does not run as root, and the account {account.name} that would run it "
                f"cannot enter {self._home}: set HELIUM_HOME=/var/lib/helium."
            )
        return copy_programs(programs, self._home)

    def _launch(self, cluster: Cluster) -> RunningServer:
        if not self.path.exists():
            cluster.create()
        server = cluster.launch()
        if os.geteuid() == 0:
            remove_other_copies(cluster.programs, self._home)
        return server

    def _stop(self, *, force: bool) -> bool:
        server = find_running(self.path)
        try:
            if server is None:
                return True
            if not force and self._used_by_others(server):
                return False
            self._cluster().shut_down()
            remove_short_directory(server.socket_directory, self.path)
            return True
        finally:
            self.release()

    def _used_by_others(self, server: RunningServer) -> bool:
        return not self._alone() or self._cluster().has_clients(server)

    def _take_share(self) -> None:
        """Be counted as a user. The kernel forgets us when the process ends, however it ends."""
        if self._share is None:
            self._share = open_lock(self._users_file)
            fcntl.flock(self._share, fcntl.LOCK_SH)

    def _alone(self) -> bool:
        self._take_share()
        assert self._share is not None
        try:
            fcntl.flock(self._share, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @property
    def _users_file(self) -> Path:
        return self._home / "postgres.users"


def _check_name(home: Path) -> None:
    """PostgreSQL's programs pass paths to a shell in double quotes."""
    if bad := sorted(set('"$`\\\n') & set(str(home))):
        raise EmbeddedPostgresFailed(
            f"PostgreSQL cannot work in {home} because of the character {bad[0]!r} in its name: "
            "set HELIUM_HOME to another directory."
        )
