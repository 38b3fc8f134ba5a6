"""Read a video file with PyAV, FFmpeg's libraries in our process, and give its facts.

Runs in worker processes: whatever a hostile file does to the libraries, it does to a process that can be spared.
Imports nothing heavy, as every worker pays for it.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import stat
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar, cast

import av
import av.logging
from av.container import InputContainer

from tasks.probe import sidedata
from tasks.probe.announced import announced_size
from tasks.probe.facts import Chapter, Container, Evidence, Facts, Failure, Light, Stream, clean_text

ENGINE = "pyav"
ENGINE_VERSION = f"PyAV {av.__version__}, libavformat {'.'.join(map(str, av.library_versions['libavformat']))}"

FORMATS = (
    "asf,av1,avi,dv,flv,gxf,h264,hevc,ivf,live_flv,m4v,matroska,mov,mpeg,mpegts,mpegvideo,mxf,nsv,nut,obu,ogg,rm,"
    "vc1,vvc,webm,wtv"
)
"""Demuxers that may be used: containers of video. Without this a text ``ffconcat`` named .mkv opens the files it names,
and subtitles and pictures count as videos."""

_FRAME_PACKETS = 400
"""Packets that are read for the first frame; a whole film without a picture that can be decoded is not."""

_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
_HAS_SIDE_DATA = hasattr(av.CodecContext, "coded_side_data")  # not before PyAV 19
_DECODING: dict[str, Any] = {} if _HAS_SIDE_DATA else {"metadata_errors": "surrogateescape"}  # PyAV 19 does so always
_HDR_CODECS = frozenset({"hevc", "av1", "vp9"})
_HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
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


def measure(path: bytes, *, read_first_frame: bool) -> Facts:
    """The facts of the file at ``path``; whatever is wrong with it stands in ``failure``, nothing is raised.

    Args:
        read_first_frame: decode one frame of possible HDR videos.
    """
    facts: Facts = {"engine": ENGINE, "engine_version": ENGINE_VERSION, "failure": None}
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116 - before opening: opening a pipe waits, opening a device may act
        if not stat.S_ISREG(kind):
            facts["failure"] = Failure(cause="unreadable", reason=f"not a file but {_kind(kind)}")
            _note(facts, os.stat(path))  # noqa: PTH116
            return facts
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _note(facts, os.fstat(descriptor))
            _measure_open(facts, path, descriptor, read_first_frame=read_first_frame)
        finally:
            os.close(descriptor)
    except OSError as exc:
        facts["failure"] = _system_failure(exc)
    return facts


def _note(facts: Facts, at: os.stat_result) -> None:
    facts["size_bytes"], facts["inode"] = at.st_size, at.st_ino
    facts["mtime_ns"], facts["ctime_ns"] = at.st_mtime_ns, at.st_ctime_ns


def _measure_open(facts: Facts, path: bytes, descriptor: int, *, read_first_frame: bool) -> None:
    if not facts["size_bytes"]:
        facts["failure"] = Failure(cause="unreadable", reason="empty file")
        return
    facts["announced_size_bytes"] = announced_size(lambda size, offset: os.pread(descriptor, size, offset))
    try:
        # The prefix keeps a name such as http:x.mkv from being an address.
        with av.open("file:" + os.fsdecode(path), container_options=_OPTIONS, **_DECODING) as container:
            _read(facts, container, read_first_frame=read_first_frame)
    except MemoryError:
        facts["failure"] = Failure(cause="unreadable", reason="asks for more memory than a worker may take")
    except (av.FFmpegError, OSError) as exc:
        # FFmpeg says "input/output error" and "not permitted" of damaged content too: the disk itself is asked again.
        _ask_again(path, descriptor, facts["size_bytes"])
        facts["failure"] = Failure(cause="unreadable", reason=_words(exc))
    except Exception as exc:  # a defect of the engine is one file's row, never a lost batch
        facts["failure"] = Failure(cause="unreadable", reason=clean_text(f"{type(exc).__name__}: {exc}"))


def _ask_again(path: bytes, descriptor: int, size_bytes: int) -> None:
    """Nothing, if the file is still there and can be read.

    Raises:
        OSError: it is gone, closed to us, or its disk does not answer.
    """
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    os.pread(descriptor, 4_096, max(0, size_bytes - 4_096))


def _read(facts: Facts, container: InputContainer, *, read_first_frame: bool) -> None:
    duration = _try(lambda: container.duration)
    facts["container"] = Container(
        format_name=container.format.name,
        duration=duration / 1_000_000 if duration else None,
        bit_rate=_try(lambda: container.bit_rate) or None,
        tags=_tags(container.metadata),
    )
    facts["streams"] = [_stream(s) for s in container.streams]
    facts["chapters"] = [_chapter(c) for c in _try(container.chapters) or []]
    if any(s["codec_type"] == "video" for s in facts["streams"]) and not _HAS_SIDE_DATA:
        _add_dumped(facts["streams"], container)
    main = next(
        (s for s in facts["streams"] if s["codec_type"] == "video" and "attached_pic" not in s["disposition"]), None
    )
    if main is None:
        return
    is_cut = (facts["announced_size_bytes"] or 0) > facts["size_bytes"]
    wants_frame = read_first_frame and _may_be_hdr(main)
    if is_cut or wants_frame:
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
        disposition=[flag.name for flag in type(stream.disposition) if flag & stream.disposition and flag.name],
        duration=_try(lambda: float(stream.duration * stream.time_base) if stream.duration is not None else None),
        has_decoder=context is not None,
    )
    if context is None:
        return facts
    facts["codec_name"] = _try(lambda: context.codec.canonical_name)
    facts["profile"] = _try(lambda: context.profile)
    facts["bit_rate"] = _try(lambda: context.bit_rate) or None
    facts["bits_per_raw_sample"] = _try(lambda: context.bits_per_raw_sample) or None
    if stream.type == "video":
        _add_video(facts, stream, context)
    elif stream.type == "audio":
        facts["channels"] = _try(lambda: context.channels) or None
        facts["channel_layout"] = _try(lambda: context.layout.name)
        facts["sample_rate"] = _try(lambda: context.sample_rate) or None
        if facts["bits_per_raw_sample"] is None and _try(lambda: context.format.bits) == 16:
            facts["bits_per_raw_sample"] = 16
    return facts


def _add_video(facts: Stream, stream: Any, context: Any) -> None:
    facts["level"] = _try(lambda: context.level)
    facts["width"] = _try(lambda: context.width) or None
    facts["height"] = _try(lambda: context.height) or None
    facts["pix_fmt"] = _try(lambda: context.pix_fmt)
    facts["sample_aspect_ratio"] = _ratio(lambda: stream.sample_aspect_ratio or context.sample_aspect_ratio, ":")
    facts["avg_frame_rate"] = _ratio(lambda: stream.average_rate, "/")
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


def _may_be_hdr(stream: Stream) -> bool:
    return stream.get("codec_name") in _HDR_CODECS and (
        stream.get("color_transfer") in _HDR_TRANSFERS
        or stream.get("color_primaries") == "bt2020"
        or "10" in (stream.get("pix_fmt") or "")
        or "12" in (stream.get("pix_fmt") or "")
    )


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
    unit = Fraction(chapter["time_base"].numerator, chapter["time_base"].denominator or 1)
    start, end = chapter["start"], chapter["end"]
    return Chapter(
        start=float(start * unit),
        end=float(end * unit) if end is not None and end >= start else None,
        tags=_tags(chapter["metadata"]),
    )


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


def _system_failure(exc: OSError) -> Failure:
    said = exc.strerror or str(exc)
    if isinstance(exc, FileNotFoundError | NotADirectoryError):
        return Failure(cause="vanished", reason="there is no file at this path any more")
    if isinstance(exc, PermissionError):
        return Failure(cause="not_permitted", reason="permission denied; give this user the right to read it")
    if exc.errno in (errno.ELOOP, errno.ENAMETOOLONG):
        return Failure(cause="unreadable", reason=said)
    return Failure(cause="read_failed", reason=said)


def _kind(mode: int) -> str:
    for is_kind, words in (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if is_kind(mode):
            return words
    return "something else"
