"""Settings of every room: one frozen model each, with the effect of every value said where it is defined.

Values come from ``reelhouse.toml``, the environment and the command line (``flows/parameters.py``), are checked here,
and travel down as arguments. Defaults do the job with no configuration at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from tasks.core.machine import core_count

VIDEO_EXTENSIONS: tuple[str, ...] = (
    ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mk3d", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv",
)  # fmt: skip

IGNORED_FOLDERS: tuple[str, ...] = (
    "$RECYCLE.BIN", "@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "System Volume Information",
    "lost+found", "sample", "samples",
)  # fmt: skip

MOST_WORKERS = 64
MOST_CONNECTIONS = 20
LEAST_WORKER_MEMORY_BYTES = 512 * 1024**2
"""A worker maps 230 MiB before it opens a file, of which it uses 45."""
LEAST_LOAD_MEMORY_BYTES = 64 * 1024**2

MOST_TASK_RUNS = 1_000
"""Task runs of one run, whatever the library's size: Prefect's server loses states in bursts three times as large."""
SINGLE_STEPS = 40
"""Set aside of these for the steps that work on everything at once; there are about fourteen."""
MOST_BATCHES: Mapping[str, int] = {
    "discover": 16, "fingerprint": 50, "probe": 150, "hash": 144, "identify": 100, "match": 150, "scrape": 150,
    "collections": 50, "artwork": 150,
}  # fmt: skip
"""Share of every stage in the rest: most for those that take longest for a large library."""

Lower = Annotated[str, Field(pattern=r"^\.[a-z0-9]+$")]


def _plain_name(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError("a name of a file without folders, as .reelhouse")
    return name


FileName = Annotated[str, AfterValidator(_plain_name)]


def _number_in_text(value: object) -> object:
    """What the environment gives is text, which a choice of numbers does not take."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _argument(text: str) -> str:
    if "\0" in text:
        raise ValueError("text that a program can be given, without the character NUL")
    return text


Argument = Annotated[str, AfterValidator(_argument)]


