"""Prove that a running Helium works: a run over HTTP, then the page in a real browser.

    python scripts/smoke.py http://127.0.0.1:8000 TOKEN [screenshot.png]

The page's part needs `playwright` (a development package) and Chromium (`CHROMIUM`, by default
/usr/bin/chromium).
"""

import json
import os
import sys
import urllib.request
from typing import Any

QUESTION, ANSWER = "calculate 6 * 7", "42"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def check_health(address: str) -> None:
    for path in ("/api/health", "/api/ready"):
        with urllib.request.urlopen(f"{address}{path}", timeout=10) as response:
            assert response.status == 200, f"{path} answered {response.status}"


def check_api(address: str, token: str) -> None:
    request = urllib.request.Request(
        f"{address}/v1/responses",
        data=json.dumps({"model": "default", "input": QUESTION}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    assert answer["status"] == "completed", f"the run ended as {answer['status']}"
    assert ANSWER in output_text(answer), f"the answer was {output_text(answer)!r}"


def output_text(answer: dict[str, Any]) -> str:
    messages = [item for item in answer["output"] if item["type"] == "message"]
    return "".join(part.get("text", "") for message in messages for part in message["content"])


def check_page(address: str, token: str, screenshot: str | None) -> None:
    """A person's way: open the printed address, ask, see the tool's card and the answer."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{address}/#token={token}")
        page.get_by_label("Message", exact=True).fill(QUESTION)
        page.keyboard.press("Enter")
        expect(page.locator("[data-slot=tool-card]").first).to_be_visible(timeout=20_000)
        expect(page.locator("[data-slot=markdown]").last).to_contain_text(ANSWER, timeout=20_000)
        if screenshot:
            page.screenshot(path=screenshot)
        browser.close()
    assert not problems, f"the page reported {problems}"


def main() -> None:
    address, token = sys.argv[1].rstrip("/"), sys.argv[2]
    check_health(address)
    check_api(address, token)
    print(f"Smoke: {address} answered {QUESTION!r} with {ANSWER} over HTTP.")
    check_page(address, token, sys.argv[3] if len(sys.argv) > 3 else None)
    print("Smoke: the page showed the tool's card and the answer.")


if __name__ == "__main__":
    main()
