"""What every engine test gets: its log lines to look at, instead of on the screen."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What was logged, as a list of entries."""
    with capture_logs() as entries:
        yield entries  # pyright: ignore[reportReturnType]
