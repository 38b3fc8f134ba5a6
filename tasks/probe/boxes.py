"""The boxes of an MP4 file (ISO/IEC 14496-12, section 4.2), read a few bytes at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Read = Callable[[int, int], bytes]
"""``read(size, offset)``: up to ``size`` bytes from ``offset``, fewer at the end of the file; as ``os.pread``."""

MAX_BOXES = 64
"""Boxes that are followed, of a file or within one box."""
TOP_BOXES = frozenset(
    b"ftyp styp moov mdat moof mfra sidx ssix free skip wide meta uuid udta pdin prft emsg pnot".split()
)
"""Names of the boxes that stand at the top of the file."""


def boxes(read: Read, at: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of the content of the boxes from ``at`` up to ``end``, at most ``MAX_BOXES``.

    Stops at the first that cannot be one, or that reaches to the end of the file without a size. The end is the stated
    one: the file may be shorter.

    Raises:
        OSError: the disk did not answer.
    """
    for _ in range(MAX_BOXES):
        head = read(16, at)
        if len(head) < 8 or (end is not None and at + 8 > end):
            return
        size, start = int.from_bytes(head[:4], "big"), at + 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:], "big"), at + 16
        if size < 8:  # 0 reaches to the end of the file, the rest is not allowed
            return
        yield head[4:8], start, at + size
        at += size
