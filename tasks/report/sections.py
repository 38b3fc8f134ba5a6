"""The report in words and tables, before any form: facts in, sections out. Pure.

Every cell is text for one line: what came from file names or services is escaped here, once for all forms.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.core.units import human_duration, human_size, printable
from tasks.report.facts import (
    FileEvent,
    ItemGroup,
    Link,
    RootFacts,
    RunFacts,
    SlowItem,
    StageAccount,
    StageTime,
)
from tasks.report.library import LibraryFacts, Share


@dataclass(frozen=True)
class Grid:
    """A table; the columns named in ``numbers`` are aligned to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    total: tuple[str, ...] | None = None
    spare: tuple[str, ...] = ()
    """Columns that a narrow terminal does without, the least important first."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    grid: Grid | None = None
    lines: tuple[str, ...] = ()
    tone: str = "plain"
    """plain, good, bad or note: what colour says, and words say too."""
    query: str | None = None
    """SQL that tells more."""
    command: str | None = None
    """What to type to settle it."""
    links: tuple[tuple[str, str | None], ...] = ()
    """Words and the address they lead to."""


def headline(facts: RunFacts) -> tuple[str, str]:
    """One sentence about the run and its tone."""
    took = "" if facts.wall_s is None else f" in {human_duration(facts.wall_s)}"
    name = printable(facts.name)
    failed = sum(s.failed_count for s in facts.stages)
    if any(s.unaccounted_count for s in facts.stages):
        return f"Run {name} ended{took}, and its account does not add up: please report this", "bad"
    kept = _kept(facts)
    if facts.state == "running":
        return f"Run {name} is at work", "good"
    if facts.state in ("cancelled", "crashed"):
        return f"Run {name} ended as {facts.state}{took}{kept}", "bad"
    if failed:
        hope = " and can be tried again" if any(group.is_transient for group in facts.failures) else ""
        return f"Run {name} finished{took}; {_of(failed, 'item')} failed{hope}{kept}", "bad"
    if kept and facts.state in ("completed", "incomplete"):
        return f"Run {name} finished{took}{kept}", "bad"
    if facts.state != "completed":
        return f"Run {name} ended as {printable(facts.state)}{took}{kept}", "bad"
    if facts.did_nothing:
        return f"Run {name} completed{took}: nothing has changed since the last run", "good"
    changes = ", ".join(f"{count:,} {change}" for change, count in _changes(facts))
    return f"Run {name} completed{took}" + (f"; files: {changes}" if changes else ""), "good"


def _kept(facts: RunFacts) -> str:
    """The end of the headline where a root is not as it was."""
    if not facts.odd_roots:
        return ""
    count = len({root.root for root in facts.odd_roots})
    held_back = sum(root.held_back_count for root in facts.odd_roots)
    is_, keep = ("is", "keeps") if count == 1 else ("are", "keep")
    kept = f" and {keep} {_of(held_back, 'file')} that {_was(held_back)} not found" if held_back else ""
    return f"; {_of(count, 'root')} {is_} not as before{kept}"


def _changes(facts: RunFacts) -> list[tuple[str, int]]:
    names = ("new", "changed", *_EVENTS)
    return [(name, count) for name in names if (count := facts.file_count_of(name))]


def sections(facts: RunFacts) -> list[Section]:
    """What the report says, most important first."""
    found = [_root(root) for root in facts.odd_roots]
    found += _account(facts.stages)
    found += [_items("Failed in", group) for group in facts.failures]
    found += [_items("Set aside by", group) for group in facts.quarantine]
    if any(facts.file_count_of(event) for event in _EVENTS):
        found.append(_events(facts))
    if facts.skips:
        found.append(_skips(facts))
    if facts.library is not None:
        found += _library(facts.library)
    if facts.titles:
        found.append(Section("Titles fetched", links=_links(facts.titles)))
    found.append(_costs(facts))
    if facts.stage_times:
        found.append(_stage_times(facts.stage_times))
    if facts.slowest:
        found.append(_slowest(facts.slowest))
    if facts.scopes:
        found.append(_scopes(facts))
    if facts.notes:
        found.append(Section("Notes", lines=tuple(printable(n) for n in facts.notes), tone="note"))
    if facts.links:
        found.append(Section("See also", links=_links(facts.links)))
    return found


def _links(links: Sequence[Link]) -> tuple[tuple[str, str | None], ...]:
    return tuple((printable(link.text), link.address) for link in links)


_STATES = {
    "held back": "too many files are missing at once, so none was marked",
    "unknown": "it is away or looks like another disk, so no file in it was marked as missing",
    "partly unknown": "a part of it could not be read or is away, so no file of that part was marked as missing",
}
_EVENTS = {
    "moved": "moved",
    "replaced": "replaced by other content or another file",
    "upgraded": "of these upgraded: a larger picture, or a higher bit rate",
    "returned": "back after having been missing",
    "vanished": "marked as missing; what is known of them is kept for a while",
    "purged": "purged after having been missing for long",
}
"""Counter without ``_files`` -> its words, in the order of the report."""
_EVENTS_SHOWN = 10


def _root(root: RootFacts) -> Section:
    """A root that is not as it was: why, what that means for its files, and how to say that they are gone."""
    lines = [_STATES.get(root.state, root.state)]
    if root.reason:
        lines.append(f"reason: {printable(root.reason)}")
    if root.folder != root.root:
        lines.append(f"this run looked at {printable(root.folder)}")
    lines.append(f"{_of(root.file_count, 'file')} found, {root.expected_count:,} known before")
    if root.held_back_count:
        lines.append(
            f"{_of(root.held_back_count, 'file')} {_was(root.held_back_count)} not found and not marked: they stay in "
            "the library with all that is known of them"
        )
    command = None
    if root.state == "held back":
        command = f"reelhouse confirm-removal {shlex.quote(printable(root.root))}"
        lines.append("If a disk is away, bring it back and refresh again. If the files are gone for good, say so:")
    return Section(
        f"Root {printable(root.root)}: {printable(root.state)}", lines=tuple(lines), tone="bad", command=command
    )


def _events(facts: RunFacts) -> Section:
    """What happened to known files: the numbers, and the first of each kind."""
    lines = tuple(f"{count:,} {words}" for event, words in _EVENTS.items() if (count := facts.file_count_of(event)))
    shown = [
        event for kind in _EVENTS for event in [event for event in facts.events if event.event == kind][:_EVENTS_SHOWN]
    ]
    rows = tuple((_kind(event), printable(event.path), _before_and_after(event)) for event in shown)
    is_all = len(shown) == sum(facts.file_count_of(kind) for kind in _EVENTS if kind != "upgraded")
    run_id = facts.run_id.replace("'", "''")
    return Section(
        "What happened to known files",
        grid=Grid(("event", "file", "before and after"), rows) if rows else None,
        lines=lines,
        query=None if is_all else printable(f"FROM file_events WHERE run_id = '{run_id}'"),
    )


def _kind(event: FileEvent) -> str:
    return "upgraded" if event.event == "replaced" and event.is_upgrade else printable(event.event)


def _before_and_after(event: FileEvent) -> str:
    """What is known of the change, on one line."""
    said = [f"was {printable(event.earlier_path)}"] if event.earlier_path else []
    if event.event == "replaced":
        before = _made_of(event.earlier_quality, event.earlier_video_codec, event.earlier_hdr_format,
                          event.earlier_bitrate_bps, event.earlier_size_bytes)  # fmt: skip
        after = _made_of(event.quality, event.video_codec, event.hdr_format, event.bitrate_bps, event.size_bytes)
        said.append(f"{before} -> {after}")
    if event.proof:
        said.append(f"known by {printable(event.proof)}")
    return "; ".join(said)


def _made_of(
    quality: str | None, codec: str | None, hdr: str | None, bitrate_bps: int | None, size_bytes: int | None
) -> str:
    words = [printable(word) for word in (quality, codec, hdr) if word]
    if bitrate_bps is not None:
        words.append(f"{bitrate_bps / 1e6:,.1f} Mbit/s")
    if size_bytes is not None:
        words.append(human_size(size_bytes))
    return " ".join(words) or "unknown"


_ACCOUNT = ("total", "unchanged", "done", "quarantined", "failed", "deferred")


def _account(stages: Sequence[StageAccount]) -> list[Section]:
    if not stages:
        return []
    rows = tuple(
        (printable(stage.stage), *(f"{getattr(stage, f'{name}_count'):,}" for name in _ACCOUNT)) for stage in stages
    )
    total = ("all", *(f"{sum(getattr(stage, f'{name}_count') for stage in stages):,}" for name in _ACCOUNT))
    grid = Grid(("stage", *_ACCOUNT), rows, frozenset(_ACCOUNT), total)
    wrong = tuple(
        f"{printable(s.stage)}: {s.unaccounted_count:+,} of {s.total_count:,} items are not accounted for"
        for s in stages
        if s.unaccounted_count
    )
    return [
        Section(
            "What was done",
            grid=grid,
            lines=wrong
            or ("Every item is accounted for: total = unchanged + done + quarantined + failed + deferred.",),
            tone="bad" if wrong else "plain",
        )
    ]


def _items(title: str, group: ItemGroup) -> Section:
    where = printable(group.where) + (f", {printable(group.cause)}" if group.cause else "")
    hope = " (may succeed when tried again)" if group.is_transient else ""
    more = group.item_count - len(group.items)
    return Section(
        f"{title} {where}: {_of(group.item_count, 'item')}{hope}",
        grid=Grid(("item", "reason"), tuple((printable(i), printable(r)) for i, r in group.items)),
        lines=(f"next: {printable(group.next_step)}", *((f"and {more:,} more; all of them:",) if more else ())),
        tone="bad",
        query=printable(group.query) if more else None,
    )


def _skips(facts: RunFacts) -> Section:
    several = len({skip.root for skip in facts.skips}) > 1
    head = ("reason", "entries", "for example", *(("root",) if several else ()))
    rows = tuple(
        (
            printable(skip.reason),
            f"{skip.skip_count:,}",
            printable(skip.example_path),
            *((printable(skip.root),) if several else ()),
        )
        for skip in facts.skips
    )
    return Section("What was passed over", grid=Grid(head, rows, frozenset({"entries"})))


def _library(library: LibraryFacts) -> list[Section]:
    episodes = f"{_of(library.show_count, 'show')} with {_of(library.episode_count, 'episode')}"
    watch = f"{human_duration(library.duration_s)} to watch"
    lines = [
        f"{_of(library.file_count, 'video file')}, {human_size(library.size_bytes)}, {watch}",
        f"{_of(library.movie_count, 'film')}, {episodes}, {_of(library.extra_count, 'extra')}",
        f"{_of(library.artwork_count, 'picture')}, {human_size(library.artwork_size_bytes)}",
    ]
    open_points = [
        (library.duplicate_count, "film or episode in more than one file", "films or episodes in more than one file"),
        (library.missing_episode_count, "episode missing", "episodes missing"),
        (
            library.unmatched_count,
            "file whose title was not found for certain",
            "files whose titles were not found for certain",
        ),
        (library.unknown_count, "file whose name says nothing", "files whose names say nothing"),
        (library.unreadable_count, "file that cannot be read as video", "files that cannot be read as video"),
        (library.missing_count, "file missing (see missing_files)", "files missing (see missing_files)"),
    ]
    lines += [f"{count:,} {one if count == 1 else many}" for count, one, many in open_points if count]
    lines.append(
        'Look closer: reelhouse sql "FROM library", or duplicates, missing_episodes, unmatched, missing_artwork'
    )
    made_of = [
        ("quality", library.by_quality),
        ("codec", library.by_codec),
        ("HDR", library.by_hdr),
        ("audio language", library.by_language),
    ]
    rows = tuple((label, _spread(shares)) for label, shares in made_of if shares)
    grid = Grid(("by", "files (size)"), rows) if rows else None
    return [Section("The library", lines=tuple(lines)), *([Section("Made of", grid=grid)] if grid else [])]


_SPREAD_LIMIT = 8


def _spread(shares: Sequence[Share]) -> str:
    shown = [f"{printable(s.name)} {s.file_count:,} ({human_size(s.size_bytes)})" for s in shares[:_SPREAD_LIMIT]]
    rest = len(shares) - len(shown)
    return ", ".join(shown) + (f", and {rest:,} more" if rest else "")


_PEAK = "worker_peak_memory_bytes"
_SAID_ABOVE = ("calls", "downloads", "held_back_files", *(f"{event}_files" for event in _EVENTS))


def _costs(facts: RunFacts) -> Section:
    work = [
        f"{_of(facts.probe_count, 'file')} measured",
        f"{_of(facts.call_count, 'request')} sent",
        f"{_of(facts.image_count, 'picture')} downloaded",
        _of(facts.task_run_count, "Prefect task run"),
    ]
    lines = [", ".join(work)]
    ratios = _ratios(facts)
    if ratios:
        lines.append(", ".join(ratios))
    counters = [
        f"{printable(name).removesuffix('_bytes').replace('_', ' ')}: "
        + (human_size(count) if name.endswith("_bytes") else f"{count:,}")
        for name, count in sorted(facts.counters.items())
        if count and name not in (*_SAID_ABOVE, _PEAK)
    ]
    if counters:
        lines.append(", ".join(counters))
    if facts.wall_s and facts.file_count:
        lines.append(f"{facts.file_count / facts.wall_s:,.1f} files a second")
    if facts.peak_memory_bytes:
        lines.append(f"{human_size(facts.peak_memory_bytes)} of memory at most")
    if facts.counters.get(_PEAK):
        lines.append(f"{human_size(facts.counters[_PEAK])} of memory in the largest of the measuring processes")
    return Section("What it cost", lines=tuple(lines))


def _ratios(facts: RunFacts) -> list[str]:
    """Requests for each title that was worked on, and how many answers were kept ones."""
    worked_on = {s.stage: s.done_count + s.quarantined_count + s.failed_count for s in facts.stages}
    title_count = max(worked_on.get("match", 0), worked_on.get("scrape", 0))
    hit_count = facts.counters.get("cache_hits", 0)
    ratios = []
    if title_count and facts.call_count:
        ratios.append(f"{facts.call_count / title_count:,.1f} requests a title ({_of(title_count, 'title')} worked on)")
    if hit_count:
        ratios.append(f"{hit_count / (hit_count + facts.call_count):.0%} of the answers were kept ones")
    return ratios


def _stage_times(times: Sequence[StageTime]) -> Section:
    head = ("step", "batches", "items", "time", "items a second")
    rows = tuple(
        (
            printable(time.stage),
            f"{time.batch_count:,}",
            "" if time.item_count is None else f"{time.item_count:,}",
            human_duration(time.busy_s),
            f"{time.item_count / time.busy_s:,.1f}" if time.item_count and time.busy_s else "",
        )
        for time in times
    )
    return Section(
        "Time of each step",
        grid=Grid(head, rows, frozenset(head[1:]), spare=("batches", "items a second")),
        lines=("Steps work at the same time, so their times add up to more than the run's.",),
    )


def _slowest(items: Sequence[SlowItem]) -> Section:
    rows = tuple((human_duration(item.duration_s), printable(item.scope), printable(item.item)) for item in items)
    return Section("What took longest", grid=Grid(("time", "scope", "item"), rows, frozenset({"time"})))


def _scopes(facts: RunFacts) -> Section:
    head = ("scope", "count", "errors", "p50", "p95", "total", "of wall", "at once")
    rows = tuple(
        (
            printable(scope.name),
            f"{scope.count:,}",
            f"{scope.error_count:,}",
            human_duration(scope.p50_s),
            human_duration(scope.p95_s),
            human_duration(scope.total_s),
            "" if scope.wall_ratio is None else f"{scope.wall_ratio:.0%}",
            "" if scope.concurrency is None else f"{scope.concurrency:.1f}",
        )
        for scope in facts.scopes
    )
    return Section(
        "Where time went", grid=Grid(head, rows, frozenset(head[1:]), spare=("at once", "errors", "p50", "p95"))
    )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
