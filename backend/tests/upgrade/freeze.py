"""Freeze the event logs of a release: `python -m tests.upgrade.freeze [VERSION]`, before it is tagged.

`fixtures/VERSION/` gets the logs that the engine writes today, what they fold to, and what the Responses
protocol makes of them. A file that is there is left alone, and `digests.txt` tells if one was changed:
databases hold such logs for as long as their runs are kept, so every later release must read them.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from structlog.testing import capture_logs

import helium
from helium.core.budget import Usage
from helium.core.events import (
    ActionRequired,
    CancelRequested,
    Event,
    ItemAdded,
    ItemDelta,
    ItemDone,
    LoggedEvent,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunIncomplete,
    RunQueued,
    RunRequeued,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepRetracted,
    StepRetrying,
    StepStarted,
    encode_event,
)
from helium.core.fold import EMPTY, fold
from helium.core.items import Image, Message, Reasoning, Refusal, Text, ToolCall, ToolResult
from helium.core.spec import AgentSpec
from helium.features.responses.encoder import ResponsesEncoder
from tests.engine.fakes import claimed_run
from tests.engine.scenarios import SCENARIOS, transcript

FIXTURES = Path(__file__).parent / "fixtures"
DIGESTS = FIXTURES / "digests.txt"
RUN_ID = UUID(int=9)
SECOND = 1_700_000_000.0
USAGE = Usage(input_tokens=9, cached_tokens=4, output_tokens=5, reasoning_tokens=2, cost_microusd=123)
SAID = 'a "quoted"\n\u0000 \u2028 \U0001f6ce line'
THOUGHT = Reasoning(id="rs_1", text="Hm.", opaque="proof", status="incomplete")
ANSWER = Message(
    id="msg_2",
    role="assistant",
    content=(Text(text=SAID), Refusal(text="no"), Image(url="https://example.com/a.png", detail="low")),
    status="incomplete",
)
CALL = ToolCall(id="tc_1", call_id="call_1", name="send", arguments='{"to":"ada"}', status="incomplete")
CALLERS = ToolCall(id="tc_2", call_id="call_2", name="mail", arguments="{}", caller=True)
ENDS: dict[str, Event] = {
    "completed": RunCompleted(usage=USAGE),
    "failed": RunFailed(code="model_auth", message="The key was refused.", usage=USAGE),
    "cancelled": RunCancelled(usage=USAGE),
    "incomplete": RunIncomplete(reason="max_steps", usage=USAGE),
}


def every_field(end: Event) -> Sequence[Event]:
    """Each kind of event with no field left at its default, as far as one log can hold them."""
    return (
        RunQueued(agent="ada", model="m"),
        RunStarted(attempt=1),
        StepStarted(position=0, kind="model", name="model"),
        ItemAdded(index=0, item=Reasoning(id="rs_0", status="in_progress")),
        ItemDelta(item_id="rs_0", index=0, text="H", part="reasoning"),
        StepRetracted(position=0, items=("rs_0",)),
        StepRetrying(position=0, reason="overloaded", after_seconds=2.5, try_number=2),
        ItemAdded(index=0, item=Reasoning(id="rs_1", status="in_progress")),
        ItemDelta(item_id="rs_1", index=0, text="Hm.", part="reasoning"),
        ItemDone(index=0, item=THOUGHT),
        ItemAdded(index=1, item=Message(id="msg_2", role="assistant", status="in_progress")),
        ItemDelta(item_id="msg_2", index=1, text=SAID),
        ItemDelta(item_id="msg_2", index=1, text="no", part="refusal"),
        ItemDone(index=1, item=ANSWER),
        ItemAdded(index=2, item=ToolCall(id="tc_1", call_id="call_1", name="send", status="in_progress")),
        ItemDelta(item_id="tc_1", index=2, text='{"to":"ada"}', part="arguments"),
        ItemDone(index=2, item=CALL),
        ItemAdded(index=3, item=CALLERS),
        ItemDone(index=3, item=CALLERS),
        StepCompleted(position=0, kind="model", name="model", usage=USAGE, seconds=1.25),
        ActionRequired(
            action_id="act_1",
            kind="in_doubt",
            prompt="Was it sent?",
            tool="send",
            arguments='{"to":"ada"}',
            call_id="call_1",
        ),
        RunResumed(action_id="act_1", decision="done"),
        RunStarted(attempt=2),
        StepStarted(position=1, kind="tool", name="send", call_id="call_1"),
        ItemDone(index=4, item=ToolResult(id="tr_1", call_id="call_1", output=SAID, is_error=True)),
        StepCompleted(position=1, kind="tool", name="send", usage=USAGE, seconds=0.5),
        RunRequeued(reason="slice_over", after_seconds=1.5),
        RunStarted(attempt=3),
        CancelRequested(),
        end,
    )


def logged(events: Sequence[Event]) -> list[LoggedEvent]:
    return [
        LoggedEvent(seq=seq, event=event, created_at=SECOND + seq) for seq, event in enumerate(events, 1)
    ]


def responses(log: Sequence[LoggedEvent]) -> list[dict[str, Any]]:
    """What a viewer of the Responses protocol gets, event for event."""
    encoder = ResponsesEncoder(claimed_run(RUN_ID, spec=AgentSpec()).row)
    blocks = encoder.encode(log).decode().split("\n\n")[:-1]
    return [json.loads(block.split("\ndata: ", 1)[1]) for block in blocks]


def of_log(name: str, log: Sequence[LoggedEvent]) -> dict[str, Any]:
    """A fixture."""
    events = [{"seq": one.seq, "event": msgspec.json.decode(encode_event(one.event))} for one in log]
    view = fold(EMPTY, log).as_json()
    return {"name": name, "events": events, "view": view, "responses": responses(log)}


async def todays() -> dict[str, dict[str, Any]]:
    """All logs that this code writes, by name."""
    found = {f"every_field_{name}": logged(every_field(end)) for name, end in ENDS.items()}
    for name in SCENARIOS:
        lines = (await transcript(name))["events"]
        found[name] = logged([msgspec.convert(line["event"], Event) for line in lines])
    return {name: of_log(name, log) for name, log in found.items()}


def freeze(version: str, logs: dict[str, dict[str, Any]]) -> Sequence[Path]:
    """Write the logs that this version's folder does not have yet. Those that were written."""
    folder = FIXTURES / version
    folder.mkdir(parents=True, exist_ok=True)
    new = [folder / f"{name}.json" for name in logs if not (folder / f"{name}.json").exists()]
    with DIGESTS.open("a") as digests:
        for path in sorted(new):
            content = (json.dumps(logs[path.stem], indent=1, ensure_ascii=False) + "\n").encode()
            path.write_bytes(content)
            digests.write(f"{hashlib.sha256(content).hexdigest()}  {version}/{path.name}\n")
    return new


def main() -> None:
    version = sys.argv[1] if len(sys.argv) > 1 else helium.__version__
    with capture_logs():
        logs = asyncio.run(todays())
    sys.stdout.write(f"{version}: {len(freeze(version, logs))} files frozen\n")


if __name__ == "__main__":
    main()
