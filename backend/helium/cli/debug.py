"""`helium debug RUN`: everything that the database knows about one run, in one report.

What people and models said is left out unless it is asked for: names, sizes and hashes are enough to
find most causes, and a report is often sent to somebody.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from helium.cli.database import open_url
from helium.cli.debug_view import Report, show
from helium.cli.failure import Failure
from helium.cli.status_view import age, size
from helium.core import events as log
from helium.core.budget import Usage
from helium.core.engine_version import ENGINE_VERSION
from helium.core.spec import AgentSpec
from helium.db.migrate import head
from helium.db.overview import TIMELINE_EVENTS, RunFacts, look, read_run, revision
from helium.db.rows import spec_decoder
from helium.db.run_queue import SUSPECT_DEATHS
from helium.kit.ids import from_wire, to_wire
from helium.kit.times import moment
from helium.settings import Settings

CHOICES = {
    "approval": "approve or deny",
    "question": "answer",
    "in_doubt": "done (it happened), repeat (it did not) or deny (leave it)",
}


async def debug(settings: Settings, run: str, *, as_json: bool, every_event: bool, content: bool) -> None:
    """Print the report. Raises `Failure` if there is no such run."""
    run_id = _run_id(run)
    async with open_url(settings) as url, look(url) as connection:
        schema, needed = await revision(connection), await asyncio.to_thread(head)
        if schema is None or schema < needed:
            raise Failure(f"The schema is {schema} and this version needs {needed}: run `helium migrate`.")
        facts = None
        if run_id is not None:
            facts = await read_run(connection, run_id, content=content, every_event=every_event)
    if facts is None:
        raise Failure(f"There is no run {run!r}. `helium runs` lists the latest.")
    report = report_of(facts, settings.worker.max_attempts_without_progress)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
    else:
        show(report)


def _run_id(text: str) -> UUID | None:
    """The id in `run_…`, `resp_…` or a bare UUID."""
    try:
        return from_wire("run", text) or from_wire("resp", text) or UUID(text)
    except ValueError:
        return None


def report_of(facts: RunFacts, most_attempts: int) -> Report:
    """The report as plain values; times are ISO 8601, spans are seconds, ids are those of the API."""
    run = facts.run
    spec = spec_decoder.decode(run["spec"])
    timeline = [_told(event, facts) for event in facts.events]
    return {
        "run": _identity(run, spec, facts),
        "next": next_thing(facts),
        "worker": _worker(run),
        "attempts": _attempts(facts),
        "attempts_without_progress": {"used": run["attempts_without_progress"], "limit": most_attempts},
        "error": _error(run, facts),
        "budgets": budgets(run, spec),
        "usage": {name: run[name] for name in (*Usage.__struct_fields__, "lost_tokens")},
        "timeline": timeline,
        "timeline_cut": len(timeline) >= TIMELINE_EVENTS,
        "effects": [{**_dated(row), "in_doubt": _in_doubt(row, facts)} for row in facts.effects],
        "actions": [
            {**_dated(row), "id": to_wire("act", row["id"]), "choices": CHOICES[row["kind"]]}
            for row in facts.actions
        ],
        "steps": [_dated(row) for row in facts.steps],
        "files": facts.files,
        "idempotency_key": None if facts.key is None else _dated(facts.key),
        "log": {"events": run["next_seq"] - 1, "by_type": facts.log, "gaps": facts.gaps},
        "broken_rules": facts.broken,
        "input": msgspec.Raw(facts.input.encode()) if facts.input is not None else None,
        "neighbours": [{**_dated(row), "id": to_wire("run", row["id"])} for row in facts.neighbours],
    }


def _identity(run: Mapping[str, Any], spec: AgentSpec, facts: RunFacts) -> Report:
    previous = run["previous_run_id"]
    turns = [e["created_at"] for e in facts.events if _is_turn(e["type"])]
    since = turns[-1] if turns else run["created_at"]
    times = {name: _iso(run[name]) for name in ("created_at", "started_at", "finished_at")}
    return {
        "id": to_wire("run", run["id"]),
        "uuid": str(run["id"]),
        "workspace_id": str(run["workspace_id"]),
        "workspace": run["workspace"],
        "thread_id": to_wire("thread", run["thread_id"]),
        "previous_run_id": to_wire("run", previous) if previous else None,
        "agent": spec.agent,
        "agent_version": spec.version,
        "models": [spec.model, *spec.fallback_models],
        "status": run["status"],
        "held": run["held"],
        "status_seconds": run["now"] - since,
        "cancel_requested_at": _iso(run["cancel_requested_at"]),
        **times,
        "epoch": run["epoch"],
        "input_bytes": run["input_bytes"],
    }


def _is_turn(event_type: str | None) -> bool:
    return bool(event_type) and str(event_type).startswith("run.") and event_type != "run.cancel_requested"


def _worker(run: Mapping[str, Any]) -> Report | None:
    if run["worker_id"] is None:
        return None
    left = run["lease_seconds"]
    return {
        "id": str(run["worker_id"]),
        "name": run["worker_name"] or "",
        "alive": left is not None and left > 0,
        "lease_seconds": left,
    }


def _attempts(facts: RunFacts) -> list[Report]:
    """Each claim of the run, how long it lasted, and what ended it."""
    found: list[Report] = []
    for row, event in _decoded(facts):
        if isinstance(event, log.RunStarted):
            found.append({"attempt": event.attempt, "began_at": row["created_at"], "ended_by": None})
        elif found and found[-1]["ended_by"] is None and _is_turn(row["type"]):
            found[-1]["ended_by"] = _end(event)
            found[-1]["seconds"] = row["created_at"] - found[-1]["began_at"]
    return [{**attempt, "began_at": _iso(attempt["began_at"])} for attempt in found]


def _end(event: log.Event) -> str:
    match event:
        case log.RunRequeued(reason=reason) | log.RunIncomplete(reason=reason):
            return reason
        case log.RunFailed(code=code):
            return code
        case _:
            return log.event_type(event).removeprefix("run.")


def _decoded(facts: RunFacts) -> Iterator[tuple[Mapping[str, Any], log.Event]]:
    for row in facts.events:
        if row["payload"] is not None and (event := _event(row["payload"])) is not None:
            yield row, event


def _event(payload: str) -> log.Event | None:
    """None for a shape that this version does not know."""
    try:
        return log.decode_event(payload)
    except msgspec.MsgspecError:
        return None


def _error(run: Mapping[str, Any], facts: RunFacts) -> Report | None:
    if run["error_code"] is None:
        return None
    found = {"code": run["error_code"], "page": f"docs/reference/errors/{run['error_code']}.md"}
    # A provider's sentence may quote what it was sent.
    return found if facts.input is None else {**found, "message": run["error_message"]}


def budgets(run: Mapping[str, Any], spec: AgentSpec) -> list[Report]:
    """Each bound of the run and how much of it is used; a `limit` of None bounds nothing."""
    limits = spec.limits
    tokens = run["input_tokens"] + run["output_tokens"] + run["lost_tokens"]
    until = run["finished_at"] or run["now"]
    return [
        {"name": name, "used": used, "limit": limit}
        for name, used, limit in (
            ("max_steps", run["steps"], limits.max_steps),
            ("max_tool_calls", run["tool_calls"], limits.max_tool_calls),
            ("max_tokens", tokens, limits.max_tokens),
            ("max_cost_microusd", run["cost_microusd"], limits.max_cost_microusd),
            ("max_seconds", round(until - run["created_at"], 3), limits.max_seconds),
        )
    ]


def _in_doubt(effect: Mapping[str, Any], facts: RunFacts) -> bool:
    """Begun, and nobody knows or has said whether it happened."""
    if effect["state"] == "done":
        return False
    run = facts.run
    under_way = run["status"] == "in_progress" and run["epoch"] == effect["epoch"]
    if under_way and (run["lease_seconds"] or 0) > 0:
        return False
    return not any(
        action["kind"] == "in_doubt"
        and action["call_id"] == effect["call_id"]
        and action["state"] == "decided"
        and action["epoch"] > effect["epoch"]
        for action in facts.actions
    )


def next_thing(facts: RunFacts) -> str:
    """What will happen to the run next, in one sentence."""
    run = facts.run
    match run["status"]:
        case "queued":
            return _next_of_held(facts) if run["held"] else _next_of_queued(facts)
        case "in_progress":
            return _next_of_running(facts)
        case "requires_action":
            pending = next((row for row in facts.actions if row["state"] == "pending"), None)
            if pending is None:
                return "Nothing: it waits for a person and nothing is asked, which is a fault of Helium."
            action, choices = to_wire("act", pending["id"]), CHOICES[pending["kind"]]
            doubt = ": it is in doubt whether it happened" if pending["kind"] == "in_doubt" else ""
            return (
                f"It waits for a person to say {choices} ({pending['tool'] or 'a question'}{doubt}), on the"
                f" page or by POST /v1/runs/{to_wire('run', run['id'])}/actions/{action}."
            )
        case _:
            return f"Nothing: it has ended as {run['status']}."


def _next_of_held(facts: RunFacts) -> str:
    if facts.active is None:
        return "The next sweep lets it go: no other run of its thread is active" + _lonely(facts)
    other = f"{to_wire('run', facts.active['id'])} ({facts.active['status']})"
    return f"It waits until {other} of its thread has ended."


def _next_of_queued(facts: RunFacts) -> str:
    if facts.run["engine_version"] > ENGINE_VERSION:
        begun = facts.run["engine_version"]
        return (
            f"It waits for a worker of a newer release: one of engine {begun} has begun it, this one has"
            f" engine {ENGINE_VERSION}. Upgrade, or start a newer worker."
        )
    seconds = facts.run["due_in_seconds"]
    if seconds > 0:
        return f"It is due in {age(seconds)}; then any worker takes it" + _lonely(facts)
    alone = facts.run["attempts_without_progress"] >= SUSPECT_DEATHS
    late = ", alone, as its last workers died" if alone else ""
    return f"It has been due for {age(-seconds)}: the next free worker takes it{late}" + _lonely(facts)


def _next_of_running(facts: RunFacts) -> str:
    run = facts.run
    left = run["lease_seconds"]
    if left is None or left <= 0:
        gone = "" if left is None else f" {age(-left)} ago"
        then = "ends it as cancelled" if run["cancel_requested_at"] else "returns it to the queue"
        return f"Its worker's lease ended{gone}: the next sweep {then}" + _lonely(facts)
    does = "is told to cancel it" if run["cancel_requested_at"] else "works on it"
    return (
        f"Worker {run['worker_id']} {does}; its lease has {left:.1f} s left and is renewed while it lives."
    )


def _lonely(facts: RunFacts) -> str:
    return "." if facts.alive else ", but no worker is alive: start `helium worker`."


def _told(row: Mapping[str, Any], facts: RunFacts) -> Report:
    event = _event(row["payload"]) if row["payload"] is not None else None
    sizes = {step["position"]: step["bytes"] for step in facts.steps}
    told = {
        "seq": row["seq"],
        "after_seconds": round(row["created_at"] - facts.run["created_at"], 3),
        "epoch": row["epoch"],
        "type": row["type"],
        "bytes": row["bytes"],
        "what": sentence(event, sizes) if event is not None else "",
    }
    if facts.input is not None and row["payload"] is not None:
        told["payload"] = msgspec.Raw(row["payload"].encode())
    return told


def sentence(event: log.Event, sizes: Mapping[int, int]) -> str:
    """What an event says, in names and numbers; `sizes` are the bytes of the recorded steps' results."""
    match event:
        case log.StepStarted() | log.StepRetrying() | log.StepRetracted() | log.StepCompleted():
            return _of_step(event, sizes)
        case log.RunQueued(agent=agent, model=model):
            return f"accepted for agent {agent}, model {model}"
        case log.RunStarted(attempt=attempt):
            return f"a worker took it: attempt {attempt}"
        case log.RunRequeued(reason=reason, after_seconds=after):
            return f"back to the queue: {reason}" + (f", due after {age(after)}" if after else "")
        case log.ActionRequired(kind=kind, tool=tool, action_id=action):
            return f"a person is asked: {kind}" + (f" of {tool}" if tool else "") + f", {action}"
        case log.RunResumed(decision=decision):
            return f"a person decided: {decision}"
        case log.CancelRequested():
            return "a person asked to cancel it"
        case log.ItemAdded() | log.ItemDelta() | log.ItemDone():
            return ""
        case _:
            return _of_end(event)


