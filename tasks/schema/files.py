"""Tables ``roots``, ``files``, ``identities``: the files of the library, where they lie, and what their names say."""

from __future__ import annotations

from typing import Annotated

import polars as pl

from tasks.schema.table import Table, column

KINDS = ["movie", "episode", "extra", "unknown"]
Time = Annotated[pl.Datetime, "us", "UTC"]
Numbers = Annotated[pl.List, pl.Int64()]
Names = Annotated[pl.List, pl.String()]


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


class RootListings(Table, staged_only=True):
    """What a root looks like now; written by ``discovery``, read by ``plan``. A root that cannot be listed has no row."""

    root: str = column("Root, for people.")
    path_bytes: pl.Binary = column("Root as the operating system has it.", key=True)
    device: pl.UInt64 = column("Device number of the file system.")
    file_system: str = column("Kind of file system as the mount table names it: ext4, nfs4, ...", nullable=True)
    top_folders: Names = column("Names of the folders in it that are entered, for people, in order.")
    has_marker: bool = column("Whether the marker file is there; null where the settings ask for none.", nullable=True)
    profile: str = column("How it is walked: local (one stack) or remote (threads).", isin=["local", "remote"])
    profile_reason: str = column("Why it is walked so.")


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


class Fingerprints(Table, staged_only=True):
    """What the content of a file says who it is, read to recognise one that moved; written by ``probe``."""

    path_bytes: pl.Binary = column("Path as the operating system has it.", key=True)
    size_bytes: pl.Int64 = column("Size when it was read.", unit="byte", ge=0)
    mtime_ns: pl.Int64 = column("Time of last change when it was read.", unit="ns")
    inode: pl.UInt64 = column("Inode when it was read.")
    fingerprint: str = column("Hash of size, beginning, middle and end.")
    content_hash: str = column("Hash of the whole content; null where it was not asked for.", nullable=True)


class PresentFiles(Table, staged_only=True):
    """The files that a run is about: those below the folders it walks that are not missing; written by ``plan``.

    Titles and pictures of other files are left for another run.
    """

    file_id: str = column("File.", key=True)


class Purges(Table, staged_only=True):
    """Files that have been missing for so long that their rows go; written by ``plan``, obeyed by ``warehouse``."""

    file_id: str = column("File.", key=True)


class Roots(Table):
    """The folders that are refreshed and how each looked when it was last seen whole; written by ``plan``.

    By it a disk that is away, or another one in its place, is told from files that were deleted.
    """

    root: str = column("Root, for people.")
    path_bytes: pl.Binary = column("Root as the operating system has it.", key=True)
    device: pl.UInt64 = column("Device number of its file system.")
    file_system: str = column("Kind of file system: ext4, nfs4, ...", nullable=True)
    top_folders: Names = column("Names of the folders in it, for people, in order.")
    file_count: pl.Int64 = column("Video files that were there.", ge=0)
    first_seen_at: Time = column("When a run found it first.")
    changed_at: Time = column("When a run last found it different, and whole.")


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
    seen_fingerprint: str = column(
        "Fingerprint read to recognise the file in this place (see probes.fingerprint); null where that was not needed.",
        nullable=True,
    )
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
