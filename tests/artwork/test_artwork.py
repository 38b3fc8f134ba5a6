"""The door of the artwork room against the stand-in and a rude server: files, rows, counts, faults."""

from __future__ import annotations

import hashlib
import io

import polars as pl
import pytest
from PIL import Image

from tasks.artwork.select import select
from tasks.artwork.task import fetch_artwork
from tasks.core.errors import BatchIncomplete
from tasks.core.settings import ArtworkSettings, ScrapeSettings
from tasks.http import loop
from tasks.schema.runs import Outcomes
from tasks.schema.titles import Artwork, ArtworkCandidates, ArtworkWanted
from tasks.scrape.task import scrape_titles
from tasks.staging import cut, read_staged
from tasks.standin.demo_titles import CLOCKMAKERS_ID, LOW_WATER_ID, SALT_FERRY_ID
from tasks.standin.faults import Fault
from tasks.standin.running import StandIn
from tests.http.loopback import Loopback, Say

pytestmark = pytest.mark.usefixtures("standin_token")


def settings_for(**changes):
    return ArtworkSettings(**({"backoff_s": 0.0, "attempts": 2, "timeout_s": 5.0, "size": "w185"} | changes))


def a_jpeg(size=(64, 96), colour="teal"):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def a_place(n, path="/a.jpg", **changes):
    return {
        "artwork_id": f"place-{n}",
        "owner_id": f"movie:tmdb:{n}",
        "kind": "poster",
        "rank": 1,
        "provider": "tmdb",
        "source_path": path,
    } | changes


def a_batch(folder, wanted):
    (batch,) = cut(wanted, stage="artwork", staging=folder, id_column="artwork_id", batch_size=500, max_batches=150)
    return batch


def fetched(folder, server_url, *places, **changes):
    batch = a_batch(folder, ArtworkWanted.frame(places))
    return fetch_artwork.fn(batch, settings_for(**changes), f"{server_url}/t/p/", str(folder / "data"))


def serving(**pictures):
    """A server of pictures: ``a=content`` at ``/t/p/w185/a.jpg``."""

    def script(heard, _):
        name = heard.path.rpartition("/")[2].removesuffix(".jpg")
        content = pictures.get(name)
        return Say(404, b"", {}) if content is None else Say(200, content, {"Content-Type": "image/jpeg"})

    return Loopback(script)


def test_the_demo_from_candidates_to_files(tmp_path):
    """
    Three films: every chosen picture is downloaded once, is on disk under its hash, and has a valid row.
    """
    with StandIn() as server:
        items = pl.DataFrame(
            {"provider_id": [str(n) for n in (SALT_FERRY_ID, LOW_WATER_ID, CLOCKMAKERS_ID)]}
        ).with_columns(("movie:tmdb:" + pl.col("provider_id")).alias("title_id"), pl.lit("movie").alias("kind"))
        (batch,) = cut(items, stage="scrape", staging=tmp_path, id_column="title_id", batch_size=10, max_batches=10)
        scrape_titles.fn(batch, ScrapeSettings(base_url=server.api_url), str(tmp_path / "data"))
        wanted = select(
            read_staged(ArtworkCandidates, staging=tmp_path),
            language="en-US",
            per_kind=2,
        )
        result = fetch_artwork.fn(
            a_batch(tmp_path, wanted), settings_for(size="original"), server.image_url, str(tmp_path / "data")
        )
        log = server.requests()

    rows = Artwork.validate(read_staged(Artwork, staging=tmp_path))
    paths = [a for a in log.addresses if a.startswith("/t/p/")]
    assert wanted.height == result.done_count == rows.height
    assert {"poster", "backdrop", "logo"} == set(rows["kind"])
    assert len(paths) == len(set(paths)) == wanted["source_path"].n_unique() == result.counters["downloads"]
    for row in rows.iter_rows(named=True):
        content = (tmp_path / "data" / row["file"]).read_bytes()
        assert row["content_hash"] == hashlib.blake2b(content, digest_size=32).hexdigest()
        assert (row["size_bytes"], row["file"]) == (
            len(content),
            f"artwork/{row['content_hash'][:2]}/{row['content_hash']}.{row['file'].rpartition('.')[2]}",
        )
        with Image.open(io.BytesIO(content)) as image:
            assert (row["width_px"], row["height_px"], row["format"]) == (*image.size, image.format)


def test_one_path_is_one_download_for_many_places(tmp_path):
    """
    Five places want the same picture: one request, one file, five rows.
    """
    with serving(a=a_jpeg()) as server:
        result = fetched(tmp_path, server.url, *(a_place(n) for n in range(5)))

    assert (5, 1, 1) == (result.done_count, len(server.heard), result.counters["downloads"])
    assert 1 == read_staged(Artwork, staging=tmp_path)["file"].n_unique()


