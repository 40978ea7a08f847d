"""The template of a request's route: `/v1/runs/{run_id}/events`, never the address itself.

There are as many templates as routes, so they can be counted, and nothing of a person stands in them.
"""

from collections.abc import Iterable
from typing import Any

from helium.kit.metrics.registry import OTHER

PAGE = "page"

# What `api/app.py` matches by hand, before the resources.
HAND_MATCHED = (
    "/v1/responses",
    "/v1/responses/{response_id}",
    "/v1/responses/{response_id}/cancel",
    "/v1/runs/{run_id}/events",
    "/api/page-errors",
    "/v1/openapi.json",
    "/v1/docs",
    "/api/health",
    "/api/ready",
    "/metrics",
)


class RouteTemplates:
    """From paths to the templates of their routes; all that is no route is `other`."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._tree: dict[str, Any] = {}
        self.names = {OTHER, PAGE}
        for template in (*HAND_MATCHED, *templates):
            node = self._tree
            for part in _parts(template):
                node = node.setdefault("{}" if part.startswith("{") else part, {})
            self.names.add(node.setdefault("", template))

    def of(self, path: str) -> str:
        """The template of this path's route."""
        node = self._tree
        for part in _parts(path):
            found = node.get(part) if part != "{}" else None
            node = node.get("{}") if found is None else found
            if node is None:
                return PAGE if _of_page(path) else OTHER
        return node.get("", PAGE if _of_page(path) else OTHER)


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/", 8)


def _of_page(path: str) -> bool:
    return path == "/" or path.startswith("/_next/")
