"""The command line. Each command imports what it needs, so that small ones answer at once."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from flows.interrupt import Interrupted, heed_ctrl_c
from flows.status import EXIT_FAILED_ITEMS, EXIT_REFUSED, EXIT_STOPPED
from tasks.core.errors import RefreshError, Refused

app = typer.Typer(
    name="reelhouse",
    help="Refresh a whole video library: find, measure, identify, scrape, fetch artwork; query it all in DuckDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

runs_app = typer.Typer(name="runs", help="Runs that have been.", no_args_is_help=True)
app.add_typer(runs_app)


def _folder(given: str) -> Path:
    """A folder that is named; a variable of the shell that is not set is no name of the current one."""
    if not given:
        raise typer.BadParameter("it is empty; name a folder, or leave the option out")
    return Path(given)


def _data_option(words: str, default: str) -> Any:
    return typer.Option("--data", help=words, show_default=default, parser=_folder, metavar="PATH")


DataOption = Annotated[Path | None, _data_option("Folder for all that is made.", "data/library")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file.", show_default="reelhouse.toml")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any setting; `reelhouse config` lists them.")
]


def main() -> None:
    """Run the command line; errors of ours become one line, without a traceback."""
    sys.exit(_status())


def _status() -> int:
    # The exit status is returned, not raised where an error is handled: the error would live until the interpreter
    # ends, with all its frames hold, and libraries complain of that on the terminal.
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, because at exit a reader that has gone could only be complained of
    except Refused as exc:
        _say(str(exc))
        return EXIT_REFUSED
    except RefreshError as exc:
        _say(str(exc))
        return EXIT_STOPPED
    except Interrupted as exc:
        _say(f"{exc}; {exc.becomes}")
        os._exit(exc.status)
    except BrokenPipeError:  # the reader of our output has gone; Typer ends with the same status
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _say(message: str) -> None:
    from tasks.core.units import printable

    for line in message.splitlines():
        print(f"reelhouse: {printable(line)}", file=sys.stderr, flush=True)


def _loaded(data: Path | None, config: Path | None, assignments: list[str] | None, **overrides: Any) -> Any:
    from flows.parameters import load

    return load(config=config, assignments=assignments or (), overrides={"data_dir": data and str(data), **overrides})


def _print_json_line(document: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))


@app.command()
def refresh(
    roots: Annotated[list[str], typer.Argument(metavar="ROOT...", help="Folders with videos.", show_default=False)],
    data: DataOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    language: Annotated[str | None, typer.Option(help="Language of titles and texts, as de-DE.")] = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Try again also files that cannot be read and titles nobody knows.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and do nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Progress and result as JSON lines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the report.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show Prefect's log.")] = False,
) -> None:
    """Refresh the library under one or more folders. Your videos are only read.

    A folder inside one that was refreshed before stands for this part of it.

    Exit status: 0 done; 1 finished, but items failed or a folder could not be believed; 2 refused, nothing was done;
    3 stopped; 130 and 143 interrupted (Ctrl-C, SIGTERM).
    """
    from flows.run import run_plan, run_refresh

    again = {"probe.remeasure": "unreadable", "scrape.unmatched_retry_days": 0} if set_aside else {}
    loaded = _loaded(data, config, assignments, **{"scrape.language": language}, **again)
    if plan:
        run_plan(roots, loaded.settings, as_json=json, quiet=quiet)
        return
    raise SystemExit(run_refresh(roots, loaded.settings, as_json=json, quiet=quiet, debug=debug))


@app.command("confirm-removal")
def confirm_removal_command(
    root: Annotated[str, typer.Argument(metavar="ROOT", help="Folder that was refreshed before.", show_default=False)],
    data: DataOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the report.")] = False,
) -> None:
    """Say that files which a refresh did not find are gone, and refresh ROOT with that.

    A refresh marks nothing as missing when a folder is away, empty, on another disk, or lacks too much at once. This
    shows what is not there, asks, and marks it. Nothing on your disk is touched.
    """
    from flows.run import quieten_prefect, run_refresh

    settings = _loaded(data, config, assignments).settings
    quieten_prefect(debug=False)
    from flows.confirm import confirm_removal

    count = confirm_removal(root, settings, assume_yes=yes)
    if not count:
        print("Nothing was marked.")
        return
    raise SystemExit(
        run_refresh([root], settings, as_json=False, quiet=quiet, debug=False, confirm_removal={root: count})
    )


@app.command()
def probe(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Video files.", show_default=False)],
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Measure files: one JSON object a line. Exit status 1 if one of them cannot be read."""
    from tasks.probe.document import probe_files

    heed_ctrl_c()
    settings = _loaded(None, config, assignments).settings
    readable = True
    for row in probe_files(files, settings.probe):
        readable &= row["status"] != "unreadable"
        _print_json_line(row)
    raise SystemExit(0 if readable else EXIT_FAILED_ITEMS)


