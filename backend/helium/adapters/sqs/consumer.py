"""Receives from SQS, executes side by side, and keeps what is under way hidden from other workers."""

import asyncio
from collections.abc import Sequence

import structlog

from helium.adapters.sqs.client import SqsFailed
from helium.adapters.sqs.queue import Hide, Received, Results, SqsQueue
from helium.adapters.sqs.verdicts import after_failure, carry_out
from helium.kit.clock import Clock
from helium.kit.group import GroupCommit
from helium.kit.outage import Outage
from helium.kit.retry import backoff
from helium.ports import Ack, Delivery, Execute, Refuse, Verdict

log = structlog.get_logger()
GROUP = 100
GONE = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"}
LAST_POLL_SECONDS = 2.0
"""How long the end waits for a poll that is under way. What SQS hands to a connection that is cut stays
hidden until its visibility ends."""
SETTLE_SECONDS = 5.0
"""How long the end may take to delete what is done and to give back what is not."""


class SqsConsumer:
    """The receiving end of a queue; it works while `serve` runs.

    `visibility_seconds`: for how long a message stays hidden if this process dies; renewed every third
    of it while the message is worked on. `wait_seconds`: length of a poll, 20 at most.
    """

    def __init__(
        self,
        queue: SqsQueue,
        execute: Execute,
        clock: Clock,
        *,
        concurrency: int = 100,
        visibility_seconds: int = 60,
        max_deliveries: int = 20,
        wait_seconds: int = 20,
    ) -> None:
        self._queue = queue
        self._execute = execute
        self._clock = clock
        self._visibility_seconds = visibility_seconds
        self._max_deliveries = max_deliveries
        self._wait_seconds = wait_seconds
        self._room = concurrency
        self._has_room = asyncio.Event()
        self._under_way: dict[str, Received] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._receiving: asyncio.Task[None] | None = None
        self._deletes = GroupCommit[str, None](self._delete, limit=GROUP)
        self._hides = GroupCommit[Hide, None](self._hide, limit=GROUP)
        self._outage = Outage("queue")
        self._upkeep_outage = Outage("queue.upkeep")

    async def serve(self) -> None:
        """Receive and execute until cancelled. SQS may come and go meanwhile.

        Cancelling it cancels the executions and gives their messages back to the queue at once.
        """
        async with asyncio.TaskGroup() as upkeep:
            upkeep.create_task(self._deletes.serve())
            upkeep.create_task(self._hides.serve())
            upkeep.create_task(self._keep_hidden())
            try:
                async with asyncio.TaskGroup() as work:
                    self._receiving = work.create_task(self._receive(work, upkeep))
                    await asyncio.Event().wait()
            finally:
                await self._give_back()

    def stop(self) -> None:
        """Receive nothing more. What is under way goes on until `serve` is cancelled."""
        if self._receiving is not None:
            self._receiving.cancel()

    async def _receive(self, work: asyncio.TaskGroup, upkeep: asyncio.TaskGroup) -> None:
        failures = 0
        while True:
            await self._wait_for_room()
            try:
                await self._queue.redrive()  # without it, refusals would make messages dead
                found = await self._poll()
            except SqsFailed as error:
                failures += 1
                self._outage.failed(error)
                await self._clock.sleep(backoff(failures))
                continue
            failures = 0
            self._outage.worked()
            for received in found:
                self._room -= 1
                self._under_way[received.receipt] = received
                work.create_task(self._work_on(received, upkeep))

    async def _wait_for_room(self) -> None:
        while self._room <= 0:
            self._has_room.clear()
            await self._has_room.wait()

    async def _poll(self) -> Sequence[Received]:
        poll = asyncio.create_task(
            self._queue.receive(
                self._room, wait_seconds=self._wait_seconds, visibility_seconds=self._visibility_seconds
            )
        )
        try:
            return await asyncio.shield(poll)
        except asyncio.CancelledError:
            await self._return_last(poll)
            raise

    async def _return_last(self, poll: "asyncio.Task[list[Received]]") -> None:
        """Show to others what came when nobody wanted it any more."""
        try:
            async with asyncio.timeout(LAST_POLL_SECONDS):
                found = await poll
        except (SqsFailed, TimeoutError):
            return
        await self._show(found)

    async def _work_on(self, received: Received, upkeep: asyncio.TaskGroup) -> None:
        """Execute; what follows is not to be cancelled with the executions."""
        verdict = await self._verdict(received)
        del self._under_way[received.receipt]
        settling = upkeep.create_task(self._settle(received, verdict))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    async def _verdict(self, received: Received) -> Verdict | None:
        """None: the execution failed, which an `Execute` promises not to."""
        log.debug("delivery.received", deliveries=received.deliveries)
        try:
            return await self._execute(Delivery(body=received.body, deliveries=received.deliveries))
        except Exception:
            log.exception("delivery.failed", deliveries=received.deliveries)
            return None

    async def _settle(self, received: Received, verdict: Verdict | None) -> None:
        if verdict is None:
            left: Ack | Refuse = after_failure(received)
        else:
            left = await carry_out(self._queue, received, verdict, max_deliveries=self._max_deliveries)
        if isinstance(left, Ack):
            await self._deletes.submit(received.receipt)
        else:
            await self._hides.submit(self._hidden(received, left.seconds))
        self._room += 1
        self._has_room.set()

    def _hidden(self, received: Received, seconds: float) -> Hide:
        return Hide(received.receipt, received.hidden_seconds(seconds, self._clock.monotonic()))

    async def _keep_hidden(self) -> None:
        """The heartbeat. It shares its group with the refusals: an old one cannot undo a refusal."""
        while True:
            await self._clock.sleep(self._visibility_seconds / 3)
            changes = [self._hidden(each, self._visibility_seconds) for each in self._under_way.values()]
            if beats := [self._hides.submit(change) for change in changes if change.seconds > 0]:
                await asyncio.wait(beats)

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._show(list(self._under_way.values()))
                self._under_way.clear()
                if self._settling:
                    await asyncio.wait(self._settling)
        except TimeoutError:
            log.warning("queue.not_given_back", messages=len(self._under_way) + len(self._settling))

    async def _show(self, found: Sequence[Received]) -> None:
        if shown := [self._hides.submit(Hide(each.receipt, 0)) for each in found]:
            await asyncio.wait(shown)

    async def _delete(self, receipts: Sequence[str]) -> list[None]:
        self._tell(await self._queue.delete(receipts))
        return [None] * len(receipts)

    async def _hide(self, changes: Sequence[Hide]) -> list[None]:
        self._tell(await self._queue.hide(changes))
        return [None] * len(changes)

    def _tell(self, results: Results) -> None:
        """A message that is gone meanwhile can be neither deleted nor hidden, and need not be."""
        failures = [each for each in results if each is not None and each.code not in GONE]
        if failures:
            self._upkeep_outage.failed(failures[0], len(failures))
        else:
            self._upkeep_outage.worked()
