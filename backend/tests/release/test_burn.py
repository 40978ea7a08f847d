"""Who counts errors: Cloud Monitoring, CloudWatch, Prometheus."""

from typing import Any

import pytest
from aiohttp import web

from helium.kit.clock import SystemClock
from helium.kit.times import moment
from helium.release import ReleaseOptions, Seen, Unanswered, open_release
from helium.release.amazon import open_amazon
from helium.release.burn_cloudwatch import CloudWatchBurn
from helium.release.burn_prometheus import ERRORS, REQUESTS, PrometheusBurn
from tests.release.server import serving
from tests.support.moto_server import REGION, shared_moto

NAMES = {
    "service": "helium-backend",
    "revision": "helium-backend-00002",
    "load_balancer": "app/helium/50dc",
    "target_group": "targetgroup/next/2",
}


async def test_cloud_monitoring_counts_the_candidates_requests() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.query["filter"])
        assert request.path == "/v3/projects/p/timeSeries"
        assert request.query["aggregation.groupByFields"] == "metric.labels.response_code_class"
        series = [
            {
                "metric": {"labels": {"response_code_class": kind}},
                "points": [{"value": {"int64Value": number}}],
            }
            for kind, number in (("2xx", "90"), ("4xx", "7"), ("5xx", "3"))
        ]
        return web.json_response({"timeSeries": series} if len(asked) == 1 else {})

    async with serving(answer) as address:
        options = ReleaseOptions(cloud="gcp", project="p", region="r", endpoint=address)
        async with open_release(options, SystemClock()) as opened:
            assert await opened.source.read(NAMES, 60) == Seen(100, 3)
            assert await opened.source.read(NAMES, 60) == Seen(0, 0)

    assert 'resource.labels.revision_name="helium-backend-00002"' in asked[0]


async def test_a_cloud_monitoring_that_refuses_is_no_answer() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no permission"}}, status=403)

    async with serving(answer) as address:
        options = ReleaseOptions(cloud="gcp", project="p", region="r", endpoint=address)
        async with open_release(options, SystemClock()) as opened:
            with pytest.raises(Unanswered, match="no permission"):
                await opened.source.read(NAMES, 60)


async def test_cloudwatch_counts_the_candidates_requests(aws_login: None) -> None:
    server, clock = shared_moto(), SystemClock()
    async with open_amazon(clock, region=REGION, endpoint=server.url, patience_seconds=5) as api:
        cloudwatch = await api("cloudwatch")
        for metric, target, value in (
            ("RequestCount", "targetgroup/next/2", 200.0),
            ("RequestCount", "targetgroup/other/1", 5000.0),
            ("HTTPCode_Target_5XX_Count", "targetgroup/next/2", 4.0),
        ):
            given = {"LoadBalancer": "app/helium/50dc", "TargetGroup": target}
            dimensions = [{"Name": name, "Value": text} for name, text in given.items()]
            figure: dict[str, Any] = {"MetricName": metric, "Dimensions": dimensions, "Value": value}
            figure["Timestamp"] = moment(clock.time() - 30)
            await cloudwatch.change("put_metric_data", Namespace="AWS/ApplicationELB", MetricData=[figure])
        burn = CloudWatchBurn(cloudwatch, clock)

        assert await burn.read(NAMES, 300) == Seen(200, 4)
        assert await burn.read({**NAMES, "target_group": "targetgroup/none/3"}, 300) == Seen(0, 0)


async def test_a_cloudwatch_that_is_away_is_no_answer(aws_login: None) -> None:
    async with open_amazon(
        SystemClock(), region=REGION, endpoint="http://127.0.0.1:1", patience_seconds=0
    ) as api:
        with pytest.raises(Unanswered, match="CloudWatch"):
            await CloudWatchBurn(await api("cloudwatch"), SystemClock()).read(NAMES, 60)


@pytest.mark.parametrize("body", ["no json", "{}", '{"data": {"result": [{"value": []}]}}'])
async def test_a_prometheus_that_says_something_else_is_no_answer(body: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body)

    async with serving(answer) as address:
        source = PrometheusBurn(address, requests=REQUESTS, errors=ERRORS, token="")
        with pytest.raises(Unanswered, match="something else than a vector"):
            await source.read(NAMES, 60)


async def test_prometheus_is_asked_with_the_window_and_the_revision() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(str((await request.post())["query"]))
        assert request.headers["Authorization"] == "Bearer t"
        result = [{"metric": {}, "value": [0, "12"]}] if len(asked) == 1 else []
        return web.json_response({"data": {"result": result}})

    async with serving(answer) as address:
        source = PrometheusBurn(
            address, requests='a{r="$revision"}[$window]', errors="b[$window]", token="t"
        )
        assert await source.read(NAMES, 61.2) == Seen(12, 0)

    assert asked == ['a{r="helium-backend-00002"}[62s]', "b[62s]"]
