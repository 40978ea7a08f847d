"""The operator's pages name what exists: commands, settings, Terraform's names, files, alerts.

The map of the founding document is whole. Each check is shown to see the mistake it is there for.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from helium.cli.app import app
from helium.release.options import ReleaseOptions
from tests.monitoring.pages import CLOUD_ALERTS, alert_names
from tests.support.settings_names import setting_names

ROOT = Path(__file__).resolve().parents[3]
OPERATIONS = ROOT / "docs/operations"
MAP = ROOT / "docs/founding-document.md"
PAGES = sorted([*OPERATIONS.glob("*.md"), MAP])
STATES = {"done", "differs", "not yet"}

COMMAND = re.compile(r"(?:^|[\s`;(/])helium ((?:[a-z]+(?:\|[a-z]+)*|--help)[^`#;\n]*)", re.MULTILINE)
IN_AN_IMAGE = re.compile(r'--args=([a-z][\w,:./-]*)|"command":\["([\w",-]+)"\]')
PATHS = re.compile(
    r"(?<![\w./-])((?:\.github|backend|contracts|docs|frontend|infra|scripts)/[\w./*-]*[\w*])"
)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
END = ".,:;)\"'"
CONTINUED = re.compile(r"\\\n\s*")
ROW = re.compile(r"^\| (\d+\.\d+) \| (.+?) \| (.+) \| (.+) \| (.+) \| ([a-z ]+) \|$", re.MULTILINE)

Check = Callable[[str], list[str]]


def commands(text: str) -> list[str]:
    """What is wrong with each `helium …` of the text: a command or an option that does not exist."""
    text = CONTINUED.sub(" ", text)
    written = [found.split(" | ")[0].split("&&")[0] for found in COMMAND.findall(text)]
    inside = [one.replace(",", " ") or two.replace('","', " ") for one, two in IN_AN_IMAGE.findall(text)]
    return [said for each in written + inside for said in _wrong(each.split())]


@cache
def _tree() -> Any:
    return typer.main.get_command(app)


def _wrong(words: list[str]) -> Iterator[str]:
    command = _tree()
    while hasattr(command, "commands") and words:
        *others, word = words.pop(0).rstrip(END).split("|")
        for name in (*others, word):
            if name not in command.commands and name != "--help":
                yield f"helium has no command {name}"
        if word not in command.commands:
            return
        command = command.commands[word]
    there = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    for word in words:
        if word.startswith("--") and word.partition("=")[0].rstrip(END) not in there:
            yield f"helium {command.name} has no option {word}"


@cache
def _variables() -> frozenset[str]:
    """Variables that Helium or its tests read, as settings or by their name."""
    read = [*(ROOT / "backend/helium").rglob("*.py"), *(ROOT / "backend/tests").rglob("conftest.py")]
    code = "\n".join(file.read_text() for file in read)
    release = {f"HELIUM_RELEASE_{name.upper()}" for name in ReleaseOptions.model_fields}
    return frozenset({*setting_names(), *release, *re.findall(r'"(HELIUM_[A-Z_]+)"', code)})


def settings(text: str) -> list[str]:
    """Variables that neither Helium nor a command of the reader's own shell reads."""
    known = _variables() | {"HELIUM_TOKEN", "HELIUM_URL"}
    named = set(re.findall(r"\bHELIUM_[A-Z_]+", text))
    return sorted(n for n in named if n not in known and not _begins(n, known))


def _begins(name: str, known: frozenset[str]) -> bool:
    return name.endswith("_") and any(each.startswith(name) for each in known)


@cache
def _declared(kind: str, *folders: str) -> frozenset[str]:
    files = [file for folder in folders for file in ROOT.glob(f"{folder}/*.tf")]
    return frozenset(re.findall(rf'^{kind} "(\w+)"', "\n".join(map(Path.read_text, files)), re.MULTILINE))


def terraform(text: str) -> list[str]:
    """Variables, outputs and targets that are not in the stack that the text named last."""
    places = [(m.start(), m[0]) for m in re.finditer(r"infra/stacks/(?:gcp|aws)-(?:prod|staging)", text)]
    wrong: list[str] = []
    for match in re.finditer(
        r"-var[ =]'?(?P<variable>\w+)=|TF_VAR_(?P<given>\w+)"
        r"|terraform output (?:-(?:raw|json) )?(?P<output>\w+)|-target='?(?P<target>[\w.\"\[\]]+)",
        CONTINUED.sub(lambda m: " " * len(m[0]), text),
    ):
        stack = next((name for at, name in reversed(places) if at < match.start()), "infra/stacks/*")
        wrong += [
            f"{stack}: {kind} {name}" for kind, name in _named(match) if not _is_there(stack, kind, name)
        ]
    for block in re.finditer(r"`(infra/stacks/[\w-]+)/\w+\.tfvars`:\n\n```hcl\n(.*?)```", text, re.DOTALL):
        names = set(re.findall(r"^(\w+) +=", block[2], re.MULTILINE))
        wrong += [
            f"{block[1]}: variable {name}" for name in sorted(names - _declared("variable", block[1]))
        ]
    return wrong


