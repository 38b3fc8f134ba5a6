"""Put the report of a run where the Prefect UI shows it: as an artifact of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.artifacts import create_markdown_artifact

from tasks.core.layout import DataFolder
from tasks.report.facts import facts
from tasks.report.markdown import as_markdown

REPORT_KEY = "refresh-report"
"""Key under which the UI keeps the reports of all runs, newest first."""


def publish_report(data: DataFolder, record: Mapping[str, Any]) -> None:
    """Attach the report of the run that is at work to it."""
    found = facts(record, warehouse=data.warehouse)
    create_markdown_artifact(as_markdown(found), key=REPORT_KEY, description=found.name)
