"""The image's recipe: what it copies is there, what it installs is hashed, and nobody in it is root."""

import json
import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "infra/images/backend.Dockerfile").read_text().replace("\\\n", " ")
IGNORE = (ROOT / "infra/images/backend.Dockerfile.dockerignore").read_text().splitlines()


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", TEXT, re.MULTILINE)


def test_what_it_copies_is_in_the_repository_and_not_ignored() -> None:
    copied = [
        source for line in instructions("COPY") if "--from" not in line for source in line.split()[:-1]
    ]
    allowed = {line.removeprefix("!") for line in IGNORE if line.startswith("!")}

    assert len(copied) > 5
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert IGNORE[1] == "*"
    assert [s for s in copied if not any(s == a or s.startswith(f"{a}/") for a in allowed)] == []


def test_packages_are_installed_by_their_hashes() -> None:
    (install,) = [line for line in instructions("RUN") if "pip install" in line]

    assert "--require-hashes" in install
    assert "requirements-cloud.lock" in install
    assert any("npm ci" in line for line in instructions("RUN"))


def test_it_runs_as_an_account_that_is_not_root_and_that_compose_names() -> None:
    (user,) = instructions("USER")
    compose = YAML(typ="safe", pure=True).load((ROOT / "infra/compose/compose.yaml").read_text())

    assert int(user.partition(":")[0]) > 0
    assert compose["services"]["api"]["user"] == user


def test_signals_reach_helium_itself() -> None:
    started = [json.loads(line) for name in ("ENTRYPOINT", "CMD") for line in instructions(name)]

    assert started == [["python", "-m", "helium"], ["api"]]


def test_both_bases_can_be_chosen() -> None:
    assert "ARG PYTHON_IMAGE=python:3.12-slim\n" in TEXT
    assert {line.split()[0] for line in instructions("FROM")} == {"${NODE_IMAGE}", "${PYTHON_IMAGE}"}


def test_the_page_lies_where_helium_looks_for_it() -> None:
    from helium.bootstrap import PAGE_FOLDER

    assert PAGE_FOLDER.relative_to(ROOT) == Path("frontend/out")
    assert "COPY --from=page /app/frontend/out /app/frontend/out" in TEXT
    assert "COPY backend/helium /app/backend/helium" in TEXT
