"""Print what past runs teach about how much to do at once: what would be chosen, what is set, and the evidence."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import orjson
import polars as pl

from flows.adapting import lessons
from flows.show import terminal_width
from flows.show_plan import prediction_words
from tasks.core.errors import Refused
from tasks.core.layout import DataFolder
from tasks.core.settings import Room, Settings
from tasks.core.units import human_duration, printable
from tasks.plan.adapt import STAGES, Adapted, Facts, adapt
from tasks.plan.machine import machine_of
from tasks.report.sections import Grid, Section
from tasks.report.text import sections_as_text
from tasks.timings.costs import Prediction, learnt, predictions
from tasks.timings.store import read_timings
from tasks.timings.summary import durations
from tasks.warehouse.connect import opened_read_only
from tasks.warehouse.runs import read_run_record

_LIMITS = {
    "probe.file": "probe.workers",
    "http.request": "scrape.connections",
    "artwork.download": "artwork.connections",
}
"""Scope whose concurrency tells whether a limit was used, and the setting that is the limit."""


@dataclass(frozen=True)
class Proposal:
    """A setting that somebody has set, and what would be chosen instead."""

    name: str
    """Path of the setting: ``scrape.connections``."""
    value: Any
    chosen: Any


@dataclass(frozen=True)
class Use:
    """How much of a limit a run used."""

    scope: str
    setting: str
    limit: int | None
    """What the setting was in that run; ``None`` where its record does not say."""
    concurrency: float
    """How many were at work on average while any was."""
    count: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True)
class Tuning:
    """What past runs teach about the next one."""

    run_count: int
    reasons: tuple[str, ...]
    """What the next refresh of everything would choose, a sentence each, with why."""
    proposals: tuple[Proposal, ...]
    used_by: str
    """Name of the run of ``uses``: the one that worked on most items."""
    uses: tuple[Use, ...]
    predictions: tuple[tuple[str, Prediction], ...]
    """Name of a run, and how well its time would have been told."""


def show_tune(settings: Settings, *, as_json: bool) -> None:
    """Print what past runs teach: tables for people, or one JSON line.

    Raises:
        Refused: there is no run to learn from.
    """
    found = tuning(settings)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps({"event": "tune", **asdict(found)}, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
        return
    count = found.run_count
    sentence = (
        f"What the last {count} runs teach." if count > 1 else "What the last run teaches; more would teach more."
    )
    text = sections_as_text(
        sentence, "plain", list(_sections(found)), width=terminal_width(), colour=sys.stdout.isatty()
    )
    print(text, end="")


def tuning(settings: Settings) -> Tuning:
    """What past runs teach about ``settings``; nothing is changed.

    Raises:
        Refused: there is no run to learn from, or ``flow.memory_limit_bytes`` cannot be kept.
    """
    data = DataFolder(settings.data_dir.absolute())
    past = list(lessons(data))
    if not past or not data.warehouse.exists():
        raise Refused(f"there is no run in {data.path} to learn from; make one: reelhouse refresh /path/to/videos")
    costs = learnt(past)
    largest = max(past, key=lambda one: sum(one.items.values()))
    record = _record(data, largest.run_id)
    facts = Facts(
        machine_of(_roots(data)),
        items={"discover": past[0].items.get("discover", 0)},
        item_s=costs.item_s,
        call_s=costs.call_s.get(httpx.URL(settings.scrape.base_url).host),
    )
    held, chosen = adapt(settings, facts), adapt(_unset(settings), facts)
    return Tuning(
        run_count=len(past),
        reasons=held.reasons,
        proposals=tuple(_proposals(settings, held, chosen)),
        used_by=record["name"],
        uses=tuple(_uses(data, record)),
        predictions=tuple((_record(data, one.run_id)["name"], one) for one in predictions(past[::-1])),
    )


def _record(data: DataFolder, run_id: str) -> Mapping[str, Any]:
    record = read_run_record(data.path, run_id)
    assert record is not None, "it has just been read"
    return record


def _roots(data: DataFolder) -> list[tuple[str, int | None]]:
    """Profile and device of the folders of the newest run; the device where a file of them is known."""
    with opened_read_only(data.warehouse) as connection:
        return connection.execute(
            "SELECT DISTINCT coalesce(r.profile, 'local'), any_value(f.device) FROM run_roots AS r "
            "LEFT JOIN present_files AS f ON f.root = r.root WHERE r.run_id = "
            "(SELECT run_id FROM runs ORDER BY started_at DESC LIMIT 1) GROUP BY r.profile, r.root"
        ).fetchall()


def _unset(settings: Settings) -> Settings:
    """The settings as if nobody had set what a refresh can choose."""
    rooms = {name: room for name, room in settings if isinstance(room, Room) and room.adaptive}
    return settings.model_copy(
        update={
            name: type(room).model_validate(
                room.model_dump(exclude_unset=True, exclude={*room.adaptive, "batch_sizes"})
            )
            for name, room in rooms.items()
        }
    )


def _proposals(settings: Settings, held: Adapted, chosen: Adapted) -> Iterator[Proposal]:
    for room_name, room in settings:
        if not isinstance(room, Room):
            continue
        for name in sorted(room.adaptive - {"batch_size"}):
            now, other = (getattr(getattr(of.settings, room_name), name) for of in (held, chosen))
            if room.is_set(name) and now != other:
                yield Proposal(f"{room_name}.{name}", now, other)
    flow = settings.flow
    for stage in STAGES:
        is_named = getattr(flow.batch_sizes, stage) is not None
        now, other = (of.settings.flow.batch_size_of(stage) for of in (held, chosen))
        if (is_named or flow.is_set("batch_size")) and now != other:
            yield Proposal(f"flow.batch_sizes.{stage}" if is_named else f"flow.batch_size ({stage})", now, other)


def _uses(data: DataFolder, record: Mapping[str, Any]) -> Iterator[Use]:
    timings = read_timings(data.timings, record["run_id"])
    limits = _limits(record)
    for row in durations(timings.filter(pl.col("name").is_in(list(_LIMITS)))).iter_rows(named=True):
        setting = _LIMITS[row["name"]]
        yield Use(
            scope=row["name"],
            setting=setting,
            limit=limits.get(setting),
            concurrency=row["concurrency"] or 0.0,
            count=row["count"],
            p50_s=row["p50_s"],
            p95_s=row["p95_s"],
        )


def _limits(record: Mapping[str, Any]) -> dict[str, int]:
    """The limits that held in a run, by the path of the setting."""
    settings = orjson.loads(record.get("settings") or "{}")
    found = {}
    for path in _LIMITS.values():
        room, _, name = path.partition(".")
        value = settings.get(room, {}).get(name)
        if isinstance(value, int):
            found[path] = value
    return found


def _sections(found: Tuning) -> Iterator[Section]:
    yield Section("What the next refresh would choose", lines=found.reasons)
    if found.proposals:
        head = ("setting", "is set to", "would be chosen")
        yield Section(
            "Set by you, and not what would be chosen",
            grid=Grid(
                head,
                tuple((one.name, f"{one.value:,}", f"{one.chosen:,}") for one in found.proposals),
                frozenset(head[1:]),
            ),
            lines=("To let it be chosen, remove it from where it is set: reelhouse config says where.",),
            tone="note",
        )
    else:
        yield Section("Set by you, and not what would be chosen", lines=("Nothing.",))
    if found.uses:
        yield Section(
            f"How much was at work at once ({printable(found.used_by)})",
            grid=Grid(
                _USE_HEAD,
                tuple(_use_row(use) for use in found.uses),
                frozenset(_USE_HEAD[2:]),
                spare=("half within", "count"),
            ),
            lines=(_USED,),
        )
    yield Section("How good the times told were", lines=tuple(_prediction_lines(found.predictions)))


_USED = (
    "A limit that is never reached costs nothing. What waits for its turn is counted, too: where more are at once than "
    "are allowed, the limit held some back, and may be too low."
)
_USE_HEAD = ("scope", "limit", "allowed", "at once", "count", "half within", "95 % within")


def _use_row(use: Use) -> tuple[str, ...]:
    return (
        use.scope,
        use.setting,
        "?" if use.limit is None else f"{use.limit:,}",
        f"{use.concurrency:.1f}",
        f"{use.count:,}",
        human_duration(use.p50_s),
        human_duration(use.p95_s),
    )


def _prediction_lines(told: Sequence[tuple[str, Prediction]]) -> Iterator[str]:
    if not told:
        yield "Three runs must have told of a library before the prediction of the next one can be judged."
        return
    yield prediction_words([one for _, one in told])
    for name, one in told:
        took = human_duration(one.took_s)
        yield f"{printable(name)}: {human_duration(one.told_s)} told, {took} taken ({one.error_ratio:+.0%})"
