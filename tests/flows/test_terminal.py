"""What a person, a log file and a machine see of a run that works."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.console import Console

from flows.terminal import board, pick_mode, showing
from tasks.core.progress import Progress, StageProgress

PROJECT = Path(__file__).parents[2]

WORK = """
import sys, time
from flows.terminal import showing
from tasks.core.progress import progress
with showing(sys.argv[1]):
    progress.begin("probe", 40)
    progress.begin("[red]x\\n\\x1b[31my")
    for number in range(40):
        time.sleep(0.02)
        progress.advance("probe", failed=number % 10 == 0)
        progress.advance("[red]x\\n\\x1b[31my")
    progress.finish("probe")
print("the result")
"""


def a_stage(**facts: object) -> StageProgress:
    defaults = {"stage": "probe", "total": 100, "done": 25, "failed": 0, "started_s": 0.0, "finished": False}
    return StageProgress(**{**defaults, **facts})


def drawn(*stages: StageProgress, now_s: float = 5.0, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(board(stages, now_s, width=width))
    return console.file.getvalue().splitlines()


def run(mode: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WORK, mode],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=True,
        timeout=60,
        **kwargs,
    )


@pytest.mark.parametrize(
    ("json_wanted", "quiet", "isatty", "expected"),
    [
        (False, False, True, "bars"),
        (False, False, False, "lines"),
        (True, False, True, "json"),
        (False, True, True, "quiet"),
        (True, True, False, "quiet"),
    ],
)
def test_the_mode_follows_from_what_is_asked_and_where_it_goes(json_wanted, quiet, isatty, expected):
    """
    Quiet is quiet; a machine gets JSON; bars need a terminal.
    """
    assert expected == pick_mode(json=json_wanted, quiet=quiet, isatty=isatty)


def test_a_bar_says_how_far_how_fast_and_how_long():
    """
    25 of 100 in 5 s with 2 failed: 5 a second, 15 s to go.
    """
    (line,) = drawn(a_stage(failed=2))

    assert re.fullmatch(r"probe +━+[╸╺ ]+ 25/100 2 failed 5\.0/s 15 s left *", line)


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_the_board_fits_the_terminal(width):
    """
    Every stage is one line, whatever its name and the width; from 60 columns on counts are not cut.
    """
    stages = [a_stage(stage="x" * 300, total=1_234_567, done=1_000_000, failed=5), a_stage(stage="two\nlines\x1b[31m")]

    lines = drawn(*stages, width=width)

    assert 2 == len(lines)
    assert max(len(line) for line in lines) <= width
    assert width < 60 or "1,000,000/1,234,567" in lines[0]
    assert "\x1b" not in "".join(lines)


def test_a_finished_stage_says_how_long_it_took():
    """
    It began at 0 and ended at 4 s; a minute later it still took 4 s.
    """
    (line,) = drawn(a_stage(done=100, finished=True, finished_s=4.0), now_s=64.0)

    assert line.rstrip().endswith("25/s in 4.0 s")


def test_without_a_terminal_there_are_few_lines_on_stderr():
    """
    Under 5 s a stage has a line at its beginning and one at its end; names are escaped and stdout has the result only.
    """
    done = run("lines")

    lines = done.stderr.splitlines()
    assert "the result\n" == done.stdout
    assert 2 == len([line for line in lines if line.startswith("probe: ")])
    assert re.fullmatch(r"probe: 40/40, 4 failed, [\d.]+/s, in [\d.]+ (ms|s)", next(x for x in lines if "40/40" in x))
    assert 2 == len([line for line in lines if line.startswith("[red]x\\n\\x1b[31my: ")])
    assert 4 == len(lines)


def test_machines_get_json_lines_on_stdout():
    """
    Every line before the result is a JSON object with the same keys; the last of a stage says that it has finished.
    """
    done = run("json")

    *lines, result = done.stdout.splitlines()
    documents = [json.loads(line) for line in lines]
    assert ("the result", "") == (result, done.stderr)
    assert {("stage", "done", "total", "failed", "rate_hz", "remaining_s", "finished")} == {tuple(d) for d in documents}
    last = [d for d in documents if d["stage"] == "probe"][-1]
    assert (40, 40, 4, 0.0, True) == tuple(last[k] for k in ("done", "total", "failed", "remaining_s", "finished"))


def test_quiet_shows_nothing_but_the_result():
    """
    No progress on either stream.
    """
    done = run("quiet")

    assert ("the result\n", "") == (done.stdout, done.stderr)


def test_a_reader_that_goes_away_does_not_end_the_run():
    """
    Like `reelhouse refresh --json | head -1`: the pipe is closed, the work goes on to its end.
    """
    work = WORK.replace('print("the result")', 'print("done", file=sys.stderr)')
    with subprocess.Popen(
        [sys.executable, "-c", work, "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert said.startswith("done")


@pytest.mark.parametrize("mode", ["lines", "json", "bars"])
def test_the_last_state_is_shown_when_the_run_fails(mode, capsys):
    """
    The exception goes on, and what was done until then has been said.
    """
    source = Progress()

    with pytest.raises(ZeroDivisionError), showing(mode, source=source):
        source.begin("probe", 10)
        source.advance("probe", 7)
        raise ZeroDivisionError

    said = "".join(capsys.readouterr())
    assert "7/10" in said or '"done": 7' in said


def on_a_terminal(columns: int, term: str = "xterm-256color") -> str:
    """All that the work writes to a terminal of ``columns`` columns."""
    screen, ours = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "CI")} | {
        "TERM": term
    }
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, "bars"], stdin=ours, stdout=ours, stderr=ours, cwd=PROJECT, env=environment
    )
    os.close(ours)
    written = b""
    while True:
        try:
            chunk = os.read(screen, 65536)
        except OSError:  # Linux: the last writer is gone
            break
        if not chunk:
            break
        written += chunk
    os.close(screen)
    assert 0 == process.wait(timeout=60)
    return written.decode()


def test_bars_move_on_a_real_terminal_and_leave_it_in_order():
    """
    On a pseudo-terminal the lines are redrawn, the cursor is hidden and shown again, the result comes last.
    """
    written = on_a_terminal(60)

    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
    assert "\x1b[1A" in written
    assert re.search(r"40/40.*4 failed.*in ", written.rpartition("\x1b[1A")[2])
    assert written.rstrip().endswith("the result")
    assert "\x1b[31my" not in written


def test_a_dumb_terminal_gets_lines():
    """
    Where the cursor cannot move, bars become lines.
    """
    written = on_a_terminal(80, term="dumb")

    assert "\x1b" not in written
    assert "probe: 40/40, 4 failed" in written
