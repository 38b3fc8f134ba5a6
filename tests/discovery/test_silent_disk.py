"""A disk that does not answer, or answers with errors: nothing hangs, and what could be listed is found.

Each claim runs in a process before the slow disk, as a call that never returns cannot be made to return.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.standin import slow_disk

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or slow_disk.compiler() is None, reason="needs Linux and a C compiler"
)
EACH_WAY = pytest.mark.parametrize(
    "way", [{"profile": "local"}, {"profile": "remote"}, {"walker": "listdir"}], ids=["local", "remote", "listdir"]
)
DEADLINE_S = 0.4

WALK = """
from tasks.discovery.walk import Walk
walk = Walk(root, settings)
files = sorted(listing[0] for listing in walk.files(root))
result = {
    "files": [os.fsdecode(os.path.relpath(file, root)) for file in files],
    "unlisted": {os.fsdecode(os.path.relpath(u.folder, root)): u.error.strerror for u in walk.tally.unlisted},
    "stats": walk.tally.stat_count,
    "folders": walk.tally.folder_count,
}
"""
WALK_TWICE = WALK + "first = result\n" + WALK + "result = [first, result]\n"
CHECK = """
from tasks.core.errors import RootRefused
from tasks.discovery.roots import check_roots, top_entries
try:
    found = check_roots(more, settings)
    result = [[os.fsdecode(scope.folder), scope.problem] for scope in found.scopes]
    result += [[row["problem"] for scope in found.scopes for row in top_entries(scope, settings)]]
except RootRefused as exc:
    result = str(exc)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return slow_disk.compiled(tmp_path_factory.mktemp("library"))


@pytest.fixture
def share(tmp_path) -> Path:
    """20 shows of 3 seasons of 2 episodes."""
    root = tmp_path / "share"
    for show in range(20):
        for season in range(3):
            folder = root / f"Show {show:02d}" / f"Season {season}"
            folder.mkdir(parents=True)
            for episode in range(2):
                (folder / f"e{episode}.mkv").touch()
    return root


def ask(
    code: str, library: Path, share: Path, *, more: tuple[Path, ...] = (), way: dict[str, str] | None = None, **options
) -> Any:
    """What ``code`` leaves in ``result`` in a process before the slow disk."""
    program = (
        "import json, os, sys\n"
        "from tasks.core.settings import DiscoverySettings\n"
        "root, more = os.fsencode(sys.argv[1]), sys.argv[2:]\n"
        f"settings = DiscoverySettings(deadline_s={DEADLINE_S}, **{way or {}!r})\n"
        f"{code}\nprint(json.dumps(result))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(share), *map(str, more)],
        env={**os.environ, **slow_disk.environment(library, prefix=share, **options)},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return json.loads(done.stdout)


@EACH_WAY
@pytest.mark.parametrize("hang_on", ["/Show 07/Season 1", "/Show 07/Season 1/e1"], ids=["listing", "stat"])
def test_a_folder_that_does_not_answer_is_unknown_and_the_others_are_found(library, share, way, hang_on):
    """
    One folder hangs, when it is listed or when a file in it is looked at: it alone is unknown. Who has to ask whether
    it is a folder hangs in the one above, which is unknown then.
    """
    unknown = "Show 07" if "walker" in way and hang_on.endswith("Season 1") else "Show 07/Season 1"

    found = ask(WALK, library, share, way=way, hang_on=hang_on)

    assert {unknown: "did not answer within 0.4 s"} == found["unlisted"]
    elsewhere = [file for file in found["files"] if not file.startswith(f"{unknown}/")]
    assert (114 if unknown == "Show 07" else 118) == len(elsewhere)


@EACH_WAY
def test_a_dead_disk_is_not_tried_for_ever(library, share, way):
    """
    All seasons hang: after some of them the rest is given up at once, and everything is unknown.
    """
    found = ask(WALK, library, share, way=way, hang_on="/Season")

    unknown = found["unlisted"].keys()
    shows = [show.name for show in share.iterdir()]
    assert all(show in unknown or {f"{show}/Season {season}" for season in range(3)} <= unknown for show in shows)
    assert [] == found["files"]
    assert found["folders"] < 21 + 30
    assert any("do not answer" in reason for reason in found["unlisted"].values())


def test_a_folder_that_still_hangs_is_not_waited_for_again(library, share):
    """
    Another try in the same run says at once that the folder has still not answered.
    """
    first, second = ask(WALK_TWICE, library, share, hang_on="/Show 07/Season 1")

    assert first["files"] == second["files"]
    assert {"Show 07/Season 1": "has still not answered"} == second["unlisted"]


@EACH_WAY
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE], ids=errno.errorcode.get)
def test_an_error_of_the_disk_makes_its_folder_unknown(library, share, way, code):
    """
    What a disk or a server answers with is the reason; all other folders are found. Who has to ask whether it is a
    folder does not know the one above.
    """
    found = ask(WALK, library, share, way=way, fail_on="/Show 11", fail_with=code)

    assert {"." if "walker" in way else "Show 11": os.strerror(code)} == found["unlisted"]
    assert 114 == len(found["files"])


