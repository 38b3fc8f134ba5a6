"""What an engine says about one file: the form all engines share and ``normalise`` reads.

Names and words are those of ffprobe's JSON where it has one (https://ffmpeg.org/ffprobe.html), so that what an engine
says can be compared with what the program prints. Everything an engine does not know is absent or ``None``. Facts
travel between processes as JSON: text may hold anything but lone surrogates.
"""

from __future__ import annotations

import re
from typing import Literal, TypedDict

Evidence = Literal["stream", "frame"]
KINDS = ("video", "audio", "subtitle")
"""Kinds of streams that are measured; others (data, attachments) only have tags."""
MAX_TEXT = 16_384
"""Characters kept of one tag; what is longer is no title, and a library has many of them."""


class Failure(TypedDict):
    """Why there are no facts, or not all."""

    cause: Literal["unreadable", "vanished", "not_permitted", "read_failed", "timed_out", "crashed"]
    reason: str


class Light(TypedDict, total=False):
    """HDR facts found in one place (``Evidence``)."""

    dolby_vision: bool
    dolby_vision_profile: int
    dolby_vision_level: int
    dolby_vision_compatibility: int
    dolby_vision_enhancement: bool
    """Whether there is a second, the enhancement layer."""
    mastering: bool
    primaries: list[float]
    """x and y of red, green, blue and white of the mastering display."""
    min_luminance: float
    max_luminance: float
    content_light: bool
    max_content: int
    max_average: int
    hdr10_plus: bool


class Stream(TypedDict, total=False):
    """One stream; rates are fractions as ``24000/1001``, durations seconds."""

    index: int
    codec_type: str
    codec_name: str | None
    codec_tag_string: str | None
    profile: str | None
    level: int | None
    width: int | None
    height: int | None
    sample_aspect_ratio: str | None
    avg_frame_rate: str | None
    pix_fmt: str | None
    field_order: str | None
    color_range: str | None
    color_primaries: str | None
    color_transfer: str | None
    color_space: str | None
    rotation: float | None
    light: dict[Evidence, Light]
    channels: int | None
    channel_layout: str | None
    sample_rate: int | None
    sample_fmt: str | None
    bits_per_raw_sample: int | None
    bit_rate: int | None
    start_time: float | None
    duration: float | None
    tags: dict[str, str]
    disposition: list[str]
    has_decoder: bool


class Chapter(TypedDict):
    """One chapter; seconds."""

    start: float
    end: float | None
    tags: dict[str, str]


class Container(TypedDict, total=False):
    """The container as a whole."""

    format_name: str
    start_time: float | None
    duration: float | None
    bit_rate: int | None
    tags: dict[str, str]


class Facts(TypedDict, total=False):
    """All an engine says about a file."""

    engine: str
    engine_version: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    fingerprint: str | None
    failure: Failure | None
    container: Container
    streams: list[Stream]
    chapters: list[Chapter]
    announced_size_bytes: int | None
    """Bytes the file must have by what its container says; more than ``size_bytes`` if the end is missing."""
    encrypted: list[str]
    """Kinds of streams (video, audio, subtitle) that the container says are encrypted."""
    starts: bool | None
    """Of a file without its end: whether a first picture can be decoded."""
    program_calls: int
    """Calls of another program that the engine has made for the file; absent where it died on the way."""
    started_ns: int
    """Unix time at which the measuring began."""
    wall_s: float
    """Seconds it took."""
    peak_memory_bytes: int
    """Largest resident memory the worker has had so far, with the largest program it started."""


_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    r"""The text without lone surrogates: bytes that were no UTF-8 are written as ``\xNN``; cut at ``MAX_TEXT``.

    >>> clean_text("caf\udce9 \ud83d")
    'caf\\xe9 \\ud83d'
    """
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    if text.isascii():  # nearly all are, and it is known without looking at them
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(_escape, text)
    return text


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"
