"""The fold of the log: prefixes, replays, gaps and retractions."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
)
from helium.core.fold import EMPTY, LogGap, Placed, RunError, RunView, fold
from helium.core.items import (
    Item,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
)

ASKED = ActionRequired(
    action_id="a1", kind="approval", prompt="Run mail?", tool="mail", arguments="{}", call_id="c1"
)


def log(*events: Event, first: int = 1) -> list[LoggedEvent]:
    return [LoggedEvent(seq=seq, event=event, created_at=0.0) for seq, event in enumerate(events, first)]


def opened(kind: str, item_id: str) -> Item:
    if kind == "reasoning":
        return Reasoning(id=item_id, status="in_progress")
    if kind == "call":
        return ToolCall(id=item_id, call_id=f"call-{item_id}", name="t", status="in_progress")
    return Message(id=item_id, role="assistant", status="in_progress")


# --- properties ----------------------------------------------------------------------------------

ids = st.sampled_from(["i1", "i2", "i3", "i4"])
small = st.integers(0, 4)
words = st.text(max_size=6)
usages = st.builds(Usage, input_tokens=small, output_tokens=small, cost_microusd=small)
items = st.builds(opened, st.sampled_from(["message", "reasoning", "call"]), ids) | st.builds(
    ToolResult, id=ids, call_id=ids, output=words
)
any_event: st.SearchStrategy[Event] = st.one_of(
    st.just(RunQueued(agent="a", model="m")),
    st.builds(RunStarted, attempt=small),
    st.just(RunRequeued(reason="drain")),
    st.builds(StepStarted, position=small, kind=st.just("model"), name=words),
    st.just(StepRetrying(position=0, reason="r", after_seconds=1.0, try_number=2)),
    st.builds(StepRetracted, position=small, items=st.lists(ids, max_size=3).map(tuple)),
    st.builds(StepCompleted, position=small, kind=st.just("model"), name=words, usage=usages),
    st.builds(ItemAdded, index=small, item=items),
    st.builds(
        ItemDelta,
        item_id=ids,
        index=small,
        text=words,
        part=st.sampled_from(["text", "reasoning", "arguments", "refusal"]),
    ),
    st.builds(ItemDone, index=small, item=items),
    st.just(ASKED),
    st.just(RunResumed(action_id="a1", decision="approve")),
    st.just(CancelRequested()),
    st.builds(RunCompleted, usage=usages),
    st.builds(RunFailed, code=words, message=words, usage=usages),
    st.builds(RunCancelled, usage=usages),
    st.builds(RunIncomplete, reason=words, usage=usages),
)
logs = st.lists(any_event, max_size=25)


@given(logs, st.integers(0, 25))
def test_folding_a_prefix_and_then_the_rest_is_folding_all(events: Sequence[Event], cut: int) -> None:
    whole = log(*events)

    assert fold(fold(EMPTY, whole[:cut]), whole[cut:]) == fold(EMPTY, whole)


@given(logs, st.integers(0, 25), st.integers(0, 25))
def test_replays_are_harmless(events: Sequence[Event], start: int, end: int) -> None:
    whole = log(*events)
    view = fold(EMPTY, whole)

    assert fold(view, whole[start:end]) == view


said = st.lists(st.tuples(st.sampled_from(["message", "reasoning", "call"]), words), max_size=4)
PART = {"message": "text", "reasoning": "reasoning", "call": "arguments"}


def attempt(pieces: Sequence[tuple[str, str]], prefix: str, first_index: int) -> list[Event]:
    """What one try at a model call says before it dies: items begun, with some text."""
    events: list[Event] = []
    for number, (kind, text) in enumerate(pieces):
        item, index = opened(kind, f"{prefix}{number}"), first_index + number
        events.append(ItemAdded(index=index, item=item))
        delta = {"item_id": item.id, "index": index, "text": text, "part": PART[kind]}
        events.append(ItemDelta(**delta))  # pyright: ignore[reportArgumentType]
    return events


@given(said, said, said)
def test_a_retracted_attempt_leaves_no_trace(
    before: list[tuple[str, str]], dead: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    first = attempt(before, "kept", 0)
    died = attempt(dead, "dead", len(before))
    retracted = StepRetracted(position=1, items=tuple(f"dead{n}" for n in range(len(dead))))
    second = attempt(after, "again", len(before))

    with_death = fold(EMPTY, log(*first, *died, retracted, *second))
    without = fold(EMPTY, log(*first, *second))

    assert with_death.placed == without.placed


# --- examples ------------------------------------------------------------------------------------


def test_a_gap_raises_instead_of_guessing() -> None:
    view = fold(EMPTY, log(RunQueued(agent="a", model="m")))

    with pytest.raises(LogGap):
        fold(view, log(RunStarted(attempt=1), first=3))


def test_an_open_item_shows_what_it_has_said_so_far() -> None:
    message = Message(id="m1", role="assistant", status="in_progress")
    events = log(
        ItemAdded(index=0, item=message),
        ItemDelta(item_id="m1", index=0, text="Hel"),
        ItemDelta(item_id="m1", index=0, text="lo"),
    )

    view = fold(EMPTY, events)

    assert view.items == (
        Message(id="m1", role="assistant", content=(Text(text="Hello"),), status="in_progress"),
    )


def test_a_refusal_is_a_part_of_its_own() -> None:
    events = log(
        ItemAdded(index=0, item=Message(id="m1", role="assistant", status="in_progress")),
        ItemDelta(item_id="m1", index=0, text="N", part="text"),
        ItemDelta(item_id="m1", index=0, text="o", part="refusal"),
        ItemDelta(item_id="m1", index=0, text="!", part="refusal"),
        ItemDelta(item_id="m1", index=0, text="?", part="arguments"),
    )

    (item,) = fold(EMPTY, events).items

    assert item == Message(
        id="m1", role="assistant", content=(Text(text="N"), Refusal(text="o!")), status="in_progress"
    )


def test_a_done_item_replaces_its_draft_at_its_place() -> None:
    events = log(
        ItemAdded(index=0, item=Reasoning(id="r", status="in_progress")),
        ItemAdded(index=1, item=Message(id="m", role="assistant", status="in_progress")),
        ItemDelta(item_id="r", index=0, text="hm", part="reasoning"),
        ItemDone(index=0, item=Reasoning(id="r", text="hm", opaque="proof")),
        ItemDone(index=1, item=assistant_message("m", "Yes")),
    )

    assert fold(EMPTY, events).placed == (
        Placed(0, Reasoning(id="r", text="hm", opaque="proof")),
        Placed(1, assistant_message("m", "Yes")),
    )


def test_the_whole_life_of_a_run_that_asks_and_fails() -> None:
    started = log(RunQueued(agent="a", model="m"), RunStarted(attempt=1), ASKED)
    waiting = fold(EMPTY, started)
    resumed = fold(waiting, log(RunResumed(action_id="a1", decision="deny"), first=4))
    ended = fold(
        resumed,
        log(
            RunStarted(attempt=2),
            StepCompleted(position=0, kind="model", name="model", usage=Usage(input_tokens=3)),
            RunFailed(code="model_auth", message="No.", usage=Usage(input_tokens=3)),
            first=5,
        ),
    )

    assert waiting == RunView(status="requires_action", action=ASKED, last_seq=3, attempt=1)
    assert resumed == RunView(status="queued", last_seq=4, attempt=1)
    assert ended == RunView(
        status="failed",
        usage=Usage(input_tokens=3),
        error=RunError(code="model_auth", message="No."),
        last_seq=7,
        attempt=2,
    )


def test_the_json_view_holds_every_field() -> None:
    done = fold(EMPTY, log(ItemDone(index=0, item=assistant_message("m", "Hi")), ASKED))
    failed = fold(EMPTY, log(RunFailed(code="c", message="Sorry.")))

    assert done.as_json() == {
        "status": "requires_action",
        "items": [
            {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]}
        ],
        "action": {
            "id": "a1",
            "kind": "approval",
            "prompt": "Run mail?",
            "tool": "mail",
            "arguments": "{}",
            "call_id": "c1",
        },
        "usage": {
            "input_tokens": 0,
            "cached_tokens": 0,
            "output_tokens": 0,
            "reasoning_tokens": 0,
            "cost_microusd": 0,
        },
        "error": None,
        "last_seq": 2,
    }
    assert failed.as_json()["error"] == {"code": "c", "message": "Sorry."}
