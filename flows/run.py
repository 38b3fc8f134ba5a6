"""Run a refresh from the command line: a server for it, progress while it works, the report at its end."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from flows.interrupt import Interrupted, interrupted_by_signals
from flows.server import is_free, running_server, serving
from flows.show import record_of, show_record
from flows.status import EXIT_FAILED_ITEMS, EXIT_STOPPED
from flows.terminal import pick_mode, showing
from tasks.core.clock import utc_now
from tasks.core.errors import RefreshError, Refused
from tasks.core.layout import DataFolder
from tasks.core.paths import as_parameter, from_parameter
from tasks.core.settings import Settings
from tasks.core.units import printable
from tasks.warehouse.runs import why_not_again

HAND_OVER_TIMEOUT_S = 10.0
LAST_WORDS_TIMEOUT_S = 3.0


def run_refresh(
    roots: Sequence[str],
    settings: Settings,
    *,
    as_json: bool,
    quiet: bool,
    debug: bool,
    confirm_removal: Mapping[str, int] | None = None,
) -> int:
    """Refresh ``roots`` and print the report; returns the exit status.

    Args:
        roots: folders as a person gave them.
        settings: what holds for this run.
        as_json: progress and report as JSON lines.
        quiet: no progress.
        debug: show Prefect's log.
        confirm_removal: those of ``roots`` of which a person has said that what is not there is gone, with the number
            of files that the person was shown.

    Raises:
        Refused: before anything is started where that can be known, else by the flow.
        RefreshError: the run was stopped, by a full disk for example.
        Interrupted: Ctrl-C or SIGTERM came.
    """
    with interrupted_by_signals():
        return _run_refresh(roots, settings, confirm_removal or {}, as_json=as_json, quiet=quiet, debug=debug)


def run_plan(roots: Sequence[str], settings: Settings, *, as_json: bool, quiet: bool) -> None:
    """Print what a refresh of ``roots`` would do.

    Raises:
        Refused: a root cannot be read, or the warehouse cannot be opened.
        Interrupted: Ctrl-C or SIGTERM came.
    """
    from flows.preview import preview
    from flows.show_plan import show_plan

    with interrupted_by_signals():
        quieten_prefect(debug=False)
        with showing(pick_mode(json=False, quiet=quiet or as_json, isatty=sys.stderr.isatty())):
            found = preview(roots, settings)
        show_plan(found, as_json=as_json)


def _run_refresh(
    roots: Sequence[str],
    settings: Settings,
    confirm_removal: Mapping[str, int],
    *,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> int:
    from tasks.discovery.roots import check_roots
    from tasks.warehouse.roots import known_roots

    data = DataFolder(settings.data_dir.absolute())
    check_roots(
        roots,
        settings.discovery,
        known_roots=known_roots(data.warehouse),
        confirmed=[from_parameter(as_parameter(root)) for root in confirm_removal],
    )
    _refuse_busy(data)
    parameters = {"roots": roots, "settings": settings, "confirm_removal": confirm_removal}
    return _execute(data, lambda: _begun(parameters), as_json=as_json, quiet=quiet, debug=debug)


def run_retry(run_id: str | None, settings: Settings, *, as_json: bool, quiet: bool, debug: bool) -> int:
    """Redo what is not done of a run and print the report; returns the exit status.

    Args:
        run_id: the run; the newest one by default. Its own settings hold.
        settings: where the data folder is.
        as_json: progress and report as JSON lines.
        quiet: no progress.
        debug: show Prefect's log.

    Raises:
        Refused: there is no such run, nothing to redo, or another refresh is at work.
        RefreshError: the run was stopped.
        Interrupted: Ctrl-C or SIGTERM came.
    """
    with interrupted_by_signals():
        data = DataFolder(settings.data_dir.absolute())
        chosen = _to_retry(data, run_id)
        _refuse_busy(data)
        return _execute(data, lambda: _again(chosen), as_json=as_json, quiet=quiet, debug=debug)


def _to_retry(data: DataFolder, run_id: str | None) -> str:
    record = record_of(data, run_id)
    if record is None:
        known = "`reelhouse sql 'FROM runs'` lists them" if run_id else "make one: reelhouse refresh /path/to/videos"
        raise Refused(f"there is no run {run_id or ''} in {data.path}; {known}".replace("  ", " "))
    if reason := why_not_again(data.path, record):
        raise Refused(f"nothing to redo: {reason}")
    return str(record["run_id"])


def _refuse_busy(data: DataFolder) -> None:
    """Refuse while another refresh is at work: a server takes seconds to start."""
    from tasks.warehouse.lock import holding

    with holding(data.warehouse):
        pass


def _execute(data: DataFolder, begin: Callable[[], Any], *, as_json: bool, quiet: bool, debug: bool) -> int:
    """Execute the flow run that ``begin`` gives, in this process, and print its report."""
    if not (quiet or as_json):
        print(f"Starting the Prefect server (its records: {printable(str(data.prefect))}) ...", file=sys.stderr)
    quieten_prefect(debug=debug)
    with serving(data.prefect, meanwhile=_import_flow):
        from prefect.flow_engine import run_flow

        from flows.refresh import refresh

        flow_run = begin()
        run_id, since = str(flow_run.id), utc_now()
        try:
            with without_heartbeat(), showing(pick_mode(json=as_json, quiet=quiet, isatty=sys.stderr.isatty())):
                state: Any = run_flow(refresh, flow_run=flow_run, return_type="state")
        except (KeyboardInterrupt, Interrupted):
            _drain(LAST_WORDS_TIMEOUT_S)
            raise
        record = record_of(data, run_id)
        if state.name == "Skipped" or (record and record["state"] not in ("completed", "incomplete")):
            record = None  # that of an earlier execution, or of one that was stopped
        hand_over(run_id, since=since, task_run_count=record["task_run_count"] if record else 0)
    if state.name == "Skipped":
        raise Refused(str(state.message))
    if record is None or not record.get("is_loaded"):
        _raise_cause(state.result(raise_on_failure=False))
        return EXIT_STOPPED
    show_record(data, record, as_json=as_json)
    is_done = state.is_completed() and record["state"] == "completed" and not record["counters"].get("key_refused")
    return 0 if is_done else EXIT_FAILED_ITEMS


def _begun(parameters: dict[str, Any]) -> Any:
    from prefect import get_client

    from flows.deployment import begin_run, parameters_of

    with get_client(sync_client=True) as client:
        return begin_run(client, parameters_of(**parameters), parameters["settings"])


def _again(run_id: str) -> Any:
    """The flow run ``run_id``, ready to be executed once more by this process."""
    from uuid import UUID

    from prefect import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Pending

    with get_client(sync_client=True) as client:
        try:
            client.set_flow_run_state(UUID(run_id), Pending(message="Retried from the command line"), force=True)
            return client.read_flow_run(UUID(run_id))
        except (ObjectNotFound, ValueError) as exc:
            raise Refused(
                f"the Prefect server at {os.environ['PREFECT_API_URL']} does not know the run {run_id}; name the one "
                "that does in PREFECT_API_URL, or start a new refresh: it does what is not done"
            ) from exc


def run_serve(roots: Sequence[str], settings: Settings) -> None:
    """Serve the Prefect UI, and refresh ``roots`` when it is time, until Ctrl-C or SIGTERM.

    Args:
        roots: folders as a person gave them; those of the setting ``serve.roots`` by default.
        settings: what holds for the runs.

    Raises:
        Refused: no folder is named, the port is taken, or the schedule cannot be used.
    """
    if not (roots or settings.serve.roots):
        raise Refused("name the folders: reelhouse serve /path/to/videos, or serve.roots in reelhouse.toml")
    _serve(roots or settings.serve.roots, settings, settings.serve.port, is_scheduled=True)


def run_ui(settings: Settings, port: int) -> None:
    """Serve the Prefect UI with the records of a data folder until Ctrl-C or SIGTERM; nothing is scheduled.

    Raises:
        Refused: there is no run yet, or the port is taken.
    """
    data = DataFolder(settings.data_dir.absolute())
    if not data.prefect.is_dir():
        raise Refused(f"there are no runs in {data.path}; make one first: reelhouse refresh /path/to/videos")
    _serve((), settings, port, is_scheduled=False)


def _serve(roots: Sequence[str], settings: Settings, port: int, *, is_scheduled: bool) -> None:
    data = DataFolder(settings.data_dir.absolute())
    running = running_server(data.prefect)
    if running is not None:
        raise Refused(f"it is being served already: the Prefect UI is at {running.ui_url}")
    if not os.environ.get("PREFECT_API_URL") and not is_free(port):
        raise Refused(f"port {port} is in use; choose another one with --port")
    quieten_prefect(debug=False)
    with interrupted_by_signals(), serving(data.prefect, port=port, meanwhile=_import_flow) as server:
        from flows.serve import serve_deployment

        serve_deployment(roots, settings, server, is_scheduled=is_scheduled)


def quieten_prefect(*, debug: bool) -> None:
    """Keep Prefect's log off the terminal, where the report tells the same; the UI still has it.

    To be called before Prefect is imported. Its words about usage data are kept off by not sending any.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "DEBUG" if debug else "CRITICAL")
    if debug:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "DEBUG")


