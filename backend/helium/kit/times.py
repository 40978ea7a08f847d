"""Times on the wire: UTC, ISO 8601."""

from datetime import UTC, datetime


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
