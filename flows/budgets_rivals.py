"""Other programs that measure videos, run over the same files as our probe: ffprobe, minidlnad, a few lines of C."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil

from flows.benchmark_runs import NotMeasured, Run, last_line, measured
from flows.benchmark_subjects import evict, read_so_far
from flows.server import free_port
from tasks import standin

MINIMAL_PROBE = Path(standin.__file__).parent / "minimal_probe.c"
LIBRARIES = ("libavformat", "libavcodec", "libavutil")
SHOW_ALL = ("-show_format", "-show_streams", "-show_chapters")
MINIDLNA_WAIT_S = 1_800.0
MINIDLNA_ATTEMPTS = 3
SCANNER_END_S = 5.0
_FINISHED = re.compile(rb"Scanning .* finished \((\d+) files\)")


def ffprobe(paths: Sequence[bytes], *, calls_each: Sequence[Sequence[str]], at_once: int) -> Run:
    """Call ffprobe for each file once for every list of options in ``calls_each``, ``at_once`` files at a time.

    Raises:
        NotMeasured: ffprobe is not there, or refuses a file.
    """
    program = found_program("ffprobe")

    def facts(path: bytes) -> None:
        for options in calls_each:
            call = [program, "-v", "error", "-of", "json", *options, f"file:{os.fsdecode(path)}"]
            done = subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode != 0:
                raise NotMeasured(f"ffprobe refuses {os.fsdecode(path)}: {last_line(done.stderr)}")

    def work() -> int:
        with ThreadPoolExecutor(at_once) as threads:
            return sum(1 for _ in threads.map(facts, paths))

    return measured(work)


def ffprobe_once(path: Path, *, evicted: bool) -> Run:
    """One ffprobe call for everything about one file, with the bytes it read in ``found``, its own start left out.

    Raises:
        NotMeasured: ffprobe is not there, or refuses the file.
    """
    program = found_program("ffprobe")
    start: dict[str, int] = {}
    _run_reading([program, "-version"], start)  # two hundred libraries
    if evicted:
        evict(os.fsencode(path))
    read: dict[str, int] = {}

    def work() -> int:
        if _run_reading([program, "-v", "error", "-of", "json", *SHOW_ALL, f"file:{path}"], read) != 0:
            raise NotMeasured(f"ffprobe refuses {path.name}")
        return 1

    run = measured(work)
    return Run(1, run.wall_s, run.cpu_s, found={name: read[name] - start[name] for name in read})


def _run_reading(call: Sequence[str], read: dict[str, int]) -> int:
    """Run a program, note in ``read`` how much it read, and return its exit status."""
    with subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, but its counts are still there
            read.update(read_so_far(process.pid))
    return process.returncode


def minidlnad(tree: Path, folder: Path) -> Run:
    """Let minidlnad scan ``tree`` into a new database below ``folder``, until its log says that it has finished.

    Raises:
        NotMeasured: minidlnad is not there, ends before it has finished, or does not end after it.
    """
    program = found_program("minidlnad", "/usr/sbin", "/usr/local/sbin")
    for _ in range(MINIDLNA_ATTEMPTS):
        with tempfile.TemporaryDirectory(dir=folder, prefix="minidlna-") as home:
            if run := _scan(program, tree, Path(home)):
                return run
    raise NotMeasured("minidlnad goes on after it has finished")


def _scan(program: str, tree: Path, home: Path) -> Run | None:
    """One scan; ``None`` if the process that scans went on after it had finished, as it does now and then.

    It would spoil the measurement: its CPU time is known only when it has ended by itself.
    """
    settings, log = home / "minidlna.conf", home / "output"
    settings.write_text(
        f"media_dir=V,{tree}\ndb_dir={home / 'db'}\nlog_dir={home}\nport={free_port()}\ninotify=no\n"
        "network_interface=lo\nfriendly_name=benchmark\n",
        encoding="utf-8",
    )
    scanned_s = 0.0
    has_ended = True

    def work() -> int:
        nonlocal scanned_s, has_ended
        began = time.perf_counter()
        call = [program, "-d", "-R", "-f", str(settings), "-P", str(home / "pid")]
        with log.open("wb") as output, subprocess.Popen(call, stdout=output, stderr=output) as process:
            try:
                count = _scanned_count(process, [log, home / "minidlna.log"])
                has_ended = not psutil.wait_procs(_children(process), timeout=SCANNER_END_S)[1]
                scanned_s = time.perf_counter() - began
            finally:
                _end(process)
        return count

    run = measured(work)
    return replace(run, wall_s=scanned_s) if has_ended else None


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children()
    except psutil.NoSuchProcess:
        return []


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server, and the process that scans if it is still there."""
    for scanner in _children(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            scanner.kill()
    process.terminate()
    try:
        process.wait(SCANNER_END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _scanned_count(process: subprocess.Popen[bytes], logs: Sequence[Path]) -> int:
    until = time.monotonic() + MINIDLNA_WAIT_S
    while time.monotonic() < until:
        said = b"".join(log.read_bytes() for log in logs if log.exists())
        if finished := _FINISHED.search(said):
            return int(finished[1])
        if process.poll() is not None:
            raise NotMeasured(f"minidlnad ended with {process.returncode}: {last_line(said)}")
        time.sleep(0.02)
    raise NotMeasured(f"minidlnad has not finished within {MINIDLNA_WAIT_S:.0f} s")


def minimal_probe(paths: Path, count: int, folder: Path) -> tuple[Callable[[], Run], str]:
    """Compile the smallest probe there can be into ``folder``; gives what runs it, and the version of its library.

    Args:
        paths: file with ``count`` paths, each ended by a zero byte.

    Raises:
        NotMeasured: there is no C compiler, or the headers of FFmpeg's libraries are not there.
    """
    compiler, versions = found_program("cc", "gcc"), found_program("pkg-config")
    known = subprocess.run([versions, "--modversion", *LIBRARIES], capture_output=True, check=False)
    if known.returncode != 0:
        raise NotMeasured(f"the headers of {', '.join(LIBRARIES)} are not there")
    flags = subprocess.run([versions, "--cflags", "--libs", *LIBRARIES], capture_output=True, check=True)
    program = folder / "minimal_probe"
    command = [compiler, "-O2", "-o", str(program), str(MINIMAL_PROBE), *flags.stdout.decode().split()]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise NotMeasured(f"minimal_probe.c does not compile: {last_line(done.stderr)}")

    def work() -> int:
        with paths.open("rb") as names:
            answer = subprocess.run([program], stdin=names, capture_output=True, check=False)
        lines = answer.stdout.count(b"\n")
        if lines != count:
            raise NotMeasured(f"it read {lines} of {count} files")
        return lines

    return lambda: measured(work), known.stdout.split()[0].decode()


def found_program(*names: str) -> str:
    """The first of ``names`` that is a program; a name with a slash is a further folder to look in for the first one.

    Raises:
        NotMeasured: there is none.
    """
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), *(name for name in names if os.sep in name)])
    programs = [name for name in names if os.sep not in name]
    for name in programs:
        if found := shutil.which(name, path=folders):
            return found
    raise NotMeasured(f"{' or '.join(programs)} is not installed")
