"""Views for people: what one asks of a library, each answered by one name.

Files that are missing stand only in those that say so. Plain SQL over the tables of this package. A view may use those before it.
"""

from __future__ import annotations

from tasks.schema.file_views import (
    FOLDERS,
    HARD_LINKS,
    IDENTICAL_FILES,
    MISSING_FILES,
    PRESENT_FILES,
    ROOTS_NOW,
    UPGRADES,
)
from tasks.schema.view import View

__all__ = ["OLD_CODECS", "View", "views"]

OLD_CODECS = (
    "flv1", "h263", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "msmpeg4v3", "rv30", "rv40", "svq3",
    "theora", "vc1", "vp6f", "wmv1", "wmv2", "wmv3",
)  # fmt: skip
"""Video codecs that came before H.264, as ffprobe names them."""

_OLD = ", ".join(f"'{codec}'" for codec in OLD_CODECS)

FILE_TITLES = View(
    "file_titles",
    "Which title a file is, and which episode: one row a file, and one for each episode of a file that holds several. "
    "Episodes that are named by their number from the show's start or by their day are found in episodes. Season and "
    "episode are null for movies and extras, and for a file whose episode is not known.",
    """
WITH named AS (
    SELECT identities.*, matches.title_id
    FROM present_files JOIN identities USING (file_id) JOIN matches USING (title_key)
    WHERE matches.title_id IS NOT NULL
), from_start AS (
    SELECT
        title_id, season_number, episode_number,
        row_number() OVER (PARTITION BY title_id ORDER BY season_number, episode_number) AS absolute_number
    FROM episodes
    WHERE season_number > 0
), placed AS (
    SELECT file_id, title_id, season AS season_number, unnest(episodes) AS episode_number
    FROM named
    WHERE kind = 'episode' AND season IS NOT NULL
    UNION
    SELECT numbered.file_id, title_id, from_start.season_number, from_start.episode_number
    FROM (
        SELECT file_id, title_id, unnest(absolute) AS absolute_number
        FROM named
        WHERE kind = 'episode' AND (season IS NULL OR len(episodes) = 0)
    ) AS numbered
    JOIN from_start USING (title_id, absolute_number)
    UNION
    SELECT named.file_id, named.title_id, episodes.season_number, episodes.episode_number
    FROM named JOIN episodes ON episodes.title_id = named.title_id AND episodes.aired_on = named.date
    WHERE named.kind = 'episode' AND len(named.episodes) = 0 AND len(named.absolute) = 0
)
SELECT file_id, title_id, 'episode' AS kind, season_number, episode_number
FROM placed
UNION ALL
SELECT file_id, title_id, kind, NULL, NULL
FROM named
WHERE file_id NOT IN (SELECT file_id FROM placed)
""",
)

LIBRARY = View(
    "library",
    "Everything in the library: one row a file. Title, season and episodes as the metadata service has them, or as the "
    "names say where there is no match. Commentary tracks are left out of the languages.",
    """
WITH places AS (
    SELECT
        file_id, any_value(title_id) AS title_id, min(season_number) AS season_number,
        list(episode_number ORDER BY episode_number) AS episode_numbers,
        string_agg(episodes.title, ' / ' ORDER BY episode_number) AS episode_title
    FROM file_titles LEFT JOIN episodes USING (title_id, season_number, episode_number)
    GROUP BY file_id
), pictures AS (
    SELECT
        file_id,
        arg_min(
            {'codec': codec, 'width_px': width_px, 'height_px': height_px, 'field_order': field_order}, stream_index
        ) AS main
    FROM video_streams
    WHERE NOT is_cover
    GROUP BY file_id
), sounds AS (
    SELECT
        file_id,
        string_agg(DISTINCT codec, ', ' ORDER BY codec) AS codecs,
        string_agg(DISTINCT language, ', ' ORDER BY language) AS languages
    FROM audio_streams
    WHERE NOT is_commentary
    GROUP BY file_id
), texts AS (
    SELECT file_id, string_agg(DISTINCT language, ', ' ORDER BY language) AS languages
    FROM subtitle_streams
    WHERE NOT is_commentary
    GROUP BY file_id
)
SELECT
    files.file_id,
    identities.kind,
    places.title_id,
    coalesce(titles.title, identities.title) AS title,
    coalesce(titles.year, identities.year) AS year,
    coalesce(places.season_number, identities.season) AS season_number,
    CASE WHEN places.season_number IS NULL THEN identities.episodes ELSE places.episode_numbers END AS episode_numbers,
    places.episode_title,
    identities.edition,
    identities.part,
    probes.quality,
    probes.hdr_format,
    pictures.main.codec AS video_codec,
    pictures.main.width_px AS width_px,
    pictures.main.height_px AS height_px,
    pictures.main.field_order AS field_order,
    sounds.codecs AS audio_codecs,
    sounds.languages AS audio_languages,
    texts.languages AS subtitle_languages,
    probes.container,
    probes.duration_s,
    probes.bitrate_bps,
    files.size_bytes,
    probes.status AS probe_status,
    files.path
FROM present_files AS files
LEFT JOIN identities USING (file_id)
LEFT JOIN probes USING (file_id)
LEFT JOIN places USING (file_id)
LEFT JOIN titles ON titles.title_id = places.title_id
LEFT JOIN pictures USING (file_id)
LEFT JOIN sounds USING (file_id)
LEFT JOIN texts USING (file_id)
""",
)

