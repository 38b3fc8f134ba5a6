"""Settings of every room: one frozen model each, with the effect of every value said where it is defined.

Values come from ``reelhouse.toml``, the environment and the command line (``flows/parameters.py``), are checked here,
and travel down as arguments. Defaults do the job with no configuration at all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

VIDEO_EXTENSIONS: tuple[str, ...] = (
    ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mk3d", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv",
)  # fmt: skip

IGNORED_FOLDERS: tuple[str, ...] = (
    "$RECYCLE.BIN", "@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "System Volume Information",
    "lost+found", "sample", "samples",
)  # fmt: skip

Lower = Annotated[str, Field(pattern=r"^\.[a-z0-9]+$")]


def _plain_name(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError("a name of a file without folders, as .reelhouse")
    return name


FileName = Annotated[str, AfterValidator(_plain_name)]


class Room(BaseModel):
    """Base of the settings: frozen, and a misspelled name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DiscoverySettings(Room):
    """Which files are found."""

    extensions: tuple[Lower, ...] = Field(VIDEO_EXTENSIONS, description="Extensions of video files, in lower case.")
    ignored_folders: tuple[str, ...] = Field(
        IGNORED_FOLDERS, description="Names of folders that are not entered (case does not matter)."
    )
    ignore_hidden: bool = Field(True, description="Pass over files and folders whose name begins with a dot.")
    follow_symlinks: bool = Field(
        True, description="Follow symbolic links that lead out of the root; links back into it are never followed."
    )
    profile: Literal["auto", "local", "remote"] = Field(
        "auto", description="How folders are walked: one after the other (local) or many at once (remote); auto looks."
    )
    remote_threads: int = Field(16, ge=1, le=128, description="Folders listed at once on a network share.")
    deadline_s: float = Field(
        60.0, gt=0, le=86_400, description="Seconds a folder may take to answer before all below it counts as unknown."
    )
    marker: FileName | None = Field(
        None, description="Name of a file that must lie in every root; where it is missing, nothing there is known."
    )


class RemovalSettings(Room):
    """When a file that was not found counts as gone."""

    most_files: int = Field(
        10,
        ge=0,
        description="Files of a root that may be missing at once; above this and most_ratio a person is asked.",
    )
    most_ratio: float = Field(0.1, ge=0, le=1, description="Share of a root's files that may be missing at once.")
    keep_days: float = Field(7.0, ge=0, le=36_500, description="Days the rows of a missing file are kept.")


class ProbeSettings(Room):
    """How files are measured."""

    engine: Literal["pyav", "ffprobe"] = Field(
        "pyav", description="What measures: FFmpeg's libraries in worker processes (pyav), or the program ffprobe."
    )
    ffprobe: str = Field("ffprobe", description="The program ffprobe: a name on the path, or a path.")
    ffprobe_for_unknown: bool = Field(
        True, description="Measure with ffprobe, where it is installed, the files of which pyav lacks a decoder."
    )
    remeasure: Literal["changed", "other_engine"] = Field(
        "changed",
        description="Measure again: files that changed, or also those that another engine or version measured.",
    )
    full_hash: bool = Field(
        False, description="Read every file whole, once, for a hash of its content: moves and copies are then certain."
    )
    reuse_warehouses: tuple[Path, ...] = Field(
        (), description="Other warehouses whose measurements of the same content are taken over."
    )

    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=64,
        description="Worker processes. One a core is best on local disks; more help on network shares.",
    )
    remote_workers: int = Field(
        8, ge=1, le=64, description="Worker processes for files on network shares, where waiting is most of the work."
    )
    worker_memory_bytes: int = Field(
        2 * 1024**3,
        ge=512 * 1024**2,
        description="Address space of a worker; a file that asks for more is refused and the worker goes on.",
    )
    chunk_size: int = Field(32, ge=1, le=500, description="Files sent to a worker at once; more saves little.")
    deadline_s: float = Field(
        30.0,
        gt=0,
        le=86_400,
        description="Seconds a file may take before its worker is killed; raise it for slow shares.",
    )
    read_first_frame: bool = Field(
        True, description="Decode one frame of possible HDR files, where HDR10 and HDR10+ facts often stand."
    )


