"""The made libraries, read back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import av
import pytest

from tasks.standin.bench_library import CLIPS_FOLDER, file_name, make_bench_library
from tasks.standin.catalogue import Catalogue
from tasks.standin.library import make_toy_library, toy_facts
from tasks.standin.search import Search

FERRY = "Movies/The Salt Ferry (2011)/The Salt Ferry (2011) - 1080p.mkv"
UNREADABLE = {
    "Kestrel Lane Observatory - S02E03 - Occultation.mp4",
    "Kestrel Lane Observatory - S02E04 - Last Quarter.mkv",
}


def files_of(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and CLIPS_FOLDER not in p.parts)


def state_of(folder):
    return {p: (p.stat().st_mtime_ns, p.stat().st_ino, p.stat().st_size) for p in (folder, *folder.rglob("*"))}


class TestToyLibrary:
    def test_the_facts_are_the_files(self, toy_library):
        """
        ``toy_facts`` counts what lies there, the sample left out.
        """
        facts = toy_facts(toy_library)
        found = [p for p in files_of(toy_library) if "Sample" not in p.parts]

        assert facts.file_count == len(found)
        assert facts.file_count == facts.film_file_count + facts.episode_file_count + facts.extra_count
        assert facts.episode_file_count == sum("- S0" in p.name for p in found)
        assert facts.film_count == len(list((toy_library / "Movies").iterdir()))

    def test_it_is_small(self, toy_library):
        """
        Less than 15 MB.
        """
        assert sum(p.stat().st_size for p in files_of(toy_library)) < 15_000_000

    def test_all_but_two_files_play_to_their_end(self, toy_library):
        """
        Every frame of every readable file decodes; the text and the video that was cut off cannot be opened.
        """
        refused = set()
        for path in files_of(toy_library):
            try:
                with av.open(str(path)) as opened:
                    frames = sum(1 for _ in opened.decode(video=0))
                assert frames > 20, path
            except av.FFmpegError:
                refused.add(path.name)

        assert UNREADABLE == refused

    def test_the_first_film_has_tracks_chapters_and_attachments(self, toy_library):
        """
        Languages, titles and flags of the tracks are as a disc has them.
        """
        with av.open(str(toy_library / FERRY)) as opened:
            tracks = [
                (s.type, s.metadata.get("language"), s.metadata.get("title"), s.disposition.name)
                for s in opened.streams
            ]
            chapters = [c["metadata"]["title"] for c in opened.chapters()]
            video = opened.streams.video[0]

        assert [
            ("video", None, None, "default"),
            ("audio", "eng", "Surround", "default"),
            ("audio", "deu", "Deutsch", None),
            ("audio", "eng", "Commentary by nobody", "comment"),
            ("subtitle", "eng", "Full", None),
            ("subtitle", "eng", "SDH", "hearing_impaired"),
            ("subtitle", "deu", "Nur Schilder", "forced"),
        ] == [(kind, language, title, flags or None) for kind, language, title, flags in tracks[:7]]
        assert 9 == len(tracks)
        assert ["The Jetty", "The Crossing", "The Other Side"] == chapters
        assert (1920, 1080) == (video.width, video.height)

    def test_containers_and_codecs_differ(self, toy_library):
        """
        Six containers, six video codecs and seven audio codecs.
        """
        suffixes, codecs = set(), {"video": set(), "audio": set()}
        for path in files_of(toy_library):
            if path.name in UNREADABLE:
                continue
            suffixes.add(path.suffix)
            with av.open(str(path)) as opened:
                for stream in (*opened.streams.video, *opened.streams.audio):
                    if stream.codec_context:
                        codecs[stream.type].add(stream.codec_context.codec.canonical_name)

        assert {".mkv", ".mp4", ".webm", ".avi", ".ts", ".mov"} == suffixes
        assert {"h264", "hevc", "vp9", "av1", "mpeg4", "mpeg2video"} <= codecs["video"] | {"mjpeg"}
        assert {"aac", "ac3", "eac3", "opus", "flac", "mp3", "mp2"} == codecs["audio"]

    def test_the_hdr_film_is_hdr10(self, toy_library):
        """
        Ten bits, BT.2020 primaries (9), PQ (16), and mastering data in its first frame.
        """
        path = next((toy_library / "Movies").glob("*/*HDR.HEVC.mkv"))

        with av.open(str(path)) as opened:
            context = opened.streams.video[0].codec_context
            facts = (context.pix_fmt, int(context.color_primaries), int(context.color_trc), int(context.colorspace))
            frame = next(opened.decode(video=0))
            side_data = {getattr(entry, "type", entry).name for entry in frame.side_data}

        assert ("yuv420p10le", 9, 16, 9) == facts
        assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= side_data

    @pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
    def test_ffprobe_reads_the_same(self, toy_library):
        """
        The program agrees about the first film's streams, chapters and length.
        """
        asked = ["-show_format", "-show_streams", "-show_chapters", str(toy_library / FERRY)]
        told = subprocess.run(["ffprobe", "-v", "error", "-of", "json", *asked], capture_output=True, check=True)
        document = json.loads(told.stdout)

        assert ["h264", "ac3", "aac", "opus", "subrip", "ass", "subrip"] == [
            s["codec_name"] for s in document["streams"][:7]
        ]
        assert 3 == len(document["chapters"])
        assert 3.0 == pytest.approx(float(document["format"]["duration"]), abs=0.1)

    def test_a_second_call_changes_nothing(self, toy_library):
        """
        No file and no folder is touched, and the same paths come back.
        """
        before = state_of(toy_library)

        made = make_toy_library(toy_library)

        assert before == state_of(toy_library)
        assert files_of(toy_library) == sorted(made)

    def test_a_missing_file_is_made_again_as_it_was(self, toy_library):
        """
        The same bytes come out when a file is made anew, and nothing temporary stays.
        """
        path = toy_library / FERRY
        before = path.read_bytes()
        path.unlink()

        make_toy_library(toy_library)

        assert before == path.read_bytes()
        assert [] == list(toy_library.rglob(".tmp-*"))

    def test_the_catalogue_knows_all_titles_but_one(self, toy_library):
        """
        The folders of three films and the show are found by title and year; the fourth film is not.
        """
        search = Search(Catalogue())

        found = {
            folder.name: [f.id for f in search.films(folder.name[:-7], year=int(folder.name[-5:-1]))]
            for folder in (toy_library / "Movies").iterdir()
        }

        assert {
            "The Salt Ferry (2011)": [101],
            "The Salt Ferry - Low Water (2014)": [102],
            "The Clockmakers' Summer (2019)": [103],
            "Umbrella Weather for Moles (2016)": [],
        } == found
        assert [301] == [s.id for s in search.shows("Kestrel Lane Observatory", first_air_date_year=2017)]


class TestBenchLibrary:
    def test_counts_shares_and_idempotence(self, tmp_path):
        """
        500 files: 300 films and 200 episodes, two dozen distinct videos, all readable; a second call changes nothing.
        """
        facts = make_bench_library(tmp_path, 500)
        files = files_of(tmp_path)
        before = state_of(tmp_path)

        make_bench_library(tmp_path, 500)

        assert before == state_of(tmp_path)
        assert 500 == facts.file_count == len(files)
        assert (300, 200) == (facts.film_file_count, facts.episode_file_count)
        assert 300 == sum(p.relative_to(tmp_path).parts[0] == "Movies" for p in files)
        assert 24 == len({p.stat().st_ino for p in files}) == len({p.read_bytes() for p in files})
        assert 12 == facts.collection_count
        assert facts.show_count == len(list((tmp_path / "Shows").iterdir()))
        for path in files[:: len(files) // 24]:
            with av.open(str(path)) as opened:
                assert next(opened.decode(video=0)).width > 0

    def test_the_stand_in_knows_every_title(self, tmp_path):
        """
        Each folder's title and year leads to a title of a catalogue with the counts that came back.
        """
        facts = make_bench_library(tmp_path, 250)
        catalogue = Catalogue(film_count=facts.film_count, show_count=facts.show_count)

        films = {file_name(f.title) + (f" ({f.year})" if f.year else "") for f in catalogue.films()}
        shows = {f"{file_name(s.title)} ({s.year})" for s in catalogue.shows()}

        assert {p.name for p in (tmp_path / "Movies").iterdir()} <= films
        assert {p.name for p in (tmp_path / "Shows").iterdir()} <= shows

    def test_without_hard_links_files_are_copied(self, tmp_path, monkeypatch):
        """
        A file system that refuses hard links gets copies.
        """

        def refuse(*_args, **_kwargs):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)

        make_bench_library(tmp_path, 30)

        assert 30 == len(files_of(tmp_path)) == len({p.stat().st_ino for p in files_of(tmp_path)})

    def test_it_grows(self, tmp_path):
        """
        A larger library holds the smaller one: benchmarks of several sizes share their files.
        """
        make_bench_library(tmp_path, 60)
        small = {p.stem for p in files_of(tmp_path)}

        make_bench_library(tmp_path, 120)

        assert small <= {p.stem for p in files_of(tmp_path)}
