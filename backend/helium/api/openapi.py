"""The raw ASGI routes, described in the OpenAPI document beside the others."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from helium.features.responses.schemas import ResponseCreate

_REF = "#/components/schemas/{model}"
_ERRORS = {"4XX": {"description": "An error in OpenAI's shape."}}
_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
_OBJECT = {"application/json": {"schema": {"type": "object"}}}

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Each code has a page in docs/reference/errors.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "param": {"type": ["string", "null"]},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "code", "param", "request_id"],
}


def describe_streams(app: FastAPI) -> None:
    """Make `app.openapi()` include the Responses API and the event streams."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _add(schema)
            _describe_errors(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi


def _describe_errors(schema: dict[str, Any]) -> None:
    """Every route's errors are problem documents, not FastAPI's own shape."""
    models = schema["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        models.pop(name, None)
    models["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in schema["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            operation["responses"].setdefault(
                "4XX", {"description": "An error: one sentence that says what to do.", "content": content}
            )


def _add(schema: dict[str, Any]) -> None:
    request = ResponseCreate.model_json_schema(ref_template=_REF, by_alias=True)
    models = schema.setdefault("components", {}).setdefault("schemas", {})
    for name, definition in request.pop("$defs", {}).items():
        models.setdefault(f"Responses{name}" if name in models else name, definition)
    models["ResponseCreate"] = request
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/ResponseCreate"}}}
    schema["paths"] |= {
        "/v1/responses": {
            "post": _operation(
                "Create a response: an agent's run, plain, streaming or in the background.",
                "create_response",
                content={**_OBJECT, **_STREAM},
                requestBody={"required": True, "content": body},
            )
        },
        "/v1/responses/{response_id}": {
            "get": _operation(
                "A response; with `stream=true` its events after `starting_after`.",
                "get_response",
                content={**_OBJECT, **_STREAM},
                parameters=[
                    _parameter("response_id", "path"),
                    _parameter("stream", "query", kind="boolean"),
                    _parameter("starting_after", "query", kind="integer"),
                ],
            )
        },
        "/v1/responses/{response_id}/cancel": {
            "post": _operation(
                "Stop a response; the answer shows it as it ended.",
                "cancel_response",
                content=_OBJECT,
                parameters=[_parameter("response_id", "path")],
            )
        },
        "/v1/runs/{run_id}/events": {
            "get": _operation(
                "The run's event log after `Last-Event-ID`, then what follows, live.",
                "run_events",
                content=_STREAM,
                parameters=[
                    _parameter("run_id", "path"),
                    _parameter("Last-Event-ID", "header", kind="integer"),
                ],
            )
        },
    }


def _operation(summary: str, name: str, *, content: object, **rest: object) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": name,
        "tags": ["runs" if name == "run_events" else "responses"],
        "security": [{"HTTPBearer": []}],
        "responses": {"200": {"description": "Success", "content": content}, **_ERRORS},
        **rest,
    }


def _parameter(name: str, where: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": kind}}
