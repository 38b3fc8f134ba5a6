"""Read a video file with PyAV, FFmpeg's libraries in our process, and give its facts.

Runs in worker processes: whatever a hostile file does to the libraries, it does to a process that can be spared.
Imports nothing heavy, as every worker pays for it.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar, cast

import av
import av.logging
from av.container import InputContainer

from tasks.probe import sidedata
from tasks.probe.facts import KINDS, Chapter, Container, Evidence, Facts, Light, Stream, clean_text
from tasks.probe.firstframe import is_cut, main_video, may_be_hdr
from tasks.probe.opened import FORMATS, Refused, measured

ENGINE = "pyav"
ENGINE_VERSION = f"PyAV {av.__version__}, libavformat {'.'.join(map(str, av.library_versions['libavformat']))}"

_FRAME_PACKETS = 400
"""Packets that are read for the first frame; a whole film without a picture that can be decoded is not."""

_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
_HAS_SIDE_DATA = hasattr(av.CodecContext, "coded_side_data")  # not before PyAV 19
_DECODING: dict[str, Any] = {} if _HAS_SIDE_DATA else {"metadata_errors": "surrogateescape"}  # PyAV 19 does so always
_RAW = frozenset({"dv", "h264", "hevc", "vvc"})
_FIELD_ORDERS = (None, "progressive", "tt", "bb", "tb", "bt")
_RANGES = (None, "tv", "pc")
# Names of the code points of ITU-T H.273 as libavutil's av_color_*_name gives them; None: reserved or not said.
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
_TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
_SPACES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp", 15: "ipt-c2",
    16: "ycgco-re", 17: "ycgco-ro",
}  # fmt: skip

T = TypeVar("T")

# FFmpeg's own words ("moov atom not found") come with the exception only if its log is heard; nobody else hears it.
logging.getLogger("libav").addHandler(logging.NullHandler())
logging.getLogger("libav").propagate = False
av.logging.set_level(av.logging.ERROR)


def measure(path: bytes, *, read_first_frame: bool, ffprobe: str | None = None) -> Facts:
    """The facts of the file at ``path``; whatever is wrong with it stands in ``failure``, nothing is raised.

    Args:
        read_first_frame: decode one frame of possible HDR videos.
        ffprobe: the program that is asked as well about a file with a stream PyAV has no decoder for; its facts then
            stand in place of PyAV's, under its name. Without it, or where it knows no more, such a stream has gaps.
    """
    return measured(
        path,
        Facts(engine=ENGINE, engine_version=ENGINE_VERSION, failure=None, program_calls=0),
        lambda facts: _fill(facts, path, read_first_frame=read_first_frame, ffprobe=ffprobe),
    )


def _fill(facts: Facts, path: bytes, *, read_first_frame: bool, ffprobe: str | None) -> None:
    """Add what PyAV says of the content, or ffprobe where it knows more of the streams.

    Raises:
        Refused: PyAV cannot read it.
    """
    try:
        # The prefix keeps a name such as http:x.mkv from being an address.
        with av.open("file:" + os.fsdecode(path), container_options=_OPTIONS, **_DECODING) as container:
            _read(facts, container, read_first_frame=read_first_frame)
    except MemoryError as exc:
        raise Refused("asks for more memory than a worker may take") from exc
    except (av.FFmpegError, OSError) as exc:
        raise Refused(_words(exc)) from exc
    if ffprobe is not None and any(s["codec_type"] in KINDS and not s["has_decoder"] for s in facts["streams"]):
        from tasks.probe import ffprobe_engine  # few files need it, and every worker would pay for its import

        second = cast(Facts, {key: value for key, value in facts.items() if key not in _MEASURED})
        try:
            ffprobe_engine.fill(second, path, read_first_frame=read_first_frame, ffprobe=ffprobe)
        except Refused:
            return
        finally:
            facts["program_calls"] = second["program_calls"]
        if _known_count(second) > _known_count(facts):
            facts.update(second)
            facts["engine_version"] = instead_of_pyav(facts["engine_version"])


def instead_of_pyav(ffprobe_version: str) -> str:
    """The version of what measured a file of which PyAV lacks a decoder.

    It names both: after another choice of engine, or a new PyAV, this is no longer what would measure the file.
    """
    return f"{ffprobe_version} (instead of {ENGINE_VERSION})"


_MEASURED = ("container", "streams", "chapters", "starts")


def _known_count(facts: Facts) -> int:
    return sum(s["has_decoder"] and s["codec_type"] in KINDS for s in facts["streams"])


def _read(facts: Facts, container: InputContainer, *, read_first_frame: bool) -> None:
    duration = _try(lambda: container.duration)
    facts["container"] = Container(
        format_name=container.format.name,
        start_time=_seconds(_try(lambda: container.start_time), _MICROSECOND),
        duration=_seconds(duration, _MICROSECOND),
        bit_rate=_try(lambda: container.bit_rate) or None,
        tags=_tags(container.metadata),
    )
    facts["streams"] = [_stream(s) for s in container.streams]
    facts["chapters"] = [_chapter(c) for c in _try(container.chapters) or []]
    if any(s["codec_type"] == "video" for s in facts["streams"]) and not _HAS_SIDE_DATA:
        _add_dumped(facts["streams"], container)
    main = main_video(facts["streams"])
    if main is None:
        return
    wants_frame = read_first_frame and may_be_hdr(main)
    if is_cut(facts) or wants_frame:
        facts["starts"], lights = _first_frame(container, main["index"])
        if wants_frame:
            _add_light(main, "frame", lights)


def _stream(stream: Any) -> Stream:
    """The facts of one stream. Every property is tried by itself: PyAV raises for some of damaged or rare files."""
    context = stream.codec_context
    facts = Stream(
        index=stream.index,
        codec_type=stream.type,
        tags=_tags(stream.metadata),
        disposition=list(_flags(stream.disposition)),
        start_time=_try(lambda: _seconds(stream.start_time, stream.time_base)),
        duration=_try(lambda: _seconds(stream.duration, stream.time_base)),
        has_decoder=context is not None,
    )
    if context is None:
        return facts
    facts["codec_name"] = _try(lambda: context.codec.canonical_name)
    facts["codec_tag_string"] = _try(lambda: context.codec_tag)
    facts["profile"] = _try(lambda: context.profile)
    facts["bit_rate"] = _try(lambda: context.bit_rate) or None
    facts["bits_per_raw_sample"] = _try(lambda: context.bits_per_raw_sample) or None
    if stream.type == "video":
        _add_video(facts, stream, context)
    elif stream.type == "audio":
        facts["channels"] = _try(lambda: context.channels) or None
        facts["channel_layout"] = _try(lambda: context.layout.name)
        facts["sample_rate"] = _try(lambda: context.sample_rate) or None
        facts["sample_fmt"] = _try(lambda: context.format.name)
        if facts["codec_name"] == "alac" and facts["bits_per_raw_sample"] is None:
            facts["bits_per_raw_sample"] = _alac_bits(context)
    return facts


@functools.lru_cache(1_024)
def _flags(disposition: Any) -> tuple[str, ...]:
    """Names of the flags that are set. Kept: asking an enum for each of its flags takes as long as all other facts."""
    return tuple(flag.name for flag in type(disposition) if flag & disposition and flag.name)


def _alac_bits(context: Any) -> int | None:
    """Bits of a sample as ALAC's header has them: PyAV before 19 does not say it of sound.

    Offset in the magic cookie: https://github.com/macosforge/alac/blob/master/ALACMagicCookieDescription.txt
    """
    header = _try(lambda: context.extradata) or b""
    return header[17] if len(header) >= 36 and header[4:8] == b"alac" else None


def _add_video(facts: Stream, stream: Any, context: Any) -> None:
    facts["level"] = _try(lambda: context.level)
    facts["width"] = _try(lambda: context.width) or None
    facts["height"] = _try(lambda: context.height) or None
    facts["pix_fmt"] = _try(lambda: context.pix_fmt)
    facts["sample_aspect_ratio"] = _ratio(lambda: stream.sample_aspect_ratio or context.sample_aspect_ratio, ":")
    facts["avg_frame_rate"] = _ratio(lambda: stream.average_rate, "/")
    # FFmpeg 9 takes 25 for the mean rate of any raw stream, 60000 for that of raw DV, and has none of MPEG-1 in a
    # transport stream; what the stream itself says of its rate, it reads in each of them.
    is_mpeg1 = facts["codec_name"] == "mpeg1video" and facts["avg_frame_rate"] is None
    if is_mpeg1 or _try(lambda: stream.container.format.name) in _RAW:
        facts["avg_frame_rate"] = _ratio(lambda: context.framerate, "/") or facts["avg_frame_rate"]
    facts["field_order"] = _try(lambda: _FIELD_ORDERS[context.field_order])
    facts["color_range"] = _try(lambda: _RANGES[context.color_range])
    facts["color_primaries"] = _try(lambda: _PRIMARIES.get(int(context.color_primaries)))
    facts["color_transfer"] = _try(lambda: _TRANSFERS.get(int(context.color_trc)))
    facts["color_space"] = _try(lambda: _SPACES.get(int(context.colorspace)))
    if _HAS_SIDE_DATA:
        side_data: dict[str, bytes] = _try(lambda: context.coded_side_data) or {}
        facts["rotation"] = sidedata.rotation_deg(side_data.get("display_matrix", b""))
        _add_light(facts, "stream", sidedata.light(side_data))


def _add_dumped(streams: list[Stream], container: InputContainer) -> None:
    av.logging.set_level(av.logging.INFO)
    try:
        dumps_format = cast(Any, container).dumps_format  # PyAV 18 has it, but not in its type stubs
        found = sidedata.dumped(_try(dumps_format) or "")
    finally:
        av.logging.set_level(av.logging.ERROR)
    for facts in streams:
        if facts["index"] in found:
            facts["rotation"], lights = found[facts["index"]]
            _add_light(facts, "stream", lights)


def _add_light(facts: Stream, evidence: Evidence, lights: Light) -> None:
    if lights:
        facts.setdefault("light", {})[evidence] = lights


def _first_frame(container: InputContainer, index: int) -> tuple[bool, Light]:
    """Whether a picture of stream ``index`` can be decoded, and the HDR facts that come with it.

    Of a stream without a decoder: whether there is data of it.
    """
    try:
        stream: Any = container.streams[index]
        if stream.codec_context is not None:
            stream.codec_context.thread_count = 1  # one frame: more threads only wait for more packets
        for packet in itertools.islice(container.demux(), _FRAME_PACKETS):
            if packet.stream.index != index or not packet.size:
                continue
            if stream.codec_context is None:
                return True, {}
            frames: list[Any] = packet.decode()
            if frames:
                return True, sidedata.light(_side_data(frames[0], stream.codec_context))
    except (av.FFmpegError, OSError, MemoryError, ValueError):
        pass  # no picture, no facts: what the stream says of itself stands
    return False, {}


def _side_data(frame: Any, context: Any) -> dict[str, bytes]:
    """Side data by name: the frame's, and what its decoder learnt with it (PyAV 19 has the light levels there only)."""
    found = {kind.name: data for kind, data in (_try(lambda: context.decoded_side_data) or {}).items()}
    for number in range(len(frame.side_data)):  # by number: what iterating gives differs between PyAV 18 and 19
        data = frame.side_data[number]
        found[data.type.name] = bytes(data)
    return found


