"""Turn the facts of any engine into rows of our tables. Pure: no disk, no clock."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from tasks.probe.facts import KINDS, Facts, Light, Stream
from tasks.probe.firstframe import is_cut
from tasks.probe.hdr import evidence_of, hdr, lights, mastering, value_of
from tasks.probe.picture import bit_depth, quality
from tasks.probe.titles import said_by_title

Row = dict[str, Any]

_UNKNOWN = frozenset({"", "unknown", "unspecified", "reserved", "none", "N/A", "und"})
_LOSSLESS = frozenset({"alac", "ape", "flac", "mlp", "tak", "truehd", "tta", "wavpack", "wmalossless"})
_FONTS = {
    "application/x-truetype-font": "ttf", "application/x-font-ttf": "ttf", "application/x-font": "ttf",
    "font/ttf": "ttf", "font/sfnt": "ttf", "font/collection": "ttf", "application/vnd.ms-opentype": "otf",
    "application/x-font-otf": "otf", "font/otf": "otf",
}  # fmt: skip
_OBJECT_AUDIO = ("Dolby Atmos", "DTS:X")
_CHANNEL_COUNT = re.compile(r"\d+ channels( \(.*\))?")
_BITRATE = re.compile(r"[0-9]{1,15}")
_FOUR_LETTERS = re.compile(r"[A-Za-z0-9._ -]{4}")
_NUMBER = re.compile(r"-?\d+")
_RATIO = re.compile(r"(\d+)[/:](\d+)")
_CLOCK_TIME = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_PCM = re.compile(r"pcm_[a-z](\d+)")


@dataclass(frozen=True)
class Rows:
    """The rows of one file."""

    probe: Row
    video_streams: list[Row] = field(default_factory=list)
    audio_streams: list[Row] = field(default_factory=list)
    subtitle_streams: list[Row] = field(default_factory=list)
    chapters: list[Row] = field(default_factory=list)
    attachments: list[Row] = field(default_factory=list)


def rows(facts: Facts, *, file_id: str, probed_at: datetime) -> Rows:
    """The rows of the file that ``facts`` describe; a file that could not be read has one row, in ``probes``."""
    container = facts.get("container", {})
    tags = {key: value for key, value in container.get("tags", {}).items() if not _is_no_date(key, value)}
    streams = facts.get("streams", [])
    size_bytes = facts["size_bytes"]
    duration_s = _positive(_seconds(container.get("duration")))
    video = [_video(s, file_id) for s in streams if s["codec_type"] == "video"]
    films = [v for v in video if not v["is_cover"]]
    audio = [_audio(s, file_id) for s in streams if s["codec_type"] == "audio"]
    subtitles = [_subtitle(s, file_id) for s in streams if s["codec_type"] == "subtitle"]
    chapters = [
        {
            "file_id": file_id,
            "chapter_index": index,
            "start_s": _seconds(chapter["start"]),
            "end_s": _seconds(chapter["end"]),
            "title": _tag(chapter["tags"], "title"),
        }
        for index, chapter in enumerate(facts.get("chapters", []))
    ]
    attachments = [
        {
            "file_id": file_id,
            "stream_index": s["index"],
            "filename": _tag(s["tags"], "filename"),
            "mime_type": _tag(s["tags"], "mimetype"),
            "codec": _FONTS.get((_tag(s["tags"], "mimetype") or "").lower()),
        }
        for s in streams
        if s["codec_type"] == "attachment"
    ]
    status, error = _status(facts, films)
    main = _main(films)
    bitrate_bps = container.get("bit_rate")
    if truncation(facts):  # engines divide what is there by a length that may be that of the whole film
        bitrate_bps = None
    elif not bitrate_bps and duration_s:
        bitrate_bps = round(size_bytes * 8 / duration_s)
    probe = {
        "file_id": file_id,
        "status": status,
        "error": error,
        "playable": status != "unreadable" and _is_playable(facts, films, duration_s),
        "is_encrypted": bool(_encrypted(facts)),
        "container": _word(container.get("format_name")),
        "start_s": _start(container.get("start_time")),
        "duration_s": duration_s,
        "bitrate_bps": bitrate_bps or None,
        "quality": quality(main["width_px"], main["height_px"]) if main else None,
        "hdr_format": main["hdr_format"] if main else None,
        "video_stream_count": len(films),
        "audio_stream_count": len(audio),
        "subtitle_stream_count": len(subtitles),
        "chapter_count": len(chapters),
        "attachment_count": len(attachments),
        "title": _tag(tags, "title"),
        "tags": json.dumps(tags, ensure_ascii=False, sort_keys=True) if tags else None,
        "size_bytes": size_bytes,
        "mtime_ns": facts["mtime_ns"],
        "ctime_ns": facts["ctime_ns"],
        "inode": facts["inode"],
        "fingerprint": facts.get("fingerprint"),
        "engine": facts["engine"],
        "engine_version": facts["engine_version"],
        "probed_at": probed_at,
    }
    return Rows(probe, video, audio, subtitles, chapters, attachments)


def truncation(facts: Facts) -> str | None:
    """One sentence if the file is shorter than its container announces, else ``None``."""
    if not is_cut(facts):
        return None
    return f"truncated: {facts['size_bytes']:,} bytes of at least {facts['announced_size_bytes']:,} are there"


def _status(facts: Facts, films: list[Row]) -> tuple[str, str | None]:
    """Status and error of the file.

    A file without its end is ``partial``: what is there can be used, and it is known what is missing.
    """
    failure = facts.get("failure")
    cut = truncation(facts) if "size_bytes" in facts else None
    if failure is not None:
        return "unreadable", f"{cut}; {failure['reason']}" if cut else failure["reason"]
    if not films:
        return "unreadable", f"{cut}; no video stream" if cut else "no video stream"
    unknown = [
        f"stream {s['index']} ({s['codec_type']})"
        for s in facts.get("streams", [])
        if s["codec_type"] in KINDS and not s["has_decoder"]
    ]
    said = [cut] if cut else []
    if encrypted := _encrypted(facts):
        said.append(f"encrypted: {', '.join(encrypted)}")
    if unknown:
        said.append(f"no decoder for {', '.join(unknown)}")
    return ("partial", "; ".join(said)) if said else ("ok", None)


def _is_playable(facts: Facts, films: list[Row], duration_s: float | None) -> bool:
    """Whether there is a moving picture of known length to be shown; of a truncated file, whether it begins."""
    if "video" in _encrypted(facts):
        return False
    decoders = {s["index"]: s["has_decoder"] for s in facts.get("streams", [])}
    has_picture = any(not decoders[f["stream_index"]] or (f["width_px"] and f["height_px"]) for f in films)
    return has_picture and (facts.get("starts") is True if truncation(facts) else duration_s is not None)


def _encrypted(facts: Facts) -> list[str]:
    """Kinds of streams that are encrypted, sorted; Matroska names the key in a tag of the stream."""
    by_tag = {s["codec_type"] for s in facts.get("streams", []) if "enc_key_id" in s["tags"]}
    return sorted({*facts.get("encrypted", []), *by_tag})


def _main(films: list[Row]) -> Row | None:
    """The stream a player shows: the default one, else the first."""
    return next((f for f in films if f["is_default"]), films[0] if films else None)


def _video(stream: Stream, file_id: str) -> Row:
    is_cover = "attached_pic" in stream["disposition"]
    width, height = stream.get("width") or None, stream.get("height") or None
    sample = _fraction(stream.get("sample_aspect_ratio"))
    rate = None if is_cover else _fraction(stream.get("avg_frame_rate"))
    hdr_format, evidence = (None, None) if is_cover else hdr(stream)
    display = Fraction(width, height) * (sample or 1) if width and height else None
    return {
        "file_id": file_id,
        "stream_index": stream["index"],
        "codec": _word(stream.get("codec_name")),
        "codec_tag": _codec_tag(stream),
        "profile": _profile(stream.get("profile")),
        "level": _level(stream.get("level")),
        "width_px": width,
        "height_px": height,
        "sample_aspect_ratio": f"{sample.numerator}:{sample.denominator}" if sample else None,
        "display_aspect_ratio": f"{display.numerator}:{display.denominator}" if display else None,
        "frame_rate_hz": float(rate) if rate else None,
        "frame_rate_fraction": f"{rate.numerator}/{rate.denominator}" if rate else None,
        "bit_depth": bit_depth(stream.get("pix_fmt")),
        "pixel_format": _word(stream.get("pix_fmt")),
        "field_order": _word(stream.get("field_order")),
        "color_range": _word(stream.get("color_range")),
        "color_primaries": _word(stream.get("color_primaries")),
        "color_transfer": _word(stream.get("color_transfer")),
        "color_space": _word(stream.get("color_space")),
        "rotation_deg": _turn(stream.get("rotation")),
        "hdr_format": hdr_format,
        "hdr_evidence": evidence,
        **(_light_columns(lights(stream)) if "light" in stream else _WITHOUT_LIGHT),
        **_timing(stream),
        "language": _tag(stream["tags"], "language"),
        "title": _tag(stream["tags"], "title"),
        **_flags(stream),
        "is_cover": is_cover,
    }


def _light_columns(found: Mapping[str, Light]) -> Row:
    """What is known of HDR, and where it was found."""
    return {
        "dolby_vision_evidence": evidence_of(found, "dolby_vision"),
        "hdr10_plus_evidence": evidence_of(found, "hdr10_plus"),
        "mastering_evidence": evidence_of(found, "mastering"),
        "content_light_evidence": evidence_of(found, "content_light"),
        "dolby_vision_profile": value_of(found, "dolby_vision_profile"),
        "dolby_vision_level": value_of(found, "dolby_vision_level"),
        "dolby_vision_compatibility": value_of(found, "dolby_vision_compatibility"),
        "has_dolby_vision_enhancement": value_of(found, "dolby_vision_enhancement"),
        **mastering(found),
        "max_content_light_cd_m2": value_of(found, "max_content"),
        "max_frame_average_light_cd_m2": value_of(found, "max_average"),
    }


_WITHOUT_LIGHT = _light_columns({})
"""Of most streams nothing is known of HDR."""


def _audio(stream: Stream, file_id: str) -> Row:
    layout = _word(stream.get("channel_layout"))
    profile = _profile(stream.get("profile"))
    return {
        "file_id": file_id,
        "stream_index": stream["index"],
        "codec": _word(stream.get("codec_name")),
        "codec_tag": _codec_tag(stream),
        "profile": profile,
        "object_audio": next((kind for kind in _OBJECT_AUDIO if kind in (profile or "")), None),
        "channel_count": stream.get("channels") or None,
        "channel_layout": None if layout is None or _CHANNEL_COUNT.fullmatch(layout) else layout,
        "sample_rate_hz": stream.get("sample_rate") or None,
        "bit_depth": _sample_bits(stream),
        **_timing(stream),
        "language": _tag(stream["tags"], "language"),
        "title": _tag(stream["tags"], "title"),
        **_flags(stream),
        **_by_title(stream),
        "is_visual_impaired_by_title": said_by_title(_tag(stream["tags"], "title")).visual_impaired,
    }


def _subtitle(stream: Stream, file_id: str) -> Row:
    return {
        "file_id": file_id,
        "stream_index": stream["index"],
        "codec": _word(stream.get("codec_name")),
        "codec_tag": _codec_tag(stream),
        "language": _tag(stream["tags"], "language"),
        "title": _tag(stream["tags"], "title"),
        **_flags(stream),
        **_by_title(stream),
    }


def _flags(stream: Stream) -> Row:
    """The dispositions: the common ones in columns, all of them as text."""
    flags = stream["disposition"]
    return {
        "is_default": "default" in flags,
        "is_forced": "forced" in flags,
        "is_original": "original" in flags,
        "is_dub": "dub" in flags,
        "is_commentary": "comment" in flags,
        "is_hearing_impaired": "hearing_impaired" in flags,
        "is_visual_impaired": "visual_impaired" in flags,
        "dispositions": ",".join(sorted(flags)) or None,
    }


def _by_title(stream: Stream) -> Row:
    said = said_by_title(_tag(stream["tags"], "title"))
    return {
        "is_forced_by_title": said.forced,
        "is_commentary_by_title": said.commentary,
        "is_hearing_impaired_by_title": said.hearing_impaired,
    }


def _timing(stream: Stream) -> Row:
    """Bit rate and duration of a stream; Matroska says them in tags (mkvmerge's statistics) and nowhere else."""
    duration_s = _positive(_seconds(stream.get("duration")))
    if duration_s is None:
        duration_s = _clock(_tag(stream["tags"], "duration", "duration-eng"))
    bitrate = stream.get("bit_rate")
    if not bitrate:
        said = _tag(stream["tags"], "bps", "bps-eng") or ""
        bitrate = int(said) if _BITRATE.fullmatch(said) else None
    return {
        "bitrate_bps": bitrate or None,
        "start_s": _start(stream.get("start_time")),
        "duration_s": duration_s,
    }


def _sample_bits(stream: Stream) -> int | None:
    """Bits of a sample, where each is kept as it was: PCM says it in the codec's name, the others in the stream."""
    codec = stream.get("codec_name") or ""
    pcm = _PCM.match(codec)
    if pcm:
        return int(pcm[1])
    is_lossless = (
        codec in _LOSSLESS or codec.startswith("pcm_") or (stream.get("profile") or "").startswith("DTS-HD MA")
    )
    if not is_lossless:
        return None
    return stream.get("bits_per_raw_sample") or (16 if stream.get("sample_fmt") in ("s16", "s16p") else None)


def _codec_tag(stream: Stream) -> str | None:
    """The four letters by which the container names the codec; ``None`` for numbers, which MPEG-TS has."""
    text = stream.get("codec_tag_string") or ""
    return text if _FOUR_LETTERS.fullmatch(text) else None


def _word(text: str | None) -> str | None:
    return None if text is None or text in _UNKNOWN else text


def _profile(text: str | None) -> str | None:
    """Name of a profile; a bare number is one that the engine has no name for."""
    return None if text is None or _NUMBER.fullmatch(text) else _word(text)


def _start(value: float | None) -> float | None:
    """When something begins; what lies before zero is dropped by decoders, and only older versions of FFmpeg say it."""
    return None if value is None else _seconds(max(0.0, value))


def _seconds(value: float | None) -> float | None:
    """Seconds to the microsecond: what FFmpeg counts in and ffprobe prints."""
    return None if value is None or not math.isfinite(value) else round(value, 6) + 0.0


def _turn(degrees: float | None) -> float | None:
    """Degrees from -180 (exclusive) to 180; ``None`` where nothing is to be turned."""
    return 180.0 if degrees == -180 else degrees or None


def _level(level: int | None) -> int | None:
    return None if level is None or level < 0 else level


def _tag(tags: Mapping[str, str], *names: str) -> str | None:
    """The first tag of these names, given in small letters, that says something; the file's may have any case."""
    for name in names:
        for key, value in tags.items():
            if len(key) == len(name) and key.lower() == name and (said := _word(value.strip())):
                return said
    return None


def _is_no_date(key: str, value: str) -> bool:
    """Whether a date was never set: some muxers write the zero of their clock, and some versions of FFmpeg tell it."""
    return key == "creation_time" and value.startswith(("1970-01-01T00:00:00", "1904-01-01T00:00:00"))


@functools.lru_cache(1_024)
def _fraction(text: str | None) -> Fraction | None:
    """The fraction in ``24000/1001`` or ``16:15``; ``None`` for 0/0, 0:1 and the like."""
    match = _RATIO.fullmatch(text or "")
    if not match or not int(match[1]) or not int(match[2]):
        return None
    return Fraction(int(match[1]), int(match[2]))


def _clock(text: str | None) -> float | None:
    """Seconds of a Matroska duration tag, ``01:23:45.678000000``."""
    match = _CLOCK_TIME.fullmatch(text or "")
    return _positive(int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])) if match else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None
