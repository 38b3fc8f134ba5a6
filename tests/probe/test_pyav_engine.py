"""What PyAV says of real files: what was encoded, what ffprobe says of the same, and of files that are none."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tasks.probe import sidedata
from tasks.probe.normalise import Rows, rows
from tasks.probe.pyav_engine import measure
from tests.probe.clips import ENCRYPTION, Audio, add_hdr10_plus, turn_picture, write_clip
from tests.probe.conftest import HDR10, an_hdr_clip

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def normal(path: Path | bytes, *, read_first_frame: bool = True) -> Rows:
    facts = measure(os.fsencode(path), read_first_frame=read_first_frame)
    return rows(json.loads(json.dumps(facts)), file_id="f", probed_at=NOON)


def picked(row: dict[str, Any], *columns: str) -> tuple[Any, ...]:
    return tuple(row[column] for column in columns)


class TestWhatWasEncoded:
    def test_the_container(self, clips):
        """
        Size and times are those of the file, the length that of 24 frames of NTSC film (and a packet of sound).
        """
        at = clips["rich.mkv"].stat()

        probe = normal(clips["rich.mkv"]).probe

        assert ("ok", None, True, "matroska,webm", "A Film", 1, 3, 2, 2, 1) == picked(
            probe, "status", "error", "playable", "container", "title", "video_stream_count", "audio_stream_count",
            "subtitle_stream_count", "chapter_count", "attachment_count",
        )  # fmt: skip
        assert (at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino) == picked(
            probe, "size_bytes", "mtime_ns", "ctime_ns", "inode"
        )
        assert pytest.approx(24 * 1001 / 24000, abs=0.05) == probe["duration_s"]
        assert "Café" == json.loads(probe["tags"])["COMMENT"]

    def test_the_picture(self, clips):
        """
        Size, exact rate, depth and shape of the picture are those that were asked of the encoder.
        """
        [video] = normal(clips["rich.mkv"]).video_streams

        assert ("h264", 320, 180, "24000/1001", 8, "yuv420p", "16:9", None) == picked(
            video, "codec", "width_px", "height_px", "frame_rate_fraction", "bit_depth", "pixel_format",
            "display_aspect_ratio", "hdr_format",
        )  # fmt: skip

    def test_the_sound(self, clips):
        """
        Codec, channels, rate, language, title and dispositions of every track, in the order of the file.
        """
        tracks = normal(clips["rich.mkv"]).audio_streams

        columns = ("codec", "channel_count", "channel_layout", "sample_rate_hz", "language", "title", "is_commentary")
        assert [
            ("aac", 2, "stereo", 48_000, "eng", "Main", False),
            ("ac3", 6, "5.1(side)", 48_000, "deu", None, False),
            ("flac", 2, "stereo", 44_100, None, "Remarks", True),
        ] == [picked(t, *columns) for t in tracks]
        assert [None, None, 16] == [t["bit_depth"] for t in tracks]
        assert [True, False, False] == [t["is_default"] for t in tracks]

    def test_subtitles_chapters_and_attachments(self, clips):
        """
        Everything beside picture and sound has its row as well.
        """
        found = normal(clips["rich.mkv"])

        assert [("subrip", "fre", None, True, False), ("subrip", "eng", "SDH", False, True)] == [
            picked(s, "codec", "language", "title", "is_forced", "is_hearing_impaired") for s in found.subtitle_streams
        ]
        assert [(0, 0.0, 0.5, "One"), (1, 0.5, 1.0, "Two")] == [
            picked(c, "chapter_index", "start_s", "end_s", "title") for c in found.chapters
        ]
        assert [("font.ttf", "font/ttf")] == [picked(a, "filename", "mime_type") for a in found.attachments]

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            # The metadata is 1000 cd/m2, MaxCLL 1000, MaxFALL 400; x265 writes it into the frames only.
            ("hdr10.mkv", ("HDR10", "frame", None, "frame", 0.005, 1000.0, "Display P3", 1000, 400, None, None)),
            ("hlg.mkv", ("HLG", "transfer", None, None, None, None, None, None, None, None, None)),
            ("pq.mkv", ("PQ", "transfer", None, None, None, None, None, None, None, None, None)),
            ("dolby.mp4", ("Dolby Vision", "stream", "stream", "frame", 0.005, 1000.0, "Display P3", 1000, 400, 8, 1)),
        ],
    )
    def test_hdr(self, clips, name, expected):
        """
        The kind of HDR, where it was seen, and the values that were given to the encoder.
        """
        found = normal(clips[name])

        assert expected == picked(
            found.video_streams[0], "hdr_format", "hdr_evidence", "dolby_vision_evidence", "mastering_evidence",
            "min_luminance_cd_m2", "max_luminance_cd_m2", "mastering_gamut", "max_content_light_cd_m2",
            "max_frame_average_light_cd_m2", "dolby_vision_profile", "dolby_vision_compatibility",
        )  # fmt: skip
        assert (expected[0], 10) == (found.probe["hdr_format"], found.video_streams[0]["bit_depth"])

    def test_the_primaries_are_those_of_the_encoder(self, clips):
        """
        x265 was given G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450) in steps of 1/50000.
        """
        [video] = normal(clips["hdr10.mkv"]).video_streams

        assert (
            "R 0.6800 0.3200, G 0.2650 0.6900, B 0.1500 0.0600, W 0.3127 0.3290" == video["mastering_primaries"]
        )  # fmt: skip

    def test_hdr10_plus_stands_in_the_frames(self, tmp_path):
        """
        A frame that carries SMPTE ST 2094-40 data makes the stream HDR10+, and its HDR10 data is kept beside.
        """
        path = an_hdr_clip(tmp_path / "plus.hevc", HDR10)
        add_hdr10_plus(path)

        [video] = normal(path).video_streams

        assert ("HDR10+", "frame", "frame", 1000) == picked(
            video, "hdr_format", "hdr10_plus_evidence", "mastering_evidence", "max_content_light_cd_m2"
        )

    def test_an_encrypted_film_is_not_playable(self, tmp_path):
        """
        Common encryption (ISO/IEC 23001-7): everything is known of the film, but nobody without the key can see it.
        """
        path = write_clip(tmp_path / "secret.mp4", muxer=ENCRYPTION, audio=[Audio()])

        probe = normal(path).probe

        assert ("partial", "encrypted: audio, video", True, False) == picked(
            probe, "status", "error", "is_encrypted", "playable"
        )

    def test_without_the_first_frame_hdr10_is_pq(self, clips):
        """
        With the setting off nothing is decoded: what stands in frames only is not seen, and not guessed.
        """
        [video] = normal(clips["hdr10.mkv"], read_first_frame=False).video_streams

        assert ("PQ", "transfer") == picked(video, "hdr_format", "hdr_evidence")

    @pytest.mark.parametrize("degrees", [90, -90, 180, 0])
    def test_rotation(self, tmp_path, degrees):
        """
        A phone's upright video says by how much it is to be turned, counter-clockwise.
        """
        path = write_clip(tmp_path / "phone.mp4", frames=3)
        turn_picture(path, degrees)

        [video] = normal(path).video_streams

        assert (degrees or None) == video["rotation_deg"]

    def test_anamorphic_pictures(self, tmp_path):
        """
        720x576 with pixels of 64:45 is shown as 16:9.
        """
        path = write_clip(tmp_path / "pal.mkv", size=(720, 576), frames=3, pixel_shape=Fraction(64, 45))

        [video] = normal(path).video_streams

        assert ("64:45", "16:9") == picked(video, "sample_aspect_ratio", "display_aspect_ratio")


class TestFfprobeAgrees:
    @pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
    @pytest.mark.parametrize(
        "name", ["rich.mkv", "wide.mp4", "pieces.mp4", "plain.mov", "plain.avi", "plain.ts", "plain.webm", "plain.wmv"]
    )
    def test_field_by_field(self, clips, name):
        """
        The program says the same of the same file, whichever version it is.
        """
        argv = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters"]
        said = json.loads(subprocess.run([*argv, clips[name]], capture_output=True, check=True).stdout)

        found = normal(clips[name])

        assert said["format"]["format_name"] == found.probe["container"]
        assert pytest.approx(float(said["format"]["duration"]), abs=0.1) == found.probe["duration_s"]
        assert len(said["chapters"]) == len(found.chapters)
        ours = [*found.video_streams, *found.audio_streams, *found.subtitle_streams]
        theirs = [s for s in said["streams"] if s["codec_type"] in ("video", "audio", "subtitle")]
        assert [s["index"] for s in theirs] == sorted(row["stream_index"] for row in ours)
        for row in ours:
            expected = _of_ffprobe(said["streams"][row["stream_index"]], row)
            assert expected == {column: row[column] for column in expected}


def _of_ffprobe(stream: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """The row that ffprobe's JSON gives, as far as every version of it speaks of the same things."""
    tags = {key.lower(): value for key, value in stream.get("tags", {}).items()}

    def known(key: str) -> Any:
        value = stream.get(key)
        return None if value in ("unknown", "unspecified", "reserved", "0:1", "0/0") else value

    language = tags.get("language")
    said = {
        "stream_index": stream["index"],
        "codec": stream["codec_name"],
        "language": None if language == "und" else language,
        "title": tags.get("title"),
        "is_default": bool(stream["disposition"]["default"]),
    }
    if stream["codec_type"] == "video":
        said |= {
            "profile": known("profile"),
            "width_px": stream["width"],
            "height_px": stream["height"],
            "pixel_format": known("pix_fmt"),
            "sample_aspect_ratio": known("sample_aspect_ratio"),
            "frame_rate_fraction": known("avg_frame_rate"),
            "color_range": known("color_range"),
            "color_primaries": known("color_primaries"),
            "color_transfer": known("color_transfer"),
            "color_space": known("color_space"),
            "field_order": known("field_order"),
        }
        if stream["level"] >= 0:
            said["level"] = stream["level"]
    elif stream["codec_type"] == "audio":
        said |= {
            "profile": known("profile"),
            "channel_count": stream["channels"],
            "channel_layout": known("channel_layout"),
            "sample_rate_hz": int(stream["sample_rate"]),
            "is_commentary": bool(stream["disposition"]["comment"]),
        }
    else:
        said |= {
            "is_forced": bool(stream["disposition"]["forced"]),
            "is_hearing_impaired": bool(stream["disposition"]["hearing_impaired"]),
        }
    return {column: value for column, value in said.items() if column in row}


