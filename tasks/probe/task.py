"""The door of the probe room."""

from __future__ import annotations

from tasks.core.settings import ProbeSettings
from tasks.probe.batch import probe_batch
from tasks.probe.document import probe_files
from tasks.probe.pool import close_pool
from tasks.staging import Batch, BatchResult
from tasks.step import step

__all__ = ["close_pool", "probe", "probe_files"]


@step("probe", run_name="probe {batch.name}")
def probe(batch: Batch, settings: ProbeSettings) -> BatchResult:
    """Measure the files of ``batch``.

    Raises:
        BatchIncomplete: files failed in a way that may pass.
    """
    return probe_batch(batch, settings)
