from collections.abc import AsyncIterator, Iterator

import pytest

from helium.release import amazon as amazon_api
from tests.release.place import Amazon, Google, Installation, amazon, google, warm_opener
from tests.release.processes import ReleaseForge, release_forge


@pytest.fixture
async def cloud_run() -> AsyncIterator[Google]:
    async with google() as place:
        yield place


@pytest.fixture(scope="session")
def forge() -> Iterator[ReleaseForge]:
    with release_forge() as made:
        yield made


@pytest.fixture
def aws_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(amazon_api, "sdk_opener", warm_opener)


@pytest.fixture
async def ecs(aws_login: None) -> AsyncIterator[Amazon]:
    async with amazon() as place:
        yield place


@pytest.fixture(params=["gcp", "aws"])
async def place(request: pytest.FixtureRequest, aws_login: None) -> AsyncIterator[Installation]:
    """Each cloud in turn."""
    async with google() if request.param == "gcp" else amazon() as made:
        yield made
