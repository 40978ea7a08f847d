"""The backend's image, really built and really run: what it does, what it is, and what it lacks."""

import json
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from helium.cli.serve import TIDY_END_SECONDS
from helium.settings.groups import WorkerSettings
from tests.images.conftest import Installation
from tests.images.containers import Container, image_config, podman
from tests.support.processes import free_port, until

INSIDE = (Path(__file__).parent / "inside.py").read_text()
PROBE = ("python", "-IS", "/app/healthcheck.py")
GRACE_SECONDS = WorkerSettings().drain_seconds + TIDY_END_SECONDS
LARGEST_IMAGE_BYTES = 350_000_000
LARGEST_AT_REST_BYTES = 150_000_000


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def api(installation: Installation, port: int) -> Generator[Container]:
    with installation.run("api", HELIUM_PORT=str(port)) as started:
        yield started


@pytest.fixture(scope="module")
def facts(api: Container) -> dict[str, Any]:
    found = api.execute("python", "-", stdin=INSIDE)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


async def healthy(started: Container, *path: str) -> None:
    """Wait until the image's own check is content with the container."""

    def look() -> bool:
        assert started.lives, started.said()
        return started.execute(*PROBE, *path).returncode == 0

    await until(look, f"health of {started.name}")


def resident_bytes(started: Container) -> int:
    lines = Path(f"/proc/{started.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


async def test_api_and_worker_carry_out_a_run(
    installation: Installation, api: Container, port: int
) -> None:
    with installation.run("worker", HELIUM_WORKER__PORT=str(free_port())) as worker:
        await healthy(api, "/api/ready")
        await healthy(worker, "/api/ready")
        token = api.execute("python", "-m", "helium", "token").stdout.strip()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as http:
            answer = await http.post("/v1/responses", json={"model": "default", "input": "calculate 6 * 7"})
            page = await http.get("/")

    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "completed"
    assert "42" in answer.text
    assert "/_next/" in page.text


@pytest.mark.parametrize("role", ["api", "stream", "worker", "sweeper"])
async def test_each_role_is_ready_soon_rests_small_and_ends_in_order(
    installation: Installation, role: str
) -> None:
    own = str(free_port())
    began = time.monotonic()
    with installation.run(role, HELIUM_PORT=own, HELIUM_WORKER__PORT=own) as started:
        await healthy(started, "/api/ready")
        ready, resident = time.monotonic() - began, resident_bytes(started)
        told = time.monotonic()
        started.send("TERM")
        code, ended = started.gone(), time.monotonic() - told
        sys.stdout.write(
            f"\n{role}: ready after {ready:.1f} s, {resident / 1e6:.0f} MB at rest, gone in {ended:.1f} s"
        )

        assert code == 0, started.said()
        assert f"{role}.stopped" in started.said()
        assert ended < GRACE_SECONDS
        assert resident < LARGEST_AT_REST_BYTES


async def test_a_process_that_hangs_or_has_no_database_is_told_apart(installation: Installation) -> None:
    gone = "postgresql://helium@127.0.0.1:1/helium"
    own = str(free_port())
    with installation.run("api", HELIUM_PORT=own) as started:
        await healthy(started)
        started.send("STOP")
        hanging = started.execute(*PROBE)
        started.send("CONT")
        await healthy(started)
    with installation.run("api", HELIUM_PORT=own, HELIUM_DATABASE_URL=gone) as refused:
        assert refused.gone() != 0

    assert hanging.returncode == 1, hanging.stdout
    assert "timed out" in hanging.stdout


def test_the_check_of_the_image_is_the_one_that_was_tried_and_fails_where_nothing_listens(
    image: str, api: Container
) -> None:
    check = image_config(image)["Healthcheck"]
    nowhere = api.execute("env", "HELIUM_PORT=1", "HELIUM_WORKER__PORT=1", *PROBE)

    assert isinstance(check, dict)
    assert check["Test"] == ["CMD", *PROBE]
    assert nowhere.returncode == 1
    assert "refused" in nowhere.stdout


def test_it_is_nobody_who_may_do_nothing(facts: dict[str, Any]) -> None:
    status = facts["status"]

    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert facts["setuid"] == []


def test_only_its_home_and_what_is_temporary_can_be_written(facts: dict[str, Any]) -> None:
    assert facts["written"] == ["/tmp", "/var/lib/helium"]


def test_there_is_no_compiler_no_installer_and_no_database_in_it(facts: dict[str, Any]) -> None:
    assert facts["programs"] == []
    assert facts["modules"] == []


def test_what_was_cut_away_is_not_missed(facts: dict[str, Any]) -> None:
    assert facts["unsatisfied"] == []
    assert facts["unloadable"] == []
    assert facts["unimportable"] == []
    assert facts["amazon"] == ["sqs", "secretsmanager", "sts", "sso", "sso-oidc"]


def test_bytecode_is_there_and_no_start_looks_for_a_newer_source(facts: dict[str, Any]) -> None:
    assert facts["uncompiled"] == []


def test_without_a_database_it_says_what_to_do(installation: Installation) -> None:
    with installation.run("api", HELIUM_DATABASE_URL="") as started:
        assert started.gone() == 1
        assert "set HELIUM_DATABASE_URL" in started.said()


def test_the_bill_of_materials_names_everything_that_is_installed(
    image: str, api: Container, facts: dict[str, Any]
) -> None:
    labels = image_config(image)["Labels"]
    assert isinstance(labels, dict)
    bill = json.loads(api.execute("cat", labels["helium.sbom"]).stdout)
    urls = {component["purl"] for component in bill["components"]}

    assert [bill["bomFormat"], bill["specVersion"]] == ["CycloneDX", "1.6"]
    python = {
        f"pkg:pypi/{name.lower().replace('_', '-').replace('.', '-')}@{v}"
        for name, v in facts["distributions"]
    }
    assert len(python) > 60
    assert {url for url in urls if url.startswith("pkg:pypi/")} == python
    debian = [url.removeprefix("pkg:deb/debian/").partition("@")[0] for url in urls if ":deb/" in url]
    assert sorted(debian) == sorted(facts["debian"])
    assert any(url.startswith("pkg:npm/next@") for url in urls)


def test_labels_say_what_it_is_and_how_long_it_takes_to_end(image: str) -> None:
    found = image_config(image)
    labels, size = found["Labels"], found["Size"]

    assert isinstance(labels, dict)
    assert len(labels["org.opencontainers.image.revision"]) == 40
    assert labels["org.opencontainers.image.version"].count(".") == 2
    assert float(labels["helium.stop-grace-seconds"]) >= GRACE_SECONDS
    assert isinstance(size, int)
    assert size < LARGEST_IMAGE_BYTES
    assert podman("image", "inspect", "--format", "{{.Os}}", image).stdout.strip() == "linux"
