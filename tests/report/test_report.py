"""What a report says, and that no name in it can say anything else."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from markdown_it import MarkdownIt

from tasks.core.units import printable
from tasks.report import as_markdown, as_text, facts
from tasks.report.facts import Link
from tasks.report.markdown import escaped_in_cell
from tasks.schema.timings import Timings
from tasks.timings import durations
from tasks.timings.summary import slowest
from tests.report.a_library import SEEN, make_warehouse, the_library

HOSTILE = "[red]x[/red]\n|`*_<b>\x1b[31m & [a](http://b) \udcff"


def a_stage(stage: str = "probe", **counts: int) -> dict[str, Any]:
    numbers = dict.fromkeys(("unchanged", "done", "quarantined", "failed", "deferred"), 0) | counts
    numbers.setdefault("total", sum(numbers.values()))
    return {"stage": stage, **{f"{name}_count": number for name, number in numbers.items()}}


def a_failure(item: str = "/library/a.mkv", **given: Any) -> dict[str, Any]:
    defaults = {"stage": "probe", "item_id": item, "cause": "ProbeTimedOut", "reason": "no answer within 30 s"}
    return {**defaults, "item": item, "is_transient": True, "attempts": 3, **given}


def a_run(**given: Any) -> dict[str, Any]:
    defaults = {"run_id": "run-1", "name": "calm-otter", "state": "completed", "wall_s": 12.5, "run_stages": []}
    return {**defaults, **given}


def a_root(root: str = "/videos", **given: Any) -> dict[str, Any]:
    facts = {"state": "held back", "reason": "40 of 100 files are missing", "file_count": 60, "expected_count": 100}
    counts = {"moved_count": 0, "vanished_count": 0, "held_back_count": 40, "profile": "local", "profile_reason": "r"}
    return {"root": root, "folder": root, **facts, **counts, **given}


def an_event(event: str, path: str, **given: Any) -> dict[str, Any]:
    return {"run_id": "run-1", "file_id": path, "event": event, "path": path, **given}


def text(run: dict[str, Any], **kwargs: Any) -> str:
    return as_text(facts(run, **kwargs), width=100, colour=False)


def test_the_account_is_shown_with_its_sums():
    """
    Each stage is a row, and the last row adds the stages up.
    """
    shown = text(a_run(run_stages=[a_stage("probe", unchanged=5, done=1000), a_stage("scrape", done=3, deferred=4)]))

    rows = [line.split() for line in shown.splitlines()]
    assert ["probe", "1,005", "5", "1,000", "0", "0", "0"] in rows
    assert ["scrape", "7", "0", "3", "0", "0", "4"] in rows
    assert ["all", "1,012", "5", "1,003", "0", "0", "4"] in rows
    assert "Every item is accounted for" in shown


def test_an_account_that_does_not_add_up_is_said_first():
    """
    10 items of which 7 stand somewhere: three are not accounted for, in the headline and below.
    """
    shown = text(a_run(run_stages=[a_stage(total=10, done=7)]))

    assert "does not add up" in shown.splitlines()[0]
    assert "probe: +3 of 10 items are not accounted for" in shown


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run(run_stages=[a_stage(done=1)]), "Run calm-otter completed in 12.5 s"),
        (a_run(run_stages=[a_stage(unchanged=9, deferred=1)]), "nothing has changed since the last run"),
        (a_run(run_stages=[a_stage("discover", done=9)]), "nothing has changed since the last run"),
        (
            a_run(run_stages=[a_stage(unchanged=9)], counters={"vanished_files": 1}),
            "Run calm-otter completed in 12.5 s; files: 1 vanished",
        ),
        (
            a_run(run_stages=[a_stage(unchanged=9)], counters={"moved_files": 1000, "new_files": 2}),
            "Run calm-otter completed in 12.5 s; files: 2 new, 1,000 moved",
        ),
        (a_run(counters={"purged_files": 3}), "completed in 12.5 s; files: 3 purged"),
        (
            a_run(run_roots=[a_root(), a_root("/good", state="good")]),
            "finished in 12.5 s; 1 root is not as before and keeps 40 files that were not found",
        ),
        (a_run(run_roots=[a_root(held_back_count=0, state="unknown")]), "; 1 root is not as before"),
        (
            a_run(state="incomplete", run_roots=[a_root(held_back_count=1)]),
            "finished in 12.5 s; 1 root is not as before and keeps 1 file that was not found",
        ),
        (a_run(state="crashed", run_roots=[a_root(held_back_count=0)]), "crashed in 12.5 s; 1 root is not as before"),
        (
            a_run(run_stages=[a_stage(failed=1)], failures=[a_failure()], run_roots=[a_root(), a_root("/b")]),
            "1 item failed and can be tried again; 2 roots are not as before and keep 80 files that were not found",
        ),
        (
            a_run(state="incomplete", run_stages=[a_stage(done=1, failed=1)], failures=[a_failure()]),
            "1 item failed and can be tried again",
        ),
        (
            a_run(state="incomplete", run_stages=[a_stage(failed=1)], failures=[a_failure(is_transient=False)]),
            "1 item failed",
        ),
        (a_run(state="crashed"), "ended as crashed in 12.5 s"),
        ({"run_id": "only-an-id"}, "Run only-an-id ended as unknown"),
    ],
)
def test_the_headline(run, expected):
    """
    The first line says what became of the run; a file that is gone is a change too.
    """
    shown = as_text(facts(run), width=200, colour=False)

    assert shown.splitlines()[0].endswith(expected)


def test_failures_are_grouped_by_cause_and_listed():
    """
    The largest group stands first, each item with its reason; a group says whether trying again may help.
    """
    failures = [
        a_failure("b.mkv", cause="FileNotPermitted", reason="permission denied", is_transient=False),
        a_failure("a2.mkv"),
        a_failure("a1.mkv"),
    ]

    shown = text(a_run(run_stages=[a_stage(failed=3)], failures=failures))

    lines = [line.strip() for line in shown.splitlines()]
    first = lines.index("Failed in probe, ProbeTimedOut: 2 items (may succeed when tried again)")
    second = lines.index("Failed in probe, FileNotPermitted: 1 item")
    assert first < second
    assert ["a1.mkv  no answer within 30 s", "a2.mkv  no answer within 30 s"] == lines[first + 2 : first + 4]
    assert "b.mkv  permission denied" == lines[second + 2]


def test_beyond_the_limit_the_report_says_how_to_see_all(tmp_path):
    """
    Of 30 items 20 are listed; the SQL that is shown gives all 30 when run on the warehouse.
    """
    failures = [a_failure(f"{n}.mkv", cause="It's odd") for n in range(30)]
    rows = [{"run_id": "run-1", **failure} for failure in failures]
    warehouse = make_warehouse(tmp_path / "w.duckdb", {"failures": rows})
    found = facts(a_run(failures=failures), warehouse=warehouse)

    shown = as_text(found, width=400, colour=False)

    assert "and 10 more" in shown
    (query,) = re.findall(r'reelhouse sql "(SELECT .*)"', shown)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert 30 == len(connection.execute(query).fetchall())


def test_a_root_that_is_held_back_is_said_before_all_else():
    """
    Which root, why, how many files are kept, and what to type: the root's name is quoted for the shell.
    """
    run = a_run(run_stages=[a_stage(done=1)], run_roots=[a_root("/my videos", folder="/my videos/new")])

    for shown in (text(run), as_markdown(facts(run)).replace("\\", "")):
        assert shown.index("Root /my videos: held back") < shown.index("What was done")
        assert "reason: 40 of 100 files are missing" in shown
        assert "40 files were not found and not marked" in shown
        assert "this run looked at /my videos/new" in shown
        assert "reelhouse confirm-removal '/my videos'" in shown


@pytest.mark.parametrize(
    ("state", "words"),
    [("unknown", "away or looks like another disk"), ("partly unknown", "a part of it could not be read or is away")],
)
def test_a_root_that_is_away_needs_no_confirmation(state, words):
    """
    Where nothing is known there is nothing to confirm: the report says why and that everything is kept.
    """
    shown = text(a_run(run_roots=[a_root(state=state, reason=None)]))

    assert f"Root /videos: {state}" in shown
    assert words in shown
    assert "40 files were not found and not marked" in shown
    assert "confirm-removal" not in shown


def test_good_roots_are_not_mentioned():
    """
    What is as it was needs no words.
    """
    assert "Root " not in text(a_run(run_roots=[a_root(state="good", reason=None)]))


def test_what_happened_to_known_files_is_counted_and_shown():
    """
    A move shows both paths, an upgrade what the file was and is; ten of each kind, and how to see all.
    """
    upgrade = an_event(
        "replaced", "/v/film.mkv", is_upgrade=True, earlier_quality="720p", quality="2160p", video_codec="hevc",
        earlier_video_codec="h264", hdr_format="HDR10", earlier_bitrate_bps=4_000_000, bitrate_bps=25_500_000,
        earlier_size_bytes=1024**3, size_bytes=20 * 1024**3, proof="path",
    )  # fmt: skip
    moves = [an_event("moved", f"/v/new/{n}", earlier_path=f"/v/{n}", proof="inode") for n in range(12)]
    counters = {"moved_files": 12, "replaced_files": 1, "upgraded_files": 1, "vanished_files": 1, "purged_files": 1}
    gone = [an_event("vanished", "/v/gone.mkv"), an_event("purged", "/v/long gone.mkv")]

    shown = as_text(facts(a_run(counters=counters, file_events=[upgrade, *moves, *gone])), width=200, colour=False)

    lines = [line.strip() for line in shown.splitlines()]
    assert "12 moved" in lines
    assert "1 of these upgraded: a larger picture, or a higher bit rate" in lines
    change = "720p h264 4.0 Mbit/s 1.0 GiB -> 2160p hevc HDR10 25.5 Mbit/s 20.0 GiB"
    assert 1 == len([line for line in lines if line.startswith("upgraded") and f"{change}; known by path" in line])
    assert 10 == len([line for line in lines if line.startswith("moved") and "; known by inode" in line])
    assert 1 == len([line for line in lines if re.match("purged +/v/long gone.mkv", line)])
    assert "reelhouse sql \"FROM file_events WHERE run_id = 'run-1'\"" in lines
    assert "moved files" not in shown


def test_what_is_unknown_of_a_replacement_is_said():
    """
    A file that could not be measured has no quality: the report says unknown instead of nothing.
    """
    shown = text(a_run(counters={"replaced_files": 1}, file_events=[an_event("replaced", "/v/a")]))

    assert "unknown -> unknown" in shown
    assert "FROM file_events" not in shown


def test_what_was_set_aside_and_passed_over_is_shown_with_its_reason():
    """
    Quarantined items and skipped entries have their reasons and examples.
    """
    shown = text(
        a_run(
            quarantine=[{"refused_by": "probe", "row_key": "k", "item": "broken.mkv", "reason": "moov atom not found"}],
            run_skips=[{"root": "/library", "reason": "hidden", "skip_count": 1200, "example_path": "/library/.git"}],
        )
    )

    assert "Set aside by probe: 1 item" in shown
    assert re.search(r"broken\.mkv +moov atom not found", shown)
    assert re.search(r"hidden +1,200 +/library/\.git", shown)


def test_the_library_is_described(tmp_path):
    """
    Counts of the warehouse are in the text; one is singular.
    """
    shown = text(a_run(), warehouse=make_warehouse(tmp_path / "w.duckdb", the_library()))

    assert "11 video files, 33.0 GiB, 9 h 1 min to watch" in shown
    assert "2 films, 3 shows with 5 episodes, 1 extra" in shown
    assert "1 episode missing" in shown
    assert "2160p 1 (20.0 GiB), 1080p 8 (11.0 GiB), 480p 1 (1.0 GiB)" in shown


def test_before_the_first_load_there_is_a_report(tmp_path):
    """
    Without a warehouse the library is left out and everything else stands.
    """
    shown = text(a_run(notes=["no token"]), warehouse=tmp_path / "none.duckdb")

    assert "The library" not in shown
    assert "no token" in shown


def test_costs_and_time_are_shown():
    """
    Work is counted, sizes have units, and the throughput is files by wall time: 125 files in 12.5 s are 10 a second.
    """
    run = a_run(
        file_count=125, probe_count=1, call_count=2000, peak_memory_bytes=1024**3,
        counters={"cache_hits": 7, "download_bytes": 2048, "worker_peak_memory_bytes": 200 * 1024**2},
    )  # fmt: skip

    row = {"run_id": "run-1", "name": "probe.file", "kind": "duration", "started_at": SEEN, "value": 0.25, "ok": True}
    shown = text(run, durations=durations(Timings.frame([row])))

    assert "1 file measured, 2,000 requests sent" in shown
    assert "cache hits: 7, download: 2.0 KiB" in shown
    assert "10.0 files a second" in shown
    assert "1.0 GiB of memory at most" in shown
    assert "200.0 MiB of memory in the largest of the measuring processes" in shown
    assert re.search(r"probe\.file +1 +0 +250 ms", shown)


def a_span(name: str, value: float, **given: Any) -> dict[str, Any]:
    return {
        "run_id": "run-1",
        "name": name,
        "kind": "duration",
        "started_at": SEEN,
        "value": value,
        "ok": True,
        **given,
    }


def test_the_time_of_each_step_is_that_of_its_batches_together():
    """
    Two batches of the probe stage, one of 4 s and one of 2 s at the same time: 4 s, for 8 items 2 a second.
    """
    spans = Timings.frame([a_span("probe.step", 4.0), a_span("probe.step", 2.0), a_span("probe.file", 9.0)])
    run = a_run(run_stages=[a_stage("probe", unchanged=90, done=5, quarantined=2, failed=1, deferred=9)])

    shown = text(run, durations=durations(spans))

    assert re.search(r"Time of each step\n +step +.*\n +probe +2 +8 +4\.0 s +2\.0\n +Steps work", shown)


def test_what_took_longest_is_shown_with_its_item():
    """
    The report names the items in the order of the time they took.
    """
    spans = [a_span("probe.file", 0.5, item="a.mkv"), a_span("http.request", 2.0, item="https://api/b")]

    shown = text(a_run(), slowest=slowest(Timings.frame(spans).lazy(), limit=10))

    assert re.search(
        r"What took longest\n.*\n +2\.0 s +http\.request +https://api/b\n +500 ms +probe.file +a\.mkv", shown
    )


def test_calls_are_told_for_each_title_and_kept_answers_by_their_share():
    """
    30 requests for 12 titles are 2.5 a title; 10 of 40 answers were kept ones, a quarter.
    """
    stages = [a_stage("match", done=10, quarantined=1, failed=1, unchanged=50), a_stage("scrape", done=8)]

    shown = text(a_run(run_stages=stages, call_count=30, counters={"cache_hits": 10}))

    assert "2.5 requests a title (12 titles worked on), 25% of the answers were kept ones" in shown


def test_failures_tell_the_next_step():
    """
    Below the items of a cause stands what to do, and what makes them be tried again.
    """
    aside = {"refused_by": "match", "row_key": "k", "item": "Harbour", "reason": "nothing fits"}

    shown = as_text(facts(a_run(failures=[a_failure()], quarantine=[aside])), width=200, colour=False)

    assert "allow more time with probe.deadline_s; tried again by reelhouse retry, or by the next refresh" in shown
    assert "Put the year, or an id as {tmdb-123}, into the name of the folder" in shown


def test_items_set_aside_are_grouped_by_cause(tmp_path):
    """
    Of one stage two causes are two groups, and each group's SQL gives its own items.
    """
    aside = [
        {"refused_by": "artwork", "row_key": f"{n}", "item": f"{n:02}", "reason": "r", "cause": cause, "attempts": 1}
        for cause, numbers in (("ImageInvalid", range(30)), (None, range(30, 55)))
        for n in numbers
    ]
    rows = [{"run_id": "run-1", **row} for row in aside]
    warehouse = make_warehouse(tmp_path / "w.duckdb", {"quarantine": rows})

    shown = as_text(facts(a_run(quarantine=aside), warehouse=warehouse), width=400, colour=False)

    queries = re.findall(r'reelhouse sql "(SELECT .*)"', shown)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert [30, 25] == [len(connection.execute(query).fetchall()) for query in queries]


def test_links_lead_to_the_web_only():
    """
    An address of the web becomes a link that nothing in it can end; another scheme, or none, is text.
    """
    titles = [
        Link("[Odd] Title", 'https://example.org/movie/1?a=b&c=<b>)"x'),
        Link("No page", None),
        Link("Script", "javascript:alert(1)"),
    ]

    found = facts(a_run(), titles=titles, links=[Link("This run", "http://127.0.0.1:4200/runs/flow-run/1")])

    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(as_markdown(found))
    children = [child for token in tokens for child in token.children or []]
    assert ["https://example.org/movie/1?a=b&c=%3Cb%3E%29%22x", "http://127.0.0.1:4200/runs/flow-run/1"] == [
        child.attrs["href"] for child in children if child.type == "link_open"
    ]
    shown = as_text(found, width=200, colour=False)
    assert "  This run: http://127.0.0.1:4200/runs/flow-run/1" in shown.splitlines()
    assert "  No page" in shown.splitlines()


@pytest.mark.parametrize(
    "name",
    [
        HOSTILE, "<script>alert(1)</script>", "**bold** *it* __b__ _i_", "`code`", "~~gone~~ ~gone~",
        "1. list", "2019) list", "# heading", "> quote", "- item", "+ item", "===", "&amp; &#60; & x",
        "![i](http://b/c.png)", "[a][b] [c]: http://d",
        "\\*not\\*", "C:\\", "\\<b>", "<!-- x --> <?x?> </b>", "<http://b>", "a_b_c [1080p] (2019)", "---", "***",
    ],
)  # fmt: skip
def test_no_name_becomes_markup_in_a_cell(name):
    """
    A Markdown parser shows the cell as the name is, as one paragraph of text.
    """
    name = printable(name)

    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(escaped_in_cell(name))

    assert ["paragraph_open", "inline", "paragraph_close"] == [token.type for token in tokens]
    assert {"text", "text_special"} >= {child.type for child in tokens[1].children or []}
    assert name == "".join(child.content for child in tokens[1].children or [])


@pytest.mark.parametrize("name", ["/v/The_Salt_Ferry (2001) [1080p] {tmdb-1}/a & b - c.mkv", "it's 100 % #1 @home!"])
def test_ordinary_names_have_no_escapes_in_a_cell(name):
    """
    One of the two UIs shows cells as they are: what needs no escape has none.
    """
    assert name == escaped_in_cell(name)


def hostile_run() -> dict[str, Any]:
    return a_run(
        name=HOSTILE,
        run_stages=[a_stage(failed=1)],
        failures=[a_failure(HOSTILE, reason=HOSTILE) for _ in range(21)],
        quarantine=[{"refused_by": HOSTILE, "row_key": HOSTILE, "item": None, "reason": HOSTILE}],
        run_skips=[{"root": HOSTILE, "reason": HOSTILE, "skip_count": 1, "example_path": HOSTILE}],
        counters={HOSTILE: 1, "replaced_files": 2},
        notes=[HOSTILE, "1. no list", "# no heading"],
        run_roots=[a_root(HOSTILE, folder=f"{HOSTILE}/x", reason=HOSTILE)],
        file_events=[an_event("replaced", HOSTILE, earlier_path=HOSTILE, quality=HOSTILE, proof=HOSTILE)],
    )


@pytest.mark.parametrize("width", [70, 80, 100, 200])
def test_tables_of_numbers_keep_their_words_whole(width):
    """
    On terminals down to 70 columns stages and scopes can be read; a narrow one does without some columns.
    """
    spans = [
        {"run_id": "run-1", "name": name, "kind": "duration", "started_at": SEEN, "value": 823.0, "ok": True}
        for name in ("artwork.download", "plan collections.step")
    ]
    run = a_run(wall_s=3600.0, run_stages=[a_stage("collections", done=12_345)])

    shown = as_text(facts(run, durations=durations(Timings.frame(spans))), width=width, colour=False)

    assert {"collections", "quarantined", "deferred", "12,345"} <= set(shown.split())
    assert {"artwork.download", "collections.step", "total"} <= set(shown.split())
    assert "plan collections.step" in shown


@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_name_gives_orders_to_the_terminal(width):
    """
    Markup, newlines and escape sequences in names are shown as they are written; no line is wider than the terminal.
    """
    shown = as_text(facts(hostile_run()), width=width, colour=False)

    assert "\x1b" not in shown
    assert shown.encode("utf-8")
    assert max(len(line) for line in shown.splitlines()) <= width
    assert "[red]x[/red]\\n" in shown.replace("\n", "").replace(" ", "")


def test_colour_adds_nothing_but_colour():
    """
    The coloured report without its colour sequences (ECMA-48 SGR) is the plain one.
    """
    found = facts(hostile_run())

    coloured = as_text(found, width=100, colour=True)

    assert "\x1b[" in coloured
    plain = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()]
    assert as_text(found, width=100, colour=False).splitlines() == plain


def test_no_name_becomes_markdown():
    """
    A Markdown parser finds in the report only our headings, tables and lists, and the names as plain text.
    """
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(
        as_markdown(facts(hostile_run()))
    )  # fmt: skip

    inline = [child for token in tokens for child in token.children or []]
    assert {"text", "softbreak"} >= {child.type for child in inline} - {"text_special"}
    assert {"h2", "h3"} == {token.tag for token in tokens if token.type == "heading_open"}
    assert {"html_block", "ordered_list_open", "blockquote_open"} & {token.type for token in tokens} == set()
    cells = ["".join(c.content for c in token.children or []) for token in tokens if token.type == "inline"]
    assert "[red]x[/red]\\n|`*_<b>\\x1b[31m & [a](http://b) \\udcff" in cells


def test_markdown_holds_what_the_text_holds():
    """
    Both forms come from the same sections: every word of the text is in the Markdown.
    """
    found = facts(a_run(run_stages=[a_stage(done=3, failed=1)], failures=[a_failure()], notes=["a note"]))

    words = set(as_text(found, width=200, colour=False).split())

    assert set() == words - set(as_markdown(found).replace("\\", "").split())
