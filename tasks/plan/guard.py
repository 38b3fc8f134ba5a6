"""May the files that a listing no longer has be marked as missing? Pure: values in, values out.

A library is lost by a disk that is away, not by people who delete files. So a folder speaks for its files only when it
can be listed, holds something, and looks like the one that was known; and it is not believed when too much is missing
at once: then a person is asked. Nothing is marked on an error, ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.core.paths import as_text, is_below_any
from tasks.core.settings import RemovalSettings


@dataclass(frozen=True)
class Scope:
    """A folder that was walked, and the root that it is, or belongs to."""

    root: bytes
    folder: bytes


@dataclass(frozen=True)
class Unit:
    """A folder that is judged by itself: one that was walked, or a known root inside it.

    A known root is often a mount point. Walked as a part of a larger folder it is still the one that may be away.
    """

    root: bytes
    folder: bytes
    is_walked: bool
    """Whether it was named for this run; if not, only the files below it tell what it looks like."""


def units_of(scopes: Sequence[Scope], known_roots: Iterable[bytes]) -> list[Unit]:
    """What is judged by itself, each folder once."""
    units = {scope.folder: Unit(scope.root, scope.folder, is_walked=True) for scope in scopes}
    for root in sorted(known_roots):
        if root not in units and is_below_any(root, (scope.folder for scope in scopes)):
            units[root] = Unit(root, root, is_walked=False)
    return list(units.values())


@dataclass(frozen=True)
class Seen:
    """What a run saw of a unit. Files below a unit inside it belong to that one."""

    unit: Unit
    root_before: Mapping[str, Any] | None
    """Row of ``roots``; ``None`` for a new root."""
    root_now: Mapping[str, Any] | None
    """Row of ``root_listings``, or what the listed files tell of it; ``None`` where it could not be listed."""
    errors: Mapping[bytes, str]
    """Folders in it that could not be listed, with what the operating system said."""
    listed_count: int
    """Files that were listed."""
    listed_devices: frozenset[int]
    """The devices these lie on."""
    expected_count: int
    """Known files that were not missing."""
    expected_devices: frozenset[int]
    """The devices these lay on."""
    root_expected_count: int
    """Known files of the whole root that were not missing."""


@dataclass(frozen=True)
class Verdict:
    """What the listing of a unit means for the files that it lacks."""

    state: str
    """As ``run_roots.state``."""
    reason: str | None
    gone: pl.DataFrame
    """Files to mark as missing."""
    may_purge: bool
    """Whether this was a good look at all of it: one of the two that rows are kept for."""


def judge(seen: Seen, not_found: pl.DataFrame, settings: RemovalSettings, *, is_confirmed: bool) -> Verdict:
    """Whether the files that were ``not_found`` anywhere are gone.

    Args:
        seen: what the unit looks like.
        not_found: those of the files expected in it that were found nowhere.
        settings: how much may be missing before a person is asked.
        is_confirmed: whether a person has said that what is not there is gone.
    """
    doubt = None if is_confirmed else doubt_of(seen) or _nothing_is_left(seen, not_found)
    if doubt:
        return Verdict("unknown", doubt, not_found.clear(), may_purge=False)
    unknown = [folder for folder in seen.errors if not (is_confirmed and folder == seen.unit.folder)]
    gone = not_found.filter(~below_any(unknown))
    away = gone.clear() if is_confirmed else gone.filter(pl.col("device").is_in(devices_away(seen)))
    gone = gone.join(away, on="file_id", how="anti", maintain_order="left")
    reasons = [f"{as_text(folder)} could not be listed ({seen.errors[folder]})" for folder in unknown[:1]]
    reasons += [f"and {len(unknown) - 1:,} more folders"] if len(unknown) > 1 else []
    if away.height:
        example = away.sort("path_bytes")["path"][0]
        reasons.append(f"all {away.height:,} files of a disk that was mounted below it are not there, as {example}")
    most = max(settings.most_files, int(settings.most_ratio * seen.root_expected_count))
    if gone.height > most and not is_confirmed:
        words = f"{gone.height:,} of {seen.root_expected_count:,} files are not there, more than {most:,} at once"
        return Verdict("held back", "; ".join([words, *reasons]), gone.clear(), may_purge=False)
    state = "partly unknown" if reasons else "good"
    return Verdict(state, "; ".join(reasons) or None, gone, may_purge=not reasons and bool(seen.listed_count))


def doubt_of(seen: Seen) -> str | None:
    """Why the unit does not speak for its files, if it does not."""
    before, now = seen.root_before, seen.root_now
    if seen.unit.folder in seen.errors and not seen.listed_count:
        return f"it could not be read: {seen.errors[seen.unit.folder]}"
    if now is None:
        return "it could not be read"
    if now["has_marker"] is False:
        return "the marker file that the settings ask for is not in it"
    if not seen.expected_count:
        return None
    if not seen.listed_count:
        return "no video was found in it: is its disk mounted?"
    if before is None:
        return None
    if before["device"] != now["device"]:
        return f"it lies on another device than before ({_device(before)} then, {_device(now)} now)"
    if before["top_folders"] and not set(before["top_folders"]) & set(now["top_folders"]):
        return "none of the folders that were in it is there: is it another disk?"
    return None


def devices_away(seen: Seen) -> list[int]:
    """Devices of files that were expected, other than the root's own, of which no file is left: disks not mounted."""
    root = seen.root_before or seen.root_now
    if root is None:
        return []
    return sorted(seen.expected_devices - seen.listed_devices - {root["device"]})


