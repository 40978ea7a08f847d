"""The entry point of an AWS Lambda function: `helium.lambda_main.handler`.

Its event source is the queue `agent-processing`; a scheduler sends the message `sweep` to the same queue
once a minute. The function scales to zero: nothing of Helium is resident.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from helium.adapters.aws_lambda import Invocations, make_handler
from helium.adapters.sqs import AwsAccess
from helium.bootstrap import open_helium
from helium.bootstrap.secrets import redactor, resolved
from helium.kit.clock import SystemClock
from helium.kit.logs import configure_logging
from helium.ports import Execute
from helium.settings import SettingsInvalid, load_settings


@asynccontextmanager
async def open_execute() -> AsyncGenerator[Execute]:
    """Helium for the life of a container, opened with its first message.

    Raises `SettingsInvalid` for settings that do not fit a function.
    """
    settings = load_settings()
    configure_logging("json", settings.log_level, redactor)
    if settings.database_url is None or settings.queue.kind != "sqs":
        raise SettingsInvalid("A function needs HELIUM_DATABASE_URL, and HELIUM_QUEUE__KIND sqs.")
    given = settings.database_url.get_secret_value()
    url = await resolved(settings, SystemClock(), "HELIUM_DATABASE_URL", given)
    async with open_helium(settings, url, "worker", resident=False) as helium:
        assert helium.doorbell is not None
        yield helium.doorbell.answer


def make_invocations() -> Invocations:
    """The function, of this environment's settings. Raises `SettingsInvalid`."""
    queue = load_settings().queue
    return make_handler(
        open_execute,
        access=AwsAccess(region=queue.aws_region, endpoint=queue.aws_endpoint),
        name=queue.name,
        url=queue.sqs_url,
        max_deliveries=queue.max_deliveries,
    )


handler = make_invocations()
