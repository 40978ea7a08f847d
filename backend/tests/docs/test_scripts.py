"""The scripts say what to do, the limits hold, and nothing names a package index."""

import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "scripts"
LOCKS = sorted((ROOT / "backend").glob("*.lock"))


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(SCRIPTS / name))


def test_a_python_that_is_too_old_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = script("prepare.py")
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr("shutil.which", dict[str, str]().get)

    with pytest.raises(
        prepare["Failed"], match=r"needs Python 3\.11 or newer and this is 3\.9: .*apt install"
    ):
        prepare["use_new_enough_python"]()


def test_a_newer_python_beside_an_old_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = script("prepare.py")
    started: list[str] = []
    found = {"python3.12": "/opt/python3.12"}
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr("shutil.which", found.get)

    def execute(path: str, arguments: list[str]) -> None:
        started.append(path)
        sys.exit()

    monkeypatch.setattr("os.execv", execute)

    with pytest.raises(SystemExit):
        prepare["use_new_enough_python"]()

    assert started == ["/opt/python3.12"]


def test_a_python_without_venv_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepare = script("prepare.py")
    monkeypatch.setitem(sys.modules, "ensurepip", None)

    with pytest.raises(prepare["Failed"], match="apt install python3-venv"):
        prepare["virtual_environment"](str(tmp_path / "venv"))


def test_a_stage_is_fresh_only_with_its_inputs_and_its_product(tmp_path: Path) -> None:
    prepare = script("prepare.py")
    prepare["fresh"].__globals__["STAMPS"] = str(tmp_path)
    product = tmp_path / "product"
    product.touch()

    prepare["write_stamp"]("stage", "digest")

    fresh: Callable[[str, str, str], bool] = prepare["fresh"]
    assert fresh("stage", "digest", str(product))
    assert not fresh("stage", "other inputs", str(product))
    assert not fresh("stage", "digest", str(tmp_path / "gone"))
    assert not fresh("never made", "digest", str(product))


def test_python_locks_have_hashes_and_name_no_index() -> None:
    assert [path.name for path in LOCKS] == [
        "bootstrap.lock",
        "checkov.lock",
        "fakes.lock",
        "node.lock",
        "requirements-cloud.lock",
        "requirements-dev.lock",
        "requirements.lock",
    ]
    for path in LOCKS:
        text = path.read_text()
        pinned = re.findall(r"^\S+==", text, re.MULTILINE)
        assert "://" not in text
        assert "index-url" not in text
        assert len(re.findall(r"^\S+==[^\n]*\\\n\s+--hash=sha256:", text, re.MULTILINE)) == len(pinned) > 0


def test_the_pages_lock_names_every_platform_and_no_index() -> None:
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text())
    complete = script("complete_npm_lock.py")["completed"](lock)

    assert list(complete["packages"]) == sorted(lock["packages"]), "run scripts/complete_npm_lock.py"
    assert [path for path, package in lock["packages"].items() if "resolved" in package] == []


def test_sizes_are_measured_and_the_ratchet_only_shrinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = script("sizes.py")
    ratchet = tmp_path / "ratchet"
    ratchet.write_text("# exceptions\nold.py 500\nbetter.py 500\ngone.py 450\n")
    measured = [("new.py::f", 51, 50), ("old.py", 501, 400), ("better.py", 499, 400), ("fine.py", 400, 400)]
    monkeypatch.setitem(sizes["complaints"].__globals__, "RATCHET", ratchet)
    monkeypatch.setitem(sizes["complaints"].__globals__, "sizes", lambda: iter(measured))

    assert list(sizes["complaints"]()) == [
        "new.py::f has 51 lines; the limit is 50: split it",
        "old.py has 501 lines; the limit is 500: split it",
        "better.py shrank to 499 lines: lower its number in scripts/sizes.ratchet",
        "gone.py is gone: delete its line in scripts/sizes.ratchet",
    ]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "\n    make test\n" in (ROOT / "README.md").read_text()
    assert re.search(r"^tests make test$", (ROOT / ".ci/run").read_text(), re.MULTILINE)


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert targets is not None
    assert re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE) == targets[1].split()
