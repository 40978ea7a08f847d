"""How many people are there, minute by minute: built in, or from a file with the columns hour and users."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from helium.plan.errors import PlanInvalid

MINUTES = 24 * 60
HOURLY = (6, 5, 4, 4, 5, 8, 15, 32, 60, 85, 97, 100, 90, 92, 100, 98, 92, 80, 62, 46, 36, 26, 16, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The share of people who are there in each of a day's 1,440 minutes; 1.0 in the busiest one."""

    name: str
    shares: tuple[float, ...]

    def minutes(self, users: int) -> tuple[float, ...]:
        """People who are there, by minute."""
        return tuple(users * share for share in self.shares)


def smooth(hourly: tuple[float, ...]) -> tuple[float, ...]:
    """Minutes between 24 full hours, in straight lines, round the clock; the most is 1.0."""
    most = max(hourly)
    shares: list[float] = []
    for minute in range(MINUTES):
        hour, part = minute // 60, (minute % 60) / 60
        shares.append((hourly[hour] * (1 - part) + hourly[(hour + 1) % 24] * part) / most)
    return tuple(shares)


def rush() -> tuple[float, ...]:
    """A tenth of everybody all day, and everybody within one minute at 9:00, for an hour."""
    return tuple(1.0 if 9 * 60 <= minute < 10 * 60 else 0.1 for minute in range(MINUTES))


DAY = Profile(name="day", shares=smooth(HOURLY))
RUSH = Profile(name="rush", shares=rush())
FLAT = Profile(name="flat", shares=(1.0,) * MINUTES)
PROFILES = {profile.name: profile for profile in (DAY, RUSH, FLAT)}


def from_csv(path: Path) -> tuple[int, Profile]:
    """The most people and the profile of a file with a row `hour,users` for each hour from 0 to 23.

    Raises `PlanInvalid` with a sentence that names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlanInvalid(
            f"{path} cannot be read ({type(error).__name__}): give a CSV file in UTF-8."
        ) from None
    if not rows or [cell.strip().lower() for cell in rows[0]] != ["hour", "users"]:
        raise PlanInvalid(f"{path} must begin with the line `hour,users`.")
    found: dict[int, float] = {}
    for number, row in enumerate(rows[1:], start=2):
        if row:
            hour, users = _row(path, number, row)
            if hour in found:
                raise PlanInvalid(f"{path}, line {number}: hour {hour} is there twice; leave one out.")
            found[hour] = users
    return _profile(path, found)


def _row(path: Path, number: int, row: list[str]) -> tuple[int, float]:
    where = f"{path}, line {number}"
    try:
        hour, users = int(row[0]), float(row[1])
    except (ValueError, IndexError):
        raise PlanInvalid(f"{where}: write two numbers, an hour and its users, such as `9,850`.") from None
    if len(row) != 2 or not 0 <= hour <= 23:
        raise PlanInvalid(f"{where}: write one hour from 0 to 23 and its users.")
    if not (math.isfinite(users) and 0 <= users <= 10_000_000):
        raise PlanInvalid(f"{where}: users must be a number from 0 to 10,000,000.")
    return hour, users


def _profile(path: Path, found: dict[int, float]) -> tuple[int, Profile]:
    missing = [str(hour) for hour in range(24) if hour not in found]
    if missing:
        raise PlanInvalid(f"{path} has no line for the hours {', '.join(missing)}: add them.")
    hourly = tuple(found[hour] for hour in range(24))
    if max(hourly) < 1:
        raise PlanInvalid(f"{path} has no hour with a user: there is nothing to plan.")
    return math.ceil(max(hourly)), Profile(name=path.name, shares=smooth(hourly))
