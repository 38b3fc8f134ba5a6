"""Open a file for an engine: refuse what is no file, note what the disk says of it, tell the failures apart.

What is the same for every engine stands here, once.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from tasks.probe.announced import announced_size
from tasks.probe.encryption import encrypted_kinds
from tasks.probe.facts import Facts, Failure, clean_text
from tasks.probe.fingerprint import BLOCK_BYTES, fingerprint

FORMATS = (
    "asf,av1,avi,dv,flv,gxf,h264,hevc,ivf,live_flv,m4v,matroska,mov,mpeg,mpegts,mpegvideo,mxf,nsv,nut,obu,ogg,rm,"
    "vc1,vvc,webm,wtv"
)
"""Demuxers that may be used: containers of video. Without this a text ``ffconcat`` named .mkv opens the files it names,
and subtitles and pictures count as videos."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Refused(Exception):
    """The engine gave no facts; the message is its reason."""

    def __init__(self, reason: str, cause: str = "unreadable") -> None:
        super().__init__(reason)
        self.cause = cause


def measured(path: bytes, facts: Facts, read: Callable[[Facts], None]) -> Facts:
    """``facts`` with what the disk says of the file at ``path`` and what ``read`` adds to them.

    Whatever is wrong with the file stands in ``failure``; nothing is raised. ``read`` is called for files with content
    only and raises ``Refused`` where the engine cannot read it.
    """
    return with_content(path, facts, lambda descriptor: _read_open(path, descriptor, facts, read))


def with_content(path: bytes, facts: Facts, read: Callable[[int], None]) -> Facts:
    """``facts`` with what the disk says of the file at ``path``; ``read`` gets its descriptor if it has content.

    What is no file, is empty, or cannot be read stands in ``failure``; errors of the system are not raised.
    """
    try:
        kind = os.stat(path)  # noqa: PTH116 - before opening: opening a pipe waits, opening a device may act
        if not stat.S_ISREG(kind.st_mode):
            facts["failure"] = Failure(cause="unreadable", reason=f"not a file but {_kind(kind.st_mode)}")
            _note(facts, kind)
            return facts
        descriptor = os.open(path, _FLAGS)
        try:
            _note(facts, os.fstat(descriptor))
            if facts["size_bytes"]:
                read(descriptor)
            else:
                facts["failure"] = Failure(cause="unreadable", reason="empty file")
        finally:
            os.close(descriptor)
    except OSError as exc:
        facts["failure"] = _system_failure(exc)
    return facts


def _note(facts: Facts, at: os.stat_result) -> None:
    facts["size_bytes"], facts["inode"] = at.st_size, at.st_ino
    facts["mtime_ns"], facts["ctime_ns"] = at.st_mtime_ns, at.st_ctime_ns


def _read_open(path: bytes, descriptor: int, facts: Facts, read: Callable[[Facts], None]) -> None:
    size_bytes = facts["size_bytes"]

    head = os.pread(descriptor, BLOCK_BYTES, 0)  # all of them begin there: read once

    def pread(size: int, offset: int) -> bytes:
        if offset >= 0 and offset + size <= len(head):
            return head[offset : offset + size]
        # Damaged containers name offsets that no file has.
        return os.pread(descriptor, size, offset) if 0 <= offset < size_bytes else b""

    facts["announced_size_bytes"] = announced_size(pread)
    facts["encrypted"] = encrypted_kinds(pread)
    try:
        facts["fingerprint"] = fingerprint(pread, size_bytes)
    except OSError:
        facts["fingerprint"] = None
    try:
        read(facts)
    except Refused as exc:
        # FFmpeg says "input/output error" and "not permitted" of damaged content too: the disk itself is asked again.
        _ask_again(path, descriptor, size_bytes)
        facts["failure"] = Failure(cause=exc.cause, reason=str(exc))  # type: ignore[typeddict-item]
    except Exception as exc:  # a defect of the engine is one file's row, never a lost batch
        facts["failure"] = Failure(cause="unreadable", reason=clean_text(f"{type(exc).__name__}: {exc}"))


def _ask_again(path: bytes, descriptor: int, size_bytes: int) -> None:
    """Nothing, if the file is still there and can be read.

    Raises:
        OSError: it is gone, closed to us, or its disk does not answer.
    """
    os.close(os.open(path, _FLAGS))
    os.pread(descriptor, 4_096, max(0, size_bytes - 4_096))


def _system_failure(exc: OSError) -> Failure:
    said = exc.strerror or str(exc)
    if isinstance(exc, FileNotFoundError | NotADirectoryError):
        return Failure(cause="vanished", reason="there is no file at this path any more")
    if isinstance(exc, PermissionError):
        return Failure(cause="not_permitted", reason="permission denied; give this user the right to read it")
    if exc.errno in (errno.ELOOP, errno.ENAMETOOLONG):
        return Failure(cause="unreadable", reason=said)
    return Failure(cause="read_failed", reason=said)


def _kind(mode: int) -> str:
    for is_kind, words in (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if is_kind(mode):
            return words
    return "something else"
