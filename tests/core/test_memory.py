"""What a process is told of its memory."""

from __future__ import annotations

import subprocess
import sys

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
