import asyncio
import base64
import hashlib
from pathlib import Path

import httpx
import pytest

from helium.api.errors import problem
from helium.api.page import Page
from helium.core.errors import NotFound


async def client_of(folder: Path | None) -> httpx.AsyncClient:
    page = await asyncio.to_thread(Page, folder)
    transport = httpx.ASGITransport(page)  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, base_url="http://page")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "_next" / "static").mkdir(parents=True)
    (tmp_path / "index.html").write_text("<p>home<script>let a=1</script><script src=/x.js></script>")
    (tmp_path / "chat.html").write_text("<p>chat")
    (tmp_path / "_next" / "static" / "a.js").write_text("1")
    return tmp_path


async def test_pages_have_no_ending_and_files_are_kept_for_good(built: Path) -> None:
    async with await client_of(built) as http:
        home, chat = await http.get("/"), await http.get("/chat?id=thr_1")
        script = await http.get("/_next/static/a.js")
    assert (home.text[:7], chat.text) == ("<p>home", "<p>chat")
    assert home.headers["cache-control"] == "no-cache"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_page_runs_its_own_inline_scripts_and_no_others(built: Path) -> None:
    async with await client_of(built) as http:
        policy = (await http.get("/")).headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(b"let a=1").digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy


async def test_a_missing_page_is_not_found_and_no_path_leads_out(built: Path) -> None:
    async with await client_of(built) as http:
        for path in ("/nothing", "/../secret", "/%2e%2e/secret"):
            with pytest.raises(NotFound):
                await http.get(path)


async def test_without_a_build_a_sentence_says_what_to_do() -> None:
    async with await client_of(None) as http:
        assert "make page" in (await http.get("/")).text


def test_a_problem_has_a_code_and_a_sentence() -> None:
    status, body, kind = problem(NotFound("No."), "req_1")
    assert (status, kind, b'"code":"not_found"' in body) == (404, b"application/problem+json", True)