def _named(match: re.Match[str]) -> list[tuple[str, str]]:
    kinds = {"variable": "variable", "given": "variable", "output": "output", "target": "target"}
    return [(kind, match[group]) for group, kind in kinds.items() if match[group]]


def _is_there(stack: str, kind: str, name: str) -> bool:
    if kind != "target":
        return name in _declared(kind, stack)
    cloud = "gcp" if "gcp" in stack else "aws"
    parts = re.sub(r'\["\w+"\]', "", name).split(".")
    if parts[0] != "module":
        return parts[1] in _resources(parts[0], stack)
    inner = parts[2:]
    there = parts[1] in _declared("module", stack)
    return there and (not inner or inner[1] in _resources(inner[0], f"infra/modules/{cloud}/{parts[1]}"))


def _resources(kind: str, folder: str) -> set[str]:
    text = "\n".join(map(Path.read_text, ROOT.glob(f"{folder}/*.tf")))
    return set(re.findall(rf'^resource "{kind}" "(\w+)"', text, re.MULTILINE))


def paths(text: str) -> list[str]:
    """Files of the repository that are not there; `….tfvars` are the reader's own."""
    named = {name.rstrip(".") for name in PATHS.findall(re.sub(r"\]\([^)]*\)|https?://\S+", "", text))}
    return sorted(n for n in named if not n.endswith((".tfvars", "/out")) and not list(ROOT.glob(n)))


def targets(text: str) -> list[str]:
    """`make …` in code that the Makefile does not have."""
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    return sorted(set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) - there)


