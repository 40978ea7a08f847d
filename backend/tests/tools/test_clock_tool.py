"""The clock, at noon on 1 July 2026 (UTC) and half a year later."""

from datetime import timedelta

import pytest

from helium.core.errors import ToolError
from helium.engine.tools.zones import CITIES, find_zone
from tests.tools.desk import Desk

TIMES = {
    "Tokyo": "It is 21:00 on Wednesday, 1 July 2026 in Tokyo (Asia/Tokyo, UTC+09:00).",
    "new york": "It is 08:00 on Wednesday, 1 July 2026 in new york (America/New_York, UTC-04:00).",
    "London": "It is 13:00 on Wednesday, 1 July 2026 in London (Europe/London, UTC+01:00).",
    "Paris, France": "It is 14:00 on Wednesday, 1 July 2026 in Paris, France (Europe/Paris, UTC+02:00).",
    "sf": "It is 05:00 on Wednesday, 1 July 2026 in sf (America/Los_Angeles, UTC-07:00).",
    "Sydney": "It is 22:00 on Wednesday, 1 July 2026 in Sydney (Australia/Sydney, UTC+10:00).",
    "Delhi": "It is 17:30 on Wednesday, 1 July 2026 in Delhi (Asia/Kolkata, UTC+05:30).",
    "Auckland": "It is 00:00 on Thursday, 2 July 2026 in Auckland (Pacific/Auckland, UTC+12:00).",
    "kathmandu": "It is 17:45 on Wednesday, 1 July 2026 in kathmandu (Asia/Kathmandu, UTC+05:45).",
    "St. John's": "It is 09:30 on Wednesday, 1 July 2026 in St. John's (America/St_Johns, UTC-02:30).",
    "UTC": "It is 12:00 on Wednesday, 1 July 2026 (UTC).",
    " ": "It is 12:00 on Wednesday, 1 July 2026 (UTC).",
}


@pytest.mark.parametrize(("place", "sentence"), TIMES.items())
async def test_the_time_somewhere(desk: Desk, place: str, sentence: str) -> None:
    assert await desk.call("clock", {"place": place}) == sentence


async def test_without_a_place_it_is_utc(desk: Desk) -> None:
    assert await desk.call("clock", {}) == TIMES["UTC"]


async def test_winter_time_is_known(desk: Desk) -> None:
    desk.clock.advance(timedelta(days=184).total_seconds())

    assert await desk.call("clock", {"place": "Berlin"}) == (
        "It is 13:00 on Friday, 1 January 2027 in Berlin (Europe/Berlin, UTC+01:00)."
    )


@pytest.mark.parametrize("place", ["Atlantis", "../../etc/passwd", "Europe", "\x00"])
async def test_an_unknown_place_is_refused(desk: Desk, place: str) -> None:
    with pytest.raises(ToolError, match="No time zone is known for"):
        await desk.call("clock", {"place": place})


@pytest.mark.parametrize("city", CITIES)
def test_every_city_of_the_table_has_its_zone(city: str) -> None:
    zone = find_zone(city.title())

    assert zone is not None
    assert zone.key == CITIES[city]
