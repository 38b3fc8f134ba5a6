"""Compare what is on disk with what is known, file by file. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import polars as pl

from tasks.core import ids
from tasks.core.paths import as_text, is_below_any
from tasks.core.settings import RemovalSettings
from tasks.plan.guard import (
    Seen,
    Verdict,
    below,
    below_any,
    innermost,
    judge,
    root_row,
    speaks_for_itself,
)
from tasks.plan.recognise import recognised
from tasks.plan.survey import Known, Survey
from tasks.schema.files import Files, Roots
from tasks.schema.runs import FileEvents

_DISK_FACTS = ("path", "size_bytes", "mtime_ns", "ctime_ns", "inode", "device", "root", "extension")
"""Columns of ``files`` that a listing brings; a difference in any of them is a row to write."""
_CONTENT = ("size_bytes", "mtime_ns", "inode")
"""While these are as they were, what was read of the content stands."""
_ROWS_AT_ONCE = 100_000
"""Files that are compared together; what is known of them is copied for it."""


@dataclass(frozen=True)
class FileDecisions:
    """What a listing means, given what was known."""

    listed: pl.DataFrame
    """All listed files with their ids (columns of ``files``), in path order."""
    rows: pl.DataFrame
    """Rows of ``files`` that are new or differ from what was known, vanished files among them."""
    roots: pl.DataFrame
    """Rows of ``roots`` that are new or differ."""
    events: pl.DataFrame
    """Rows of ``file_events``."""
    purges: pl.DataFrame
    """Rows of ``purges``."""
    run_roots: list[dict[str, Any]]
    """Rows of ``run_roots`` without their run."""
    new_count: int
    changed_count: int
    """Files with other content (size or mtime) in their place."""


def decide_files(
    survey: Survey,
    known: Known,
    *,
    prints: pl.DataFrame,
    run_id: str,
    removal: RemovalSettings,
    confirmed: Mapping[bytes, int] | None = None,
    now: datetime,
) -> FileDecisions:
    """Give every listed file its id, and find out what became of the others.

    Args:
        survey: what was seen, beside what is ``known``. Files outside of its scopes are left alone.
        known: what was known.
        prints: rows of ``fingerprints`` that were read in this run, each path once.
        run_id: run that the events are noted for.
        removal: how much may be missing before a person is asked, and how long rows are kept.
        confirmed: folders of which a person has said that what is not there is gone, with the number of files that the
            person was shown: when more are missing, nothing is confirmed.
        now: time for ``first_seen_at``, ``missing_since_at`` and the like.
    """
    looks, unit = survey.looks, survey.unit
    found = recognised(survey.listed, survey.candidates, known_prints=known.prints, prints=prints)
    judged = _judged(found, known.files, prints, now)
    nowhere = known.files.join(judged.select("file_id"), on="file_id", how="anti", maintain_order="left")
    missing_now = nowhere.filter(pl.col("missing_since_at").is_null())
    meant = [folder for folder, count in (confirmed or {}).items() if missing_now.filter(below(folder)).height <= count]
    not_found = [missing_now.filter(unit == seen.unit.folder) for seen in looks]
    verdicts = [
        judge(seen, missing, removal, is_confirmed=is_below_any(seen.unit.folder, meant))
        for seen, missing in zip(looks, not_found, strict=True)
    ]
    nothing = missing_now.clear()
    vanished = pl.concat([nothing, *(verdict.gone for verdict in verdicts)]).with_columns(
        pl.lit(now, dtype=pl.Datetime("us", "UTC")).alias("missing_since_at")
    )
    accepted = [
        (seen, missing)
        for seen, missing, verdict in zip(looks, not_found, verdicts, strict=True)
        if speaks_for_itself(seen, verdict, not_found_count=missing.height)
    ]
    renumbered = pl.concat([nothing, *(_on_the_new_device(seen, missing) for seen, missing in accepted)])
    kept = renumbered.join(vanished, on="file_id", how="anti", maintain_order="left")
    outdated = nowhere.filter(pl.col("missing_since_at") <= now - timedelta(days=removal.keep_days))
    well_seen = [seen.unit.folder for seen, verdict in zip(looks, verdicts, strict=True) if verdict.may_purge]
    purged = outdated.filter(
        unit.is_in(pl.Series(well_seen, dtype=pl.Binary).implode()) & ~below_any(list(survey.errors))
    )
    columns = list(Files.dtypes())
    return FileDecisions(
        listed=judged.select(columns),
        rows=pl.concat(
            [frame.lazy().select(columns) for frame in (judged.lazy().filter("is_written"), vanished, kept)]
        ).collect(),
        roots=Roots.frame([row for seen, _ in accepted if (row := root_row(seen, now=now))]),
        events=_events(run_id, judged, vanished, purged),
        purges=purged.select("file_id"),
        run_roots=_run_roots(survey, verdicts, not_found, judged),
        new_count=int(judged["is_new"].sum()),
        changed_count=int(judged["is_changed"].sum()),
    )


def files_to_probe(
    present: pl.DataFrame,
    probes: pl.LazyFrame,
    *,
    engine_versions: Collection[str] | None = None,
    unreadable_too: bool = False,
) -> pl.DataFrame:
    """The files whose measurement is missing or older than their content, in path order.

    A file is as it was measured when size, mtime and inode are the same, or when it was recognised by its fingerprint.
    One that could not be read is tried again also when its ctime differs: ``chmod`` changes nothing else.

    Args:
        present: rows of ``files``.
        probes: rows of ``probes`` as they were known.
        engine_versions: measurements by other versions are made anew; ``None`` where any version does.
        unreadable_too: whether files that could not be read are tried again though nothing has changed.
    """
    measured = probes.select(
        "file_id",
        "status",
        "fingerprint",
        "engine_version",
        pl.col("size_bytes", "mtime_ns", "ctime_ns", "inode").name.prefix("measured_"),
    )
    same_facts = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"measured_{name}")) for name in _CONTENT)
    same_print = (pl.col("seen_fingerprint") == pl.col("fingerprint")).fill_null(False)
    same_rights = (pl.col("status") == "ok") | pl.col("ctime_ns").eq_missing(pl.col("measured_ctime_ns"))
    is_current = (same_facts | same_print) & same_rights
    if engine_versions is not None:
        is_current &= pl.col("engine_version").is_in(list(engine_versions))
    if unreadable_too:
        is_current &= pl.col("status") == "ok"
    return _without(present, measured, is_current)


def files_to_hash(present: pl.DataFrame, hashes: pl.LazyFrame) -> pl.DataFrame:
    """The files whose content has no hash, or one that is older than the content, by device, then in path order."""
    hashed = hashes.select("file_id", pl.col(*_CONTENT).name.prefix("hashed_"))
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"hashed_{name}")) for name in _CONTENT)
    return _without(present, hashed, same).sort("device", "path_bytes")


def files_to_identify(present: pl.DataFrame, identities: pl.LazyFrame, *, parser_version: str) -> pl.DataFrame:
    """The files whose name has not been read by this version of the parser, in path order."""
    current = identities.filter(pl.col("parser_version") == parser_version).select("file_id", read_path="path")
    return _without(present, current, pl.col("path") == pl.col("read_path"))


def _without(present: pl.DataFrame, done: pl.LazyFrame, is_done: pl.Expr) -> pl.DataFrame:
    """The ``present`` files without those for which ``is_done`` holds, of their columns and those of ``done``.

    What is known of a million files is not held in memory for that: it passes by, and ids are kept.
    """
    if done.head(1).collect().is_empty():
        return present
    needed = [name for name in present.columns if name in is_done.meta.root_names()]
    file_ids = (
        done.join(present.lazy().select("file_id", *needed), on="file_id", build_side="force_right")
        .filter(is_done)
        .select("file_id")
        .collect(engine="streaming")
    )
    return present.join(file_ids, on="file_id", how="anti", maintain_order="left")


def with_roots(items: pl.DataFrame, roots: Iterable[bytes]) -> pl.DataFrame:
    """``items`` with ``root_bytes``: the root each path lies under, which names no title."""
    return items.with_columns(innermost(roots).alias("root_bytes"))


def present_files(known: pl.DataFrame, written: pl.DataFrame) -> pl.DataFrame:
    """The files of the library that are not missing, after this run's ``written`` rows; each file is known once."""
    unwritten = known.join(written.select("file_id"), on="file_id", how="anti", maintain_order="left")
    return pl.concat([unwritten, written.unique("file_id", keep="last", maintain_order=True)]).filter(
        pl.col("missing_since_at").is_null()
    )


