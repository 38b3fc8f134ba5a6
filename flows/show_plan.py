"""Print what a refresh would do."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from flows.preview import Preview, RootWork
from flows.show import terminal_width
from tasks.core.units import human_duration, human_size, printable
from tasks.report.sections import Grid, Section
from tasks.report.text import sections_as_text
from tasks.timings.costs import Prediction

_STATES = ("new", "changed", "moved", "vanished", "held_back")


def show_plan(found: Preview, *, as_json: bool) -> None:
    """Print the plan: tables for people, or one JSON line."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(_document(found), option=orjson.OPT_APPEND_NEWLINE))
        return
    sentence = "This is what a refresh would do. Nothing was measured, asked or written."
    print(
        sections_as_text(sentence, "plain", list(_sections(found)), width=terminal_width(), colour=sys.stdout.isatty()),
        end="",
    )


def _sections(found: Preview) -> Iterator[Section]:
    rows = tuple((_name(work), *_files(work)) for work in found.roots)
    head = ("folder", "files", "unchanged", *(state.replace("_", " ") for state in _STATES))
    yield Section("Files", grid=Grid(head, rows, frozenset(head[1:])))
    several = len(found.roots) > 1
    rows = tuple((_name(work), *_costs(work)) for work in found.roots) if several else ()
    head = ("folder", "measure", "their size", "requests", "pictures", "to download", "time")
    total = (*(("all",) if several else (_name(found.roots[0]),)), *_costs(found.whole))
    grid = Grid(head, rows, frozenset(head[1:]), total) if several else Grid(head, (total,), frozenset(head[1:]))
    yield Section("Work to expect", grid=grid, lines=tuple(_words(found)))
    for work in found.roots:
        if work.root["state"] != "good":
            held = work.root["held_back_count"]
            yield Section(
                f"{_name(work)}: {work.root['state']}",
                lines=(
                    printable(work.root["reason"]),
                    *((f"{held:,} files would be kept as they are.",) if held else ()),
                ),
                tone="bad",
            )
    if found.notes:
        yield Section("Notes", lines=tuple(printable(note) for note in found.notes), tone="note")


def _name(work: RootWork) -> str:
    return printable(work.root["folder"])


def _files(work: RootWork) -> Iterator[str]:
    root = work.root
    yield f"{root['file_count']:,}"
    yield f"{root['file_count'] - root['new_count'] - root['changed_count'] - root['moved_count']:,}"
    for state in _STATES:
        yield f"{root[f'{state}_count']:,}"


def _costs(work: RootWork) -> Iterator[str]:
    yield f"{work.probe_count:,}"
    yield human_size(work.probe_bytes)
    yield f"{work.call_count:,}"
    yield "?" if work.picture_count is None else f"{work.picture_count:,}"
    yield "?" if work.download_bytes is None else human_size(work.download_bytes)
    yield "?" if work.wall_s is None else human_duration(work.wall_s)


def _words(found: Preview) -> Iterator[str]:
    if found.whole.hash_bytes:
        yield f"{human_size(found.whole.hash_bytes)} would be read for hashes of whole files."
    if not found.run_count:
        yield "There is no past run to tell times and pictures from; requests are one a title and one for its details."
        return
    yield f"Times, requests and pictures by what they were in the last {found.run_count} run(s)."
    if found.predictions:
        yield prediction_words(found.predictions)
    if found.unknown_stages:
        yield f"No past run tells the time of: {', '.join(found.unknown_stages)}; it comes on top."


GOAL = "our goal: less than 25%"


def prediction_words(told: Sequence[Prediction]) -> str:
    """How well the times of past runs would have been told by the runs before them."""
    error_ratio = statistics.median(abs(one.error_ratio) for one in told)
    which, of = (
        ("time of the last run", "an") if len(told) == 1 else (f"times of the last {len(told)} runs", "a median")
    )
    return f"The {which} would have been told with {of} error of {error_ratio:.0%} ({GOAL})."


def _document(found: Preview) -> dict[str, Any]:
    def work(of: RootWork) -> dict[str, Any]:
        facts = asdict(of)
        return {**facts.pop("root"), **facts}

    return {
        "event": "plan",
        "roots": [work(root) for root in found.roots],
        "whole": work(found.whole),
        "counters": found.counters,
        "unknown_stages": list(found.unknown_stages),
        "run_count": found.run_count,
        "predictions": [asdict(one) for one in found.predictions],
        "notes": list(found.notes),
    }
