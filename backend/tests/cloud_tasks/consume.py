"""A consumer that is a process of its own: tells what was delivered, and never finishes it."""

import asyncio
import sys

from helium.adapters.cloud_tasks import open_cloud_tasks
from helium.kit.clock import SystemClock
from helium.kit.logs import configure_logging
from helium.ports import Delivery, Verdict
from tests.cloud_tasks.pushes import pushed_to
from tests.contract.queues.cloud_tasks import Place, target_at


async def never(delivery: Delivery) -> Verdict:
    sys.stdout.write(f"{delivery.body}\n")
    sys.stdout.flush()
    return await asyncio.get_running_loop().create_future()


async def consume(endpoint: str, port: str, keys_url: str) -> None:
    place = Place(project="project", location="europe-west1", name="agents", endpoint=endpoint)
    target = target_at(int(port))
    async with (
        open_cloud_tasks(place, target, SystemClock(), production=False) as cloud,
        pushed_to(cloud.route(never, keys_url), int(port)),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("json", "warning")  # to stderr; stdout is for whoever waits for the message
    asyncio.run(consume(*sys.argv[1:]))
