"""What a process transferred is what the kernel tells by other ways."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tasks.core.storage import transferred

MIB = 1024**2
BLOCK_BYTES = 512

WORK = """
import os, resource, sys
from tasks.core.storage import transferred
at = sys.argv[1]
before = transferred(os.getpid())
with open(at, "wb") as file:
    file.write(bytes(8 * 2**20))
    os.fsync(file.fileno())
written = transferred(os.getpid())
with open(at, "rb") as file:
    file.read()
again = transferred(os.getpid())
used = resource.getrusage(resource.RUSAGE_SELF)
print(*before, *written, *again, used.ru_inblock, used.ru_oublock, *transferred(os.getpid()))
"""

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")


def counted(tmp_path, code: str = WORK) -> list[int]:
    argv = [sys.executable, "-c", code, str(tmp_path / "file")]
    return [int(word) for word in subprocess.run(argv, capture_output=True, check=True).stdout.split()]


@only_linux
def test_it_agrees_with_what_getrusage_says(tmp_path):
    """
    The kernel tells the same in blocks of 512 byte, by another call. On a disk at least the 8 MiB were written; where
    the folder lies in memory, nothing was. What was written lies in the page cache: reading it fetches none of it.
    """
    *_, written_0, read_1, written_1, read_2, written_2, in_blocks, out_blocks, read_3, written_3 = counted(tmp_path)

    assert read_2 // BLOCK_BYTES <= in_blocks <= read_3 // BLOCK_BYTES
    assert written_2 // BLOCK_BYTES <= out_blocks <= written_3 // BLOCK_BYTES
    assert 0 == written_1 - written_0 or 8 * MIB <= written_1 - written_0
    assert read_2 - read_1 < 8 * MIB


@only_linux
def test_programs_that_have_ended_belong_to_who_started_them(tmp_path):
    """
    As workers start ffprobe: what a program wrote is its parent's once it has ended, by which the sum over all of them
    stays whole.
    """
    code = f"""
import os, subprocess, sys
from tasks.core.storage import transferred
before = transferred(os.getpid())
done = subprocess.run([sys.executable, "-c", {WORK!r}, sys.argv[1]], capture_output=True, check=True)
told = [int(word) for word in done.stdout.split()]
print(transferred(os.getpid()).written_bytes - before.written_bytes, told[5])
"""
    grown, of_program = counted(tmp_path, code)

    assert of_program <= grown <= of_program + MIB


def test_what_has_ended_tells_nothing():
    """
    There is no such process; nor is there any of it on other systems than Linux.
    """
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass

    assert transferred(ended.pid) is None
