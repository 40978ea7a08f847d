"""`docs/operations/delivery.md` and the pipeline name the same things; Terraform and Helium have them."""

import re
from pathlib import Path

import pytest

from helium.release.options import ReleaseOptions
from tests.delivery import release, safety
from tests.delivery.pipeline import Pipeline, triggers

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/operations/delivery.md").read_text()
PIPELINE = Pipeline.read(ROOT)
TEXT = "\n".join(PIPELINE.files.values())
STACKS = ROOT / "infra/stacks"


def table(first: str) -> list[list[str]]:
    """The rows of the table whose first column has this heading."""
    _, _, rest = PAGE.partition(f"\n| {first} |")
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([A-Z][A-Z_]+)`", cell)


def outputs(stack: str) -> set[str]:
    return set(re.findall(r'^output "(\w+)"', (STACKS / stack / "outputs.tf").read_text(), re.M))


@pytest.mark.parametrize(("heading", "context"), [("variable", "vars"), ("secret", "secrets")])
def test_the_page_names_what_the_workflows_ask_for(heading: str, context: str) -> None:
    described = [name for row in table(heading) for name in names(row[0])]

    assert len(described) > 5
    assert sorted(described) == sorted(set(re.findall(rf"\b{context}\.(\w+)", TEXT)))


def test_outputs_that_fill_variables_are_the_stacks_own() -> None:
    wanted = [
        (name.partition("_")[0].lower(), output)
        for row in table("variable")
        for output in re.findall(r"output `(\w+)`", row[2])
        for name in names(row[0])
    ]

    assert len(wanted) >= 7
    missing = [
        (f"{cloud}-{environment}", output)
        for cloud, output in wanted
        for environment in ("staging", "prod")
        if output not in outputs(f"{cloud}-{environment}")
    ]
    assert missing == []


def test_the_page_names_the_environments_that_jobs_have() -> None:
    described = {name for row in table("environment") for name in re.findall(r"`([\w-]+)`", row[0])}
    used = {job.environment for job in PIPELINE.jobs() if job.environment and "{{" not in job.environment}
    for job in PIPELINE.jobs():
        used |= {str(value) for key, value in job.body.get("with", {}).items() if key == "environment"}
        if match := re.match(r"(\w+-)\$\{\{ endsWith", job.environment):
            used |= {f"{match[1]}prod", f"{match[1]}staging"}

    assert described == used


def test_the_clouds_trust_the_environments_in_which_releases_run() -> None:
    for cloud in ("gcp", "aws"):
        variables = (ROOT / f"infra/modules/{cloud}/identity/variables.tf").read_text()
        trusted = re.findall(r"contains\(\[(.+)\], var\.environment\)", variables)
        assert trusted == ['"staging", "prod"']


def test_the_account_that_the_page_names_is_the_stacks_pipeline() -> None:
    for stack in ("gcp-staging", "gcp-prod", "aws-staging", "aws-prod"):
        text = "\n".join(file.read_text() for file in (STACKS / stack).glob("*.tf"))
        assert re.search(r'account\s+= "pipeline"', text), stack
    assert "helium-pipeline@PROJECT" in PAGE
    assert "role/helium-ENVIRONMENT-pipeline" in PAGE


def test_stacks_that_are_planned_are_there() -> None:
    # `aws-limits` is applied by hand, if at all.
    there = {path.name for path in STACKS.iterdir() if path.name.endswith(("-staging", "-prod"))}
    for workflow in ("terraform.yml", "drift.yml"):
        planned = {job.body["with"]["stack"] for job in PIPELINE.jobs(workflow) if job.calls}
        assert planned == there


def test_what_a_release_is_told_is_what_it_listens_to() -> None:
    told = {name.lower() for name in re.findall(r"HELIUM_RELEASE_(\w+)", TEXT)}

    assert {"project", "region", "cluster", "state", "url", "stages", "soak_seconds", "token"} <= told
    assert told <= set(ReleaseOptions.model_fields)


def test_the_page_names_every_workflow_and_every_test() -> None:
    described = [name for row in table("workflow") for name in re.findall(r"`([\w-]+)`", row[0])]
    begun = [name for name, tree in PIPELINE.workflows() if triggers(tree) != {"workflow_call"}]
    tests = {path.name for path in Path(__file__).parent.glob("test_*.py")}

    assert sorted(f"{name}.yml" for name in described) == sorted(begun)
    assert {row[0].strip("`") for row in table("test")} == tests
    assert f"| {len(safety.ALL) + len(release.ALL)} policies " in PAGE


def test_the_image_is_built_with_arguments_that_it_has() -> None:
    script = (ROOT / ".github/scripts/push_image.sh").read_text()
    given = set(re.findall(r'--build-arg "(\w+)=', script)) - {"name"}

    for image in ("backend", "frontend"):
        recipe = (ROOT / f"infra/images/{image}.Dockerfile").read_text()
        assert given == {"VERSION", "REVISION", "CREATED"}
        assert given <= set(re.findall(r"^ARG (\w+)=", recipe, re.M))
        assert len(re.findall(r"^ARG \w+_IMAGE=", recipe, re.M)) == 2
