"""One data directory and the programs that work on it. Callers hold the home's lock."""

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from helium.adapters.embedded_postgres.account import Account
from helium.adapters.embedded_postgres.binaries import Programs
from helium.adapters.embedded_postgres.errors import EmbeddedPostgresFailed
from helium.adapters.embedded_postgres.process import RunningServer, disown_crashed, find_running
from helium.adapters.embedded_postgres.sockets import NAME, PORT, socket_directory

_LOGS_KEPT = 5
_PATIENCE = 600
"""tenths of a second"""

_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": PORT,
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "autovacuum": "on",
    # A container's shared memory may be 64 MB; parallel queries would need more.
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%Y%m%d-%H%M%S.log",
    "log_rotation_size": "5MB",
    # The server's own messages only. Errors of statements go to whoever sent them, and statements
    # hold people's words.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}

_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    data: Path
    account: Account
    programs: Programs

    def check_version(self) -> None:
        """Raises if the data is of another major version than the programs."""
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        if found != str(major := self.programs.major()):
            raise EmbeddedPostgresFailed(
                f"The data in {self.data} was written by PostgreSQL {found} and this Helium brings "
                f"PostgreSQL {major}: copy it over with pg_dump from the release that wrote it, "
                "or set HELIUM_HOME to a new directory."
            )

    def create(self) -> None:
        """Make the data directory, whole or not at all: a killed `initdb` leaves only a `.new` behind."""
        for abandoned in self.data.parent.glob("postgres.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        fresh = self.data.with_name(f"postgres.new-{os.getpid()}")
        fresh.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(fresh, self.account.uid, self.account.gid)
        options = [f"--pgdata={fresh}", f"--username={NAME}", "--encoding=UTF8", "--locale=C"]
        safety = ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        made = self.account.run([self.programs.path("initdb"), *options, *safety])
        if made.returncode != 0:
            raise EmbeddedPostgresFailed(
                f"PostgreSQL could not make {self.data}: {_last_line(made.stdout)}"
            )
        fresh.rename(self.data)

    def launch(self) -> RunningServer:
        """Start the server in the background; it outlives this process."""
        disown_crashed(self.data)
        self._trim_logs()
        # In double quotes: the setting is a list, and a path may hold a space.
        sockets = f'"{socket_directory(self.data, self.account)}"'
        options = {**_OPTIONS, "unix_socket_directories": sockets}
        written = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in options.items())
        for _ in range(_PATIENCE):
            if server := self._start(written):
                return server
            if "is still in use" not in self._reason():
                break
            # A killed server's last processes end by themselves, within moments.
            self.account.run(["/bin/sleep", "0.1"])
        raise EmbeddedPostgresFailed(
            f"PostgreSQL did not start ({self._reason()}): its log is in {self.data / 'log'}."
        )

    def wait_until_ready(self, server: RunningServer) -> None:
        """A server that another process started, and was killed over, may still be on its way."""
        for _ in range(_PATIENCE):
            if self._is_ready(server):
                return
            self.account.run(["/bin/sleep", "0.1"])
        raise EmbeddedPostgresFailed(
            f"The database in {self.data} runs but does not answer: "
            "use `helium db stop --force` and start again."
        )

    def ensure_database(self, server: RunningServer) -> None:
        exists = self._ask(server, "SELECT 1 FROM pg_database WHERE datname = 'helium'")
        if exists != "1":
            self._ask(server, "CREATE DATABASE helium")

    def has_clients(self, server: RunningServer) -> bool:
        """Whether anybody is connected, and not only about to be gone: a closed connection lingers."""
        for _ in range(10):
            if self._ask(server, _OTHERS) == "0":
                return False
            self.account.run(["/bin/sleep", "0.05"])
        return True

    def shut_down(self) -> None:
        """Stop the server in order: connections are cut, what was committed is on disk."""
        said = self._control("stop", "-m", "fast")
        if find_running(self.data):
            raise EmbeddedPostgresFailed(f"PostgreSQL did not stop: {_last_line(said)}")

    def _start(self, options: str) -> RunningServer | None:
        log = self.data / "start.log"
        log.unlink(missing_ok=True)
        self._control("start", "-l", log, "-o", options)
        return find_running(self.data)

    def _reason(self) -> str:
        """What the server said when it failed to start: before or after it opened its log."""
        logs = sorted((self.data / "log").glob("*.log"))[-1:]
        said = ""
        for log in (*logs, self.data / "start.log"):
            said = log.read_text(errors="replace") if log.exists() else ""
            fatal = [line.partition("FATAL:")[2].strip() for line in said.splitlines() if "FATAL:" in line]
            if fatal:
                return fatal[-1]
        return _last_line(said)

    def _control(self, verb: str, *arguments: str | Path) -> str:
        program = self.programs.path("pg_ctl")
        return self.account.run([program, verb, "-s", "-w", "-t", "60", "-D", self.data, *arguments]).stdout

    def _is_ready(self, server: RunningServer) -> bool:
        program = self.programs.path("pg_isready")
        command = [program, "-q", "-t", "60", "-h", server.socket_directory, "-p", PORT, "-U", NAME]
        return self.account.run([*command, "-d", "postgres"]).returncode == 0

    def _ask(self, server: RunningServer, sql: str) -> str:
        place = ["-h", server.socket_directory, "-p", PORT, "-U", NAME, "-d", "postgres"]
        quiet = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        asked = self.account.run([self.programs.path("psql"), *quiet, *place, "-c", sql])
        if asked.returncode != 0:
            raise EmbeddedPostgresFailed(f"PostgreSQL refused a statement: {_last_line(asked.stdout)}")
        return asked.stdout.strip()

    def _trim_logs(self) -> None:
        # As the server's account: root deletes nothing in a directory that another account controls.
        script = (
            f'cd -- "$1" 2>/dev/null && ls -t | tail -n +{_LOGS_KEPT} |'
            ' while read -r name; do rm -f -- "$name"; done'
        )
        self.account.run(["/bin/sh", "-c", script, "sh", self.data / "log"])


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it gave no reason."
