"""What a failure means in plain words, what a person can do about it, and when it is tried again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RETRY = "by reelhouse retry, or by the next refresh"
NEXT_REFRESH = "by the next refresh"


@dataclass(frozen=True)
class Advice:
    """Words about one kind of failure."""

    meaning: str
    """What happened, one sentence without its end."""
    step: str
    """What a person can do; where there is nothing to do it says so."""
    again: str
    """When, or by what, it is tried again."""

    @property
    def next_step(self) -> str:
        """Both in one line."""
        return f"{self.step}; tried again {self.again}"


_ON_CHANGE = "when the file changes, with another engine (probe.remeasure), or by reelhouse refresh --set-aside"
_SERVICE_DOWN = "Nothing, if it passes by itself; else see whether the service and your connection work"

ADVICE: Mapping[str, Advice] = {
    "RootOffline": Advice(
        "The folder is missing or does not answer, so its files were kept as they were",
        "Connect or mount the disk; if the files are gone for good: reelhouse confirm-removal FOLDER",
        NEXT_REFRESH,
    ),
    "FileVanished": Advice(
        "The file was there when its folder was listed, and was gone when it was to be read",
        "Nothing: the next refresh finds out whether it is gone or has moved",
        NEXT_REFRESH,
    ),
    "FileNotPermitted": Advice(
        "The operating system does not let this user read it",
        "Give the user who runs the refresh the right to read it (chmod, chown, or the options of the share)",
        NEXT_REFRESH,
    ),
    "ReadFailed": Advice(
        "The disk or the network share answered with an error",
        "Check cable, share and disk (dmesg, smartctl) if it comes back",
        RETRY,
    ),
    "UnreadableVideo": Advice(
        "The file is damaged, cut off, or no video",
        "Replace it by a good copy, or remove it",
        _ON_CHANGE,
    ),
    "ProbeTimedOut": Advice(
        "Reading the file took longer than it may, often because a disk or share was waking up",
        "If it comes back, allow more time with probe.deadline_s",
        RETRY,
    ),
    "ProbeCrashed": Advice(
        "The program that measures files died on this one",
        'Play it; if it is good, try the other engine: --set probe.engine=ffprobe --set probe.remeasure="other_engine"',
        _ON_CHANGE,
    ),
    "AnswerNotFound": Advice(
        "The service has nothing there (any more)",
        "If it is a title, see that the id in its name is right",
        "when the answer that is kept has grown old (scrape.max_age_days), or the name changes",
    ),
    "AnswerRefused": Advice(
        "The service refuses this request and would refuse it again",
        "See that the id or the year in the name makes sense",
        NEXT_REFRESH,
    ),
    "AnswerInvalid": Advice(
        "The service answered with something other than it promises",
        "Nothing; if it stays so, please report it",
        NEXT_REFRESH,
    ),
    "ProviderUnavailable": Advice("The service did not answer", _SERVICE_DOWN, RETRY),
    "ImageTruncated": Advice("The picture ended before its end", _SERVICE_DOWN, RETRY),
    "ImageInvalid": Advice(
        "What came is no picture, or one too large to be true",
        "Nothing: the place stays without a picture until the service has a good one",
        NEXT_REFRESH,
    ),
    "StorageFull": Advice(
        "There was no room left on the disk of the data folder", "Free some room, or move the data folder", RETRY
    ),
    "StorageNotWritable": Advice(
        "The operating system does not let us write in the data folder",
        "Make the data folder belong to the user who runs the refresh",
        NEXT_REFRESH,
    ),
    "KeyRefused": Advice(
        "The service does not accept the token",
        "Check TMDB_TOKEN at https://www.themoviedb.org/settings/api",
        NEXT_REFRESH,
    ),
    "BatchAbandoned": Advice(
        "Work on a group of items ended before it came to this one",
        "See the reason; free room if a disk is full",
        RETRY,
    ),
}
"""Class of the error, as it stands in ``failures.cause`` and ``quarantine.cause`` -> what to say about it."""

_BY_PLACE: Mapping[str, Advice] = {
    "identify": Advice(
        "Neither name nor folders say what the file is",
        "Name it, or its folder, after its title: Title (Year), or Show/Season 01/Show - S01E01",
        "when its name changes",
    ),
    "match": Advice(
        "The service knows no title that fits, or several that fit as well",
        "Put the year, or an id as {tmdb-123}, into the name of the folder",
        "when its name changes, after scrape.unmatched_retry_days, or by reelhouse refresh --set-aside",
    ),
    "runs": Advice(
        "A record of an earlier run cannot be read", "Nothing: only the history of that run is missing", "never"
    ),
}
_BY_CHECK = Advice(
    "A row does not pass the checks of its table, so it was left out",
    "Nothing; if the value in the reason is right, please report it",
    "whenever it is fetched or measured again",
)
_UNKNOWN_PASSING = Advice("It did not work this time", "See the reason", RETRY)
_UNKNOWN = Advice("It did not work", "See the reason", NEXT_REFRESH)


def advice_on_failure(cause: str, *, is_transient: bool) -> Advice:
    """What to say about an item that failed; records of other versions may name causes that are not known here."""
    return ADVICE.get(cause) or (_UNKNOWN_PASSING if is_transient else _UNKNOWN)


def advice_on_quarantine(cause: str | None, *, refused_by: str) -> Advice:
    """What to say about what was set aside, for a ``cause``, or for none by a stage or the checks of a table."""
    return ADVICE.get(cause or "") or _BY_PLACE.get(refused_by) or _BY_CHECK