COPIES = View(
    "copies",
    "Every copy of every movie and episode, the best first: one row a file and movie or episode. Editions and the parts "
    "of a split movie count apart. The best has the larger picture, then the higher bit rate, then the larger file. A "
    "hard link is one of several paths of the library to the same content (see hard_links): another name, no more bytes.",
    """
SELECT
    places.title_id, library.title, library.year, places.season_number, places.episode_number, library.edition,
    library.part,
    count(*) OVER copies AS copy_count,
    row_number() OVER (
        PARTITION BY places.title_id, places.season_number, places.episode_number, library.edition, library.part
        ORDER BY
            TRY_CAST(rtrim(library.quality, 'p') AS BIGINT) DESC NULLS LAST, library.bitrate_bps DESC NULLS LAST,
            library.size_bytes DESC, library.path
    ) AS rank,
    library.file_id, library.quality, library.hdr_format, library.video_codec, library.field_order, library.bitrate_bps,
    library.size_bytes, library.file_id IN (SELECT file_id FROM hard_links) AS is_hard_link, library.probe_status,
    library.path
FROM file_titles AS places JOIN library USING (file_id)
WHERE places.kind = 'movie' OR places.episode_number IS NOT NULL
WINDOW copies AS (
    PARTITION BY places.title_id, places.season_number, places.episode_number, library.edition, library.part
)
""",
)

DUPLICATES = View(
    "duplicates",
    "Movies and episodes that are there more than once: one row a file and movie or episode, the best copy first (rank "
    "1). Editions and the parts of a split movie are no duplicates.",
    """
SELECT * EXCLUDE (field_order, probe_status)
FROM copies
WHERE copy_count > 1
ORDER BY title, title_id, season_number, episode_number, edition, part, rank
""",
)

UNMATCHED = View(
    "unmatched",
    "Files whose title is not known, extras left out: one row a file, with the nearest candidate. The reason is "
    "unmatched (nothing fits), ambiguous (several fit), not looked up (yet), no title (in its name) or not identified.",
    """
SELECT
    files.file_id, files.path, identities.kind, identities.title, identities.year,
    CASE
        WHEN identities.file_id IS NULL THEN 'not identified'
        WHEN identities.title_key IS NULL THEN 'no title'
        WHEN matches.title_key IS NULL THEN 'not looked up'
        ELSE matches.status
    END AS reason,
    nearest.title AS candidate_title, nearest.year AS candidate_year, nearest.score AS candidate_score
FROM present_files AS files
LEFT JOIN identities USING (file_id)
LEFT JOIN matches USING (title_key)
LEFT JOIN match_candidates AS nearest ON nearest.title_key = identities.title_key AND nearest.rank = 1
WHERE identities.kind IS DISTINCT FROM 'extra' AND matches.title_id IS NULL
ORDER BY files.path
""",
)

MISSING_EPISODES = View(
    "missing_episodes",
    "Episodes that have been broadcast and are not there, of shows that are; specials left out: one row an episode.",
    """
WITH held AS (
    SELECT DISTINCT title_id, season_number, episode_number FROM file_titles WHERE kind = 'episode'
)
SELECT
    episodes.title_id, titles.title, episodes.season_number, episodes.episode_number,
    episodes.title AS episode_title, episodes.aired_on,
    (episodes.title_id, episodes.season_number) IN (SELECT (title_id, season_number) FROM held) AS season_in_library
FROM episodes
JOIN titles USING (title_id)
ANTI JOIN held USING (title_id, season_number, episode_number)
WHERE episodes.title_id IN (SELECT title_id FROM held)
    AND episodes.season_number > 0 AND episodes.aired_on <= current_date
ORDER BY titles.title, episodes.title_id, episodes.season_number, episodes.episode_number
""",
)