@EACH_WAY
def test_the_questions_counted_are_those_asked(library, share, tmp_path, way):
    """
    What the walk says it has cost is what went over the wire: no question is asked twice, but by the walker that asks
    for each fact by itself: two questions for each of 80 folders and 120 files.
    """
    counts = tmp_path / "counts"
    stats = 400 if "walker" in way else 120

    found = ask(WALK, library, share, way=way, counts=counts)

    asked = slow_disk.counts(counts)
    assert (81, stats) == (found["folders"], found["stats"])
    assert (81, stats, 0) == (asked["opendir"], asked["stat"], asked["open"])


def test_a_root_that_does_not_answer_is_a_problem_beside_others(library, share, tmp_path):
    """
    The check of the roots comes back, names the dead one, and the others can be walked.
    """
    fine = tmp_path / "fine"
    fine.mkdir()
    problem = f"{share} did not answer within 0.4 s; check that its disk or server is up"

    found = ask(CHECK, library, share, more=(share, fine), hang_on=str(share))

    assert [[str(share), problem], [str(fine), None], [problem, None]] == found


def test_a_root_that_does_not_answer_is_refused_alone(library, share):
    """
    There is nothing to do, and the message says why.
    """
    found = ask(CHECK, library, share, more=(share,), hang_on=str(share))

    assert f"{share} did not answer within 0.4 s; check that its disk or server is up" == found


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOTCONN], ids=errno.errorcode.get)
def test_a_root_that_fails_is_a_problem_beside_others(library, share, tmp_path, code):
    """
    A disk or a server that answers with an error is away, as one that does not answer.
    """
    fine = tmp_path / "fine"
    fine.mkdir()

    found = ask(CHECK, library, share, more=(share, fine), fail_on=str(share), fail_with=code)

    assert f"{share} cannot be listed ({os.strerror(code)}); check that its disk is mounted and healthy" == found[0][1]
    assert [str(fine), None] == found[1]


def test_a_link_that_cannot_be_followed_does_not_hide_the_others(library, share, tmp_path):
    """
    In a root with a link to a share that fails, the other folders are entries as ever.
    """
    films = tmp_path / "films"
    (films / "good").mkdir(parents=True)
    (films / "away").symlink_to(share / "Show 00")
    code = (
        "from tasks.discovery.roots import Scope, top_entries\n"
        "films = os.fsencode(more[0])\n"
        "rows = top_entries(Scope(films, films), settings)\n"
        "result = [[os.path.basename(os.fsdecode(row['folder_bytes'])), row['problem']] for row in rows]\n"
    )

    found = ask(code, library, tmp_path, more=(films,), fail_on="/films/away")

    assert [["films", None], ["away", None], ["good", None]] == found
