"""Places of secrets for tests: variables, a folder as Kubernetes mounts it, Google's service spoken by
gRPC on the client's own messages, Amazon's by moto's server."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import aiobotocore.session
import grpc
import pytest
from google.cloud import secretmanager_v1 as messages

from helium.adapters.secrets import Places
from helium.adapters.secrets.crc32c import crc32c
from tests.support import moto_server as moto
from tests.support.processes import free_port

PROJECT = "helium-test"


class Side(Protocol):
    """A kind of place, empty."""

    source: str
    places: Places
    environ: dict[str, str]
    versions: ClassVar[bool]
    """It keeps old versions, and objects with fields."""

    async def put(self, name: str, value: str) -> str:
        """Make this the current value of a secret; the version's name."""
        ...

    def reference(self, name: str, version: str = "", field: str = "") -> str: ...


class CanFail(Side, Protocol):
    """A place that can be out of reach."""

    async def leave(self) -> None: ...

    async def come_back(self) -> None: ...


class EnvironmentSide:
    source = "environment"
    versions: ClassVar[bool] = False

    def __init__(self) -> None:
        self.places = Places()
        self.environ: dict[str, str] = {}

    async def put(self, name: str, value: str) -> str:
        self.environ[name] = value
        return ""

    def reference(self, name: str, version: str = "", field: str = "") -> str:
        return f"secret:env:{name}"


class FolderSide:
    """Each change is a new folder, and a link that is turned to it."""

    source = "file"
    versions: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = Places(folder=folder)
        self.environ: dict[str, str] = {}
        self._values: dict[str, str] = {}
        folder.mkdir()

    async def put(self, name: str, value: str) -> str:
        self._values[name] = value
        await asyncio.to_thread(self._mount)
        return ""

    def _mount(self) -> None:
        new = self.folder / f"..{uuid4().hex}"
        new.mkdir()
        for name, value in self._values.items():
            (new / name).write_text(f"{value}\n")
            (new / name).chmod(0o600)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..link").symlink_to(new.name)
        os.rename(self.folder / "..link", self.folder / "..data")

    def reference(self, name: str, version: str = "", field: str = "") -> str:
        return f"secret:file:{name}"

    async def leave(self) -> None:
        self.folder.rename(self.folder.with_suffix(".away"))

    async def come_back(self) -> None:
        self.folder.with_suffix(".away").rename(self.folder)


class GoogleSide:
    """Secret Manager's one method that Helium calls."""

    source = "gcp"
    versions: ClassVar[bool] = True

    def __init__(self) -> None:
        self.port = free_port()
        self.places = Places(gcp_project=PROJECT, gcp_endpoint=f"127.0.0.1:{self.port}")
        self.environ: dict[str, str] = {}
        self.damaged = False
        self.refusal: grpc.StatusCode | None = None
        self.asked: list[str] = []
        self._values: dict[str, list[str]] = {}
        self._server: Any = None

    async def put(self, name: str, value: str) -> str:
        self._values.setdefault(name, []).append(value)
        return str(len(self._values[name]))

    def reference(self, name: str, version: str = "", field: str = "") -> str:
        return f"secret:gcp:{name}{f'#{field}' if field else ''}{f'@{version}' if version else ''}"

    async def come_back(self) -> None:
        method = grpc.unary_unary_rpc_method_handler(
            self._access,
            request_deserializer=messages.AccessSecretVersionRequest.deserialize,
            response_serializer=messages.AccessSecretVersionResponse.serialize,
        )
        service = "google.cloud.secretmanager.v1.SecretManagerService"
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"AccessSecretVersion": method}),)
        )
        assert self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def leave(self) -> None:
        await self._server.stop(None)

    async def _access(self, request: Any, context: Any) -> Any:
        self.asked.append(request.name)
        parts = request.name.split("/")
        assert [parts[0], parts[2], parts[4]] == ["projects", "secrets", "versions"]
        if self.refusal is not None:
            await context.abort(self.refusal, "refused")
        kept = self._values.get(parts[3], []) if parts[1] == PROJECT else []
        number = len(kept) if parts[5] == "latest" else int(parts[5])
        if not 1 <= number <= len(kept):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such secret version")
        data = kept[number - 1].encode()
        payload = messages.SecretPayload(data=data, data_crc32c=crc32c(data) ^ self.damaged)
        name = f"projects/1234567/secrets/{parts[3]}/versions/{number}"
        return messages.AccessSecretVersionResponse(name=name, payload=payload)


class AmazonSide:
    """moto's Secrets Manager behind a relay that can be closed. Names are this side's own."""

    source = "aws"
    versions: ClassVar[bool] = True

    def __init__(self, client: Any, relay: "Relay") -> None:
        self.places = Places(aws_region=moto.REGION, aws_endpoint=relay.url)
        self.environ: dict[str, str] = {}
        self.client = client
        self._relay = relay
        self._prefix = uuid4().hex
        self._made: set[str] = set()

    def full(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    async def put(self, name: str, value: str) -> str:
        if name in self._made:
            made = await self.client.put_secret_value(SecretId=self.full(name), SecretString=value)
        else:
            made = await self.client.create_secret(Name=self.full(name), SecretString=value)
        self._made.add(name)
        return made["VersionId"]

    def reference(self, name: str, version: str = "", field: str = "") -> str:
        parts = [f"#{field}" if field else "", f"@{version}" if version else ""]
        return f"secret:aws:{self.full(name)}{''.join(parts)}"

    async def leave(self) -> None:
        await self._relay.close()

    async def come_back(self) -> None:
        await self._relay.open()


class Relay:
    """Passes connections on to another port, until it is closed."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._to = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # noqa: TID251 - the transports' ends are called in the next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, up_writer}
        await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))
        self._writers -= {writer, up_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def google_side() -> AsyncGenerator[GoogleSide]:
    side = GoogleSide()
    await side.come_back()
    try:
        yield side
    finally:
        await side.leave()


@asynccontextmanager
async def amazon_side(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[AmazonSide]:
    """Skips the test where moto is missing; fails it in CI."""
    server = await asyncio.to_thread(moto.shared_moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.SECRET_ACCESS_KEY)
    relay = Relay(urlsplit(server.url).port or 0)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            aiobotocore.session.get_session().create_client(
                "secretsmanager", region_name=moto.REGION, endpoint_url=server.url
            )
        )
        await relay.open()
        stack.push_async_callback(relay.close)
        yield AmazonSide(client, relay)


@asynccontextmanager
async def open_side(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Any]:
    """The side of this kind: `env`, `file`, `gcp` or `aws`."""
    if kind == "env":
        yield EnvironmentSide()
    elif kind == "file":
        yield FolderSide(folder / "secrets")
    elif kind == "gcp":
        async with google_side() as side:
            yield side
    else:
        async with amazon_side(monkeypatch) as side:
            yield side
