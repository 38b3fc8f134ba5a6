"""Raw answers of services, gzipped in one SQLite file: cache, point to resume from, and proof of what was said.

Nothing is parsed here. A row is kept for at most six months, which the terms of TMDB set as the limit
(https://www.themoviedb.org/api-terms-of-use, read November 2026).
"""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tasks.core.clock import utc_now
from tasks.core.errors import AnswerInvalid, StorageFull, StorageNotWritable
from tasks.core.ids import digest

KEEP = timedelta(days=180)
FILE_NAME = "responses.sqlite"
MAX_UNPACKED_BYTES = 256 * 1024**2
"""A longest running show with all its seasons has a few megabytes; more than this is an attack."""
_FLUSH_ROWS = 200
_FLUSH_AFTER_S = 1.0
_FORMAT = 1

_TABLE = """
CREATE TABLE IF NOT EXISTS responses (
    request_key TEXT PRIMARY KEY,
    provider    TEXT NOT NULL,
    url         TEXT NOT NULL,     -- without secrets
    status      INTEGER NOT NULL,
    etag        TEXT,
    fetched_at  REAL NOT NULL,     -- Unix time, seconds
    expires_at  REAL NOT NULL,     -- Unix time, seconds
    body        BLOB NOT NULL      -- gzip
) WITHOUT ROWID
"""


def request_key(url: str) -> str:
    """Key of the answer to a GET of ``url``, which holds no secret."""
    return digest("GET", url)


