"""`BurnSource` on CloudWatch: the load balancer's own count of the candidate's requests."""

import math
from collections.abc import Mapping
from typing import Any

from helium.kit.clock import Clock
from helium.kit.times import moment
from helium.release.amazon import AmazonApi, Refused
from helium.release.ports import CloudAway, Seen, Unanswered

PERIOD_SECONDS = 60
METRICS = {"requests": "RequestCount", "errors": "HTTPCode_Target_5XX_Count"}


class CloudWatchBurn:
    """A target group without figures has had no request: the load balancer writes none for zero."""

    def __init__(self, api: AmazonApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def read(self, names: Mapping[str, str], window_seconds: float) -> Seen:
        end = math.ceil(self._clock.time() / PERIOD_SECONDS) * PERIOD_SECONDS
        begin = end - math.ceil(window_seconds / PERIOD_SECONDS + 1) * PERIOD_SECONDS
        try:
            answer = await self._api.ask(
                "get_metric_data",
                StartTime=moment(begin),
                EndTime=moment(end),
                MetricDataQueries=[_query(id_, metric, names) for id_, metric in METRICS.items()],
            )
        except (Refused, CloudAway) as error:
            raise Unanswered(f"CloudWatch: {error}") from None
        found = {
            each["Id"]: math.fsum(each.get("Values", [])) for each in answer.get("MetricDataResults", [])
        }
        return Seen(found.get("requests", 0.0), found.get("errors", 0.0))


def _query(id_: str, metric: str, names: Mapping[str, str]) -> dict[str, Any]:
    dimensions = {"LoadBalancer": names["load_balancer"], "TargetGroup": names["target_group"]}
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/ApplicationELB",
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": PERIOD_SECONDS,
            "Stat": "Sum",
        },
    }
