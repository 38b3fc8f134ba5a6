"""Print what a run left undone, item by item: what failed and may pass, what failed, and what was set aside."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from flows.show import record_of, terminal_width
from tasks.core.errors import Refused
from tasks.core.layout import DataFolder
from tasks.core.units import printable
from tasks.report.items import Item, failed_items, set_aside_items
from tasks.report.sections import Grid, Section
from tasks.report.text import sections_as_text

_AT_WORK = "running"
_HEADINGS = {
    "passing": "Failed in a way that may pass",
    "failed": "Failed in a way that does not pass by itself",
    "quarantine": "Set aside",
}
_ALL = 'Items set aside by earlier runs stay so until they change: reelhouse sql "FROM quarantine"'


def show_failures(data: DataFolder, run_id: str | None, *, as_json: bool) -> None:
    """Print the items that a run (the newest that has ended by default) did not get done.

    As JSON one line an item, with ``group``: ``passing`` (tried again by a retry), ``failed`` or ``quarantine``.

    Raises:
        Refused: there is no such run.
    """
    record = record_of(data, run_id) if run_id else _newest_ended(data)
    if record is None:
        raise Refused(f"there is no run {run_id} in {data.path}" if run_id else f"no run has ended in {data.path}")
    failed = failed_items(record)
    groups = {
        "passing": [item for item in failed if item.is_transient],
        "failed": [item for item in failed if not item.is_transient],
        "quarantine": set_aside_items(record),
    }
    if as_json:
        for group, items in groups.items():
            for item in items:
                line = _document(record, group, item)
                sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
        return
    parts = [part for group, items in groups.items() for part in _sections(_HEADINGS[group], items)]
    sentence = _sentence(record, groups)
    tone = "bad" if failed else "note" if parts else "good"
    parts.append(Section("Of other runs", lines=(_ALL,)))
    print(sections_as_text(sentence, tone, parts, width=terminal_width(), colour=sys.stdout.isatty()), end="")


def _newest_ended(data: DataFolder) -> dict[str, Any] | None:
    """The newest record whose run is no longer at work."""
    written = {path: path.stat().st_mtime_ns for path in data.runs.glob("*.json")}
    for path in sorted(written, key=lambda path: written[path], reverse=True):
        record = record_of(data, path.stem)
        if record is not None and record.get("state") != _AT_WORK:
            return record
    return None


def _document(record: Mapping[str, Any], group: str, item: Item) -> dict[str, Any]:
    return {
        "run_id": record["run_id"],
        "group": group,
        "item": printable(item.item),
        "item_id": item.item_id,
        "stage": item.stage,
        "cause": item.cause,
        "attempts": item.attempts,
        "reason": item.reason,
        "is_transient": item.is_transient,
        "meaning": item.advice.meaning,
        "next_step": item.advice.step,
        "tried_again": item.advice.again,
    }


def _sentence(record: Mapping[str, Any], groups: Mapping[str, Sequence[Item]]) -> str:
    name = printable(record.get("name") or record["run_id"])
    if not any(groups.values()):
        return f"Run {name}: nothing failed, and nothing was set aside"
    passing, failed, aside = (len(groups[group]) for group in ("passing", "failed", "quarantine"))
    hope = f" ({passing:,} in a way that may pass)" if passing else ""
    return f"Run {name}: {passing + failed:,} failed{hope}, {aside:,} set aside"


def _sections(heading: str, items: Sequence[Item]) -> list[Section]:
    """One section a kind of failure, the largest first."""
    kinds: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        kinds.setdefault((item.stage, item.cause or ""), []).append(item)
    return [
        _section(heading, stage, cause, of_kind)
        for (stage, cause), of_kind in sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0]))
    ]


def _section(heading: str, stage: str, cause: str, items: Sequence[Item]) -> Section:
    advice = items[0].advice
    place = printable(f"{stage}, {cause}" if cause else stage)
    rows = tuple(
        (printable(item.item), "" if item.attempts is None else f"{item.attempts:,}", printable(item.reason))
        for item in items
    )
    return Section(
        f"{heading}, {place}: {len(items):,} {'item' if len(items) == 1 else 'items'}",
        grid=Grid(("item", "attempts", "reason"), rows, frozenset({"attempts"})),
        lines=(advice.meaning, f"What to do: {advice.step}", f"Tried again: {advice.again}"),
        tone="note" if heading == _HEADINGS["quarantine"] else "bad",
    )
