"""A refresh that a benchmark measures, as a flow run of a server that is there."""

from __future__ import annotations

from typing import Any

from flows.benchmark_runs import Run, measured
from flows.run import hand_over, without_heartbeat
from tasks.core.clock import utc_now
from tasks.core.errors import RefreshError
from tasks.core.settings import Settings
from tasks.warehouse.runs import read_run_record


def measured_flow_run(root: str, settings: Settings) -> tuple[Run, dict[str, Any]]:
    """Refresh ``root`` from the call of the flow to its return; gives what that took, and the record of the run.

    An empty flow runs before: the first questions to a server take their time, whatever is measured then. The server
    has recorded all task runs at the end.

    Raises:
        RefreshError: it was stopped, by a full disk for example.
        SystemExit: the run is not Completed.
    """
    from flows.benchmark_empty import nothing
    from flows.refresh import refresh

    states: list[Any] = []

    def work() -> int:
        states.append(refresh([root], settings, return_state=True))
        return 1

    since = utc_now()
    with without_heartbeat():
        nothing()
        run = measured(work)
    (state,) = states
    run_id = str(state.state_details.flow_run_id)
    record = read_run_record(settings.data_dir, run_id)
    if not state.is_completed() or record is None or record["state"] != "completed":
        cause = state.result(raise_on_failure=False)
        if isinstance(cause, RefreshError):
            raise cause
        notes = (record or {}).get("notes") or []
        raise SystemExit(f"the refresh ended as {state.name}: {'; '.join([str(state.message), *notes])}")
    hand_over(run_id, since=since, task_run_count=record["task_run_count"])
    return run, record
