"""Read the side data of FFmpeg's libraries: C structs as bytes, or the text of ``av_dump_format``. Pure.

Layouts: ``libavutil/mastering_display_metadata.h``, ``libavutil/dovi_meta.h``, ``libavutil/display.h`` (FFmpeg 8, 9).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping

from tasks.probe.facts import Light


def light(side_data: Mapping[str, bytes]) -> Light:
    """HDR facts in side data by name; PyAV names those of packets in lower and those of frames in upper case."""
    found: Light = {}
    for name, data in side_data.items():
        match name.lower():
            case "dovi_conf":
                found["dolby_vision"] = True
                if len(data) >= 8:
                    found["dolby_vision_profile"] = data[2]
                    found["dolby_vision_compatibility"] = data[7]
            case "dovi_metadata" | "dovi_rpu_buffer":
                found["dolby_vision"] = True
            case "mastering_display_metadata":
                found["mastering"] = True
                if len(data) >= 88:
                    *_, numerator, denominator, _, has_luminance = struct.unpack_from("=22i", data)
                    if has_luminance and denominator:
                        found["max_luminance"] = numerator / denominator
            case "content_light_level":
                found["content_light"] = True
                if len(data) >= 8:
                    found["max_content"], found["max_average"] = struct.unpack_from("=2I", data)
            case "dynamic_hdr_plus" | "dynamic_hdr10_plus":
                found["hdr10_plus"] = True
    return found


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
_DOLBY_VISION = re.compile(r"DOVI configuration record:.* profile: (\d+),.* compatibility id: (\d+)")
_MASTERING = re.compile(r"Mastering Display Metadata,.*has_luminance:(\d).*max_luminance=([\d.]+)")
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
                lights["dolby_vision_profile"], lights["dolby_vision_compatibility"] = int(dovi[1]), int(dovi[2])
            elif mastering := _MASTERING.search(line):
                lights["mastering"] = True
                if mastering[1] == "1":
                    lights["max_luminance"] = float(mastering[2])
            elif content := _CONTENT_LIGHT.search(line):
                lights["content_light"] = True
                lights["max_content"], lights["max_average"] = int(content[1]), int(content[2])
            found[index] = (rotation, lights)
    return found
