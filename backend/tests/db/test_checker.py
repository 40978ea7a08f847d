"""The checker finds each kind of damage, and nothing in a sound database."""

import asyncpg
import pytest

from helium.db.checker import INVARIANTS, check_database, check_invariants, main
from helium.db.database import open_database
from helium.kit.ids import new_id
from tests.support.databases import statement
from tests.support.factories import (
    a_step,
    a_write,
    an_action,
    an_intent,
    delta,
    finish,
    new_run,
    park,
)
from tests.support.sides import PostgresSide, claimed, lost, started

ONE_END = "a finished run has one final event"
LAST = "nothing follows a final event"
DENSE = "events are numbered 1, 2, 3, … up to the run's next number"
EPOCHS = "epochs never decrease along a log"
STEPS = "steps are numbered 0, 1, 2, … as many as the run counts"
ONCE = "a step is completed once"
EFFECT = "an effect is begun again only after a person said so"
LEASED = "exactly the runs in progress are leased"
PENDING = "exactly the waiting runs have a pending action"
WORKSPACE = "what belongs to a run is of its workspace"
STATUS = "a run's status is what its log says"
ACTIVE = "a thread has at most one active run"
USAGE = "usage is never negative"

DONE, WAITS = "(select id from run where status = 'completed')", "(select run_id from action)"
GOES, QUEUED = (
    "(select id from run where status = 'in_progress')",
    "(select id from run where status = 'queued' and not held)",
)
COMPLETED = """'{"type":"run.completed"}'"""

DAMAGE = [
    # what is done to the database, and which rules that breaks
    (f"delete from event where seq = 6 and run_id = {DONE}", {ONE_END, DENSE, STATUS}),
    (
        f"""insert into event select run_id, 7, workspace_id, epoch, {COMPLETED}, created_at
        from event where seq = 6 and run_id = {DONE};
        update run set next_seq = 8 where status = 'completed'""",
        {ONE_END, LAST},
    ),
    (
        f"""insert into event select run_id, 7, workspace_id, epoch, '{{"type":"item.delta"}}', created_at
        from event where seq = 6 and run_id = {DONE};
        update run set next_seq = 8 where status = 'completed'""",
        {LAST},
    ),
    (
        f"update event set payload = {COMPLETED} where seq = 2 and run_id = {GOES}",
        {ONE_END, STATUS},
    ),
    (f"update event set payload = {COMPLETED} where seq = 1 and run_id = {GOES}", {ONE_END, LAST}),
    (f"delete from event where seq = 3 and run_id = {DONE}", {DENSE}),
    (f"update event set seq = 0 where seq = 1 and run_id = {DONE}", {DENSE}),
    ("update run set next_seq = next_seq + 1 where status = 'in_progress'", {DENSE}),
    (f"delete from event where run_id = {QUEUED}", {DENSE, STATUS}),
    (f"update event set epoch = 0 where seq = 4 and run_id = {DONE}", {EPOCHS}),
    (f"update event set epoch = 9 where seq = 6 and run_id = {DONE}", {EPOCHS}),
    (f"delete from step where position = 0 and run_id = {DONE}", {STEPS}),
    (f"update step set position = 5 where position = 1 and run_id = {DONE}", {STEPS}),
    ("update run set steps = 1 where status = 'in_progress'", {STEPS}),
    (
        f"""update event set payload = '{{"type":"step.completed","position":0,"kind":"model","name":"m"}}'
        where seq in (3, 4) and run_id = {DONE}""",
        {ONCE},
    ),
    ("update tool_effect set epoch = 2", {EFFECT}),
    ("update action set decision = 'deny' where kind = 'in_doubt'", {EFFECT}),
    ("update action set epoch = 1 where kind = 'in_doubt'", {EFFECT}),
    ("update run set owner_token = gen_random_uuid() where status = 'requires_action'", {LEASED}),
    ("update run set worker_id = gen_random_uuid() where status = 'completed'", {LEASED}),
    ("update run set owner_token = null where status = 'in_progress'", {LEASED}),
    ("update action set state = 'void' where state = 'pending'", {PENDING}),
    (f"update action set state = 'pending', run_id = {DONE} where kind = 'in_doubt'", {PENDING, EFFECT}),
    *(
        (f"update {table} set workspace_id = gen_random_uuid()", {WORKSPACE})
        for table in ("event", "step", "tool_effect", "action", "idempotency_key")
    ),
    (
        """insert into workspace (id, name) values (gen_random_uuid(), 'other');
        update thread set workspace_id = (select id from workspace where name = 'other')""",
        {WORKSPACE},
    ),
    (f"update run set status = 'cancelled' where id = {DONE}", {STATUS}),
    (
        "update run set status = 'queued', owner_token = null, worker_id = null where id = " + GOES,
        {STATUS},
    ),
    ("update run set output_tokens = -1 where status = 'completed'", {USAGE}),
]


