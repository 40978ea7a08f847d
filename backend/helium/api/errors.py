"""Errors on the wire: problem+json (RFC 9457), and OpenAI's shape where OpenAI's clients look."""

import math
from typing import Any

import msgspec
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from helium.core.errors import (
    HeliumError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from helium.db.database import CONNECTION_ERRORS
from helium.kit.metrics import instruments as metrics

log = structlog.get_logger()
OPENAI_PATHS = ("/v1/responses", "/v1/models", "/v1/files")
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
    """When to come back, in whole seconds: a client that comes at once finds the same."""
    if isinstance(error, TooManyRequests):
        return [(b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_seconds)))]
    return [(b"retry-after", b"1")] if error.status == 503 else []


def answer_for(path: str, error: HeliumError, request_id: str) -> tuple[int, bytes, bytes]:
    """Status, body and content type in the shape that this path's clients expect."""
    if error.status == 429:
        metrics.REFUSALS.of(error.code).add()
    shape = openai_error if path.startswith(OPENAI_PATHS) else problem
    return shape(error, request_id)


def error_response(request: Request, raised: Exception) -> Response:
    """For FastAPI's own error handling: what its routes raise, as an answer."""
    fact = _fact(request, raised)
    status, body, content_type = answer_for(request.url.path, fact, request.scope["request_id"])
    headers = {key.decode(): value.decode() for key, value in retry_headers(fact)}
    return Response(body, status, headers, content_type.decode())


def _fact(request: Request, raised: Exception) -> HeliumError:
    match raised:
        case RequestValidationError():
            return invalid_request(raised.errors()[0])
        case HTTPException(status_code=404):
            return NotFound(f"There is no route {request.url.path}.")
        case HTTPException(status_code=405):
            return MethodNotAllowed("This route does not answer this method.")
        case HTTPException(detail=detail):
            return InvalidRequest(str(detail))
        case _:
            return to_helium_error(raised)


def invalid_request(first: dict[str, Any]) -> InvalidRequest:
    """The first complaint of a validation, in one sentence that names the field."""
    name = ".".join(str(part) for part in first["loc"][1:]) or "body"
    if first["type"] == "extra_forbidden":
        return InvalidRequest(f"The parameter {name!r} is not supported.", param=name)
    return InvalidRequest(f"{name}: {first['msg']}.", param=name)