class IdentifySettings(Room):
    """How names are understood."""

    max_episodes: int = Field(30, ge=1, description="Most episodes one file may hold; above it the name is misread.")


class ScrapeSettings(Room):
    """How the metadata service is asked."""

    base_url: str = Field(
        "https://api.themoviedb.org/3",
        pattern=r"^https?://[^/\s]+(/\S*)?$",
        description="Address of TMDB's API, or of a stand-in.",
    )
    language: str = Field("en-US", pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="Language of titles and texts.")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="Country whose age ratings are kept.")
    rate_hz: float = Field(40.0, gt=0, description="Requests a second; TMDB allows about 40 to 50.")
    connections: int = Field(8, ge=1, le=20, description="Requests in flight; more than 8 only makes bursts.")
    timeout_s: float = Field(30.0, gt=0, description="Seconds without an answer after which a request is given up.")
    attempts: int = Field(4, ge=1, description="Tries of one request before it counts as failed.")
    backoff_s: float = Field(0.5, ge=0, description="Seconds before the second try; doubled for each further one.")
    max_age_days: float = Field(
        30.0,
        ge=0,
        le=180,
        description="Days after which a title is asked for again; TMDB's terms allow six months.",
    )
    unmatched_retry_days: float = Field(7.0, ge=0, description="Days after which an unknown title is searched again.")


class ArtworkSettings(Room):
    """Which pictures are fetched."""

    enabled: bool = Field(True, description="Fetch artwork at all.")
    per_kind: int = Field(1, ge=1, le=20, description="Pictures of one kind for each title, season or episode.")
    stills: bool = Field(True, description="Fetch a still for every episode that is in the library.")
    size: str = Field(
        "original", pattern=r"^(original|w\d+|h\d+)$", description="TMDB's name of a size; full size by default."
    )
    connections: int = Field(8, ge=1, le=20, description="Downloads at the same time.")
    timeout_s: float = Field(60.0, gt=0, description="Seconds without data after which a download is given up.")
    attempts: int = Field(4, ge=1, description="Tries of one download before it counts as failed.")
    backoff_s: float = Field(0.5, ge=0, description="Seconds before the second try; doubled for each further one.")
    max_size_bytes: int = Field(50 * 1024**2, gt=0, description="Largest picture that is accepted.")


class WarehouseSettings(Room):
    """How the warehouse is written."""

    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=256, description="Threads of DuckDB while it loads."
    )
    memory_bytes: int = Field(
        512 * 1024**2,
        ge=64 * 1024**2,
        description="Memory DuckDB may use while it loads; more is faster from 1 M files on.",
    )


class TimingSettings(Room):
    """How run timings are kept."""

    flush_every_s: float = Field(2.0, gt=0, description="Seconds between writes; at most this much is lost by kill -9.")


class FlowSettings(Room):
    """How the work is cut up for Prefect."""

    batch_size: int = Field(500, ge=1, description="Items of one task; grows by itself so that tasks stay few.")
    max_batches: int = Field(
        150, ge=1, le=150, description="Most tasks a stage is cut into; Prefect's server loses states in larger bursts."
    )
    network_threads: int = Field(4, ge=1, le=32, description="Batches of one stage that talk to the network at once.")
    retries: int = Field(2, ge=0, description="Times a batch with passing failures is run again at once.")
    retry_delay_s: float = Field(
        35.0, ge=0, description="Seconds before a batch is run again; a host that was down is not asked for 30 s."
    )


class Settings(Room):
    """Everything a person may set, by room."""

    data_dir: Path = Field(
        Path("data/library"), description="Folder for the warehouse, artwork, timings and all else a run makes."
    )
    discovery: DiscoverySettings = DiscoverySettings()
    removal: RemovalSettings = RemovalSettings()
    probe: ProbeSettings = ProbeSettings()
    identify: IdentifySettings = IdentifySettings()
    scrape: ScrapeSettings = ScrapeSettings()
    artwork: ArtworkSettings = ArtworkSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    timings: TimingSettings = TimingSettings()
    flow: FlowSettings = FlowSettings()