class TestWhatIsNoVideo:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "empty file"),
            (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "not a video container"),
            (b"ffconcat version 1.0\nfile wide.mp4\n", "not a video container"),
            (b"#EXTM3U\n#EXTINF:1,\nwide.mp4\n", None),
            (bytes(100_000), None),
            (random.Random(1).randbytes(100_000), None),
            (b"\x89PNG\r\n\x1a\n" + bytes(1_000), None),
            (b"PK\x03\x04" + bytes(1_000), None),
        ],
        ids=["empty", "subtitles", "ffconcat", "playlist", "zeros", "noise", "png", "zip"],
    )
    def test_it_is_unreadable_and_opens_nothing_else(self, clips, content, reason):
        """
        Text that names another file does not open it, and pictures or subtitles are no films, whatever they are called.
        """
        path = clips["wide.mp4"].with_name("pretender.mkv")
        path.write_bytes(content)

        found = normal(path)

        assert ("unreadable", False, 0) == picked(found.probe, "status", "playable", "video_stream_count")
        assert reason in (None, found.probe["error"])

    def test_a_pipe_is_never_opened(self, tmp_path):
        """
        Opening a pipe that nobody writes to would wait for ever.
        """
        os.mkfifo(tmp_path / "pipe.mkv")

        assert ("unreadable", "not a file but a pipe") == picked(normal(tmp_path / "pipe.mkv").probe, "status", "error")

    @pytest.mark.parametrize(
        ("path", "cause"),
        [
            ("/dev/zero", "unreadable"), ("/", "unreadable"), ("/no/such/file.mkv", "vanished"),
            ("/dev/null/a.mkv", "vanished"), ("/" + "x" * 300, "unreadable"),
        ],
    )  # fmt: skip
    def test_what_is_not_there_has_its_cause(self, path, cause):
        """
        A device, a folder, a missing file and an impossible name are told apart.
        """
        facts = measure(os.fsencode(path), read_first_frame=True)

        assert facts["failure"] is not None
        assert cause == facts["failure"]["cause"]

    @pytest.mark.usefixtures("without_privileges")
    def test_a_file_without_permission(self, tmp_path):
        """
        It is not the file's fault: nothing is said about its content.
        """
        path = tmp_path / "a.mkv"
        path.write_bytes(b"x")
        path.chmod(0)

        failure = measure(os.fsencode(path), read_first_frame=True)["failure"]

        assert failure is not None
        assert "not_permitted" == failure["cause"]


