"""A model whose key is kept elsewhere and may change while the process runs."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from helium.core.errors import InvalidRequest, ModelFailed, Retryable, SecretsUnavailable
from helium.ports import Model, ModelEvent, ModelRequest, Secret


class Keys(Protocol):
    """What the catalog asks of a `SecretStore` of variables."""

    def refers(self, name: str) -> bool:
        """Whether this variable's value is kept elsewhere."""
        ...

    async def get(self, name: str) -> Secret | None:
        """The present value; a cached one is given without a wait. Raises `SecretsUnavailable`."""
        ...

    def invalidate(self, name: str, *, refused: str | None = None) -> None:
        """This value was refused: the next `get` reads afresh, within bounds."""
        ...


class KeyedModel:
    """Asks for the key at each call. A call whose key is refused is made once more if there is another
    key by then, so that a run survives a rotation."""

    def __init__(self, keys: Keys, variable: str, provider: str, make: Callable[[str], Model]) -> None:
        self._keys = keys
        self._variable = variable
        self._provider = provider
        self._make = make
        self._made: tuple[str, Model] | None = None

    async def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        key, begun = await self._key(), False
        try:
            async with aclosing(self._with(key).stream(request)) as batches:  # pyright: ignore[reportArgumentType]
                async for events in batches:
                    begun = True
                    yield events
            return
        except ModelFailed as error:
            if begun or error.code != "model_auth":
                raise
            self._keys.invalidate(self._variable, refused=key)
            newer = await self._key()
            if newer == key:
                raise
        async with aclosing(self._with(newer).stream(request)) as batches:  # pyright: ignore[reportArgumentType]
            async for events in batches:
                yield events

    async def _key(self) -> str:
        try:
            secret = await self._keys.get(self._variable)
        except SecretsUnavailable:
            raise Retryable(f"the key of {self._provider} cannot be read") from None
        if secret is None:
            raise ModelFailed(
                "model_auth", f"There is no key for {self._provider}: {self._variable} leads to none."
            )
        return secret.value

    def _with(self, key: str) -> Model:
        if self._made is None or self._made[0] != key:
            try:
                # A secret made with `echo` ends with a newline, which no header can hold.
                self._made = key, self._make(key.strip())
            except InvalidRequest as error:
                raise ModelFailed("model_auth", error.message) from None
        return self._made[1]
