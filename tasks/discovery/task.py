"""The door of the discovery room."""

from __future__ import annotations

from tasks.core.settings import DiscoverySettings
from tasks.discovery.listing import list_entries
from tasks.staging import Batch, BatchResult
from tasks.step import step


@step("discover", run_name="discover {batch.name}")
def discover(batch: Batch, settings: DiscoverySettings) -> BatchResult:
    """List the video files below the top folders of ``batch``.

    Raises:
        BatchIncomplete: a folder could not be listed, for a reason that may pass.
    """
    return list_entries(batch, settings)
