"""Models by name: which provider, which wire format, with which key. The environment says it all."""

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

import msgspec

from helium.adapters.providers import library, prices
from helium.adapters.providers.anthropic_messages import MessagesDecoder
from helium.adapters.providers.anthropic_request import messages_body
from helium.adapters.providers.http import Endpoint, HttpModel, Timeouts, Upstream, Wire
from helium.adapters.providers.keyed import KeyedModel, Keys
from helium.adapters.providers.openai_chat import ChatDecoder
from helium.adapters.providers.openai_chat_request import Dialect, chat_body
from helium.adapters.providers.openai_responses import ResponsesDecoder
from helium.adapters.providers.openai_responses_request import responses_body
from helium.adapters.providers.presets import PATHS, PRESETS, Format, Preset
from helium.adapters.providers.wire import Decoder
from helium.core.budget import Usage
from helium.core.errors import InvalidRequest
from helium.kit.clock import Clock
from helium.ports import Model, ModelRequest

ANTHROPIC_VERSION = "2023-06-01"


@dataclass(frozen=True, slots=True)
class ChatWire:
    dialect: Dialect

    def encode(self, request: ModelRequest) -> bytes:
        return chat_body(request, self.dialect)

    def decoder(self, request: ModelRequest) -> Decoder:
        return ChatDecoder(request.model, thinks=request.reasoning_effort is not None)


@dataclass(frozen=True, slots=True)
class ResponsesWire:
    summary: str = "auto"

    def encode(self, request: ModelRequest) -> bytes:
        return responses_body(request, summary=self.summary)

    def decoder(self, request: ModelRequest) -> Decoder:
        return ResponsesDecoder(request.model)


class MessagesWire:
    def encode(self, request: ModelRequest) -> bytes:
        return messages_body(request)

    def decoder(self, request: ModelRequest) -> Decoder:
        return MessagesDecoder(request.model)


