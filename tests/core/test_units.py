"""Numbers and names made readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.units import human_duration, human_size, printable


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1024**2 - 1, "1.0 MiB"), (2**60, "1024.0 PiB")],
)
def test_sizes_are_in_binary_units(size_bytes, expected):
    """
    1 KiB is 1,024 bytes (IEC 80000-13); a number never reads 1024.0 of a unit that has a larger one.
    """
    assert expected == human_size(size_bytes)


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [(0.9996, "1.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (3599.6, "1 h 0 min"), (90061, "25 h 1 min")],
)
def test_durations_round_to_the_next_unit(duration_s, expected):
    """
    No duration reads 1000 ms, 60.0 s or 60 min.
    """
    assert expected == human_duration(duration_s)


@given(st.text(st.characters()))
def test_a_printable_name_is_one_line_that_any_terminal_and_file_can_take(name):
    """
    Whatever a file is called, what is shown has no control characters and is valid UTF-8.
    """
    shown = printable(name)

    assert shown.isprintable()
    assert shown == shown.encode("utf-8").decode("utf-8")
