"""What a worker answers to a message of its queue (A4): acknowledge, refuse for now, or bury.

A message is acknowledged only when its run has left `in_progress`: it ended, it waits for a person, or
it was handed over with a fresh ring. Who meets a living lease is refused, so that the message is still
there if that lease's holder dies.
"""

from uuid import UUID

import structlog

from helium.core.states import is_terminal
from helium.engine.options import EngineOptions
from helium.engine.sweeper import Sweeper
from helium.engine.worker import Busy, Slot, Worker
from helium.kit import trace
from helium.kit.clock import Clock
from helium.kit.ids import to_wire
from helium.kit.metrics import instruments as metrics
from helium.ports import Ack, Bury, Close, Delivery, Refuse, RunStore, Standing, Verdict

log = structlog.get_logger()
# A message of this text comes from a scheduler, where no process sweeps by itself (A5).
SWEEP = "sweep"
# More than a second: an adapter may take less than that for a reason to slow its whole queue down.
BUSY_SECONDS = 1.5
MOST_PATIENCE_SECONDS = 20
AWAY_SECONDS = 2.0
# A run is not there yet when its bell rang before its commit could be seen (F13).
UNKNOWN_SECONDS = 0.5


class Doorbell:
    """`ports.Execute` of one worker process."""

    def __init__(
        self,
        worker: Worker,
        sweeper: Sweeper,
        store: RunStore,
        clock: Clock,
        options: EngineOptions,
        connection_errors: tuple[type[BaseException], ...],
    ) -> None:
        self._worker = worker
        self._sweeper = sweeper
        self._store = store
        self._clock = clock
        self._options = options
        self._connection_errors = connection_errors

    async def answer(self, delivery: Delivery) -> Verdict:
        """Work on a delivery; see `ports.Execute`."""
        if delivery.body.strip() == SWEEP:
            await self._sweep()
            return Ack()
        run_id = _run_id(delivery.body)
        if run_id is None:
            metrics.DEAD_LETTERS.of("not_a_run").add()
            return Bury("This message is not the id of a run.")
        with trace.span("delivery", run_id=run_id, deliveries=delivery.deliveries) as span:
            verdict = await self._work_on(run_id, delivery)
            span.note(outcome=type(verdict).__name__.lower())
            return verdict

    async def _work_on(self, run_id: UUID, delivery: Delivery) -> Verdict:
        try:
            slot = await self._worker.take(run_id, delivery.seconds)
            if slot is not None:
                return _verdict(slot)
            return await self._not_taken(run_id, delivery)
        except Busy:
            return Refuse(BUSY_SECONDS)
        except self._connection_errors as error:
            log.warning("doorbell.database_away", error=type(error).__name__)
            return Refuse(AWAY_SECONDS)

    async def _sweep(self) -> None:
        """Once, and again after a whole lease: what the first round may not judge yet, the second may."""
        await self._sweeper.sweep()
        await self._clock.sleep(self._options.lease_ttl_seconds)
        await self._sweeper.sweep()

    async def _not_taken(self, run_id: UUID, delivery: Delivery) -> Verdict:
        found = (await self._store.standing([run_id])).get(run_id)
        if found is None:
            return self._unknown(run_id, delivery)
        if found.status == "in_progress" and found.lease_seconds <= 0:
            return await self._take_over(run_id, delivery)
        return _refusal(found, delivery)

    def _unknown(self, run_id: UUID, delivery: Delivery) -> Verdict:
        if delivery.deliveries < self._options.max_deliveries:
            return Refuse(UNKNOWN_SECONDS * delivery.deliveries)
        log.warning("doorbell.unknown_run", run_id=to_wire("run", run_id), deliveries=delivery.deliveries)
        return Ack()

    async def _take_over(self, run_id: UUID, delivery: Delivery) -> Verdict:
        """The holder is gone. After an outage every lease has expired although every worker lives, so
        it is looked at once more after a whole lease in which the database answered (A7)."""
        await self._clock.sleep(self._options.lease_ttl_seconds)
        found = (await self._store.standing([run_id])).get(run_id)
        if found is None or found.status != "in_progress" or found.lease_seconds > 0:
            return Refuse(0.0)
        taken = await self._store.requeue_expired(100)
        metrics.TAKEOVERS.of("expired").add(len(taken))
        slot = await self._worker.take(run_id, delivery.seconds)
        return Refuse(BUSY_SECONDS) if slot is None else _verdict(slot)


def _run_id(body: str) -> UUID | None:
    try:
        return UUID(body.strip())
    except ValueError:
        return None


def _verdict(slot: Slot) -> Verdict:
    """After an execution."""
    closed = slot.closed_as
    if closed is None:
        return Refuse(0.0)  # the lease was lost: whoever has it now, the message stays
    return _poison() if _is_poison(closed) else Ack()


def _poison() -> Bury:
    metrics.DEAD_LETTERS.of("poison").add()
    return Bury(_POISON)


def _is_poison(closed: Close) -> bool:
    return closed.status == "failed" and closed.error_code == "poison"


def _refusal(found: Standing, delivery: Delivery) -> Verdict:
    """About a run that could not be claimed."""
    if found.status == "in_progress":
        # The longer a run goes on, the seldomer its copies come: each costs its queue a delivery.
        return Refuse(found.lease_seconds + min(delivery.deliveries - 1, MOST_PATIENCE_SECONDS))
    if found.status == "queued" and not found.held and found.for_newer_engine:
        # The next delivery may reach a newer worker; after a rollback it may be long until there is one.
        return Refuse(BUSY_SECONDS + min(delivery.deliveries - 1, MOST_PATIENCE_SECONDS))
    if found.status == "queued" and not found.held:
        return Refuse(found.due_in_seconds if found.due_in_seconds > 0 else BUSY_SECONDS)
    if is_terminal(found.status) and found.error_code == "poison" and delivery.deliveries > 1:
        return _poison()  # this message was there each time
    return Ack()


_POISON = "The run of this message ended its worker several times; it has failed."