@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines.mkv",
        "🎬.mkv".encode(),
        b"[red]bold.mkv",
        b"caf\xe9.mkv",
        b"-dash.mkv",
        b"http:colon.mkv",
        b"%d.mkv",
    ],
    ids=repr,
)
def test_every_name_can_be_measured(clips, tmp_path, name):
    """
    No name is an option, an address, a pattern or a wrong encoding.
    """
    path = os.fsencode(tmp_path) + b"/" + name
    shutil.copyfile(clips["rich.mkv"], path)

    assert "ok" == normal(path).probe["status"]


def test_tags_that_are_no_utf8_are_kept_readable(tmp_path):
    r"""
    A byte that is no UTF-8 is written as \xNN: JSON and DuckDB take it.
    """
    path = write_clip(tmp_path / "a.mkv", frames=3, tags={"title": "caf_"})
    path.write_bytes(path.read_bytes().replace(b"caf_", b"caf\xe9"))

    probe = normal(path).probe

    assert "caf\\xe9" == probe["title"]
    assert "caf\\xe9" == json.loads(probe["tags"])["title"]


class TestTruncated:
    """Of a file whose end is missing."""

    @pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9, 0.999])
    @pytest.mark.parametrize(
        "name", ["rich.mkv", "fast.mp4", "pieces.mp4", "plain.avi", "plain.webm", "plain.wmv", "wide.mp4"]
    )
    def test_it_is_seen_and_playable_says_whether_a_picture_can_be_decoded(self, clips, tmp_path, name, share):
        """
        Containers that announce their size are never called whole; playable is what decoding the first picture says.
        """
        data = clips[name].read_bytes()
        path = tmp_path / name
        path.write_bytes(data[: int(len(data) * share)])

        probe = normal(path).probe

        assert probe["status"] in ("partial", "unreadable")
        assert "truncated" in probe["error"]
        assert _shows_a_picture(path) == probe["playable"]

    def test_an_mp4_without_its_index_is_unreadable(self, clips, tmp_path):
        """
        The index (moov) of an mp4 that was not prepared for the web lies at its end; without it nothing can be played.
        """
        path = tmp_path / "a.mp4"
        path.write_bytes(clips["wide.mp4"].read_bytes()[:-5_000])

        probe = normal(path).probe

        assert "unreadable" == probe["status"]
        assert "moov atom not found" in probe["error"]

    def test_a_stream_for_broadcast_is_a_shorter_film(self, clips, tmp_path):
        """
        MPEG-TS announces no size: half of it is a whole film of half the length, and nobody can know more.
        """
        data = clips["plain.ts"].read_bytes()
        path = tmp_path / "a.ts"
        path.write_bytes(data[: len(data) // 2])

        half, whole = normal(path).probe, normal(clips["plain.ts"]).probe

        assert "ok" == half["status"]
        assert half["duration_s"] < 0.8 * whole["duration_s"]

    @pytest.mark.parametrize("name", ["rich.mkv", "wide.mp4", "pieces.mp4", "plain.avi", "plain.webm", "plain.wmv"])
    def test_bytes_behind_the_end_do_no_harm(self, clips, tmp_path, name):
        """
        Programs append things; only what is missing is told.
        """
        path = tmp_path / name
        path.write_bytes(clips[name].read_bytes() + bytes(1_000))

        assert "ok" == normal(path).probe["status"]


def _shows_a_picture(path: Path) -> bool:
    try:
        with av.open(str(path)) as container:
            return bool(container.streams.video) and next(container.decode(video=0), None) is not None
    except (av.FFmpegError, OSError):
        return False


class TestSideData:
    def test_the_text_of_a_dump_gives_the_same(self):
        """
        The lines are those of libavformat/dump.c (FFmpeg 8), where PyAV 18 has no other way.
        """
        text = (
            "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from '':\n"
            "  Stream #0:0[0x1](und): Video: hevc (Main 10), 30 fps (default)\n"
            "    Metadata:\n"
            "      title           : Display Matrix: rotation of 45.00 degrees\n"
            "    Side data:\n"
            "      DOVI configuration record: version: 1.0, profile: 8, level: 6, rpu flag: 1, el flag: 0, bl flag: 1, "
            "compatibility id: 4, compression: 0\n"
            "      Mastering Display Metadata, has_primaries:1 has_luminance:1 r(0.6800,0.3200) g(0.2650,0.6900) "
            "b(0.1500 0.0600) wp(0.3127, 0.3290) min_luminance=0.005000, max_luminance=1000.000000\n"
            "      Content Light Level Metadata, MaxCLL=1000, MaxFALL=400\n"
            "      Display Matrix: rotation of -90.00 degrees\n"
            "  Stream #0:1[0x2](eng): Audio: aac (LC)\n"
        )

        assert {
            0: (
                -90.0,
                {
                    "dolby_vision": True, "dolby_vision_profile": 8, "dolby_vision_level": 6,
                    "dolby_vision_enhancement": False, "dolby_vision_compatibility": 4, "mastering": True,
                    "primaries": [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329], "min_luminance": 0.005,
                    "max_luminance": 1000.0, "content_light": True, "max_content": 1000, "max_average": 400,
                },
            )
        } == sidedata.dumped(text)  # fmt: skip

    @pytest.mark.parametrize(
        "name", ["dovi_conf", "mastering_display_metadata", "content_light_level", "display_matrix"]
    )
    @pytest.mark.parametrize("size", [0, 1, 7])
    def test_side_data_that_is_too_short_does_no_harm(self, name, size):
        """
        A hostile file may say there is side data and give none.
        """
        sidedata.light({name: bytes(size)})

        assert None is sidedata.rotation_deg(bytes(size))
