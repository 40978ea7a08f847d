"""The same random operations on the model and on PostgreSQL, which must answer and end the same.

Runs, threads, workers and actions have the same ids on both sides; tokens and times differ by nature.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from helium.core.errors import HeliumError
from helium.core.events import Event, ItemAdded, RunRequeued, StepRetracted
from helium.core.items import assistant_message
from helium.core.spec import AgentSpec
from helium.core.states import TERMINAL
from helium.ports import ClaimedRun, Close, Committed, NewRun, RunLimits, RunStore, Standing, Write
from tests.support.factories import (
    USAGE,
    a_step,
    a_write,
    an_action,
    an_intent,
    delta,
    finish,
    hand_over,
    new_run,
    park,
)
from tests.support.sides import TTL_SECONDS, MemorySide, PostgresSide, timeless

Answer = Coroutine[Any, Any, Any]
Run = Callable[[Answer], Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
T = TypeVar("T")
WORKERS = [UUID(int=n) for n in (1, 2, 3)]
EVENTS: Sequence[Event] = (
    delta("a"),
    delta("\x00"),
    ItemAdded(index=0, item=assistant_message("msg_2", "")),
    StepRetracted(position=0, items=("msg_2",)),
)
KINDS = [*["events"] * 6, *["step"] * 4, *["intent"] * 3, *["settle"] * 2, *["park"] * 2,
    "finish", "hand_over", "error", "later"]  # fmt: skip
OFTEN = {
    "start": 3, "join": 3, "claim": 6, "claim_these": 3, "write": 14, "standing": 1,
    "write_two": 2, "write_again": 3, "renew": 1,
    "expire": 1, "lose": 3, "time_passes": 1, "requeue_expired": 1, "release": 1, "disown": 1,
    "abandon": 1, "forget_workers": 1, "promote": 3, "request_cancel": 2, "decide": 4, "cancels": 1,
    "due": 1, "read": 2, "deploy": 3,
}  # fmt: skip
"""The operations, and how often each is tried."""
LIMITS = RunLimits(queued_per_workspace=8, queued=12, running_per_workspace=3, running=5)
OPERATIONS = [name for name, times in OFTEN.items() for _ in range(times)]
offsets = st.sampled_from([0] * 10 + [-1, 1])
workers = st.sampled_from(WORKERS)
limits = st.sampled_from([1, 2, 100])


def plain(result: object) -> object:
    """An answer without what differs by nature."""
    match result:
        case Committed():
            return ("committed", result.first_seq, result.successor)
        case Exception():
            return type(result).__name__
        case ClaimedRun():
            return replace(
                result,
                lease=replace(result.lease, token=UUID(int=0)),
                row=timeless(result.row),
                claimed_at=0.0,
                waited_seconds=0.0,
                history=list(result.history),
                recorded=list(result.recorded),
                unfinished_items=list(result.unfinished_items),
            )
        case _:
            return result


class TwoStores(RuleBasedStateMachine):
    """`MemoryRunStore` on the left, `PostgresRunStore` on the right."""

    def __init__(self, right: PostgresSide, run: Run) -> None:
        super().__init__()
        self.run = run
        self.left, self.right = MemorySide(LIMITS), right.limited(LIMITS)
        self.model = self.left.store
        self.news: list[NewRun] = []
        self.claims: list[tuple[ClaimedRun, ClaimedRun]] = []
        self.written: list[tuple[Write, Write]] = []
        self.actions: list[UUID] = []
        self.workspaces: list[UUID] = []

    @initialize()
    def begin(self) -> None:
        self.run(self.right.clear())
        self.workspaces = [self.run(self.right.workspace()) for _ in range(2)]

    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        """One rule for all operations, as Hypothesis would else leave some out of whole histories."""
        getattr(self, data.draw(st.sampled_from(OPERATIONS)))(data.draw)

    # --- both at once --------------------------------------------------------------------------

    def both(self, operation: Callable[[RunStore], Answer]) -> tuple[Any, Any]:
        """The two answers, or the exceptions that were raised."""
        self.left.clock.advance(0.001)
        return self._one(operation(self.model)), self._one(operation(self.right.store))

    def _one(self, answer: Answer) -> Any:
        try:
            return self.run(answer)
        except HeliumError as error:
            return error

    def same(self, operation: Callable[[RunStore], Answer], *, ordered: bool = True) -> Any:
        left, right = self.both(operation)
        if not ordered:
            left, right = sorted(left), sorted(right)
        if isinstance(left, Sequence) and not isinstance(left, str):
            assert [plain(x) for x in right] == [plain(x) for x in left]
        else:
            assert plain(right) == plain(left)
        return left

    def recent(self, made: Sequence[T], draw: Draw) -> T:
        """One of the last few."""
        return draw(st.sampled_from(made[-4:]))

    def align_queue(self) -> None:
        """Give PostgreSQL's queue the model's order and waiting times: ties are nobody's promise."""
        now = self.left.clock.time()
        queued = sorted(
            (r for r in self.model.runs.values() if r.status == "queued" and not r.held),
            key=lambda r: (r.due_at, r.id),
        )
        for place, run in enumerate(queued):
            ahead = run.due_at - now + place * 1e-5 - (0.1 if run.due_at <= now else 0)
            self.run(
                self.right.database.execute(
                    "update run set due_at = clock_timestamp() + make_interval(secs => $2) where id = $1",
                    run.id,
                    ahead,
                )
            )

    # --- accept --------------------------------------------------------------------------------

    def start(self, draw: Draw) -> None:
        new = new_run(
            self.workspaces[draw(st.sampled_from([0, 0, 0, 1]))],
            spec=AgentSpec(max_output_tokens=draw(st.sampled_from([None, 7]))),
            idempotency_key=draw(st.sampled_from([None, None, "k1", "k2"])),
            request_hash=draw(st.sampled_from([b"1", b"1", b"2"])),
        )
        self.news.append(new)
        self.same(lambda store: store.start([new]))

    def join(self, draw: Draw) -> None:
        if not self.news:
            return
        first = self.recent(self.news, draw)
        new = new_run(
            draw(st.sampled_from([first.workspace_id] * 7 + self.workspaces)),
            thread_id=first.thread_id,
            previous_run_id=draw(st.sampled_from([None, None, None, first.id])),
            idempotency_key=draw(st.sampled_from([None, None, None, "k1", "k3"])),
            request_hash=b"1",
            when_busy=draw(st.sampled_from(["reject", "enqueue", "enqueue", "interrupt"])),
        )
        self.news.append(new)
        self.same(lambda store: store.start([new]))

    # --- claim and write -----------------------------------------------------------------------

    def deploy(self, draw: Draw) -> None:
        """From now on workers of this engine claim: a rollout, or the way back."""
        version = draw(st.sampled_from([1, 1, 2, 3]))
        self.model.engine_version = self.right.store.engine_version = version

    def claim(self, draw: Draw) -> None:
        self.align_queue()
        worker, limit = draw(workers), draw(limits)
        if draw(st.sampled_from([True, True, True, False])):
            self.same(lambda store: store.renew(worker, TTL_SECONDS))
        left, right = self.both(lambda store: store.claim(worker, limit))
        assert [plain(run) for run in right] == [plain(run) for run in left]
        self.claims.extend(zip(left, right, strict=True))

    def claim_these(self, draw: Draw) -> None:
        if not self.news:
            return
        self.align_queue()
        worker, run_ids = draw(workers), [new.id for new in self.news[-draw(st.integers(1, 6)) :]]
        left, right = self.both(lambda store: store.claim_these(worker, run_ids))
        assert [plain(run) for run in right] == [plain(run) for run in left]
        self.claims.extend(zip(left, right, strict=True))

    def standing(self, draw: Draw) -> None:
        self.align_queue()
        run_ids = [*(new.id for new in self.news[-3:]), UUID(int=9)]
        left, right = self.both(lambda store: store.standing(run_ids))
        assert {run_id: _roughly(found) for run_id, found in right.items()} == {
            run_id: _roughly(found) for run_id, found in left.items()
        }

    def write(self, draw: Draw) -> None:
        if not any(self.holds(left) for left, _ in self.claims):
            self.claim(draw)
        if self.claims:
            self.commit([self.make(draw)])

    def write_two(self, draw: Draw) -> None:
        if self.claims:
            one, two = self.make(draw), self.make(draw)
            if one[0].lease.run_id != two[0].lease.run_id:
                self.commit([one, two])

    def write_again(self, draw: Draw) -> None:
        if self.written:
            self.commit([self.recent(self.written, draw)])

    def make(self, draw: Draw) -> tuple[Write, Write]:
        """The same write for both sides; mostly by one of the last claims, mostly the next one."""
        alive = [pair for pair in self.claims if self.holds(pair[0])]
        stale = not alive or draw(st.sampled_from([False] * 6 + [True]))
        left, right = self.recent(self.claims if stale else alive, draw)
        run = self.model.runs[left.lease.run_id]
        kind, events = draw(st.sampled_from(KINDS)), draw(st.lists(st.sampled_from(EVENTS), max_size=3))
        call_id = draw(st.sampled_from(["call_1", "call_2"]))
        first_seq, at = run.next_seq + draw(offsets), len(run.steps) + draw(offsets)
        action = an_action(left, call_id=call_id, kind=draw(st.sampled_from(["approval", "in_doubt"])))
        ending = draw(st.sampled_from(sorted(TERMINAL)))
        if kind == "park":
            self.actions.append(action.id)

        def of(claimed: ClaimedRun) -> Write:
            match kind:
                case "step":
                    write = a_write(claimed, *events, delta(), step=a_step(at, usage=USAGE))
                case "settle":
                    step = a_step(at, kind="tool")
                    write = a_write(claimed, delta(), step=step, effect_done=call_id)
                case "intent":
                    write = a_write(claimed, *events, intent=an_intent(call_id))
                case "finish":
                    write = finish(claimed, ending)
                case "hand_over" | "later":
                    write = hand_over(claimed, due_in_seconds=3000 if kind == "later" else 0)
                case "error":
                    write = a_write(claimed, RunRequeued(reason="error"), close=Close(status="queued"))
                case "park":
                    write = park(claimed, action)
                case _:
                    write = a_write(claimed, *events)
            return msgspec.structs.replace(write, first_seq=first_seq)

        return of(left), of(right)

    def holds(self, claimed: ClaimedRun) -> bool:
        return self.model.runs[claimed.lease.run_id].leased_by(claimed.lease)

    def commit(self, pairs: Sequence[tuple[Write, Write]]) -> None:
        self.left.clock.advance(0.001)
        self.written.extend(pairs)
        left = self.run(self.model.commit([pair[0] for pair in pairs]))
        right = self.run(self.right.store.commit([pair[1] for pair in pairs]))
        assert [plain(x) for x in right] == [plain(x) for x in left]

    # --- leases --------------------------------------------------------------------------------

    def renew(self, draw: Draw) -> None:
        worker = draw(workers)
        self.same(lambda store: store.renew(worker, TTL_SECONDS))

    def expire(self, draw: Draw) -> None:
        worker, seconds_ago = draw(workers), draw(st.sampled_from([1.0, 1.0, 90_000.0]))
        self.run(self.left.expire(worker, seconds_ago))
        self.run(self.right.expire(worker, seconds_ago))

    def lose(self, draw: Draw) -> None:
        """A worker that has runs dies, and the sweeper notices."""
        busy = sorted({run.worker_id for run in self.model.runs.values() if run.worker_id})
        if busy:
            worker = draw(st.sampled_from(busy))
            self.run(self.left.expire(worker))
            self.run(self.right.expire(worker))
            self.requeue_expired(draw)

    def time_passes(self, draw: Draw) -> None:
        """An hour: every lease expires, every waiting run is due."""
        self.left.clock.advance(3600)
        for worker in self.model.leases:
            self.run(self.left.expire(worker))
            self.run(self.right.expire(worker))

    def requeue_expired(self, draw: Draw) -> None:
        limit = draw(limits)
        self.same(lambda store: store.requeue_expired(limit), ordered=False)

    def release(self, draw: Draw) -> None:
        worker, crashed = draw(workers), draw(st.booleans())
        self.same(lambda store: store.release(worker, crashed=crashed), ordered=False)

    def disown(self, draw: Draw) -> None:
        worker, held = draw(workers), self.claims[: draw(st.integers(0, len(self.claims)))]
        left = self.run(self.model.disown(worker, [pair[0].lease.token for pair in held]))
        right = self.run(self.right.store.disown(worker, [pair[1].lease.token for pair in held]))
        assert sorted(right) == sorted(left)

    def abandon(self, draw: Draw) -> None:
        if self.claims:
            left, right = self.recent(self.claims, draw)
            self.run(self.model.abandon(left.lease))
            self.run(self.right.store.abandon(right.lease))

    def forget_workers(self, draw: Draw) -> None:
        self.same(lambda store: store.forget_workers())

    def promote(self, draw: Draw) -> None:
        limit = draw(limits)
        self.same(lambda store: store.promote(limit), ordered=False)

    # --- people --------------------------------------------------------------------------------

    def request_cancel(self, draw: Draw) -> None:
        if self.news:
            run_id = self.recent(self.news, draw).id
            self.same(lambda store: store.request_cancel(run_id))

    def decide(self, draw: Draw) -> None:
        if not self.actions:
            return
        action_id = self.recent(self.actions, draw)
        decision = draw(st.sampled_from(["approve", "deny", "repeat"]))
        left, right = self.both(
            lambda store: store.decide(action_id, decision=decision, answer=None, decided_by="test")
        )
        if isinstance(left, Exception) or isinstance(right, Exception):
            assert plain(right) == plain(left)
        else:
            assert timeless(right) == timeless(left)

    # --- look ----------------------------------------------------------------------------------

    def cancels(self, draw: Draw) -> None:
        worker = draw(workers)
        self.same(lambda store: store.cancels(worker), ordered=False)

    def due(self, draw: Draw) -> None:
        self.align_queue()
        self.same(lambda store: store.due())

    def read(self, draw: Draw) -> None:
        after, limit = draw(st.integers(0, 8)), draw(st.integers(1, 4))
        cursors = {new.id: after for new in self.news[-3:]}
        left, right = self.both(lambda store: store.read(cursors, limit))
        assert _untimed(right) == _untimed(left)

    def teardown(self) -> None:
        """All that is stored is the same, and sound."""
        for run_id in self.model.runs:
            assert self.run(self.right.stored(run_id)) == self.run(self.left.stored(run_id))
        engines = self.run(self.right.database.fetch("select id, engine_version from run"))
        assert dict(engines) == {run.id: run.engine_version for run in self.model.runs.values()}
        assert self.run(self.right.workers()) == self.run(self.left.workers())
        found = self.run(self.right.broken())
        # The operations know no rules about effects; the engine does.
        assert [line for line in found if not line.startswith("an effect is begun again")] == []


def _roughly(found: Standing) -> object:
    """Where a run stands, its waiting times as yes or no."""
    leased = found.status == "in_progress" and found.lease_seconds > 0
    due = found.status == "queued" and found.due_in_seconds <= 100
    return found.status, found.error_code, found.held, due, leased, found.for_newer_engine


def _untimed(found: Any) -> dict[UUID, list[tuple[int, Event]]]:
    return {run_id: [(e.seq, e.event) for e in events] for run_id, events in found.items()}
