"""The old ways of doing things, each a named switch, and the profiles made of them. Pure.

A profile is an overlay of settings: ``optimized`` is empty, as it is what we ship; ``baseline`` has every switch in its
old position, or, of one account, those of which it tells. All of them go through the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.core.errors import Refused

BASELINE, OPTIMIZED = "baseline", "optimized"
ALL_BUT, ONLY = "all-but-", "only-"
"""How profiles with one switch apart are called: ``all-but-inserts``, ``only-inserts``."""


@dataclass(frozen=True)
class Switch:
    """One difference between what old programs do and what we ship."""

    name: str
    words: str
    """The old way, in words."""
    documents: tuple[str, ...]
    """Accounts of other programs in which it stands (``tasks.lab.presets`` says what they are)."""
    old: Mapping[str, Any]
    """Settings that make the old way, by their paths; ours are the defaults."""
    needs: tuple[str, ...] = ()
    """Switches whose old way this one's is a part of: three calls of a program take that a program is called."""


SWITCHES: tuple[Switch, ...] = (
    Switch(
        "walk",
        "names of a folder first, then every file asked about by itself",
        ("D2",),
        {"discovery.walker": "listdir"},
    ),
    Switch("program", "a program is started for every file to measure", ("D4",), {"probe.engine": "ffprobe"}),
    Switch(
        "program-calls",
        "the program is started three times a file",
        ("D4",),
        {"probe.ffprobe_calls": 3},
        needs=("program",),
    ),
    Switch(
        "files-at-once",
        "one file is measured at a time",
        ("D2", "D4"),
        {"probe.workers": 1, "probe.remote_workers": 1, "flow.disk_threads": 1},
    ),
    Switch(
        "requests",
        "details, credits, releases, videos, pictures and the rest of a title are asked one by one, with the fallback "
        "language and the collection each time",
        ("D0", "D3"),
        {"scrape.requests": "separate"},
    ),
    Switch("seasons", "every season is asked for twice", ("D3",), {"scrape.season_requests": "twice"}),
    Switch("answers", "no answer is kept, also within a run", ("D0", "D2"), {"scrape.keep_answers": False}),
    Switch(
        "clients",
        "a new HTTP client, with a connection of its own, for every request",
        ("D0",),
        {"scrape.clients": "per_request", "artwork.clients": "per_request"},
    ),
    Switch(
        "requests-at-once",
        "one request after the other",
        ("D0", "D3"),
        {"scrape.connections": 1, "flow.network_threads": 1},
    ),
    Switch("pictures-at-once", "one picture after the other", ("D0", "D1"), {"artwork.connections": 1}),
    Switch(
        "thumbnails", "every picture is fetched small before it is fetched", ("D1",), {"artwork.thumbnails_first": True}
    ),
    Switch("inserts", "a transaction for every row", ("D0", "D3"), {"warehouse.insert": "rows"}),
    Switch(
        "people",
        "every person is looked up before the row is written",
        ("D0",),
        {"warehouse.look_up_people": True},
        needs=("inserts",),
    ),
)


def switch(name: str) -> Switch:
    """The switch called ``name``.

    Raises:
        Refused: there is none.
    """
    for known in SWITCHES:
        if known.name == name:
            return known
    raise Refused(f"there is no switch {name!r}; there are {', '.join(known.name for known in SWITCHES)}")


def baseline(document: str | None = None) -> dict[str, Any]:
    """What the documented programs did, or the one of ``document``."""
    return _together(_of(document))


def optimized() -> dict[str, Any]:
    """What we ship: the defaults."""
    return {}


def all_but(name: str) -> dict[str, Any]:
    """Everything as we ship it but one thing, which is done the old way, with what that needs."""
    wanted = switch(name)
    return _together([wanted, *(switch(needed) for needed in wanted.needs)])


def only(name: str, document: str | None = None) -> dict[str, Any]:
    """The baseline but for one thing, which is done as we ship it; with it goes what is a part of its old way."""
    wanted = switch(name)
    return _together(s for s in _of(document) if s.name != wanted.name and wanted.name not in s.needs)


def overlay(profile: str, document: str | None = None) -> dict[str, Any]:
    """The settings of a profile by its name: baseline, optimized, all-but-SWITCH or only-SWITCH.

    Args:
        document: whose old ways the baseline has; all of them by default.

    Raises:
        Refused: there is no such profile.
    """
    if profile == BASELINE:
        return baseline(document)
    if profile == OPTIMIZED:
        return optimized()
    if profile.startswith(ALL_BUT):
        return all_but(profile.removeprefix(ALL_BUT))
    if profile.startswith(ONLY):
        return only(profile.removeprefix(ONLY), document)
    raise Refused(f"there is no profile {profile!r}; there are baseline, optimized, all-but-SWITCH and only-SWITCH")


def ablation() -> list[str]:
    """Names of the profiles that show what each switch is worth to what we ship: optimized, and all but each one."""
    return [OPTIMIZED, *(f"{ALL_BUT}{known.name}" for known in SWITCHES)]


def _of(document: str | None) -> list[Switch]:
    return [known for known in SWITCHES if document is None or document in known.documents]


def _together(switches: Iterable[Switch]) -> dict[str, Any]:
    return {path: value for one in switches for path, value in one.old.items()}


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their paths as the settings take them.

    >>> nested({"probe.workers": 1, "probe.engine": "ffprobe", "data_dir": "/x"})
    {'probe': {'workers': 1, 'engine': 'ffprobe'}, 'data_dir': '/x'}
    """
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *rooms, name = path.split(".")
        place = tree
        for room in rooms:
            place = place.setdefault(room, {})
        place[name] = value
    return tree