@contextmanager
def without_heartbeat() -> Iterator[None]:
    """Let flow runs of this process send no heartbeat: its thread sleeps for whole seconds, which a run's end awaits.

    That a run has died is known without: by the warehouse's lock (``flows.endings``).
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def _import_flow() -> None:
    """Import the flow and with it Prefect, which reads its environment then: that must name the server by now."""
    importlib.import_module("flows.refresh")


def hand_over(flow_run_id: str, *, since: datetime, task_run_count: int) -> None:
    """Wait until the server has recorded the run: what Prefect still holds when the server stops would be lost.

    Logs and states travel in the background; the server records about 50 task runs a second. Given up when for ten
    seconds no further one comes: a task that a dead machine was at work on never ends.

    Args:
        since: when this execution of the run began; earlier ones have task runs of their own.
        task_run_count: how many task runs it had; 0 if nobody knows.
    """
    import httpx
    from prefect.client.schemas.objects import TERMINAL_STATES

    _drain(HAND_OVER_TIMEOUT_S)
    run = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
    at_work = {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}}
    ended = {"state": {"type": {"any_": [state.name for state in TERMINAL_STATES]}}}
    most, deadline = -1, time.monotonic() + HAND_OVER_TIMEOUT_S
    with httpx.Client(base_url=os.environ["PREFECT_API_URL"], timeout=10, trust_env=False) as client:

        def count(which: dict[str, Any]) -> int:
            answer = client.post("/task_runs/count", json=run | {"task_runs": which})
            return int(answer.json()) if answer.is_success else -1

        while time.monotonic() < deadline:
            ended_count = count(ended | {"start_time": {"after_": since.isoformat()}})
            if ended_count >= task_run_count and count(at_work) == 0:
                return
            if ended_count > most:
                most, deadline = ended_count, time.monotonic() + HAND_OVER_TIMEOUT_S
            time.sleep(0.2)


def _drain(timeout_s: float) -> None:
    """Send what Prefect's services hold."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=timeout_s)
    EventsWorker.drain_all(timeout=timeout_s)


def _raise_cause(result: Any) -> None:
    if isinstance(result, RefreshError):
        raise result
    if isinstance(result, BaseException):
        raise result
