"""The stand-in on the network: what TMDB's edge does besides answering."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from PIL import Image
from pydantic import ValidationError

from tasks.core.errors import Refused
from tasks.standin.faults import DOWN, Fault
from tasks.standin.running import READY, StandIn, StandInOptions, StandInProcess, serve
from tasks.standin.server import CACHE_WINDOW_S, StandInApp
from tests.standin.conftest import TOKEN

ALL_FILM_PARTS = "credits,release_dates,videos,external_ids,keywords,translations,images,alternative_titles"


class TestHeaders:
    def test_an_answer_known_to_the_client_is_304_without_a_body(self, api):
        """
        The weak ETag of an answer, sent back, gives 304, no body and the same ETag.
        """
        first = api.get("/movie/101")

        second = api.get("/movie/101", headers={"If-None-Match": first.headers["etag"]})

        assert first.headers["etag"].startswith('W/"')
        assert (304, b"", first.headers["etag"]) == (second.status_code, second.content, second.headers["etag"])

    def test_other_etags_get_the_answer(self, api):
        """
        Another ETag is no reason for 304.
        """
        assert 200 == api.get("/movie/101", headers={"If-None-Match": 'W/"0123"'}).status_code

    def test_max_age_shrinks_with_the_clock_and_begins_anew_after_eight_hours(self):
        """
        Ten seconds later max-age is ten less; it never leaves the window of eight hours.
        """
        now = [1_000_000.0]
        app = StandInApp(StandInOptions(), clock=lambda: now[0])

        ages = []
        for _ in range(3_000):
            ages.append(app._max_age_s("/3/movie/101"))
            now[0] += 10

        assert 10 == ages[0] - ages[1] or ages[1] > ages[0]
        assert {10} == {a - b for a, b in pairwise(ages) if a > b}
        assert 0 < min(ages) <= max(ages) <= CACHE_WINDOW_S
        assert 1 == sum(b > a for a, b in pairwise(ages))

    def test_json_is_packed_when_the_client_takes_it(self, api):
        """
        With Accept-Encoding: gzip the body is packed, Content-Length counts the packed bytes, and what is inside is
        what others get unpacked.
        """
        plain = api.get("/movie/101", headers={"Accept-Encoding": "identity"})
        with api.stream("GET", "/movie/101", headers={"Accept-Encoding": "br, gzip;q=0.5"}) as packed:
            raw = b"".join(packed.iter_raw())

        assert "gzip" == packed.headers["content-encoding"]
        assert len(raw) == int(packed.headers["content-length"])
        assert plain.content == gzip.decompress(raw)
        assert len(plain.content) == int(plain.headers["content-length"])
        assert "application/json;charset=utf-8" == plain.headers["content-type"]
        assert "content-encoding" not in api.get("/movie/101", headers={"Accept-Encoding": "gzip;q=0"}).headers


class TestErrors:
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic standin"}])
    def test_no_or_a_wrong_token_is_401_with_code_7(self, server, headers):
        """
        TMDB answers an unknown key with HTTP 401 and status_code 7.
        """
        answer = httpx.get(f"{server.api_url}/movie/101", headers=headers, trust_env=False)

        assert (401, 7) == (answer.status_code, answer.json()["status_code"])

    def test_the_older_api_key_is_accepted_and_never_logged(self, server):
        """
        v3 keys travel in the address; the log leaves them out, and the token too.
        """
        answer = httpx.get(f"{server.api_url}/movie/101?api_key=standin&language=de-DE", trust_env=False)
        httpx.get(f"{server.api_url}/movie/101", headers=TOKEN, trust_env=False)

        assert 200 == answer.status_code
        assert ["/3/movie/101?language=de-DE", "/3/movie/101"] == server.requests().addresses
        assert "standin" not in server.requests().model_dump_json()

    @pytest.mark.parametrize(
        "path",
        ["/movie/999", "/tv/999", "/collection/999", "/tv/301/season/9", "/movie/tt1", "/person/1", "/movie/101/none",
         "/movie/", "/movie/abc", "/movie/99999999999999999999", "/movie/-1"],
    )  # fmt: skip
    def test_what_does_not_exist_is_404_with_code_34(self, api, path):
        """
        TMDB answers unknown things with HTTP 404 and status_code 34.
        """
        answer = api.get(path)

        assert (404, 34, False) == (answer.status_code, answer.json()["status_code"], answer.json()["success"])

    def test_21_appended_parts_fail_whole_with_code_27(self, api):
        """
        20 appended parts are the limit; one more is HTTP 400 with status_code 27, whatever they are.
        """
        twenty = ",".join(f"season/{n}" for n in range(20))

        assert 200 == api.get(f"/tv/301?append_to_response={twenty}").status_code
        refused = api.get(f"/tv/301?append_to_response={twenty},credits")
        assert (400, 27) == (refused.status_code, refused.json()["status_code"])

    @pytest.mark.parametrize("page", ["0", "501", "x", "-1"])
    def test_pages_outside_1_to_500_are_refused_with_code_22(self, api, page):
        """
        Pages start at 1 and end at 500.
        """
        answer = api.get("/search/movie", params={"query": "salt", "page": page})

        assert (400, 22) == (answer.status_code, answer.json()["status_code"])

    def test_find_needs_a_source_it_knows(self, api):
        """
        ``external_source`` is one of a list; others are HTTP 422.
        """
        assert 422 == api.get("/find/tt90000101").status_code
        assert 422 == api.get("/find/tt90000101?external_source=phone").status_code

    def test_only_get_is_answered(self, api):
        """
        The stand-in is read only.
        """
        assert 405 == api.post("/movie/101").status_code
        assert 200 == api.head("/movie/101").status_code


class TestAnswers:
    def test_an_appended_part_is_the_part_without_its_id(self, api):
        """
        What stands at /movie/101/credits stands in the details too, when appended, but for the id.
        """
        whole = api.get(f"/movie/101?append_to_response={ALL_FILM_PARTS}&language=en-US").json()

        for name in ALL_FILM_PARTS.split(","):
            alone = api.get(f"/movie/101/{name}?language=en-US").json()
            assert alone == {"id": 101, **whole[name]}, name

    def test_lists_of_films_and_shows_have_different_names(self, api):
        """
        Keywords and alternative titles: films say ``keywords`` and ``titles``, shows ``results``.
        """
        film = api.get("/movie/101?append_to_response=keywords,alternative_titles").json()
        show = api.get("/tv/301?append_to_response=keywords,alternative_titles").json()

        assert film["keywords"]["keywords"]
        assert film["alternative_titles"]["titles"]
        assert show["keywords"]["results"]
        assert show["alternative_titles"]["results"]

    def test_appended_seasons_have_no_id_and_missing_ones_are_left_out(self, api):
        """
        An appended season has ``_id`` but no ``id``; a season that does not exist is not mentioned; asked for alone a
        season has both.
        """
        show = api.get("/tv/301?append_to_response=season/0,season/1,season/2,season/3").json()
        alone = api.get("/tv/301/season/1").json()

        assert {"season/0", "season/1", "season/2"} == {key for key in show if key.startswith("season/")}
        assert "id" not in show["season/1"]
        assert show["season/1"]["_id"] == alone["_id"]
        assert alone["id"] == next(s["id"] for s in show["seasons"] if s["season_number"] == 1)
        assert [1, 2, 3, 4] == [e["episode_number"] for e in show["season/1"]["episodes"]]

    def test_names_that_cannot_be_appended_are_passed_over(self, api):
        """
        TMDB ignores unknown names.
        """
        assert "nonsense" not in api.get("/movie/101?append_to_response=nonsense,season/1").json()

    def test_a_title_without_a_translation_has_its_original_title_and_empty_texts(self, api):
        """
        In German the French film has no translation: original title, overview "".
        """
        german = api.get("/movie/103?language=de-DE").json()
        french = api.get("/movie/103?language=fr-FR").json()

        assert ("L'Été des horlogers", "", "") == (german["title"], german["overview"], german["tagline"])
        assert "Deux ateliers rivaux, une seule horloge." == french["overview"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", {None, "en", "de", "fr"}),
            ("language=de-DE", {"de"}),
            ("language=en-US&include_image_language=en,null", {"en", None}),
            ("include_image_language=fr-FR", {"fr"}),
        ],
    )
    def test_images_are_filtered_by_language(self, api, query, expected):
        """
        ``language`` filters images too, unless ``include_image_language`` says which; "null" are those without words.
        """
        answer = api.get(f"/movie/101?append_to_response=images&{query}").json()

        assert expected == {image["iso_639_1"] for image in answer["images"]["posters"]}

    def test_an_imdb_id_is_as_good_as_an_id(self, api):
        """
        /movie/tt... is the film; /find finds films and shows.
        """
        assert 101 == api.get("/movie/tt90000101").json()["id"]
        assert [301] == [s["id"] for s in api.get("/find/tt90000301?external_source=imdb_id").json()["tv_results"]]
        assert [301] == [s["id"] for s in api.get("/find/90000301?external_source=tvdb_id").json()["tv_results"]]

    def test_two_films_share_a_collection(self, api):
        """
        The films of the demo name their collection, and the collection names them.
        """
        films = [api.get(f"/movie/{i}").json() for i in (101, 102)]
        collection = api.get(f"/collection/{films[0]['belongs_to_collection']['id']}").json()

        assert films[0]["belongs_to_collection"] == films[1]["belongs_to_collection"]
        assert [101, 102] == [part["id"] for part in collection["parts"]]

    def test_pages_of_a_search_hold_twenty_and_add_up(self, api):
        """
        All pages together hold ``total_results`` titles, each once.
        """
        first = api.get("/search/movie?query=the").json()
        pages = [api.get(f"/search/movie?query=the&page={n + 1}").json() for n in range(first["total_pages"] + 1)]

        found = [film["id"] for page in pages for film in page["results"]]
        assert 20 == len(first["results"])
        assert first["total_results"] == len(found) == len(set(found)) > 20
        assert [] == pages[-1]["results"]

    def test_configuration_points_to_the_stand_in(self, server, api):
        """
        Pictures are fetched from the same server.
        """
        assert server.image_url == api.get("/configuration").json()["images"]["secure_base_url"]

    @pytest.mark.parametrize("query", ["%00", "%ff%fe", "a" * 5_000, "🎬", "[red]", "%0d%0a", "(((", "'; drop"])
    def test_hostile_queries_find_nothing_and_harm_nothing(self, api, query):
        """
        Whatever is searched for, the answer is a page.
        """
        assert 0 == api.get(f"/search/movie?query={query}").json()["total_results"]


class TestImages:
    def test_a_picture_has_the_size_that_the_list_promises(self, api, images):
        """
        Width, height and kind of every listed picture of the demo are those of the file.
        """
        listed = [
            image
            for address in ("/movie/101/images", "/tv/301/images", "/collection/201/images", "/movie/1000001/images")
            for kind in ("posters", "backdrops", "logos")
            for image in api.get(address).json().get(kind, [])
        ]

        assert len(listed) > 20
        for image in listed:
            body = images.get(f"original{image['file_path']}").content
            if image["file_path"].endswith(".svg"):
                continue
            with Image.open(io.BytesIO(body)) as opened:
                opened.load()
            assert (image["width"], image["height"]) == opened.size
            assert len(body) < 150_000

    def test_smaller_sizes_and_unknown_ones(self, images):
        """
        w342 is 342 pixels wide; sizes that TMDB does not have for a kind, and unknown pictures, are 404.
        """
        small = Image.open(io.BytesIO(images.get("w342/film101-poster2-en.jpg").content))

        assert (342, 513) == small.size
        for missing in (
            "w341/film101-poster2-en.jpg", "w300/film101-poster2-en.jpg", "original/film101-poster99-en.jpg",
            "original/film101-poster2-de.jpg", "original/nothing.jpg", "original/film999-poster1.jpg",
            "original/person1-profile1.jpg", "original/company0-logo1.png",
        ):  # fmt: skip
            assert 404 == images.get(missing).status_code, missing

    def test_an_svg_logo_is_also_a_png(self, images):
        """
        SVG logos come as they are in full size, and as PNG in every size.
        """
        drawing = images.get("original/film103-logo1-en.svg")
        pixels = images.get("w300/film103-logo1-en.png")

        assert ("image/svg+xml", b"<svg") == (drawing.headers["content-type"], drawing.content[:4])
        assert ("image/png", 300) == (pixels.headers["content-type"], Image.open(io.BytesIO(pixels.content)).width)
        assert 404 == images.get("w300/film103-logo1-en.svg").status_code

    def test_pictures_need_no_key_and_are_not_limited(self, server):
        """
        The image host is another machine at TMDB: it wants no key.
        """
        assert 200 == httpx.get(f"{server.image_url}original/film101-poster1.jpg", trust_env=False).status_code


class TestLimit:
    def test_more_requests_in_a_second_than_allowed_are_429_with_code_25(self):
        """
        Of 12 requests at once 5 are answered, 7 get status_code 25 and Retry-After; a second later it goes on.
        """
        with StandIn(StandInOptions(rate_hz=5)) as server, httpx.Client(headers=TOKEN, trust_env=False) as client:
            answers = [client.get(f"{server.api_url}/movie/101") for _ in range(12)]
            time.sleep(1.05)
            later = client.get(f"{server.api_url}/movie/101")
            picture = [client.get(f"{server.image_url}w92/film101-poster1.jpg").status_code for _ in range(8)]

        assert [200] * 5 + [429] * 7 == [answer.status_code for answer in answers]
        assert (25, "1") == (answers[-1].json()["status_code"], answers[-1].headers["retry-after"])
        assert 200 == later.status_code
        assert {200} == set(picture)


class TestFaults:
    def test_a_status_for_the_first_requests_of_each_address(self, server, api):
        """
        ``first=2``: every film fails twice, then answers; others are not touched; the body is TMDB's.
        """
        server.set_faults(Fault(path="/3/movie/*", status=503, first=2, retry_after_s=7))

        seen = [api.get(f"/movie/{i}").status_code for i in (101, 101, 102, 101, 102, 102)]
        show = api.get("/tv/301")
        body = api.get("/movie/103")

        assert [503, 503, 503, 200, 503, 200] == seen
        assert 200 == show.status_code
        assert (9, "7") == (body.json()["status_code"], body.headers["retry-after"])

    def test_a_share_of_the_addresses_always_the_same_ones(self, server, api):
        """
        ``share=0.5`` strikes some of 40 addresses and not others, in a second round those of the first.
        """
        server.set_faults(Fault(path="/3/movie/*", status=500, share=0.5))

        first, second = ([api.get(f"/movie/{i}").status_code == 500 for i in range(1000000, 1000040)] for _ in range(2))

        assert first == second
        assert 0 < sum(first) < 40

    def test_until_it_is_lifted(self, server, api):
        """
        Without ``first`` a fault stays until it is lifted.
        """
        server.set_faults(Fault(path="/3/movie/101", status=500))
        assert [500] * 5 == [api.get("/movie/101").status_code for _ in range(5)]

        server.set_faults()

        assert 200 == api.get("/movie/101").status_code

    def test_everything_about_one_title(self, server, api, images):
        """
        A fault for a title strikes its search, its details and its pictures, and no other title.
        """
        server.set_faults(Fault(title="The Salt Ferry: Low Water", status=502))

        assert 502 == api.get("/search/movie", params={"query": "the salt ferry low water"}).status_code
        assert 502 == api.get("/movie/102").status_code
        assert 502 == images.get("original/film102-poster1.jpg").status_code
        assert 200 == api.get("/search/movie", params={"query": "the salt ferry"}).status_code
        assert 200 == api.get("/movie/101").status_code

    def test_a_dropped_connection(self, server, api):
        """
        ``drop`` closes the connection without a word; the log says that nothing was sent.
        """
        server.set_faults(Fault(path="/3/movie/101", action="drop", first=1))

        with pytest.raises(httpx.RemoteProtocolError):
            api.get("/movie/101")

        assert 200 == api.get("/movie/101").status_code
        assert [None, 200] == [entry.status for entry in server.requests().entries]

    def test_down_is_down_for_everything(self, server, api, images):
        """
        ``DOWN`` drops API and pictures alike.
        """
        server.set_faults(DOWN)

        for client, path in ((api, "/movie/101"), (api, "/configuration"), (images, "w92/film101-poster1.jpg")):
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(path)

    def test_a_short_image_promises_more_than_it_sends(self, server, images):
        """
        ``short``: Content-Length is that of the whole picture, and the connection ends before.
        """
        server.set_faults(Fault(path="/t/p/*", action="short"))

        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            images.get("original/film101-poster1.jpg")

    def test_a_cut_image_looks_complete_to_http_only(self, server, images):
        """
        ``cut``: the length is right, and the JPEG is not.
        """
        server.set_faults(Fault(path="/t/p/*", action="cut"))

        answer = images.get("original/film101-poster1.jpg")

        assert len(answer.content) == int(answer.headers["content-length"])
        with Image.open(io.BytesIO(answer.content)) as opened, pytest.raises(OSError, match="truncated"):
            opened.load()

    def test_faults_are_no_errors_of_the_server(self, server, api, images, caplog):
        """
        What is broken on purpose leaves no complaint in the log of the process.
        """
        server.set_faults(Fault(path="/3/*", action="drop"), Fault(path="/t/p/*", action="short"))

        for client, path in ((api, "/movie/101"), (images, "original/film101-poster1.jpg")):
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(path)
        server.set_faults()
        api.get("/configuration")

        assert [] == [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")]

    def test_nonsense_is_refused(self):
        """
        A misspelled fault is an error, not a fault that never strikes.
        """
        with pytest.raises(ValidationError):
            Fault(path="*", akshun="drop")


class TestLog:
    def test_requests_are_counted_by_method_and_kind(self, server, api, images):
        """
        One of each: the counts say so, by kind, and the full list keeps the order.
        """
        for path in ("/configuration", "/search/movie?query=salt+ferry", "/search/tv?query=x", "/movie/101", "/tv/301",
                     "/tv/301/season/1", "/collection/201", "/find/tt1?external_source=imdb_id", "/movie/101/credits",
                     "/person/1"):  # fmt: skip
            api.get(path)
        images.get("w92/film101-poster1.jpg")

        log = server.requests()

        kinds = "configuration search_movie search_tv movie tv season collection find part other image"
        assert {("GET", kind): 1 for kind in kinds.split()} == log.counts
        assert 10 == log.api_count
        assert 1 == log.count("movie", status=200)
        assert "/3/search/movie?query=salt+ferry" == log.addresses[1]

    def test_connections_and_concurrency_are_seen(self):
        """
        Four clients at once, each with a connection of its own, are four of both.
        """
        together = threading.Barrier(4)

        def ask(client):
            together.wait()  # all have made their client, which takes long on a busy machine
            return client.get("/movie/101").elapsed.total_seconds()

        with StandIn(StandInOptions(latency_s=0.3)) as server, ExitStack() as stack, ThreadPoolExecutor(4) as pool:
            clients = [httpx.Client(base_url=server.api_url, headers=TOKEN, trust_env=False) for _ in range(4)]
            for client in clients:
                stack.enter_context(client)
            took_s = list(pool.map(ask, clients))
            log = server.requests()

        assert (4, 4) == (log.max_concurrent, log.connections)
        assert min(took_s) >= 0.3

    @pytest.mark.parametrize(("image_latency_s", "is_held_back"), [(0.0, False), (None, True)])
    def test_pictures_may_be_held_back_for_another_time(self, image_latency_s, is_held_back):
        """
        Where every answer is held back for a minute, pictures are too, unless they have a time of their own.
        """
        options = StandInOptions(latency_s=60.0, image_latency_s=image_latency_s)
        held_back = []
        with StandIn(options) as server, httpx.Client(headers=TOKEN, trust_env=False, timeout=0.5) as client:
            for url in (f"{server.api_url}/movie/101", f"{server.image_url}w92/film101-poster1.jpg"):
                try:
                    client.get(url)
                    held_back.append(False)
                except httpx.ReadTimeout:
                    held_back.append(True)

        assert [True, is_held_back] == held_back

    def test_clearing_begins_anew(self, server, api):
        """
        After a clearing nothing was asked.
        """
        api.get("/movie/101")

        server.clear()

        assert {} == server.requests().counts


class TestProcess:
    def test_control_addresses_are_not_among_the_connections(self):
        """
        Two requests on a connection each are two connections, however often the log was looked at.
        """
        with StandInProcess() as server:
            server.clear()
            for _ in range(2):
                httpx.get(f"{server.api_url}/movie/101", headers=TOKEN, trust_env=False)
                server.requests()
            log = server.requests()

        assert (2, 2) == (log.api_count, log.connections)

    def test_another_process_has_the_same_face(self):
        """
        Log, clearing and faults work across the process border.
        """
        with StandInProcess(StandInOptions(film_count=10)) as server, httpx.Client(trust_env=False) as client:
            client.headers.update(TOKEN)
            server.set_faults(Fault(path="/3/movie/1000003", status=500, first=1))
            seen = [client.get(f"{server.api_url}/movie/1000003").status_code for _ in range(2)]
            counts = server.requests().counts
            server.clear()
            bad = client.put(f"{server.url}/__standin/faults", json=[{"akshun": "drop"}])

            assert [500, 200] == seen
            assert {("GET", "movie"): 2} == counts
            assert 0 == server.requests().api_count
            assert 422 == bad.status_code

    def test_a_server_that_cannot_start_says_why(self):
        """
        The reason reaches whoever started it.
        """
        options = StandInOptions.model_construct(**{**StandInOptions().model_dump(), "film_count": -1})

        with pytest.raises(RuntimeError, match="film_count"), StandInProcess(options):
            pass

    def test_a_port_that_is_taken_is_refused(self):
        """
        The message names the port and what to do.
        """
        with StandIn() as other:
            port = int(other.url.rpartition(":")[2])

            with pytest.raises(Refused, match=rf"cannot listen on port {port}: .*choose another"):
                serve(port=port)

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
    def test_serving_ends_quietly_on_interrupt(self):
        """
        Ctrl-C ends ``serve`` without a traceback, after its line with the address.
        """
        code = "from tasks.standin.running import serve; serve()"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        line = process.stdout.readline()
        answer = httpx.get(f"{line.strip().removeprefix(READY)}/3/configuration", headers=TOKEN, trust_env=False)
        os.kill(process.pid, signal.SIGINT)
        rest, complaints = process.communicate(timeout=10)

        assert 200 == answer.status_code
        assert (0, "", "") == (process.returncode, rest, complaints)
