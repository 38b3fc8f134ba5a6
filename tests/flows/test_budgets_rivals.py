"""Other programs that measure videos, run for a comparison."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.benchmark_runs import NotMeasured
from flows.budgets_rivals import LIBRARIES, SHOW_ALL, ffprobe, ffprobe_once, minidlnad, minimal_probe
from tasks.standin.bench_library import make_bench_library

HAS_HEADERS = all(map(shutil.which, ("cc", "pkg-config"))) and not subprocess.call(
    ["pkg-config", "--exists", *LIBRARIES]
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[bytes]:
    library = make_bench_library(tmp_path_factory.mktemp("rivals") / "library", 12).folder
    return sorted(os.fsencode(p) for name in ("Movies", "Shows") for p in (library / name).rglob("*") if p.is_file())


@pytest.fixture
def fake_ffprobe(tmp_path, monkeypatch) -> Path:
    """A program ffprobe that writes down how it was called, one line a call."""
    log = tmp_path / "calls"
    program = tmp_path / "ffprobe"
    program.write_text(f'#!/bin/sh\necho "$*" >> {log}\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return log


def test_three_calls_a_file_are_three_calls_a_file(fake_ffprobe):
    """
    What older organisers do: one call for the format, one for the streams, one for the chapters.
    """
    run = ffprobe([b"a.mkv", b"b.mkv"], calls_each=[(option,) for option in SHOW_ALL], at_once=1)

    assert 2 == run.item_count
    assert [
        f"-v error -of json {option} file:{name}.mkv"
        for name in "ab"
        for option in ("-show_format", "-show_streams", "-show_chapters")
    ] == fake_ffprobe.read_text(encoding="utf-8").splitlines()


def test_one_call_a_file_is_one_call_a_file(fake_ffprobe):
    """
    All that is asked for in one go, also with several files at once.
    """
    ffprobe([b"%d.mkv" % number for number in range(20)], calls_each=[SHOW_ALL], at_once=4)

    assert 20 == len(fake_ffprobe.read_text(encoding="utf-8").splitlines())


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_a_file_that_ffprobe_refuses_is_not_counted_as_measured(tmp_path):
    """
    A rival that fails fast is not a fast rival.
    """
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no video")

    with pytest.raises(NotMeasured, match="Invalid data"):
        ffprobe([os.fsencode(broken)], calls_each=[SHOW_ALL], at_once=1)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this system does not tell what a process has read")
def test_what_ffprobe_reads_of_a_file_is_told_without_its_start(videos):
    """
    A video of some kilobytes is read whole, and the hundreds of libraries of the program are not counted. What its
    start reads, which is subtracted, varies by some bytes.
    """
    path = Path(os.fsdecode(videos[0]))

    read_bytes = ffprobe_once(path, evicted=False).found["asked_bytes"]

    assert path.stat().st_size - 1_000 < read_bytes < path.stat().st_size + 100_000


@pytest.mark.skipif(not HAS_HEADERS, reason="no C compiler, or no headers of FFmpeg's libraries")
def test_the_c_program_measures_every_file(videos, tmp_path):
    """
    Twelve videos, twelve lines.
    """
    paths = tmp_path / "paths"
    paths.write_bytes(b"".join(path + b"\0" for path in videos))

    run, version = minimal_probe(paths, 12, tmp_path)

    assert 12 == run().item_count
    assert subprocess.check_output(["pkg-config", "--modversion", "libavformat"], text=True).strip() in version


@pytest.mark.skipif(not HAS_HEADERS, reason="no C compiler, or no headers of FFmpeg's libraries")
def test_the_c_program_does_not_pass_over_files(videos, tmp_path):
    """
    One of three is broken: there is no number for the other two.
    """
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no video")
    paths = tmp_path / "paths"
    paths.write_bytes(b"".join(path + b"\0" for path in [videos[0], os.fsencode(broken), videos[1]]))
    run, _ = minimal_probe(paths, 3, tmp_path)

    with pytest.raises(NotMeasured, match="2 of 3"):
        run()


def test_without_a_compiler_there_is_no_c_program(tmp_path, monkeypatch):
    """
    The table says so.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotMeasured, match="cc or gcc is not installed"):
        minimal_probe(tmp_path / "paths", 0, tmp_path)


@pytest.mark.skipif(
    shutil.which("minidlnad", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="minidlnad is not installed"
)
def test_minidlnad_scans_the_tree_and_is_gone(videos, tmp_path):
    """
    It takes all of ours but .webm, which is a sixth of them, and leaves no process and no file behind.
    """
    library = Path(os.fsdecode(os.path.commonpath(videos)))

    run = minidlnad(library, tmp_path)

    assert sum(not path.endswith(b".webm") for path in videos) == run.item_count
    assert [] == list(tmp_path.iterdir())
    assert not [
        entry
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if b"minidlnad" in _content(entry) and os.fsencode(tmp_path) in _content(entry)
    ]


def test_minidlnad_that_ends_early_is_not_measured(tmp_path, monkeypatch):
    """
    Its last words are the reason.
    """
    program = tmp_path / "minidlnad"
    program.write_text("#!/bin/sh\necho 'cannot bind'; exit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(NotMeasured, match="minidlnad ended with 1: cannot bind"):
        minidlnad(tmp_path, tmp_path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has just ended
        return b""
