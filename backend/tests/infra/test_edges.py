"""What the edges keep from the internet: all that is for the platform, and nothing that a page asks for."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from helium.adapters.cloud_tasks.queue import PUSH_PATH
from helium.api.page_errors import PATH as PAGE_ERRORS

ROOT = Path(__file__).resolve().parents[3]
FOR_THE_PLATFORM = (PUSH_PATH, "/metrics")
FOR_PAGES = (PAGE_ERRORS, "/v1/runs", "/v1/runs/run_1/events", "/v1/responses", "/v1/files", "/api/ready")


def read(file: str) -> str:
    return (ROOT / file).read_text()


def closed_by_cloudflare(path: str) -> bool:
    closing = read("infra/modules/gcp/edge/rules.tf").partition('"closed" {')[2].partition("\n}\n")[0]
    starts = re.findall(r'starts_with\(http\.request\.uri\.path, \\"(/[^\\"]+)\\"\)', closing)
    assert len(starts) == 2, "the rule is written in another way: read it anew"
    return path.startswith(tuple(starts))


def closed_by_amazon(path: str) -> bool:
    """CloudFront passes on whatever it is asked; the load balancer behind it answers."""
    edge = read("infra/modules/aws/edge/main.tf")
    assert "ordered_cache_behavior" not in edge
    assert "function_association" not in edge
    rules = read("infra/modules/aws/network/load_balancer.tf")
    closing = rules.partition('"aws_lb_listener_rule" "private" {')[2].partition("\n}\n")[0]
    patterns = re.findall(r'"(/[^"]+)"', closing)
    assert len(patterns) == 3, "the rule is written in another way: read it anew"
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def closed_by_nginx(path: str) -> bool:
    closing = re.findall(r"location (=?) ?(\S+) \{\s+return 404;", read("infra/compose/nginx.conf"))
    assert len(closing) == 2, "the rules are written in another way: read them anew"
    return any(path == place if exact else path.startswith(place) for exact, place in closing)


def kept_by_vercel(path: str) -> bool:
    """A page whose build names no API asks its own host, which passes on what is not the page's."""
    passing = (
        read("infra/images/page-headers.mjs").partition("function passedOn() {")[2].partition("\n}\n")[0]
    )
    passed_on = re.findall(r'\{ src: "([^"]+)"', passing)
    assert len(passed_on) == 2, "the routes are written in another way: read them anew"
    return not any(re.fullmatch(source, path) for source in passed_on)


Closed = Callable[[str], bool]
EDGES: list[Closed] = [closed_by_cloudflare, closed_by_amazon, closed_by_nginx, kept_by_vercel]


@pytest.mark.parametrize("closed", EDGES)
def test_what_is_for_the_platform_stays_inside(closed: Closed) -> None:
    assert [path for path in FOR_THE_PLATFORM if not closed(path)] == []


@pytest.mark.parametrize("closed", EDGES)
def test_what_pages_ask_for_and_what_they_report_gets_in(closed: Closed) -> None:
    assert [path for path in FOR_PAGES if closed(path)] == []


def test_a_page_reports_where_the_server_listens() -> None:
    assert f'const PATH = "{PAGE_ERRORS}";' in read("frontend/lib/report.ts")
