"""Tables ``files``, ``identities``: the files of the library and what their names say."""

from __future__ import annotations

from typing import Annotated

import polars as pl

from tasks.schema.table import Table, column

KINDS = ["movie", "episode", "extra", "unknown"]
Time = Annotated[pl.Datetime, "us", "UTC"]
Numbers = Annotated[pl.List, pl.Int64()]


class Listings(Table, staged_only=True):
    """One video file as the operating system lists it; written by ``discovery``, read by ``plan``."""

    path: str = column("Path for people: bytes that are no UTF-8 are written as \\xNN.")
    path_bytes: pl.Binary = column("Path as the operating system has it.", key=True)
    root: str = column("Root under which it was found, for people.")
    extension: str = column("Extension in lower case, with its dot.")
    size_bytes: pl.Int64 = column("Size.", unit="byte", ge=0)
    mtime_ns: pl.Int64 = column("Time of the last change of content, Unix time.", unit="ns")
    ctime_ns: pl.Int64 = column("Time of the last change of content or rights, Unix time.", unit="ns")
    inode: pl.UInt64 = column("Inode on its device; 0 where the file system has none.")
    device: pl.UInt64 = column("Device number of the file system.")


class Skips(Table, staged_only=True):
    """What a walk passed over, by reason; written by ``discovery``, read by ``report``."""

    root: str = column("Root, for people.", key=True)
    reason: str = column("Why: extension, hidden, ignored_folder, nomedia, symlink, not_a_file, error.", key=True)
    skip_count: pl.Int64 = column("Entries passed over for this reason.", ge=1)
    example_path: str = column("One of them, for people.")


class ListingErrors(Table, staged_only=True):
    """A folder that could not be listed; what lies below it is unknown, not gone."""

    path: str = column("Folder, for people.")
    path_bytes: pl.Binary = column("Folder as the operating system has it.", key=True)
    root: str = column("Root, for people.")
    reason: str = column("What the operating system said.")


class Files(Table):
    """The video files of the library, one row a file; written by ``plan``."""

    file_id: str = column("Our id of the file; it stays when the file moves.", key=True)
    path: str = column("Path for people: bytes that are no UTF-8 are written as \\xNN.")
    path_bytes: pl.Binary = column("Path as the operating system has it.")
    root: str = column("Root under which it was found, for people.")
    extension: str = column("Extension in lower case, with its dot.")
    size_bytes: pl.Int64 = column("Size.", unit="byte", ge=0)
    mtime_ns: pl.Int64 = column("Time of the last change of content, Unix time.", unit="ns")
    ctime_ns: pl.Int64 = column("Time of the last change of content or rights, Unix time.", unit="ns")
    inode: pl.UInt64 = column("Inode on its device; 0 where the file system has none.")
    device: pl.UInt64 = column("Device number of the file system.")
    first_seen_at: Time = column("When a run found it first.")
    missing_since_at: Time = column(
        "When a complete listing of its root no longer had it; null while it is there.", nullable=True
    )


class Identities(Table):
    """What name and folders say a file is, one row a file; written by ``identify``, read by ``match``."""

    file_id: str = column("File.", key=True)
    path: str = column("Path the answer was read from, for people.")
    kind: str = column("What it is.", isin=KINDS)
    title: str = column("Title of the movie or show as the names spell it.", nullable=True)
    year: pl.Int64 = column(
        "Year of the movie, or of the show's start if the names say it.", nullable=True, ge=1870, le=2100
    )
    season: pl.Int64 = column("Season number; 0 are specials.", nullable=True, ge=0)
    last_season: pl.Int64 = column("Last season of a name that spans several; null for one.", nullable=True, ge=0)
    episodes: Numbers = column("Episode numbers in the season; several for a file that holds several.")
    absolute: Numbers = column(
        "Episode numbers counted from the show's start; beside episodes where a bare 103 may be either."
    )
    date: pl.Date = column("Day of broadcast, for shows that are named by day.", nullable=True)
    edition: str = column("Edition: Director's Cut, Extended, ...", nullable=True)
    part: pl.Int64 = column("Part of a movie that is split over files (cd1, pt2).", nullable=True, ge=1)
    resolution: str = column("Resolution as the name claims it: 1080p, 2160p, ...", nullable=True)
    source: str = column("Source as the name claims it: Blu-ray, Web, ...", nullable=True)
    release_group: str = column("Release group in the name.", nullable=True)
    extra_kind: str = column("Kind of extra (trailer, featurette, sample, ...); null for others.", nullable=True)
    tmdb_id: pl.Int64 = column("TMDB id in the name or a folder.", nullable=True, ge=1)
    imdb_id: str = column("IMDb id in the name or a folder.", nullable=True, str_matches=r"^tt\d{5,}$")
    tvdb_id: pl.Int64 = column("TVDB id in the name or a folder.", nullable=True, ge=1)
    title_kind: str = column(
        "movie or show: where to look the title up; null if nowhere.", nullable=True, isin=["movie", "show"]
    )
    title_key: str = column("Files with the same key share one match; null where there is no title.", nullable=True)
    confidence_ratio: float = column("How sure the reading is; agreement of parsers where two were asked.", ge=0, le=1)
    rule: str = column("Rule or parser that decided.")
    parser_version: str = column("Version of our rules and of guessit; a new version reads names again.")
