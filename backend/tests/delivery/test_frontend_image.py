"""The page's own image: its recipe; and its server in a real nginx, which must say what Helium says."""

import json
import os
import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from helium.api.page import Page
from tests.delivery.tools import ROOT, node, said
from tests.support.processes import free_port, until
from tests.support.servers import require

IMAGES = ROOT / "infra/images"
TEXT = (IMAGES / "frontend.Dockerfile").read_text().replace("\\\n", " ")
IGNORE = (IMAGES / "frontend.Dockerfile.dockerignore").read_text().splitlines()
NGINX = Path(os.environ.get("HELIUM_TEST_NGINX", "/usr/sbin/nginx"))
FILES = {
    "index.html": "<script>first()</script><script src='/x.js'></script><p>Helium",
    "chat.html": "<script>second()</script><p>A conversation",
    "404.html": "<p>There is no such page",
    "_next/static/app.js": "third()",
    "icon.svg": "<svg/>",
}
TOLD = (
    "cache-control",
    "content-security-policy",
    "content-type",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
)


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", TEXT, re.MULTILINE)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A page as the build writes it."""
    for name, text in FILES.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(text)
    return tmp_path / "out"


def headers_for(kind: str, site: Path, target: Path, **variables: str) -> tuple[int, str]:
    assigned = [f"{name}={value}" for name, value in variables.items()]
    program = IMAGES / "page-headers.mjs"
    return said(["env", *assigned, node(), program, kind, site, target])


@contextmanager
def nginx(site: Path) -> Generator[int]:
    """The image's server with this machine's addresses; its port."""
    require(NGINX)
    folder, port = site.parent, free_port()
    text = (IMAGES / "frontend.nginx.conf").read_text().replace("/tmp/", f"{folder}/")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/srv/page", str(site))
    text = text.replace("/srv/policies.conf", f"{folder}/policies.conf")
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(user + text.replace("4096", "512"))
    command = [NGINX, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-g", "daemon off; master_process off;"], stdout=log, stderr=log
        )
    try:
        yield port
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.fixture
def page(site: Path) -> Page:
    return Page(site)


async def helium_says(page: Page, path: str) -> tuple[int, dict[str, str]]:
    transport = httpx.ASGITransport(page, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        return told(await client.get(path))


def told(answer: httpx.Response) -> tuple[int, dict[str, str]]:
    return answer.status_code, {name: answer.headers[name] for name in TOLD if name in answer.headers}


@pytest.mark.process
async def test_its_server_says_of_each_file_what_helium_says(site: Path, page: Page) -> None:
    assert headers_for("nginx", site, site.parent / "policies.conf") == (0, "")

    with nginx(site) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await until(lambda: _answers(client), "nginx answers")
            for path in ("/", "/index.html", "/chat", "/chat.html", "/_next/static/app.js", "/icon.svg"):
                assert told(await client.get(path)) == await helium_says(page, path), path


@pytest.mark.process
async def test_its_server_has_a_page_for_what_is_missing_and_takes_nothing_else(site: Path) -> None:
    headers_for("nginx", site, site.parent / "policies.conf")

    with nginx(site) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await until(lambda: _answers(client), "nginx answers")
            missing = await client.get("/nothing")
            assert (missing.status_code, missing.text) == (404, FILES["404.html"])
            assert missing.headers["x-frame-options"] == "DENY"
            assert (await client.post("/chat")).status_code == 403
            assert (await client.get("/../nginx.conf")).status_code == 404


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).text == "ok\n"
    except httpx.ConnectError:
        return False


@pytest.mark.service
def test_vercel_gets_a_finished_build_with_the_api_behind_it(site: Path, tmp_path: Path) -> None:
    origins = {"API_ORIGIN": "https://api.example.com", "STREAM_ORIGIN": "https://stream.example.com"}

    assert headers_for("vercel", site, tmp_path / "output", **origins) == (0, "")

    config = json.loads((tmp_path / "output/config.json").read_text())
    built = tmp_path / "output/static"
    assert {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()} == set(FILES)
    assert config["overrides"] == {"chat.html": {"path": "chat"}}
    assert _leads(config, "/v1/runs/run_1/events") == "https://stream.example.com/v1/runs/run_1/events"
    assert _leads(config, "/v1/threads") == "https://api.example.com/v1/threads"
    assert _leads(config, "/api/health") == "https://api.example.com/api/health"
    assert _leads(config, "/chat") is None


@pytest.mark.service
async def test_vercel_says_of_each_page_what_helium_says(site: Path, page: Page, tmp_path: Path) -> None:
    origins = {"API_ORIGIN": "https://api.example.com", "STREAM_ORIGIN": "https://stream.example.com"}
    headers_for("vercel", site, tmp_path / "output", **origins)
    config = json.loads((tmp_path / "output/config.json").read_text())

    for path in ("/", "/chat", "/_next/static/app.js"):
        _, headers = await helium_says(page, path)
        del headers["content-type"]
        assert _headers(config, path) == headers, path


