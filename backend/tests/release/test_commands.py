"""`helium release` as processes: exit codes, lines, signals."""

import signal
from pathlib import Path

import pytest

from tests.release.place import IMAGE, Google
from tests.release.processes import ReleaseForge, lines
from tests.support.processes import Node, until

pytestmark = pytest.mark.process


class Commands:
    def __init__(self, cloud_run: Google, forge: ReleaseForge, folder: Path) -> None:
        self._cloud_run = cloud_run
        self._forge = forge
        self._folder = folder

    def begin(self, *arguments: str, **env: str) -> Node:
        return self._forge.release(self._folder, {**self._cloud_run.environment(), **env}, *arguments)

    async def code(self, *arguments: str, **env: str) -> tuple[int, str]:
        node = self.begin(*arguments, **env)
        return await node.gone(), node.log.read_text()


@pytest.fixture
def commands(cloud_run: Google, forge: ReleaseForge, tmp_path: Path) -> Commands:
    return Commands(cloud_run, forge, tmp_path)


async def test_a_promoted_release_ends_with_0_and_a_line_for_each_step(commands: Commands) -> None:
    code, said = await commands.code("start", "--cloud", "gcp", "--service", "api", "--image", IMAGE)

    assert code == 0
    steps = [line.partition("  ")[2] for line in said.splitlines()]
    assert steps == [
        "migrate the database",
        "make the new revision, without traffic",
        "smoke test",
        *(
            f"{what} {percent} %{rest}"
            for percent in (25, 50, 100)
            for what, rest in (("shift", " of the traffic"), ("watch the error budget at", ""))
        ),
        "promote the other services",
        "promoted",
    ]
    assert (await commands.code("status"))[0] == 0


async def test_a_release_that_was_rolled_back_ends_with_3(commands: Commands, cloud_run: Google) -> None:
    cloud_run.fake.helium.burns_at = 50

    code, said = await commands.code("start", "--image", IMAGE)

    assert code == 3
    assert "rolled back: At 50 % 500 of 1000 requests failed" in said
    assert (await commands.code("status"))[0] == 3
    assert (await commands.code("rollback"))[0] == 3


async def test_json_lines_tell_every_step(commands: Commands) -> None:
    node = commands.begin("start", "--image", IMAGE, "--json")

    assert await node.gone() == 0
    told = lines(node)
    assert [line["state"] for line in told if "state" in line][-1] == "promoted"
    assert [line["percent"] for line in told if line.get("state") == "soaking"] == [25, 50, 100]
    assert [line["soaked"] for line in told if "soaked" in line] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_during_a_soak_rolls_back_and_ends_with_3(
    commands: Commands, cloud_run: Google, number: signal.Signals
) -> None:
    node = commands.begin("start", "--image", IMAGE, "--soak-seconds", "60")
    await until(lambda: cloud_run.fake.helium.looks > 0, "the soak")

    node.send(number)

    assert await node.gone() == 3
    cloud_run.ended_well(await cloud_run.read())


async def test_a_signal_can_leave_the_release_for_another_process(
    commands: Commands, cloud_run: Google
) -> None:
    arguments = ("start", "--image", IMAGE, "--soak-seconds", "60", "--on-signal", "leave")
    node = commands.begin(*arguments)
    await until(lambda: cloud_run.fake.helium.looks > 0, "the soak")
    assert (await commands.code("start", "--image", IMAGE))[0] == 4

    node.send(signal.SIGTERM)

    assert await node.gone() == 4
    assert "go on with `helium release resume`" in node.log.read_text()
    assert (await commands.code("status"))[0] == 4
    assert (await commands.code("rollback"))[0] == 3
    cloud_run.ended_well(await cloud_run.read())


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (("start", "--image", "helium:latest"), {}, "released by its digest"),
        (("start", "--image", IMAGE, "--stages", "50"), {}, "Stages must rise"),
        (("start", "--image", IMAGE), {"HELIUM_RELEASE_TOKEN": ""}, "Set HELIUM_RELEASE_TOKEN"),
        (("start", "--image", IMAGE), {"HELIUM_RELEASE_POLL_SECONDS": "x"}, "HELIUM_RELEASE_POLL_SECONDS"),
        (("start", "--image", IMAGE), {"HELIUM_RELEASE_REGION": ""}, "Set HELIUM_RELEASE_REGION"),
        (("status",), {}, "There is no release here yet"),
    ],
)
async def test_what_a_person_can_mend_is_one_sentence_and_ends_with_1(
    commands: Commands, arguments: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    code, told = await commands.code(*arguments, **env)

    assert code == 1
    assert said in told
    assert len(told.splitlines()) == 1


async def test_the_token_is_never_said(commands: Commands, cloud_run: Google) -> None:
    cloud_run.fake.helium.token = "another"
    secret = "hk_5ecret5ecret"

    _, told = await commands.code("start", "--image", IMAGE, "--json", HELIUM_RELEASE_TOKEN=secret)

    assert "was refused with 401" in told
    assert secret not in told
    assert secret not in str(cloud_run.fake.services)
