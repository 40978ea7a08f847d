"""A process with a consumer that begins and never ends: `python -m … URL QUEUE HEARTBEAT_SECONDS`."""

import asyncio
import sys

from helium.adapters.dramatiq.broker import DramatiqOptions
from helium.adapters.dramatiq.consumer import DramatiqConsumer
from helium.kit.logs import configure_logging
from helium.ports import Ack, Delivery, Verdict


async def begin(delivery: Delivery) -> Verdict:
    sys.stdout.write(delivery.body + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    return Ack()


async def main(url: str, queue: str, heartbeat_seconds: str) -> None:
    options = DramatiqOptions(url=url, queue=queue, heartbeat_seconds=float(heartbeat_seconds))
    async with DramatiqConsumer(options, concurrency=2).consume(begin):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("json", "warning")  # to stderr; stdout is for whoever waits for the message
    asyncio.run(main(*sys.argv[1:]))
