"""The one place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current time, in UTC, with the time zone attached."""
    return datetime.now(UTC)
