"""What a provider's refusal means for us: try again, or give up with a code and one sentence.

Retryable                          connection, time-out, 408, 409, 425, 429, 498, 5xx, overload
ModelFailed model_auth             401, 403: the key is wrong or may not do this
ModelFailed model_quota            402, `insufficient_quota`: waiting does not help, paying does
ModelFailed model_not_found        404
ModelFailed context_too_long       the conversation does not fit the model's window
ModelFailed model_refused_request  every other 4xx: the provider's own sentence
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from helium.core.errors import ModelFailed, Retryable
from helium.kit.clock import Clock

MAX_SENTENCE = 400

_PASSING_STATUS = frozenset({408, 409, 425, 429, 498})
_PASSING_KIND = re.compile(
    r"rate.?limit|server_error|overload|api_error|timeout|internal|unavailable|slow_down|capacity"
    r"|insufficient_system_resource|try_again",
    re.IGNORECASE,
)
_AUTH_KIND = re.compile(r"invalid_api_key|authentication|permission|unauthorized", re.IGNORECASE)
_BAD_KEY = re.compile(r"API key (?:not valid|expired)")
"""Gemini says so with the status 400."""
_QUOTA_KIND = re.compile(r"insufficient_quota|billing|insufficient_balance", re.IGNORECASE)
_NOT_FOUND_KIND = re.compile(r"model_not_found|not_found_error", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context_length_exceeded|maximum context length|context (?:window|limit|length|size)"
    r"|prompt is too long|input is too long|too many (?:input )?tokens"
    r"|(?:reduce|exceed\w*)[^.]{0,60}(?:input|prompt|context)[^.]{0,30}(?:length|tokens)",
    re.IGNORECASE,
)
_SECRET = re.compile(r"\b(?:sk|gsk|xai|key|fw|pk|rk|ak)[-_][\w*.\-]{6,}|\bAIza[\w\-]{10,}|Bearer\s+\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who was asked, for the sentence that a person reads."""

    provider: str
    model: str
    key_variable: str | None = None
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A provider's refusal in its own words. Status 0: it came inside a stream."""

    message: str
    kind: str = ""
    status: int = 0
    after_seconds: float | None = None


def failure(problem: Problem, source: Source | None = None) -> Retryable | ModelFailed:
    """The exception to raise."""
    provider = source.provider if source else "the provider"
    sentence = public_sentence(problem.message, source.secrets if source else ())
    said = f": {sentence}" if sentence else "."
    if problem.status == 402 or _QUOTA_KIND.search(problem.kind):
        return ModelFailed("model_quota", f"{provider} has no credit left for this key{said}")
    if _passes(problem):
        reason = f"{provider} answered {problem.status or problem.kind or 'with an error'}{said}"
        return Retryable(reason, after_seconds=problem.after_seconds)
    refused = problem.status in (401, 403) or _AUTH_KIND.search(problem.kind)
    if refused or _BAD_KEY.search(problem.message):
        return _auth(provider, problem.status, source)
    if problem.status == 413 or _TOO_LONG.search(problem.kind) or _TOO_LONG.search(problem.message):
        return ModelFailed("context_too_long", f"The conversation is too long for this model{said}")
    if problem.status == 404 or _NOT_FOUND_KIND.search(problem.kind):
        model = f" the model {source.model!r}" if source else " this model"
        return ModelFailed("model_not_found", f"{provider} does not know{model}{said}")
    return ModelFailed("model_refused_request", f"{provider} refused the request{said}")


def _passes(problem: Problem) -> bool:
    if problem.status:
        return problem.status in _PASSING_STATUS or problem.status >= 500
    # Inside a stream the answer had begun, so the request was good: what has no name passes.
    return not problem.kind or bool(_PASSING_KIND.search(problem.kind))


def _auth(provider: str, status: int, source: Source | None) -> ModelFailed:
    variable = source.key_variable if source else None
    check = f": check the environment variable {variable}" if variable else ""
    refused = "does not accept the key" if status != 403 else "does not allow this with the key"
    return ModelFailed("model_auth", f"{provider} {refused}{check}.")


def public_sentence(message: str, secrets: tuple[str, ...] = ()) -> str:
    """A provider's words, bounded, on one line, without anything that looks like a key."""
    for secret in secrets:
        if secret:
            message = message.replace(secret, "***")
    text = _SECRET.sub("***", " ".join(message.replace("\x00", " ").split()))
    return text if len(text) <= MAX_SENTENCE else text[: MAX_SENTENCE - 1] + "…"


def problem_from_body(status: int, body: bytes, after_seconds: float | None = None) -> Problem:
    """The problem in an error's body, whichever of the providers' shapes it has."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body[:2000].decode("utf-8", "replace")
        value = "" if "<html" in text.lower() else text
    kind, message = _said(value)
    return Problem(message=message, kind=kind, status=status, after_seconds=after_seconds)


def _said(value: Any) -> tuple[str, str]:
    """(kind, message) from `{"error": {…}}` or `{"error": "…"}`, also in a list, or from flat fields."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return "", value
    if not isinstance(value, dict):
        return "", ""
    inner: Any = value.get("error")
    if isinstance(inner, dict):
        value = inner
    elif isinstance(inner, str):
        return str(value.get("code") or ""), inner
    message: Any = value.get("message") or value.get("detail") or value.get("msg") or ""
    kinds = [str(value[key]) for key in ("code", "type", "status") if value.get(key)]
    if not isinstance(message, str):
        message = msgspec.json.encode(message).decode()
    return " ".join(kinds), message


def retry_after(headers: Any, clock: Clock) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or an HTTP date)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    wish: str | None = headers.get("Retry-After")
    if not wish:
        return None
    seconds = _number(wish)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(wish)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - clock.time())


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) and value >= 0 else None
