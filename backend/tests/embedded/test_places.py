"""Where data may lie and who may use it."""

import os
import pwd
from pathlib import Path
from subprocess import Popen

import pytest

from helium.adapters.embedded_postgres import (
    EmbeddedPostgres,
    EmbeddedPostgresFailed,
    default_home,
    make_home,
)
from helium.adapters.embedded_postgres.account import Account
from helium.adapters.embedded_postgres.sockets import socket_directory
from tests.embedded.owners import ask, identity, python_for, said_by, start_owner

pytestmark = pytest.mark.postgres


def test_odd_names_are_fine(workplace: Path) -> None:
    name = "a space, a comma; (a quote') and ünïcode"

    assert ask(EmbeddedPostgres(workplace / name).start(), "SELECT 1") == 1


@pytest.mark.parametrize("name", ['quote"', "$(dollar)", "back`tick"])
def test_names_that_a_shell_would_read_are_refused(workplace: Path, name: str) -> None:
    with pytest.raises(EmbeddedPostgresFailed, match="set HELIUM_HOME to another directory"):
        EmbeddedPostgres(workplace / name).start()


def test_a_path_too_long_for_a_socket_is_fine(workplace: Path) -> None:
    home = workplace / ("long" * 20) / ("longer" * 10)
    url = EmbeddedPostgres(home).start()

    assert ask(url, "SELECT 1") == 1
    assert EmbeddedPostgres(home).start() == url
    assert EmbeddedPostgres(home).stop(force=True)
    assert not Path(url.split("host=")[1].split("&")[0]).exists()


def test_a_short_socket_directory_of_somebody_else_is_refused(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(workplace))
    data = workplace / ("long" * 30)
    account = Account(uid=os.geteuid(), gid=os.getegid(), name="me")
    socket_directory(data, account).chmod(0o777)

    with pytest.raises(EmbeddedPostgresFailed, match="Somebody else made"):
        socket_directory(data, account)


def test_no_parent_directory_is_changed(workplace: Path) -> None:
    home = workplace / "one" / "two" / "home"
    home.mkdir(parents=True)
    parents = [home, *home.parents]
    (workplace / "one").chmod(0o711)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in parents]

    EmbeddedPostgres(home).start()

    assert [(path, path.stat().st_mode, path.stat().st_uid) for path in parents] == before


def test_root_is_told_where_its_server_could_live(workplace: Path, ordinary: pwd.struct_passwd) -> None:
    del ordinary
    (workplace / "closed").mkdir(mode=0o700)

    with pytest.raises(
        EmbeddedPostgresFailed, match=r"cannot enter .*/closed/home: set HELIUM_HOME=/var/lib/helium"
    ):
        EmbeddedPostgres(workplace / "closed" / "home").start()

    assert (workplace / "closed").stat().st_mode & 0o777 == 0o700


def test_root_keeps_the_account_that_owns_the_data(workplace: Path, ordinary: pwd.struct_passwd) -> None:
    server = EmbeddedPostgres(workplace / "home")
    server.start()
    server.stop()
    for folder, _, files in os.walk(server.path):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(path, ordinary.pw_uid, ordinary.pw_gid)

    server.start()

    assert (server.path / "postmaster.pid").stat().st_uid == ordinary.pw_uid


def test_roots_programs_are_copied_where_every_account_can_read_them(
    workplace: Path, ordinary: pwd.struct_passwd
) -> None:
    del ordinary
    old = workplace / "home" / "server-0.0.1"
    make_home(workplace / "home")
    old.mkdir()
    umask = os.umask(0o077)
    try:
        EmbeddedPostgres(workplace / "home").start()
    finally:
        os.umask(umask)

    copies = list((workplace / "home").glob("server-*"))
    assert len(copies) == 1, "the copy of an older version is still there"
    assert all(path.stat().st_mode & 0o004 for path in copies[0].rglob("*"))


def test_an_ordinary_account_needs_nothing_from_root(
    workplace: Path, ordinary: pwd.struct_passwd, readable_sources: Path, owners: list[Popen[str]]
) -> None:
    own = workplace / "own"
    own.mkdir()
    os.chown(own, ordinary.pw_uid, ordinary.pw_gid)
    owners.append(
        start_owner(
            own / "home", python=python_for(ordinary), sources=readable_sources, account=identity(ordinary)
        )
    )

    pid, url, _ = said_by(owners[0])

    assert os.stat(f"/proc/{pid}").st_uid == ordinary.pw_uid
    assert (own / "home").stat().st_mode & 0o777 == 0o700
    assert ask(url, "SELECT 1") == 1


def test_an_ordinary_account_is_told_whose_data_it_is(
    workplace: Path, ordinary: pwd.struct_passwd, readable_sources: Path, owners: list[Popen[str]]
) -> None:
    home = workplace / "home"
    home.mkdir()
    home.chmod(0o777)
    EmbeddedPostgres(home).start()
    for name in ("postgres.lock", "postgres.users"):
        (home / name).chmod(0o666)
    owners.append(
        start_owner(home, python=python_for(ordinary), sources=readable_sources, account=identity(ordinary))
    )

    said = " ".join(said_by(owners[0]))

    assert said.startswith("refused The database in")
    assert "HELIUM_HOME" in said


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.local/share/helium"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}, "/data/helium"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "relative"}, "/home/ada/.local/share/helium"),
    ],
)
def test_an_ordinary_accounts_data_lies_in_its_own_home(
    environ: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert default_home(environ) == Path(expected)


def test_roots_data_lies_where_the_server_can_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)

    assert default_home({"HOME": "/root", "XDG_DATA_HOME": "/root/data"}) == Path("/var/lib/helium")
