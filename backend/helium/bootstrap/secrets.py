"""The secrets of this installation, and the log filter that keeps them out of every line."""

import os

from helium.adapters.providers.presets import KEY_VARIABLES
from helium.adapters.secrets import Places, ReferenceInvalid, Secrets, open_secrets
from helium.kit.clock import Clock
from helium.kit.redact import Redactor
from helium.settings import Settings, SettingsInvalid

SECRET_VARIABLES = (*KEY_VARIABLES, "HELIUM_DATABASE_URL", "HELIUM_REDIS_URL", "HELIUM_ERRORS__DSN")

redactor = Redactor()
"""One for the process: whatever learns a secret tells it, and logging asks it."""


def open_secret_store(settings: Settings, clock: Clock) -> Secrets:
    """To be entered as an async context manager. Nothing is read before a secret is asked for.

    Raises `SettingsInvalid` with a line for each variable whose reference cannot be used.
    """
    own = settings.secrets
    secrets = open_secrets(
        os.environ,
        clock,
        Places(
            folder=own.folder,
            gcp_project=own.gcp_project,
            gcp_endpoint=own.gcp_endpoint,
            aws_region=own.aws_region,
            aws_endpoint=own.aws_endpoint,
        ),
        ttl_seconds=own.ttl_seconds,
        timeout_seconds=own.timeout_seconds,
        learn=redactor.learn,
    )
    try:
        secrets.check(SECRET_VARIABLES)
    except ReferenceInvalid as error:
        raise SettingsInvalid(str(error)) from None
    return secrets


async def resolved(settings: Settings, clock: Clock, variable: str, given: str) -> str:
    """What a variable holds or refers to. Raises `SettingsInvalid`, `SecretsUnavailable`."""
    async with open_secret_store(settings, clock) as secrets:
        try:
            return await secrets.resolve(variable, given)
        except ReferenceInvalid as error:
            raise SettingsInvalid(str(error)) from None
