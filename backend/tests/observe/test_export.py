"""Whoever collects spans may be away, slow or full: no run waits for that."""

import signal
import threading
from pathlib import Path

import pytest

from tests.observe.receivers import Catcher
from tests.support.processes import Forge, free_port, until
from tests.support.scene import scene

PLACES = ["hangs", "refuses", "is broken", "is nobody"]


@pytest.mark.postgres
@pytest.mark.process
@pytest.mark.parametrize("place", PLACES)
async def test_a_collector_that_is_away_slows_no_run_and_no_end(
    place: str, helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    caught.hold = threading.Event() if place == "hangs" else None
    caught.status = {"refuses": 400, "is broken": 503}.get(place, 200)
    address = f"http://127.0.0.1:{free_port()}" if place == "is nobody" else caught.address
    env = {"HELIUM_TRACES__ENDPOINT": address, "HELIUM_ERRORS__DSN": caught.dsn}
    async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
        runs = [await stage.start("What is 6*7?") for _ in range(20)]
        ended = await stage.whole(runs, 10)
        assert {run["status"] for run in ended} == {"completed"}

        if place != "is nobody":
            await until(lambda: "/v1/traces" in caught.paths, "it was asked")
        if place == "refuses":
            await until(lambda: stage.api.node.said("traces.away"), "the operator is told")
        stage.api.node.send(signal.SIGTERM)
        assert await stage.api.node.gone(12) == 0
    assert stage.api.node.log.read_text().count("traces.away") <= 1
