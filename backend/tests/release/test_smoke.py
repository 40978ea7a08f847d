"""The smoke test against Helium itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from helium.kit.clock import SystemClock
from helium.release import Candidate, StepFailed
from helium.release.smoke import Smoke
from tests.support.processes import Api, Fleet, forge, until

pytestmark = pytest.mark.process


@pytest.fixture
async def api(tmp_path: Path, database_url: str) -> AsyncIterator[Api]:
    with forge() as made:
        fleet = Fleet(made, tmp_path, database_url)
        try:
            started = fleet.api("up")
            await until(started.ready, "an API")
            await until((tmp_path / "owner-token").exists, "the owner's token")
            yield started
        finally:
            fleet.close()


async def test_a_real_helium_passes_with_its_token_and_not_with_another(api: Api, tmp_path: Path) -> None:
    token = (tmp_path / "owner-token").read_text().strip()

    await _smoke(token).test(Candidate(api.address))

    with pytest.raises(StepFailed, match="token was refused with 401"):
        await _smoke("hk_another").test(Candidate(api.address))
    with pytest.raises(StepFailed, match="/api/ready: ClientConnectorError"):
        await _smoke(token, seconds=0).test(Candidate("http://127.0.0.1:1"))


def _smoke(token: str, *, seconds: float = 30) -> Smoke:
    return Smoke(SystemClock(), token=token, model="offline:demo", seconds=seconds)