def test_equal_pictures_share_a_file(tmp_path):
    """
    Two paths with the same content are two downloads and one file.
    """
    with serving(a=a_jpeg(), b=a_jpeg()) as server:
        fetched(tmp_path, server.url, a_place(1, "/a.jpg"), a_place(2, "/b.jpg"))

    assert 1 == len(list((tmp_path / "data" / "artwork").rglob("*.jpg")))


def test_several_at_a_time(tmp_path):
    """
    Thirty slow pictures are downloaded four at once, over four connections.
    """
    picture = a_jpeg()
    with Loopback(lambda *_: Say(200, picture, {}, after_s=0.02)) as server:
        result = fetched(tmp_path, server.url, *(a_place(n, f"/{n}.jpg") for n in range(30)), connections=4)

    assert (30, 4, 4) == (result.done_count, server.most_at_once, server.connections)


def test_a_rerun_downloads_only_what_failed(tmp_path):
    """
    One picture of two fails; the rerun asks for that one, and a third run for none.
    """
    pictures = {"a": a_jpeg(), "b": a_jpeg((300, 300), "red")}
    with serving(a=pictures["a"], b=pictures["b"][: len(pictures["b"]) // 2]) as server:
        batch = a_batch(tmp_path, ArtworkWanted.frame([a_place(1, "/a.jpg"), a_place(2, "/b.jpg")]))
        with pytest.raises(BatchIncomplete):
            fetch_artwork.fn(batch, settings_for(attempts=1), f"{server.url}/t/p", str(tmp_path / "data"))
    with serving(**pictures) as server:
        result = fetch_artwork.fn(batch, settings_for(), f"{server.url}/t/p", str(tmp_path / "data"))
        third = fetch_artwork.fn(batch, settings_for(), f"{server.url}/t/p", str(tmp_path / "data"))

    assert ["/t/p/w185/b.jpg"] == [heard.path for heard in server.heard]
    assert (2, 2) == (result.done_count, third.done_count)


def test_a_short_picture_is_downloaded_again(tmp_path):
    """
    Half a picture, with the length of half a picture, is found by decoding and downloaded again; the whole one is kept.
    """
    picture = a_jpeg((300, 300))
    with Loopback(lambda _, n: Say(200, picture[: len(picture) // 2] if n == 0 else picture, {})) as server:
        result = fetched(tmp_path, server.url, a_place(1))

    assert (1, 2) == (result.done_count, len(server.heard))


@pytest.mark.parametrize("said", ["cut", "short", "drop"])
def test_what_never_comes_whole_fails_for_now(tmp_path, said):
    """
    A picture that ends early in every try fails in a way that may pass, and leaves no file behind.
    """
    picture = a_jpeg((300, 300))
    half = picture[: len(picture) // 2]
    answers = {
        "cut": Say(200, half, {}),
        "short": Say(200, half, {}, promise=len(picture)),
        "drop": Say(drop=True),
    }
    with Loopback(lambda *_: answers[said]) as server, pytest.raises(BatchIncomplete):
        fetched(tmp_path, server.url, a_place(1))

    assert not [p for p in (tmp_path / "data").rglob("*") if p.is_file()]
    assert 2 == len(server.heard)


def test_what_is_no_picture_is_set_aside(tmp_path):
    """
    Gone, a page, and too large: each is set aside with its cause, and the good one is done.
    """
    with serving(good=a_jpeg(), page=b"<html>", large=b"\xff\xd8\xff" + b"0" * 5000) as server:
        places = [a_place(n, f"/{name}.jpg") for n, name in enumerate(["good", "gone", "page", "large"])]
        result = fetched(tmp_path, server.url, *places, max_size_bytes=4000)

    causes = dict(read_staged(Outcomes, staging=tmp_path).select("item_id", "cause").iter_rows())
    assert (1, 3) == (result.done_count, result.quarantined_count)
    assert {
        "place-0": None,
        "place-1": "AnswerNotFound",
        "place-2": "ImageInvalid",
        "place-3": "AnswerInvalid",
    } == causes


def test_download_check_and_write_are_measured_apart(tmp_path, records):
    """
    Three scopes a picture, none inside another; the request lies inside the download and in no other scope.
    """
    with serving(a=a_jpeg()) as server:
        fetched(tmp_path, server.url, a_place(1))

    by_name = {r.name: r for r in records}
    parts = [by_name[f"artwork.{part}"] for part in ("download", "verify", "write")]
    assert not {p.parent_id for p in parts} & {p.span_id for p in parts}
    assert by_name["artwork.download"].span_id == by_name["http.request"].parent_id
    assert by_name["artwork.write"].started_ns >= by_name["http.request"].started_ns


def test_one_at_a_time_is_one_after_the_other(tmp_path, records):
    """
    With one connection each picture is downloaded, checked and written before the next one is asked for.
    """
    with serving(**{f"p{n}": a_jpeg((8, 8 + n)) for n in range(6)}) as server:
        fetched(tmp_path, server.url, *(a_place(n, f"/p{n}.jpg") for n in range(6)), connections=1)

    assert 1 == server.most_at_once
    parts = ["artwork.download", "artwork.verify", "artwork.write"]
    assert parts * 6 == [record.name for record in records if record.name in parts]


def test_a_client_per_request_is_a_connection_per_picture(tmp_path):
    """
    Six pictures, one after the other: one connection, or six.
    """
    connections = []
    for clients in ("shared", "per_request"):
        with serving(**{f"p{n}": a_jpeg() for n in range(6)}) as server:
            places = [a_place(n, f"/p{n}.jpg") for n in range(6)]
            fetched(tmp_path / clients, server.url, *places, connections=1, clients=clients)
        connections.append(server.connections)

    assert [1, 6] == connections


def test_small_pictures_first_are_bytes_fetched_twice(tmp_path, records):
    """
    Of a film each picture is fetched small and then in its size: twice the requests, the same rows and files, and the
    timings say how many bytes were for which.
    """
    places, found = [], {}
    with StandIn() as server:
        for kind, path in (("poster", "poster1"), ("backdrop", "backdrop1"), ("logo", "logo1-en")):
            extension = "png" if kind == "logo" else "jpg"
            places.append(a_place(len(places), f"/film{CLOCKMAKERS_ID}-{path}.{extension}", kind=kind))
        for first in (False, True):
            folder = tmp_path / str(first)
            server.clear()
            records.clear()
            batch = a_batch(folder, ArtworkWanted.frame(places))
            settings = settings_for(size="original", thumbnails_first=first, connections=1)
            result = fetch_artwork.fn(batch, settings, server.image_url, str(folder / "data"))
            rows = read_staged(Artwork, staging=folder).drop("fetched_at").sort("artwork_id")
            found[first] = rows, result, server.requests()

    (rows, result, log), (rows_twice, result_twice, log_twice) = found[False], found[True]
    assert rows.equals(rows_twice)
    assert (3, 3, 3) == (rows.height, result.counters["downloads"], result_twice.counters["downloads"])
    assert (3, 6) == (result.counters["image_requests"], result_twice.counters["image_requests"])
    assert (3, 6) == (log.count("image", status=200), log_twice.count("image", status=200))
    downloads = [record for record in records if record.name == "artwork.download"]
    bytes_of = {"w92": 0, "w300": 0, "original": 0}
    for record in downloads:
        bytes_of[record.attributes["size"]] += record.attributes["bytes"]
    assert ["w300", "original", "w92", "original", "w92", "original"] == [r.attributes["size"] for r in downloads]
    assert bytes_of["original"] == log.sent_bytes == rows["size_bytes"].sum()
    assert sum(bytes_of.values()) == log_twice.sent_bytes
    files = [sorted(p.name for p in (tmp_path / f / "data").rglob("*") if p.is_file()) for f in ("False", "True")]
    assert files[0] == files[1]


def test_a_small_picture_that_is_missing_costs_nothing(tmp_path):
    """
    Where there is no small picture, or it comes to nothing, the real one is fetched all the same.
    """

    def script(heard, _):
        return Say(404, b"", {}) if "/w92/" in heard.path else Say(200, a_jpeg(), {})

    with Loopback(script) as server:
        result = fetched(tmp_path, server.url, a_place(1), thumbnails_first=True)

    assert (1, 2) == (result.done_count, len(server.heard))


def test_the_standin_faults_are_survived(tmp_path):
    """
    The first request of each picture is dropped, cut or short: all pictures come in the end.
    """
    with StandIn() as server:
        for action in ("drop", "short", "cut"):
            server.set_faults(Fault(path="/t/p/*", action=action, first=1))
            folder = tmp_path / action
            loop.close()
            items = pl.DataFrame(
                {"provider_id": [str(SALT_FERRY_ID)], "title_id": [f"movie:tmdb:{SALT_FERRY_ID}"], "kind": ["movie"]}
            )
            (batch,) = cut(items, stage="scrape", staging=folder, id_column="title_id", batch_size=9, max_batches=9)
            scrape_titles.fn(batch, ScrapeSettings(base_url=server.api_url), str(folder / "data"))
            candidates = read_staged(ArtworkCandidates, staging=folder).filter(pl.col("kind") == "poster")
            places = [a_place(n, path) for n, path in enumerate(candidates["source_path"].unique().sort())]
            result = fetch_artwork.fn(
                a_batch(folder, ArtworkWanted.frame(places)),
                settings_for(attempts=3),
                server.image_url,
                str(folder / "data"),
            )
            assert (len(places), 0) == (result.done_count, result.quarantined_count), action