def _chapter(chapter: Any) -> Chapter:
    unit, start, end = chapter["time_base"], chapter["start"], chapter["end"]
    return Chapter(
        start=_seconds(start, unit) or 0.0,
        end=_seconds(end, unit) if end is not None and end >= start else None,
        tags=_tags(chapter["metadata"]),
    )


_MICROSECOND = Fraction(1, 1_000_000)


def _seconds(count: int | None, unit: Fraction) -> float | None:
    """``count`` units as seconds, computed as ffprobe does: the last digit is the same."""
    return None if count is None or not unit.denominator else count * (unit.numerator / unit.denominator)


def _tags(tags: Any) -> dict[str, str]:
    return {clean_text(key): clean_text(value) for key, value in tags.items()}


def _ratio(read: Callable[[], Any], separator: str) -> str | None:
    """A fraction as text; ``None`` for 0/1, 0/0 and what cannot be read."""
    value = _try(read)
    if not value or not value.numerator or not value.denominator:
        return None
    return f"{value.numerator}{separator}{value.denominator}"


def _try(read: Callable[[], T]) -> T | None:
    """What ``read`` gives, or ``None`` where PyAV cannot say it.

    Known: a tag of four bytes above 0x7F raises ``UnicodeDecodeError``, a code point newer than a table ``IndexError``.
    """
    try:
        value = read()
    except Exception:
        return None
    return clean_text(value) if isinstance(value, str) else value  # type: ignore[return-value]


def _words(exc: Exception) -> str:
    said = getattr(exc, "strerror", None) or str(exc)
    log = getattr(exc, "log", None)
    detail = log[2].strip() if log else ""
    if "not on whitelist" in detail:  # FFmpeg's words for a format that FORMATS does not name
        return "not a video container"
    return clean_text(f"{said}: {detail}" if detail and detail != said else said)
