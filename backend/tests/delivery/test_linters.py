"""actionlint, zizmor, hadolint and shellcheck find nothing; each finds a mistake that is put before it."""

import shutil
from pathlib import Path

import pytest

from tests.delivery.pipeline import Pipeline
from tests.delivery.tools import ROOT, SCRIPTS, actionlint, installed, said

pytestmark = pytest.mark.service
DOCKERFILES = sorted((ROOT / "infra/images").glob("*.Dockerfile"))
CHECK = ".github/workflows/check.yml"


def copied(folder: Path, old: str, new: str) -> Path:
    """The pipeline in another folder, with something else in one workflow."""
    shutil.copytree(ROOT / ".github", folder / ".github")
    text = (folder / CHECK).read_text()
    assert old in text
    (folder / CHECK).write_text(text.replace(old, new))
    return folder


def zizmor(folder: Path) -> tuple[int, str]:
    return said([installed("zizmor"), "--offline", "--no-progress", "--color=never", folder / ".github"])


def shellcheck(script: str) -> tuple[int, str]:
    # GitHub's own values are set outside.
    command = [installed("shellcheck"), "--shell=bash", "--exclude=SC2154", "-"]
    return said(command, text=script)


def test_actionlint_finds_nothing() -> None:
    code, text = said(actionlint())

    assert code == 0, text
    assert "All workflow files passed" in text


def test_actionlint_finds_a_variable_that_there_is_not(tmp_path: Path) -> None:
    code, text = said(actionlint(), copied(tmp_path, "matrix.cloud", "matrix.heaven"))

    assert code == 1
    assert "heaven" in text


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.dependabot", "dependabot.yml"),
        ("vendor.github-actions", "actions/*/action.yml"),
        ("vendor.github-workflows", "workflows/*.yml"),
    ],
)
def test_files_are_as_their_schema_says(schema: str, pattern: str) -> None:
    files = sorted((ROOT / ".github").glob(pattern))

    assert files
    assert said([installed("check-jsonschema"), "--builtin-schema", schema, *files])[0] == 0


def test_zizmor_finds_nothing() -> None:
    code, text = zizmor(ROOT)

    assert code == 0, text
    assert "No findings to report" in text


def test_zizmor_finds_a_template_in_a_command(tmp_path: Path) -> None:
    code, text = zizmor(copied(tmp_path, "run: make check", "run: echo ${{ github.head_ref }}"))

    assert code != 0
    assert "template-injection" in text


def test_every_exception_of_zizmor_has_a_reason() -> None:
    lines = (ROOT / ".github/zizmor.yml").read_text().splitlines()
    rules = [n for n, line in enumerate(lines) if line.startswith("  ") and line[2] not in " #"]

    assert len(rules) == 3
    assert [lines[n] for n in rules if not lines[n + 1].startswith("    # ")] == []


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    assert said([installed("hadolint"), "--no-color", path]) == (0, "")


def test_hadolint_finds_a_base_without_a_version(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM debian\nRUN cd /tmp && echo $unquoted\n")

    code, text = said([installed("hadolint"), "--no-color", path])

    assert code == 1
    assert "DL3006" in text


def test_there_is_a_dockerfile_for_each_image() -> None:
    assert [path.name for path in DOCKERFILES] == ["backend.Dockerfile", "frontend.Dockerfile"]


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_shellcheck_finds_nothing_in_a_script(path: Path) -> None:
    assert shellcheck(path.read_text()) == (0, "")


def test_shellcheck_finds_nothing_in_a_workflow() -> None:
    steps = [(place, step["run"]) for place, step in Pipeline.read(ROOT).steps() if "run" in step]

    assert len(steps) > 20
    assert [(place, found) for place, run in steps if (found := shellcheck(run)) != (0, "")] == []


def test_shellcheck_finds_a_word_that_splits() -> None:
    code, text = shellcheck("rm -r $1\n")

    assert code == 1
    assert "SC2086" in text
