"""Checks the page on another host in a real browser: built for an API elsewhere, against a real `helium up`.

    ../.venv/bin/python e2e/check_other_origin.py

It builds the page once more, in a folder of its own: a minute. Needs what `make test` installs and a Chromium
(`CHROMIUM`, by default /usr/bin/chromium). Three origins take part: the page's, the API's, the streams'.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FRONTEND, BACKEND = ROOT / "frontend", ROOT / "backend"
sys.path[:0] = [str(BACKEND), str(ROOT / "scripts"), str(FRONTEND / "e2e")]

from check_page import FLAGS  # noqa: E402
from helium.adapters.embedded_postgres import EmbeddedPostgres  # noqa: E402
from prepare import node_environment  # noqa: E402
from tests.support.processes import environment, free_port  # noqa: E402

API_PORT = free_port()
API = f"http://127.0.0.1:{API_PORT}"
STREAM = f"http://localhost:{API_PORT}"
NOT_SOURCES = shutil.ignore_patterns("node_modules", "out", ".next", "e2e")


def built(folder: Path) -> Path:
    """The page for Vercel, which asks `API` and follows runs at `STREAM`."""
    site = folder / "frontend"
    shutil.copytree(FRONTEND, site, ignore=NOT_SOURCES)
    # The builder follows no link out of its folder.
    subprocess.run(["cp", "-al", FRONTEND / "node_modules", site], check=True)
    told = {"NEXT_PUBLIC_API_URL": API, "NEXT_PUBLIC_STREAM_URL": STREAM, "NEXT_TELEMETRY_DISABLED": "1"}
    env = {**node_environment(), **told}
    subprocess.run(["npm", "--silent", "run", "build"], cwd=site, env=env, check=True, stdout=sys.stderr)
    program = ROOT / "infra/images/page-headers.mjs"
    subprocess.run(["node", program, "vercel", site / "out", folder / "output"], env=env, check=True)
    return folder / "output"


class Files(SimpleHTTPRequestHandler):
    """Says of each file what the finished build tells Vercel to say."""

    def __init__(self, *args: object, output: Path) -> None:
        self.routes = json.loads((output / "config.json").read_text())["routes"]
        super().__init__(*args, directory=str(output / "static"))  # pyright: ignore

    def translate_path(self, path: str) -> str:
        file = super().translate_path(path)
        page = Path(f"{file}.html")
        return str(page) if page.exists() else file

    def end_headers(self) -> None:
        for route in self.routes:
            if "continue" in route and re.fullmatch(route["src"], self.path.partition("?")[0]):
                for name, value in route["headers"].items():
                    self.send_header(name, value)
        super().end_headers()

    def do_POST(self) -> None:
        """Sentry's part: takes what Helium passes on."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def page_server(output: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, output=output))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def helium(home: Path, allowed: str) -> Iterator[str]:
    """A Helium whose API pages of this origin may ask; its owner's token."""
    home.mkdir(mode=0o755)
    own = {
        "HELIUM_HOME": str(home),
        "HELIUM_PORT": str(API_PORT),
        "HELIUM_CORS_ORIGINS": allowed,
        "HELIUM_ERRORS__DSN": f"{allowed.replace('://', '://key@')}/1",
    }
    with (home / "up.log").open("wb") as log:
        command = [sys.executable, "-m", "helium", "up", "--no-browser"]
        process = subprocess.Popen(command, cwd=BACKEND, env=environment(own), stdout=log, stderr=log)
    try:
        wait_for_api(process, home / "up.log")
        yield (home / "owner-token").read_text().strip()
    finally:
        process.terminate()
        process.wait(20)
        EmbeddedPostgres(home).stop(force=True)


def wait_for_api(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{API}/api/ready", timeout=1):
                if "Open:" in log.read_text():
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"helium up is not ready:\n{log.read_text()[-3000:]}")


@contextmanager
def visit(browser: Browser, address: str, token: str) -> Iterator[tuple[Page, list[Request]]]:
    with browser.new_context() as context:
        page, requests = context.new_page(), list[Request]()
        page.on("request", lambda request: requests.append(request))
        page.goto(f"{address}/#token={token}")
        yield page, requests


