"""A run in a few plain lines, for a telephone or a chat: facts in, words out. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from tasks.core.units import printable
from tasks.report.facts import RunFacts
from tasks.report.sections import headline

FAILURES_TOLD = 3
ROOTS_TOLD = 3
_NOTES_TOLD = 3
_LONGEST = 120
"""Characters of a path or a reason."""
_LONGEST_BODY = 1_000
"""Characters of the whole; Pushover, the strictest of the usual services, takes 1,024."""
_CHANGES = ("new", "changed", "moved", "vanished")
_ENDS = {"completed": "completed", "incomplete": "is incomplete", "cancelled": "was cancelled", "crashed": "crashed"}


@dataclass(frozen=True)
class Notice:
    """What is told of a run."""

    title: str
    body: str
    kind: Literal["success", "warning", "failure"]
    commands: tuple[str, ...]
    """Command lines to go on with; none where there is nothing to do."""


@dataclass(frozen=True)
class Failure:
    """An item that failed."""

    stage: str
    item: str
    cause: str
    reason: str
    is_transient: bool


def is_good(facts: RunFacts) -> bool:
    """Whether the run completed and nobody has to look at it."""
    return facts.state == "completed" and not _is_key_refused(facts)


def failed_count(facts: RunFacts) -> int:
    """Items that failed, over all stages."""
    return sum(stage.failed_count for stage in facts.stages)


def failures(facts: RunFacts) -> Iterator[Failure]:
    """The items that failed as far as the facts list them, those of the most frequent cause first."""
    for group in facts.failures:
        for item, reason in group.items:
            yield Failure(group.where, item, group.cause, reason, group.is_transient)


def notice(facts: RunFacts) -> Notice:
    """Title, lines and next step for the run."""
    commands = _commands(facts)
    lines: list[str] = []
    if not is_good(facts):
        counts = [f"{count:,} {change}" for change in _CHANGES if (count := facts.file_count_of(change))]
        if facts.file_count:
            lines.append(f"Files: {facts.file_count:,} found" + "".join(f", {count}" for count in counts))
        lines += [f"Root {printable(r.root)}: {_start(r.reason or r.state)}" for r in facts.odd_roots[:ROOTS_TOLD]]
        lines += _failure_lines(facts)
        lines += [_start(note) for note in facts.notes[:_NOTES_TOLD]]
    next_step = [f"Next: {', then '.join(commands)}"] if commands else []
    kind: Literal["warning", "failure"] = (
        "failure" if facts.state not in _ENDS or facts.state == "crashed" else "warning"
    )
    return Notice(
        title=f"reelhouse: {_subject(facts)}",
        body=_fitted([_start(headline(facts)[0], 2 * _LONGEST)], lines, next_step),
        kind="success" if is_good(facts) else kind,
        commands=commands,
    )


def _subject(facts: RunFacts) -> str:
    failed = failed_count(facts)
    if failed and facts.state in ("completed", "incomplete"):
        return f"{failed:,} of {sum(stage.total_count for stage in facts.stages):,} items failed"
    names = _start(" ".join(PurePath(root).name or root for root in facts.roots[:ROOTS_TOLD]))
    if len(facts.roots) > ROOTS_TOLD:
        names += f" and {len(facts.roots) - ROOTS_TOLD} more"
    ended = _ENDS.get(facts.state, f"ended as {printable(facts.state)}")
    but = ", but TMDB refused the token" if facts.state == "completed" and _is_key_refused(facts) else ""
    return f"refresh of {names} {ended}{but}" if names else f"refresh {ended}{but}"


def _is_key_refused(facts: RunFacts) -> bool:
    return bool(facts.counters.get("key_refused"))


def _failure_lines(facts: RunFacts) -> list[str]:
    told = [
        f"{printable(failure.stage)} {_end(failure.item)}: {_start(failure.reason)} ({printable(failure.cause)})"
        for _, failure in zip(range(FAILURES_TOLD), failures(facts), strict=False)
    ]
    more = sum(group.item_count for group in facts.failures) - len(told)
    return [*told, *([f"and {more:,} more failed"] if more else [])]


def _commands(facts: RunFacts) -> tuple[str, ...]:
    if is_good(facts):
        return ()
    roots = list(dict.fromkeys(root.root for root in facts.odd_roots if root.state == "held back"))
    confirm = [f"reelhouse confirm-removal {shlex.quote(printable(root))}" for root in roots[:ROOTS_TOLD]]
    is_root_the_matter = facts.state == "incomplete" and facts.odd_roots and not facts.failures
    if is_root_the_matter or facts.state == "completed":
        return tuple(confirm)
    seen = ["reelhouse failures"] if facts.failures else []
    return (*confirm, *seen, f"reelhouse retry {printable(facts.run_id)}")


def _fitted(first: list[str], middle: list[str], last: list[str]) -> str:
    """The lines as one text, without the last of the middle ones where it would be too long."""
    for count in range(len(middle), -1, -1):
        text = "\n".join([*first, *middle[:count], *(["…"] if count < len(middle) else []), *last])
        if len(text) <= _LONGEST_BODY:
            break
    return text


def _start(text: str, longest: int = _LONGEST) -> str:
    text = printable(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _end(text: str) -> str:
    """A path is told by its end."""
    text = printable(text)
    return text if len(text) <= _LONGEST else "…" + text[1 - _LONGEST :]
