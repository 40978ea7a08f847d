"""The pipeline's scripts, with stand-ins for the programs of clouds: what they refuse, and how they end."""

import json
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.tools import ROOT, SCRIPTS, Runner

IMAGE = "registry.example.com/helium-backend"
DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64


def change(address: str, after: Any, *actions: str) -> dict[str, Any]:
    return {"address": address, "change": {"actions": list(actions), "before": None, "after": after}}


def planned(tmp_path: Path, *changes: dict[str, Any]) -> tuple[str, str]:
    """Outputs and summary of a plan."""
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    outputs.unlink(missing_ok=True)
    summary.unlink(missing_ok=True)
    command = [
        "python3",
        SCRIPTS / "plan_changes.py",
        "gcp-prod",
        "--outputs",
        outputs,
        "--summary",
        summary,
    ]
    plan = {"resource_changes": changes, "output_changes": {"api_domain": {"actions": ["no-op"]}}}
    subprocess.run(command, input=json.dumps(plan), text=True, check=True, capture_output=True)
    return outputs.read_text(), summary.read_text()


def test_a_plan_is_told_by_addresses_and_never_by_values(tmp_path: Path) -> None:
    outputs, summary = planned(
        tmp_path,
        change("a.kept", {}, "no-op"),
        change("b.made", {"password": "hunter2"}, "delete", "create"),
    )

    assert outputs.startswith("changes=1\nfingerprint=")
    assert "| delete/create | `b.made` |" in summary
    assert "a.kept" not in summary
    assert "hunter2" not in outputs + summary


def test_two_plans_have_one_fingerprint_exactly_if_they_do_the_same(tmp_path: Path) -> None:
    one, two = change("a.x", {"size": 1}, "update"), change("b.y", {}, "create")
    first, _ = planned(tmp_path, one, two)

    assert planned(tmp_path, two, one)[0] == first
    assert planned(tmp_path, change("a.x", {"size": 2}, "update"), two)[0] != first
    assert planned(tmp_path)[0].startswith("changes=0\n")


@pytest.mark.parametrize(("approved", "code", "applied"), [("abc", 0, 1), ("other", 1, 0), ("", 1, 0)])
def test_only_the_plan_that_was_approved_is_applied(
    tmp_path: Path, approved: str, code: int, applied: int
) -> None:
    runner = Runner(tmp_path, terraform="")
    runner.outputs.write_text("changes=1\nfingerprint=abc\n")

    ended, _ = runner.run("apply_stack.sh", APPROVED=approved, STACK="gcp-prod")

    assert ended == code
    assert len(runner.called("terraform")) == applied


def test_a_stack_is_planned_with_its_state_its_variables_and_no_empty_secret(tmp_path: Path) -> None:
    shown = (
        f'[ "$2" != show ] || echo "{{}}"; echo "${{TF_VAR_cache_password-none}}" >"{tmp_path}/password"'
    )
    runner = Runner(tmp_path, terraform=shown)
    checkout = tmp_path / "checkout"
    (checkout / "infra/stacks/aws-prod").mkdir(parents=True)
    (checkout / ".github").symlink_to(ROOT / ".github")
    told = {"STACK": "aws-prod", "CLOUD": "aws", "BUCKET": "state", "REGION": "us-east-1"}

    ended, text = runner.run(
        "plan_stack.sh",
        "-lock=false",
        folder=checkout,
        TFVARS='domain = "a.b"',
        TF_VAR_cache_password="",
        **told,
    )

    assert ended == 0, text
    place = "-chdir=infra/stacks/aws-prod"
    assert runner.called("terraform") == [
        f"{place} init -no-color -backend-config=bucket=state -backend-config=region=us-east-1",
        f"{place} plan -no-color -out=plan.bin -lock=false",
        f"{place} show -json plan.bin",
    ]
    assert (checkout / "infra/stacks/aws-prod/pipeline.auto.tfvars").read_text() == 'domain = "a.b"\n'
    assert (tmp_path / "password").read_text() == "none\n"
    assert runner.outputs.read_text().startswith("changes=0\n")


TFVARS = """
secret_versions = {
  database-url   = 1
  "openai-api-key" = 2
}
labels = { other = "x" }
"""


@pytest.mark.parametrize(("wanted", "names"), [("true", ["database-url", "openai-api-key"]), ("", None)])
def test_a_plan_that_writes_nothing_needs_no_secret(
    tmp_path: Path, wanted: str, names: list[str] | None
) -> None:
    seen = tmp_path / "seen"
    runner = Runner(
        tmp_path, terraform=f'[ "$2" != show ] || echo "{{}}"; echo "${{TF_VAR_secret_values-}}" >"{seen}"'
    )
    checkout = tmp_path / "checkout"
    (checkout / "infra/stacks/gcp-prod").mkdir(parents=True)
    (checkout / ".github").symlink_to(ROOT / ".github")

    ended, text = runner.run(
        "plan_stack.sh",
        folder=checkout,
        STACK="gcp-prod",
        BUCKET="state",
        TFVARS=TFVARS,
        PLACEHOLDERS=wanted,
    )

    assert ended == 0, text
    told = seen.read_text().strip()
    assert (sorted(json.loads(told)) if told else None) == names


