"""`infra/compose`: valid, made of real settings, and safe; the scripts beside it do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from helium.cli.app import app
from helium.cli.budget import connections_needed
from helium.cli.serve import TIDY_END_SECONDS
from helium.settings import Settings, load_settings
from tests.support.settings_names import setting_names

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra/compose"
COMPOSE = FOLDER / "compose.yaml"
ONE_SHOT = {"migrate"}
# What PostgreSQL keeps for its superuser.
RESERVED = 3


def services() -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(COMPOSE.read_text())["services"]


def ours() -> dict[str, Any]:
    """The services that run Helium's image."""
    return {name: each for name, each in services().items() if each["image"].startswith("helium-backend")}


def number(value: object) -> int:
    """A number, or the default of `${NAME:-number}`."""
    found = re.fullmatch(r"(?:\$\{\w+:-)?(\d+)\}?", str(value))
    assert found is not None
    return int(found[1])


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What Helium makes of the file's environment."""
    for name in os.environ:
        if name.startswith("HELIUM_"):
            monkeypatch.delenv(name)
    for name, value in ours()["worker"]["environment"].items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_file_is_valid_by_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_variable_is_a_setting_and_every_process_has_the_same(settings: Settings) -> None:
    environments = [service["environment"] for service in ours().values()]

    assert [name for name in environments[0] if name not in setting_names()] == []
    assert all(environment == environments[0] for environment in environments)
    assert (settings.environment, settings.queue.kind) == ("production", "dramatiq")
    assert settings.worker.port == settings.port == 8000


def test_every_command_is_one_of_heliums() -> None:
    known = {
        command.name or (command.callback and command.callback.__name__)
        for command in app.registered_commands
    }

    assert {service["command"][0] for service in ours().values()} <= known
    assert set(ours()) == {"migrate", "api", "stream", "worker", "sweeper"}


@pytest.mark.parametrize("name", sorted(set(services()) - ONE_SHOT))
def test_a_service_is_watched_and_comes_back(name: str) -> None:
    service = services()[name]
    check = service["healthcheck"]

    assert service["restart"] == "unless-stopped"
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert not {"curl", "wget"} & set(" ".join(check["test"]).split())
    assert seconds(check["timeout"]) <= seconds(check["interval"])


@pytest.mark.parametrize("name", sorted(services()))
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = services()[name]

    assert int(service["user"].partition(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert name in ONE_SHOT or set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


def test_docker_waits_longer_than_a_drain_takes(settings: Settings) -> None:
    drain = settings.worker.drain_seconds + TIDY_END_SECONDS

    assert [name for name, each in ours().items() if seconds(each["stop_grace_period"]) <= drain] == []


def test_the_connections_of_all_processes_fit_into_the_database(settings: Settings) -> None:
    processes = sum(number(service.get("deploy", {}).get("replicas", 1)) for service in ours().values())
    (most,) = re.findall(r"max_connections=(\d+)", " ".join(services()["postgres"]["command"]))

    assert processes <= settings.database.processes
    assert connections_needed(settings, settings.database.processes) <= int(most) - RESERVED


def test_the_migration_is_over_before_a_process_starts() -> None:
    for name in set(ours()) - ONE_SHOT:
        needed = ours()[name]["depends_on"]
        assert needed["migrate"] == {"condition": "service_completed_successfully"}
    assert ours()["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_redis_keeps_its_doorbells_and_asks_for_a_password() -> None:
    command = services()["redis"]["command"]
    options = dict(zip(command[2::2], command[3::2], strict=True))

    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"
    assert command[1] == "/run/secrets/redis_conf"


def test_no_password_stands_in_the_file() -> None:
    environments = [service.get("environment", {}) for service in services().values()]
    private = {
        value
        for environment in environments
        for name, value in environment.items()
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY|_URL$", name)
    }

    assert {value.partition("/")[0].rpartition(":")[0] for value in private} <= {"", "secret:file", "file"}
    assert "secret:file:database_url" in private
    assert re.findall(r"://[^/\s]*@", COMPOSE.read_text()) == []


def test_only_the_proxy_is_reachable_and_the_stores_reach_nobody() -> None:
    published = [name for name, service in services().items() if "ports" in service]
    networks = YAML(typ="safe", pure=True).load(COMPOSE.read_text())["networks"]

    assert published == ["proxy"]
    assert networks["store"] == {"internal": True}
    assert [services()[name]["networks"] for name in ("postgres", "redis")] == [["store"], ["store"]]


def test_the_secrets_are_made_once_and_for_their_readers_only(tmp_path: Path) -> None:
    def make() -> dict[str, str]:
        command = ["/bin/sh", str(FOLDER / "make-secrets.sh"), str(tmp_path)]
        subprocess.run(command, check=True, capture_output=True)
        files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        return {path.name: path.read_text().strip() for path in files}

    made = make()

    assert make() == made
    assert made["database_url"] == f"postgresql://helium:{made['postgres_password']}@postgres:5432/helium"
    assert made["redis_url"] == f"redis://:{made['redis.conf'].removeprefix('requirepass ')}@redis:6379/0"
    assert len(made["postgres_password"]) == 48
    assert made["postgres_password"] not in made["redis_url"]


def test_new_containers_are_healthy_before_old_ones_end(tmp_path: Path) -> None:
    """With a `docker` that writes down what it is asked: there is no engine where tests run."""
    said = tmp_path / "said"
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$*" >>{said}\n[ "$2" != ps ] || printf "a1\\na2\\n"\n')
    docker.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    subprocess.run(["/bin/sh", FOLDER / "roll.sh", "worker"], env=env, check=True, capture_output=True)

    assert said.read_text().splitlines() == [
        "compose ps -q worker",
        "compose up -d --no-deps --no-recreate --wait --scale worker=4 worker",
        "stop a1 a2",
        "rm a1 a2",
        "compose up -d --no-deps --no-recreate --scale worker=2 worker",
    ]
