"""Measure what becomes of every item where one in twenty goes wrong, and what readers of the warehouse feel meanwhile.

Three refreshes of the same library, each a process as a user starts it: without a token; with one, while the service
fails for some titles and pictures; and once more when the service is well. In every twentieth file of the library
something is broken. A second process asks the warehouse again and again while the second refresh works and loads.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.benchmark_runs import say, table
from flows.show import record_of
from tasks.core.layout import DataFolder
from tasks.core.secrets import VARIABLES
from tasks.schema.runs import OUTCOMES
from tasks.standin.bench_library import CLIPS_FOLDER, make_bench_library
from tasks.standin.faults import Fault
from tasks.standin.library import LibraryFacts
from tasks.standin.running import StandInProcess
from tasks.standin.server import StandInOptions
from tasks.warehouse.query import query

ACCOUNTED_BUDGET_RATIO = 0.999
ENDED = ("unchanged", "done", "quarantined")
"""Outcomes after which nothing is left to do; what failed, or waits, is for another refresh."""
READ_BUDGET_S = 0.2
BROKEN_EVERY = 20
"""One file of so many is broken."""
FAULTS = (
    Fault(path="/3/*", status=503, share=0.02, first=2),
    Fault(path="/3/*", status=429, retry_after_s=1, share=0.01, first=1),
    Fault(path="/3/*", action="drop", share=0.01, first=1),
    Fault(path="/3/*", status=500, share=0.01),
    Fault(path="/t/p/*", action="cut", share=0.02, first=1),
    Fault(path="/t/p/*", action="short", share=0.02, first=1),
    Fault(path="/t/p/*", status=404, share=0.01),
)
"""Of requests for the API and for pictures one in twenty each; some pass when asked again, some never."""
SET_ASIDE = """
SELECT count(*) AS item_count,
    count(*) FILTER (
        trim(reason) NOT IN ('', 'the step gave no reason') AND reason IS DISTINCT FROM cause
    ) AS told_count
