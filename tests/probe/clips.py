"""Small real videos, encoded here: what a test expects of them is what was asked of the encoder."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition

FILM = Fraction(24_000, 1_001)
PAL = Fraction(25)
ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}
"""Options of the MP4 muxer."""


@dataclass(frozen=True)
class Audio:
    """A tone to be encoded."""

    codec: str = "aac"
    layout: str = "stereo"
    rate_hz: int = 48_000
    tags: Mapping[str, str] = field(default_factory=dict)
    disposition: Disposition | None = None


@dataclass(frozen=True)
class Text:
    """Subtitles to be muxed."""

    tags: Mapping[str, str] = field(default_factory=dict)
    disposition: Disposition | None = None


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (320, 180),
    rate: Fraction = FILM,
    frames: int = 24,
    pixel_format: str = "yuv420p",
    pixel_shape: Fraction | None = None,
    options: Mapping[str, str] | None = None,
    muxer: Mapping[str, str] | None = None,
    container_format: str | None = None,
    tags: Mapping[str, str] | None = None,
    audio: Sequence[Audio] = (),
    subtitles: Sequence[Text] = (),
    chapters: Sequence[tuple[float, float, str]] = (),
    attachments: Sequence[tuple[str, str, bytes]] = (),
) -> Path:
    """Encode ``frames`` frames of a moving pattern and as much sound."""
    silent = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    text = path.with_suffix(".text.srt")
    with av.open(str(path), "w", format=container_format, options=dict(muxer or {})) as out:
        for key, value in (tags or {}).items():
            out.metadata[key] = value
        video = out.add_stream(codec, rate=rate, options={**silent, **(options or {})})
        video.width, video.height, video.pix_fmt = *size, pixel_format
        video.codec_context.time_base = 1 / rate
        video.codec_context.thread_count = 1
        if pixel_shape:
            video.codec_context.sample_aspect_ratio = pixel_shape
        tracks = []
        for wanted in audio:
            track = out.add_stream(wanted.codec, rate=wanted.rate_hz)
            track.layout = wanted.layout
            track.bit_rate = 128_000
            _mark(track, wanted)
            tracks.append(track)
        sources = []
        for wanted_text in subtitles:
            text.write_text("1\n00:00:00,100 --> 00:00:00,500\nHello\n", encoding="utf-8")
            source = av.open(str(text))
            line = out.add_stream_from_template(source.streams.subtitles[0])
            _mark(line, wanted_text)
            sources.append((source, line))
        if chapters:
            out.set_chapters(
                [
                    {
                        "id": number,
                        "start": round(start * 1000),
                        "end": round(end * 1000),
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": title},
                    }
                    for number, (start, end, title) in enumerate(chapters, 1)
                ]
            )
        for name, mime_type, data in attachments:
            out.add_attachment(name, mime_type, data)
        for number in range(frames):
            frame = _picture(size, number, pixel_format)
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for track in tracks:
            for frame in _tone(track, float(frames / rate)):
                out.mux(track.encode(frame))
            out.mux(track.encode(None))
        for source, line in sources:
            for packet in source.demux():
                if packet.size:
                    packet.stream = line
                    out.mux(packet)
            source.close()
    text.unlink(missing_ok=True)
    return path


def _mark(stream, wanted: Audio | Text) -> None:
    stream.metadata.update(wanted.tags)
    if wanted.disposition is not None:
        stream.disposition = wanted.disposition


def _picture(size: tuple[int, int], number: int, pixel_format: str):
    width, height = size
    frame = av.VideoFrame(width, height, "gray")
    plane = frame.planes[0]
    row = bytes((x + number * 8) & 0xFF for x in range(plane.line_size))
    plane.update(row * height)
    return frame.reformat(format=pixel_format)


def _tone(track, duration_s: float):
    context = track.codec_context
    context.open(strict=False)
    samples = context.frame_size or 1_024
    count = max(1, round(duration_s * context.sample_rate / samples))
    for number in range(count):
        frame = av.AudioFrame(format=context.format.name, layout=context.layout.name, samples=samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = context.sample_rate
        frame.pts, frame.time_base = number * samples, Fraction(1, context.sample_rate)
        yield frame


def add_dolby_vision(path: Path, *, profile: int, compatibility: int) -> None:
    """Write a Dolby Vision configuration into the HEVC sample entry of an mp4 whose index lies at its end.

    Layout: Dolby Vision Streams Within the ISO Base Media File Format, version 2.0, section 3.
    """
    level, rpu, enhancement, base = 6, 1, 0, 1
    bits = profile << 9 | level << 3 | rpu << 2 | enhancement << 1 | base
    record = struct.pack(">BBHB", 1, 0, bits, compatibility << 4) + bytes(19)
    box = struct.pack(">I", 8 + len(record)) + b"dvvC" + record
    data = bytearray(path.read_bytes())
    entry = data.index(b"hev1", data.index(b"stsd")) - 4
    end = entry + int.from_bytes(data[entry : entry + 4], "big")
    data[end:end] = box
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hev1"):
        at = data.rindex(name, 0, entry + 8) - 4
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + len(box)).to_bytes(4, "big")
    path.write_bytes(data)


def add_hdr10_plus(path: Path) -> None:
    """Put HDR10+ data of one window before every picture of a raw HEVC stream, as an SEI message.

    Layout: SMPTE ST 2094-40 in a message of ITU-T T.35 (country 0xB5, provider 0x003C, code 1, application 4).
    """
    fields = (
        (8, 0xB5), (16, 0x003C), (16, 1), (8, 4), (8, 1),
        (2, 1), (27, 400), (1, 0),  # one window; the target shows 400 cd/m2; no table of its real peaks
        (17, 90_000), (17, 80_000), (17, 70_000), (17, 20_000), (4, 0), (10, 5),  # largest R, G, B; mean; none; bright
        (1, 0), (1, 0), (1, 0),  # no peaks of the mastering display, no tone mapping, no saturation
    )  # fmt: skip
    bits = "".join(f"{value:0{width}b}" for width, value in fields)
    payload = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    message = bytes([4, len(payload)]) + payload + b"\x80"
    for byte in range(4):  # 00 00 0x would look like a start code: 03 stands between
        message = message.replace(bytes([0, 0, byte]), bytes([0, 0, 3, byte]))
    sei = b"\x00\x00\x00\x01" + bytes([39 << 1, 1]) + message
    pictures = re.compile(rb"(?:\x00)?\x00\x00\x01[\x00-\x2a]\x01", re.DOTALL)
    path.write_bytes(pictures.sub(lambda match: sei + match[0], path.read_bytes()))


def make_mpegh_sound(path: Path) -> None:
    """Call the AAC sound of an mp4 MPEG-H 3D audio, which nobody here can decode."""
    data = bytearray(path.read_bytes())
    for before, after in ((b"mp4a", b"mhm1"), (b"esds", b"free")):
        at = data.index(before, data.index(b"stsd"))
        data[at : at + 4] = after
    path.write_bytes(data)


def turn_picture(path: Path, degrees: int) -> None:
    """Have an mp4 shown turned counter-clockwise by 0, 90, -90 or 180 degrees, as a phone writes it."""
    turned = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), -90: (0, 1, -1, 0), 180: (-1, 0, 0, -1)}[degrees]
    data = path.read_bytes()
    at = data.rindex(struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    a, b, c, d = (value * 65536 for value in turned)
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data[:at] + matrix + data[at + 36 :])