def speaks_for_itself(seen: Seen, verdict: Verdict, *, not_found_count: int) -> bool:
    """Whether how the root looks now is how it shall look from now on.

    Also after a look that proved nothing: a library on a new disk, or under a new device number, is accepted for the
    next run when at least half of its files were found where they were.
    """
    if seen.unit.root != seen.unit.folder or seen.root_now is None:
        return False
    if verdict.state in ("good", "partly unknown"):
        return True
    return bool(seen.listed_count) and 2 * not_found_count <= seen.expected_count


def told_by_files(before: Mapping[str, Any], folder: bytes, listed: pl.DataFrame) -> dict[str, Any]:
    """What the listed files tell of a root that was walked as a part of another folder; as ``root_listings``."""
    devices = listed["device"].value_counts().sort("count", "device", descending=[True, False])["device"]
    # A name is cut off the text, which parts at the same slashes as the bytes: no other character contains that byte.
    below_it = pl.col("path").str.slice(len(as_text(folder).rstrip("/")) + 1)
    names = listed.select(below_it.str.extract("^([^/]+)/")).to_series().drop_nulls().unique().sort()
    is_same = devices.is_empty() or before["device"] in devices
    return {
        **before,
        "device": before["device"] if is_same else devices[0],
        "top_folders": names.to_list(),
        "has_marker": None,
        "profile": None,
        "profile_reason": None,
    }


def _nothing_is_left(seen: Seen, not_found: pl.DataFrame) -> str | None:
    count = seen.expected_count
    if count < 2 or not_found.height < count:
        return None
    return f"none of the {count:,} files that were known is there: is it another disk?"


def root_row(seen: Seen, *, now: Any) -> dict[str, Any] | None:
    """The row of ``roots`` to write; ``None`` where it would say what is known."""
    assert seen.root_now is not None
    before = seen.root_before
    if not seen.unit.is_walked:  # of such a root only the device is known for certain
        assert before is not None
        same = before["device"] == seen.root_now["device"]
        return None if same else {**before, "device": seen.root_now["device"], "changed_at": now}
    facts = {
        **{name: seen.root_now[name] for name in ("root", "path_bytes", "device", "file_system", "top_folders")},
        "file_count": seen.listed_count,
    }
    if before is not None and all(before[name] == value for name, value in facts.items()):
        return None
    return {**facts, "first_seen_at": before["first_seen_at"] if before else now, "changed_at": now}


def below(folder: bytes) -> pl.Expr:
    """Whether ``path_bytes`` lies below ``folder``."""
    return pl.col("path_bytes").bin.starts_with(folder.rstrip(b"/") + b"/")


def innermost(folders: Iterable[bytes]) -> pl.Expr:
    """The longest of ``folders`` that ``path_bytes`` lies below; null where there is none."""
    found = pl.lit(None, dtype=pl.Binary)
    for folder in sorted(folders, key=len):
        found = pl.when(below(folder)).then(pl.lit(folder)).otherwise(found)
    return found


def below_any(folders: Sequence[bytes]) -> pl.Expr:
    """Whether ``path_bytes`` lies below one of ``folders``."""
    return pl.any_horizontal(below(folder) for folder in folders) if folders else pl.lit(False)


def _device(root: Mapping[str, Any]) -> str:
    return f"{root['device']}, {root['file_system']}" if root["file_system"] else str(root["device"])
