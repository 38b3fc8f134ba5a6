"""Run a refresh from the command line: a server for it, progress while it works, the report at its end."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from flows.interrupt import Interrupted, interrupted_by_signals
from flows.server import is_free, serving
from flows.show import record_of, show_record
from flows.status import EXIT_FAILED_ITEMS, EXIT_STOPPED
from flows.terminal import pick_mode, showing
from tasks.core.errors import RefreshError, Refused
from tasks.core.layout import DataFolder
from tasks.core.paths import as_parameter, from_parameter
from tasks.core.settings import Settings
from tasks.core.units import printable

HAND_OVER_TIMEOUT_S = 30.0
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
    from tasks.warehouse.lock import holding
    from tasks.warehouse.roots import known_roots

    data = DataFolder(settings.data_dir.absolute())
    confirmed = {as_parameter(root): count for root, count in confirm_removal.items()}
    check_roots(
        roots,
        settings.discovery,
        known_roots=known_roots(data.warehouse),
        confirmed=[from_parameter(root) for root in confirmed],
    )
    with holding(data.warehouse):  # a server takes seconds to start: refuse before
        pass
    say_nothing = quiet or as_json
    if not say_nothing:
        print(f"Starting the Prefect server (its records: {printable(str(data.prefect))}) ...", file=sys.stderr)
    quieten_prefect(debug=debug)
    with serving(data.prefect, meanwhile=_import_flow):
        from flows.refresh import refresh

        try:
            with showing(pick_mode(json=as_json, quiet=quiet, isatty=sys.stderr.isatty())):
                state: Any = refresh(
                    [as_parameter(root) for root in roots], settings, confirmed or None, return_state=True
                )
        except (KeyboardInterrupt, Interrupted):
            _drain(LAST_WORDS_TIMEOUT_S)
            raise
        hand_over(str(state.state_details.flow_run_id))
    record = record_of(data, str(state.state_details.flow_run_id))
    if record is None or not record.get("is_loaded"):
        _raise_cause(state.result(raise_on_failure=False))
        return EXIT_STOPPED
    show_record(data, record, as_json=as_json)
    is_done = state.is_completed() and record["state"] == "completed" and not record["counters"].get("key_refused")
    return 0 if is_done else EXIT_FAILED_ITEMS


def run_ui(data: DataFolder, port: int) -> None:
    """Serve the Prefect UI with the records in ``data`` until interrupted."""
    if not data.prefect.is_dir():
        raise Refused(f"there are no runs in {data.path}; make one first: reelhouse refresh /path/to/videos")
    if not is_free(port):
        raise Refused(f"port {port} is in use; choose another: reelhouse ui --port {port + 1}")
    with serving(data.prefect, port=port) as server:
        print(f"The Prefect UI is at {server.ui_url} (Ctrl-C ends it)")
        while True:
            time.sleep(3600)


def quieten_prefect(*, debug: bool) -> None:
    """Keep Prefect's log off the terminal, where the report tells the same; the UI still has it.

    To be called before Prefect is imported. Its words about usage data are kept off by not sending any.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "DEBUG" if debug else "CRITICAL")
    if debug:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "DEBUG")


def _import_flow() -> None:
    """Import the flow and with it Prefect, which reads its environment then: that must name the server by now."""
    importlib.import_module("flows.refresh")


def hand_over(flow_run_id: str) -> None:
    """Wait until the server has recorded the run: what Prefect still holds when the server stops would be lost.

    Logs and states travel in the background; the server records about 50 task runs a second.
    """
    import httpx

    _drain(HAND_OVER_TIMEOUT_S)
    question = {
        "flow_runs": {"id": {"any_": [flow_run_id]}},
        "task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}},
    }
    deadline = time.monotonic() + HAND_OVER_TIMEOUT_S
    with httpx.Client(base_url=os.environ["PREFECT_API_URL"], timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline:
            answer = client.post("/task_runs/count", json=question)
            if answer.is_success and answer.json() == 0:
                return
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