def _of_end(event: log.FinalEvent) -> str:
    ended = log.event_type(event).removeprefix("run.")
    return f"ended: {ended}" if _end(event) == ended else f"ended: {ended}, {_end(event)}"


def _of_step(
    event: log.StepStarted | log.StepRetrying | log.StepRetracted | log.StepCompleted,
    sizes: Mapping[int, int],
) -> str:
    step = f"step {event.position}"
    match event:
        case log.StepStarted(kind=kind, name=name, call_id=call):
            return f"{step} begins: {kind} {name}" + (f", {call}" if call else "")
        case log.StepRetrying(try_number=number, after_seconds=after):
            return f"{step} failed for now: try {number} after {age(after)}"
        case log.StepRetracted(items=items):
            return f"{step} is taken back, items: {len(items)}"
        case log.StepCompleted(kind=kind, name=name, usage=usage, seconds=seconds):
            spent = f", {usage.input_tokens} in, {usage.output_tokens} out" if usage.total_tokens else ""
            cost = f", ${usage.cost_microusd / 1e6:.6f}" if usage.cost_microusd else ""
            result = size(sizes.get(event.position))
            return f"{step} is done: {kind} {name}, {age(seconds)}{spent}{cost}, result {result}"


def _dated(row: Mapping[str, Any]) -> Report:
    """The row with its times in ISO 8601."""
    return {name: _iso(value) if name.endswith("_at") else value for name, value in row.items()}


def _iso(seconds: float | None) -> str | None:
    return moment(seconds).isoformat(timespec="milliseconds") if seconds is not None else None