def test_one_bad_folder_of_terraform_is_enough_and_all_are_looked_at(tmp_path: Path) -> None:
    runner = Runner(tmp_path, terraform='[[ "$*" != *modules/gcp/queue*validate* ]]')

    ended, _ = runner.run("validate_terraform.sh", "gcp")

    assert ended == 1
    tested = [call for call in runner.called("terraform") if " test " in call]
    folders = [*(ROOT / "infra/modules/gcp").iterdir(), *(ROOT / "infra/stacks").glob("gcp-*")]
    assert len(tested) == len(folders) - 1
    assert runner.run("validate_terraform.sh", "aws")[0] == 0


@pytest.mark.parametrize(
    ("user", "code"), [("10001:10001", 0), ("101", 0), ("", 1), ("0:0", 1), ("root", 1)]
)
def test_an_image_that_runs_as_root_is_refused(tmp_path: Path, user: str, code: int) -> None:
    runner = Runner(tmp_path, docker=f'[ "$1" != inspect ] || echo "{user}"')

    assert runner.run("try_image.sh", "helium-backend:check", "version")[0] == code

    runs = [call for call in runner.called("docker") if call.startswith("run ")]
    assert len(runs) == 1 - code
    assert all("--read-only --cap-drop ALL" in call and call.endswith(":check version") for call in runs)


@pytest.mark.parametrize(
    ("health", "code"), [("running healthy", 0), ("running unhealthy", 1), ("exited starting", 1)]
)
def test_an_image_must_become_healthy(tmp_path: Path, health: str, code: int) -> None:
    look = f'case "$*" in *Health*) echo "{health}" ;; inspect*) echo 101 ;; run*) echo id ;; esac'
    runner = Runner(tmp_path, docker=look)

    assert runner.run("try_image.sh", "helium-frontend:check")[0] == code
    assert runner.called("docker")[-1] == "rm --force id"


def test_the_newest_backup_of_google_s_is_fetched_before_the_drill(tmp_path: Path) -> None:
    gcloud = '[ "$3" != list ] || echo helium/20261125T020000Z/manifest.json'
    runner = Runner(tmp_path, gcloud=gcloud, helium='echo "from $HELIUM_BACKUP_URL"')

    ended, text = runner.run("drill.sh", HELIUM_BACKUP_URL="gs://backups/helium/")

    assert ended == 0, text
    backup = "gs://backups/helium/20261125T020000Z"
    assert runner.called("gcloud")[1] == f"storage cp --recursive --quiet {backup} {tmp_path}/backups"
    assert runner.called("helium") == ["drill restore --embedded"]
    assert runner.summary.read_text() == f"from file://{tmp_path}/backups\n"


@pytest.mark.parametrize(("url", "code"), [("s3://backups/helium", 3), ("gs://backups/helium", 1)])
def test_a_drill_that_fails_or_finds_nothing_is_a_failure(tmp_path: Path, url: str, code: int) -> None:
    runner = Runner(tmp_path, gcloud="", helium="exit 3")

    assert runner.run("drill.sh", HELIUM_BACKUP_URL=url)[0] == code
    assert len(runner.called("helium")) == (1 if code == 3 else 0)


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_how_a_release_ended_is_passed_on(tmp_path: Path, code: int) -> None:
    runner = Runner(tmp_path, helium=f"exit {code}")

    ended, _ = runner.run("start_release.sh", f"{IMAGE}@{DIGEST}")

    assert ended == code
    assert runner.outputs.read_text() == f"code={code}\n"
    assert runner.called("helium") == [
        f"release start --cloud gcp --service api --image {IMAGE}@{DIGEST} --json"
    ]


def test_an_image_by_a_tag_is_not_released(tmp_path: Path) -> None:
    runner = Runner(tmp_path, helium="")

    ended, text = runner.run("start_release.sh", f"{IMAGE}:latest")

    assert ended == 1
    assert "not named by its digest" in text
    assert runner.called("helium") == []


def test_a_release_that_lost_its_machine_is_resumed_when_its_lock_is_free(tmp_path: Path) -> None:
    runner = Runner(tmp_path, helium=f'[ "$(wc -l <"{tmp_path}/calls")" -gt 2 ] || exit 4; exit 3')

    ended, _ = runner.run("end_release.sh", "resume")

    assert ended == 0
    assert runner.called("helium") == ["release resume --cloud gcp --service api --json"] * 3


@pytest.mark.parametrize(("code", "calls"), [("3", 0), ("4", 0), ("1", 1), ("", 1)])
def test_only_what_was_begun_and_not_ended_is_resumed(tmp_path: Path, code: str, calls: int) -> None:
    runner = Runner(tmp_path, helium="")

    assert runner.run("end_release.sh", "resume", CODE=code)[0] == 0
    assert len(runner.called("helium")) == calls


def test_a_release_that_cannot_be_ended_is_a_failure(tmp_path: Path) -> None:
    assert Runner(tmp_path, helium="exit 1").run("end_release.sh", "rollback")[0] == 1


