"""Encode a short video with PyAV: a slow pan over an invented landscape, with sound, subtitles and chapters.

The same clip gives the same bytes with the same version of PyAV: muxers write no dates and no random ids, encoders use
one thread where their number shows in the result.
"""

from __future__ import annotations

import array
import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from tasks.standin.pictures import landscape

SAMPLE_RATE_HZ = 48_000
CHUNK_SAMPLES = 4_800
VIDEO_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "crf": "30"},
    "libx265": {"preset": "ultrafast", "crf": "32", "x265-params": "log-level=none:pools=none:frame-threads=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "40", "b": "0"},
    "libsvtav1": {"preset": "12", "crf": "50", "svtav1-params": "lp=1"},
    "mpeg4": {"q:v": "8"},
    "mpeg2video": {},
}
NO_FLAGS = Disposition(0)
HDR10 = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"


@dataclass(frozen=True)
class Sound:
    """One audio track: a tone of its own pitch."""

    codec: str
    language: str | None = None
    title: str | None = None
    layout: str = "stereo"
    flags: Disposition = NO_FLAGS


@dataclass(frozen=True)
class Subtitles:
    """One subtitle track; ``ass`` or ``subrip``, which only Matroska takes here."""

    language: str
    codec: str = "subrip"
    title: str | None = None
    flags: Disposition = NO_FLAGS