FROM quarantine WHERE attempts IS NOT NULL
"""
"""Items that stages have set aside and that still are, also by earlier refreshes; of how many a sentence tells why."""
QUESTION = "SELECT quality, count(*), sum(size_bytes), sum(duration_s) FROM library GROUP BY ALL ORDER BY ALL"
_PAUSE_S = 0.02
_IDLE_S = 5.0
"""How long it is asked while nothing else works."""
_UNPACED = {"REELHOUSE_SCRAPE__RATE_HZ": "10000"}
"""The stand-in bears it. All else is as we ship it: a batch waits longer than a host is taken as down."""


def measure_faults(data: Path, *, file_count: int) -> None:
    """Print what became of the items of each refresh, and how long questions to the warehouse took.

    Raises:
        StorageFull: the disk is full.
        SystemExit: a refresh ended without an account of its items.
    """
    library = faulty_library(data / f"videos-{file_count}-faulty", file_count)
    results = DataFolder(data / "results-faults")
    shutil.rmtree(results.path, ignore_errors=True)
    options = StandInOptions(film_count=library.film_count, show_count=library.show_count)
    with StandInProcess(options) as service:
        place = {
            "REELHOUSE_DATA_DIR": str(results.path),
            "REELHOUSE_SCRAPE__BASE_URL": service.api_url,
            **_UNPACED,
        }
        token = {VARIABLES["tmdb"]: options.token}
        say("faults: a refresh without a token")
        runs = [("no token", _refreshed(library.folder, results, place | {VARIABLES["tmdb"]: ""}))]
        with _reading(results) as idle_s:
            time.sleep(_IDLE_S)
        service.set_faults(*FAULTS)
        say("faults: a refresh while the service fails now and then")
        with _reading(results) as busy_s:
            runs.append(("one in twenty fails", _refreshed(library.folder, results, place | token)))
        service.set_faults()
        say("faults: the service is well again")
        runs.append(("the next one, all well", _refreshed(library.folder, results, place | token)))
    print(f"\n### Faults: {file_count:,} files, one in {BROKEN_EVERY} broken, one request in twenty failing\n")
    rows = [_row(word, stage) for word, record in runs for stage in record["run_stages"] if stage["total_count"]]
    print(table(("refresh", "stage", "items", *OUTCOMES, "lost"), rows))
    ((set_aside, told),) = query(results.warehouse, SET_ASIDE).rows()
    print(f"\n{ended_words(runs)}\n")
    print(f"{verdict([record for _, record in runs], set_aside_count=set_aside, told_count=told)}\n")
    print(readers(idle_s, busy_s), flush=True)


def faulty_library(folder: Path, file_count: int) -> LibraryFacts:
    """Make a library in which one file of twenty is empty, cut off or no video, by turns.

    Raises:
        StorageFull: the disk is full.
    """
    library = make_bench_library(folder, file_count)
    videos = sorted(path for path in folder.rglob("*") if path.is_file() and CLIPS_FOLDER not in path.parts)
    for number, path in enumerate(videos[::BROKEN_EVERY]):
        if path.stat().st_nlink == 1:  # broken already, when this library was used before
            continue
        whole = path.read_bytes()
        path.unlink()  # the others of its hard links stay whole
        path.write_bytes((b"", whole[: len(whole) // 3], os.urandom(4096))[number % 3])
    return library


def _refreshed(folder: Path, results: DataFolder, variables: Mapping[str, str]) -> dict[str, Any]:
    """The record of a refresh; one that ended with failed items is what is looked for here."""
    command = [sys.executable, "-m", "flows.cli", "refresh", str(folder), "--json"]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    record = record_of(results, None)
    if done.returncode not in (0, 1) or record is None or not record["run_stages"]:
        sys.stderr.buffer.write(done.stderr)
        raise SystemExit(f"the refresh ended with {done.returncode}")
    return record


@contextmanager
def _reading(results: DataFolder) -> Iterator[list[float]]:
    """Ask the warehouse until the block ends; gives the seconds that answers took. A question that fails raises."""
    found: list[float] = []
    ending = threading.Event()

    def work() -> None:
        while not ending.wait(_PAUSE_S):
            found.append(_answer_s(results))

    with ThreadPoolExecutor(1, "reader") as reader:
        asking = reader.submit(work)
        try:
            yield found
        finally:
            ending.set()
        asking.result()


def _answer_s(results: DataFolder) -> float:
    began = time.perf_counter()
    query(results.warehouse, QUESTION)
    return time.perf_counter() - began


def _row(word: str, stage: Mapping[str, Any]) -> list[str]:
    outcomes = [stage[f"{outcome}_count"] for outcome in OUTCOMES]
    lost = stage["total_count"] - sum(outcomes)
    return [
        word,
        stage["stage"],
        f"{stage['total_count']:,}",
        *(f"{count:,}" if count else "" for count in outcomes),
        str(lost),
    ]


def ended_words(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """For each refresh the share of its items that ended in it: what failed or waits is for the next one."""
    told = [f"{word}, {_percent(*_ended_and_items(record))}" for word, record in runs]
    return f"Of the items of each refresh were done or set aside: {'; '.join(told)}."


def verdict(records: Sequence[Mapping[str, Any]], *, set_aside_count: int = 0, told_count: int = 0) -> str:
    """What became of all items of the runs in ``records``, and whether the budget was kept.

    An item is lost in the run that does not account for it; what has failed for good is told by the last run alone.

    Args:
        set_aside_count: items that are set aside after the last run.
        told_count: of these, items with a reason.
    """
    items = sum(_ended_and_items(record)[1] for record in records)
    lost = items - sum(_accounted(record) for record in records)
    ended, last_items = _ended_and_items(records[-1])
    ended -= set_aside_count - told_count
    is_kept = lost == 0 and ended >= ACCOUNTED_BUDGET_RATIO * last_items
    return (
        f"{lost} of {items:,} items lost. Of the {last_items:,} of the last refresh {ended:,} "
        f"({_percent(ended, last_items)}) are done or set aside with a reason ({told_count:,}); "
        f"{last_items - ended:,} are not. "
        f"Budget, none lost and {ACCOUNTED_BUDGET_RATIO:.1%} of the last refresh done or set aside with a reason: "
        f"{'kept' if is_kept else 'NOT KEPT'}."
    )


def _ended_and_items(record: Mapping[str, Any]) -> tuple[int, int]:
    """How many items of a run need no other one, and how many it had."""
    stages = record["run_stages"]
    ended = sum(stage[f"{outcome}_count"] for stage in stages for outcome in ENDED)
    return ended, sum(stage["total_count"] for stage in stages)


def _accounted(record: Mapping[str, Any]) -> int:
    """Of how many items a run says what became of them."""
    return sum(stage[f"{outcome}_count"] for stage in record["run_stages"] for outcome in OUTCOMES)


def _percent(part: int, whole: int) -> str:
    """Rounded down, so that 100 % is all."""
    return f"{part * 10_000 // whole / 100:.2f} %" if whole else "none there"


def readers(idle_s: Sequence[float], busy_s: Sequence[float]) -> str:
    """A table of how long answers took, and whether the budget was kept."""
    rows = [
        (
            word,
            f"{len(found):,}",
            *(f"{value * 1000:.0f} ms" for value in (statistics.median(found), _p95(found), max(found))),
        )
        for word, found in (("nothing else works", idle_s), ("while a refresh works and loads", busy_s))
    ]
    kept = "kept" if _p95(busy_s) <= READ_BUDGET_S else "NOT KEPT"
    return (
        "A question to the warehouse, opened anew each time:\n\n"
        f"{table(('', 'asked', 'median', '95 of 100 within', 'longest'), rows)}\n\n"
        f"Budget, 95 of 100 within {READ_BUDGET_S * 1000:.0f} ms: {kept}."
    )


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
