"""No label takes a value that was not foreseen, whatever models, people and clients send."""

import re
import runpy
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from helium.adapters.cache import NAMESPACES
from helium.api.app import ROUTERS
from helium.api.routes import RouteTemplates
from helium.core.errors import TooManyRequests, TooManyRuns
from helium.core.events import ActionRequired, StepKind
from helium.core.states import TERMINAL
from helium.engine.tools import BUILT_IN
from helium.kit.metrics import OTHER, REGISTRY
from helium.kit.metrics import instruments as metrics
from helium.kit.metrics.registry import AnyInstrument
from helium.kit.metrics.values import CELLS

ROOT = Path(__file__).parents[3]
HOSTILE = (
    "",
    "x" * 100_000,
    'a"} 1\nagent_runs_total{status="completed',
    "\x00\ud800",
    "'; drop table run; --",
    "../../etc/passwd",
    "other ",
    "OTHER",
    "{}",
)
INSTRUMENTS = [i for i in REGISTRY.instruments.values() if i.source == "process"]


def templates() -> RouteTemplates:
    paths = [getattr(route, "path", "") for router in ROUTERS for route in router.routes]
    return RouteTemplates(paths)


@pytest.fixture
def _as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_open", {})
    REGISTRY.allow(metrics.ROUTE, templates().names)
    REGISTRY.allow(metrics.PROVIDER, [f"provider-{n}" for n in range(25)])
    REGISTRY.allow(metrics.MODEL, [f"openai:model-{n}" for n in range(50)])
    REGISTRY.allow(metrics.TOOL, BUILT_IN)
    REGISTRY.allow(metrics.NAMESPACE, NAMESPACES)
    REGISTRY.allow(metrics.VERSION, ("1.2.3",))


@pytest.mark.usefixtures("_as_in_production")
@pytest.mark.parametrize("instrument", [i for i in INSTRUMENTS if i.labels], ids=lambda i: i.name)
def test_a_hostile_value_becomes_other(instrument: AnyInstrument) -> None:
    before = set(instrument.children)

    for value in HOSTILE:
        instrument.of(*[value] * len(instrument.labels))

    assert set(instrument.children) - before <= {(OTHER,) * len(instrument.labels)}


@pytest.mark.usefixtures("_as_in_production")
def test_values_that_are_hostile_in_one_label_leave_the_others_alone() -> None:
    tries = product((*HOSTILE, "provider-1"), (*HOSTILE, "answered"))

    found = {metrics.MODEL_TRIES.of(*values) for values in tries}

    assert len(found) == 4


@pytest.mark.usefixtures("_as_in_production")
def test_all_series_that_can_be_fit_into_the_memory() -> None:
    assert REGISTRY.most_cells() < CELLS / 2


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/runs/run_01/events", "/v1/runs/{run_id}/events"),
        ("/v1/runs/run_01", "/v1/runs/{run_id}"),
        ("/v1/runs", "/v1/runs"),
        ("/v1/responses/resp_1/cancel", "/v1/responses/{response_id}/cancel"),
        ("/v1/runs/r/actions/a", "/v1/runs/{run_id}/actions/{action_id}"),
        ("/api/health", "/api/health"),
        ("/", "page"),
        ("/_next/static/chunk.js", "page"),
        ("/v1/runs/r/actions", "other"),
        ("/v1/runs/a/b/c/d/e/f/g/h/i/j/k", "other"),
        ("/{}", "other"),
        ("/v1/{}/{}", "other"),
        ("//", "other"),
        ("/wp-login.php", "other"),
        ("/v1/runs/" + "x" * 100_000, "/v1/runs/{run_id}"),
    ],
)
def test_a_path_is_known_by_its_routes_template(path: str, template: str) -> None:
    assert templates().of(path) == template


def test_every_route_of_the_resources_has_its_template() -> None:
    made = templates()
    paths = [getattr(route, "path", "") for router in ROUTERS for route in router.routes]

    assert len(paths) > 15
    assert [path for path in paths if made.of(path.replace("{", "").replace("}", "")) != path] == []


def test_the_closed_labels_are_those_of_the_code() -> None:
    codes: dict[str, str] = runpy.run_path(str(ROOT / "scripts/generate_docs.py"))["codes"]()

    assert set(metrics.ENDINGS) == TERMINAL
    assert set(metrics.FAILURES) == {code for code, where in codes.items() if where == "run"}
    assert metrics.STEP_SECONDS.labels[0].values == get_args(StepKind)
    assert metrics.ACTIONS.labels[0].values == get_args(ActionRequired.__annotations__["kind"])
    assert metrics.REFUSALS.labels[0].values == (TooManyRequests.code, TooManyRuns.code)


def test_the_budgets_are_those_of_the_loop() -> None:
    sources = [
        ROOT / "backend/helium" / name for name in ("core/budget.py", "engine/loop.py", "engine/journal.py")
    ]
    code = "".join(source.read_text() for source in sources)

    found = re.findall(r'(?:return|incomplete\() ?"((?:max_|content_)\w+)"', code)
    assert set(metrics.BUDGETS) == set(found)
