"""Amazon's services on this machine: moto's server, whose memory ends with its process.

Its credentials are given to clients by hand; nothing is read from, or put into, the environment.
"""

import atexit
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.servers import require

FAKES = Path(__file__).parents[3] / ".venv-fakes" / "bin"
REGION = "eu-central-1"
ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"
ACCOUNT = "123456789012"
END_SECONDS = 10

# It says its port when it listens, and ends with its parent, whose pipe closes then.
_PROGRAM = """
import logging, os, sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True)
os.environ["MOTO_PORT"] = str(server.port)
print(server.port, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
"""


class MotoServer:
    """One server, on a free port of the loopback interface."""

    def __init__(self) -> None:
        require(FAKES / "moto_server")
        self._process, self.port = _start(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it at once; everything in it is lost."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate(timeout=END_SECONDS)

    def restart(self) -> None:
        """Start it anew, empty, on the same port."""
        self._process, _ = _start(self.port)


@contextmanager
def moto_server() -> Generator[MotoServer]:
    """A server of one's own, for tests that kill it. Skips the test where moto is missing; fails in CI."""
    server = MotoServer()
    try:
        yield server
    finally:
        server.kill()


@cache
def shared_moto(purpose: str = "") -> MotoServer:
    """The server of this test process, started when somebody first asks; one for each purpose. Make
    things of your own in it; do not kill the one without a purpose."""
    server = MotoServer()
    atexit.register(server.kill)
    return server


def _start(port: int) -> tuple["subprocess.Popen[str]", int]:
    process = subprocess.Popen(
        [str(FAKES / "python"), "-c", _PROGRAM, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    listening = process.stdout.readline()
    assert listening, "moto's server has died: see its error above"
    return process, int(listening)
