"""The template of a request's route: `/v1/runs/{run_id}/events`, never the address itself.

There are as many templates as routes, so they can be counted, and nothing of a person stands in them.
"""

from typing import Any

from helium.kit.asgi import Scope

PAGE = "/{page}"
UNKNOWN = "/{unknown}"
_HOT = {
    "POST /v1/responses": "/v1/responses",
    "GET /api/health": "/api/health",
    "GET /api/ready": "/api/ready",
}


def template_of(scope: Scope) -> str:
    """The route that answered. Ask after the request: FastAPI writes down then which one it was."""
    path: str = scope["path"]
    hot = _HOT.get(f"{scope['method']} {path}")
    if hot is not None:
        return hot
    route: Any = scope.get("route")
    if route is not None:
        return str(getattr(route, "path_format", None) or getattr(route, "path", UNKNOWN))
    return _by_hand(path.strip("/").split("/"))


def _by_hand(parts: list[str]) -> str:
    """The routes that `api/app.py` matches itself."""
    match parts:
        case ["v1", "responses"]:
            return "/v1/responses"
        case ["v1", "responses", _]:
            return "/v1/responses/{response_id}"
        case ["v1", "responses", _, "cancel"]:
            return "/v1/responses/{response_id}/cancel"
        case ["v1", "runs", _, "events"]:
            return "/v1/runs/{run_id}/events"
        case ["internal", "tasks", "execute"] | ["internal", "page-errors"] | ["metrics"]:
            return "/" + "/".join(parts)
        case ["v1" | "api" | "internal", *_]:
            return UNKNOWN
        case _:
            return PAGE
