"""What each verdict makes of a push, and what becomes of a message when something breaks."""

import asyncio
from uuid import uuid4

import pytest
import structlog.testing

from helium.adapters.cloud_tasks import PushRoute
from helium.adapters.cloud_tasks.messages import ring_body
from helium.adapters.cloud_tasks.push import MOST_RETRIES
from helium.ports import Bury, Delivery, Execute, Refuse, Verdict
from tests.cloud_tasks.asgi import GENUINE, Kept, OneToken, Wire, pushed, scope_of
from tests.cloud_tasks.pushes import pushed_to
from tests.contract.queues.side import Broken, Held, Recorder
from tests.support.processes import free_port, until

RUN = uuid4()
BODY = ring_body(RUN)


def route_to(execute: Execute, queue: Kept | None = None, dead: Kept | None = None) -> PushRoute:
    return PushRoute(execute, OneToken(), queue or Kept(), dead or Kept(), seconds=10)


async def by_hand(route: PushRoute, wire: Wire) -> None:
    await route(scope_of({"Authorization": GENUINE}), wire.receive, wire.send)


async def test_an_acknowledged_push_is_answered_with_200() -> None:
    execute, queue = Recorder(), Kept()
    answer = await pushed(route_to(execute, queue), BODY, {"X-CloudTasks-TaskRetryCount": "4"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert execute.seen == [Delivery(body=str(RUN), deliveries=5, seconds=10)]
    assert queue.messages == []


@pytest.mark.parametrize(("seconds", "said"), [(0.01, "0"), (0.3, "1"), (1.0, "1")])
async def test_a_short_refusal_is_left_to_cloud_tasks(seconds: float, said: str) -> None:
    queue = Kept()
    answer = await pushed(route_to(Recorder([Refuse(seconds)]), queue), BODY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, said)
    assert queue.messages == []


async def test_a_long_refusal_becomes_a_fresh_task_that_remembers_its_deliveries() -> None:
    execute, queue = Recorder([Refuse(60), Refuse(60)]), Kept()
    route = route_to(execute, queue)
    first = await pushed(route, BODY, {"X-CloudTasks-TaskRetryCount": "1"})
    second = await pushed(route, queue.messages[0].body, dict(queue.messages[0].headers))
    assert (first.status_code, second.status_code) == (200, 200)
    assert [message.delay_seconds for message in queue.messages] == [60, 60]
    assert [delivery.deliveries for delivery in execute.seen] == [2, 3]
    assert [delivery.body for delivery in execute.seen] == [str(RUN)] * 2


async def test_the_last_retries_of_a_task_are_never_used_up_by_refusals() -> None:
    queue = Kept()
    retries = {"X-CloudTasks-TaskRetryCount": str(MOST_RETRIES)}
    answer = await pushed(route_to(Recorder([Refuse(0.01)]), queue), BODY, retries)
    assert (answer.status_code, len(queue.messages)) == (200, 1)


async def test_a_refusal_that_finds_no_queue_is_left_to_cloud_tasks() -> None:
    answer = await pushed(route_to(Recorder([Refuse(60)]), Kept(away=True)), BODY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


async def test_a_buried_message_keeps_its_origin_and_its_reason_but_no_token() -> None:
    dead = Kept()
    came = {"X-CloudTasks-TaskName": "t-1", "X-CloudTasks-QueueName": "agents", "Helium-Deliveries": "7"}
    reason = "no such run\r\nX-Evil: 1 ü"
    answer = await pushed(route_to(Recorder([Bury(reason)]), dead=dead), b"not a run", came)
    assert answer.status_code == 200
    assert dead.messages[0].body == b"not a run"
    assert dead.messages[0].headers == {
        "helium-was-taskname": "t-1",
        "helium-was-queuename": "agents",
        "helium-buried-because": "no such run%0D%0AX-Evil: 1 %C3%BC",
    }


async def test_a_message_that_cannot_be_buried_is_delivered_again() -> None:
    answer = await pushed(route_to(Recorder([Bury("x")]), dead=Kept(away=True)), BODY)
    assert answer.status_code == 503


async def test_an_execution_that_fails_is_delivered_again() -> None:
    with structlog.testing.capture_logs() as told:
        answer = await pushed(route_to(Broken()), BODY)
    assert (answer.status_code, answer.content) == (500, b"")
    assert [entry["event"] for entry in told] == ["delivery.received", "delivery.failed"]


async def test_an_execution_is_cancelled_at_its_deadline_and_delivered_again() -> None:
    held = Held()
    route = PushRoute(held, OneToken(), Kept(), Kept(), seconds=0.05)
    answer = await pushed(route, BODY)
    assert (answer.status_code, held.cancelled) == (503, 1)


async def test_a_cancelled_request_is_never_answered_with_success() -> None:
    held, wire = Held(), Wire([{"type": "http.request", "body": BODY}])
    route = route_to(held)
    request = asyncio.create_task(by_hand(route, wire))
    await until(lambda: held.under_way == 1, "an execution")
    request.cancel()
    (outcome,) = await asyncio.gather(request, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    assert (wire.sent, held.cancelled) == ([], 1)


async def test_a_client_that_leaves_before_its_body_is_whole_starts_nothing() -> None:
    half = {"type": "http.request", "body": BODY[:5], "more_body": True}
    execute, wire = Recorder(), Wire([half, {"type": "http.disconnect"}])
    await by_hand(route_to(execute), wire)
    assert (wire.sent, execute.seen) == ([], [])


async def test_a_client_that_leaves_later_cancels_nothing() -> None:
    held, port = Held(), free_port()
    async with pushed_to(route_to(held), port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST /internal/tasks/execute HTTP/1.1\r\nHost: worker\r\n"
        writer.write(
            f"{head}Authorization: {GENUINE}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
        )
        await until(lambda: held.under_way == 1, "an execution")
        writer.close()
        await writer.wait_closed()
        held.release.set()
        await until(lambda: held.under_way == 0, "its end")
    assert held.cancelled == 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"run_id": 7}', '{"run_id": 7}'),
        (b'{"run_id": "a", "more": 1}', '{"run_id": "a", "more": 1}'),
        (b'["run_id"]', '["run_id"]'),
        (b'{"run_id": "no uuid"}', "no uuid"),
    ],
)
async def test_what_no_ring_of_ours_is_comes_as_text(body: bytes, text: str) -> None:
    execute = Recorder()
    await pushed(route_to(execute), body)
    assert [delivery.body for delivery in execute.seen] == [text]


@pytest.mark.parametrize("count", ["", "-1", "x", "²", "9" * 30])
async def test_a_strange_retry_count_counts_nothing(count: str) -> None:
    execute, wire = Recorder(), Wire([{"type": "http.request", "body": BODY}])
    scope = scope_of({"Authorization": GENUINE, "X-CloudTasks-TaskRetryCount": count})
    await route_to(execute)(scope, wire.receive, wire.send)
    assert [delivery.deliveries for delivery in execute.seen] == [1]


async def test_only_its_path_and_method_are_answered() -> None:
    async def refuse(delivery: Delivery) -> Verdict:
        raise AssertionError("it was executed")

    route = route_to(refuse)
    assert (await pushed(route, BODY, path="/internal/tasks/other")).status_code == 404
    assert (await pushed(route, BODY, method="GET")).status_code == 405


async def test_a_body_larger_than_any_task_is_refused_unread() -> None:
    execute = Recorder()
    answer = await pushed(route_to(execute), b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, execute.seen) == (413, [])
