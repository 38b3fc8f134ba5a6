"""The slow disk does what it says: it delays, counts, hangs and fails, below its folder only."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.standin import slow_disk

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or slow_disk.compiler() is None, reason="needs Linux and a C compiler"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return slow_disk.compiled(tmp_path_factory.mktemp("library"))


@pytest.fixture
def share(tmp_path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


def run(code: str, library: Path, *, prefix: Path, **options) -> str:
    """What a process before the slow disk prints; the folder is its ``share``."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import os; share = {str(prefix)!r}\n{code}"],
        env={**os.environ, **slow_disk.environment(library, prefix=prefix, **options)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("os.stat(share + '/a')", {"stat": 1}),
        ("os.lstat(share + '/a'); os.path.exists(share + '/none')", {"stat": 2}),
        ("os.chdir(share); os.stat('a')", {"stat": 1}),
        ("next(os.scandir(share))", {"opendir": 1, "readdir": 1}),
        ("[e.stat() for e in os.scandir(share)]", {"opendir": 1, "readdir": 1, "stat": 1}),
        ("os.read(os.open(share + '/a', os.O_RDONLY), 10)", {"open": 1, "read": 1}),
        ("os.pread(os.open(share + '/a', os.O_RDONLY), 3 << 20, 0)", {"open": 1, "read": 3}),
        ("os.open('a', os.O_RDONLY, dir_fd=os.open(share, os.O_RDONLY))", {"open": 2}),
        ("os.access(share + '/a', os.R_OK)", {"access": 1}),
        ("os.path.exists(share + '2'); os.stat('/')", {}),
        ("os.fstat(os.open(share + '/a', os.O_RDONLY))", {"open": 1}),
    ],
)
def test_each_question_is_counted_by_kind(library, share, tmp_path, code, expected):
    """
    Calls below the folder are counted by what they ask; calls elsewhere are not.
    """
    (share / "a").write_bytes(b"0123456789")
    counts = tmp_path / "counts"

    run(code, library, prefix=share, counts=counts)

    assert expected == {kind: count for kind, count in slow_disk.counts(counts).items() if count}


def test_a_listing_is_one_question_for_256_entries(library, share, tmp_path):
    """
    1,000 files and the two entries of every folder, ``.`` and ``..``, are 1,002 entries: 4 questions.
    """
    for number in range(1_000):
        (share / str(number)).touch()

    run("assert 1000 == len(os.listdir(share))", library, prefix=share, counts=tmp_path / "counts")

    assert {"opendir": 1, "readdir": 4} == {k: n for k, n in slow_disk.counts(tmp_path / "counts").items() if n}


def test_each_question_takes_its_time(library, share):
    """
    20 questions of 10 ms take at least 200 ms: less would be no delay.
    """
    out = run(
        "import time; began = time.monotonic(); [os.path.exists(share) for _ in range(20)]\n"
        "print(time.monotonic() - began)",
        library,
        prefix=share,
        latency_s=0.01,
    )

    assert float(out) >= 0.2


def test_programs_that_are_started_are_counted_too(library, share, tmp_path):
    """
    The counts are of all processes together, whatever language they are written in.
    """
    (share / "a").write_bytes(b"0123456789")

    run("os.stat(share + '/a'); os.system(f'cat {share}/a')", library, prefix=share, counts=tmp_path / "counts")

    counts = slow_disk.counts(tmp_path / "counts")
    assert (1, 1, 2) == (counts["stat"], counts["open"], counts["read"])


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE], ids=errno.errorcode.get)
def test_it_fails_with_the_error_it_is_told(library, share, code):
    """
    Only paths that hold the text fail; the others answer.
    """
    for name in ("good", "bad"):
        (share / name).mkdir()

    out = run(
        "os.listdir(share + '/good')\n"
        "for call in (os.listdir, os.stat, lambda p: os.open(p, 0)):\n"
        "    try: call(share + '/bad')\n"
        "    except OSError as exc: print(exc.errno)",
        library,
        prefix=share,
        fail_on="/bad",
        fail_with=code,
    )

    assert [code] * 3 == [int(line) for line in out.split()]


def test_it_hangs_where_it_is_told(library, share, tmp_path):
    """
    A call on a path that holds the text does not return, until its process is killed.
    """
    (share / "dead").mkdir()
    counts = tmp_path / "counts"
    variables = slow_disk.environment(library, prefix=share, hang_on="/dead", counts=counts)
    code = f"import os; os.listdir({str(share)!r}); os.listdir({str(share / 'dead')!r})"

    process = subprocess.Popen([sys.executable, "-S", "-c", code], env={**os.environ, **variables})
    try:
        while process.poll() is None and not slow_disk.counts(counts)["hung"]:
            time.sleep(0.01)

        assert (None, 1, 1) == (process.poll(), *(slow_disk.counts(counts)[kind] for kind in ("hung", "opendir")))
    finally:
        process.kill()
        process.wait()
