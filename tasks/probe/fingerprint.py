"""Fingerprint of a file: a hash of its size, beginning, middle and end, by which a moved or copied file is known again.

Three short reads whatever the size. Two films of one size to the byte whose heads, middles and ends are equal too are
the same film for all that was ever seen; who wants a proof lets the whole content be hashed (``tasks.probe.hashing``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

SCHEME = "a"
"""First letter of every fingerprint. Whoever changes what is read changes it, so that fingerprints of different schemes
are never equal."""

BLOCK_BYTES = 8 * 1024
"""Read in each place. Three times 8 KiB cost 35 us of CPU a file beside the 1,000 us of a probe, three times 16 KiB
65 us, 4 KiB 20 us; parts of DVDs, all of one size, are what asks for more than the least."""


def fingerprint(read: Callable[[int, int], bytes], size_bytes: int) -> str:
    """The fingerprint of a file of ``size_bytes``: a letter for the scheme and 32 hexadecimal digits.

    A file of up to three blocks is read whole, in one read; a larger one in three.

    Args:
        read: gives up to ``size`` bytes from ``offset``, as ``os.pread``; called with (size, offset).

    Raises:
        OSError: what ``read`` raises.
    """
    found = hashlib.blake2b(b"%d:" % size_bytes, digest_size=16)
    if size_bytes <= 3 * BLOCK_BYTES:
        found.update(_whole(read, size_bytes, 0))
    else:
        for offset in (0, (size_bytes - BLOCK_BYTES) // 2, size_bytes - BLOCK_BYTES):
            found.update(_whole(read, BLOCK_BYTES, offset))
    return SCHEME + found.hexdigest()


def _whole(read: Callable[[int, int], bytes], size: int, offset: int) -> bytes:
    """``size`` bytes from ``offset``, fewer only where the file ends; a network share may give them in pieces."""
    block = read(size, offset) if size else b""
    while block and len(block) < size and (more := read(size - len(block), offset + len(block))):
        block += more
    return block