@app.command()
def identify(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Paths or names; - reads one a line from standard input.")
    ],
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Read what names say: one JSON object a line. The files need not exist."""
    from tasks.identify.identifier import Identifier, as_json

    settings = _loaded(None, config, assignments).settings
    identifier = Identifier(settings.identify)
    for path in _named(paths):
        _print_json_line(as_json(identifier.identify(path)))


def _named(paths: list[str]) -> Iterator[bytes]:
    for path in paths:
        if path == "-":
            for line in sys.stdin.buffer:
                if name := line.rstrip(b"\r\n"):
                    yield name
        else:
            yield os.fsencode(path)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A query in DuckDB's SQL.", show_default=False)],
    data: DataOption = None,
    config: ConfigOption = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV instead of a table.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """Query the warehouse, read-only. `reelhouse schema` lists tables and views."""
    from flows.show import show_frame
    from tasks.core.layout import DataFolder
    from tasks.warehouse.query import query as ask

    folder = DataFolder(_loaded(data, config, None).settings.data_dir)
    show_frame(ask(folder.warehouse, query), as_csv=csv, as_json=json)


@app.command()
def schema(
    sql_: Annotated[bool, typer.Option("--sql", help="CREATE statements instead of documentation.")] = False,
) -> None:
    """Print the documentation of all tables and views."""
    from tasks.schema.docs import as_markdown
    from tasks.warehouse.ddl import as_sql

    print(as_sql() if sql_ else as_markdown())


@app.command()
def timings(
    run: Annotated[str | None, typer.Argument(help="Run id; the newest one by default.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the single records to a CSV file.")] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Write the single records to a Parquet file.")
    ] = None,
) -> None:
    """Show where the time of a run went: count, mean, percentiles and totals of everything that was measured."""
    from flows.show import show_timings
    from tasks.core.layout import DataFolder

    show_timings(DataFolder(_loaded(data, config, None).settings.data_dir), run, csv=csv, parquet=parquet)


@app.command()
def report(
    run: Annotated[str | None, typer.Argument(help="Run id; the newest one by default.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the report of a run again."""
    from flows.show import show_report
    from tasks.core.layout import DataFolder

    show_report(DataFolder(_loaded(data, config, None).settings.data_dir), run)


