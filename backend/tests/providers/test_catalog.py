"""Models by name, and what they cost."""

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from helium.adapters.providers import library
from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.providers.http import Endpoint, HttpModel
from helium.adapters.providers.presets import PRESETS
from helium.core.budget import Usage
from helium.core.errors import InvalidRequest
from helium.kit.clock import SystemClock
from helium.ports import ModelEvent, ModelRequest


class Silent:
    async def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        return
        yield []


OFFLINE = Silent()


def catalog(**environ: str) -> ProviderCatalog:
    return ProviderCatalog(environ, SystemClock(), extra={"offline": OFFLINE})


def endpoint(name: str, **environ: str) -> Endpoint:
    model, _ = catalog(**environ).resolve(name)
    assert isinstance(model, HttpModel)
    return model.endpoint


BEARER = {"Authorization": "Bearer k"}
ENDPOINTS = [
    ("openai:m", {"OPENAI_API_KEY": "k"}, "https://api.openai.com/v1/responses", BEARER),
    ("openai-chat:m", {"OPENAI_API_KEY": "k"}, "https://api.openai.com/v1/chat/completions", BEARER),
    ("openai:m", {"OPENAI_BASE_URL": "http://h/v1/"}, "http://h/v1/chat/completions", {}),
    ("openai-responses:m", {"OPENAI_BASE_URL": "http://h/v1"}, "http://h/v1/responses", {}),
    (
        "anthropic:m",
        {"ANTHROPIC_API_KEY": "k"},
        "https://api.anthropic.com/v1/messages",
        {"x-api-key": "k", "anthropic-version": "2023-06-01"},
    ),
    ("ollama:m", {}, "http://127.0.0.1:11434/v1/chat/completions", {}),
    ("ollama:m", {"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434/v1/chat/completions", {}),
    ("ollama:m", {"OLLAMA_HOST": ":9999"}, "http://127.0.0.1:9999/v1/chat/completions", {}),
    ("ollama:m", {"OLLAMA_HOST": "https://o.example"}, "https://o.example:443/v1/chat/completions", {}),
    ("vllm:m", {"VLLM_BASE_URL": "http://h:8000/v1"}, "http://h:8000/v1/chat/completions", {}),
    (
        "gemini:m",
        {"GOOGLE_API_KEY": "k"},
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        BEARER,
    ),
    (
        "azure:m",
        {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com/", "AZURE_OPENAI_API_KEY": "k"},
        "https://x.openai.azure.com/openai/v1/chat/completions",
        {"api-key": "k"},
    ),
]


@pytest.mark.parametrize(("name", "environ", "url", "headers"), ENDPOINTS)
def test_a_provider_is_reached_where_the_environment_says(
    name: str, environ: dict[str, str], url: str, headers: dict[str, str]
) -> None:
    found = endpoint(name, **environ)
    assert (found.url, dict(found.headers)) == (url, headers)


def test_a_model_may_have_colons_in_its_name() -> None:
    assert catalog().resolve("ollama:qwen3:8b")[1] == "qwen3:8b"


def test_a_model_given_from_outside_is_found_by_its_provider() -> None:
    assert catalog().resolve("offline:demo") == (OFFLINE, "demo")


def test_one_client_serves_all_models_of_a_provider() -> None:
    given = catalog()
    assert given.resolve("ollama:a")[0] is given.resolve("ollama:b")[0]


@pytest.mark.parametrize(
    ("name", "environ", "sentence"),
    [
        ("gpt-5", {}, "'gpt-5' is not of the form provider:model"),
        ("openai:", {}, "is not of the form provider:model"),
        ("openai:m", {}, "set the environment variable OPENAI_API_KEY"),
        ("gemini:m", {}, "set the environment variable GEMINI_API_KEY or GOOGLE_API_KEY"),
        ("vllm:m", {}, "set the environment variable VLLM_BASE_URL"),
        ("azure:m", {"AZURE_OPENAI_ENDPOINT": "https://x"}, "variable AZURE_OPENAI_API_KEY"),
        ("antropic:m", {}, "did you mean anthropic"),
        ("zzz:m", {}, "known are anthropic, azure"),
        ("vllm:m", {"VLLM_BASE_URL": "ftp://x"}, "VLLM_BASE_URL is not an http"),
        ("vllm:m", {"VLLM_BASE_URL": "http://[x"}, "VLLM_BASE_URL is not an http"),
        ("ollama:m", {"OLLAMA_HOST": "h:99999"}, "OLLAMA_HOST is not an http"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_to_do(
    name: str, environ: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        catalog(**environ).resolve(name)
    assert sentence in caught.value.message
    assert caught.value.param == "model"


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_resolves_once_it_is_configured(name: str) -> None:
    preset = PRESETS[name]
    environ = dict.fromkeys(preset.key_variables, "k")
    if preset.base_url is None:
        environ[preset.url_variable] = "https://h.example"
    assert endpoint(f"{name}:m", **environ).url.startswith("http")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_and_its_variables_are_in_the_guide(name: str) -> None:
    guide = (Path(__file__).parents[3] / "docs/howto/add-a-model-provider.md").read_text()
    preset = PRESETS[name]
    for word in (name, preset.url_variable, *preset.key_variables):
        assert f"`{word}`" in guide


def test_the_configured_providers_are_listed() -> None:
    given = catalog(GROQ_API_KEY="k", OLLAMA_HOST="h", AZURE_OPENAI_API_KEY="k", XAI_API_KEY=" ")
    assert given.names() == ["offline:*", "groq:*", "ollama:*"]


def test_a_key_is_not_shown_with_the_endpoint() -> None:
    assert "secret" not in repr(endpoint("openai:m", OPENAI_API_KEY="secret"))


USAGE = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000)


def test_known_models_have_a_price_and_cached_input_is_cheaper() -> None:
    full = catalog().price("openai:gpt-4o", Usage(input_tokens=1_000_000, output_tokens=100_000))
    assert full == Usage(input_tokens=1_000_000, output_tokens=100_000, cost_microusd=3_500_000)
    assert catalog().price("openai:gpt-4o", USAGE).cost_microusd == 3_000_000


async def test_a_price_does_not_block_the_event_loop() -> None:
    loaded = [name for name in sys.modules if name.startswith("genai_prices")]
    kept = {name: sys.modules.pop(name) for name in loaded}
    try:
        async with catalog() as given:
            assert given.price("openai:gpt-4o", USAGE).cost_microusd == 3_000_000
    finally:
        sys.modules.update(kept)


@pytest.mark.parametrize("name", ["openai:no-such-model", "ollama:llama3", "offline:demo", "zzz:m", "zzz"])
def test_unknown_prices_are_nought(name: str) -> None:
    assert catalog().price(name, USAGE) == USAGE


def test_a_price_through_the_library_is_that_of_its_provider() -> None:
    name = f"{library.PREFIX}:openai:gpt-4o"
    assert catalog().price(name, USAGE).cost_microusd == 3_000_000


@pytest.mark.parametrize("key", ["a\nb", "schlüssel-€"])
def test_a_key_that_no_header_can_carry_is_an_invalid_request(key: str) -> None:
    found = ProviderCatalog({"OPENAI_API_KEY": key}, SystemClock())
    with pytest.raises(InvalidRequest, match="OpenAI cannot be reached: the header 'Authorization'"):
        found.resolve("openai:m")
