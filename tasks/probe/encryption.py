"""Which kinds of streams of a file are encrypted, by what its container says: engines pass this over.

* MP4, MOV: the sample entries of protected tracks are called ``encv``, ``enca``, ``enct`` (ISO/IEC 14496-12, section
  8.12) or, of Apple's FairPlay, ``drmi``, ``drms``.
* ASF, WMV: the header has a content encryption object (ASF specification, sections 3.14 and 3.15).

Of Matroska FFmpeg gives the tag ``enc_key_id``; ``normalise`` reads that.
"""

from __future__ import annotations

from tasks.probe.announced import ASF_HEADER
from tasks.probe.boxes import TOP_BOXES, Read, boxes

_PROTECTED = {
    b"encv": "video", b"drmi": "video", b"enca": "audio", b"drms": "audio", b"enct": "subtitle", b"encs": "subtitle",
}  # fmt: skip
_WAY = (b"mdia", b"minf", b"stbl", b"stsd")
_TRACK_BYTES = 4_096
"""Bytes read of a track: its sample entry stands before the long tables."""
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
    if head == ASF_HEADER:
        header = read(_TRACK_BYTES, 0)
        return ["audio", "video"] if any(guid in header for guid in _ASF_ENCRYPTION) else []
    if head[4:8] not in TOP_BOXES:
        return []
    for name, start, end in boxes(read):
        if name == b"moov":
            tracks = [_sample_entry(read, a, b) for inner, a, b in boxes(read, start, end) if inner == b"trak"]
            return sorted({_PROTECTED[entry] for entry in tracks if entry in _PROTECTED})
    return []


def _sample_entry(read: Read, start: int, end: int) -> bytes | None:
    """Name of the first sample entry of a track; ``None`` where it is not at its place."""
    track = read(min(_TRACK_BYTES, end - start), start)

    def within(size: int, offset: int) -> bytes:
        return track[offset : offset + size]

    at, until = 0, len(track)
    for wanted in _WAY:
        box = next(((a, b) for name, a, b in boxes(within, at, until) if name == wanted), None)
        if box is None:
            return None
        at, until = box
    # stsd: version and flags, number of entries, then the first entry: its size and its name.
    return within(4, at + 12) or None
