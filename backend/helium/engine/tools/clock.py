"""What time it is, anywhere."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta

from helium.core.errors import ToolError
from helium.engine.tools.definition import Arguments, tool
from helium.engine.tools.zones import find_zone
from helium.ports import ToolContext


class Place(Arguments, frozen=True, kw_only=True):
    place: Annotated[str, Meta(description="A city, or an IANA zone such as Asia/Tokyo.")] = "UTC"


async def _tell(arguments: Place, context: ToolContext) -> str:
    place = arguments.place.strip() or "UTC"
    zone = await asyncio.to_thread(find_zone, place)
    if zone is None:
        raise ToolError(
            f"No time zone is known for {place!r}. Give a large city, or an IANA name such as Asia/Tokyo."
        )
    now = datetime.fromtimestamp(context.clock.time(), zone)
    return f"It is {now:%H:%M} on {now:%A}, {now.day} {now:%B %Y}{_where(place, zone.key, now)}."


def _where(place: str, key: str, now: datetime) -> str:
    if place.upper() == "UTC":
        return " (UTC)"
    return f" in {place} ({key}, {_offset(now.utcoffset() or timedelta())})"


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


clock = tool(
    "clock",
    "Tell the date and time now in a city or time zone (UTC if none is given).",
    arguments=Place,
    run=_tell,
    effect="read",
)
