"""What came of it: by the database's own books, by the files, by what the viewers saw."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
import msgspec

from chaos.acts import Done
from chaos.children import clock
from chaos.load import Accepted, Crowd, lines_of
from chaos.watch import differing, the_log
from helium.db.checker import check_invariants

FINISH_SECONDS = 60.0
RESTING = ("completed", "failed", "cancelled", "incomplete", "requires_action")

STATES = "select id, status, coalesce(error_code, '') as error from run"
TEXTS = """
select s.run_id, string_agg(i->'content'->0->>'text', '' order by s.position) as said
from step s, json_array_elements(s.result->'items') i
where i->>'type' = 'message' group by s.run_id
"""
LAST = """
select seq, payload->>'type' as type, created_at as at from event
where run_id = $1 and payload->>'type' <> 'item.delta' order by seq desc limit 12
"""
REQUEUED = """
select extract(epoch from q.created_at)::float8 as requeued, q.payload->>'reason' as reason,
    extract(epoch from s.created_at)::float8 as started, coalesce(s.attempt, 0) as attempt
from event q left join lateral (
    select created_at, (e.payload->>'attempt')::int as attempt
    from event e where e.run_id = q.run_id and e.seq > q.seq
        and e.payload->>'type' = 'run.started' order by e.seq limit 1) s on true
where q.payload->>'type' = 'run.requeued' order by 1
"""


class Takeover(msgspec.Struct, frozen=True):
    """A run taken from a worker: the last fault before, and the seconds from it to its next start."""

    sort: str
    seconds: float
    attempt: int = 2
    """The run's attempt that then began; from the third on it is a suspect, which waits its turn."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be wrong, and of how many."""

    accepted: int
    missing: list[str]
    """Acknowledged, and not stored."""
    stuck: list[str]
    """Neither ended nor waiting for a person a minute after the load."""
    statuses: dict[str, int]
    failures: dict[str, int]
    wrong_texts: list[str]
    texts: int
    lines: int
    lines_twice: list[str]
    """Without a person who said: do it again."""
    lines_repeated: list[str]
    """Written twice after a person said that: a frozen worker did it after all, when it went on."""
    lines_lost: list[str]
    doubts: int
    uncancelled: list[str]
    viewers: int
    differing: list[str]
    unfinished_viewers: int
    resets: int
    events: int
    steps: int
    violations: list[str]
    takeovers: list[Takeover]
    requeued: dict[str, int]
    given_up: dict[str, int]


async def at_rest(connection: asyncpg.Connection) -> float:
    """Wait until no run is under way, a minute at most; the seconds that it took."""
    began = clock.monotonic()
    sql = "select count(*) from run where not (status = any($1))"
    while await connection.fetchval(sql, list(RESTING)) and clock.monotonic() - began < FINISH_SECONDS:
        await clock.sleep(0.25)
    return clock.monotonic() - began


async def judge(
    crowd: Crowd, connection: asyncpg.Connection, probed: Sequence[str], done: Sequence[Done]
) -> Found:
    """Compare what was promised with what is stored."""
    accepted = [*crowd.accepted, *(Accepted(run_id, "probe", "You are welcome.") for run_id in probed)]
    rows = {f"run_{row['id'].hex}": row for row in await connection.fetch(STATES)}
    said = {f"run_{row['run_id'].hex}": row["said"] for row in await connection.fetch(TEXTS)}
    mine = [run for run in accepted if run.run_id in rows]
    completed = [run for run in mine if rows[run.run_id]["status"] == "completed"]
    with_text = [run for run in completed if run.text is not None]
    written = await asyncio.to_thread(lines_of, crowd.here.home, "")
    twice = {line for line, count in written.items() if count > 1}
    repeated = {line for run in crowd.accepted for line in run.repeated}
    requeued = await connection.fetch(REQUEUED)
    return Found(
        accepted=len(accepted),
        missing=[run.run_id for run in accepted if run.run_id not in rows],
        stuck=[f"{i} {row['status']}" for i, row in rows.items() if row["status"] not in RESTING],
        statuses=dict(Counter(row["status"] for row in rows.values())),
        failures=dict(Counter(row["error"] for row in rows.values() if row["status"] == "failed")),
        wrong_texts=[
            f"{r.run_id}: {said.get(r.run_id)!r}" for r in with_text if said.get(r.run_id) != r.text
        ],
        texts=len(with_text),
        lines=sum(len(run.lines) for run in completed),
        lines_twice=sorted(twice - repeated),
        lines_repeated=sorted(twice & repeated),
        lines_lost=[line for run in completed for line in run.lines if not written[line]],
        doubts=crowd.doubts,
        uncancelled=[
            f"{told}: {await last_events(connection, told.partition(' ')[0])}"
            for told in uncancelled(mine, {i: row["status"] for i, row in rows.items()})
        ],
        viewers=len(crowd.watchers),
        differing=await differing(crowd.watchers, lambda run_id: the_log(connection, run_id)),
        unfinished_viewers=unfinished(
            crowd, {i for i, row in rows.items() if row["status"] in RESTING[:4]}
        ),
        resets=sum(watcher.resets for watcher in crowd.watchers),
        events=int(await connection.fetchval("select count(*) from event") or 0),
        steps=int(await connection.fetchval("select count(*) from step") or 0),
        violations=await check_invariants(connection),
        takeovers=takeovers([tuple(row) for row in requeued], done),
        requeued=dict(Counter(row["reason"] for row in requeued)),
        given_up=dict(crowd.given_up),
    )


async def last_events(connection: asyncpg.Connection, run_id: str) -> str:
    """The end of a run's log, in words."""
    rows = await connection.fetch(LAST, run_id.removeprefix("run_"))
    return ", ".join(f"{row['seq']} {row['type']} ({row['at']:%H:%M:%S.%f})" for row in reversed(rows))


def uncancelled(runs: Sequence[Accepted], statuses: Mapping[str, str]) -> list[str]:
    """Runs whose cancellation was accepted, and that ended in another way all the same."""
    kept = [run.run_id for run in runs if run.cancelled and statuses[run.run_id] != "cancelled"]
    return [f"{run_id} {statuses[run_id]}" for run_id in kept]


def unfinished(crowd: Crowd, ended: set[str]) -> int:
    return sum(not watcher.over and watcher.run_id in ended for watcher in crowd.watchers)


def takeovers(
    requeued: Sequence[tuple[float, str, float | None, int]], done: Sequence[Done]
) -> list[Takeover]:
    """Each run whose lease expired, under the last fault that began before; pure."""
    found: list[Takeover] = []
    for at, reason, started, attempt in requeued:
        if reason != "lease_expired":
            continue
        before = [one for one in done if one.began <= at]
        sort = before[-1].fault.sort if before else "none"
        since = before[-1].began if before else at
        if started is not None:
            found.append(Takeover(sort, round(started - since, 3), attempt))
    return found


def keep_logs(folder: Path, into: Path) -> None:
    """The logs of all processes, for whoever looks into a failure."""
    into.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        (into / log.name).write_bytes(log.read_bytes())
