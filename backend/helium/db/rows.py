"""From rows to values."""

import asyncpg
import msgspec

from helium.core.budget import Usage
from helium.core.events import (
    Event,
    ItemAdded,
    LoggedEvent,
    StepRetracted,
    decode_event,
    read_event,
)
from helium.core.items import Item
from helium.core.spec import AgentSpec
from helium.core.steps import StepResult
from helium.ports import ActionRow, EffectRow, RunRow, Standing, StepRecord

items_decoder: msgspec.json.Decoder[tuple[Item, ...]] = msgspec.json.Decoder(tuple[Item, ...])
spec_decoder = msgspec.json.Decoder(AgentSpec)
result_decoder = msgspec.json.Decoder(StepResult)
results_decoder = msgspec.json.Decoder(list[StepResult])


def run_row(row: asyncpg.Record) -> RunRow:
    return RunRow(
        id=row["id"],
        workspace_id=row["workspace_id"],
        thread_id=row["thread_id"],
        previous_run_id=row["previous_run_id"],
        status=row["status"],
        spec=spec_decoder.decode(row["spec"]),
        input=items_decoder.decode(row["input"]),
        attempt=row["attempt"],
        steps=row["steps"],
        tool_calls=row["tool_calls"],
        usage=usage(row),
        error_code=row["error_code"],
        error_message=row["error_message"],
        last_seq=row["next_seq"] - 1,
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def standing(row: asyncpg.Record) -> Standing:
    return Standing(**{name: row[name] for name in row.keys() if name != "id"})  # noqa: SIM118 - a Record


def usage(row: asyncpg.Record) -> Usage:
    return Usage(
        input_tokens=row["input_tokens"],
        cached_tokens=row["cached_tokens"],
        output_tokens=row["output_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        cost_microusd=row["cost_microusd"],
    )


def step_record(row: asyncpg.Record) -> StepRecord:
    return StepRecord(
        position=row["position"],
        kind=row["kind"],
        name=row["name"],
        result=result_decoder.decode(row["result"]),
    )


def effect_row(row: asyncpg.Record) -> EffectRow:
    return EffectRow(
        call_id=row["call_id"],
        tool=row["tool"],
        arguments_hash=row["arguments_hash"],
        state=row["state"],
        epoch=row["epoch"],
    )


def action_row(row: asyncpg.Record) -> ActionRow:
    return ActionRow(**dict(row))


def unfinished_items(events: list[Event]) -> list[str]:
    """Ids of the items that were begun after the last recorded step and not retracted."""
    open_ids: list[str] = []
    for event in events:
        if isinstance(event, ItemAdded):
            open_ids.append(event.item.id)
        elif isinstance(event, StepRetracted):
            open_ids = [item_id for item_id in open_ids if item_id not in event.items]
    return open_ids


def event_of(row: asyncpg.Record) -> Event:
    return decode_event(row["payload"])


def logged_event(row: asyncpg.Record) -> LoggedEvent:
    """For viewers: they pass over what only a later release knows."""
    return LoggedEvent(seq=row["seq"], event=read_event(row["payload"]), created_at=row["created_at"])