class Room(BaseModel):
    """Base of the settings: frozen, and a misspelled name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    adaptive: ClassVar[frozenset[str]] = frozenset()
    """Settings that a refresh chooses for itself (``tasks.plan.adapt``) where nobody has set them.

    Their defaults hold where nothing chooses, as in ``reelhouse probe``. They come from factories: a form made from the
    settings must not fill them in, as that would set them.
    """

    def is_set(self, name: str) -> bool:
        """Whether somebody has set it, or a refresh has chosen it."""
        return name in self.model_fields_set

    @model_serializer(mode="wrap")
    def _without_what_nobody_has_set(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is still to be chosen, so that it is so, too, when it is read again: for a retry, say."""
        values: dict[str, Any] = dump(self)
        open_names = self.adaptive - self.model_fields_set
        return {name: value for name, value in values.items() if name not in open_names}


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
    walker: Literal["scandir", "listdir"] = Field(
        "scandir",
        description="For comparisons: read a folder with the facts of its files (scandir), or its names first and then "
        "each file by itself (listdir).",
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

    adaptive = frozenset({"workers", "remote_workers", "worker_memory_bytes"})

    engine: Literal["pyav", "ffprobe"] = Field(
        "pyav", description="What measures: FFmpeg's libraries in worker processes (pyav), or the program ffprobe."
    )
    ffprobe: str = Field("ffprobe", description="The program ffprobe: a name on the path, or a path.")
    ffprobe_calls: Annotated[Literal[1, 3], BeforeValidator(_number_in_text)] = Field(
        1, description="For comparisons: calls of ffprobe a file, all it is asked at once or one after the other."
    )
    ffprobe_for_unknown: bool = Field(
        True, description="Measure with ffprobe, where it is installed, the files of which pyav lacks a decoder."
    )
    remeasure: Literal["changed", "unreadable", "other_engine"] = Field(
        "changed",
        description="Measure again: files that changed; also those that could not be read (unreadable), or that "
        "another engine or version measured (other_engine).",
    )
    full_hash: bool = Field(
        False, description="Read every file whole, once, for a hash of its content: moves and copies are then certain."
    )
    reuse_warehouses: tuple[Path, ...] = Field(
        (), description="Other warehouses whose measurements of the same content are taken over."
    )

    workers: int = Field(
        default_factory=lambda: min(MOST_WORKERS, core_count()),
        ge=1,
        le=MOST_WORKERS,
        description="Worker processes. If not set: one a core, two a turning disk, remote_workers on network shares, "
        "fewer for few files or little memory.",
    )
    remote_workers: int = Field(
        default_factory=lambda: 8,
        ge=1,
        le=MOST_WORKERS,
        description="Worker processes for files on network shares, where waiting is most of the work; 8 if not set.",
    )
    worker_memory_bytes: int = Field(
        default_factory=lambda: 2 * 1024**3,
        ge=LEAST_WORKER_MEMORY_BYTES,
        description="Address space of a worker; a file that asks for more is refused and the worker goes on. If not "
        "set: 2 GiB, less where flow.memory_limit_bytes asks for it.",
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

    adaptive = frozenset({"connections"})

    base_url: str = Field(
        "https://api.themoviedb.org/3",
        pattern=r"^https?://[^/\s]+(/\S*)?$",
        description="Address of TMDB's API, or of a stand-in.",
    )
    language: str = Field("en-US", pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="Language of titles and texts.")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="Country whose age ratings are kept.")
    rate_hz: float = Field(40.0, gt=0, description="Requests a second; TMDB allows about 40 to 50.")
    connections: int = Field(
        default_factory=lambda: 8,
        ge=1,
        le=MOST_CONNECTIONS,
        description="Requests in flight. If not set: 8, more where past answers took so long that 8 do not keep the "
        "pace.",
    )
    pace_folder: Path | None = Field(
        None,
        description="Folder, the same for all, where processes that ask at the same time agree on rate_hz together; "
        "with flow.runner dask it is set by itself.",
    )
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
    requests: Literal["appended", "separate"] = Field(
        "appended", description="For comparisons: ask for a title in one request, or for each part of it in its own."
    )
    season_requests: Literal["once", "twice"] = Field(
        "once", description="For comparisons: ask for each season once, or list them all first and then each again."
    )
    keep_answers: bool = Field(
        True, description="For comparisons: false asks again whatever is needed again, also within a run."
    )
    clients: Literal["shared", "per_request"] = Field(
        "shared", description="For comparisons: one HTTP client a host, or a new one for every request."
    )


class ArtworkSettings(Room):
    """Which pictures are fetched."""

    adaptive = frozenset({"connections"})

    enabled: bool = Field(True, description="Fetch artwork at all.")
    per_kind: int = Field(1, ge=1, le=20, description="Pictures of one kind for each title, season or episode.")
    stills: bool = Field(True, description="Fetch a still for every episode that is in the library.")
    size: str = Field(
        "original", pattern=r"^(original|w\d+|h\d+)$", description="TMDB's name of a size; full size by default."
    )
    connections: int = Field(
        default_factory=lambda: 8,
        ge=1,
        le=MOST_CONNECTIONS,
        description="Downloads at the same time. If not set: 8, fewer where flow.memory_limit_bytes asks for it.",
    )
    timeout_s: float = Field(60.0, gt=0, description="Seconds without data after which a download is given up.")
    attempts: int = Field(4, ge=1, description="Tries of one download before it counts as failed.")
    backoff_s: float = Field(0.5, ge=0, description="Seconds before the second try; doubled for each further one.")
    max_size_bytes: int = Field(50 * 1024**2, gt=0, description="Largest picture that is accepted.")
    thumbnails_first: bool = Field(
        False, description="For comparisons: fetch every picture small before it is fetched in its size."
    )
    clients: Literal["shared", "per_request"] = Field(
        "shared", description="For comparisons: one HTTP client a host, or a new one for every request."
    )


class WarehouseSettings(Room):
    """How the warehouse is written."""

    adaptive = frozenset({"threads", "memory_bytes"})

    threads: int = Field(
        default_factory=lambda: min(256, core_count()),
        ge=1,
        le=256,
        description="Threads of DuckDB while it loads; one a core if not set.",
    )
    memory_bytes: int = Field(
        default_factory=lambda: 512 * 1024**2,
        ge=LEAST_LOAD_MEMORY_BYTES,
        description="Memory DuckDB may use while it loads; more is faster from 1 M files on. If not set: 512 MiB, less "
        "where flow.memory_limit_bytes asks for it.",
    )
    insert: Literal["tables", "rows"] = Field(
        "tables", description="For comparisons: a statement for all rows of a table, or a transaction for each row."
    )
    look_up_people: bool = Field(
        False, description="For comparisons: with insert rows, look every person up before its row is written."
    )


class TimingSettings(Room):
    """How run timings are kept."""

    flush_every_s: float = Field(2.0, gt=0, description="Seconds between writes; at most this much is lost by kill -9.")


class BatchSizes(Room):
    """Items of one task of a stage; chosen for each stage that is not named, unless ``batch_size`` says it for all."""

    fingerprint: int | None = Field(None, ge=1, description="Files that are read a little in one task.")
    probe: int | None = Field(None, ge=1, description="Files that are measured in one task.")
    hash: int | None = Field(None, ge=1, description="Files that are read whole in one task.")
    identify: int | None = Field(None, ge=1, description="Names that are read in one task.")
    match: int | None = Field(None, ge=1, description="Titles that are looked for in one task.")
    scrape: int | None = Field(None, ge=1, description="Titles that are fetched in one task.")
    collections: int | None = Field(None, ge=1, description="Collections that are fetched in one task.")
    artwork: int | None = Field(None, ge=1, description="Pictures that are fetched in one task.")


class FlowSettings(Room):
    """How the work is cut up for Prefect, and how much of it is done at once."""

    adaptive = frozenset({"batch_size", "disk_threads", "network_threads"})

    batch_size: int = Field(
        default_factory=lambda: 500,
        ge=1,
        description="Items of one task, of every stage. If not set, chosen for each stage so that a task takes about "
        "half a minute, by what items cost in past runs. Grows by itself so that tasks stay few.",
    )
    batch_sizes: BatchSizes = BatchSizes()
    max_batches: int = Field(
        150,
        ge=1,
        le=150,
        description="Most tasks any stage is cut into, so that a run has at most 1,000; Prefect's server loses states "
        "in larger bursts.",
    )
    runner: Literal["threads", "dask"] = Field(
        "threads",
        description="Where batches are worked on: in threads of this process, or by workers of a Dask cluster.",
    )
    dask_scheduler: str | None = Field(
        None, pattern=r"^(tcp|tls)://\S+:\d+$", description="Address of that cluster's scheduler: tcp://host:8786."
    )
    disk_threads: int = Field(
        default_factory=lambda: 2,
        ge=1,
        le=8,
        description="Batches of one stage that read the disk at once: while one is being saved, the other keeps the "
        "workers busy. 2 if not set.",
    )
    network_threads: int = Field(
        default_factory=lambda: 4,
        ge=1,
        le=32,
        description="Batches of one stage that talk to the network at once; 4 if not set, fewer where "
        "memory_limit_bytes asks for it.",
    )
    artifact_keys: str = Field(
        "refresh",
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        description="How the keys of a run's artifacts in the Prefect UI begin; another for each library on one server "
        "keeps their reports and posters apart.",
    )
    memory_limit_bytes: int | None = Field(
        None,
        ge=LEAST_WORKER_MEMORY_BYTES,
        description="Memory the run's process and its workers may take together; workers, batches and the load are "
        "chosen to keep it. A Prefect server that is started for the run takes about 300 MiB beside it.",
    )
    retries: int = Field(2, ge=0, description="Times a batch with passing failures is run again at once.")
    retry_delay_s: float = Field(
        35.0, ge=0, description="Seconds before a batch is run again; a host that was down is not asked for 30 s."
    )

    def batch_size_of(self, stage: str) -> int:
        """Items of one task of ``stage``."""
        named: int | None = getattr(self.batch_sizes, stage)
        return self.batch_size if named is None else named

    def most_batches_of(self, stage: str) -> int:
        """Most tasks of ``stage``, so that all stages together stay below what Prefect's server keeps up with."""
        return min(self.max_batches, MOST_BATCHES[stage])


class NotifySettings(Room):
    """Who is told how a run ended; addresses hold secrets and come from NOTIFY_URLS, never from a setting."""

    on: Literal["failure", "always", "never"] = Field(
        "failure", description="Tell of runs that did not complete (failure), of all (always), or of none (never)."
    )
    command: tuple[Argument, ...] = Field(
        (), description="Program and arguments to run then; it gets the run as JSON on its standard input. No secrets."
    )
    timeout_s: float = Field(
        20.0, gt=0, le=600, description="Seconds for all addresses together, and for the command; then both are ended."
    )


class ServeSettings(Room):
    """What runs by itself."""

    roots: tuple[str, ...] = Field((), description="Folders that `reelhouse serve` refreshes.")
    cron: str = Field("0 3 * * *", description="When, in cron's five fields; every night at three by default.")
    timezone: str | None = Field(None, description="Zone of that time, as Europe/Berlin; this computer's by default.")
    port: int = Field(4200, ge=1, le=65_535, description="Port of the Prefect UI, on the loopback address.")


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
    serve: ServeSettings = ServeSettings()
    notify: NotifySettings = NotifySettings()
