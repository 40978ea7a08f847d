"""Checks the built page in a real browser against the fake server.

    npm run build && python e2e/check_page.py [path of axe.min.js]

Needs `playwright` for Python and a Chromium (`CHROMIUM`, by default /usr/bin/chromium).
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).parent
PORT = 8137
ADDRESS = f"http://127.0.0.1:{PORT}"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


@contextmanager
def server() -> Iterator[subprocess.Popen[bytes]]:
    command = ["node", str(HERE / "fake-backend.mjs"), str(PORT)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def visit(browser: Browser, theme: str = "light", width: int = 1280) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)  # pyright: ignore
    page = context.new_page()
    page.goto(f"{ADDRESS}/#token=hel_demo")
    return page


def send(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def cut(page: Page, ms: int) -> None:
    """Breaks every event stream, and lets none open for this long."""
    page.request.get(f"{ADDRESS}/v1/fake/cut?ms={ms}", headers={"Authorization": "Bearer hel_demo"})


def numbers(page: Page) -> list[int]:
    return [int(text) for text in page.locator("[data-slot=markdown] p").all_inner_texts() if text]


def finished(page: Page) -> None:
    expect(page.get_by_label("Copy answer").last).to_be_visible(timeout=20_000)


def test_the_token_leaves_the_address(browser: Browser) -> None:
    page = visit(browser)
    expect(page.get_by_role("heading", name="What should run?")).to_be_visible()
    assert page.url == f"{ADDRESS}/", page.url


def test_no_request_carries_the_token_in_its_address(browser: Browser) -> None:
    page = visit(browser)
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    send(page, "calculate 6 * 7")
    finished(page)
    assert any("/events" in address for address in addresses), addresses
    assert not any("hel_demo" in address for address in addresses), addresses


def test_a_message_is_on_screen_before_the_server_answers(browser: Browser) -> None:
    page = visit(browser)
    page.get_by_label("Message", exact=True).fill("calculate 6 * 7")
    milliseconds = page.evaluate(
        """() => new Promise((done) => {
            const began = performance.now();
            const seen = new MutationObserver(() => {
                if (document.querySelector("[data-slot=user-bubble]")) done(performance.now() - began);
            });
            seen.observe(document.body, { childList: true, subtree: true });
            const enter = new KeyboardEvent("keydown", { key: "Enter", bubbles: true });
            document.querySelector("textarea").dispatchEvent(enter);
        })"""
    )
    print(f"    the message was shown after {milliseconds:.1f} ms")
    assert milliseconds < 50


def test_a_double_click_on_a_starter_starts_one_run(browser: Browser) -> None:
    page = visit(browser)
    page.get_by_role("button", name="calculate 6 * 7").dblclick()
    finished(page)
    assert page.locator("[data-slot=user-bubble]").count() == 1


def test_a_reload_in_the_middle_shows_all_and_goes_on(browser: Browser) -> None:
    page = visit(browser)
    send(page, "count from 1 to 40 slowly")
    page.wait_for_timeout(2500)
    before = numbers(page)
    page.reload()
    page.wait_for_selector("[data-slot=markdown] p")
    assert len(numbers(page)) >= len(before) > 3, (before, numbers(page))
    finished(page)
    assert numbers(page) == list(range(1, 41)), numbers(page)


def test_a_lost_network_mends_itself(browser: Browser) -> None:
    page = visit(browser)
    send(page, "count from 1 to 40 slowly")
    page.wait_for_timeout(1500)
    cut(page, 1000)
    page.wait_for_timeout(1900)
    assert page.locator("[data-slot=connection-line]").count() == 0
    finished(page)
    assert numbers(page) == list(range(1, 41)), numbers(page)


def test_trouble_is_named_only_after_two_seconds(browser: Browser) -> None:
    page = visit(browser)
    send(page, "count from 1 to 40 slowly")
    page.wait_for_timeout(1500)
    cut(page, 4000)
    page.wait_for_timeout(1700)
    line = page.locator("[data-slot=connection-line]")
    assert line.count() == 0
    expect(line).to_contain_text("Reconnecting", timeout=1500)
    finished(page)
    assert line.count() == 0
    assert numbers(page) == list(range(1, 41)), numbers(page)


def test_stop_keeps_the_text_so_far(browser: Browser) -> None:
    page = visit(browser)
    send(page, "count from 1 to 40 slowly")
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-slot=turn-status]")).to_have_text("Stopped by you")
    assert 1 <= len(numbers(page)) < 40


def test_one_wheel_tick_up_ends_following(browser: Browser) -> None:
    page = visit(browser)
    send(page, "count from 1 to 40 slowly")
    page.wait_for_timeout(7000)
    page.get_by_role("button", name="To the end").click()
    page.wait_for_timeout(600)
    log = page.get_by_role("log")
    following = log.evaluate("box => box.scrollHeight - box.clientHeight - box.scrollTop")
    log.hover()
    page.mouse.wheel(0, -60)
    page.wait_for_timeout(200)
    before = log.evaluate("box => box.scrollTop")
    page.wait_for_timeout(1000)
    assert following < 2, following
    assert log.evaluate("box => box.scrollTop") == before


def test_the_page_does_not_move_when_a_run_ends(browser: Browser) -> None:
    page = visit(browser)
    send(page, "retract")
    page.wait_for_timeout(600)
    top = page.get_by_role("log").evaluate("box => box.scrollTop")
    expect(page.get_by_text("This is what stays.")).to_be_visible()
    finished(page)
    assert page.get_by_text("taken back").count() == 0
    assert page.get_by_role("log").evaluate("box => box.scrollTop") == top


def test_a_queued_message_runs_after_the_first(browser: Browser) -> None:
    page = visit(browser)
    send(page, "calculate 6 * 7")
    send(page, "calculate 2 + 2")
    expect(page.get_by_text("2 + 2 is 4")).to_be_visible(timeout=10_000)
    expect(page.get_by_label("Copy answer")).to_have_count(2, timeout=10_000)
    assert page.locator("[data-slot=user-bubble]").all_inner_texts() == ["calculate 6 * 7", "calculate 2 + 2"]


def test_focus_stays_in_the_composer_while_text_streams(browser: Browser) -> None:
    page = visit(browser)
    send(page, "read my invoices")
    page.keyboard.type("meanwhile", delay=60)
    assert page.get_by_label("Message", exact=True).input_value() == "meanwhile"


def test_an_idle_page_does_nothing(browser: Browser) -> None:
    page = visit(browser)
    send(page, "calculate 6 * 7")
    finished(page)
    page.wait_for_timeout(500)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.evaluate("() => { window.frames_ = 0; const ask = requestAnimationFrame; "
                  "window.requestAnimationFrame = (f) => { window.frames_ += 1; return ask(f); }; }")
    page.wait_for_timeout(5000)
    assert (page.evaluate("window.frames_"), requests) == (0, []), (page.evaluate("window.frames_"), requests)


def test_axe_finds_nothing_serious(browser: Browser) -> None:
    if len(sys.argv) < 2:
        print("    skipped: give the path of axe.min.js")
        return
    axe = Path(sys.argv[1]).read_text()
    for theme in ("light", "dark"):
        page = visit(browser, theme)
        check_axe(page, axe, f"{theme} home")
        send(page, "read my invoices")
        finished(page)
        page.locator("[data-slot=tool-card] button").first.click()
        send(page, "approve a note: call Ann")
        expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
        check_axe(page, axe, f"{theme} thread")


def check_axe(page: Page, axe: str, where: str) -> None:
    page.evaluate(axe)
    found = page.evaluate("axe.run().then((result) => result.violations)")
    lines = [f"{one['id']} ({one['impact']}): {[n['html'][:160] for n in one['nodes']]}" for one in found]
    assert not lines, (where, lines)


def main() -> int:
    checks = [check for name, check in globals().items() if name.startswith("test_")]
    failed = 0
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for check in checks:
            began = time.monotonic()
            try:
                with server():
                    check(browser)
                print(f"ok    {check.__name__} ({time.monotonic() - began:.1f} s)")
            except Exception as error:  # a check that fails must not hide the next one
                failed += 1
                print(f"FAIL  {check.__name__}: {type(error).__name__}: {str(error)[:800]}")
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
