"""What the pages for operators say of known limits is what the code does."""

from pathlib import Path

import pytest

from helium.db.run_queue import MOST_WORKSPACES
from helium.engine.worker import CLAIM_LIMIT
from helium.settings import Settings

OPERATIONS = Path(__file__).resolve().parents[3] / "docs/operations"
SCALING = " ".join((OPERATIONS / "scaling.md").read_text().split())
KNOWN = SCALING.partition("## Known limits")[2]


def test_by_how_much_limits_on_running_runs_may_be_passed_is_said() -> None:
    delivered = min(Settings().worker.slots, Settings().queue.concurrency)

    assert f"one claim under way, of {CLAIM_LIMIT} runs at most" in SCALING
    assert f"(W - 1) × {CLAIM_LIMIT} runs, with a queue by (W - 1) × {delivered};" in SCALING
    assert f"passed by W × {delivered}." in SCALING


@pytest.mark.parametrize(
    "limit",
    [
        f"only the first {MOST_WORKSPACES:,} workspaces with waiting runs",
        "Redis Cluster works through one address only",
        "A function on Lambda removes no expired files",
    ],
)
def test_a_known_limit_is_named(limit: str) -> None:
    assert limit in KNOWN


@pytest.mark.parametrize("cloud", ["gcp", "aws"])
def test_operators_are_told_to_keep_their_own_lock_file(cloud: str) -> None:
    page = (OPERATIONS / f"first-deployment-{cloud}.md").read_text()

    chosen = page.index("terraform init -backend-config")
    locked = page.index("terraform providers lock -platform=linux_amd64")
    assert chosen < locked < page.index("git add .terraform.lock.hcl") < page.index("## 6.")
