"""Encrypted streams are seen by what the container says."""

from __future__ import annotations

import pytest

from tasks.probe.encryption import encrypted_kinds
from tests.probe.clips import ENCRYPTION, Audio, write_clip


def kinds(data: bytes) -> list[str]:
    return encrypted_kinds(lambda size, offset: data[offset : offset + size])


def a_box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def a_film(*entries: bytes) -> bytes:
    """An index with one track for each sample entry, as far as it matters here."""
    tracks = b"".join(
        a_box(
            b"trak",
            a_box(b"tkhd", bytes(84))
            + a_box(
                b"mdia",
                a_box(b"mdhd", bytes(24))
                + a_box(
                    b"minf",
                    a_box(b"stbl", a_box(b"stsd", bytes(4) + (1).to_bytes(4, "big") + a_box(entry, bytes(78)))),
                ),
            ),
        )
        for entry in entries
    )
    return a_box(b"ftyp", bytes(16)) + a_box(b"mdat", bytes(100)) + a_box(b"moov", a_box(b"mvhd", bytes(100)) + tracks)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((b"avc1", b"mp4a"), []),
        ((b"encv", b"enca"), ["audio", "video"]),
        ((b"encv", b"mp4a"), ["video"]),
        ((b"avc1", b"enca"), ["audio"]),
        ((b"drmi", b"drms"), ["audio", "video"]),
        ((b"avc1", b"mp4a", b"enct"), ["subtitle"]),
    ],
)
def test_protected_sample_entries(entries, expected):
    """
    The names are those of ISO/IEC 14496-12, section 8.12, and of FairPlay.
    """
    assert expected == kinds(a_film(*entries))


@pytest.mark.parametrize("muxer", [ENCRYPTION, {**ENCRYPTION, "movflags": "+faststart"}])
def test_a_real_file(tmp_path, muxer):
    """
    FFmpeg's muxer encrypts both tracks, wherever the index lies.
    """
    path = write_clip(tmp_path / "a.mp4", frames=6, audio=[Audio()], muxer=muxer)

    assert ["audio", "video"] == kinds(path.read_bytes())


def test_files_that_are_not_encrypted(clips):
    """
    None of our clips is.
    """
    assert [] == [name for name, path in clips.items() if kinds(path.read_bytes())]


def test_protected_windows_media(clips):
    """
    The content encryption object (ASF specification, section 3.14) stands in the header.
    """
    data = clips["plain.wmv"].read_bytes()
    guid = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")

    assert ["audio", "video"] == kinds(data[:30] + guid + data[30:])


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_a_file_may_end_anywhere(length):
    """
    A truncated index says nothing and does no harm.
    """
    film = a_film(b"avc1")
    at = film.index(b"moov")

    assert [] == kinds(film[: at + length])


@pytest.mark.parametrize("size", [0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF])
def test_sizes_that_cannot_be(size):
    """
    Boxes that are too short, too long or endless end the search.
    """
    film = bytearray(a_film(b"encv"))
    at = film.index(b"moov") - 4
    film[at : at + 4] = size.to_bytes(4, "big")

    assert kinds(bytes(film)) in ([], ["video"])
