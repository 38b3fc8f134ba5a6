"""What the program ffprobe says of real files, in how many calls, and what becomes of a program that misbehaves."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.core.errors import ProbeEngineBroken
from tasks.probe import ffprobe_engine, pyav_engine
from tasks.probe.facts import Facts
from tasks.probe.normalise import Rows, rows
from tests.probe.clips import Audio, add_hdr10_plus, make_mpegh_sound, write_clip
from tests.probe.conftest import HDR10, an_hdr_clip

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
FFPROBE = shutil.which("ffprobe") or ""
needs_ffprobe = pytest.mark.skipif(not FFPROBE, reason="ffprobe is not installed")


def measured(path: Path | bytes, *, program: str = FFPROBE, read_first_frame: bool = True, calls: int = 1) -> Facts:
    return ffprobe_engine.measure(
        os.fsencode(path), read_first_frame=read_first_frame, ffprobe=program, ffprobe_calls=calls
    )


def normal(facts: Facts) -> Rows:
    return rows(json.loads(json.dumps(facts)), file_id="f", probed_at=NOON)


@pytest.fixture
def a_program(tmp_path) -> Callable[[str], str]:
    """Write a program that takes the place of ffprobe; it answers the question for its version by itself."""
    count = iter(range(100))

    def write(body: str) -> str:
        path = tmp_path / f"ffprobe{next(count)}"
        version = "ffprobe version 1.2 Copyright\nlibavformat    59. 27.100 / 59. 27.100"
        path.write_text(f'#!/bin/sh\nif [ "$1" = -version ]; then echo "{version}"; exit 0; fi\n{body}\n')
        path.chmod(0o755)
        return str(path)

    return write


@pytest.fixture
def a_counter(a_program, tmp_path) -> tuple[str, Path]:
    """The real ffprobe, which writes a line for every call, and the file it writes them to."""
    calls = tmp_path / "calls"
    return a_program(f"printf '%s\\n' \"$(echo \"$*\" | tr '\\n' ' ')\" >> '{calls}'\nexec '{FFPROBE}' \"$@\""), calls


@needs_ffprobe
class TestCalls:
    def test_a_file_costs_one_call(self, clips, a_counter):
        """
        Container, streams and chapters come in one answer.
        """
        program, calls = a_counter

        found = normal(measured(clips["rich.mkv"], program=program))

        assert ("ok", "ffprobe", "ffprobe 1.2, libavformat 59.27.100") == (
            found.probe["status"], found.probe["engine"], found.probe["engine_version"]
        )  # fmt: skip
        assert 1 == len(calls.read_text().splitlines())

    @pytest.mark.parametrize(
        ("name", "share", "count"), [("hdr10.mkv", 1, 2), ("hlg.mkv", 1, 2), ("plain.ts", 1, 1), ("rich.mkv", 0.5, 2)]
    )
    def test_a_frame_costs_one_more_where_it_can_tell_something(self, clips, a_counter, tmp_path, name, share, count):
        """
        A frame is decoded of possible HDR videos and of files without their end, of no others.
        """
        program, calls = a_counter
        data = clips[name].read_bytes()
        path = tmp_path / name
        path.write_bytes(data[: int(len(data) * share)])

        facts = measured(path, program=program)

        assert (count, count) == (len(calls.read_text().splitlines()), facts["program_calls"])

    def test_what_is_no_video_file_costs_none(self, a_counter, tmp_path):
        """
        A pipe, a folder, an empty and a missing file are known without asking.
        """
        program, calls = a_counter
        os.mkfifo(tmp_path / "pipe.mkv")
        (tmp_path / "empty.mkv").touch()

        found = [measured(tmp_path / name, program=program) for name in ("pipe.mkv", ".", "empty.mkv", "gone.mkv")]

        assert ["unreadable", "unreadable", "unreadable", "vanished"] == [f["failure"]["cause"] for f in found]
        assert [0, 0, 0, 0] == [f["program_calls"] for f in found]
        assert not calls.exists()


@needs_ffprobe
class TestThreeCalls:
    """The way of older programs, for comparisons: streams, container and chapters asked for one after the other."""

    @pytest.mark.parametrize("share", [1, 0.6])
    @pytest.mark.parametrize("name", ["rich.mkv", "wide.mp4", "plain.ts", "plain.avi", "hdr10.mkv", "dolby.mp4"])
    def test_the_row_is_that_of_one_call(self, clips, tmp_path, name, share):
        """
        Of whole files and of files without their end, whatever is said of them; but two calls more.
        """
        path = tmp_path / name
        data = clips[name].read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

        one, three = measured(path), measured(path, calls=3)

        assert normal(one) == normal(three)
        assert one["failure"] == three["failure"]
        more = 0 if one["failure"] else 2  # who is refused at the first call is not asked again
        assert one["program_calls"] + more == three["program_calls"]

    @pytest.mark.parametrize(
        "content",
        [b"", b"text", bytes(50_000), b"\x1aE\xdf\xa3" + bytes(1_000)],
        ids=["empty", "text", "zeros", "EBML"],
    )
    def test_what_is_no_video_is_refused_in_the_same_words(self, tmp_path, content):
        """
        At the first call, if there is one.
        """
        path = tmp_path / "a.mkv"
        path.write_bytes(content)

        one, three = measured(path), measured(path, calls=3)

        assert one["failure"] is not None
        assert one == three

    @pytest.mark.parametrize(("name", "count"), [("rich.mkv", 3), ("hdr10.mkv", 4)])
    def test_the_calls_counted_are_those_made(self, clips, a_counter, name, count):
        """
        Each part is asked for in a call of its own, and a first frame in one more.
        """
        program, calls = a_counter

        facts = measured(clips[name], program=program, calls=3)

        made = calls.read_text().splitlines()
        assert (count, count) == (len(made), facts["program_calls"])
        for part in ("-show_streams", "-show_format", "-show_chapters"):
            assert 1 == sum(part in call for call in made), part

    @pytest.mark.parametrize(
        ("body", "cause", "reason", "count"),
        [
            ("kill -SEGV $$", "crashed", "ffprobe was ended by signal 11", 1),
            ("exit 3", "unreadable", "ffprobe ended with exit code 3", 1),
            ("echo '[1]'", "unreadable", "ffprobe says nothing about it", 3),
            ('case "$*" in *streams*) echo \'{"streams": []}\';; *) exit 3;; esac', "unreadable",
             "ffprobe ended with exit code 3", 2),
        ],
    )  # fmt: skip
    def test_a_program_that_misbehaves_costs_one_file(self, clips, a_program, body, cause, reason, count):
        """
        The same failures as with one call, and the calls that were made are counted.
        """
        facts = measured(clips["rich.mkv"], program=a_program(body), calls=3)

        assert ({"cause": cause, "reason": reason}, count) == (facts["failure"], facts["program_calls"])


@needs_ffprobe
class TestWhatItSays:
    def test_hdr10_of_the_first_frame(self, clips):
        """
        Light levels and mastering display are those given to the encoder, and seen in the frame.
        """
        [video] = normal(measured(clips["hdr10.mkv"])).video_streams

        assert ("HDR10", "frame", 1000, 400, 0.005, 1000.0, "Display P3") == tuple(
            video[c]
            for c in (
                "hdr_format", "hdr_evidence", "max_content_light_cd_m2", "max_frame_average_light_cd_m2",
                "min_luminance_cd_m2", "max_luminance_cd_m2", "mastering_gamut",
            )
        )  # fmt: skip

    def test_hdr10_plus_and_dolby_vision(self, clips, tmp_path):
        """
        The kinds that x265 cannot write are put into the file by hand.
        """
        plus = an_hdr_clip(tmp_path / "plus.hevc", HDR10)
        add_hdr10_plus(plus)

        found = [normal(measured(path)).video_streams[0] for path in (plus, clips["dolby.mp4"])]

        assert [("HDR10+", "frame"), ("Dolby Vision", "stream")] == [
            (f["hdr_format"], f["hdr_evidence"]) for f in found
        ]
        columns = ("dolby_vision_profile", "dolby_vision_level", "dolby_vision_compatibility")
        assert (8, 6, 1, False) == tuple(found[1][c] for c in (*columns, "has_dolby_vision_enhancement"))

    def test_without_the_first_frame_hdr10_is_pq(self, clips, a_counter):
        """
        The setting holds for this engine too.
        """
        program, calls = a_counter

        [video] = normal(measured(clips["hdr10.mkv"], program=program, read_first_frame=False)).video_streams

        assert ("PQ", 1) == (video["hdr_format"], len(calls.read_text().splitlines()))

    def test_why_a_file_is_refused(self, clips, tmp_path):
        """
        FFmpeg's words for the cause, without the file's name and the address of a structure in memory.
        """
        path = tmp_path / "a.mp4"
        path.write_bytes(clips["wide.mp4"].read_bytes()[:-5_000])

        failure = measured(path)["failure"]

        assert failure is not None
        assert "Invalid data found when processing input: moov atom not found" == failure["reason"]


class TestPrograms:
    def test_a_missing_program_is_told_before_the_work(self):
        """
        The run is refused, with what to do about it; no file is blamed.
        """
        with pytest.raises(ProbeEngineBroken, match=r"install it or set probe\.engine = pyav"):
            ffprobe_engine.check("no-such-ffprobe")

    @pytest.mark.parametrize("body", ["echo hello", "exit 1", "kill -9 $$"])
    def test_another_program_is_refused(self, tmp_path, body):
        """
        What does not say that it is ffprobe is not trusted with a library.
        """
        path = tmp_path / "ffprobe"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

        with pytest.raises(ProbeEngineBroken):
            ffprobe_engine.check(str(path))

    @needs_ffprobe
    def test_the_version_is_that_of_the_program(self):
        """
        Name, version and libavformat of the program, as in rows of PyAV.
        """
        assert ffprobe_engine.check(FFPROBE).startswith("ffprobe ")
        assert ", libavformat " in ffprobe_engine.check(FFPROBE)

    @pytest.mark.parametrize(
        ("body", "cause", "reason"),
        [
            ("kill -SEGV $$", "crashed", "ffprobe was ended by signal 11"),
            ("exit 3", "unreadable", "ffprobe ended with exit code 3"),
            ("echo no json", "unreadable", "ffprobe says nothing about it"),
            ("echo '[1]'", "unreadable", "ffprobe says nothing about it"),
            ("echo '{\"format\": {}}'", "unreadable", "ffprobe says nothing about it"),
            ('echo \'{"format": {"no": 1}}\'', "unreadable", "KeyError: 'format_name'"),
            ("yes", "unreadable", "ffprobe says more than 1,000,000 bytes about it"),
        ],
    )
    def test_a_program_that_misbehaves_costs_one_file(self, clips, a_program, monkeypatch, body, cause, reason):
        """
        Whatever the program does with a hostile file, the file has its row.
        """
        monkeypatch.setattr(ffprobe_engine, "MAX_ANSWER_BYTES", 1_000_000)

        failure = measured(clips["rich.mkv"], program=a_program(body))["failure"]

        assert {"cause": cause, "reason": reason} == failure

    def test_much_noise_on_standard_error_does_no_harm(self, clips, a_program):
        """
        A program that writes there while nobody reads would wait for ever.
        """
        program = a_program("i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 >&2; "
                            "i=$((i+1)); done; echo last words >&2; exit 1")  # fmt: skip

        failure = measured(clips["rich.mkv"], program=program)["failure"]

        assert {"cause": "unreadable", "reason": "last words"} == failure

    def test_a_program_that_went_away_blames_no_file(self, clips, tmp_path):
        """
        Uninstalled in the middle of a run: the file is tried again another time.
        """
        failure = measured(clips["rich.mkv"], program=str(tmp_path / "gone"))["failure"]

        assert failure is not None
        assert "read_failed" == failure["cause"]


class TestFilesPyavDoesNotKnow:
    """MPEG-H sound, of which PyAV has no decoder and ffprobe the name."""

    @pytest.fixture
    def a_file(self, tmp_path) -> Path:
        path = write_clip(tmp_path / "a.mp4", frames=12, audio=[Audio()])
        make_mpegh_sound(path)
        return path

    @needs_ffprobe
    def test_ffprobe_stands_in(self, a_file):
        """
        The facts are the program's and say so.
        """
        found = normal(pyav_engine.measure(os.fsencode(a_file), read_first_frame=True, ffprobe=FFPROBE))

        assert ("ok", "ffprobe") == (found.probe["status"], found.probe["engine"])
        assert found.probe["engine_version"].startswith("ffprobe ")
        assert [("mpegh_3d_audio", "mhm1")] == [(a["codec"], a["codec_tag"]) for a in found.audio_streams]

    @pytest.mark.parametrize("body", ["exit 1", "kill -9 $$", 'echo \'{"format": {"format_name": "x"}}\''])
    def test_where_it_knows_no_more_pyav_stands(self, a_file, a_program, body):
        """
        A program that fails there loses nothing of what PyAV said.
        """
        found = normal(pyav_engine.measure(os.fsencode(a_file), read_first_frame=True, ffprobe=a_program(body)))

        assert ("partial", "pyav", "no decoder for stream 1 (audio)") == (
            found.probe["status"], found.probe["engine"], found.probe["error"]
        )  # fmt: skip
        assert "h264" == found.video_streams[0]["codec"]

    def test_without_the_program_too(self, a_file):
        """
        Neither a missing program nor none at all is an error here.
        """
        for program in (None, "no-such-ffprobe"):
            probe = normal(pyav_engine.measure(os.fsencode(a_file), read_first_frame=True, ffprobe=program)).probe

            assert ("partial", "pyav") == (probe["status"], probe["engine"])

    @needs_ffprobe
    def test_files_that_pyav_knows_are_not_asked_for(self, clips, a_counter):
        """
        The second engine costs nothing where the first knows everything.
        """
        program, calls = a_counter

        for name in sorted(clips):
            pyav_engine.measure(os.fsencode(clips[name]), read_first_frame=True, ffprobe=program)

        assert not calls.exists()


@needs_ffprobe
@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_tags_that_are_no_utf8_are_those_of_the_other_engine(tmp_path):
    r"""
    A byte that is no UTF-8 is written as \xNN by both.
    """
    path = write_clip(tmp_path / "a.mkv", frames=3, tags={"title": "caf_"})
    path.write_bytes(path.read_bytes().replace(b"caf_", b"caf\xe9"))

    assert "caf\\xe9" == normal(measured(path)).probe["title"]
