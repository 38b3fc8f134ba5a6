"""The door of the probe room."""

from __future__ import annotations

from tasks.core.settings import ProbeSettings
from tasks.probe.batch import probe_batch
from tasks.probe.document import probe_files
from tasks.probe.engines import engine_versions
from tasks.probe.pool import close_pool, peak_worker_memory_bytes
from tasks.probe.recognise import hash_batch, recognise_batch
from tasks.staging import Batch, BatchResult
from tasks.step import step

__all__ = [
    "close_pool",
    "engine_versions",
    "hash_content",
    "peak_worker_memory_bytes",
    "probe",
    "probe_files",
    "recognise",
]


@step("probe", run_name="probe {batch.name} (files: {batch.item_count})")
def probe(batch: Batch, settings: ProbeSettings) -> BatchResult:
    """Measure the files of ``batch``.

    Raises:
        BatchIncomplete: files failed in a way that may pass.
    """
    return probe_batch(batch, settings)


@step("fingerprint", run_name="fingerprint {batch.name} (files: {batch.item_count})")
def recognise(batch: Batch, settings: ProbeSettings) -> BatchResult:
    """Read a little of the files of ``batch``, or all of it, to know them again.

    Raises:
        BatchIncomplete: files failed in a way that may pass.
    """
    return recognise_batch(batch, settings)


@step("hash", run_name="hash {batch.name} (files: {batch.item_count})")
def hash_content(batch: Batch, settings: ProbeSettings) -> BatchResult:
    """Hash the files of ``batch``, which lie on one disk, one after the other.

    Raises:
        BatchIncomplete: files failed in a way that may pass.
    """
    return hash_batch(batch, settings)