@app.command("config")
def config_command(
    data: DataOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Show every setting, its value, where that comes from and what it does. Secrets are not shown."""
    from flows.show import show_settings

    show_settings(_loaded(data, config, assignments))


@app.command()
def retry(
    run: Annotated[str | None, typer.Argument(help="Run id; the newest run by default.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Progress and report as JSON lines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show Prefect's log.")] = False,
) -> None:
    """Redo what is not done of a run, and nothing else. Exit status as that of `refresh`."""
    from flows.run import run_retry

    raise SystemExit(run_retry(run, _loaded(data, config, None).settings, as_json=json, quiet=quiet, debug=debug))


@app.command()
def failures(
    run: Annotated[str | None, typer.Argument(help="Run id; the newest one by default.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List what failed or was set aside in a run: item, stage, cause, attempts, and what to do next."""
    from flows.show_failures import show_failures
    from tasks.core.layout import DataFolder

    show_failures(DataFolder(_loaded(data, config, None).settings.data_dir), run, as_json=json)


@runs_app.command()
def bundle(
    run: Annotated[str | None, typer.Argument(help="Run id; the newest one by default.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    out: Annotated[Path | None, typer.Option(help="ZIP file to write.", show_default="reelhouse-RUN.zip")] = None,
) -> None:
    """Put the times and counts of a run into one file that can be given away: no name of a file, title or host."""
    from flows.show import record_of
    from tasks.core.layout import DataFolder
    from tasks.lab.bundle import write_bundle
    from tasks.timings import read_timings

    folder = DataFolder(_loaded(data, config, None).settings.data_dir)
    record = record_of(folder, run)
    if record is None:
        if run is None:
            raise Refused(f"there is no run in {folder.path}; make one: reelhouse refresh /path/to/videos")
        where = "" if data is None else f" --data {shlex.quote(str(data))}"
        raise Refused(
            f'there is no run {run} in {folder.path}; list them: reelhouse sql "SELECT run_id, name FROM runs"{where}'
        )
    target = (out or Path(f"reelhouse-{record['run_id'][:8]}.zip")).absolute()
    write_bundle(target, record, read_timings(folder.timings, record["run_id"]))
    print(target)


@app.command()
def tune(
    data: DataOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Say what past runs teach: what a refresh would choose and why, what is set otherwise, how good its times were."""
    from flows.show_tune import show_tune

    show_tune(_loaded(data, config, assignments).settings, as_json=json)


@app.command()
def serve(
    roots: Annotated[
        list[str] | None, typer.Argument(metavar="[ROOT]...", help="Folders with videos; serve.roots by default.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    cron: Annotated[str | None, typer.Option(help="When, in cron's five fields.", show_default="0 3 * * *")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the Prefect UI.", show_default="4200")] = None,
    once: Annotated[bool, typer.Option("--once", help="One refresh now, then end: for a timer of the system.")] = False,
) -> None:
    """Refresh every night, with the Prefect UI, until Ctrl-C or SIGTERM."""
    from flows.run import run_refresh, run_serve

    settings = _loaded(data, config, assignments, **{"serve.cron": cron, "serve.port": port}).settings
    wanted = roots or list(settings.serve.roots)
    if once and wanted:
        raise SystemExit(run_refresh(wanted, settings, as_json=False, quiet=True, debug=False))
    run_serve(wanted, settings)


@app.command()
def ui(
    data: DataOption = None,
    config: ConfigOption = None,
    demo: Annotated[bool, typer.Option("--demo", help="The runs of the demo.")] = False,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 4200,
) -> None:
    """Start the Prefect UI with the history of your runs until Ctrl-C; Retry works, nothing is scheduled."""
    from flows.demo import DEMO_DATA
    from flows.run import run_ui

    run_ui(_loaded(DEMO_DATA if demo and data is None else data, config, None).settings, port)


@app.command()
def demo(
    data: Annotated[Path | None, _data_option("Folder for the demo.", "data/demo")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show Prefect's log.")] = False,
) -> None:
    """Make a toy library, refresh it with a stand-in for TMDB, show the report. Run it twice."""
    from flows.demo import DEMO_DATA, run_demo

    raise SystemExit(run_demo((data or DEMO_DATA).absolute(), debug=debug))


@app.command()
def benchmark(
    presets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PRESET]...", help="Libraries; --list tells them.", show_default="tiny"),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Times each profile has its turn; n of the tables.", min=1)] = 5,
    profiles: Annotated[
        list[str] | None, typer.Option("--profile", help="Ways to work.", show_default="those of the preset")
    ] = None,
    ablation: Annotated[bool, typer.Option("--ablation", help="Also all but each single switch.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show presets, switches and profiles, and do nothing.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show what was measured; run none.")] = False,
    data: Annotated[Path | None, _data_option("Folder for what is made; it stays.", "data/bench")] = None,
) -> None:
    """Compare the old ways of documented programs with ours: made libraries refreshed in turn; print tables.

    All profiles must give the same tables; where they do not, this names the rows and ends with exit status 3.
    """
    from flows.lab_run import LAB_DATA, profiles_of, run_lab, show_results, what_there_is

    folder = (data or LAB_DATA).absolute()
    if list_:
        print(what_there_is())
        return
    if show:
        raise SystemExit(show_results(folder, presets or ()))
    chosen = profiles_of(profiles or (), is_ablation=ablation)
    raise SystemExit(run_lab(presets or ["tiny"], folder, rounds=rounds, profiles=chosen))


@app.command()
def budgets(
    only: Annotated[
        Literal["probe", "discovery", "refresh", "orchestration", "timings", "faults"] | None,
        typer.Option(help="One part.", show_default="all"),
    ] = None,
    files: Annotated[int, typer.Option(help="Videos of the library.", min=10)] = 10_000,
    entries: Annotated[int, typer.Option(help="Empty files for the walk.", min=10)] = 200_000,
    large_gb: Annotated[float, typer.Option(help="Size of each of three large videos; 0: none.", min=0)] = 2.0,
    repeats: Annotated[int, typer.Option(help="Times each thing is measured.", min=1)] = 5,
    data: Annotated[Path | None, _data_option("Folder for what is made; it stays.", "data/bench")] = None,
) -> None:
    """Measure our budgets: refreshes, Prefect's share, and the disk stages beside other programs; print tables."""
    from flows.budgets import BENCH_DATA, Sizes, run_budgets

    sizes = Sizes(file_count=files, entry_count=entries, large_bytes=round(large_gb * 1e9), repeats=repeats)
    raise SystemExit(run_budgets((data or BENCH_DATA).absolute(), sizes, only=only))


@app.command()
def standin(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
    latency: Annotated[float, typer.Option(help="Seconds before every answer.", min=0)] = 0.0,
    image_latency: Annotated[
        float | None, typer.Option(help="Seconds before every picture.", min=0, show_default="that of answers")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Requests a second it allows; more get HTTP 429.", min=1)] = None,
    films: Annotated[int, typer.Option(help="Generated films beside those of the demo.", min=0)] = 0,
    shows: Annotated[int, typer.Option(help="Generated shows beside that of the demo.", min=0)] = 0,
) -> None:
    """Run the stand-in for TMDB: invented titles in true shapes, on loopback, until Ctrl-C."""
    from tasks.standin.running import serve
    from tasks.standin.server import StandInOptions

    options = StandInOptions(
        latency_s=latency, image_latency_s=image_latency, rate_hz=rate, film_count=films, show_count=shows
    )
    serve(options, port)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    print(f"reelhouse {version_of('reelhouse')}")


if __name__ == "__main__":
    main()
