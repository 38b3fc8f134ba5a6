"""Faults that a test can set and lift while the stand-in runs, and the log of what was asked."""

from __future__ import annotations

import fnmatch
import threading
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.standin.search import words_of


class Fault(BaseModel):
    """What goes wrong, where, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field("*", description="Glob that the path must match: /3/movie/101, /3/search/*, /t/p/*.")
    title: str | None = Field(
        None, description="Only requests for this title: searches for these words, or details and pictures of it."
    )
    action: Literal["status", "drop", "short", "cut"] = Field(
        "status",
        description="status: answer with it; drop: close the connection without an answer; short: send half of the "
        "body and close, with the whole Content-Length; cut: send half of the body with its own Content-Length.",
    )
    status: int = Field(503, ge=400, le=599, description="HTTP status of the action status.")
    retry_after_s: int | None = Field(None, ge=0, description="Retry-After header of the action status.")
    first: int | None = Field(
        None, ge=1, description="Strike the first so many requests of each address only; else until lifted."
    )
    share: float = Field(
        1.0, gt=0, le=1, description="Strike this share of the addresses only, the same ones whenever they are asked."
    )


DOWN = Fault(action="drop")
"""Nothing is answered any more: every connection is closed on its first request."""


class Faults:
    """The faults that are set, and how often each has struck each address; safe from any thread."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Set these and lift all others; counts begin anew."""
        listed = list(faults)
        with self._lock:
            self._faults = listed
            self._struck: Counter[tuple[int, str]] = Counter()

    @property
    def know_titles(self) -> bool:
        """Whether any fault is about a title."""
        return any(fault.title is not None for fault in self._faults)

    def strike(self, path: str, address: str, titles: Iterable[str]) -> Fault | None:
        """The first fault that strikes this request; asking counts.

        Args:
            address: path and query, by which requests are counted.
            titles: what the request is about: words that are searched, or the title of what is asked for.
        """
        asked = [words_of(title) for title in titles]
        with self._lock:
            for number, fault in enumerate(self._faults):
                if not fnmatch.fnmatchcase(path, fault.path):
                    continue
                if fault.title is not None and words_of(fault.title) not in asked:
                    continue
                if zlib.crc32(f"{number} {address}".encode()) >= fault.share * 2**32:
                    continue
                if fault.first is not None and self._struck[number, address] >= fault.first:
                    continue
                self._struck[number, address] += 1
                return fault
        return None


class Entry(BaseModel):
    """One request as it came; without headers, and without a key in the address."""

    model_config = ConfigDict(frozen=True)

    method: str
    kind: str
    """configuration, search_movie, search_tv, movie, tv, season, collection, find, part, image or other."""
    address: str
    """Path and query."""
    status: int | None
    """None where the connection was dropped."""
    sent_bytes: int


class RequestLog(BaseModel):
    """What was asked since the start or the last clearing, in the order of the answers."""

    entries: list[Entry] = []
    max_concurrent: int = 0
    """Most requests at work at the same moment."""
    connections: int = 0
    """TCP connections on which clients asked; those that served control addresses only are not among them."""

    def count(self, kind: str, *, method: str = "GET", status: int | None = None) -> int:
        """Requests of a kind; ``status`` narrows it to those answered so."""
        return sum(
            e.kind == kind and e.method == method and (status is None or e.status == status) for e in self.entries
        )

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """Requests by method and kind."""
        return dict(Counter((e.method, e.kind) for e in self.entries))

    @property
    def api_count(self) -> int:
        """Requests to the API: everything but pictures."""
        return sum(e.kind != "image" for e in self.entries)

    @property
    def addresses(self) -> list[str]:
        """Paths with their queries."""
        return [e.address for e in self.entries]

    @property
    def sent_bytes(self) -> int:
        """Bytes of all bodies as sent."""
        return sum(e.sent_bytes for e in self.entries)


@dataclass
class Recorder:
    """Keeps the request log; safe from any thread."""

    _log: RequestLog = field(default_factory=RequestLog)
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """A request has come in."""
        with self._lock:
            self._running += 1
            self._log.max_concurrent = max(self._log.max_concurrent, self._running)

    def end(self, entry: Entry) -> None:
        """A request has been answered, or dropped."""
        with self._lock:
            self._running -= 1
            self._log.entries.append(entry)

    def connected(self) -> None:
        """A client asks for the first time on a connection."""
        with self._lock:
            self._log.connections += 1

    def snapshot(self) -> RequestLog:
        """The log as it stands."""
        with self._lock:
            return RequestLog(
                entries=list(self._log.entries),
                max_concurrent=self._log.max_concurrent,
                connections=self._log.connections,
            )

    def clear(self) -> None:
        """Begin a new log; requests at work now count in it when they end."""
        with self._lock:
            self._log = RequestLog(max_concurrent=self._running)