@dataclass(frozen=True)
class Answer:
    """One answer as it came."""

    provider: str
    url: str
    """Without secrets."""
    status: int
    etag: str | None
    fetched_at: datetime
    packed: bytes = field(repr=False)
    """The body, gzipped."""

    @property
    def expires_at(self) -> datetime:
        """When it has to be deleted."""
        return self.fetched_at + KEEP

    @property
    def sources(self) -> tuple[Answer, ...]:
        """The single answers that it is made of, of one request each: itself, for all but joined ones."""
        return (self,)

    def body(self) -> bytes:
        """The body, unpacked.

        Raises:
            AnswerInvalid: it is damaged, or unpacks to more than any answer is.
        """
        unpacker = zlib.decompressobj(wbits=31)  # 31: gzip, with its checksum
        try:
            body = unpacker.decompress(self.packed, MAX_UNPACKED_BYTES)
        except zlib.error as exc:
            raise AnswerInvalid(item=self.url, reason=f"the packed answer is damaged: {exc}") from exc
        if not unpacker.eof:
            raise AnswerInvalid(item=self.url, reason="the packed answer is cut off or larger than any answer is")
        return body

    def document(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            AnswerInvalid: there is none.
        """
        try:
            document = orjson.loads(self.body())
        except orjson.JSONDecodeError as exc:
            raise AnswerInvalid(item=self.url, reason=f"the answer is no JSON: {exc}") from exc
        if not isinstance(document, dict):
            raise AnswerInvalid(item=self.url, reason="the answer is no JSON object")
        return document

    def row(self) -> dict[str, Any]:
        """The row of table ``responses``."""
        return {
            "request_key": request_key(self.url),
            "provider": self.provider,
            "url": self.url,
            "status": self.status,
            "etag": self.etag,
            # The last four bytes of a gzip member are the length of what it holds (RFC 1952, ISIZE).
            "body_size_bytes": int.from_bytes(self.packed[-4:], "little"),
            "fetched_at": self.fetched_at,
            "expires_at": self.expires_at,
        }


class Store:
    """The answers of one data folder; safe to use from any thread.

    Rows are committed in batches: ``kill -9`` loses those of the last second, which are simply asked for again. A file
    that is no database (a disk failed, a machine lost power) is set aside, and an empty one takes its place.

    Args:
        is_shared: processes on several machines use the folder at the same time. SQLite's write-ahead log, which is
            faster, needs memory that all of them share, and so one machine (https://www.sqlite.org/wal.html); its
            rollback journal needs no more than locks that hold on the storage. All must say the same.

    Raises:
        StorageFull: in every method that writes, when the disk is full.
    """

    def __init__(self, folder: Path, *, is_shared: bool = False) -> None:
        self.path = folder / FILE_NAME
        self._is_shared = is_shared
        self._lock = threading.Lock()
        self._pending: dict[str, Answer] = {}
        self._flushed_at = utc_now()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError):
                _raise_if_not_writable(exc, self.path)
                raise
            self._set_aside()
            self._connection = self._open()

    def get(self, url: str) -> Answer | None:
        """The answer that is kept for ``url``, however old."""
        key = request_key(url)
        with self._lock:
            if key in self._pending:
                return self._pending[key]
            try:
                row = self._connection.execute(
                    "SELECT provider, url, status, etag, fetched_at, body FROM responses WHERE request_key = ?", (key,)
                ).fetchone()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # a damaged page: the row is lost, and asked for again
                return None
        if row is None:
            return None
        provider, kept_url, status, etag, fetched_at, body = row
        return Answer(provider, kept_url, status, etag, datetime.fromtimestamp(fetched_at, UTC), body)

    def put(self, answer: Answer) -> bool:
        """Keep ``answer`` in place of an earlier one; says whether it is time to :meth:`flush`."""
        with self._lock:
            self._pending[request_key(answer.url)] = answer
            waited_s = (utc_now() - self._flushed_at).total_seconds()
            return len(self._pending) >= _FLUSH_ROWS or waited_s >= _FLUSH_AFTER_S

    def alias(self, answer: Answer, url: str) -> None:
        """Keep ``answer`` also as the answer to ``url``, which the service would answer the same."""
        self.put(replace(answer, url=url))

    def forget(self, url: str) -> None:
        """Drop the answer to ``url``: it turned out not to be one, and must be asked for again."""
        key = request_key(url)
        with self._lock:
            self._pending.pop(key, None)
            self._write("DELETE FROM responses WHERE request_key = ?", [(key,)])

    def flush(self) -> None:
        """Commit what is pending."""
        with self._lock:
            self._flushed_at = utc_now()
            if not self._pending:
                return
            rows = [
                (
                    key,
                    a.provider,
                    a.url,
                    a.status,
                    a.etag,
                    a.fetched_at.timestamp(),
                    a.expires_at.timestamp(),
                    a.packed,
                )
                for key, a in self._pending.items()
            ]
            self._write("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._pending.clear()

    def close(self) -> None:
        """Commit what is pending and let go of the file."""
        try:
            self.flush()
        finally:
            self._connection.close()

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            with self._connection:
                self._connection.executemany(statement, rows)
        except sqlite3.OperationalError as exc:
            _raise_if_not_writable(exc, self.path)
            raise

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _FORMAT):
                raise sqlite3.DatabaseError(f"format {version} of another version of reelhouse")
            if self._is_shared:
                connection.execute("PRAGMA journal_mode=DELETE")
                connection.execute("PRAGMA synchronous=FULL")  # without a log, less may cost the file
            else:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")  # safe against kill -9; no power may cost a cache row
            with connection:
                connection.execute(_TABLE)
                connection.execute(f"PRAGMA user_version={_FORMAT}")
                connection.execute("DELETE FROM responses WHERE expires_at < ?", (utc_now().timestamp(),))
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            damaged = self.path.with_name(f"{FILE_NAME}{suffix}")
            if damaged.exists():
                damaged.replace(self.path.with_name(f"{FILE_NAME}.damaged{suffix}"))


def pack(body: bytes) -> bytes:
    """``body`` gzipped, quickly; equal bodies give equal bytes."""
    return gzip.compress(body, compresslevel=1, mtime=0)


def _raise_if_not_writable(exc: sqlite3.OperationalError, path: Path) -> None:
    """SQLite tells a full disk in two ways: as such, and as an input/output error of its shared memory file."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    no_space = code == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < 1024**2
    if code == sqlite3.SQLITE_FULL or no_space:
        raise StorageFull(f"no space left for {path}; free some and run again") from exc
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        raise StorageNotWritable(f"{path} cannot be written ({exc}); give this user the right and run again") from exc