MISSING_ARTWORK = View(
    "missing_artwork",
    "Pictures that are not there: poster and backdrop of titles and collections, posters of seasons, stills of episodes, "
    "all of what is in the library: one row a picture. Logos are not asked for: many titles have none.",
    """
WITH held AS (
    SELECT title_id, season_number, episode_number FROM file_titles WHERE kind <> 'extra'
), wanted AS (
    SELECT DISTINCT title_id AS owner_id, NULL AS season_number, NULL AS episode_number, unnest(['poster', 'backdrop']) AS kind
    FROM held
    UNION ALL
    SELECT DISTINCT collection_id, NULL, NULL, unnest(['poster', 'backdrop'])
    FROM held JOIN titles USING (title_id)
    WHERE collection_id IS NOT NULL
    UNION ALL
    SELECT DISTINCT title_id, season_number, NULL, 'poster' FROM held WHERE season_number IS NOT NULL
    UNION ALL
    SELECT DISTINCT title_id, season_number, episode_number, 'still' FROM held WHERE episode_number IS NOT NULL
)
SELECT
    wanted.owner_id, coalesce(titles.title, collections.name) AS title, wanted.season_number, wanted.episode_number,
    wanted.kind
FROM wanted
LEFT JOIN titles ON titles.title_id = wanted.owner_id
LEFT JOIN collections ON collections.collection_id = wanted.owner_id
WHERE NOT EXISTS (
    FROM artwork
    WHERE artwork.owner_id = wanted.owner_id AND artwork.kind = wanted.kind
        AND artwork.season_number IS NOT DISTINCT FROM wanted.season_number
        AND artwork.episode_number IS NOT DISTINCT FROM wanted.episode_number
)
ORDER BY title, wanted.owner_id, wanted.season_number NULLS FIRST, wanted.episode_number NULLS FIRST, wanted.kind
""",
)

UNREADABLE_FILES = View(
    "unreadable_files",
    "Files that cannot be read, or only in part (status): one row a file, with what the engine said.",
    """
SELECT files.file_id, files.path, probes.status, probes.error, files.size_bytes, probes.engine, probes.probed_at
FROM present_files AS files JOIN probes USING (file_id)
WHERE probes.status <> 'ok'
ORDER BY probes.status DESC, files.path
""",
)

STORAGE_BY_CODEC = View(
    "storage_by_codec",
    "Files, bytes and playing time by the codec of the picture: one row a codec, null for files without a readable one.",
    """
SELECT
    video_codec, count(*) AS file_count, sum(size_bytes)::BIGINT AS size_bytes, sum(duration_s) AS duration_s,
    (sum(size_bytes) FILTER (duration_s IS NOT NULL) / sum(duration_s) * 3600)::BIGINT AS size_bytes_an_hour
FROM library
GROUP BY video_codec
ORDER BY size_bytes DESC, video_codec
""",
)

STORAGE_BY_QUALITY = View(
    "storage_by_quality",
    "Files, bytes and playing time by class of picture size: one row a class, null for files without a readable picture.",
    """
SELECT
    quality, count(*) AS file_count, sum(size_bytes)::BIGINT AS size_bytes, sum(duration_s) AS duration_s,
    (sum(size_bytes) FILTER (duration_s IS NOT NULL) / sum(duration_s) * 3600)::BIGINT AS size_bytes_an_hour
FROM library
GROUP BY quality
ORDER BY TRY_CAST(rtrim(quality, 'p') AS BIGINT) DESC NULLS LAST
""",
)

HDR_INVENTORY = View(
    "hdr_inventory",
    "Files with HDR: one row a file and video stream that has it, with how it was seen.",
    """
SELECT
    library.title, library.year, library.season_number, library.episode_numbers, streams.hdr_format,
    streams.dolby_vision_profile, streams.dolby_vision_compatibility, streams.max_luminance_cd_m2,
    streams.max_content_light_cd_m2, streams.max_frame_average_light_cd_m2, streams.hdr_evidence, library.quality,
    streams.codec, streams.bit_depth, library.file_id, streams.stream_index, library.path
FROM library JOIN video_streams AS streams USING (file_id)
WHERE streams.hdr_format IS NOT NULL AND NOT streams.is_cover
ORDER BY streams.hdr_format, library.title, library.path, streams.stream_index
""",
)

AUDIO_LANGUAGES = View(
    "audio_languages",
    "Languages one can hear, commentary left out: one row a language, null for tracks that do not say theirs.",
    """
SELECT
    language, count(DISTINCT file_id) AS file_count, count(*) AS stream_count,
    count(DISTINCT file_id) FILTER (is_default) AS default_file_count
FROM audio_streams SEMI JOIN present_files USING (file_id)
WHERE NOT is_commentary
GROUP BY language
ORDER BY file_count DESC, language
""",
)

