"""The door of the collect room."""

from __future__ import annotations

from pathlib import Path

from tasks.collect import collect as room
from tasks.staging import BatchResult, Collected
from tasks.step import step


@step("collect")
def collect(
    staging: str,
    run_id: str,
    results: tuple[BatchResult | None, ...],  # noqa: ARG001
) -> Collected:
    """Check what the steps of the run have staged and write what may be loaded.

    ``results`` (``None`` for a batch that failed) is not read: the rows are in staging. It is here for Prefect, which
    keeps a step's result under its inputs. After a Retry the batches' results differ, so rows are collected anew;
    without it the first attempt's answer would be taken, and what the retry has done would never be loaded.
    """
    return room.collect(Path(staging), run_id=run_id)
