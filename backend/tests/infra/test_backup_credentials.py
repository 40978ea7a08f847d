"""What the object stores' client sends from inside a scheduled backup, seen by a server on this machine.

It shows that the client takes Google's token from the metadata server, and that it sends the checksums
without which Amazon refuses parts in a bucket with Object Lock. Neither cloud is asked.
"""

import json
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from helium.adapters.blobs import open_blobs

MIB = 1024 * 1024
SUM = "x-amz-checksum-sha256"
TOKEN = {"access_token": "of-the-metadata-server", "expires_in": 3600, "token_type": "Bearer"}
BEGUN = "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>"
DONE = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"


class Seen(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str


class Listener(BaseHTTPRequestHandler):
    """Both stores and the metadata server, as far as an upload goes."""

    seen: list[Seen]

    def answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append(Seen(self.command, self.path, headers, content[:2000].decode(errors="replace")))
        said = self._said().encode()
        self.send_response(200)
        for name, value in {"ETag": '"e"', "Content-Length": str(len(said)), SUM: headers.get(SUM)}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_PUT = do_POST = answer

    def _said(self) -> str:
        if self.path.startswith("/computeMetadata/"):
            return json.dumps(TOKEN)
        if self.command == "POST":
            return BEGUN if "uploads" in self.path else DONE
        return ""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[Seen]]]:
    """Its address, and what it was asked. The environment is that of a machine in the cloud."""
    Listener.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY"):
        monkeypatch.delenv(name, raising=False)
    # Nobody's own credentials.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield f"http://127.0.0.1:{server.server_port}", Listener.seen
    server.shutdown()
    thread.join()
    server.server_close()


async def _bytes(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(MIB)


async def _store(url: str, endpoint: str) -> None:
    blobs = open_blobs(url, endpoint=endpoint, region="us-east-1")
    await blobs.put("one/manifest.json", _bytes(1))
    await blobs.put("one/files.00000", _bytes(12))


async def test_on_google_cloud_the_metadata_servers_token_is_sent(listener: tuple[str, list[Seen]]) -> None:
    endpoint, seen = listener

    await _store("gs://backups/helium", endpoint)

    first, *uploads = seen
    assert "/service-accounts/default/token" in first.path
    assert first.headers["metadata-flavor"] == "Google"
    assert len(uploads) == 6
    assert {each.headers["authorization"] for each in uploads} == {f"Bearer {TOKEN['access_token']}"}


async def test_what_is_stored_needs_the_right_to_create_and_no_other(
    listener: tuple[str, list[Seen]],
) -> None:
    endpoint, seen = listener

    await _store("gs://backups/helium", endpoint)

    assert {each.method for each in seen[1:]} == {"PUT", "POST"}


async def test_a_bucket_with_object_lock_gets_a_checksum_with_every_part(
    listener: tuple[str, list[Seen]], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, seen = listener
    monkeypatch.setenv("AWS_CHECKSUM_ALGORITHM", "SHA256")

    await _store("s3://backups/helium", endpoint)

    puts = [each for each in seen if each.method == "PUT"]
    assert len(puts) == 4
    assert [each.path for each in puts if SUM not in each.headers] == []
    (finish,) = [each for each in seen if each.method == "POST" and "uploadId" in each.path]
    assert finish.body.count("<ChecksumSHA256>") == 3


async def test_without_the_variable_of_the_task_it_gets_none(
    listener: tuple[str, list[Seen]], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, seen = listener
    monkeypatch.delenv("AWS_CHECKSUM_ALGORITHM", raising=False)

    await _store("s3://backups/helium", endpoint)

    assert [each.path for each in seen if SUM in each.headers] == []
