"""Make films as long and large as real ones: a few encoded seconds, their packets copied again and again.

What a probe reads of a large file is its index and its first seconds, so these are as large as real ones: a frame has
its entry, a second its bytes. The picture is noise, which no encoder can make small.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from tasks.core import atomic

BITRATE_BPS = 2_200_000
"""2 GB in two hours."""
LOOP_S = 8
"""Length of what is repeated: a whole number of frames of picture (192) and of sound (375)."""
_FRAME_RATE_HZ = 24
_SAMPLE_RATE_HZ = 48_000
_FRAME_SAMPLES = 1_024
_SOUND_BPS = 128_000
_WIDTH_PX, _HEIGHT_PX = 320, 180


@dataclass(frozen=True)
class LargeVideo:
    """One kind of large file."""

    name: str
    what: str
    container: str
    options: dict[str, str]


LARGE_VIDEOS = (
    LargeVideo("film.mkv", "Matroska", "matroska", {}),
    LargeVideo("index-last.mp4", "MP4, index at the end", "mp4", {}),
    LargeVideo("fragments.mp4", "MP4 in fragments", "mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
)


def missing_bytes(folder: Path, size_bytes: int) -> int:
    """How much more room :func:`make_large_videos` needs than the disk of ``folder`` has; 0 if there is enough."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = sum(size_bytes for video in LARGE_VIDEOS if not (folder / video.name).exists())
    return max(0, round(wanted * 1.1) - shutil.disk_usage(folder).free) if wanted else 0


def make_large_videos(folder: Path, size_bytes: int) -> list[Path]:
    """One file of each kind of ``LARGE_VIDEOS`` in ``folder``, of about ``size_bytes`` each; those there are left.

    Raises:
        StorageFull: the disk is full.
        av.FFmpegError: this PyAV cannot encode the picture or the sound.
    """
    seed = folder / f"{LOOP_S}s.mkv"
    if not seed.exists():
        with atomic.writing(seed) as temporary:
            _encode(temporary)
    loops = max(1, round(size_bytes / (BITRATE_BPS / 8 * LOOP_S)))
    for video in LARGE_VIDEOS:
        if not (folder / video.name).exists():
            with atomic.writing(folder / video.name) as temporary:
                _repeat(seed, temporary, video, loops)
    return [folder / video.name for video in LARGE_VIDEOS]


def _encode(path: Path) -> None:
    """Eight seconds of noise and silence; no frame refers to a later one, so that copies follow each other simply."""
    noise = random.Random(1)
    with av.open(str(path), "w", format="matroska", container_options={"fflags": "+bitexact"}) as output:
        assert isinstance(output, OutputContainer)
        kilobits = (BITRATE_BPS - _SOUND_BPS) // 1000
        video = output.add_stream(
            "libx264",
            rate=_FRAME_RATE_HZ,
            options={
                "preset": "ultrafast",
                "x264-params": f"bframes=0:keyint=48:scenecut=0:nal-hrd=cbr:bitrate={kilobits}"
                f":vbv-maxrate={kilobits}:vbv-bufsize={kilobits}:log-level=-1",
            },
        )
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = _WIDTH_PX, _HEIGHT_PX, "yuv420p"
        video.codec_context.thread_count = 1
        sound = output.add_stream("aac", rate=_SAMPLE_RATE_HZ)
        assert isinstance(sound, AudioStream)
        sound.codec_context.layout = "stereo"
        sound.codec_context.bit_rate = _SOUND_BPS
        output.start_encoding()
        for number in range(LOOP_S * _FRAME_RATE_HZ):
            frame = av.VideoFrame(_WIDTH_PX, _HEIGHT_PX, "yuv420p")
            for plane in frame.planes:
                plane.update(noise.randbytes(plane.buffer_size))
            frame.pts, frame.time_base = number, Fraction(1, _FRAME_RATE_HZ)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for number in range(LOOP_S * _SAMPLE_RATE_HZ // _FRAME_SAMPLES + 2):  # the encoder keeps some to itself
            quiet = av.AudioFrame(format="fltp", layout="stereo", samples=_FRAME_SAMPLES)
            for channel in quiet.planes:
                channel.update(bytes(channel.buffer_size))
            quiet.sample_rate, quiet.pts = _SAMPLE_RATE_HZ, number * _FRAME_SAMPLES
            quiet.time_base = Fraction(1, _SAMPLE_RATE_HZ)
            output.mux(sound.encode(quiet))
        output.mux(sound.encode(None))


def _repeat(seed: Path, path: Path, kind: LargeVideo, loops: int) -> None:
    with av.open(str(seed)) as source:
        templates: list[Any] = [source.streams.video[0], source.streams.audio[0]]
        sizes = [LOOP_S * _FRAME_RATE_HZ, LOOP_S * _SAMPLE_RATE_HZ // _FRAME_SAMPLES]
        payloads: list[list[tuple[bytes, bool]]] = [[], []]
        for packet in source.demux(templates):
            if packet.size:
                payloads[templates.index(packet.stream)].append((bytes(packet), packet.is_keyframe))
        with av.open(
            str(path), "w", format=kind.container, options=kind.options, container_options={"fflags": "+bitexact"}
        ) as output:
            assert isinstance(output, OutputContainer)
            streams = [output.add_stream_from_template(template) for template in templates]
            units = [Fraction(1, _FRAME_RATE_HZ), Fraction(_FRAME_SAMPLES, _SAMPLE_RATE_HZ)]
            bases = [Fraction(1, _FRAME_RATE_HZ), Fraction(1, _SAMPLE_RATE_HZ)]
            order = sorted(
                (number * units[stream], stream, number) for stream in (0, 1) for number in range(sizes[stream])
            )
            steps = [int(units[stream] / bases[stream]) for stream in (0, 1)]
            for loop in range(loops):
                for _, stream, number in order:
                    payload, is_keyframe = payloads[stream][number]
                    packet = av.Packet(payload)
                    packet.stream = streams[stream]
                    packet.time_base = bases[stream]
                    packet.pts = packet.dts = (loop * sizes[stream] + number) * steps[stream]
                    packet.duration = steps[stream]
                    packet.is_keyframe = is_keyframe
                    output.mux(packet)
