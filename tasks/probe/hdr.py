"""The kind of HDR of a video stream and its mastering display, by what its stream and its first frame say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.probe.facts import Light, Stream

_GAMUTS = {
    # x and y of red, green, blue and white: SMPTE EG 432-1, SMPTE RP 431-2, ITU-R BT.2020 and BT.709.
    "Display P3": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329),
    "DCI-P3": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    "BT.2020": (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329),
    "BT.709": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329),
}


def hdr(stream: Stream) -> tuple[str | None, str | None]:
    """HDR kind of a video stream and where it was seen, the most telling kind first; two ``None`` for SDR.

    HDR10 is PQ with mastering or light level data (CTA-861.3); PQ without them is called ``PQ``.
    """
    found = lights(stream)
    transfer = stream.get("color_transfer")
    for key, kind in (("dolby_vision", "Dolby Vision"), ("hdr10_plus", "HDR10+")):
        for evidence, light in found.items():
            if light.get(key):
                return kind, evidence
    if transfer == "smpte2084":
        for evidence, light in found.items():
            if light.get("mastering") or light.get("content_light"):
                return "HDR10", evidence
        return "PQ", "transfer"
    return ("HLG", "transfer") if transfer == "arib-std-b67" else (None, None)


def lights(stream: Stream) -> dict[str, Light]:
    """HDR facts by evidence, what the stream itself says before what its first frame says."""
    light = stream.get("light", {})
    return {"stream": light.get("stream", {}), "frame": light.get("frame", {})}


def value_of(found: Mapping[str, Light], key: str) -> Any:
    """A value as the stream says it, else as its first frame does; a luminance of 0 is how "not known" is written."""
    said = [light.get(key) for light in found.values()]
    return next((v for v in said if v or (v is not None and key.startswith("dolby_vision"))), None)


def evidence_of(found: Mapping[str, Light], key: str) -> str | None:
    """Where ``key`` was seen first: ``stream`` or ``frame``; ``None`` if nowhere."""
    return next((evidence for evidence, light in found.items() if light.get(key)), None)


def mastering(found: Mapping[str, Light]) -> dict[str, Any]:
    """The mastering display; chromaticities to four places, as FFmpeg prints them."""
    numbers = [round(number, 4) for number in value_of(found, "primaries") or []]
    if not any(numbers):  # all zero is how "not known" is written
        numbers = []
    points = zip("RGBW", numbers[::2], numbers[1::2], strict=False)
    gamut = next((name for name, wanted in _GAMUTS.items() if numbers and _is_near(numbers, wanted)), None)
    return {
        "mastering_gamut": gamut,
        "mastering_primaries": ", ".join(f"{color} {x:.4f} {y:.4f}" for color, x, y in points) or None,
        "min_luminance_cd_m2": _rounded(value_of(found, "min_luminance")),
        "max_luminance_cd_m2": _rounded(value_of(found, "max_luminance")),
    }


def _is_near(found: list[float], wanted: tuple[float, ...]) -> bool:
    return all(abs(a - b) < 0.002 for a, b in zip(found, wanted, strict=True))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