def _judged(found: pl.DataFrame, files: pl.DataFrame, prints: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The ``found`` files with all columns of ``files``, and what each is and was (columns of ``_verdicts``).

    ``prints`` are rows of ``fingerprints``.
    """
    fresh = _fresh_ids(found["path_bytes"].filter(found["file_id"].is_null()), taken=files.select("file_id"))
    if fresh.height:
        found = found.join(fresh, on="path_bytes", how="left", maintain_order="left").with_columns(
            file_id=pl.coalesce("file_id", "fresh_id")
        )
    rows = files.select("file_id").with_row_index("known_row")
    known_row = found.select("file_id").join(rows, on="file_id", how="left", maintain_order="left")["known_row"]
    facts = pl.exclude("file_id")
    # A share at a time: beside all listed files there is no place for all columns of the known ones a second time.
    shares = [slice(start, start + _ROWS_AT_ONCE) for start in range(0, max(1, found.height), _ROWS_AT_ONCE)]
    verdicts = [
        _verdicts(found[share], files.select(facts.gather(known_row[share]).name.prefix("known_")), prints, now)
        for share in shares
    ]
    return found.hstack(pl.concat(verdicts, rechunk=True))


def _verdicts(found: pl.DataFrame, known: pl.DataFrame, prints: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """What each of the ``found`` files is, beside what was ``known`` of it (``known_...``, row by row).

    The columns of ``files`` that no listing brings, ``is_...``, and the known path and size.
    """
    read = ["path_bytes", "size_bytes", "mtime_ns", "inode"]
    joined = found.hstack(known).join(prints.select(*read, "fingerprint"), on=read, how="left", maintain_order="left")
    is_new = pl.col("known_path_bytes").is_null()
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"known_{name}")) for name in _DISK_FACTS)
    same_content = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"known_{name}")) for name in _CONTENT)
    still_read = pl.when(same_content).then(pl.col("known_seen_fingerprint"))
    seen_fingerprint = pl.coalesce("fingerprint", still_read)
    is_returned = ~is_new & pl.col("known_missing_since_at").is_not_null()
    return joined.select(
        pl.col("known_first_seen_at").fill_null(now).alias("first_seen_at"),
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("missing_since_at"),
        "known_path",
        "known_size_bytes",
        seen_fingerprint.alias("seen_fingerprint"),
        is_new=is_new,
        is_moved=~is_new & (pl.col("path_bytes") != pl.col("known_path_bytes")),
        is_changed=~is_new
        & (pl.col("path_bytes") == pl.col("known_path_bytes"))
        & (
            pl.col("size_bytes").ne_missing(pl.col("known_size_bytes"))
            | pl.col("mtime_ns").ne_missing(pl.col("known_mtime_ns"))
        ),
        is_returned=is_returned,
        is_written=is_new | differs | is_returned | seen_fingerprint.ne_missing(pl.col("known_seen_fingerprint")),
    )


def _fresh_ids(paths: pl.Series, *, taken: pl.DataFrame) -> pl.DataFrame:
    """``path_bytes`` and ``fresh_id``: of each path the first of its ids that no known file has.

    A file that moved away keeps the id that its first path gave it.
    """
    found = [pl.DataFrame(schema={"path_bytes": pl.Binary, "fresh_id": pl.String})]
    generation = 0
    while paths.len():
        id_of = partial(ids.file_id, generation=generation)
        made = paths.to_frame("path_bytes").with_columns(
            pl.col("path_bytes").map_elements(id_of, return_dtype=pl.String).alias("fresh_id")
        )
        found.append(made.join(taken, left_on="fresh_id", right_on="file_id", how="anti"))
        paths = made.join(taken, left_on="fresh_id", right_on="file_id", how="semi")["path_bytes"]
        generation += 1
    return pl.concat(found)


def _on_the_new_device(seen: Seen, not_found: pl.DataFrame) -> pl.DataFrame:
    """Files that were not found, as rows of the device that their root has now: a boot or a mount may number anew.

    Else they would look like files of another disk for ever. Those of another disk, whose number the root has now,
    would look like the root's own: they get number 0, which no root has.
    """
    if seen.root_before is None or seen.root_now is None or seen.root_before["device"] == seen.root_now["device"]:
        return not_found.clear()
    new, device = seen.root_now["device"], pl.col("device")
    return not_found.filter(device.is_in([seen.root_before["device"], new])).with_columns(
        pl.when(device == new).then(0).otherwise(new).cast(pl.UInt64).alias("device")
    )


def _run_roots(
    survey: Survey, verdicts: Sequence[Verdict], not_found: Sequence[pl.DataFrame], judged: pl.DataFrame
) -> list[dict[str, Any]]:
    """Rows of ``run_roots``; a known root inside a walked folder has one where it is not good."""
    kinds = ("new", "changed", "moved")
    counts = (
        judged.group_by(unit=survey.unit)
        .agg(pl.col(f"is_{kind}").sum().cast(pl.Int64).alias(f"{kind}_count") for kind in kinds)
        .rows_by_key("unit", named=True, unique=True)
    )
    nothing = dict.fromkeys((f"{kind}_count" for kind in kinds), 0)
    rows = []
    for seen, verdict, missing in zip(survey.looks, verdicts, not_found, strict=True):
        if not seen.unit.is_walked and verdict.state == "good":
            continue
        now = seen.root_now
        rows.append(
            {
                "root": as_text(seen.unit.root),
                "folder": as_text(seen.unit.folder),
                "state": verdict.state,
                "reason": verdict.reason,
                "file_count": seen.listed_count,
                "expected_count": seen.expected_count,
                **counts.get(seen.unit.folder, nothing),
                "vanished_count": verdict.gone.height,
                "held_back_count": missing.height - verdict.gone.height,
                "profile": now["profile"] if now else None,
                "profile_reason": now["profile_reason"] if now else None,
            }
        )
    return rows


def _events(run_id: str, judged: pl.DataFrame, vanished: pl.DataFrame, purged: pl.DataFrame) -> pl.DataFrame:
    """What happened to known files; what replaces and what was replaced is compared once both are measured."""
    sizes = {"earlier_size_bytes": pl.col("known_size_bytes"), "size_bytes": pl.col("size_bytes")}
    moved_from = pl.when("is_moved").then(pl.col("known_path"))
    found = [
        judged.filter("is_returned").select(
            "file_id", "path", "proof", event=pl.lit("returned"), earlier_path=moved_from, **sizes
        ),
        judged.filter(pl.col("is_moved") & ~pl.col("is_returned")).select(
            "file_id", "path", "proof", event=pl.lit("moved"), earlier_path=moved_from, **sizes
        ),
        judged.filter(pl.col("is_changed") & ~pl.col("is_returned")).select(
            "file_id", "path", "proof", event=pl.lit("replaced"), **sizes
        ),
        *(
            gone.select("file_id", "path", event=pl.lit(event), earlier_size_bytes="size_bytes")
            for event, gone in (("vanished", vanished), ("purged", purged))
        ),
    ]
    return FileEvents.fitted(pl.concat(found, how="diagonal").with_columns(run_id=pl.lit(run_id)))
