"""What is given away of a run tells its times and counts, and no name."""

from __future__ import annotations

import io
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import orjson
import polars as pl
import pytest

from tasks.core.errors import Refused, StorageNotWritable
from tasks.core.settings import Settings
from tasks.lab.bundle import record_without_names, without_names, write_bundle
from tasks.schema.timings import Timings

AT = datetime(2026, 11, 21, tzinfo=UTC)
SECRET = "Weathered Harbour"
RECORD = {
    "run_id": "run-1",
    "name": f"refresh {SECRET} 2026-11-21",
    "roots": f'["/videos/{SECRET}"]',
    "started_at": "2026-11-21T00:00:00+00:00",
    "wall_s": 12.5,
    "file_count": 20,
    "counters": {"new_files": 20},
    "run_stages": [{"stage": "probe", "total_count": 20, "done_count": 20}],
    "notes": [f"{SECRET} could not be read"],
    "failures": [{"item": SECRET}],
    "run_roots": [{"root": SECRET}],
    "settings": Settings.model_validate(
        {"data_dir": f"/data/{SECRET}", "scrape": {"base_url": f"http://{SECRET.split()[1]}/3", "rate_hz": 7}}
    ).model_dump_json(),
}


def a_record(span_id: int, name: str, item: str | None, **facts: object) -> dict[str, object]:
    ids = {"run_id": "run-1", "span_id": span_id, "thread_id": 1, "pid": 1, "started_at": AT}
    return {**ids, "name": name, "kind": "duration", "value": 0.5, "unit": "s", "ok": True, "item": item, **facts}


TIMINGS = Timings.frame(
    [
        a_record(1, "probe.file", f"/videos/{SECRET}.mkv", attributes='{"calls":3,"note":"Weathered Harbour"}'),
        a_record(2, "hash.file", f"/videos/{SECRET}.mkv", host="nas.example"),
        a_record(3, "probe.file", "/videos/Other.mkv", attributes='{"note":"Weathered Harbour"}'),
        a_record(4, "refresh.run", None),
    ]
)


def test_no_name_is_in_a_bundle(tmp_path):
    """
    Not in its files after they are unpacked, and not in the archive.
    """
    target = tmp_path / "run.zip"

    write_bundle(target, RECORD, TIMINGS)

    with zipfile.ZipFile(target) as bundle:
        record = bundle.read("run.json").decode()
        table = pl.read_parquet(io.BytesIO(bundle.read("timings.parquet")))
    everything = record + table.write_csv()
    assert not [word for word in ("Weathered", "Harbour", "Other", "/videos", "nas.example") if word in everything]
    assert 4 == table.height


def test_times_and_counts_stay():
    """
    Wall time, files, stages, and the settings that are numbers or choices.
    """
    record = record_without_names(RECORD)

    assert (12.5, 20, "run-1") == (record["wall_s"], record["file_count"], record["run_id"])
    assert 7 == record["settings"]["scrape"]["rate_hz"]
    assert "pyav" == record["settings"]["probe"]["engine"]
    assert not {"data_dir", "roots", "name", "notes"} & {*record, *record["settings"]}
    assert "base_url" not in record["settings"]["scrape"]


def test_equal_items_have_equal_marks():
    """
    The slowest file is slow in all of its scopes: that can still be seen. Another salt gives other marks.
    """
    found = without_names(TIMINGS, salt=b"one")
    first, second, third, fourth = found["item"]

    assert first == second != third
    assert None is fourth
    assert first != without_names(TIMINGS, salt=b"two")["item"][0]
    assert [{"calls": 3}, None] == [text and orjson.loads(text) for text in found["attributes"].to_list()[:3:2]]
    assert TIMINGS["value"].equals(found["value"])


def test_sizes_name_nothing():
    """
    Two significant digits of each are left, in every place where bytes are told; durations and counts stay exact.
    """
    timings = Timings.frame(
        [
            a_record(1, "artwork.write", SECRET, bytes=1_234_567, attributes='{"read_bytes":98765,"calls":123}'),
            a_record(2, "http.request", SECRET, bytes=0) | {"value": 0.123456},
            a_record(3, "probe.worker_memory", None) | {"value": 45_678.0, "unit": "byte"},
            a_record(4, "probe.file", SECRET, bytes=7_654_321_987),
        ]
    )

    found = without_names(timings, salt=b"one")

    assert [1_200_000, 0, None, 7_700_000_000] == found["bytes"].to_list()
    assert [0.5, 0.123456, 46_000.0, 0.5] == found["value"].to_list()
    assert {"read_bytes": 99_000, "calls": 123} == orjson.loads(found["attributes"][0])


def test_the_number_of_episodes_names_nothing():
    """
    Whoever knows that a show has 236 episodes knows which it is; of how many answers it was made stays.
    """
    noted = '{"kind":"show","answers":2,"episodes":236}'

    found = without_names(Timings.frame([a_record(1, "scrape.title", SECRET, attributes=noted)]), salt=b"salt")

    assert {"answers": 2} == orjson.loads(found["attributes"][0])


def test_an_earlier_bundle_is_replaced_and_nothing_else(tmp_path):
    """
    Neither a folder nor a file of another kind, nor one that a link leads to; they stay as they are.
    """
    bundle, other, archive = (tmp_path / name for name in ("run.zip", "other.zip", "archive.zip"))
    write_bundle(bundle, {}, TIMINGS)
    write_bundle(bundle, RECORD, TIMINGS)
    other.write_bytes(b"my own")
    (tmp_path / "link.zip").symlink_to(other)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("run.json", "{}")
    kept = archive.read_bytes()

    with pytest.raises(Refused, match=r"is a folder; name a file$"):
        write_bundle(tmp_path, RECORD, TIMINGS)
    for taken in (other, archive, tmp_path / "link.zip", Path(os.devnull)):
        with pytest.raises(Refused, match=r"is no bundle of a run; name another file, or remove it$"):
            write_bundle(taken, RECORD, TIMINGS)

    with zipfile.ZipFile(bundle) as file:
        assert 12.5 == orjson.loads(file.read("run.json"))["wall_s"]
    assert (b"my own", kept) == (other.read_bytes(), archive.read_bytes())


def test_a_place_where_nothing_can_be_written_is_named(tmp_path):
    """
    Below a file no folder can be made (POSIX, mkdir: ENOTDIR or EEXIST), and no right would help: another file would.
    """
    (tmp_path / "file").touch()

    with pytest.raises(StorageNotWritable, match="; name another file, in a folder") as caught:
        write_bundle(tmp_path / "file" / "run.zip", RECORD, TIMINGS)

    assert "give this user the right" not in str(caught.value)


@pytest.mark.parametrize("record", [{}, {"settings": None}, {"settings": "{}"}])
def test_a_record_that_says_little_is_bundled_too(record):
    """
    That of a run that has just begun, or of an older version.
    """
    assert {"settings": {}} == record_without_names(record)
