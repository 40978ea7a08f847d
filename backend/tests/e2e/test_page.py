"""The page in a real browser, on a real `helium up`."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from helium.bootstrap import PAGE_FOLDER
from tests.e2e.conftest import Running

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    for needed, how in (
        (Path(CHROMIUM), "install Debian's chromium"),
        (PAGE_FOLDER / "index.html", "run `make page`"),
    ):
        if not needed.exists():
            message = f"{needed.name} is missing: {how}"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser, up: Running) -> Iterator[Page]:
    """The printed address, opened in a browser that knows nothing."""
    with browser.new_context() as context:
        opened = context.new_page()
        opened.goto(f"{up.address}/#token={up.token}")
        yield opened


def send(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def answer(page: Page) -> str:
    return page.locator("[data-slot=answer]").last.inner_text()


def numbers(page: Page) -> list[int]:
    return [int(word) for word in answer(page).split() if word.isdecimal()]


def counted_to(page: Page, number: int) -> None:
    """Wait until the answer has come this far."""
    page.wait_for_function(
        "number => [...document.querySelectorAll('[data-slot=answer]')].some("
        "answer => answer.innerText.split(/\\s+/).includes(String(number)))",
        arg=number,
        timeout=20_000,
    )


def test_a_question_is_answered_and_its_tool_call_is_a_card(page: Page) -> None:
    send(page, "calculate 6 * 7")
    expect(page.get_by_label("Copy answer").last).to_be_visible(timeout=20_000)
    expect(page.locator("[data-slot=tool-card]")).to_have_count(1)
    assert "6 * 7 = 42." in answer(page)


def test_a_reload_in_the_middle_goes_on_without_a_gap(page: Page) -> None:
    send(page, "count from 1 to 40 slowly")
    counted_to(page, 8)
    page.reload()
    counted_to(page, 40)
    expect(page.get_by_label("Copy answer").last).to_be_visible(timeout=20_000)
    assert numbers(page) == list(range(1, 41))


def test_stop_ends_the_run_and_keeps_what_was_said(page: Page) -> None:
    send(page, "count from 1 to 200 slowly")
    counted_to(page, 5)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-slot=turn-status]").last).to_contain_text("Stopped", timeout=10_000)
    said = numbers(page)
    assert said == list(range(1, len(said) + 1))
    assert 5 <= len(said) < 200
