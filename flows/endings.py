"""How a run ends when it does not come to its end: what its record says, and what Prefect is told.

A run that is interrupted says so itself. One that is killed cannot: the runner that started it does (a hook), else the
next refresh of the same warehouse, which holds the lock and so knows that nobody is at work.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging import Logger
from typing import Any
from uuid import UUID

import psutil
from prefect import Flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import PrefectException, TerminationSignal
from prefect.logging.loggers import LoggingAdapter, flow_run_logger
from prefect.runtime import deployment
from prefect.states import Completed, Crashed

from flows.keeper import end_with_keeper
from flows.notify import notify
from flows.record import record_of_begun_run
from flows.running import Run
from tasks.core.clock import utc_now
from tasks.core.errors import RefreshError
from tasks.core.layout import DataFolder
from tasks.core.settings import Settings
from tasks.warehouse.runs import end_run_record, read_run_record, run_records, write_run_record

SKIPPED = "Skipped"
"""Name of the state of a run that had nothing to do."""
KILLED = "its process ended without a word: it was killed, or the power failed"
LAST_WORDS_S = 10.0
"""Time in which a process that was told to end reports that; then its threads are given up."""


def skipped(reason: str) -> State[Any]:
    """The state of a run that does nothing, and why."""
    return Completed(name=SKIPPED, message=reason)


@contextmanager
def recorded(run: Run, earlier: Mapping[str, Any] | None) -> Iterator[None]:
    """Let the record of a run say that it is at work, and how it ended where the block does not end well.

    Args:
        earlier: the record of an earlier execution of the run; it stands until there is a new one.
    """
    begun = dict(earlier) | {"state": "running"} if earlier else record_of_begun_run(run)
    write_run_record(run.data.path, begun)
    end_with_keeper(run.run_id)
    try:
        yield
    except BaseException as exc:
        state, reason = _words(exc)
        with suppress(RefreshError, OSError):  # a full disk must not hide what came first
            end_run_record(run.data.path, run.run_id, state=state, reason=reason, at=utc_now())
        if isinstance(exc, TerminationSignal):
            _leave_soon()
        raise


def _words(exc: BaseException) -> tuple[str, str]:
    if not isinstance(exc, Exception):
        return "cancelled", "it was stopped; the next refresh, or a retry, goes on where it was"
    if isinstance(exc, RefreshError):
        return "crashed", str(exc)
    return "crashed", f"it ended with {type(exc).__name__}: {exc}"


def _leave_soon() -> None:
    """End this process when its last words are said: batches that wait for a disk or a host would keep it.

    For processes that a runner has started for one run: it asks with SIGTERM, and kills after half a minute.
    """

    def leave() -> None:
        time.sleep(LAST_WORDS_S)
        os._exit(143)

    threading.Thread(target=leave, name="leave", daemon=True).start()


def note_dead_runs(data: DataFolder, *, besides: str) -> None:
    """Mark the runs that are said to be at work as crashed; to be called by a run that holds the warehouse's lock.

    Args:
        besides: that run.
    """
    dead = [
        str(record["run_id"])
        for record in run_records(data.path)
        if record.get("state") == "running" and record["run_id"] != besides
    ]
    for run_id in dead:
        end_run_record(data.path, run_id, state="crashed", reason=KILLED, at=None)
    with get_client(sync_client=True) as client:
        for run_id in dead:
            with suppress(PrefectException, ValueError):  # the server may be another one than theirs
                mark_crashed(client, [client.read_flow_run(UUID(run_id))])
        if deployment.id is not None:
            # Also a run that was killed before it had a record, or after its record said that it was done. One that
            # is just beginning is Pending, or became Running after this process had begun.
            mark_crashed(
                client, lost_runs(client, data, UUID(deployment.id), [StateType.RUNNING, StateType.CANCELLING])
            )


def lost_runs(
    client: SyncPrefectClient, data: DataFolder, deployment_id: UUID, states: list[StateType]
) -> list[FlowRun]:
    """The runs of ``data`` in one of ``states`` since before this process began; for who holds the warehouse's lock."""
    of_deployment = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
    at_work = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)))
    began_at = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
    return [
        run
        for run in client.read_flow_runs(deployment_filter=of_deployment, flow_run_filter=at_work)
        if run.state is not None
        and run.state.timestamp < began_at
        and (run.parameters.get("settings") or {}).get("data_dir") == str(data.path)
    ]


def mark_crashed(client: SyncPrefectClient, runs: list[FlowRun]) -> None:
    """Let the server show runs on which nobody works as crashed, so that they can be retried."""
    for run in runs:
        if run.state is not None and not run.state.is_final():
            client.set_flow_run_state(run.id, Crashed(message=KILLED), force=True)


def note_cancelled(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Hook of the flow: mark the run as cancelled, and tell who wants to know."""
    settings, data = _meant(flow_run)
    reason = "it was cancelled; a retry, or the next refresh, goes on where it was"
    end_run_record(data.path, str(flow_run.id), state="cancelled", reason=reason, at=utc_now())
    tell(data, settings, str(flow_run.id), flow_run_logger(flow_run))


def note_crashed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Hook of the flow: mark a run whose process has died without a word as crashed, and tell who wants to know."""
    settings, data = _meant(flow_run)
    if end_run_record(data.path, str(flow_run.id), state="crashed", reason=KILLED, at=utc_now()):
        tell(data, settings, str(flow_run.id), flow_run_logger(flow_run))


def tell(data: DataFolder, settings: Settings, run_id: str, log: Logger | LoggingAdapter) -> None:
    """Tell of the end of a run to those whom the settings name; what could not be told goes to the run's log."""
    record = read_run_record(data.path, run_id)
    if record is not None and record["state"] != "running":
        for sentence in notify(record, settings.notify):
            log.warning(sentence)


def _meant(flow_run: FlowRun) -> tuple[Settings, DataFolder]:
    """The settings of a run and its data folder, from its parameters."""
    settings = Settings.model_validate(flow_run.parameters.get("settings") or {})
    return settings, DataFolder(settings.data_dir.absolute())