def test_a_copy_that_is_another_image_is_not_signed(tmp_path: Path) -> None:
    runner = Runner(tmp_path, docker=f"echo {OTHER}", cosign="")

    ended, text = runner.run("copy_image.sh", f"{IMAGE}@{DIGEST}", "prod.example.com/helium-backend")

    assert ended == 1
    assert f"is {OTHER} and not {DIGEST}" in text
    assert runner.called("cosign") == []


def test_a_copy_is_signed_by_its_digest(tmp_path: Path) -> None:
    runner = Runner(tmp_path, docker=f"echo {DIGEST}", cosign="")

    ended, _ = runner.run("copy_image.sh", f"{IMAGE}@{DIGEST}", "prod.example.com/helium-backend")

    assert ended == 0
    assert runner.called("cosign") == [f"sign --yes prod.example.com/helium-backend@{DIGEST}"]


def test_one_build_is_pushed_to_every_registry_with_bases_by_digest(tmp_path: Path) -> None:
    wrote = f'[ "$2" != build ] || echo \'{{"containerimage.digest": "{DIGEST}"}}\' >build.json'
    runner = Runner(tmp_path, docker=f"{wrote}; echo {OTHER}", git="echo 2026-11-25T00:00:00Z")
    names = "\n  a.example.com/helium-backend\n\n  b.example.com/helium-backend\n"
    place = tmp_path / "checkout"
    for name in ("infra/images", "backend/helium"):
        (place / name).mkdir(parents=True)
    for name in ("infra/images/backend.Dockerfile", "backend/helium/__init__.py"):
        (place / name).write_text((ROOT / name).read_text())

    ended, text = runner.run("push_image.sh", "backend", folder=place, NAMES=names)

    assert ended == 0, text
    (build,) = [call for call in runner.called("docker") if call.startswith("buildx build")]
    for part in (
        "--platform linux/amd64,linux/arm64",
        "--tag a.example.com/helium-backend:c0ffee-7-1 --tag b.example.com/helium-backend:c0ffee-7-1",
        f"--build-arg PYTHON_IMAGE=python:3.12-slim@{OTHER}",
        f"--build-arg NODE_IMAGE=node:22-slim@{OTHER}",
        "--attest type=provenance,mode=max --attest type=sbom",
        "--push",
    ):
        assert part in build
    assert runner.outputs.read_text().splitlines() == [
        f"digest={DIGEST}",
        f"first=a.example.com/helium-backend@{DIGEST}",
        "images<<END",
        f"a.example.com/helium-backend@{DIGEST}",
        f"b.example.com/helium-backend@{DIGEST}",
        "END",
    ]


@pytest.mark.parametrize(
    ("state", "number", "command"),
    [("open", "", "create"), ("open", "7", "comment"), ("close", "7", "close"), ("close", "", None)],
)
def test_there_is_one_issue_at_most(tmp_path: Path, state: str, number: str, command: str | None) -> None:
    runner = Runner(tmp_path, gh=f'[ "$2" != list ] || echo "{number}"')
    text = tmp_path / "text.md"
    text.write_text("Something differs.\n")

    assert runner.run("one_issue.sh", "A title", str(text), state)[0] == 0

    commands = [call.split()[1] for call in runner.called("gh")]
    assert commands == ["list", *([command] if command else [])]


def test_drift_is_told_stack_by_stack() -> None:
    sentences = runpy.run_path(str(SCRIPTS / "drift.py"))["sentences"]

    assert sentences(
        {
            "gcp-prod": {"result": "success", "outputs": {"changes": "2"}},
            "gcp-staging": {"result": "success", "outputs": {"changes": "0"}},
            "aws-prod": {"result": "skipped", "outputs": {}},
            "aws-staging": {"result": "failure", "outputs": {}},
        }
    ) == ["- `aws-staging`: the plan failed (failure)", "- `gcp-prod`: 2 changes"]


def repository(folder: Path) -> Path:
    """A checkout with one lock file, and one file of another kind."""
    (folder / "backend").mkdir(parents=True)
    for name in ("backend/requirements.lock", "Makefile"):
        (folder / name).write_text("old\n")
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "First"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(("file", "code"), [("backend/requirements.lock", 0), ("Makefile", 1)])
def test_a_renewal_changes_lock_files_only(tmp_path: Path, file: str, code: int) -> None:
    checkout = repository(tmp_path / "checkout")
    (checkout / file).write_text("new\n")
    patch = subprocess.run(["git", "diff"], cwd=checkout, check=True, capture_output=True, text=True)
    (checkout / "locks.patch").write_text(patch.stdout)
    subprocess.run(["git", "checkout", "-q", file], cwd=checkout, check=True)
    # git itself, but for what leaves the machine.
    real = "exec /usr/bin/git"
    runner = Runner(tmp_path, git=f'[ "$1" = push ] || {real} "$@"', gh='[ "$2" != list ] || echo 0')

    ended, text = runner.run("propose_locks.sh", "locks.patch", folder=checkout)

    assert ended == code, text
    assert len([call for call in runner.called("git") if call.startswith("push")]) == 1 - code
