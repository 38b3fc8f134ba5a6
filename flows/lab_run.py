"""Run the benchmark of the lab from the command line: a server for it, its tables at its end; or show all again."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flows.interrupt import interrupted_by_signals
from flows.lab_ready import must_be_ready
from flows.parameters import PROJECT
from tasks.core.clock import utc_now
from tasks.core.errors import RefreshError, Refused
from tasks.core.units import printable
from tasks.lab.newest import newest_with
from tasks.lab.presets import PRESETS, chosen_profiles, preset
from tasks.lab.profiles import ALL_BUT, BASELINE, ONLY, OPTIMIZED, SWITCHES, ablation
from tasks.lab.replay import way_of
from tasks.lab.store import Benchmark, lab_folder, read_benchmark, read_benchmarks

LAB_DATA = PROJECT / "data" / "bench"
SAMPLE = PROJECT / "data" / "sample"


def profiles_of(named: Sequence[str], *, is_ablation: bool) -> tuple[str, ...]:
    """The profiles to run: those named, with an ablation baseline, optimized and all but each switch; else none."""
    chosen = list(named)
    if is_ablation:
        chosen = [*(chosen or [BASELINE]), *ablation()]
    return tuple(dict.fromkeys(chosen))


def what_there_is() -> str:
    """The presets, and the switches of which profiles are made, for people, in lines that fit where they are read."""
    from flows.lab_terminal import hanging, list_width

    width = list_width()

    def listed(name: str, words: str) -> str:
        return hanging(f"  {name:18}", words, width=width)

    long = [one.name for one in PRESETS if one.is_long]
    profiles = (
        f"{OPTIMIZED} (what we ship), {BASELINE} (the old way of everything, for d0 to d4 of their document),",
        f"{ALL_BUT}SWITCH, {ONLY}SWITCH (in the new position)",
        f"on {', '.join(long[:-1])} and {long[-1]} only {OPTIMIZED}, if none is named: others take hours or days",
    )
    lines = [
        "presets",
        *(listed(one.name, one.words) for one in PRESETS),
        "",
        "switches, in their old position, and the documents that tell of it",
        *(listed(one.name, f"{one.words} ({', '.join(one.documents)})") for one in SWITCHES),
        "",
        *(
            hanging(f"{word:10}", words, width=width)
            for word, words in zip(("profiles:", "", ""), profiles, strict=True)
        ),
    ]
    for one in PRESETS:
        if one.replayed is not None:
            lines += ["", f"profiles of {one.name}"]
            lines += [listed(name, way_of(one.settings_of(name)).words) for name in one.profiles]
    return "\n".join(lines)


def run_lab(presets: Sequence[str], data: Path, *, rounds: int, profiles: Sequence[str]) -> int:
    """Run the benchmark of each preset and print its tables; returns an exit status.

    Args:
        profiles: none: those of each preset.

    Raises:
        Refused: a preset or profile is not known, or a profile needs a program that is not installed.
        Interrupted: Ctrl-C or SIGTERM came; what was measured so far stays, without an end in its manifest.
        RefreshError: a refresh failed, or two profiles gave other rows.
        StorageNotWritable: ``data`` cannot be made.
    """
    for settings in chosen_profiles(presets, profiles).values():
        must_be_ready(data, settings)
    from flows.run import hand_over, quieten_prefect, without_heartbeat
    from flows.server import serving

    quieten_prefect(debug=False)
    meanwhile = partial(importlib.import_module, "flows.lab")
    becomes = f"what was measured is in {os.path.relpath(lab_folder(data))}; a benchmark cannot go on, it begins anew"
    with interrupted_by_signals(becomes=becomes), serving(data / "prefect", meanwhile=meanwhile):
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
    _print([read_benchmark(Path(folder)) for folder in result])
    return 0


def show_results(data: Path, presets: Sequence[str] = ()) -> int:
    """Print what the benchmarks of ``data`` say together, or of each of ``presets`` all tables of a benchmark.

    That is the newest that has baseline and optimized, or else the newest.

    Returns an exit status.

    Raises:
        Refused: there is none that has ended.
    """
    from flows.lab_results import as_markdown
    from flows.lab_terminal import show_markdown

    kept, refused = read_benchmarks(data)
    for reason in refused:
        print(f"reelhouse: left out: {printable(reason)}", file=sys.stderr)
    if presets:
        _print([_newest_of(kept, name, data) for name in presets])
        return 0
    if not kept:
        raise Refused(
            f"no benchmark in {printable(str(data))} has ended; reelhouse benchmark makes one. Those that come with "
            f"reelhouse: --data {os.path.relpath(SAMPLE)}"
        )
    show_markdown(as_markdown(kept))
    return 0


def _newest_of(kept: Sequence[Benchmark], name: str, data: Path) -> Benchmark:
    found = newest_with(kept, name, BASELINE, OPTIMIZED) or newest_with(kept, name)
    if found is None:
        of_it = f"{preset(name).name} in {printable(str(data))}"
        raise Refused(f"no benchmark of {of_it} has ended; reelhouse benchmark {name} makes one")
    return found


def _print(benchmarks: Sequence[Benchmark]) -> None:
    from flows.lab_table import as_markdown
    from flows.lab_terminal import show_markdown

    for one in benchmarks:
        show_markdown(f"\n{as_markdown(one)}\n{os.path.relpath(one.folder)} holds all of it.\n")
