"""Helium, in which every library warns when it is told to: `python -m tests.observe.chatty ROLE …`.

On SIGUSR1 each of `LIBRARIES` says the value of `CHATTY_SAYS`, one of them with an exception.
"""

import logging
import os
import signal
import sys

from helium.cli import app

LIBRARIES = (
    *("asyncpg", "httpx", "uvicorn.error", "dramatiq.worker", "google.auth", "botocore.httpsession"),
    *("aiobotocore", "asyncio", "py.warnings"),
)


def speak(number: int, frame: object) -> None:
    said = os.environ["CHATTY_SAYS"]
    for name in LIBRARIES:
        logging.getLogger(name).warning("%s is away\n%s", said, said)
    try:
        raise ValueError(said)
    except ValueError:
        logging.getLogger("asyncpg").exception("failed")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, speak)
    sys.argv[0] = "helium"
    app.main()
