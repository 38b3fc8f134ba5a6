"""The calls and writes of an account that measured nothing, as ways to do them, and what a model says they take. Pure.

D3 tells of a client that synchronises 100 shows of 5 seasons of 10 episodes with a media server. Its times are assumed:
200 ms a call, 10 ms a write. ``flows.lab_replay`` makes these calls and writes for real; here stands which they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from tasks.core.errors import Refused
from tasks.lab.profiles import BASELINE, OPTIMIZED

SHIPPED = "d3-new"
"""D3's new design as it was shipped: with calls at once, and with its rows still saved one by one."""
ASSUMED_WRITE_S: Mapping[Literal["rows", "tables"], float] = {"rows": 0.01, "tables": 0.05}
"""What D3 assumes of a transaction, with one row or with many; its assumption of a call is the preset's delay."""

TRIAL_SCOPE = "replay.trial_write"
"""Scope that tells how long a transaction with one row takes on the disk of a replay, before and after its work."""
TRIAL_WRITE_COUNT = 100


class Shape(NamedTuple):
    """A library of shows of one size."""

    show_count: int
    season_count: int
    """Of a show."""
    episode_count: int
    """Of a season."""

    @property
    def row_count(self) -> int:
        """Rows that are written: a show or an episode each, as D3 counts them; seasons have none of their own."""
        return self.show_count * (1 + self.season_count * self.episode_count)


@dataclass(frozen=True)
class Way:
    """One way to make the calls for all shows and to write the rows."""

    words: str
    asks_seasons_twice: bool
    """Asks for the seasons of a show twice, though nothing has changed."""
    shows_at_once: int | None
    """``None``: all of them, as far as requests at once allow."""
    requests_at_once: int
    insert: Literal["rows", "tables"]
    """As ``warehouse.insert``: a transaction for every row, or a statement for all rows of a table."""
    write_latency_s: float = 0.0
    """How long a transaction is held back before it ends."""

    def call_count(self, shape: Shape) -> int:
        """Requests: the list of shows, the seasons of each show, the episodes of each season."""
        return 1 + shape.show_count * (1 + self.asks_seasons_twice + shape.season_count)

    def transaction_count(self, shape: Shape) -> int:
        """Transactions: one for all rows, or one for each and the empty one that the writer is called in."""
        return shape.row_count + 1 if self.insert == "rows" else 1

    def turn_count(self, shape: Shape) -> int:
        """How often a request's time passes before the last one is answered: requests at once pass it together."""
        calls_left = self.call_count(shape) - 1  # the list comes first, alone
        if self.shows_at_once is None:
            return 1 + math.ceil(calls_left / self.requests_at_once)
        of_a_show = (
            1 + self.asks_seasons_twice + math.ceil(shape.season_count * self.shows_at_once / self.requests_at_once)
        )
        return 1 + math.ceil(shape.show_count / self.shows_at_once) * of_a_show

    def expected_s(self, shape: Shape, *, call_s: float, write_s: float) -> float:
        """What the calls and then the writes take, if a call takes ``call_s`` and a transaction ``write_s``."""
        return self.turn_count(shape) * call_s + self.transaction_count(shape) * write_s


def ways(season_count: int, connections: int, *, holds_writes: bool = False) -> Mapping[str, Way]:
    """The ways that are compared, by the names of their profiles.

    Args:
        season_count: of a show: D3's new design asks for all of them at once.
        connections: requests that we have under way at once.
        holds_writes: hold every transaction back for as long as D3 assumes.
    """
    known = {
        BASELINE: Way("one call after the other, a transaction a row", True, 1, 1, "rows"),
        SHIPPED: Way(
            "as D3 shipped it: 5 shows at once, all seasons of a show at once, a transaction a row",
            False, 5, 5 * season_count, "rows",
        ),
        OPTIMIZED: Way(
            f"as we would: at most {connections} calls at once, all rows of a table at once",
            False, None, connections, "tables",
        ),
    }  # fmt: skip
    if not holds_writes:
        return known
    return {name: replace(way, write_latency_s=ASSUMED_WRITE_S[way.insert]) for name, way in known.items()}


def of_profile(profile: str, known: Mapping[str, Way]) -> dict[str, Any]:
    """The facts of a way, as a manifest holds the settings of a profile.

    Raises:
        Refused: there is no such way.
    """
    if profile not in known:
        raise Refused(f"there is no way {profile!r} to replay the calls; there are {', '.join(known)}")
    return {f"replay.{name}": value for name, value in vars(known[profile]).items()}


def way_of(facts: Mapping[str, Any]) -> Way:
    """The way whose facts these are."""
    return Way(**{name.removeprefix("replay."): value for name, value in facts.items()})
