"""Many viewers at once, each a bare connection: five hundred cost a test less than ten real clients."""

import asyncio
import re
from dataclasses import dataclass, field

ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
RETRY = re.compile(rb"^retry: (\d+)$", re.MULTILINE)


@dataclass(slots=True)
class Stream:
    """One viewer of a run: the numbers that it was shown, and how it was sent away."""

    run_id: str
    seqs: list[int] = field(default_factory=list[int])
    retries: list[int] = field(default_factory=list[int])
    reconnect: bool = False
    broken: bool = False

    @property
    def last(self) -> int:
        return self.seqs[-1] if self.seqs else 0

    async def follow(self, port: int, token: str) -> None:
        """Read from the last number on until the server ends the stream."""
        self.reconnect = self.broken = False
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"GET /v1/runs/{self.run_id}/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {self.last}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await self._read(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.broken = True
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            size = int(await reader.readuntil(b"\r\n"), 16)
            chunk = (await reader.readexactly(size + 2))[:-2]
            if not size:
                return
            self.seqs += [int(number) for number in ID.findall(chunk)]
            if b"event: reconnect" in chunk:
                self.reconnect = True
                self.retries += [int(number) for number in RETRY.findall(chunk)][-1:]
