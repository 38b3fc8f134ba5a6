"""What a process is told of its memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tasks.core.memory import memory_bytes

MIB = 1024**2
SLACK = 8 * MIB
"""Linux counts resident pages core by core, and adds them up now and then."""
MEASURED = """
import subprocess, sys
from tasks.core.memory import peak_child_memory_bytes, peak_memory_bytes
small = peak_memory_bytes()
block = bytearray(b"x") * (256 * 1024**2)
large = peak_memory_bytes()
del block
none = peak_child_memory_bytes()
subprocess.run([sys.executable, "-c", "bytearray(b'x') * (64 * 1024**2)"], check=True)
print(small, large, peak_memory_bytes(), none, peak_child_memory_bytes())
"""

GIVEN_BACK = """
import os
from tasks.core.memory import memory_bytes
before = memory_bytes(os.getpid())
block = bytearray(b"x") * (256 * 1024**2)
large = memory_bytes(os.getpid())
del block
print(before, large, memory_bytes(os.getpid()))
"""


def test_the_peak_is_that_of_the_program_itself():
    """
    256 MiB are taken and given back: the peak has them and stays, the start has nothing of the process it came from.
    Of children that ended the largest counts.
    """
    ballast = bytearray(b"x") * (256 * MIB)

    said = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, check=True).stdout

    del ballast
    small, large, after, no_child, child = map(int, said.split())
    assert small < 256 * MIB - SLACK <= min(large, after) - small
    assert 0 == no_child
    assert child >= 64 * MIB - SLACK


def test_memory_that_is_given_back_is_no_longer_there():
    """
    What a process has now grows by the 256 MiB that it writes to, and shrinks by them when they go. It is a new one:
    in that of the tests, libraries give back meanwhile what earlier tests have left.
    """
    said = subprocess.run([sys.executable, "-c", GIVEN_BACK], capture_output=True, check=True).stdout

    before, large, after = map(int, said.split())
    assert 256 * MIB - SLACK <= large - before
    assert after <= large - 256 * MIB + SLACK


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the programs of a process")
def test_a_program_counts_where_it_is_asked_for():
    """
    A process that has 64 MiB has started one that has 128: alone it has less than those, with its program both.
    """
    holds = "import sys; block = bytearray(b'x') * (int(sys.argv[1]) * 1024**2); print(flush=True); input()"
    starts = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {holds!r}, '128']); {holds}"
    process = subprocess.Popen(
        [sys.executable, "-c", starts, "64"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    with process as parent:
        assert parent.stdout is not None
        for _ in range(2):  # each of them says when it has its memory
            parent.stdout.readline()
        alone, together = memory_bytes(parent.pid), memory_bytes(parent.pid, with_programs=True)
        parent.communicate()

    assert 64 * MIB - SLACK <= alone < 128 * MIB
    assert 128 * MIB - SLACK <= together - alone < 192 * MIB


def test_a_process_that_has_ended_has_none():
    """
    It may end at any moment before it is asked.
    """
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass

    assert 0 == memory_bytes(ended.pid, with_programs=True)
