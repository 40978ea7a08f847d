"""What a person is told who has not given an option of a release."""

import pytest

from helium.kit.clock import SystemClock
from helium.release.opening import open_release
from helium.release.options import ReleaseOptions, asked_for
from helium.release.ports import NotReleasable


@pytest.mark.parametrize("name", ReleaseOptions.model_fields)
def test_what_asks_for_an_option_is_made_of_sentences(name: str) -> None:
    said = asked_for(name)

    command, _, meaning = said.partition(". ")
    assert command == f"Set HELIUM_RELEASE_{name.upper()}"
    assert meaning == ReleaseOptions.model_fields[name].description
    assert meaning[0].isupper()
    assert meaning.endswith(".")


GIVEN = {
    "gcp": {"project": "p", "region": "r", "prometheus_url": "http://127.0.0.1:9", "source": "prometheus"},
    "aws": {"cluster": "c", "state": "s3://bucket/folder", "url": "http://127.0.0.1:9"},
}


@pytest.mark.parametrize(
    ("cloud", "name"),
    [(cloud, name) for cloud, given in GIVEN.items() for name in given if name != "source"],
)
async def test_an_option_that_is_missing_is_asked_for(cloud: str, name: str) -> None:
    options = ReleaseOptions.model_validate({"cloud": cloud, **GIVEN[cloud], name: ""})

    with pytest.raises(NotReleasable) as raised:
        async with open_release(options, SystemClock()):
            pass

    assert str(raised.value) == asked_for(name)
