"""The providers that Helium knows by name: a row of data each.

To add one that speaks Chat Completions, add a row (docs/howto/add-a-model-provider.md).
"""

from dataclasses import dataclass
from typing import Literal

from helium.adapters.providers.openai_chat_request import MISTRAL_CALL_IDS, OPENAI, Dialect

PLAIN = Dialect()

Format = Literal["chat", "responses", "messages"]
PATHS: dict[Format, str] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "messages": "/v1/messages",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One provider. `None` as base URL: a variable must give it."""

    label: str
    base_url: str | None
    url_variable: str
    key_variables: tuple[str, ...] = ()
    key_needed: bool = True
    """Only as long as the base URL is the provider's own: a server of one's own may have no keys."""
    format: Format = "chat"
    dialect: Dialect = PLAIN
    key_header: Literal["Authorization", "x-api-key", "api-key"] = "Authorization"
    url_suffix: str = ""
    prices: str | None = None
    """Its name in the price list."""


_OPENAI = Preset(
    label="OpenAI",
    base_url="https://api.openai.com/v1",
    url_variable="OPENAI_BASE_URL",
    key_variables=("OPENAI_API_KEY",),
    dialect=OPENAI,
    prices="openai",
)

PRESETS: dict[str, Preset] = {
    "openai": _OPENAI,
    "openai-chat": _OPENAI,
    "openai-responses": _OPENAI,
    "anthropic": Preset(
        label="Anthropic",
        base_url="https://api.anthropic.com",
        url_variable="ANTHROPIC_BASE_URL",
        key_variables=("ANTHROPIC_API_KEY",),
        format="messages",
        key_header="x-api-key",
        prices="anthropic",
    ),
    "azure": Preset(
        label="Azure OpenAI",
        base_url=None,
        url_variable="AZURE_OPENAI_ENDPOINT",
        key_variables=("AZURE_OPENAI_API_KEY",),
        dialect=OPENAI,
        key_header="api-key",
        url_suffix="/openai/v1",
        prices="azure",
    ),
    "deepseek": Preset(
        label="DeepSeek",
        base_url="https://api.deepseek.com",
        url_variable="DEEPSEEK_BASE_URL",
        key_variables=("DEEPSEEK_API_KEY",),
        dialect=Dialect(reasoning_back="reasoning_content", json_schema=False),
        prices="deepseek",
    ),
    "fireworks": Preset(
        label="Fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        url_variable="FIREWORKS_BASE_URL",
        key_variables=("FIREWORKS_API_KEY",),
        prices="fireworks",
    ),
    "gemini": Preset(
        label="Gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        url_variable="GEMINI_BASE_URL",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        prices="google",
    ),
    "groq": Preset(
        label="Groq",
        base_url="https://api.groq.com/openai/v1",
        url_variable="GROQ_BASE_URL",
        key_variables=("GROQ_API_KEY",),
        dialect=OPENAI,
        prices="groq",
    ),
    "mistral": Preset(
        label="Mistral",
        base_url="https://api.mistral.ai/v1",
        url_variable="MISTRAL_BASE_URL",
        key_variables=("MISTRAL_API_KEY",),
        dialect=Dialect(usage_on_request=False, call_ids=MISTRAL_CALL_IDS),
        prices="mistral",
    ),
    "ollama": Preset(
        label="Ollama",
        base_url="http://127.0.0.1:11434",
        url_variable="OLLAMA_HOST",
        key_variables=("OLLAMA_API_KEY",),
        key_needed=False,
        url_suffix="/v1",
    ),
    "openrouter": Preset(
        label="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        url_variable="OPENROUTER_BASE_URL",
        key_variables=("OPENROUTER_API_KEY",),
        prices="openrouter",
    ),
    "together": Preset(
        label="Together",
        base_url="https://api.together.xyz/v1",
        url_variable="TOGETHER_BASE_URL",
        key_variables=("TOGETHER_API_KEY",),
        prices="together",
    ),
    "vllm": Preset(
        label="vLLM",
        base_url=None,
        url_variable="VLLM_BASE_URL",
        key_variables=("VLLM_API_KEY",),
        key_needed=False,
    ),
    "xai": Preset(
        label="xAI",
        base_url="https://api.x.ai/v1",
        url_variable="XAI_BASE_URL",
        key_variables=("XAI_API_KEY",),
        dialect=OPENAI,
        prices="x-ai",
    ),
}

KEY_VARIABLES = tuple(dict.fromkeys(name for row in PRESETS.values() for name in row.key_variables))
"""Every variable that may hold a key, or refer to one."""
