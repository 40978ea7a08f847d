"""What a verdict means for a message of SQS: the same for the consumer and for Lambda.

A redrive policy counts how often a message was received, and knows no reason. A message that is
refused for hours, because its run has a live lease, would end among the dead. So after half of the
receives that the policy allows, a refused message is replaced by a copy, which starts counting anew and
brings its deliveries along; the other half remains for workers that die.
"""

import math

import structlog

from helium.adapters.sqs.client import SqsFailed
from helium.adapters.sqs.queue import (
    DELIVERIES,
    LONGEST_DELAY_SECONDS,
    Letter,
    Received,
    Redrive,
    SqsQueue,
)
from helium.kit.retry import backoff
from helium.ports import Ack, Bury, Refuse, Verdict

log = structlog.get_logger()
LEAST_SECONDS = 1.0
"""The shortest refusal: at once would be a busy loop."""
AGAIN_SECONDS = 60.0
"""Until a burial that did not succeed is tried again."""


async def carry_out(
    queue: SqsQueue, received: Received, verdict: Verdict, *, max_deliveries: int
) -> Ack | Refuse:
    """Send the copies that the verdict needs. What is left to do: delete the message, or hide it.

    `Ack` is returned only when the message, or its copy, is where it belongs. Never raises.
    """
    match verdict:
        case Ack():
            return verdict
        case Refuse(seconds):
            log.debug("delivery.refused", deliveries=received.deliveries, seconds=seconds)
            return await _refuse(queue, received, max(seconds, LEAST_SECONDS))
        case Bury(reason):
            return await _bury(queue, received, reason, max_deliveries)


def after_failure(received: Received) -> Refuse:
    """For a message whose execution raised: again, later each time, and counted by the redrive policy."""
    return Refuse(max(backoff(received.deliveries, base=2.0, cap=AGAIN_SECONDS), LEAST_SECONDS))


async def _refuse(queue: SqsQueue, received: Received, seconds: float) -> Ack | Refuse:
    try:
        redrive = await queue.redrive()
    except SqsFailed as error:
        log.warning("queue.redrive_unknown", error=error.code)
        return Refuse(seconds)
    if redrive is None or not _is_worn(received, redrive):
        return Refuse(seconds)
    copy = Letter(
        body=received.body,
        delay_seconds=min(math.ceil(seconds), LONGEST_DELAY_SECONDS),
        attributes={DELIVERIES: str(received.deliveries)},
    )
    (failed,) = await queue.send([copy])
    return Refuse(seconds) if failed else Ack()


def _is_worn(received: Received, redrive: Redrive) -> bool:
    return received.receives > redrive.max_receives // 2


async def _bury(queue: SqsQueue, received: Received, reason: str, max_deliveries: int) -> Ack | Refuse:
    try:
        redrive = await queue.redrive()
        if redrive is not None:
            await queue.bury(redrive, received, reason)
            log.warning("delivery.buried", reason=reason, deliveries=received.deliveries)
            return Ack()
    except SqsFailed as error:
        log.warning("delivery.not_buried", reason=reason, deliveries=received.deliveries, error=error.code)
        return Refuse(AGAIN_SECONDS)
    log.error("queue.no_dead_letter_queue", reason=reason, deliveries=received.deliveries)
    return Ack() if received.deliveries >= max_deliveries else Refuse(AGAIN_SECONDS)