class ProviderCatalog:
    """`ModelCatalog` over the providers in `PRESETS`, those in `extra`, and pydantic-ai's.

    `extra` maps a provider's name to its model, e.g. `offline`. With `keys`, a variable may refer to a key
    that is kept elsewhere, which is then asked for at each call. Enter it as an async context manager: that
    reads the price list off the event loop, and closes the connections at the end.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        clock: Clock,
        *,
        extra: Mapping[str, Model] | None = None,
        timeouts: Timeouts | None = None,
        gather_seconds: float = 0.04,
        keys: Keys | None = None,
    ) -> None:
        self._environ = environ
        self._keys = keys
        self._clock = clock
        self._extra = dict(extra or {})
        self._gather_seconds = gather_seconds
        self._upstream = Upstream(timeouts)
        self._made: dict[str, Model] = {}

    async def __aenter__(self) -> "ProviderCatalog":
        await asyncio.to_thread(prices.load)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    def resolve(self, name: str) -> tuple[Model, str]:
        provider, found, model = name.partition(":")
        if not found or not model:
            raise InvalidRequest(
                f"The model {name!r} is not of the form provider:model, e.g. openai:gpt-5.", param="model"
            )
        if provider in self._extra:
            return self._extra[provider], model
        if provider == library.PREFIX:
            return library.resolve(model, self._clock, gather_seconds=self._gather_seconds), model
        if provider not in self._made:
            self._made[provider] = self._make(provider)
        return self._made[provider], model

    def price(self, name: str, usage: Usage) -> Usage:
        provider, _, model = name.partition(":")
        if provider == library.PREFIX:
            provider, _, model = model.partition(":")
        preset = PRESETS.get(provider)
        listed = preset.prices if preset else None
        if listed is None or provider in self._extra:
            return usage
        return msgspec.structs.replace(usage, cost_microusd=prices.cost_microusd(listed, model, usage))

    def names(self) -> Sequence[str]:
        return [f"{name}:*" for name in (*self._extra, *filter(self._configured, PRESETS))]

    def _configured(self, name: str) -> bool:
        preset = PRESETS[name]
        if self._environ.get(preset.url_variable):
            return bool(self._key(preset)[1]) or not (preset.key_needed and preset.base_url is None)
        return preset.base_url is not None and bool(self._key(preset)[1])

    def _make(self, name: str) -> Model:
        preset = PRESETS.get(name)
        if preset is None:
            raise self._unknown(name)
        base_url = self._base_url(name, preset)
        variable, key = self._key(preset)
        own = base_url == preset.base_url or preset.base_url is None
        if not key and preset.key_needed and own:
            wanted = " or ".join(preset.key_variables)
            raise InvalidRequest(
                f"{preset.label} needs a key: set the environment variable {wanted}.", param="model"
            )
        wire, path = self._wire(name, preset, own=own)
        url = base_url + preset.url_suffix + path

        def make(key: str) -> HttpModel:
            endpoint = Endpoint(
                provider=preset.label,
                url=url,
                headers=_headers(preset, key),
                key_variable=variable,
                secrets=(key,) if key else (),
            )
            seconds = self._gather_seconds
            return HttpModel(self._upstream, endpoint, wire, self._clock, gather_seconds=seconds)

        if variable is None or self._keys is None or not self._keys.refers(variable):
            return make(key)
        make("")  # an address that leads nowhere is said now, not at the first call
        return KeyedModel(self._keys, variable, preset.label, make)

    def _wire(self, name: str, preset: Preset, *, own: bool) -> tuple[Wire, str]:
        """`openai` speaks Responses to OpenAI, and Chat Completions to what imitates it."""
        responses = name == "openai-responses" or (name == "openai" and own)
        form: Format = "responses" if responses else preset.format
        if form == "responses":
            summary = self._environ.get("OPENAI_REASONING_SUMMARY") or "auto"
            return ResponsesWire(summary), PATHS[form]
        if form == "messages":
            return MessagesWire(), PATHS[form]
        return ChatWire(preset.dialect), PATHS[form]

    def _base_url(self, name: str, preset: Preset) -> str:
        url = self._environ.get(preset.url_variable) or preset.base_url
        if not url:
            raise InvalidRequest(
                f"{preset.label} needs an address: set the environment variable {preset.url_variable}.",
                param="model",
            )
        try:
            url = _ollama_url(url) if name == "ollama" else url
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise InvalidRequest(f"{preset.url_variable} is not an http(s) URL.", param="model")
        url = url.rstrip("/")
        return url.removesuffix(preset.url_suffix) if preset.url_suffix else url

    def _key(self, preset: Preset) -> tuple[str | None, str]:
        """The variable that gives the key (or should), and the key."""
        for variable in preset.key_variables:
            if key := self._environ.get(variable, "").strip():
                return variable, key
        return (preset.key_variables[0] if preset.key_variables else None), ""

    def _unknown(self, name: str) -> InvalidRequest:
        known = [*self._extra, *PRESETS, library.PREFIX]
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(sorted(known))}."
        return InvalidRequest(f"There is no model provider {name!r}: {hint}", param="model")


def _headers(preset: Preset, key: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    if key:
        headers[preset.key_header] = f"Bearer {key}" if preset.key_header == "Authorization" else key
    if preset.format == "messages":
        headers["anthropic-version"] = ANTHROPIC_VERSION
    return headers


def _ollama_url(host: str) -> str:
    """`OLLAMA_HOST` is what the server binds to: a host, a port, or both, rarely a URL."""
    url = host if "://" in host else f"http://{host}"
    parts = urlsplit(url)
    name = parts.hostname or "127.0.0.1"
    if name in ("0.0.0.0", "::"):  # noqa: S104 - not bound to: replaced
        name = "127.0.0.1"
    port = parts.port or (443 if parts.scheme == "https" else 11434)
    bracketed = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{bracketed}:{port}{parts.path}"
