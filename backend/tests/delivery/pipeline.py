"""The workflows and actions of GitHub, parsed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Tree = dict[str, Any]
WORKFLOWS = ".github/workflows/"


@dataclass(frozen=True, slots=True)
class Job:
    """One job, and the name of the workflow's file that it is in."""

    workflow: str
    name: str
    body: Tree

    def __str__(self) -> str:
        return f"{self.workflow}: {self.name}"

    @property
    def steps(self) -> list[Tree]:
        return list(self.body.get("steps", []))

    @property
    def calls(self) -> str:
        """The file of the workflow that it calls, if it does."""
        return str(self.body.get("uses", "")).removeprefix("./.github/workflows/")

    @property
    def environment(self) -> str:
        given = self.body.get("environment", "")
        return str(given["name"] if isinstance(given, dict) else given)

    @property
    def needs(self) -> set[str]:
        given = self.body.get("needs", [])
        return {given} if isinstance(given, str) else set(given)

    @property
    def condition(self) -> str:
        return " ".join(str(self.body.get("if", "")).split())

    @property
    def permissions(self) -> Tree:
        return dict(self.body.get("permissions") or {})

    @property
    def is_identified(self) -> bool:
        """Whether it, or what it calls, may log in to a cloud or read a secret."""
        return "id-token" in self.permissions or "secrets" in str(self.body)


class Pipeline:
    """The files by path, with `/` between folders."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.trees: dict[str, Tree] = {
            path: _parsed(text) for path, text in files.items() if path.endswith(".yml")
        }

    @classmethod
    def read(cls, root: Path) -> "Pipeline":
        paths = sorted(
            path for path in (root / ".github").rglob("*") if path.suffix in {".yml", ".sh", ".py"}
        )
        return cls({path.relative_to(root).as_posix(): path.read_text() for path in paths})

    def replaced(self, file: str, old: str, new: str) -> "Pipeline":
        """The pipeline with something else in one file."""
        assert old in self.files[file], f"{file} has no {old!r}"
        return Pipeline({**self.files, file: self.files[file].replace(old, new)})

    def workflows(self) -> Iterator[tuple[str, Tree]]:
        """File's name and content of each workflow."""
        for path, tree in self.trees.items():
            if path.startswith(WORKFLOWS):
                yield path.removeprefix(WORKFLOWS), tree

    def workflow(self, name: str) -> Tree:
        return self.trees[WORKFLOWS + name]

    def jobs(self, workflow: str | None = None) -> list[Job]:
        return [
            Job(file, name, body)
            for file, tree in self.workflows()
            if workflow in (None, file)
            for name, body in tree["jobs"].items()
        ]

    def job(self, workflow: str, name: str) -> Job:
        return Job(workflow, name, self.workflow(workflow)["jobs"][name])

    def steps(self) -> list[tuple[str, Tree]]:
        """Each step of a job or of an action of ours, with the place where it is."""
        found = [(str(job), step) for job in self.jobs() for step in job.steps]
        for path, tree in self.trees.items():
            found += [(path, step) for step in tree.get("runs", {}).get("steps", [])]
        return found

    def before(self, job: Job) -> set[str]:
        """Names of all jobs of its workflow that must have ended before it, directly or not."""
        found: set[str] = set()
        left = set(job.needs)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left |= self.job(job.workflow, name).needs
        return found


def triggers(tree: Tree) -> set[str]:
    given = tree["on"]
    return {given} if isinstance(given, str) else set(given)


@cache
def _parsed(text: str) -> Tree:
    return YAML(typ="safe", pure=True).load(text)
