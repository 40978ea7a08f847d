"""The page's reports: taken from whoever may use the page, bounded, and passed on without a text."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from helium.api import page_errors
from helium.bootstrap import Helium, open_helium
from helium.settings import ErrorSettings, Settings, SettingsInvalid
from tests.features.conftest import client_of_new_workspace
from tests.observe.receivers import Catcher

CANARY = "canary 41d7, said somebody"
FRAME = {"function": "reduce", "file": "/_next/static/a.js", "line": 3, "column": 14}
REPORT: dict[str, Any] = {"kind": "TypeError", "where": "chat", "frames": [FRAME, {**FRAME, "file": ""}]}


def settings(home: Path, url: str, dsn: str) -> Settings:
    return Settings(
        home=home, database_url=SecretStr(url), errors=ErrorSettings(dsn=SecretStr(dsn), release="7")
    )


@pytest.fixture
async def helium(database_url: str, tmp_path: Path, caught: Catcher) -> AsyncIterator[Helium]:
    async with open_helium(settings(tmp_path, database_url, caught.dsn), database_url, "api") as running:
        yield running


@pytest.fixture
async def client(helium: Helium) -> AsyncIterator[httpx.AsyncClient]:
    async with await client_of_new_workspace(helium) as http:
        yield http


async def test_a_report_arrives_with_its_places(database_url: str, tmp_path: Path, caught: Catcher) -> None:
    async with (
        open_helium(settings(tmp_path, database_url, caught.dsn), database_url, "api") as helium,
        await client_of_new_workspace(helium) as http,
    ):
        assert (await http.post(page_errors.PATH, json=REPORT)).status_code == 204

    (event,) = caught.events()
    assert (event["platform"], event["logger"], event["release"]) == ("javascript", "page", "7")
    (value,) = event["exception"]["values"]
    assert value["type"] == "TypeError"
    assert [(f["filename"], f["lineno"], f["in_app"]) for f in value["stacktrace"]["frames"]] == [
        ("elsewhere", 3, False),
        ("/_next/static/a.js", 3, True),
    ]
    assert event["tags"]["where"] == "chat"


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": CANARY},
        {"kind": CANARY},
        {"where": CANARY},
        {"frames": [{**FRAME, "function": CANARY}]},
        {"frames": [{**FRAME, "file": f"/a?{CANARY}"}]},
        {"frames": [FRAME] * 31},
        {"frames": [{**FRAME, "line": -1}]},
    ],
)
async def test_whatever_could_hold_a_text_is_refused(
    wrong: dict[str, Any], client: httpx.AsyncClient, caught: Catcher
) -> None:
    answer = await client.post(page_errors.PATH, json={**REPORT, **wrong})
    assert (answer.status_code, caught.bodies) == (422, [])
    assert CANARY not in answer.text


async def test_a_stranger_may_not_report(client: httpx.AsyncClient) -> None:
    answer = await client.post(page_errors.PATH, json=REPORT, headers={"authorization": ""})
    assert answer.status_code == 401


async def test_a_large_report_and_another_method_are_refused(client: httpx.AsyncClient) -> None:
    large = await client.post(page_errors.PATH, content=b" " * (page_errors.MOST_BYTES + 1))
    assert (large.status_code, (await client.get(page_errors.PATH)).status_code) == (422, 405)


async def test_a_page_from_before_an_upgrade_is_told_no_and_so_falls_silent(
    client: httpx.AsyncClient,
) -> None:
    """Its places are those of another release than the one that the server would name."""
    assert (await client.post("/internal/page-errors", json=REPORT)).status_code == 405


async def test_a_page_in_a_loop_is_told_to_wait(client: httpx.AsyncClient) -> None:
    answers = [
        await client.post(page_errors.PATH, json=REPORT) for _ in range(page_errors.PER_MINUTE * 2 + 1)
    ]
    codes = [answer.status_code for answer in answers]
    assert codes.count(429) >= 1
    assert codes.count(204) >= page_errors.PER_MINUTE


async def test_without_a_dsn_there_is_no_such_route(database_url: str, tmp_path: Path) -> None:
    plain = Settings(home=tmp_path, database_url=SecretStr(database_url))
    async with (
        open_helium(plain, database_url, "api") as helium,
        await client_of_new_workspace(helium) as http,
    ):
        assert (await http.post(page_errors.PATH, json=REPORT)).status_code == 405


async def test_a_dsn_that_is_none_refuses_to_start(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="HELIUM_ERRORS__DSN"):
        async with open_helium(settings(tmp_path, database_url, "nonsense"), database_url, "api"):
            pass
