"""Errors on the wire: problem+json (RFC 9457), and OpenAI's shape where OpenAI's clients look."""

from typing import Any

import msgspec
import structlog

from helium.core.errors import HeliumError, Unavailable
from helium.db.database import CONNECTION_ERRORS

log = structlog.get_logger()
PROBLEM = b"application/problem+json"
_AWAY = Unavailable("The database does not answer. Nothing is lost; try again in a moment.")
_BROKEN = HeliumError("Something went wrong on our side. It is logged under this request's id.")


def to_helium_error(error: Exception) -> HeliumError:
    """The error as a fact for the caller. What is our own failure is logged here, once."""
    if isinstance(error, HeliumError):
        return error
    if isinstance(error, CONNECTION_ERRORS):
        log.warning("request.database_away", error=type(error).__name__)
        return _AWAY
    log.exception("request.failed", exc_info=error)
    return _BROKEN


def problem(error: HeliumError, request_id: str) -> tuple[int, bytes, bytes]:
    """Status, body and content type of a problem document."""
    body: dict[str, Any] = {
        "type": f"/errors/{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "param": error.param,
        "request_id": request_id,
    }
    return error.status, msgspec.json.encode(body), PROBLEM


def openai_error(error: HeliumError, request_id: str) -> tuple[int, bytes, bytes]:
    """Status, body and content type as OpenAI's clients expect them; there, bad input is a 400."""
    status = 400 if error.status == 422 else error.status
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {
        "error": {
            "message": error.message,
            "type": kind,
            "param": error.param,
            "code": error.code,
            "request_id": request_id,
        }
    }
    return status, msgspec.json.encode(body), b"application/json"


def retry_headers(error: HeliumError) -> list[tuple[bytes, bytes]]:
    return [(b"retry-after", b"1")] if error.status == 503 else []
