"""The example of `docs/howto/keep-files.md` works as the page says."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.blobs.desk import Desk

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "keep-files.md"
Keep = Callable[[openai.AsyncOpenAI, Path], Awaitable[bytes]]


@pytest.fixture
def keep() -> Keep:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "keep_files"}
    exec(compile(code, str(PAGE), "exec"), names)
    function: Keep = names["keep"]
    return function


async def test_the_example_of_the_page_works(keep: Keep, desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello")
    key = desk.http.headers["Authorization"].removeprefix("Bearer ")
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(desk.app))  # pyright: ignore[reportArgumentType]

    async with openai.AsyncOpenAI(base_url="http://helium/v1", api_key=key, http_client=http) as client:
        assert await keep(client, path) == b"hello"

    assert await desk.nothing_left()
