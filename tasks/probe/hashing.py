"""An engine that reads what a file holds, not what it means: its fingerprint and, if asked, a hash of all of it.

Runs in worker processes like the engines that measure videos: a disk that does not answer costs a worker, not the run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from tasks.probe.facts import Facts
from tasks.probe.fingerprint import fingerprint
from tasks.probe.opened import with_content

BLOCK_BYTES = 8 * 1024**2
"""Read at once: long enough for disks to stream, and a small part of what a worker may take."""


BEATS = True
"""A film of 50 GB takes minutes, or hours over a slow network: no deadline fits that, but every block has one."""


class Content(Facts, total=False):
    """What was read of a file; size and times are those of the moment after it was read."""

    content_hash: str | None


def measure(path: bytes, *, is_whole: bool, beat: Callable[[], None] = lambda: None) -> Content:
    """Fingerprint of the file at ``path``, and its content's hash if ``is_whole``; what is wrong is its ``failure``.

    Args:
        beat: called after each block of content that was read.
    """
    found: Content = {"failure": None, "content_hash": None}

    def read(descriptor: int) -> None:
        size_bytes = found["size_bytes"]
        found["fingerprint"] = fingerprint(lambda size, offset: os.pread(descriptor, size, offset), size_bytes)
        if is_whole:
            found["content_hash"] = content_hash(descriptor, size_bytes, beat)
        after = os.fstat(descriptor)
        found["size_bytes"], found["mtime_ns"], found["ctime_ns"] = after.st_size, after.st_mtime_ns, after.st_ctime_ns

    with_content(path, found, read)
    return found


def content_hash(descriptor: int, size_bytes: int, beat: Callable[[], None]) -> str:
    """BLAKE2b of the first ``size_bytes`` of an open file as 32 hexadecimal digits, as ``b2sum -l 128`` gives it.

    What was read is given back to the system at once: a night of hashing does not drive out of memory what people use.

    Raises:
        OSError: the disk does not answer.
    """
    found = hashlib.blake2b(digest_size=16)
    block = memoryview(bytearray(min(BLOCK_BYTES, size_bytes)))
    offset = 0
    while offset < size_bytes and (count := os.preadv(descriptor, [block[: size_bytes - offset]], offset)):
        found.update(block[:count])
        if hasattr(os, "posix_fadvise"):  # macOS has none
            os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_DONTNEED)
        offset += count
        beat()
    return found.hexdigest()