@pytest.mark.service
@pytest.mark.parametrize(
    "origin", ["", "api.example.com", "http://api.example.com", "https://a.example/v1"]
)
def test_vercel_gets_nothing_without_the_api_s_address(site: Path, tmp_path: Path, origin: str) -> None:
    code, text = headers_for("vercel", site, tmp_path / "output", API_ORIGIN=origin)

    assert code == 1
    assert "API_ORIGIN must be like https://api.example.com" in text
    assert not (tmp_path / "output").exists()


DIRECT = {
    "NEXT_PUBLIC_API_URL": "https://api.example.com",
    "NEXT_PUBLIC_STREAM_URL": "https://stream.example.com",
}


@pytest.mark.service
@pytest.mark.parametrize("given", [1, 2], ids=["one-origin", "streams-have-another"])
def test_vercel_passes_nothing_on_for_a_page_that_asks_the_api_itself(
    site: Path, tmp_path: Path, given: int
) -> None:
    told = dict(list(DIRECT.items())[:given])

    assert headers_for("vercel", site, tmp_path / "output", **told) == (0, "")

    config = json.loads((tmp_path / "output/config.json").read_text())
    assert [route for route in config["routes"] if "example.com" in route.get("dest", "")] == []
    assert _leads(config, "/v1/threads") is _leads(config, "/v1/runs/run_1/events") is None
    policy = _headers(config, "/chat")["content-security-policy"]
    assert f"; connect-src 'self' {' '.join(told.values())}; " in policy


@pytest.mark.service
async def test_a_page_that_asks_the_api_itself_is_told_all_else_as_helium_tells_it(
    site: Path, page: Page, tmp_path: Path
) -> None:
    headers_for("vercel", site, tmp_path / "output", **DIRECT)
    headers_for("nginx", site, tmp_path / "policies.conf", **DIRECT)
    config = json.loads((tmp_path / "output/config.json").read_text())

    for path in ("/", "/chat", "/_next/static/app.js"):
        _, said_by_helium = await helium_says(page, path)
        del said_by_helium["content-type"]
        here = _headers(config, path)
        policy = here.get("content-security-policy", "")
        here["content-security-policy"] = policy.replace(f" {' '.join(DIRECT.values())};", ";")
        assert {name: value for name, value in here.items() if value} == said_by_helium, path
        assert policy in (tmp_path / "policies.conf").read_text()


@pytest.mark.service
@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.parametrize(
    "value", ["api.example.com", "http://api.example.com", "https://a.example/v1", "https://a.example; *"]
)
def test_a_policy_names_origins_and_nothing_else(site: Path, tmp_path: Path, name: str, value: str) -> None:
    for kind in ("nginx", "vercel"):
        code, text = headers_for(kind, site, tmp_path / kind, **{**DIRECT, name: value})

        assert code == 1
        assert f"{name} must be like https://api.example.com" in text
        assert not (tmp_path / kind).exists()


def _leads(config: dict[str, list[dict[str, str]]], path: str) -> str | None:
    """Where Vercel sends a GET before it looks at files."""
    for route in config["routes"]:
        if "handle" in route:
            return None
        if "dest" in route and (match := re.fullmatch(route["src"], path)):
            return match.expand(route["dest"].replace("$", "\\"))
    return None


def _headers(config: dict[str, list[dict[str, dict[str, str]]]], path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for route in config["routes"]:
        if "continue" in route and re.fullmatch(str(route["src"]), path):
            found |= route["headers"]
    return found


def test_what_it_copies_is_in_the_repository_and_not_ignored() -> None:
    copied = [s for line in instructions("COPY") if "--from" not in line for s in line.split()[:-1]]
    allowed = {line.removeprefix("!") for line in IGNORE if line.startswith("!")}

    assert len(copied) > 5
    assert IGNORE[1] == "*"
    assert [s for s in copied if not (ROOT / s).exists()] == []
    assert [s for s in copied if not any(s == a or s.startswith(f"{a}/") for a in allowed)] == []


def test_it_runs_as_an_ordinary_account_and_writes_to_tmp_only() -> None:
    (user,) = instructions("USER")
    written = re.findall(r"(?:pid|temp_path) (\S+);", (IMAGES / "frontend.nginx.conf").read_text())

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert len(written) == 6
    assert all(path.startswith("/tmp/") for path in written)


def test_signals_reach_the_server_and_its_health_needs_no_curl() -> None:
    (health,) = re.findall(r"HEALTHCHECK .*?CMD (\[.*\])", TEXT)

    assert json.loads(*instructions("ENTRYPOINT")) == ["nginx", "-g", "daemon off;"]
    assert json.loads(health)[0] == "wget"
    assert json.loads(health)[-1].endswith(":8080/healthz")


def test_its_bases_can_be_chosen_and_only_files_come_from_the_build() -> None:
    assert [line.split()[-1] for line in instructions("FROM")] == ["page", "${NGINX_IMAGE}"]
    assert {"NODE_IMAGE", "NGINX_IMAGE"} <= {line.partition("=")[0] for line in instructions("ARG")}
    assert [line for line in instructions("RUN") if "apk" in line or "apt" in line] == []
