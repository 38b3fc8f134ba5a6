"""May the files that a listing no longer has be marked as missing? Pure: values in, values out.

A library is lost by a disk that is away, not by people who delete files. So a folder speaks for its files only when it
can be listed, holds something, and looks like the one that was known; and it is not believed when too much is missing
at once: then a person is asked. Nothing is marked on an error, ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.core.paths import as_text
from tasks.core.settings import RemovalSettings


@dataclass(frozen=True)
class Scope:
    """A folder that was walked, and the root that it is, or belongs to."""

    root: bytes
    folder: bytes

    @property
    def is_whole(self) -> bool:
        """Whether all of the root was walked."""
        return self.root == self.folder


@dataclass(frozen=True)
class Seen:
    """What a run saw of a scope."""

    scope: Scope
    root_before: Mapping[str, Any] | None
    """Row of ``roots``; ``None`` for a new root."""
    root_now: Mapping[str, Any] | None
    """Row of ``root_listings``; ``None`` where the root could not be listed."""
    errors: Mapping[bytes, str]
    """Folders in it that could not be listed, with what the operating system said."""
    listed: pl.DataFrame
    """Rows of ``listings`` in the scope."""
    expected: pl.DataFrame
    """Rows of ``files`` in the scope that were not missing."""
    root_expected_count: int
    """The same of the whole root, as a number."""
    not_found: pl.DataFrame
    """Those of ``expected`` that were found nowhere."""
    is_confirmed: bool
    """Whether a person has said that what is not there is gone."""


@dataclass(frozen=True)
class Verdict:
    """What the listing of a scope means for the files that it lacks."""

    state: str
    """As ``run_roots.state``."""
    reason: str | None
    gone: pl.DataFrame
    """Files to mark as missing."""
    may_purge: bool
    """Whether this was a good look at the whole scope: one of the two that rows are kept for."""


def judge(seen: Seen, settings: RemovalSettings) -> Verdict:
    """Whether the files that were not found are gone."""
    doubt = None if seen.is_confirmed else _doubt(seen)
    if doubt:
        return Verdict("unknown", doubt, seen.not_found.clear(), may_purge=False)
    unknown = [folder for folder in seen.errors if not (seen.is_confirmed and folder == seen.scope.folder)]
    gone = seen.not_found.filter(~below_any(unknown))
    away = gone.clear() if seen.is_confirmed else _on_devices_away(gone, seen)
    gone = gone.join(away, on="file_id", how="anti", maintain_order="left")
    reasons = [f"{as_text(folder)} could not be listed ({seen.errors[folder]})" for folder in unknown[:1]]
    reasons += [f"and {len(unknown) - 1:,} more folders"] if len(unknown) > 1 else []
    if away.height:
        example = away.sort("path_bytes")["path"][0]
        reasons.append(f"all {away.height:,} files of a disk that was mounted below it are not there, as {example}")
    most = max(settings.most_files, int(settings.most_ratio * seen.root_expected_count))
    if gone.height > most and not seen.is_confirmed:
        words = f"{gone.height:,} of {seen.root_expected_count:,} files are not there, more than {most:,} at once"
        return Verdict("held back", "; ".join([words, *reasons]), gone.clear(), may_purge=False)
    state = "partly unknown" if reasons else "good"
    return Verdict(state, "; ".join(reasons) or None, gone, may_purge=not reasons)


def _doubt(seen: Seen) -> str | None:
    """Why the root does not speak for its files, if it does not."""
    before, now, folder = seen.root_before, seen.root_now, seen.scope.folder
    if folder in seen.errors and not seen.listed.height:
        return f"it could not be read: {seen.errors[folder]}"
    if now is None:
        return "it could not be read"
    if now["has_marker"] is False:
        return "the marker file that the settings ask for is not in it"
    if not seen.expected.height:
        return None
    if not seen.listed.height:
        return "it is there, but holds no video: is its disk mounted?"
    if before is None:
        return None
    if before["device"] != now["device"]:
        return f"it lies on another device than before ({_device(before)} then, {_device(now)} now)"
    if before["top_folders"] and not set(before["top_folders"]) & set(now["top_folders"]):
        return "none of the folders that were in it is there: is it another disk?"
    return None


def speaks_for_itself(seen: Seen, verdict: Verdict) -> bool:
    """Whether how the root looks now is how it shall look from now on.

    Also after a look that proved nothing: a library on a new disk, or under a new device number, is accepted for the
    next run when at least half of its files were found where they were.
    """
    if not seen.scope.is_whole or seen.root_now is None:
        return False
    if verdict.state in ("good", "partly unknown"):
        return True
    found_count = seen.expected.height - seen.not_found.height
    return bool(seen.listed.height) and 2 * found_count >= seen.expected.height


def root_row(seen: Seen, *, file_count: int, now: Any) -> dict[str, Any] | None:
    """The row of ``roots`` to write; ``None`` where it would say what is known."""
    assert seen.root_now is not None
    facts = {
        **{name: seen.root_now[name] for name in ("root", "path_bytes", "device", "file_system", "top_folders")},
        "file_count": file_count,
    }
    before = seen.root_before
    if before is not None and all(before[name] == value for name, value in facts.items()):
        return None
    return {**facts, "first_seen_at": before["first_seen_at"] if before else now, "changed_at": now}


def below(folder: bytes) -> pl.Expr:
    """Whether ``path_bytes`` lies below ``folder``."""
    return pl.col("path_bytes").bin.starts_with(folder.rstrip(b"/") + b"/")


def below_any(folders: Sequence[bytes]) -> pl.Expr:
    """Whether ``path_bytes`` lies below one of ``folders``."""
    return pl.any_horizontal(below(folder) for folder in folders) if folders else pl.lit(False)


def _on_devices_away(gone: pl.DataFrame, seen: Seen) -> pl.DataFrame:
    """Those of ``gone`` whose device is not the root's and has no file left: a disk below it that is not mounted."""
    if seen.root_before is None:
        return gone.clear()
    left = seen.listed["device"].unique()
    return gone.filter((pl.col("device") != seen.root_before["device"]) & ~pl.col("device").is_in(left.implode()))


def _device(root: Mapping[str, Any]) -> str:
    return f"{root['device']}, {root['file_system']}" if root["file_system"] else str(root["device"])