@dataclass(frozen=True)
class Clip:
    """One video, before it is encoded."""

    container: str
    """Name of the muxer: matroska, mp4, mov, avi, webm, mpegts."""
    codec: str
    width_px: int
    height_px: int
    scene: str
    """What is seen: another name is another landscape."""
    duration_s: float = 2.0
    frame_rate_hz: Fraction = Fraction(24000, 1001)
    is_hdr10: bool = False
    """Ten bits, BT.2020, PQ, with mastering data; for libx265."""
    sounds: tuple[Sound, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()
    chapters: tuple[str, ...] = ()
    """Titles of chapters of equal length."""
    attachments: tuple[tuple[str, str, bytes], ...] = ()
    """Name, MIME type and content; Matroska only."""
    tags: dict[str, str] = field(default_factory=dict)


def encode(clip: Clip, path: Path) -> None:
    """Write ``clip`` to ``path``, whatever its name ends with.

    Raises:
        av.FFmpegError: this PyAV cannot encode it.
    """
    # The AV1 encoder talks on standard error; nothing but this variable stops it.
    os.environ.setdefault("SVT_LOG", "0")
    with av.open(str(path), "w", format=clip.container, container_options={"fflags": "+bitexact"}) as output:
        assert isinstance(output, OutputContainer)
        output.metadata.update(clip.tags)
        video = _video_stream(output, clip)
        audios = [_audio_stream(output, sound) for sound in clip.sounds]
        texts = [_Text(output, subtitles, clip.duration_s) for subtitles in clip.subtitles]
        for name, mime_type, content in clip.attachments:
            output.add_attachment(name, mime_type, content)
        if clip.chapters:
            output.set_chapters(_chapters(clip))
        output.start_encoding()
        for text in texts:
            text.mux(output)
        sounds = [_tone(audio, 220 + 110 * n, clip.duration_s) for n, audio in enumerate(audios)]
        # Sound goes half a second ahead of the picture, as a player wants it.
        sound_until_s = [0.0] * len(sounds)
        for number, frame in enumerate(_frames(clip)):
            at_s = float(number / clip.frame_rate_hz)
            for n, sound in enumerate(sounds):
                while sound_until_s[n] < at_s + 0.5:
                    made = next(sound, None)
                    if made is None:
                        break
                    sound_until_s[n] += CHUNK_SAMPLES / SAMPLE_RATE_HZ
                    output.mux(audios[n].encode(made))
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for audio in audios:
            output.mux(audio.encode(None))


def _video_stream(output: OutputContainer, clip: Clip) -> VideoStream:
    options = dict(VIDEO_OPTIONS[clip.codec])
    if clip.is_hdr10:
        options["x265-params"] += f":hdr10=1:repeat-headers=1:{HDR10}"
    stream = output.add_stream(clip.codec, rate=clip.frame_rate_hz, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = clip.width_px, clip.height_px
    stream.pix_fmt = "yuv420p10le" if clip.is_hdr10 else "yuv420p"
    stream.disposition = Disposition.default
    context = stream.codec_context
    context.thread_count = 1
    context.color_range = ColorRange.MPEG
    context.color_primaries = ColorPrimaries.BT2020 if clip.is_hdr10 else ColorPrimaries.BT709
    context.color_trc = ColorTrc.SMPTE2084 if clip.is_hdr10 else ColorTrc.BT709
    context.colorspace = Colorspace.BT2020 if clip.is_hdr10 else Colorspace.ITU709
    return stream


def _audio_stream(output: OutputContainer, sound: Sound) -> AudioStream:
    stream = output.add_stream(sound.codec, rate=SAMPLE_RATE_HZ)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = sound.layout
    stream.codec_context.thread_count = 1
    _describe(stream, sound.language, sound.title, sound.flags)
    return stream


def _describe(stream: Any, language: str | None, title: str | None, flags: Disposition) -> None:
    if language:
        stream.metadata["language"] = language
    if title:
        stream.metadata["title"] = title
    stream.disposition = flags


class _Text:
    """A subtitle track, read from a text in memory: PyAV copies packets in every version, but encodes in few."""

    def __init__(self, output: OutputContainer, subtitles: Subtitles, duration_s: float) -> None:
        written = _srt(duration_s) if subtitles.codec == "subrip" else _ass(duration_s)
        form = "srt" if subtitles.codec == "subrip" else "ass"
        with av.open(io.BytesIO(written.encode()), "r", format=form) as source:
            template = source.streams.subtitles[0]
            self._packets = [packet for packet in source.demux(template) if packet.size]
            self._stream = output.add_stream_from_template(template)
        _describe(self._stream, subtitles.language, subtitles.title, subtitles.flags)

    def mux(self, output: OutputContainer) -> None:
        for packet in self._packets:
            packet.stream = self._stream
            output.mux(packet)


def _lines(duration_s: float) -> list[tuple[float, float, str]]:
    third = duration_s / 3
    return [(n * third, (n + 0.9) * third, f"Line {n + 1} of an invented dialogue.") for n in range(3)]


def _srt(duration_s: float) -> str:
    def at(second: float) -> str:
        return f"00:00:{int(second):02d},{round(second % 1 * 1000):03d}"

    return "".join(f"{n}\n{at(a)} --> {at(b)}\n{text}\n\n" for n, (a, b, text) in enumerate(_lines(duration_s), 1))


def _ass(duration_s: float) -> str:
    def at(second: float) -> str:
        return f"0:00:{int(second):02d}.{int(second % 1 * 100):02d}"

    head = (
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, Alignment\n"
        "Style: Default,sans-serif,20,2\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )
    return head + "".join(f"Dialogue: 0,{at(a)},{at(b)},Default,,0,0,0,,{text}\n" for a, b, text in _lines(duration_s))


def _chapters(clip: Clip) -> list[Any]:
    length_ms = round(clip.duration_s * 1000 / len(clip.chapters))
    return [
        {
            "id": n,
            "start": n * length_ms,
            "end": (n + 1) * length_ms,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for n, title in enumerate(clip.chapters)
    ]


def _frames(clip: Clip) -> Iterator[av.VideoFrame]:
    """A window that moves over a landscape a quarter wider than itself."""
    count = max(1, round(clip.duration_s * clip.frame_rate_hz))
    wide = landscape(clip.width_px * 5 // 4, clip.height_px, palette_key=clip.scene, scene_key=clip.scene)
    pixel_format = "yuv420p10le" if clip.is_hdr10 else "yuv420p"
    way = wide.width - clip.width_px
    for number in range(count):
        left = way * number // count
        window = wide.crop((left, 0, left + clip.width_px, clip.height_px))
        drawn: av.VideoFrame = av.VideoFrame.from_image(window)  # type: ignore[no-untyped-call]
        frame = drawn.reformat(format=pixel_format)
        frame.pts = number
        frame.time_base = 1 / clip.frame_rate_hz
        yield frame


def _tone(stream: AudioStream, pitch_hz: int, duration_s: float) -> Iterator[av.AudioFrame]:
    """A quiet sine in chunks of a tenth of a second; PyAV turns it into what the encoder wants.

    Every chunk is the same: a tenth of a second holds whole waves of a pitch that is a multiple of 10 Hz.
    """
    layout = stream.codec_context.layout
    wave = array.array("h")
    for n in range(CHUNK_SAMPLES):
        wave.extend([int(2500 * math.sin(math.tau * pitch_hz * n / SAMPLE_RATE_HZ))] * layout.nb_channels)
    for start in range(0, round(duration_s * SAMPLE_RATE_HZ), CHUNK_SAMPLES):
        frame = av.AudioFrame(format="s16", layout=layout.name, samples=CHUNK_SAMPLES)
        frame.planes[0].update(wave.tobytes())
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = start
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        yield frame
