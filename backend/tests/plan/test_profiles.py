"""How people come and go: built-in days, and files."""

from pathlib import Path

import pytest

from helium.plan.errors import PlanInvalid
from helium.plan.profiles import DAY, FLAT, MINUTES, RUSH, from_csv, smooth

ROWS = [f"{hour},{100 + hour}" for hour in range(24)]


@pytest.mark.parametrize("profile", [DAY, RUSH, FLAT], ids=lambda profile: profile.name)
def test_a_profile_has_a_share_for_each_minute_and_everybody_in_the_busiest(profile: object) -> None:
    assert isinstance(profile, type(DAY))
    assert len(profile.shares) == MINUTES
    assert max(profile.shares) == 1.0
    assert min(profile.shares) > 0


def test_between_two_hours_the_load_is_a_straight_line() -> None:
    hourly = (10.0,) * 9 + (100.0,) + (40.0,) * 14

    shares = smooth(hourly)

    assert shares[8 * 60] == 0.1
    assert shares[8 * 60 + 30] == pytest.approx(0.55)
    assert shares[9 * 60] == 1.0
    assert shares[9 * 60 + 15] == pytest.approx(0.85)
    assert shares[23 * 60 + 30] == pytest.approx(0.25)


def test_a_file_gives_its_most_users_and_their_shape(tmp_path: Path) -> None:
    file = tmp_path / "week-day.csv"
    file.write_text("\ufeffHour, Users\r\n" + "\r\n".join(reversed(ROWS)) + "\r\n\r\n")

    users, profile = from_csv(file)

    assert users == 123
    assert profile.name == "week-day.csv"
    assert profile.shares[23 * 60] == 1.0
    assert profile.shares[0] == pytest.approx(100 / 123)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must begin with the line `hour,users`"),
        ("hour;users\n1;2\n", "must begin with the line `hour,users`"),
        ("hour,users\nnine,4\n", "line 2: write two numbers"),
        ("hour,users\n9\n", "line 2: write two numbers"),
        ("hour,users\n9,4,5\n", "line 2: write one hour from 0 to 23"),
        ("hour,users\n24,4\n", "line 2: write one hour from 0 to 23"),
        ("hour,users\n9,-4\n", "line 2: users must be a number from 0"),
        ("hour,users\n9,nan\n", "line 2: users must be a number from 0"),
        ("hour,users\n9,4\n9,5\n", "line 3: hour 9 is there twice"),
        ("hour,users\n" + "\n".join(ROWS[:-2]), "no line for the hours 22, 23"),
        ("hour,users\n" + "\n".join(f"{hour},0" for hour in range(24)), "no hour with a user"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_with_the_line(
    text: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "day.csv"
    file.write_text(text)

    with pytest.raises(PlanInvalid, match=said):
        from_csv(file)


def test_a_file_that_is_not_there_or_not_text_is_one_sentence(tmp_path: Path) -> None:
    binary = tmp_path / "day.csv"
    binary.write_bytes(b"\xff\xfe\x00\x81")

    for file in (binary, tmp_path / "nothing.csv"):
        with pytest.raises(PlanInvalid, match="cannot be read"):
            from_csv(file)