async def furnish(side: PostgresSide) -> None:
    """A sound database with a run in each kind of state."""
    store, worker = side.store, new_id()
    done = await started(side, idempotency_key="k", request_hash=b"1")
    workspace = done.workspace_id
    run = await claimed(side, worker)
    await store.commit([a_write(run, delta("\x00"), step=a_step(0))])
    await store.commit([a_write(run, delta(), first_seq=4, step=a_step(1))])
    await store.commit([a_write(run, delta(), first_seq=5)])
    await store.commit([finish(run, first_seq=6)])

    await started(side, workspace_id=workspace)
    run = await claimed(side, worker)
    await store.commit([a_write(run, intent=an_intent())])
    await lost(side, worker)
    run = await claimed(side, worker)
    doubt = an_action(run, kind="in_doubt")
    await store.commit([park(run, doubt)])
    await store.decide(doubt.id, decision="repeat", answer=None, decided_by="test")
    run = await claimed(side, worker)
    await store.commit([a_write(run, intent=an_intent())])
    await store.commit([park(run, an_action(run, call_id="call_2"))])

    going = await started(side, workspace_id=workspace)
    await claimed(side, worker)
    held = new_run(workspace, thread_id=going.thread_id, when_busy="enqueue")
    await store.start([held, new_run(workspace)])


def rules_of(found: list[str]) -> set[str]:
    return {rule for rule in INVARIANTS if any(line.startswith(f"{rule}: ") for line in found)}


async def test_a_sound_database_has_no_violations(side: PostgresSide, shared_url: str) -> None:
    await furnish(side)

    assert await check_database(shared_url) == []


@pytest.mark.parametrize(("damage", "rules"), DAMAGE)
async def test_damage_is_found_by_its_rules_and_no_others(
    side: PostgresSide, connection: asyncpg.Connection, damage: str, rules: set[str]
) -> None:
    await furnish(side)
    await connection.execute(damage)

    assert rules_of(await check_invariants(connection)) == rules


async def test_a_second_active_run_of_a_thread_is_found(database_url: str) -> None:
    async with open_database(database_url, pool_size=2, pooler=False) as database:
        await furnish(PostgresSide(database))
        await database.execute("drop index run_one_active")
        await database.execute("update run set held = false")

    assert rules_of(await check_database(database_url)) == {ACTIVE}


def test_every_rule_is_broken_by_some_damage() -> None:
    assert {ACTIVE, *(rule for _, rules in DAMAGE for rule in rules)} == set(INVARIANTS)


def test_as_a_script_it_prints_the_violations_and_fails(
    shared_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["checker", shared_url])
    new = "('00000000-0000-0000-0000-000000000001', "
    statement(shared_url, f"insert into workspace (id, name) values {new}'test')")
    statement(shared_url, "insert into thread (id, workspace_id) select id, id from workspace")
    statement(
        shared_url,
        """insert into run (id, workspace_id, thread_id, spec, input, next_seq, status)
        select id, id, id, '{}', '[]', 1, 'cancelled' from workspace""",
    )

    assert main() == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        "a finished run has one final event: 00000000-0000-0000-0000-000000000001:"
        " cancelled with 0 final events"
    )
