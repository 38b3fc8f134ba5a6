"""Runs that a server believes to be at work, though nobody works on them."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.objects import StateType

from flows.endings import lost_runs, mark_crashed, note_dead_runs
from tasks.core.errors import WarehouseBusy
from tasks.core.layout import DataFolder
from tasks.warehouse.lock import holding

AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def note_lost_runs(data: DataFolder, deployment_id: UUID) -> None:
    """Mark as crashed what a process that died together with its server has left at work; before runs are served.

    In Prefect such a run is Running for ever, so that it could not be retried. Nothing is done while a refresh holds
    the warehouse.
    """
    with suppress(WarehouseBusy), holding(data.warehouse):
        note_dead_runs(data, besides="")
        with get_client(sync_client=True) as client:
            mark_crashed(client, lost_runs(client, data, deployment_id, AT_WORK))
