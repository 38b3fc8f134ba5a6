"""What the notebooks share: finding the data, and showing sentences, tables and charts.

It lies beside them, where Jupyter and ``papermill --cwd notebooks`` find it.
"""

from __future__ import annotations

import os
from pathlib import Path

import altair as alt
import polars as pl
from IPython.display import Markdown, display

from tasks.core.layout import DataFolder
from tasks.core.units import human_duration, printable

PROJECT = Path(__file__).resolve().parents[1]
SAMPLE = DataFolder(PROJECT / "data" / "sample" / "library")
WHOLE = alt.Axis(format=",d", labelExpr="datum.value % 1 ? '' : datum.label")
"""Counts have no halves, also where a chart has room for them."""
MEANS = {
    "refresh.run": "the whole run",
    "discover.step": "find the files",
    "fingerprint.step": "read a little of each new file",
    "plan discovery.step": "decide where to look",
    "plan recognition.step": "decide which files to look into, to know them again",
    "plan files.step": "decide which files to measure",
    "plan matches.step": "decide which titles to look up",
    "plan scrape.step": "decide which titles to ask for",
    "plan collections.step": "decide which collections to ask for",
    "plan artwork.step": "decide which pictures to fetch",
    "plan events.step": "find out what became of each file",
    "image address.step": "ask where the pictures lie",
    "probe.step": "measure the files",
    "probe.file": "measure one file",
    "snapshot.step": "take down what is known so far",
    "identify.step": "understand the names",
    "match.step": "find out which title it is",
    "match.decide": "choose among the titles found",
    "scrape.step": "ask for all about the titles",
    "scrape.title": "one title, from its turn in the line until its rows are there",
    "scrape.collection": "one collection, likewise",
    "scrape.parse": "read an answer",
    "collections.step": "ask for collections of films",
    "http.request": "one request to the service",
    "http.wait": "wait for one's turn, at the pace the service allows",
    "http.close": "close the connections",
    "artwork.step": "fetch the pictures",
    "artwork.download": "fetch one picture",
    "artwork.verify": "look whether a picture is whole",
    "artwork.write": "write a picture to the disk",
    "collect.step": "check the rows",
    "collect.table": "check the rows of one table",
    "load.step": "write the warehouse",
    "load.insert": "put the rows of a table in",
    "load.delete": "take old rows out",
    "warehouse.commit": "make rows permanent",
    "warehouse.copy": "copy the warehouse before it is changed",
    "warehouse.swap": "put the new warehouse in place",
    "prefect.call": "call a step: Prefect's part of it",
    "prefect.submit": "hand the batches of a stage to Prefect",
    "prefect.wait": "wait for a batch",
    "prefect.secret": "ask Prefect for a secret",
    "prefect.dead_runs": "look for runs that died",
    "publish.artifact": "show progress in the Prefect UI",
    "publish.tags": "tag the run in the Prefect UI",
    "publish.report": "show the report in the Prefect UI",
    "publish.farewell": "wait until all is shown",
    "record.begin": "begin the record of the run",
    "record.make": "sum the run up",
    "record.write": "write the record of the run",
    "settings.choose": "choose workers and batches",
    "staging.tidy": "remove what the run needed meanwhile",
    "collect.account": "account for every item",
    "probe.versions": "find out which engines there are",
    "probe.close": "end the workers",
    "lane.open": "open a line for batches",
    "lane.close": "close a line for batches",
    "stage.begin": "begin a stage",
}
"""Scopes in plain words; those that are not here tell themselves."""


def find_data(chosen: str | None) -> DataFolder:
    """The data folder to read: ``chosen``, else ``REELHOUSE_DATA_DIR``, else the first there is, else the sample.

    A relative ``REELHOUSE_DATA_DIR`` that is not there is looked for in the project: Jupyter has moved from where
    that was written to the folder of the notebook.
    """
    if chosen:
        return DataFolder(Path(chosen))
    if named := os.environ.get("REELHOUSE_DATA_DIR"):
        return DataFolder(Path(named) if Path(named).exists() else PROJECT / named)
    own = [PROJECT / "data" / name for name in ("library", "demo")]
    return DataFolder(next((place for place in own if place.exists()), SAMPLE.path))


def is_sample(data: DataFolder) -> bool:
    """Whether it is the sample that comes with the project."""
    return data.path.resolve() == SAMPLE.path


def looked_in(*places: Path) -> str:
    """The folders where something was looked for and not found, as a sentence."""
    return f"Looked in {' and in '.join(f'`{printable(str(place.resolve()))}`' for place in places)}."


def show_as(pictures: str) -> None:
    """Draw charts as ``png``, ``svg`` (both on this computer) or ``html`` (interactive, with scripts from the web).

    Raises:
        ValueError: ``pictures`` is none of these.
    """
    if pictures not in ("png", "svg", "html"):
        raise ValueError(f'PICTURES must be "png", "svg" or "html", not {pictures!r}')
    alt.renderers.enable(pictures, **({} if pictures == "html" else {"scale_factor": 1.5}))


def tell(words: str) -> None:
    """Show a sentence."""
    display(Markdown(words))


def draw(rows: pl.DataFrame, chart: alt.TopLevelMixin, title: str, otherwise: str) -> None:
    """Show a chart, or say why there is none; where it is interactive, each mark tells its row."""
    if rows.height:
        display(chart.properties(title=title).configure_mark(tooltip=alt.TooltipContent("data")))
    else:
        tell(f"*{title}: {otherwise}*")


def table(rows: pl.DataFrame) -> None:
    """Show rows as a table; nothing for null."""
    plain = (
        pl.all()
        .cast(pl.String)
        .fill_null("")
        .map_elements(lambda text: printable(text).replace("|", "\\|"), return_dtype=pl.String)
    )
    with pl.Config(
        tbl_formatting="MARKDOWN",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=10_000,
        fmt_str_lengths=1_000,
    ):
        tell(str(rows.with_columns(plain)))


def lasted(column: str) -> pl.Expr:
    """A column of seconds in words."""
    return pl.col(column).map_elements(human_duration, return_dtype=pl.String)


def shortened(names: pl.Series, width: int = 60) -> pl.Series:
    """The ends of long names, where files differ, on one line; null stays null."""
    lines = [None if name is None else printable(name) for name in names]
    short = [line if line is None or len(line) <= width else f"…{line[1 - width :]}" for line in lines]
    return pl.Series(names.name, short, dtype=pl.String)


def in_unit(sizes: pl.Series) -> tuple[int, str]:
    """Bytes in the binary unit that suits the largest of ``sizes``, and its name: axes need one unit for all."""
    power = next((n for n in range(5, 0, -1) if (sizes.max() or 0) >= 1024**n), 0)
    return 1024**power, ("B", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
