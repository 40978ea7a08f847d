"""What is peculiar to one place."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from helium.adapters.secrets import Described, Places, describe, open_secrets
from helium.adapters.secrets.aws import AmazonSource
from helium.adapters.secrets.crc32c import crc32c
from helium.adapters.secrets.gcp import GoogleSource
from helium.adapters.secrets.local import FolderSource
from helium.adapters.secrets.reference import Reference
from helium.adapters.secrets.source import Away, NotThere
from helium.kit.clock import ManualClock


def file(name: str) -> Reference:
    return Reference(kind="file", name=name)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"a key\n", "a key"),
        (b"a key\r\n", "a key"),
        (b"a key", "a key"),
        (b"  a key \n\n", "  a key \n"),
        ("schlüssel".encode(), "schlüssel"),
    ],
)
async def test_a_file_ends_with_at_most_one_newline_that_is_not_the_secrets(
    tmp_path: Path, data: bytes, value: str
) -> None:
    (tmp_path / "key").write_bytes(data)
    assert (await FolderSource(tmp_path).read(file("key"))).value == value


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\x00"])
async def test_an_empty_file_and_one_that_is_no_text_hold_no_secret(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    with pytest.raises(NotThere):
        await FolderSource(tmp_path).read(file("key"))


async def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "key").open("wb") as made:
        made.truncate(1 << 40)
    with pytest.raises(Away, match="larger than 1 MiB"):
        await FolderSource(tmp_path).read(file("key"))


async def test_a_folder_is_no_secret_and_a_link_in_circles_neither(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    for name in ("folder", "circle", "folder/nothing"):
        with pytest.raises(NotThere):
            await FolderSource(tmp_path).read(file(name))


async def test_the_doctor_warns_of_a_file_that_everybody_can_read(tmp_path: Path) -> None:
    for name, mode in (("closed", 0o640), ("open", 0o644)):
        (tmp_path / name).write_text("a key")
        os.chmod(tmp_path / name, mode)
    environ = {"CLOSED": "secret:file:closed", "OPEN": "secret:file:open"}

    async with open_secrets(environ, ManualClock(), Places(folder=tmp_path)) as secrets:
        closed, everybody = await describe(secrets, environ)

    assert closed == Described("CLOSED", "file", "-", "can be read")
    assert everybody.state.startswith("can be read, by every account of this machine")
    assert everybody.good


@pytest.mark.parametrize(
    ("data", "sum_"), [(b"", 0), (b"123456789", 0xE3069283), (b"\x00" * 32, 0x8A9136AA)]
)
def test_the_check_sum_is_the_one_of_the_standard(data: bytes, sum_: int) -> None:
    assert crc32c(data) == sum_


async def test_googles_client_is_made_without_waiting_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    def anonymous(**_: Any) -> tuple[AnonymousCredentials, None]:
        return AnonymousCredentials(), None

    monkeypatch.setattr(google.auth, "default", anonymous)
    source = GoogleSource("a-project")
    opened: Any = await source._opened()  # pyright: ignore[reportPrivateUsage]
    await source.aclose()

    assert opened.transport.host == "secretmanager.googleapis.com:443"


async def test_credentials_of_google_that_are_not_there_are_an_outage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(Away, match="DefaultCredentialsError"):
        await GoogleSource("a-project").read(Reference(kind="gcp", name="a_key"))


async def test_credentials_of_amazon_that_are_not_there_are_an_outage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loop_guard: BlockBuster
) -> None:
    # The SDK looks for its file of credentials once, when its client is opened.
    loop_guard.functions["os.stat"].can_block_in("botocore/configloader.py", "raw_config_parse")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    source = AmazonSource("eu-central-1", endpoint="http://127.0.0.1:9")
    with pytest.raises(Away, match="NoCredentialsError"):
        await source.read(Reference(kind="aws", name="a_key"))
    await source.aclose()


async def test_a_region_that_is_none_is_an_outage() -> None:
    with pytest.raises(Away, match="InvalidRegionError"):
        await AmazonSource("no region").read(Reference(kind="aws", name="a_key"))


async def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.secretmanager_v1.services.secret_manager_service", None)

    def nothing(name: str) -> None: ...

    monkeypatch.setattr("importlib.util.find_spec", nothing)

    with pytest.raises(Away, match="the package google-cloud-secret-manager is not installed"):
        await GoogleSource("a-project").read(Reference(kind="gcp", name="a_key"))
    with pytest.raises(Away, match="the package aiobotocore is not installed"):
        await AmazonSource("eu-central-1").read(Reference(kind="aws", name="a_key"))


def test_the_cloud_packages_are_not_imported_before_a_secret_is_read() -> None:
    import subprocess

    program = (
        "import sys, os\n"
        "from helium.adapters.secrets import Places, open_secrets\n"
        "from helium.kit.clock import SystemClock\n"
        "open_secrets(os.environ, SystemClock(), Places(gcp_project='p', aws_region='r'))\n"
        "print([n for n in ('google.cloud', 'grpc', 'botocore', 'aiobotocore') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
