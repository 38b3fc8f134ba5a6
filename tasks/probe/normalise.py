"""Turn the facts of any engine into rows of our tables. Pure: no disk, no clock."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from tasks.probe.facts import Facts, Light, Stream

Row = dict[str, Any]

_UNKNOWN = frozenset({"", "unknown", "unspecified", "reserved", "none", "N/A", "und"})
_LOSSLESS = frozenset({"alac", "ape", "flac", "mlp", "tak", "truehd", "tta", "wavpack", "wmalossless"})
_QUALITIES = (
    # class, longest long side, longest short side. The long side decides, so that a film in wide screen keeps the class
    # of its width (1920x800 is 1080p); the short side allows 4:3 pictures of the full width (1280x960, 1440x1080).
    ("480p", 864, 496),
    ("576p", 1_024, 576),
    ("720p", 1_280, 962),
    ("1080p", 2_048, 1_440),
    ("1440p", 2_560, 1_920),
    ("2160p", 4_096, 3_072),
    ("4320p", math.inf, math.inf),
)


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
    tags = container.get("tags", {})
    streams = facts.get("streams", [])
    size_bytes = facts["size_bytes"]
    duration_s = _positive(container.get("duration"))
    video = [_video(s, file_id) for s in streams if s["codec_type"] == "video"]
    films = [v for v in video if not v["is_cover"]]
    audio = [_audio(s, file_id) for s in streams if s["codec_type"] == "audio"]
    subtitles = [_subtitle(s, file_id) for s in streams if s["codec_type"] == "subtitle"]
    chapters = [
        {
            "file_id": file_id,
            "chapter_index": index,
            "start_s": chapter["start"],
            "end_s": chapter["end"],
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
        "container": _word(container.get("format_name")),
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
        "engine": facts["engine"],
        "engine_version": facts["engine_version"],
        "probed_at": probed_at,
    }
    return Rows(probe, video, audio, subtitles, chapters, attachments)


def truncation(facts: Facts) -> str | None:
    """One sentence if the file is shorter than its container announces, else ``None``."""
    announced, size = facts.get("announced_size_bytes"), facts["size_bytes"]
    if announced is None or announced <= size:
        return None
    return f"truncated: {size:,} bytes of at least {announced:,} are there"


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
        if s["codec_type"] in ("video", "audio", "subtitle") and not s["has_decoder"]
    ]
    said = [cut] if cut else []
    if unknown:
        said.append(f"no decoder for {', '.join(unknown)}")
    return ("partial", "; ".join(said)) if said else ("ok", None)


def _is_playable(facts: Facts, films: list[Row], duration_s: float | None) -> bool:
    """Whether there is a moving picture of known length to be shown; of a truncated file, whether it begins."""
    decoders = {s["index"]: s["has_decoder"] for s in facts.get("streams", [])}
    has_picture = any(not decoders[f["stream_index"]] or (f["width_px"] and f["height_px"]) for f in films)
    return has_picture and (facts.get("starts") is True if truncation(facts) else duration_s is not None)


def _main(films: list[Row]) -> Row | None:
    """The stream a player shows: the default one, else the first."""
    return next((f for f in films if f["is_default"]), films[0] if films else None)


def _video(stream: Stream, file_id: str) -> Row:
    is_cover = "attached_pic" in stream["disposition"]
    width, height = stream.get("width") or None, stream.get("height") or None
    sample = _fraction(stream.get("sample_aspect_ratio"))
    rate = None if is_cover else _fraction(stream.get("avg_frame_rate"))
    lights = _lights(stream)
    hdr_format, evidence = (None, None) if is_cover else hdr(stream)
    display = Fraction(width, height) * (sample or 1) if width and height else None
    return {
        "file_id": file_id,
        "stream_index": stream["index"],
        "codec": _word(stream.get("codec_name")),
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
        "dolby_vision_profile": _of_light(lights, "dolby_vision_profile"),
        "dolby_vision_compatibility": _of_light(lights, "dolby_vision_compatibility"),
        "max_luminance_cd_m2": _of_light(lights, "max_luminance"),
        "max_content_light_cd_m2": _of_light(lights, "max_content"),
        "max_frame_average_light_cd_m2": _of_light(lights, "max_average"),
        **_timing(stream),
        "language": _tag(stream["tags"], "language"),
        "title": _tag(stream["tags"], "title"),
        "is_default": "default" in stream["disposition"],
        "is_cover": is_cover,
    }


def _audio(stream: Stream, file_id: str) -> Row:
    layout = _word(stream.get("channel_layout"))
    disposition = stream["disposition"]
    return {
        "file_id": file_id,
        "stream_index": stream["index"],
        "codec": _word(stream.get("codec_name")),
        "profile": _profile(stream.get("profile")),
        "channel_count": stream.get("channels") or None,
        "channel_layout": None if layout is None or re.fullmatch(r"\d+ channels( \(.*\))?", layout) else layout,
        "sample_rate_hz": stream.get("sample_rate") or None,
        "bit_depth": _sample_bits(stream),
        **_timing(stream),
        "language": _tag(stream["tags"], "language"),
        "title": _tag(stream["tags"], "title"),
        "is_default": "default" in disposition,
        "is_forced": "forced" in disposition,
        "is_original": "original" in disposition,
        "is_dub": "dub" in disposition,
        "is_commentary": "comment" in disposition,
        "is_hearing_impaired": "hearing_impaired" in disposition,
        "is_visual_impaired": "visual_impaired" in disposition,
    }


def _subtitle(stream: Stream, file_id: str) -> Row:
    disposition = stream["disposition"]
    return {
        "file_id": file_id,
        "stream_index": stream["index"],
        "codec": _word(stream.get("codec_name")),
        "language": _tag(stream["tags"], "language"),
        "title": _tag(stream["tags"], "title"),
        "is_default": "default" in disposition,
        "is_forced": "forced" in disposition,
        "is_commentary": "comment" in disposition,
        "is_hearing_impaired": "hearing_impaired" in disposition,
    }


def _timing(stream: Stream) -> Row:
    """Bit rate and duration of a stream; Matroska says them in tags (mkvmerge's statistics) and nowhere else."""
    duration_s = _positive(stream.get("duration"))
    if duration_s is None:
        duration_s = _clock(_tag(stream["tags"], "DURATION", "DURATION-eng"))
    bitrate = stream.get("bit_rate")
    if not bitrate:
        said = _tag(stream["tags"], "BPS", "BPS-eng") or ""
        bitrate = int(said) if re.fullmatch(r"[0-9]{1,15}", said) else None
    return {"bitrate_bps": bitrate or None, "duration_s": duration_s}


def hdr(stream: Stream) -> tuple[str | None, str | None]:
    """HDR kind of a video stream and where it was seen, the most telling kind first; two ``None`` for SDR.

    HDR10 is PQ with mastering or light level data (CTA-861.3); PQ without them is called ``PQ``.
    """
    lights = _lights(stream)
    transfer = stream.get("color_transfer")
    for key, kind in (("dolby_vision", "Dolby Vision"), ("hdr10_plus", "HDR10+")):
        for evidence, light in lights.items():
            if light.get(key):
                return kind, evidence
    if transfer == "smpte2084":
        for evidence, light in lights.items():
            if light.get("mastering") or light.get("content_light"):
                return "HDR10", evidence
        return "PQ", "transfer"
    return ("HLG", "transfer") if transfer == "arib-std-b67" else (None, None)


def _lights(stream: Stream) -> dict[str, Light]:
    """HDR facts by evidence, what the stream itself says before what its first frame says."""
    light = stream.get("light", {})
    return {"stream": light.get("stream", {}), "frame": light.get("frame", {})}


def _of_light(lights: Mapping[str, Light], key: str) -> Any:
    """A value as the stream says it, else as its first frame does; a luminance of 0 is how "not known" is written."""
    said = [light.get(key) for light in lights.values()]
    return next((v for v in said if v or (v == 0 and key.startswith("dolby_vision"))), None)


def quality(width_px: int | None, height_px: int | None) -> str | None:
    """Class of a picture by its size, whichever way it stands; ``None`` where the size is not known.

    >>> [quality(*size) for size in ((1920, 800), (1280, 534), (720, 576), (3840, 1600), (1080, 1920), (720, 480))]
    ['1080p', '720p', '576p', '2160p', '1080p', '480p']
    """
    if not width_px or not height_px:
        return None
    long, short = max(width_px, height_px), min(width_px, height_px)
    return next(name for name, most_long, most_short in _QUALITIES if long <= most_long and short <= most_short)


_PACKED_DEPTHS = {
    # Formats named after the bits of a whole pixel, by the last digits of the name: rgb48, rgba64, xv30, rgb565, ...
    "44": 4, "55": 5, "65": 6, "20": 10, "30": 10, "36": 12, "48": 16, "64": 16, "96": 32, "28": 32,
}  # fmt: skip
_ODD_DEPTHS = {
    "monob": 1, "monow": 1, "rgb4": 2, "bgr4": 2, "rgb4_byte": 2, "bgr4_byte": 2, "rgb8": 3, "bgr8": 3,
    "v30xle": 10, "v30xbe": 10,
}  # fmt: skip
_EIGHT_BITS = re.compile(
    r"(?:yuv[aj]?|uyva?|uyyv|yuyv|yvyu|uyvy|vuy[ax]|vyu|ayuv|nv|gbra?p|gray|ya8|pal8|[0ax]?(?:rgb|bgr)|bayer_).*"
)


def bit_depth(pixel_format: str | None) -> int | None:
    """Bits of one colour component by FFmpeg's name of the pixel format; ``None`` where the name is not known.

    The largest where components differ. Names: libavutil/pixdesc.c.

    >>> bit_depth("yuv420p"), bit_depth("yuv420p10le"), bit_depth("p010le"), bit_depth("gbrp12le"), bit_depth("vaapi")
    (8, 10, 10, 12, None)
    """
    name = _word(pixel_format)
    if name is None:
        return None
    if name in _ODD_DEPTHS:
        return _ODD_DEPTHS[name]
    wide = re.search(r"(\d{1,2})(?:msb)?[lb]e$", name)
    if wide:
        return _PACKED_DEPTHS.get(wide[1]) or int(wide[1])
    return 8 if _EIGHT_BITS.fullmatch(name) or name in ("abgr", "argb") else None


def _sample_bits(stream: Stream) -> int | None:
    """Bits of a sample, where each is kept as it was: PCM says it in the codec's name, the others in the stream."""
    codec = stream.get("codec_name") or ""
    pcm = re.match(r"pcm_[a-z](\d+)", codec)
    if pcm:
        return int(pcm[1])
    is_lossless = codec in _LOSSLESS or codec.startswith("pcm_") or stream.get("profile") == "DTS-HD MA"
    return stream.get("bits_per_raw_sample") or None if is_lossless else None


def _word(text: str | None) -> str | None:
    return None if text is None or text in _UNKNOWN else text


def _profile(text: str | None) -> str | None:
    """Name of a profile; a bare number is one that the engine has no name for."""
    return None if text is None or re.fullmatch(r"-?\d+", text) else _word(text)


def _turn(degrees: float | None) -> float | None:
    """Degrees from -180 (exclusive) to 180; ``None`` where nothing is to be turned."""
    return 180.0 if degrees == -180 else degrees or None


def _level(level: int | None) -> int | None:
    return None if level is None or level < 0 else level


def _tag(tags: Mapping[str, str], *names: str) -> str | None:
    """The first tag of these names that says something; case does not matter."""
    wanted = [name.lower() for name in names]
    found = {key.lower(): value.strip() for key, value in tags.items()}
    return next((found[name] for name in wanted if _word(found.get(name))), None)


def _fraction(text: str | None) -> Fraction | None:
    """The fraction in ``24000/1001`` or ``16:15``; ``None`` for 0/0, 0:1 and the like."""
    match = re.fullmatch(r"(\d+)[/:](\d+)", text or "")
    if not match or not int(match[1]) or not int(match[2]):
        return None
    return Fraction(int(match[1]), int(match[2]))


def _clock(text: str | None) -> float | None:
    """Seconds of a Matroska duration tag, ``01:23:45.678000000``."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text or "")
    return _positive(int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])) if match else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None
