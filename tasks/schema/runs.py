"""Tables about the runs themselves: what was done, what failed, what was refused."""

from __future__ import annotations

import polars as pl

from tasks.schema.files import Time
from tasks.schema.table import Table, column

OUTCOMES = ["unchanged", "done", "quarantined", "failed", "deferred"]


class Outcomes(Table, staged_only=True):
    """What became of every item a batch touched; written by every mapped step, read by ``collect``.

    An item may stand in several parts of a batch that was run again; the row with the highest ``attempt`` holds.
    """

    stage: str = column("Stage.", key=True)
    item_id: str = column("File id, title key, title id or artwork id.", key=True)
    item: str = column("The item for people: path, title or address.")
    outcome: str = column("What became of it.", isin=OUTCOMES)
    cause: str = column("Kind of failure (class of the error); null where there was none.", nullable=True)
    reason: str = column("What happened, one sentence.", nullable=True)
    is_transient: bool = column("The same call may succeed later.")
    attempt: pl.Int64 = column("Which run of the batch this was, from 1.", key=True, ge=1)


class Costs(Table, staged_only=True):
    """What a part of a batch cost, by counter: calls, cache_hits, downloads; written by every mapped step."""

    stage: str = column("Stage.")
    counter: str = column("What was counted.")
    amount: pl.Int64 = column("How much.", ge=0)


RUN_STATES = ["running", "completed", "incomplete", "cancelled", "crashed"]


class Runs(Table):
    """One row a refresh."""

    run_id: str = column("Id of the Prefect flow run.", key=True)
    name: str = column("Name of the flow run in the Prefect UI.")
    started_at: Time = column("Start.")
    finished_at: Time = column("End.", nullable=True)
    wall_s: float = column("Time it was at work; that of retries is added.", unit="s", nullable=True, ge=0)
    state: str = column(
        "running; completed: all done; incomplete: some items failed, or a root could not be believed, and a retry or "
        "the next refresh tries again; cancelled: a person or a signal ended it; crashed: an error or a kill ended it.",
        isin=RUN_STATES,
    )
    roots: str = column("Roots, as a JSON list.")
    version: str = column("Version of reelhouse.")
    python_version: str = column("Version of Python.")
    settings: str = column("Settings, as JSON; secrets are never in them.")
    file_count: pl.Int64 = column("Video files found.", ge=0)
    probe_count: pl.Int64 = column("Files measured.", ge=0)
    call_count: pl.Int64 = column("Requests sent to metadata services.", ge=0)
    image_count: pl.Int64 = column("Pictures downloaded.", ge=0)
    task_run_count: pl.Int64 = column("Prefect task runs.", ge=0)
    peak_memory_bytes: pl.Int64 = column(
        "Largest resident memory of the flow's process, up to the load of this row.", unit="byte", nullable=True, ge=0
    )


class RunStages(Table, part_of="runs"):
    """The account of one stage of one run: total = unchanged + done + quarantined + failed + deferred."""

    run_id: str = column("Run.", key=True)
    stage: str = column("Stage.", key=True)
    total_count: pl.Int64 = column("Items the stage was responsible for.", ge=0)
    unchanged_count: pl.Int64 = column("Nothing to do.", ge=0)
    done_count: pl.Int64 = column("Done in this run.", ge=0)
    quarantined_count: pl.Int64 = column("Set aside for good, with the reason.", ge=0)
    failed_count: pl.Int64 = column("Not done; see failures.", ge=0)
    deferred_count: pl.Int64 = column("Not tried, because something it needs was missing.", ge=0)


class RunSkips(Table, part_of="runs"):
    """What discovery passed over in a run, by root and reason."""

    run_id: str = column("Run.", key=True)
    root: str = column("Root.", key=True)
    reason: str = column("Why it was passed over.", key=True)
    skip_count: pl.Int64 = column("Entries.", ge=1)
    example_path: str = column("One of them.")


ROOT_STATES = ["good", "partly unknown", "held back", "unknown"]


