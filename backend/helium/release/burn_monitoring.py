"""`BurnSource` on Cloud Monitoring: Cloud Run's own count of the candidate's requests."""

from collections.abc import Mapping
from typing import Any

from helium.kit.clock import Clock
from helium.kit.times import moment
from helium.release.google import GoogleApi, Refused
from helium.release.ports import CloudAway, Seen, Unanswered

METRIC = "run.googleapis.com/request_count"


class MonitoringBurn:
    """A revision without series has had no request: Cloud Run makes them with the first one."""

    def __init__(
        self,
        api: GoogleApi,
        clock: Clock,
        *,
        project: str,
        endpoint: str,
    ) -> None:
        self._api = api
        self._clock = clock
        self._url = f"{endpoint}/v3/projects/{project}/timeSeries"

    async def read(self, names: Mapping[str, str], window_seconds: float) -> Seen:
        try:
            answer = await self._api.get(self._url, self._query(names, window_seconds))
        except (Refused, CloudAway) as error:
            raise Unanswered(f"Cloud Monitoring: {error}") from None
        counts = {"all": 0.0, "5xx": 0.0}
        for series in answer.get("timeSeries", []):
            kind = series.get("metric", {}).get("labels", {}).get("response_code_class", "")
            number = sum(_value(point) for point in series.get("points", []))
            counts["all"] += number
            counts["5xx"] += number if kind == "5xx" else 0.0
        return Seen(counts["all"], counts["5xx"])

    def _query(self, names: Mapping[str, str], window_seconds: float) -> dict[str, str]:
        end = self._clock.time()
        return {
            "filter": (
                f'metric.type="{METRIC}" AND resource.type="cloud_run_revision"'
                f' AND resource.labels.service_name="{names["service"]}"'
                f' AND resource.labels.revision_name="{names["revision"]}"'
            ),
            "interval.startTime": moment(end - window_seconds).isoformat(),
            "interval.endTime": moment(end).isoformat(),
            "aggregation.alignmentPeriod": "60s",
            "aggregation.perSeriesAligner": "ALIGN_DELTA",
            "aggregation.crossSeriesReducer": "REDUCE_SUM",
            "aggregation.groupByFields": "metric.labels.response_code_class",
        }


def _value(point: Mapping[str, Any]) -> float:
    value = point.get("value", {})
    return float(value.get("int64Value", value.get("doubleValue", 0)))
