"""Questions to the agent of ECS, over a real connection, and what its answers mean."""

import pytest

from helium.adapters.ecs import Agent, AgentUriInvalid, Unanswered, agent_of
from tests.ecs.fake_agent import (
    BLOCKED,
    BROKEN,
    FORBIDDEN,
    NO_SERVICE,
    SILENT,
    THROTTLED,
    Answer,
    fake_agent,
)
from tests.support.processes import free_port


async def test_protection_is_asked_for_and_given_back_in_the_agents_words() -> None:
    async with fake_agent() as fake:
        agent = agent_of({"ECS_AGENT_URI": fake.uri})
        assert agent is not None
        await agent.protect(10)
        assert fake.protected
        await agent.release()

    assert fake.asked == [{"ProtectionEnabled": True, "ExpiresInMinutes": 10}, {"ProtectionEnabled": False}]
    assert not fake.protected


@pytest.mark.parametrize(
    ("answer", "reason", "final"),
    [
        (THROTTLED, "ThrottlingException", False),
        (BLOCKED, "DEPLOYMENT_BLOCKED", False),
        (FORBIDDEN, "AccessDeniedException", True),
        (NO_SERVICE, "TASK_NOT_VALID", True),
        (BROKEN, "status 500", False),
        (SILENT, "RemoteDisconnected", False),
        ((200, {"protection": {"ProtectionEnabled": False}}), "not changed", False),
        ((200, {}), "status 200", False),
    ],
)
async def test_what_is_not_done_says_why_and_whether_to_ask_soon(
    answer: Answer, reason: str, final: bool
) -> None:
    async with fake_agent() as fake:
        fake.answers.append(answer)
        with pytest.raises(Unanswered) as raised:
            await Agent(fake.uri).protect(10)

    assert (str(raised.value), raised.value.final) == (reason, final)


async def test_an_agent_that_is_not_there_is_no_answer() -> None:
    with pytest.raises(Unanswered, match="ConnectionRefusedError"):
        await Agent(f"http://127.0.0.1:{free_port()}/api/0123").release()


def test_outside_ecs_there_is_no_agent() -> None:
    assert agent_of({}) is None


@pytest.mark.parametrize("uri", ["https://169.254.170.2/api", "169.254.170.2/api", "http:///api"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(AgentUriInvalid):
        agent_of({"ECS_AGENT_URI": uri})
