"""What Google's libraries say gets into the logs, and not past them."""

import logging

import pytest

from helium.adapters.cloud_tasks.google import open_client


async def test_guard_googles_client_does_not_take_its_lines_out_of_the_logs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It cuts them off when the first client is made: they would get to stderr raw, or nowhere."""
    monkeypatch.setattr("google.api_core.client_logging._LOGGING_INITIALIZED", False)
    monkeypatch.setattr(logging.getLogger("google"), "propagate", True)

    async with open_client("127.0.0.1:9", None):
        logging.getLogger("google.cloud.tasks").warning("slow")

    assert caplog.messages == ["slow"]
