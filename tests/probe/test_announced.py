"""What containers announce of their size, by the bytes their specifications give."""

from __future__ import annotations

import struct

import pytest

from tasks.probe.announced import announced_size
from tasks.probe.boxes import MAX_BOXES

EBML = b"\x1a\x45\xdf\xa3\x84" + bytes(4)
SEGMENT = b"\x18\x53\x80\x67"
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def a_box(kind: bytes, size: int, *, there: int | None = None) -> bytes:
    return struct.pack(">I", size) + kind + bytes((size if there is None else there) - 8)


def an_asf(file_size: int, flags: int) -> bytes:
    header = ASF + struct.pack("<QIH", 200, 1, 0x0201)
    return header + PROPERTIES + struct.pack("<Q16sQ", 104, bytes(16), file_size) + bytes(40) + struct.pack("<I", flags)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (EBML + SEGMENT + b"\x01" + (1000).to_bytes(7, "big"), 9 + 4 + 8 + 1000),
        (EBML + SEGMENT + b"\x85", 9 + 4 + 1 + 5),
        (EBML + SEGMENT + b"\x01" + b"\xff" * 7, None),
        (EBML + SEGMENT, None),
        (EBML + b"\x00" * 20, None),
        (b"\x1a\x45\xdf\xa3", None),
        (a_box(b"ftyp", 16) + a_box(b"mdat", 1000, there=20), 1016),
        (a_box(b"ftyp", 16) + struct.pack(">I", 1) + b"mdat" + struct.pack(">Q", 2**33), 16 + 2**33),
        (a_box(b"ftyp", 16) + struct.pack(">I", 0) + b"mdat" + bytes(50), 16),
        (a_box(b"ftyp", 16) + a_box(b"moov", 32) + b"ID3\x04junkjunk", 48),
        (a_box(b"ftyp", 8) * (MAX_BOXES + 1), 8 * MAX_BOXES),
        (b"RIFF" + struct.pack("<I", 500) + b"AVI LIST", 508),
        (b"RIFF" + struct.pack("<I", 4) + b"AVI " + b"RIFF" + struct.pack("<I", 700) + b"AVIX", 12 + 708),
        (b"RIFF" + struct.pack("<I", 0) + b"AVI LIST", None),
        (an_asf(4242, flags=2), 4242),
        (an_asf(4242, flags=3), None),
        (b"", None),
        (b"\x47" + bytes(187), None),
    ],
    ids=[
        "matroska", "matroska, short size", "matroska, live", "matroska, no size", "ebml, no segment", "ebml, cut",
        "mp4, cut", "mp4, 64 bit", "mp4, to the end", "mp4, junk behind", "mp4, many boxes", "avi", "avi, opendml",
        "avi, unfinished", "asf", "asf, broadcast", "nothing", "mpeg-ts",
    ],
)  # fmt: skip
def test_the_size_is_what_the_specification_says(data, expected):
    """
    The container's own sum, and nothing where it makes none.
    """
    assert expected == announced_size(lambda size, offset: data[offset : offset + size])
