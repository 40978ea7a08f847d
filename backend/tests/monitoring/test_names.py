"""Rules, dashboards and runbooks speak of metrics, labels and values that exist."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from helium.kit.metrics.instruments import ENDINGS, FAILURES, NO_REASON, REGISTRY
from helium.kit.metrics.registry import OTHER, AnyInstrument
from tests.monitoring.pages import RUNBOOKS, blocks, generator, rules

# Shown by others than Helium, with the labels that are used here.
OTHERS: dict[str, set[str]] = {
    "up": set(),
    "ALERTS": {"alertstate", "alertname", "severity"},
    "probe_success": set(),
    "probe_ssl_earliest_cert_expiry": set(),
    "redis_up": set(),
    "pg_stat_activity_count": set(),
    "pg_settings_max_connections": set(),
}
OF_TARGETS = {"job", "instance"}
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
WORDS = {"and", "or", "unless", "bool", "by", "on", "without"}


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for name, board in generator.dashboards().items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]
    for page in sorted(RUNBOOKS.glob("*.md")):
        for block in blocks(page, "promql"):
            yield from ((page.stem, line) for line in block.splitlines())


def recorded() -> dict[str, set[str]]:
    """Names of recording rules, and their labels."""
    return {
        rule["record"]: {"slo"} if rule["record"].startswith("slo:") else {"status"}
        for rule in rules()
        if "record" in rule
    }


def instrument(name: str) -> AnyInstrument | None:
    found = REGISTRY.instruments.get(re.sub(r"_(bucket|sum|count)$", "", name))
    if found is not None and found.kind == "histogram":
        return found if name != found.name else None
    return REGISTRY.instruments.get(name)


def labels_of(name: str) -> Mapping[str, Any] | set[str]:
    if (known := instrument(name)) is not None:
        made: dict[str, Any] = {label.name: label for label in known.labels}
        return made | ({"le": known} if name.endswith("_bucket") else {})
    return {**recorded(), **OTHERS}[name]


EXPRESSIONS = list(expressions())


def bare(expression: str) -> str:
    """Without what stands in quotes, braces, brackets and groupings."""
    without = GROUPING.sub("", re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", re.sub(r'"[^"]*"', "", expression)))
    return re.sub(r"[a-z_]+\s*\(", "(", without)


def names(expression: str) -> set[str]:
    return set(NAME.findall(bare(expression))) - WORDS


def test_every_metric_exists() -> None:
    known = {*recorded(), *OTHERS}
    unknown = [
        (where, name)
        for where, expression in EXPRESSIONS
        for name in names(expression)
        if instrument(name) is None and name not in known
    ]

    assert unknown == []
    assert [
        where for where, expression in EXPRESSIONS if not names(expression) and "vector(" not in expression
    ] == []


def test_every_label_and_value_exists() -> None:
    assert [
        (where, wrong) for where, expression in EXPRESSIONS for wrong in _wrong_matchers(expression)
    ] == []


def _wrong_matchers(expression: str) -> Iterator[str]:
    for name, matchers in SELECTOR.findall(expression.replace("{run_id}", "")):
        labels = labels_of(name)
        for label, operator, value in MATCHER.findall(matchers):
            if label in OF_TARGETS:
                continue
            known = label in labels
            if not known or (
                isinstance(labels, Mapping) and not _possible(labels[label], label, operator, value)
            ):
                yield f"{name}{{{label}{operator}{value}}}"


def _possible(of: Any, label: str, operator: str, value: str) -> bool:
    if label == "le":
        return value in [str(bound) for bound in of.bounds]
    if of.open_to:
        return True
    wanted = value.split("|") if operator in ("=~", "!~") else [value]
    return all(any(re.fullmatch(each, known) for known in (*of.values, OTHER)) for each in wanted)


def test_every_grouping_is_by_labels_of_what_is_grouped() -> None:
    wrong = [
        (where, label)
        for where, expression in EXPRESSIONS
        for group in GROUPING.findall(expression)
        for label in NAME.findall(group)
        if label not in OF_TARGETS.union(*(set(labels_of(name)) for name in names(expression)))
    ]

    assert wrong == []


def test_figures_of_the_database_are_not_added_up_over_processes() -> None:
    """`max by (…) (rate(…))`: not `sum` alone, and not `rate` of a maximum."""
    of_database = [
        (where, expression)
        for where, expression in EXPRESSIONS
        if any(
            known is not None and known.source == "database" for known in map(instrument, names(expression))
        )
    ]

    assert len(of_database) > 10
    assert [where for where, e in of_database if not re.search(r"\bmax(?: by \([^)]*\))? ?\(", e)] == []
    assert [where for where, e in of_database if re.search(r"(?:rate|increase)\(\s*max\b", e)] == []


def test_every_ending_of_a_run_is_decided() -> None:
    page = generator.load()["run_endings"]

    assert set(page["good"]) | set(page["excluded"]) | {"failed"} == set(ENDINGS)
    assert set(page["failed"]) == {*FAILURES, NO_REASON, OTHER}
    assert all(decided["because"] for decided in page["failed"].values())


def test_every_instrument_is_on_a_dashboard() -> None:
    text = "".join(
        target["expr"]
        for board in generator.dashboards().values()
        for panel in board["panels"]
        for target in panel["targets"]
    )

    assert [name for name in REGISTRY.instruments if name not in text] == []
