"""What a benchmark says fits a terminal: no line is longer, no word is lost, and columns stand in line."""

from __future__ import annotations

import importlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from flows.lab_results import as_markdown
from flows.lab_run import SAMPLE
from flows.lab_table import as_markdown as one_as_markdown
from flows.lab_terminal import for_terminal, hanging
from tasks.lab.store import read_benchmarks

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """All Markdown of the benchmarks that come with the project."""
    kept, _ = read_benchmarks(SAMPLE)
    return [as_markdown(kept), *(one_as_markdown(one) for one in kept)]


@pytest.mark.parametrize("width", [60, 80, 120, 250])
def test_no_line_is_longer_than_the_terminal(texts, width):
    """
    Whatever the width; nothing is left of the signs of tables and headings.
    """
    lines = [line for text in texts for line in for_terminal(text, width=width).splitlines()]

    assert [] == [line for line in lines if len(line) > width]
    assert [] == [line for line in lines if line.startswith(("|", "#"))]
    assert len(lines) > sum(len(text.splitlines()) for text in texts)


@pytest.mark.parametrize("width", [60, 80, 120, 250])
def test_no_letter_is_lost(texts, width):
    """
    Of what is not blank and no line of signs, each is printed at least as often as the Markdown holds it; the names of
    columns are said with every row where there is no room for columns.
    """
    for text in texts:
        shown = for_terminal(text, width=width)
        assert [] == [sign for sign in sorted(set(text) - set(" \n|#-")) if shown.count(sign) < text.count(sign)]


def test_columns_stand_in_line():
    """
    As wide as their longest cells, with two blanks between them.
    """
    text = "### Whole runs\n\n| preset | takes |  |\n| --- | --- | --- |\n| tiny | 10.3 s |  |\n| d0 | 9 s | x |\n"

    assert (
        "Whole runs\n==========\n\npreset  takes\n------  ------  -\ntiny    10.3 s\nd0      9 s     x\n"
    ) == for_terminal(text, width=80)


def test_long_cells_are_wrapped_in_their_columns():
    """
    Rows are apart then. Twenty characters have no room for ten letters and two words of seven.
    """
    text = "| one | two |\n| --- | --- |\n| aaaaaaaaaa | bbbbbbb ccccccc |\n| d | bbbbbbb ccccccc |\n"

    assert (
        "one         two\n"
        "----------  -------\n"
        "aaaaaaaaaa  bbbbbbb\n"
        "            ccccccc\n"
        "\n"
        "d           bbbbbbb\n"
        "            ccccccc\n"
    ) == for_terminal(text, width=20)


def test_words_are_parted_at_hyphens_before_columns_are_given_up():
    """
    An interval is; a date is not, nor a sign from its number.
    """
    text = "| a | b | c |\n| --- | --- | --- |\n| (153.0-153.8) | 2026-11-22, | (-0.07 |\n"

    assert ("a       b           c\n------- ----------- ------\n(153.0- 2026-11-22, (-0.07\n153.8)\n") == for_terminal(
        text, width=26
    )


def test_a_table_without_room_is_told_row_by_row():
    """
    Each value with the name of its column, if that has one; empty ones are left out.
    """
    rows = "| as fast | 11.0 seconds | faster |  |\n| x | y | z | 5 |\n"
    text = f"| claim | our way |  | n |\n| --- | --- | --- | --- |\n{rows}"

    assert (
        "claim\n-----\nas fast\n  our way: 11.0\n  seconds; faster\n\nx\n  our way: y; z;\n  n: 5\n"
    ) == for_terminal(text, width=17)


def test_what_is_no_table_of_ours_stays_as_it_is():
    """
    A name may hold what we put between cells.
    """
    text = "| one | two |\n| --- | --- |\n| a | b | c |\n"

    assert text == for_terminal(text, width=80)


def test_lists_hang_from_their_names():
    """
    Later lines begin where the words of the first one begin.
    """
    assert "  d0  50 films\n      with six\n      pictures" == hanging("  d0  ", "50 films with six pictures", width=16)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no such terminals here")
@pytest.mark.parametrize(
    "arguments", [["--list"], ["--show", "--data", str(SAMPLE)], ["d0", "--show", "--data", str(SAMPLE)]]
)
def test_a_terminal_of_80_columns_is_enough(arguments):
    """
    Of the command itself, for a terminal that says how wide it is.
    """
    ours, theirs = os.openpty()
    sized = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    with os.fdopen(ours, "rb") as screen:
        fcntl, termios = (importlib.import_module(name) for name in ("fcntl", "termios"))  # not on every system
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
        command = [sys.executable, "-m", "flows.cli", "benchmark", *arguments]
        with subprocess.Popen(command, stdout=theirs, stdin=theirs, cwd=PROJECT, env=sized) as child:
            os.close(theirs)
            shown = b"".join(iter(lambda: _read(screen.fileno()), b""))

    lines = shown.decode().splitlines()
    assert 0 == child.returncode
    assert len(lines) > 40
    assert [] == [line for line in lines if len(line) > 80 or line.startswith("|")]


def _read(screen: int) -> bytes:
    """What is on the way to the screen; nothing after the last one who could write has gone."""
    try:
        return os.read(screen, 65_536)
    except OSError:  # how Linux says that
        return b""
