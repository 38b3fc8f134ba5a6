"""Which kinds of streams of a file are encrypted, by what its container says: engines pass this over.

* MP4, MOV: the sample entries of protected tracks are called ``encv``, ``enca``, ``enct`` (ISO/IEC 14496-12, section
  8.12) or, of Apple's FairPlay, ``drmi``, ``drms``.
* ASF, WMV: the header has a content encryption object (ASF specification, sections 3.14 and 3.15).

Of Matroska FFmpeg gives the tag ``enc_key_id``; ``normalise`` reads that.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.probe.announced import BOXES, MAX_BOXES, Read

_PROTECTED = {
    b"encv": "video", b"drmi": "video", b"enca": "audio", b"drms": "audio", b"enct": "subtitle", b"encs": "subtitle",
}  # fmt: skip
_WAY = (b"mdia", b"minf", b"stbl", b"stsd")
_TRACK_BYTES = 4_096
"""Bytes read of a track: its sample entry stands before the long tables."""
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_ENCRYPTION = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)


def encrypted_kinds(read: Read) -> list[str]:
    """The kinds of streams (video, audio, subtitle) of which at least one is encrypted, sorted; mostly none.

    Raises:
        OSError: the disk did not answer.
    """
    head = read(16, 0)
    if head == _ASF_HEADER:
        header = read(_TRACK_BYTES, 0)
        return ["audio", "video"] if any(guid in header for guid in _ASF_ENCRYPTION) else []
    if head[4:8] not in BOXES:
        return []
    for name, start, end in _boxes(read, 0, None):
        if name == b"moov":
            tracks = [_sample_entry(read, a, b) for inner, a, b in _boxes(read, start, end) if inner == b"trak"]
            return sorted({_PROTECTED[entry] for entry in tracks if entry in _PROTECTED})
    return []


def _boxes(read: Read, at: int, end: int | None) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of the content of the boxes from ``at``; stops at the first that cannot be one."""
    for _ in range(MAX_BOXES):
        head = read(16, at)
        if len(head) < 8 or (end is not None and at + 8 > end):
            return
        size, start = int.from_bytes(head[:4], "big"), at + 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:], "big"), at + 16
        if size < 8:
            return
        yield head[4:8], start, at + size
        at += size


def _sample_entry(read: Read, start: int, end: int) -> bytes | None:
    """Name of the first sample entry of a track; ``None`` where it is not at its place."""
    track = read(min(_TRACK_BYTES, end - start), start)

    def within(size: int, offset: int) -> bytes:
        return track[offset : offset + size]

    at, until = 0, len(track)
    for wanted in _WAY:
        box = next(((a, b) for name, a, b in _boxes(within, at, until) if name == wanted), None)
        if box is None:
            return None
        at, until = box
    # stsd: version and flags, number of entries, then the first entry: its size and its name.
    return within(4, at + 12) or None
