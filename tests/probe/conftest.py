"""Clips that several tests look at, encoded once a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from av.stream import Disposition

from tasks.probe.pool import close_pool
from tests.probe.clips import PAL, Audio, Text, add_dolby_vision, write_clip

HDR10 = (
    "hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:"
    # x265: chromaticities in 1/50000, luminance in 1/10000 cd/m2 (max, min)
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
)


def an_hdr_clip(path: Path, parameters: str) -> Path:
    options = {"x265-params": f"log-level=none:{parameters}", "preset": "ultrafast"}
    return write_clip(path, codec="libx265", pixel_format="yuv420p10le", frames=3, options=options)


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    made = {
        "rich.mkv": write_clip(
            folder / "rich.mkv",
            tags={"title": "A Film", "comment": "Café"},
            audio=[
                Audio(tags={"language": "eng", "title": "Main"}, disposition=Disposition.default),
                Audio("ac3", "5.1(side)", tags={"language": "deu"}),
                Audio("flac", rate_hz=44_100, tags={"title": "Remarks"}, disposition=Disposition.comment),
            ],
            subtitles=[
                Text({"language": "fre"}, Disposition.forced),
                Text({"language": "eng", "title": "SDH"}, Disposition.hearing_impaired),
            ],
            chapters=[(0, 0.5, "One"), (0.5, 1, "Two")],
            attachments=[("font.ttf", "font/ttf", bytes(100))],
        ),
        "wide.mp4": write_clip(folder / "wide.mp4", rate=PAL, frames=50, size=(640, 272), audio=[Audio()]),
        "fast.mp4": write_clip(folder / "fast.mp4", frames=50, muxer={"movflags": "+faststart"}, audio=[Audio()]),
        "pieces.mp4": write_clip(
            folder / "pieces.mp4", frames=50, muxer={"movflags": "+frag_keyframe+empty_moov"}, options={"g": "12"}
        ),
        "plain.mov": write_clip(folder / "plain.mov", tags={"title": "Moving"}, audio=[Audio("pcm_s16le", "mono")]),
        "plain.avi": write_clip(folder / "plain.avi", codec="mpeg4", rate=PAL, audio=[Audio("libmp3lame")]),
        "plain.ts": write_clip(
            folder / "plain.ts", codec="mpeg2video", rate=PAL, size=(720, 576), audio=[Audio("mp2"), Audio("ac3")]
        ),
        "plain.webm": write_clip(folder / "plain.webm", codec="libvpx-vp9", audio=[Audio("libopus")]),
        "plain.wmv": write_clip(folder / "plain.wmv", codec="wmv2", rate=PAL, audio=[Audio("wmav2")]),
        "hdr10.mkv": an_hdr_clip(folder / "hdr10.mkv", HDR10),
        "hlg.mkv": an_hdr_clip(
            folder / "hlg.mkv", "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc:range=limited"
        ),
        "pq.mkv": an_hdr_clip(folder / "pq.mkv", "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"),
        "dolby.mp4": an_hdr_clip(folder / "dolby.mp4", HDR10),
    }
    add_dolby_vision(made["dolby.mp4"], profile=8, compatibility=1)
    return made


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    close_pool()
