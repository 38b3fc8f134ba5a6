"""The engines by their names in the settings: the same call, whichever measures."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.core.errors import ProbeEngineBroken
from tasks.core.settings import ProbeSettings
from tasks.probe.engines import engine_pool, engine_versions, measure

FFPROBE = shutil.which("ffprobe")
needs_ffprobe = pytest.mark.skipif(FFPROBE is None, reason="ffprobe is not installed")


def facts_of(settings: ProbeSettings, *paths: Path, **options: Any) -> list[Any]:
    found = dict(measure([os.fsencode(path) for path in paths], settings, **options))
    return [found[index] for index in range(len(paths))]


def a_program(folder: Path, does: str) -> str:
    """A program that gives ffprobe's version, and else does what is asked of it instead."""
    path = folder / "ffprobe"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in *-version*) exec {FFPROBE} "$@";; esac\n{does}\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("engine", ["pyav", pytest.param("ffprobe", marks=needs_ffprobe)])
def test_the_engine_of_the_settings_measures(clips, engine):
    """
    Its name and version stand in the facts, with what the worker has taken of memory at most: more than the 5 MiB of a
    bare Python, less than a GiB.
    """
    [facts] = facts_of(ProbeSettings(workers=1, engine=engine), clips["rich.mkv"])

    assert (None, engine) == (facts["failure"], facts["engine"])
    assert "libavformat" in facts["engine_version"]
    assert 5 * 1024**2 < facts["peak_memory_bytes"] < 1024**3


def test_settings_that_differ_have_workers_of_their_own():
    """
    Number, engine and memory of the workers are fixed when they start; whatever else is set, they are shared.
    """
    first = ProbeSettings(workers=1)
    others = [ProbeSettings(workers=2), ProbeSettings(workers=1, engine="ffprobe")]
    others.append(ProbeSettings(workers=1, worker_memory_bytes=1024**3))

    pools = [engine_pool(settings) for settings in (first, *others)]

    assert 4 == len(set(pools))
    assert pools[0] is engine_pool(ProbeSettings(workers=1, deadline_s=1, read_first_frame=False))


def test_a_large_file_may_take_longer(clips):
    """
    One second more for each of its 2 GiB: a stopped worker is given up after three seconds, not after one.
    """
    settings = ProbeSettings(workers=1, deadline_s=1)
    facts_of(settings, clips["rich.mkv"])
    os.kill(engine_pool(settings).pids()[0], signal.SIGSTOP)

    found = facts_of(settings, clips["rich.mkv"], clips["wide.mp4"], sizes_bytes=[2 * 1024**3, 1000])

    assert ("timed_out", "no answer within 3 s") == (found[0]["failure"]["cause"], found[0]["failure"]["reason"])
    assert None is found[1]["failure"]
    assert "pyav" == found[0]["engine"]


@needs_ffprobe
def test_a_crash_names_the_engine_that_was_asked(clips, tmp_path):
    """
    A worker that dies says nothing; engine and version are those of the settings all the same.
    """
    program = a_program(tmp_path, "kill -SEGV $PPID; exec sleep 600")
    settings = ProbeSettings(workers=1, engine="ffprobe", ffprobe=program)

    [facts] = facts_of(settings, clips["rich.mkv"])

    assert ("crashed", "ffprobe") == (facts["failure"]["cause"], facts["engine"])
    assert facts["engine_version"].startswith("ffprobe ")
    assert "libavformat" in facts["engine_version"]


@needs_ffprobe
def test_a_program_that_hangs_ends_at_the_deadline(clips, tmp_path):
    """
    The file is marked, the next one is measured, and the program is not left behind.
    """
    program = a_program(tmp_path, f'case "$*" in *rich.mkv*) sleep 600;; esac\nexec {FFPROBE} "$@"')
    settings = ProbeSettings(workers=1, engine="ffprobe", ffprobe=program, deadline_s=3)

    found = facts_of(settings, clips["rich.mkv"], clips["wide.mp4"])

    assert ["timed_out", None] == [facts["failure"] and facts["failure"]["cause"] for facts in found]
    left = [process for process in psutil.process_iter(["cmdline"]) if program in (process.info["cmdline"] or [])]
    assert [] == left


def test_without_the_program_nothing_is_measured(clips):
    """
    The run is refused before the first file, with what to do about it.
    """
    settings = ProbeSettings(workers=1, engine="ffprobe", ffprobe="/no/such/ffprobe")

    with pytest.raises(ProbeEngineBroken, match=r"install it or set probe\.engine = pyav"):
        facts_of(settings, clips["rich.mkv"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space")
@pytest.mark.parametrize("engine", ["pyav", pytest.param("ffprobe", marks=needs_ffprobe)])
def test_the_smallest_memory_that_may_be_set_is_enough(clips, engine):
    """
    512 MiB hold the libraries and a film in HDR of which a frame is decoded.
    """
    settings = ProbeSettings(workers=1, engine=engine, worker_memory_bytes=512 * 1024**2)

    found = facts_of(settings, clips["hdr10.mkv"], clips["wide.mp4"])

    assert [None, None] == [facts["failure"] for facts in found]


@needs_ffprobe
def test_the_versions_that_measure_now():
    """
    None where no setting asks; PyAV and, for files it lacks a decoder for, ffprobe instead of it; or ffprobe alone.
    """
    pyav, instead = engine_versions(ProbeSettings(remeasure="other_engine"))
    (ffprobe,) = engine_versions(ProbeSettings(engine="ffprobe"))

    assert () == engine_versions(ProbeSettings())
    assert pyav.startswith("PyAV ")
    assert f"{ffprobe} (instead of {pyav})" == instead
    assert ffprobe.startswith("ffprobe ")
