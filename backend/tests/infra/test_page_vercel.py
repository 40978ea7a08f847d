"""The page on Vercel is served as the API serves it: the same headers, the same policy for each file."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helium.api.page import SECURITY_HEADERS, Page
from tests.support.servers import require

ROOT = Path(__file__).resolve().parents[3]
STACK = ROOT / "infra/stacks/page"
HTML = {
    "index.html": "<!doctype html><script src='/a.js'></script><script>1</script><script>\n2</script>",
    "chat.html": "<!doctype html><script>1</script>",
    "404.html": "<!doctype html>",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("out")
    for name, text in HTML.items():
        (made / name).write_text(text)
    return made


@pytest.fixture(scope="module")
def routes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What Vercel is told, as Terraform writes it."""
    require(Path(shutil.which("terraform") or "/usr/bin/terraform"))
    stack = tmp_path_factory.mktemp("stack")
    for file in STACK.glob("*.tf"):
        shutil.copy(file, stack)
    terraform = ["nice", "-n", "19", "terraform", f"-chdir={stack}"]
    variables = ["-var=api_domain=api.example.com", f"-var=folder={folder}"]
    for arguments in (
        ["init", "-no-color"],
        ["plan", "-no-color", "-input=false", "-out=plan.bin", *variables],
    ):
        subprocess.run([*terraform, *arguments], capture_output=True, timeout=60, check=True)
    shown = subprocess.run(
        [*terraform, "show", "-json", "plan.bin"], capture_output=True, timeout=60, check=True
    )
    config = json.loads(json.loads(shown.stdout)["planned_values"]["outputs"]["config"]["value"])
    assert config["version"] == 3
    return config["routes"]


async def served(folder: Path, path: str) -> dict[str, str]:
    """The headers with which the API serves a page."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()  # nobody leaves

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "extensions": {}}
    page = await asyncio.to_thread(Page, folder)
    await page(scope, receive, send)
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def headers_of(routes: list[dict[str, Any]], path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for route in routes:
        if "headers" in route and re.match(route["src"], path):
            found |= route["headers"]
    return found


@pytest.mark.parametrize("path", ["/", "/chat"])
async def test_a_page_has_the_headers_that_the_api_gives_it(
    routes: list[dict[str, Any]], folder: Path, path: str
) -> None:
    from_api, from_vercel = await served(folder, path), headers_of(routes, path)

    names = {name.decode() for name, _ in SECURITY_HEADERS} | {"cache-control", "content-security-policy"}
    assert set(from_vercel) == names
    assert from_vercel == {name: from_api[name] for name in names}


def test_what_belongs_to_the_api_goes_there_before_files_are_looked_for(
    routes: list[dict[str, Any]],
) -> None:
    files = next(index for index, route in enumerate(routes) if route.get("handle") == "filesystem")
    forwarded = [route for route in routes[:files] if route.get("dest", "").startswith("https://")]

    for path in ("/v1/runs/run_1/events", "/api/health"):
        matching = [route for route in forwarded if re.match(route["src"], path)]
        assert len(matching) == 1, path
        dest = matching[0]["dest"].replace("$1", r"\1")
        assert re.sub(matching[0]["src"], dest, path) == f"https://api.example.com{path}"
    assert [route for route in forwarded if re.match(route["src"], "/chat")] == []