SUBTITLE_LANGUAGES = View(
    "subtitle_languages",
    "Languages of subtitles inside the files, commentary left out: one row a language, null for tracks that do not say "
    "theirs.",
    """
SELECT
    language, count(DISTINCT file_id) AS file_count, count(*) AS stream_count,
    count(DISTINCT file_id) FILTER (is_forced) AS forced_file_count,
    count(DISTINCT file_id) FILTER (is_hearing_impaired) AS hearing_impaired_file_count
FROM subtitle_streams SEMI JOIN present_files USING (file_id)
WHERE NOT is_commentary
GROUP BY language
ORDER BY file_count DESC, language
""",
)

UPGRADE_CANDIDATES = View(
    "upgrade_candidates",
    "Movies and episodes whose best copy could be better: below 1080p, interlaced, or in a codec older than H.264: one "
    "row a movie or episode, with the reasons.",
    f"""
WITH best AS (
    SELECT
        *,
        concat_ws(', ',
            CASE WHEN TRY_CAST(rtrim(quality, 'p') AS BIGINT) < 1080 THEN quality || ' picture' END,
            CASE WHEN video_codec IN ({_OLD}) THEN 'codec ' || video_codec END,
            CASE WHEN field_order IN ('tt', 'bb', 'tb', 'bt') THEN 'interlaced' END
        ) AS reasons
    FROM copies
    WHERE rank = 1 AND probe_status IN ('ok', 'partial')
)
SELECT
    title_id, title, year, season_number, episode_number, edition, reasons, quality, video_codec, bitrate_bps,
    size_bytes, file_id, path
FROM best
WHERE reasons <> ''
ORDER BY title, title_id, season_number, episode_number, edition
""",
)

COLLECTIONS_INCOMPLETE = View(
    "collections_incomplete",
    "Movies that have been released and are not there, of collections of which one is: one row a missing movie.",
    """
WITH held AS (
    SELECT DISTINCT title_id FROM file_titles WHERE kind = 'movie'
), marked AS (
    SELECT *, title_id IN (SELECT title_id FROM held) AS is_held FROM collection_parts
), parts AS (
    SELECT
        *, count(*) FILTER (is_held) OVER collection AS held_count, count(*) OVER collection AS released_count
    FROM marked
    WHERE released_on <= current_date OR is_held
    WINDOW collection AS (PARTITION BY collection_id)
)
SELECT
    collection_id, collections.name AS collection, parts.title_id, parts.title, parts.released_on, held_count,
    released_count
FROM parts JOIN collections USING (collection_id)
WHERE NOT is_held AND held_count > 0
ORDER BY collection, collection_id, parts.released_on, parts.title_id
""",
)

LATEST_RUN = View(
    "latest_run",
    "The account of the newest run in the warehouse: one row a stage; total = unchanged + done + quarantined + failed + "
    "deferred.",
    """
SELECT
    runs.run_id, runs.name, runs.state, runs.started_at, runs.finished_at, runs.wall_s, stages.* EXCLUDE (run_id)
FROM (FROM runs ORDER BY started_at DESC, run_id LIMIT 1) AS runs
LEFT JOIN run_stages AS stages USING (run_id)
ORDER BY stages.stage
""",
)

STANDING = View(
    "standing",
    "How far the files are: one row a pair of states. measured is ok, partial, unreadable or not measured; titled is "
    "matched, extra, or the reason in unmatched. Every file that is there counts once.",
    """
SELECT
    coalesce(probes.status, 'not measured') AS measured,
    CASE
        WHEN identities.kind = 'extra' THEN 'extra'
        WHEN matches.title_id IS NOT NULL THEN 'matched'
        ELSE unmatched.reason
    END AS titled,
    count(*) AS file_count, sum(files.size_bytes)::BIGINT AS size_bytes
FROM present_files AS files
LEFT JOIN probes USING (file_id)
LEFT JOIN identities USING (file_id)
LEFT JOIN matches USING (title_key)
LEFT JOIN unmatched USING (file_id)
GROUP BY measured, titled
ORDER BY file_count DESC, measured, titled
""",
)


def views() -> list[View]:
    """All views, each after those it uses."""
    return [
        PRESENT_FILES,
        HARD_LINKS,
        FILE_TITLES,
        LIBRARY,
        COPIES,
        DUPLICATES,
        IDENTICAL_FILES,
        UNMATCHED,
        MISSING_EPISODES,
        MISSING_ARTWORK,
        UNREADABLE_FILES,
        STORAGE_BY_CODEC,
        STORAGE_BY_QUALITY,
        HDR_INVENTORY,
        AUDIO_LANGUAGES,
        SUBTITLE_LANGUAGES,
        UPGRADE_CANDIDATES,
        UPGRADES,
        MISSING_FILES,
        FOLDERS,
        ROOTS_NOW,
        COLLECTIONS_INCOMPLETE,
        LATEST_RUN,
        STANDING,
    ]