def alerts(text: str) -> list[str]:
    """Runbooks and alerts that are linked, or named in code as an alert is, and that no rule has."""
    linked = set(re.findall(r"runbooks/(\w+)\.md", text)) - {"README"}
    labelled = set(re.findall(r"\[(\w+)\]\((?:runbooks/)?\w+\.md\)", text))
    mixed = {name for name in labelled if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", name)}
    return sorted((linked | mixed) - {*alert_names(), *CLOUD_ALERTS})


def anchors(page: Path, text: str) -> list[str]:
    """Links that lead to no file, or to no heading of it."""
    wrong: list[str] = []
    for link in LINK.findall(text):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        content = text if target == page else target.read_text() if target.is_file() else ""
        if not target.exists() or (anchor and anchor not in set(map(_anchor, _headings(content)))):
            wrong.append(link)
    return wrong


def _headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def checks_of_the_map(text: str) -> list[str]:
    """What stands in the columns `where`, `checked by` and `state` and is not there."""
    wrong: list[str] = []
    for nr, _, _, where, check, state in ROW.findall(text):
        found = [
            *re.findall(r"`(backend/tests/[^`]+)`", check),
            *re.findall(r"`((?:make|helium|python -m) [^`]+)`", check),
        ]
        pages = LINK.findall(check)
        wrong += [f"{nr}: no test {name}" for name in found if not _test_exists(name)]
        wrong += [f"{nr}: nothing checks it"] * (not found and not pages)
        wrong += [f"{nr}: no place"] * (not LINK.findall(where))
        wrong += [f"{nr}: state {state}"] * (state not in STATES)
    return wrong


def _test_exists(name: str) -> bool:
    if name.startswith("make "):
        return not targets(f"`{name}`")
    if name.startswith("helium "):
        return not commands(f"`{name}`")
    if name.startswith("python -m "):
        return (ROOT / "backend" / (name.split()[2].replace(".", "/") + ".py")).exists()
    file, _, function = name.partition("::")
    path = ROOT / file
    return path.exists() and (not function or f"def {function}(" in path.read_text())


def inventory(text: str, items: dict[str, str]) -> list[str]:
    """Items that are mapped not at all, twice, in other words, or that the list does not have."""
    rows = [(row[0], row[1]) for row in ROW.findall(text)]
    wrong = [f"{nr} is there {n} times" for nr, n in Counter(nr for nr, _ in rows).items() if n > 1]
    wrong += [f"{nr} is missing" for nr in items if nr not in dict(rows)]
    return wrong + [f"{nr} is not in the list" for nr, said in rows if items.get(nr) != said]


def totals(text: str) -> list[str]:
    n = Counter(row[5] for row in ROW.findall(text))
    line = f"{n.total()} items: {n['done']} done, {n['differs']} differ, {n['not yet']} not yet."
    return [] if f"\n{line}\n" in text else [line]


EACH_PAGE: tuple[Check, ...] = (commands, settings, terraform, paths, targets, alerts)
MISTAKES: list[tuple[Check, str]] = [
    (commands, "`helium backpu --to x`"),
    (commands, "```sh\nHELIUM_DATABASE_URL=x .venv/bin/helium restore \\\n  --form s3://x\n```"),
    (commands, "`helium drill backup`"),
    (commands, "`gcloud run jobs execute x --args=migrate,--now`"),
    (commands, """--overrides '{"containerOverrides":[{"name":"api","command":["migrat"]}]}'"""),
    (settings, "set `HELIUM_WORKER__SLOT` to 3"),
    (settings, "all of `HELIUM_BLOB__…`"),
    (terraform, "cd infra/stacks/aws-prod\nterraform output -raw migrate_job"),
    (terraform, "cd infra/stacks/gcp-prod\nexport TF_VAR_cache_password=x"),
    (terraform, "cd infra/stacks/gcp-prod\nterraform apply -var-file=x -var zone_id=y"),
    (terraform, "cd infra/stacks/gcp-prod\nterraform apply -target=aws_ecr_repository.backend"),
    (
        terraform,
        "cd infra/stacks/gcp-prod\nterraform apply -target='module.service[\"api\"].google_x.migrate'",
    ),
    (terraform, "cd infra/stacks/gcp-prod\nterraform apply -target=module.edges"),
    (terraform, "`infra/stacks/gcp-prod/prod.tfvars`:\n\n```hcl\nregions = 1\n```"),
    (paths, "see infra/modules/gcp/caches and `backend/tests/docs/test_nothing.py`"),
    (targets, "then `make everything`"),
    (alerts, "[RedisDown](runbooks/RedisGone.md)"),
    (alerts, "[HighLatencies](runbooks/HighLatency.md)"),
    (
        checks_of_the_map,
        "| 1.1 | a | b | [c](d) | `backend/tests/docs/test_operations.py::test_nothing` | done |",
    ),
    (checks_of_the_map, "| 1.1 | a | b | [c](d) | `make everything` | done |"),
    (checks_of_the_map, "| 1.1 | a | b | [c](d) | `helium drill everything` | done |"),
    (checks_of_the_map, "| 1.1 | a | b | [c](d) | – | done |"),
    (checks_of_the_map, "| 1.1 | a | b | there | `make check` | done |"),
    (checks_of_the_map, "| 1.1 | a | b | [c](d) | `make check` | almost |"),
    (totals, "\n2 items: 1 done, 0 differ, 0 not yet.\n| 1.1 | a | b | c | d | done |"),
]


def founding_items() -> dict[str, str]:
    return tomllib.loads((ROOT / "docs/founding-items.toml").read_text())["items"]


@pytest.mark.parametrize("check", EACH_PAGE, ids=lambda check: check.__name__)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_what_exists(page: Path, check: Check) -> None:
    assert check(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_headings_that_are_there(page: Path) -> None:
    assert anchors(page, page.read_text()) == []


@pytest.mark.parametrize(("check", "text"), MISTAKES)
def test_a_check_sees_the_mistake_that_it_is_there_for(check: Check, text: str) -> None:
    assert check(text) != []


def test_a_link_to_a_heading_or_page_that_is_not_there_is_seen() -> None:
    text = "# One\n[a](#two) [b](scaling.md#nothing) [c](nothing.md) [d](#one) [e](scaling.md#the-picture)"

    assert anchors(OPERATIONS / "slo.md", text) == ["#two", "scaling.md#nothing", "nothing.md"]


def test_every_check_has_a_mistake_that_it_sees() -> None:
    assert {check for check, _ in MISTAKES} == {*EACH_PAGE, checks_of_the_map, totals}


def test_the_founding_document_is_mapped_item_by_item() -> None:
    items = founding_items()

    assert len(items) > 80
    assert inventory(MAP.read_text(), items) == []
    assert checks_of_the_map(MAP.read_text()) == []
    assert totals(MAP.read_text()) == []


def test_an_item_that_is_missing_doubled_or_in_other_words_is_seen() -> None:
    row = "| {} | {} | b | [c](d) | `make check` | done |"
    text = "\n".join(
        [row.format("1.1", "a"), row.format("1.1", "a"), row.format("1.3", "z"), row.format("1.4", "a")]
    )

    found = inventory(text, {"1.1": "a", "1.2": "a", "1.3": "a"})

    assert found == [
        "1.1 is there 2 times",
        "1.2 is missing",
        "1.3 is not in the list",
        "1.4 is not in the list",
    ]


def test_bad_days_name_alerts_and_have_a_rehearsal_each() -> None:
    text = (OPERATIONS / "disaster-recovery.md").read_text()
    days = text.split("\n## ")[1:]

    assert [day.splitlines()[0].split()[-2:] for day in days] == [
        ["is", "lost"],
        ["is", "lost"],
        ["is", "lost"],
        ["bad", "release"],
        ["has", "leaked"],
    ]
    for day in days:
        assert set(re.findall(r"runbooks/(\w+)\.md", day)) & set(alert_names()), day[:40]
        assert all(f"**{part}" in day for part in ("How it shows", "First five minutes", "Rehearse")), day[
            :40
        ]


def test_every_line_of_the_roadmap_has_a_command_or_a_page_and_an_end() -> None:
    text = (OPERATIONS / "roadmap.md").read_text()
    lines = re.findall(r"^\| ☐ \| (.+?) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    mapped = [nr for nr in founding_items() if nr.startswith("10.")]

    assert len(lines) == len(mapped)
    assert [line for line in lines if not ("`" in line[1] or LINK.search(line[1]))] == []