class RunRoots(Table, part_of="runs"):
    """How a root was found in a run, and what became of the files that were not found."""

    run_id: str = column("Run.", key=True)
    root: str = column("Root.", key=True)
    folder: str = column("Folder that was walked: the root, or the part of it that was asked for.", key=True)
    state: str = column(
        "good: what is missing was marked; partly unknown: folders in it could not be listed; held back: too much is "
        "missing, nothing was marked; unknown: it is away or looks like another disk, nothing was marked.",
        isin=ROOT_STATES,
    )
    reason: str = column("Why it is not good; null if it is.", nullable=True)
    file_count: pl.Int64 = column("Video files found.", ge=0)
    expected_count: pl.Int64 = column("Video files known before, without those already missing.", ge=0)
    new_count: pl.Int64 = column("Files seen for the first time.", ge=0)
    changed_count: pl.Int64 = column("Files with other content in their place.", ge=0)
    moved_count: pl.Int64 = column("Files found in another place than before.", ge=0)
    vanished_count: pl.Int64 = column("Files that were marked as missing.", ge=0)
    held_back_count: pl.Int64 = column("Files that were not found and not marked.", ge=0)
    profile: str = column("How it was walked: local or remote; null if it was not.", nullable=True)
    profile_reason: str = column("Why it was walked so.", nullable=True)


EVENTS = ["moved", "replaced", "vanished", "returned", "purged"]


class FileEvents(Table):
    """What happened to known files: one row a run and file. New files are told by files.first_seen_at."""

    run_id: str = column("Run.", key=True)
    file_id: str = column("File.", key=True)
    event: str = column(
        "moved: found in another place; replaced: other content in its place, or another file of the same movie or "
        "episode; vanished: marked as missing; returned: there again; purged: its rows were removed.",
        key=True,
        isin=EVENTS,
    )
    path: str = column("Path, for people.")
    earlier_path: str = column("Path before; null where it is the same.", nullable=True)
    earlier_file_id: str = column("File that was replaced, where that is another one.", nullable=True)
    proof: str = column(
        "By what the file was recognised: inode, fingerprint, content hash, path or title; null if it vanished.",
        nullable=True,
    )
    is_upgrade: bool = column(
        "Whether what replaces is better: larger picture class, else higher bit rate; null if unknown or no replacement.",
        nullable=True,
    )
    earlier_size_bytes: pl.Int64 = column("Size before.", unit="byte", nullable=True, ge=0)
    size_bytes: pl.Int64 = column("Size after.", unit="byte", nullable=True, ge=0)
    earlier_quality: str = column("Class of picture size before.", nullable=True)
    quality: str = column("Class of picture size after.", nullable=True)
    earlier_video_codec: str = column("Codec of the main video stream before.", nullable=True)
    video_codec: str = column("Codec of the main video stream after.", nullable=True)
    earlier_hdr_format: str = column("HDR kind before.", nullable=True)
    hdr_format: str = column("HDR kind after.", nullable=True)
    earlier_bitrate_bps: pl.Int64 = column("Bit rate of the whole file before.", unit="bit/s", nullable=True, ge=0)
    bitrate_bps: pl.Int64 = column("Bit rate of the whole file after.", unit="bit/s", nullable=True, ge=0)


class Failures(Table, part_of="runs"):
    """Items that failed in a run and may be tried again."""

    run_id: str = column("Run.", key=True)
    stage: str = column("Stage.", key=True)
    item_id: str = column("File id, title key, title id or artwork id.", key=True)
    item: str = column("The item for people.")
    cause: str = column("Kind of failure.")
    reason: str = column("What happened.")
    is_transient: bool = column("The same call may succeed later.")
    attempts: pl.Int64 = column("Runs of its batch.", ge=1)


class Quarantine(Table, part_of="runs"):
    """Rows and files that are set aside with the reason: refused by a check, or unreadable."""

    run_id: str = column("Run.", key=True)
    refused_by: str = column("Table whose checks refused the row, or stage that set the item aside.", key=True)
    row_key: str = column("Key of the row.", key=True)
    item: str = column("The item for people.", nullable=True)
    reason: str = column("Check that failed, with column and value.")
    cause: str = column("Kind of failure (class of the error); null where no error set it aside.", nullable=True)
    attempts: pl.Int64 = column("Runs of its batch; null for a row that a check refused.", nullable=True, ge=1)