def ask(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def counted_to(page: Page, number: int) -> None:
    page.wait_for_function(
        "number => (document.querySelector('[data-slot=answer]')?.innerText ?? '')"
        ".split(/\\s+/).includes(String(number))",
        arg=number,
        timeout=20_000,
    )


def check_an_answer_arrives_word_by_word(browser: Browser, address: str, token: str) -> None:
    with visit(browser, address, token) as (page, requests):
        ask(page, "count from 1 to 40 slowly")
        counted_to(page, 8)
        early = page.locator("[data-slot=answer]").inner_text().split()
        page.reload()
        counted_to(page, 40)
        expect(page.get_by_label("Copy answer").last).to_be_visible(timeout=20_000)
        words = page.locator("[data-slot=answer]").inner_text().split()
    assert "40" not in early, early
    assert [int(word) for word in words if word.isdecimal()] == list(range(1, 41)), words
    asked = {request.url.partition("?")[0] for request in requests if "/v1/" in request.url}
    streams = {url for url in asked if url.endswith("/events")}
    assert streams, asked
    assert all(url.startswith(f"{STREAM}/v1/runs/") for url in streams), streams
    assert all(url.startswith(f"{API}/v1/") for url in asked - streams), asked
    assert not any(token in request.url.partition("#")[0] for request in requests)


def check_what_went_wrong_is_readable(browser: Browser, address: str, token: str) -> None:
    with visit(browser, address, "hel_wrong") as (page, _):
        page.wait_for_selector("input", timeout=10_000)
        refused = page.evaluate(
            "async url => { const answer = await fetch(url, {headers: {Authorization: 'Bearer hel_wrong'}});"
            " return [answer.status, answer.headers.get('x-request-id') !== null]; }",
            f"{API}/v1/threads",
        )
    assert refused == [401, True], refused


def check_a_page_that_is_not_named_learns_nothing(browser: Browser, address: str, token: str) -> None:
    stranger = address.replace("127.0.0.1", "localhost")
    with visit(browser, stranger, token) as (page, _):
        outcome = page.evaluate(
            "([url, token]) => fetch(url, {headers: {Authorization: `Bearer ${token}`}})"
            ".then(() => 'read', error => error.name)",
            [f"{API}/v1/threads", token],
        )
    assert outcome == "TypeError", outcome


def check_a_defect_of_the_page_is_told_to_the_api(browser: Browser, address: str, token: str) -> None:
    with visit(browser, address, token) as (page, _):
        expect(page.get_by_label("Message", exact=True)).to_be_visible()
        with page.expect_response(lambda answer: answer.request.method == "POST") as told:
            page.evaluate("() => { setTimeout(() => { throw new TypeError('no'); }); }")
    assert (told.value.url, told.value.status) == (f"{API}/api/page-errors", 204), told.value


def main() -> int:
    checks: list[Callable[[Browser, str, str], None]] = [
        check_an_answer_arrives_word_by_word,
        check_what_went_wrong_is_readable,
        check_a_page_that_is_not_named_learns_nothing,
        check_a_defect_of_the_page_is_told_to_the_api,
    ]
    failed = 0
    (ROOT / ".helium").mkdir(exist_ok=True)
    # Beside the checkout's own files: links to them do not reach another disk.
    folder = Path(tempfile.mkdtemp(prefix="other-origin-", dir=ROOT / ".helium"))
    home = Path(tempfile.mkdtemp(prefix="helium-other-origin-"))
    home.chmod(0o755)
    try:
        output = built(folder)
        with (
            page_server(output) as address,
            helium(home / "home", address) as token,
            sync_playwright() as play,
        ):
            path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
            browser = play.chromium.launch(executable_path=path, args=FLAGS)
            for check in checks:
                try:
                    check(browser, address, token)
                    print(f"ok    {check.__name__}")
                except Exception as error:  # a check that fails must not hide the next one
                    failed += 1
                    print(f"FAIL  {check.__name__}: {type(error).__name__}: {str(error)[:800]}")
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
