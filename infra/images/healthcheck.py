"""Exit 0 if the process of this container answers: `healthcheck.py [PATH]`, by default `/api/health`.

It asks where the settings say that a role listens. With a bare socket: it runs every few seconds beside
what it asks, and to import an HTTP client would cost more than the question.
"""

import os
import socket
import sys

TIMEOUT_SECONDS = 4.0
PORTS = ("HELIUM_PORT", "HELIUM_WORKER__PORT")


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else "/api/health"
    ports = {int(os.environ.get(name) or "8000") for name in PORTS}
    said = [answer(port, path) for port in sorted(ports)]
    print("; ".join(said))
    sys.exit(0 if "200" in said else 1)


def answer(port: int, path: str) -> str:
    """The status that this port answers with, or why there is none."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(request.encode())
            words = connection.recv(64).split()
    except OSError as error:
        return f"port {port}: {error}"
    return (
        words[1].decode() if len(words) > 1 and words[0].startswith(b"HTTP/") else f"port {port}: not HTTP"
    )


if __name__ == "__main__":
    main()
