"""Run the benchmark of the lab from the command line: a server for it, its tables at its end."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flows.interrupt import interrupted_by_signals
from flows.parameters import PROJECT
from tasks.core.clock import utc_now
from tasks.core.errors import RefreshError, Refused, StorageNotWritable
from tasks.lab.presets import PRESETS, preset
from tasks.lab.profiles import ALL_BUT, BASELINE, ONLY, OPTIMIZED, SWITCHES, ablation, overlay

LAB_DATA = PROJECT / "data" / "bench"


def profiles_of(named: Sequence[str], *, is_ablation: bool) -> tuple[str, ...]:
    """The profiles to run: those named, else baseline and optimized, with an ablation all but each switch, too.

    Raises:
        Refused: a profile is not known, or one alone is named.
    """
    chosen = list(named) or [BASELINE, OPTIMIZED]
    if is_ablation:
        chosen += ablation()
    chosen = list(dict.fromkeys(chosen))
    for profile in chosen:
        overlay(profile)
    if len(chosen) < 2:
        raise Refused(f"{chosen[0]} alone is no comparison; name another profile, as baseline or optimized")
    return tuple(chosen)


def what_there_is() -> str:
    """The presets, and the switches of which profiles are made, for people."""
    lines = ["presets", *(f"  {one.name:18}{one.words}" for one in PRESETS), "", "switches, in their old position"]
    lines += [f"  {one.name:18}{one.words}" for one in SWITCHES]
    lines += ["", f"profiles: {OPTIMIZED} (what we ship), {BASELINE} (the old way of everything),"]
    lines += [f"          {ALL_BUT}SWITCH, {ONLY}SWITCH (in the new position)"]
    return "\n".join(lines)


def run_lab(presets: Sequence[str], data: Path, *, rounds: int, profiles: Sequence[str]) -> int:
    """Run the benchmark of each preset and print its tables; returns an exit status.

    Raises:
        Refused: a preset or profile is not known.
        Interrupted: Ctrl-C or SIGTERM came; what was measured so far stays, without an end in its manifest.
        RefreshError: a refresh failed, or two profiles gave other rows.
        StorageNotWritable: ``data`` cannot be made.
    """
    for name in presets:
        preset(name)
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageNotWritable(f"{data} cannot be made: {exc.strerror}; choose another folder with --data") from exc
    from flows.run import hand_over, quieten_prefect, without_heartbeat
    from flows.server import serving

    quieten_prefect(debug=False)
    meanwhile = partial(importlib.import_module, "flows.lab")
    with interrupted_by_signals(), serving(data / "prefect", meanwhile=meanwhile):
        from flows.lab import benchmark

        since = utc_now()
        with without_heartbeat():
            state: Any = benchmark(list(presets), str(data), rounds=rounds, profiles=tuple(profiles), return_state=True)
        hand_over(str(state.state_details.flow_run_id), since=since, task_run_count=0)
    result = state.result(raise_on_failure=False)
    if not state.is_completed():
        if isinstance(result, BaseException):
            raise result
        raise RefreshError(str(state.message))
    _print(result)
    return 0


def _print(folders: Sequence[str]) -> None:
    from flows.lab_table import as_markdown
    from tasks.lab.store import read_benchmark

    for folder in folders:
        print(f"\n{as_markdown(read_benchmark(Path(folder)))}\n{os.path.relpath(folder)} holds all of it.", flush=True)
