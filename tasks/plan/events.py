"""What happened to known files in a run: the plan's events, with what was there before and what is there now.

The functions above :func:`note_events` are pure. It reads and writes staging, and asks the warehouse for the codecs of
the few files that were replaced.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.layout import DataFolder
from tasks.plan.elsewhere import CANNOT_READ, opened
from tasks.schema.files import Files, Identities
from tasks.schema.probes import Probes, VideoStreams
from tasks.schema.runs import EVENTS, FileEvents
from tasks.staging import of_files, read_staged, scan_known, scan_staged, write_staged

STAGE = "plan_events"
"""Stage under which the completed events are kept; it sorts after ``plan``, whose rows of the same key they replace."""

MEASURED = {
    "file_id": pl.String,
    "quality": pl.String,
    "video_codec": pl.String,
    "hdr_format": pl.String,
    "bitrate_bps": pl.Int64,
}
_PLACE = ("kind", "title_key", "season", "last_season", "date", "edition", "part")
_NUMBERS = ("episodes", "absolute")


def measured(probes: pl.DataFrame, video_streams: pl.DataFrame) -> pl.DataFrame:
    """What tells a better file from a worse one (columns of ``MEASURED``), one row a row of ``probes``."""
    main = (
        video_streams.filter(~pl.col("is_cover"))
        .sort("stream_index")
        .unique("file_id", keep="first", maintain_order=True)
        .select("file_id", video_codec="codec")
    )
    return probes.join(main, on="file_id", how="left", maintain_order="left").select(list(MEASURED))


def replacements(
    run_id: str, *, new: pl.DataFrame, missing: pl.DataFrame, present_ids: pl.Series, identities: pl.DataFrame
) -> pl.DataFrame:
    """Rows of ``file_events`` for the ``new`` files that stand where the names say a ``missing`` one stood.

    Same movie, or same episodes of the same show, same edition and part; and no third file of that place is there: a
    copy that joins another replaces nothing. Of several missing files the last one that went is the replaced one.

    Args:
        new: rows of ``files`` that were not known before.
        missing: rows of ``files`` that are gone, in this run or earlier.
        present_ids: ids of all files that are there, the new ones among them.
        identities: what the names of the new, the missing, and the present files of the same titles say.
    """
    places = _places(identities)
    crowded = (
        places.filter(pl.col("file_id").is_in(present_ids.implode()))
        .group_by("place")
        .len()
        .filter(pl.col("len") > 1)
        .select("place")
    )
    earlier = (
        missing.join(places, on="file_id")
        .sort("missing_since_at", "path")
        .unique("place", keep="last", maintain_order=True)
        .select("place", earlier_file_id="file_id", earlier_path="path", earlier_size_bytes="size_bytes")
    )
    found = (
        new.join(places, on="file_id")
        .join(crowded, on="place", how="anti")
        .join(earlier, on="place")
        .sort("path")
        .with_columns(run_id=pl.lit(run_id), event=pl.lit("replaced"), proof=pl.lit("title"))
    )
    return FileEvents.fitted(found)


def completed(events: pl.DataFrame, *, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """``events`` whose replacements say what was there before and what is there now, and whether that is better.

    Args:
        before: columns of ``MEASURED`` as they were known, also of files that are gone.
        after: the same as measured in this run; a file that could not be measured has no row.
    """
    facts = [name for name in MEASURED if name != "file_id"]
    was = before.unique("file_id", keep="last").rename({name: f"earlier_{name}" for name in facts})
    is_now = after.unique("file_id", keep="last")
    replaced = (
        events.filter(pl.col("event") == "replaced")
        .drop(*facts, *(f"earlier_{name}" for name in facts), "is_upgrade")
        .with_columns(before_id=pl.coalesce("earlier_file_id", "file_id"))
        .join(was, left_on="before_id", right_on="file_id", how="left", maintain_order="left")
        .join(is_now, on="file_id", how="left", maintain_order="left")
    )
    size_class, earlier_class = (_size_class(name) for name in ("quality", "earlier_quality"))
    is_upgrade = (
        pl.when(size_class != earlier_class)
        .then(size_class > earlier_class)
        .when(size_class == earlier_class)
        .then(pl.col("bitrate_bps") > pl.col("earlier_bitrate_bps"))
    )
    return pl.concat(
        [events.filter(pl.col("event") != "replaced"), FileEvents.fitted(replaced.with_columns(is_upgrade=is_upgrade))]
    )


def first_events(events: pl.DataFrame, *, limit: int) -> list[dict[str, Any]]:
    """Rows to show of ``events``, of each kind as many, in all at most ``limit``: replacements first, the better ones
    before the others.

    Of rows that stand there twice, as the plan wrote them and completed, the later one is taken.
    """
    kinds = ["replaced", *(event for event in EVENTS if event != "replaced")]
    return (
        events.unique(FileEvents.key(), keep="last", maintain_order=True)
        .sort(~pl.col("is_upgrade").fill_null(value=False), "path")
        .group_by("event", maintain_order=True)
        .head(limit // len(kinds))
        .sort(pl.col("event").replace_strict(kinds, range(len(kinds))), maintain_order=True)
        .select(list(FileEvents.dtypes()))
        .to_dicts()
    )


def note_events(staging: Path, *, run_id: str) -> int:
    """Complete the events that the plan has staged, when files are measured and identified; return their number.

    Columns of the snapshot are read only for the files at hand: a library of a million files is not held in memory
    because one of them was replaced.
    """
    events = read_staged(FileEvents, staging=staging, stage="plan")
    by_title = _replacements_of(run_id, staging)
    events = pl.concat([events, by_title.join(events, on=FileEvents.key(), how="anti")])
    replaced = events.filter(pl.col("event") == "replaced")
    before_ids = replaced.select(pl.coalesce("earlier_file_id", "file_id"))["earlier_file_id"]
    known_probes = of_files(before_ids, scan_known(Probes, staging=staging))
    before = (
        measured(known_probes, VideoStreams.frame())
        .drop("video_codec")
        .join(_earlier_codecs(known_probes, staging), on="file_id", how="left")
        .select(list(MEASURED))
    )
    after = measured(
        of_files(replaced["file_id"], scan_staged(Probes, staging=staging)).unique(
            "file_id", keep="last", maintain_order=True
        ),
        of_files(replaced["file_id"], scan_staged(VideoStreams, staging=staging)),
    )
    events = completed(events, before=before, after=after)
    write_staged({FileEvents: events}, staging=staging, stage=STAGE)
    return events.height


def _replacements_of(run_id: str, staging: Path) -> pl.DataFrame:
    """Replacements by title among the rows of ``files`` that this run has staged."""
    columns = ["file_id", "path", "size_bytes", "missing_since_at"]
    is_missing = pl.col("missing_since_at").is_not_null()
    known_files = scan_known(Files, staging=staging).select(columns)
    staged_files = scan_staged(Files, staging=staging, stage="plan").select(columns)
    known_missing = known_files.filter(is_missing).collect()
    if not known_missing.height and staged_files.filter(is_missing).head(1).collect().is_empty():
        return FileEvents.frame()  # the first run of a large library: all its files are among the rows
    written = staged_files.collect().unique("file_id", keep="last", maintain_order=True)
    known_ids = known_files.select("file_id").collect()
    new = written.filter(~is_missing).join(known_ids, on="file_id", how="anti")
    missing = pl.concat(
        [
            known_missing.join(written, on="file_id", how="anti"),
            written.filter(is_missing),
        ]
    )
    if not new.height or not missing.height:
        return FileEvents.frame()
    names = [name for name in Identities.dtypes() if name in ("file_id", *_PLACE, *_NUMBERS)]
    staged = scan_staged(Identities, staging=staging).select(names).collect()
    known = scan_known(Identities, staging=staging).select(names)
    gone = pl.concat([of_files(missing["file_id"], known), staged])
    keys = gone.join(missing, on="file_id", how="semi")["title_key"].drop_nulls().unique()
    of_these = pl.col("title_key").is_in(keys.implode())
    identities = (
        pl.concat([known.filter(of_these).collect().join(staged, on="file_id", how="anti"), staged.filter(of_these)])
        .unique("file_id", keep="last", maintain_order=True)
    )  # fmt: skip
    gone_ids = missing["file_id"].implode()
    present_ids = identities.filter(~pl.col("file_id").is_in(gone_ids))["file_id"]
    return replacements(run_id, new=new, missing=missing, present_ids=present_ids, identities=identities)


def _places(identities: pl.DataFrame) -> pl.DataFrame:
    """``file_id`` and ``place``: what a file is, as one text; files of which that is not known have no row."""
    has_number = (
        pl.any_horizontal(pl.col(name).list.len() > 0 for name in _NUMBERS) | pl.col("date").is_not_null()
    )  # fmt: skip
    is_place = (pl.col("kind") == "movie") | ((pl.col("kind") == "episode") & has_number)
    parts = [pl.col(name).cast(pl.String).fill_null("") for name in _PLACE]
    parts += [pl.col(name).cast(pl.List(pl.String)).list.join("+").fill_null("") for name in _NUMBERS]
    return identities.filter(is_place & pl.col("title_key").is_not_null()).select(
        "file_id", place=pl.concat_str(parts, separator="\x1f")
    )


def _earlier_codecs(known_probes: pl.DataFrame, staging: Path) -> pl.DataFrame:
    """``file_id`` and ``video_codec`` of what was there before, where that can be told.

    The streams of the whole library are not in the snapshot. The warehouse is asked for those of the rows that the
    snapshot has: a retry after a load finds newer ones there, and takes what the first attempt has read.
    """
    of_first_attempt = (
        read_staged(FileEvents, staging=staging, stage=STAGE)
        .select(file_id=pl.coalesce("earlier_file_id", "file_id"), video_codec="earlier_video_codec")
        .drop_nulls()
    )
    asked = of_first_attempt.clear()
    if known_probes.height:
        # The codec before is a detail: where it cannot be had, unknown is better than no run.
        with suppress(*CANNOT_READ), opened(DataFolder(staging.parent.parent).warehouse) as connection:
            connection.register("wanted_probes", known_probes.select("file_id", "probed_at"))
            asked = connection.sql(_MAIN_CODECS).pl().cast(dict(of_first_attempt.schema))
    return pl.concat([asked, of_first_attempt]).unique("file_id", keep="first", maintain_order=True)


_MAIN_CODECS = """
SELECT file_id, arg_min(codec, stream_index) AS video_codec
FROM wanted_probes JOIN probes USING (file_id, probed_at) JOIN video_streams USING (file_id)
WHERE NOT is_cover AND codec IS NOT NULL
GROUP BY file_id
"""


def _size_class(name: str) -> pl.Expr:
    return pl.col(name).str.strip_suffix("p").cast(pl.Int64, strict=False)
