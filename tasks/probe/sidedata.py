"""Read the side data of FFmpeg's libraries: C structs, ffprobe's JSON, or the text of ``av_dump_format``. Pure.

Layouts: ``libavutil/mastering_display_metadata.h``, ``libavutil/dovi_meta.h``, ``libavutil/display.h`` (FFmpeg 8, 9).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from tasks.probe.facts import Light


def light(side_data: Mapping[str, bytes]) -> Light:
    """HDR facts in side data by name; PyAV names those of packets in lower and those of frames in upper case."""
    found: Light = {}
    for name, data in side_data.items():
        match name.lower():
            case "dovi_conf":
                found["dolby_vision"] = True
                if len(data) >= 8:
                    found["dolby_vision_profile"], found["dolby_vision_level"] = data[2], data[3]
                    found["dolby_vision_enhancement"] = bool(data[5])
                    found["dolby_vision_compatibility"] = data[7]
            case "dovi_metadata" | "dovi_rpu_buffer":
                found["dolby_vision"] = True
            case "mastering_display_metadata":
                found["mastering"] = True
                if len(data) >= 88:
                    *numbers, has_primaries, has_luminance = struct.unpack_from("=22i", data)
                    values = [n / d if d else math.nan for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
                    _add_mastering(found, values[:8] if has_primaries else [], values[8:] if has_luminance else [])
            case "content_light_level":
                found["content_light"] = True
                if len(data) >= 8:
                    found["max_content"], found["max_average"] = struct.unpack_from("=2I", data)
            case "dynamic_hdr_plus" | "dynamic_hdr10_plus":
                found["hdr10_plus"] = True
    return found


def _add_mastering(found: Light, primaries: list[float], luminance: list[float]) -> None:
    """Add what is said of the mastering display: nothing at all of a group with a number missing."""
    if len(primaries) == 8 and all(map(math.isfinite, primaries)):
        found["primaries"] = primaries
    if len(luminance) == 2 and all(map(math.isfinite, luminance)):
        found["min_luminance"], found["max_luminance"] = luminance


_PRIMARIES = ("red_x", "red_y", "green_x", "green_y", "blue_x", "blue_y", "white_point_x", "white_point_y")


def printed(side_data: Iterable[Mapping[str, Any]]) -> tuple[float | None, Light]:
    """Rotation and HDR facts in a ``side_data_list`` of ffprobe, of a stream or of a frame."""
    rotation: float | None = None
    found: Light = {}
    for data in side_data:
        name = str(data.get("side_data_type", "")).lower()
        if name == "dovi configuration record":
            found["dolby_vision"] = True
            if "dv_profile" in data:
                found["dolby_vision_profile"], found["dolby_vision_level"] = data["dv_profile"], data["dv_level"]
                found["dolby_vision_enhancement"] = bool(data["el_present_flag"])
                found["dolby_vision_compatibility"] = data["dv_bl_signal_compatibility_id"]
        elif name in ("dolby vision metadata", "dolby vision rpu data"):
            found["dolby_vision"] = True
        elif name == "mastering display metadata":
            found["mastering"] = True
            primaries = [_quotient(data.get(key)) for key in _PRIMARIES]
            _add_mastering(found, primaries, [_quotient(data.get(f"{end}_luminance")) for end in ("min", "max")])
        elif name == "content light level metadata":
            found["content_light"] = True
            if "max_content" in data:
                found["max_content"], found["max_average"] = data["max_content"], data["max_average"]
        elif "2094-40" in name:
            found["hdr10_plus"] = True
        elif name == "display matrix":
            numbers = [
                int(word) for word in re.findall(r"(?<![\w:])-?\d+(?![\w:])", str(data.get("displaymatrix", "")))
            ]
            rotation = rotation_deg(struct.pack("=9i", *numbers)) if len(numbers) == 9 else None
    return rotation, found


def _quotient(text: Any) -> float:
    """The number in ffprobe's ``34000/50000``; not a number where there is none."""
    match = re.fullmatch(r"(-?\d+)/(-?\d+)", str(text))
    return int(match[1]) / int(match[2]) if match and int(match[2]) else math.nan


def rotation_deg(display_matrix: bytes) -> float | None:
    """Degrees by which the picture is turned counter-clockwise for display; ``None`` for a matrix that is no rotation.

    As ``av_display_rotation_get`` computes it from the 3x3 matrix of 16.16 fixed point numbers.
    """
    if len(display_matrix) < 36:
        return None
    a, b, _, c, d, *_ = (value / 65536 for value in struct.unpack_from("=9i", display_matrix))
    across, down = math.hypot(a, c), math.hypot(b, d)
    if not across or not down:
        return None
    return round(-math.degrees(math.atan2(b / down, a / across)), 2) + 0.0  # + 0.0: no negative zero


_STREAM = re.compile(r"^ {2}Stream #0:(\d+)")
_ROTATION = re.compile(r"rotation of (-?[\d.]+) degrees")
_DOLBY_VISION = re.compile(
    r"DOVI configuration record:.* profile: (\d+), level: (\d+),.* el flag: (\d),.* compatibility id: (\d+)"
)
_MASTERING = re.compile(r"Mastering Display Metadata, has_primaries:(\d) has_luminance:(\d) (.*)")
_CONTENT_LIGHT = re.compile(r"Content Light Level Metadata, MaxCLL=(\d+), MaxFALL=(\d+)")


def dumped(text: str) -> dict[int, tuple[float | None, Light]]:
    """Rotation and HDR facts by stream index, from the text of ``av_dump_format``.

    PyAV 18, the last for Python 3.11, does not give the side data of streams in any other way.
    """
    found: dict[int, tuple[float | None, Light]] = {}
    index = None
    inside = False
    for line in text.splitlines():
        stream = _STREAM.match(line)
        if stream:
            index, inside = int(stream[1]), False
        elif not line.startswith("      "):
            inside = line == "    Side data:"
        elif inside and index is not None:
            rotation, lights = found.get(index, (None, Light()))
            if turned := _ROTATION.search(line):
                rotation = float(turned[1]) + 0.0
            elif dovi := _DOLBY_VISION.search(line):
                lights["dolby_vision"] = True
                lights["dolby_vision_profile"], lights["dolby_vision_level"] = int(dovi[1]), int(dovi[2])
                lights["dolby_vision_enhancement"] = dovi[3] == "1"
                lights["dolby_vision_compatibility"] = int(dovi[4])
            elif mastering := _MASTERING.search(line):
                lights["mastering"] = True
                values = [float(number) for number in re.findall(r"-?\d+\.\d+", mastering[3])]
                if len(values) == 10:
                    _add_mastering(
                        lights,
                        values[:8] if mastering[1] == "1" else [],
                        values[8:] if mastering[2] == "1" else [],
                    )
            elif content := _CONTENT_LIGHT.search(line):
                lights["content_light"] = True
                lights["max_content"], lights["max_average"] = int(content[1]), int(content[2])
            found[index] = (rotation, lights)
    return found
