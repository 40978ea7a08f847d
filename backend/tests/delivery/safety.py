"""What no workflow may do: each policy gives a sentence for each fault."""

import re
from collections.abc import Iterator
from typing import Any

from tests.delivery.pipeline import Job, Pipeline, triggers

PINNED = re.compile(r"uses: (?!\./)\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
IMAGE = re.compile(r"\S+@sha256:[0-9a-f]{64}")
MOST_MINUTES = 180
# Events that hand a stranger's words, or a stranger's commit, to a workflow with rights.
DANGEROUS = {"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion_comment"}
# Who may write what on GitHub; everybody else may read.
WRITERS = {
    ("drift.yml: report", "issues"),
    ("drill.yml: report", "issues"),
    ("locks.yml: propose", "contents"),
    ("locks.yml: propose", "pull-requests"),
}
OURS = "github.event.pull_request.head.repo.full_name == github.repository"
# None of them is written out here: what is committed names no registry of packages.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("registry", "npmjs", "org"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("registry", "terraform", "io"),
    )
)


def actions_are_pinned(pipeline: Pipeline) -> list[str]:
    """By commit, with the version beside it; images by digest."""
    lines = [
        (path, line.strip())
        for path in pipeline.trees
        for line in pipeline.files[path].splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    loose = [f"{path}: {line}" for path, line in lines if not _is_pinned(line.removeprefix("- "))]
    for job in pipeline.jobs():
        for container in [job.body.get("container"), *job.body.get("services", {}).values()]:
            image = container["image"] if isinstance(container, dict) else container
            if image is not None and not IMAGE.fullmatch(image):
                loose.append(f"{job}: {image} is no digest")
    return loose


def _is_pinned(line: str) -> bool:
    return line.startswith("uses: ./.github/") or PINNED.fullmatch(line) is not None


def triggers_are_safe(pipeline: Pipeline) -> list[str]:
    return [
        f"{name} begins with {event}"
        for name, tree in pipeline.workflows()
        for event in triggers(tree) & DANGEROUS
    ]


def rights_are_least(pipeline: Pipeline) -> list[str]:
    """None for a workflow; for each job those that it needs."""
    found = [f"{name} has rights" for name, tree in pipeline.workflows() if tree.get("permissions") != {}]
    for job in pipeline.jobs():
        given = job.body.get("permissions")
        if not isinstance(given, dict):
            found.append(f"{job} does not say which rights it has")
            continue
        for right, level in given.items():
            if level == "write" and right != "id-token" and (str(job), right) not in WRITERS:
                found.append(f"{job} may write {right}")
    return found


def jobs_end(pipeline: Pipeline) -> list[str]:
    return [
        f"{job} may take {job.body.get('timeout-minutes', 360)} minutes"
        for job in pipeline.jobs()
        if not job.calls and not 0 < int(job.body.get("timeout-minutes", 360)) <= MOST_MINUTES
    ]


def runs_wait_for_each_other(pipeline: Pipeline) -> list[str]:
    """What begins by itself has a group; what touches a cloud is never cut off by its next run."""
    found: list[str] = []
    for name, tree in pipeline.workflows():
        if triggers(tree) == {"workflow_call"}:
            continue
        group = tree.get("concurrency")
        if not isinstance(group, dict) or "group" not in group:
            found.append(f"{name} has no group")
        elif "pull_request" not in triggers(tree) and group.get("cancel-in-progress") is not False:
            found.append(f"{name} may be cut off by its next run")
    return found


def checkouts_keep_no_token(pipeline: Pipeline) -> list[str]:
    return [
        f"{place} leaves its token in the checkout"
        for place, step in pipeline.steps()
        if str(step.get("uses", "")).startswith("actions/checkout@")
        and step.get("with", {}).get("persist-credentials") is not False
    ]


def commands_are_constant(pipeline: Pipeline) -> list[str]:
    """Nothing is pasted into a command, no secret and no stranger's words. Values come by environment."""
    return [
        f"{place} pastes into a command" for place, step in pipeline.steps() if "${{" in step.get("run", "")
    ]


def secrets_are_handed_over_one_by_one(pipeline: Pipeline) -> list[str]:
    """To a step by its environment; never to a job, nor as an argument of an action."""
    found = [
        f"{job} gives a secret to all its steps"
        for job in pipeline.jobs()
        if "secrets." in _text(job.body, "env")
    ]
    found += [
        f"{name} gives a secret to all"
        for name, tree in pipeline.workflows()
        if "secrets." in _text(tree, "env")
    ]
    for place, step in pipeline.steps():
        elsewhere = {key: value for key, value in step.items() if key != "env"}
        if "secrets." in str(elsewhere):
            found.append(f"{place} gives a secret elsewhere than in a step's environment")
    return found


def _text(tree: dict[str, Any], key: str) -> str:
    return str(tree.get(key, ""))


def strangers_get_nothing(pipeline: Pipeline) -> list[str]:
    """A pull request from a fork runs no job that has an identity or a secret."""
    return [
        f"{job} would give its identity to a fork"
        for name, tree in pipeline.workflows()
        if "pull_request" in triggers(tree)
        for job in pipeline.jobs(name)
        if job.is_identified and OURS not in job.condition
    ]


def identities_have_an_environment(pipeline: Pipeline) -> list[str]:
    """The clouds' trust is in an environment's name, so no job may log in without one."""
    return [
        f"{job} has an identity or a secret, and no environment"
        for job in pipeline.jobs()
        if not job.calls and job.is_identified and not job.environment
    ]


def calls_fit(pipeline: Pipeline) -> list[str]:
    """What is called gets the inputs that it declares, and the rights that its jobs need."""
    return [fault for job in pipeline.jobs() if job.calls for fault in _call_faults(pipeline, job)] + [
        fault for place, step in pipeline.steps() for fault in _action_faults(pipeline, place, step)
    ]


def _call_faults(pipeline: Pipeline, job: Job) -> Iterator[str]:
    inputs = pipeline.workflow(job.calls)["on"]["workflow_call"]
    yield from _inputs_differ(str(job), (inputs or {}).get("inputs", {}), job.body.get("with", {}))
    for called in pipeline.jobs(job.calls):
        for right, level in called.permissions.items():
            if job.permissions.get(right) not in (level, "write"):
                yield f"{job} lacks {right}: {level}, which {called} needs"


def _action_faults(pipeline: Pipeline, place: str, step: dict[str, Any]) -> Iterator[str]:
    uses = str(step.get("uses", ""))
    if uses.startswith("./"):
        declared = pipeline.trees[uses.removeprefix("./") + "/action.yml"].get("inputs", {})
        yield from _inputs_differ(place, declared, step.get("with", {}))


def _inputs_differ(place: str, declared: dict[str, Any], given: dict[str, Any]) -> Iterator[str]:
    yield from (f"{place} gives {name}, which nobody asks for" for name in given.keys() - declared.keys())
    required = {name for name, body in declared.items() if body.get("required")}
    yield from (f"{place} does not give {name}" for name in required - given.keys())


def no_registry_is_named(pipeline: Pipeline) -> list[str]:
    """Images and packages come from where the tools' own settings say; clouds' registries are variables."""
    clouds = (r"[\w.-]+\.pkg\.dev", r"[\w.-]+\.dkr\.ecr\.[\w.-]+")
    pattern = re.compile("|".join([*map(re.escape, REGISTRIES), *clouds]))
    return [
        f"{path} names {match[0]}"
        for path, text in pipeline.files.items()
        for match in pattern.finditer(text)
    ]


ALL = (
    actions_are_pinned,
    triggers_are_safe,
    rights_are_least,
    jobs_end,
    runs_wait_for_each_other,
    checkouts_keep_no_token,
    commands_are_constant,
    secrets_are_handed_over_one_by_one,
    strangers_get_nothing,
    identities_have_an_environment,
    calls_fit,
    no_registry_is_named,
)
