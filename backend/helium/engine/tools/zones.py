"""Time zones by the names that people use."""

from collections.abc import Mapping
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_REGIONS = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Arctic/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)

CITIES: Mapping[str, str] = {
    "amsterdam": "Europe/Amsterdam",
    "atlanta": "America/New_York",
    "austin": "America/Chicago",
    "bangalore": "Asia/Kolkata",
    "barcelona": "Europe/Madrid",
    "basel": "Europe/Zurich",
    "beijing": "Asia/Shanghai",
    "bengaluru": "Asia/Kolkata",
    "bombay": "Asia/Kolkata",
    "boston": "America/New_York",
    "california": "America/Los_Angeles",
    "canberra": "Australia/Sydney",
    "cape town": "Africa/Johannesburg",
    "chennai": "Asia/Kolkata",
    "china": "Asia/Shanghai",
    "cologne": "Europe/Berlin",
    "dallas": "America/Chicago",
    "delhi": "Asia/Kolkata",
    "edinburgh": "Europe/London",
    "england": "Europe/London",
    "france": "Europe/Paris",
    "frankfurt": "Europe/Berlin",
    "geneva": "Europe/Zurich",
    "germany": "Europe/Berlin",
    "glasgow": "Europe/London",
    "hamburg": "Europe/Berlin",
    "hanoi": "Asia/Bangkok",
    "houston": "America/Chicago",
    "hyderabad": "Asia/Kolkata",
    "india": "Asia/Kolkata",
    "islamabad": "Asia/Karachi",
    "italy": "Europe/Rome",
    "japan": "Asia/Tokyo",
    "kyoto": "Asia/Tokyo",
    "la": "America/Los_Angeles",
    "las vegas": "America/Los_Angeles",
    "lyon": "Europe/Paris",
    "manchester": "Europe/London",
    "marseille": "Europe/Paris",
    "miami": "America/New_York",
    "milan": "Europe/Rome",
    "montreal": "America/Toronto",
    "mountain view": "America/Los_Angeles",
    "mumbai": "Asia/Kolkata",
    "munich": "Europe/Berlin",
    "naples": "Europe/Rome",
    "new delhi": "Asia/Kolkata",
    "new york city": "America/New_York",
    "nyc": "America/New_York",
    "osaka": "Asia/Tokyo",
    "ottawa": "America/Toronto",
    "palo alto": "America/Los_Angeles",
    "philadelphia": "America/New_York",
    "porto": "Europe/Lisbon",
    "rio": "America/Sao_Paulo",
    "rio de janeiro": "America/Sao_Paulo",
    "san diego": "America/Los_Angeles",
    "san francisco": "America/Los_Angeles",
    "san jose": "America/Los_Angeles",
    "seattle": "America/Los_Angeles",
    "sf": "America/Los_Angeles",
    "shenzhen": "Asia/Shanghai",
    "silicon valley": "America/Los_Angeles",
    "south korea": "Asia/Seoul",
    "spain": "Europe/Madrid",
    "st petersburg": "Europe/Moscow",
    "são paulo": "America/Sao_Paulo",
    "tel aviv": "Asia/Jerusalem",
    "the uk": "Europe/London",
    "uk": "Europe/London",
    "washington": "America/New_York",
    "washington dc": "America/New_York",
    "wellington": "Pacific/Auckland",
    "zürich": "Europe/Zurich",
}
"""Names that are not the last part of an IANA zone's name."""


_UNSPOKEN = str.maketrans("", "", ".'’?!")


def find_zone(place: str) -> ZoneInfo | None:
    """The zone of a city, a country with one zone, or an IANA name. It reads files: call it in a thread."""
    key = " ".join(place.replace("_", " ").casefold().translate(_UNSPOKEN).strip(" ,").split())
    name = CITIES.get(key) or _names().get(key) or _names().get(key.split(",")[0].strip())
    return ZoneInfo(name) if name else None


@cache
def _names() -> Mapping[str, str]:
    """IANA zones by their whole name and by its last part, in small letters without underscores."""
    known: dict[str, str] = {}
    for zone in sorted(available_timezones()):
        spoken = zone.replace("_", " ").casefold()
        known[spoken] = zone
        if zone.startswith(_REGIONS):
            known.setdefault(spoken.rpartition("/")[2], zone)
    return known
