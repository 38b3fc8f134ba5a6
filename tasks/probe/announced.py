"""How many bytes a file must have by what its container announces: a cheap way to see that the end is missing.

A few reads of some bytes each, never a walk through the file. What can be told:

* Matroska, WebM: the segment states its size, unless it was written as a live stream (RFC 8794, section 6.2).
* MP4, MOV: the top-level boxes form a chain (ISO/IEC 14496-12, section 4.2); followed for ``MAX_BOXES`` boxes, which is
  all of them but in long fragmented files.
* AVI: the RIFF chunks form a chain (OpenDML 1.02).
* ASF, WMV: the file properties state the size, unless they mark a broadcast (ASF specification, section 3.2).

MPEG streams (ts, m2ts, mpg, vob), FLV and Ogg announce nothing: without its end such a file is a whole shorter one.
"""

from __future__ import annotations

import struct

from tasks.probe.boxes import MAX_BOXES, TOP_BOXES, Read, boxes

_HEAD_BYTES = 4_096
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
"""GUID of the header object, which every ASF file begins with."""
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def announced_size(read: Read) -> int | None:
    """Bytes the file must at least have; ``None`` where its container does not say.

    Raises:
        OSError: the disk did not answer.
    """
    head = read(_HEAD_BYTES, 0)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _matroska(head)
    if head[:4] == b"RIFF":
        return _riff(read)
    if head.startswith(ASF_HEADER):
        return _asf(head)
    if head[4:8] in TOP_BOXES:
        return _mp4(read)
    return None


def _matroska(head: bytes) -> int | None:
    header = _size(head, 4)
    if header is None:
        return None
    segment_at = header[1] + header[0]
    if head[segment_at : segment_at + 4] != b"\x18\x53\x80\x67":
        return None
    segment = _size(head, segment_at + 4)
    return None if segment is None else segment[1] + segment[0]


def _size(data: bytes, at: int) -> tuple[int, int] | None:
    """An EBML size and the offset behind it; ``None`` for an unknown size (all bits set) or missing bytes."""
    if at >= len(data) or data[at] == 0:
        return None
    length = 9 - data[at].bit_length()
    if at + length > len(data):
        return None
    bits = 7 * length
    value = int.from_bytes(data[at : at + length], "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else (value, at + length)


def _mp4(read: Read) -> int | None:
    size_bytes = None
    for name, _, end in boxes(read):
        if name not in TOP_BOXES:
            break
        size_bytes = end
    return size_bytes


def _riff(read: Read) -> int | None:
    at = 0
    for _ in range(MAX_BOXES):
        chunk = read(8, at)
        if len(chunk) < 8 or chunk[:4] != b"RIFF":
            return at or None
        size = int.from_bytes(chunk[4:], "little")
        if size in (0, 0xFFFFFFFF):  # never filled in: the writer did not come to its end
            return at or None
        at += 8 + size
    return at


def _asf(head: bytes) -> int | None:
    at = 30
    while at + 92 <= len(head):
        guid, size = head[at : at + 16], int.from_bytes(head[at + 16 : at + 24], "little")
        if guid == _ASF_FILE_PROPERTIES:
            (file_size,) = struct.unpack_from("<Q", head, at + 40)
            is_broadcast = head[at + 88] & 1
            return None if is_broadcast or not file_size else int(file_size)
        if size < 24:
            return None
        at += size
    return None
