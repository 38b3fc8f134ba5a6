"""Views of the files as they lie on the disk: which are there, which are gone, which are the same, what replaced what."""

from __future__ import annotations

from tasks.schema.view import View

PRESENT_FILES = View(
    "present_files",
    "The files that are there: one row a file, columns as in files.",
    "SELECT * FROM files WHERE missing_since_at IS NULL",
)

HARD_LINKS = View(
    "hard_links",
    "Files that have several paths: one row a path, with how many of the library's paths lead to the same content. The "
    "content lies on the disk once, so no bytes are wasted.",
    """
SELECT device, inode, count(*) OVER link AS link_count, file_id, path, size_bytes, 0::BIGINT AS wasted_bytes
FROM present_files
WHERE inode > 0
WINDOW link AS (PARTITION BY device, inode)
QUALIFY link_count > 1
ORDER BY device, inode, path
""",
)

IDENTICAL_FILES = View(
    "identical_files",
    "Files with the same content on the disk more than once: one row a file, by group, with the bytes that would be free "
    "without it. Proof is content hash (all bytes are the same) or fingerprint (size, beginning, middle and end are). "
    "Hard links of one content are no copies of each other.",
    """
WITH seen AS (
    SELECT
        files.file_id, files.path, files.size_bytes,
        CASE
            WHEN files.inode > 0 THEN files.device || ' ' || files.inode
            ELSE files.file_id
        END AS content_place,
        coalesce(
            CASE
                WHEN probes.size_bytes = files.size_bytes AND probes.mtime_ns = files.mtime_ns THEN probes.fingerprint
            END,
            files.seen_fingerprint
        ) AS fingerprint,
        hashes.content_hash
    FROM present_files AS files
    LEFT JOIN probes USING (file_id)
    LEFT JOIN content_hashes AS hashes
        ON hashes.file_id = files.file_id AND hashes.size_bytes = files.size_bytes AND hashes.mtime_ns = files.mtime_ns
    WHERE files.size_bytes > 0
), proven AS (
    SELECT
        *,
        content_hash IS NOT NULL AND (
            fingerprint IS NULL OR count(*) OVER alike = count(content_hash) OVER alike
            OR min(content_hash) OVER alike <> max(content_hash) OVER alike
        ) AS by_hash
    FROM seen
    WHERE fingerprint IS NOT NULL OR content_hash IS NOT NULL
    WINDOW alike AS (PARTITION BY fingerprint, size_bytes)
), grouped AS (
    SELECT
        *,
        CASE WHEN by_hash THEN 'content hash' ELSE 'fingerprint' END AS proof,
        CASE WHEN by_hash THEN content_hash ELSE fingerprint END AS content
    FROM proven
), placed AS (
    SELECT
        *,
        min(path) OVER (PARTITION BY proof, content, size_bytes, content_place) AS first_path,
        row_number() OVER (PARTITION BY proof, content, size_bytes, content_place ORDER BY path) AS link_rank
    FROM grouped
), counted AS (
    SELECT
        *,
        dense_rank() OVER (PARTITION BY proof, content, size_bytes ORDER BY first_path, content_place) AS copy_rank
    FROM placed
)
SELECT
    content AS content_group, proof, max(copy_rank) OVER content_group AS copy_count, copy_rank, link_rank > 1 AS is_hard_link,
    file_id, path, size_bytes,
    CASE WHEN copy_rank > 1 AND link_rank = 1 THEN size_bytes ELSE 0 END AS wasted_bytes
FROM counted
WINDOW content_group AS (PARTITION BY proof, content, size_bytes)
QUALIFY copy_count > 1
ORDER BY size_bytes DESC, content_group, copy_rank, path
""",
)

MISSING_FILES = View(
    "missing_files",
    "Files that are not there any more, with all that is kept of them until they come back or are purged: one row a file.",
    """
SELECT
    files.file_id, identities.kind, coalesce(titles.title, identities.title) AS title,
    coalesce(titles.year, identities.year) AS year, identities.season AS season_number,
    identities.episodes AS episode_numbers, probes.quality, files.size_bytes, files.missing_since_at,
    epoch(now() - files.missing_since_at) / 86400 AS missing_days, files.root, files.path
FROM files
LEFT JOIN identities USING (file_id)
LEFT JOIN matches USING (title_key)
LEFT JOIN titles USING (title_id)
LEFT JOIN probes USING (file_id)
WHERE files.missing_since_at IS NOT NULL
ORDER BY files.missing_since_at DESC, files.path
""",
)

UPGRADES = View(
    "upgrades",
    "Files that took the place of others, the newest first: one row a file and run, before and after. Also those that "
    "are no better (is_upgrade is false), or of which that is not known (null), and those that are gone again.",
    """
SELECT
    runs.started_at AS replaced_at, coalesce(titles.title, identities.title) AS title,
    coalesce(titles.year, identities.year) AS year, identities.season AS season_number,
    identities.episodes AS episode_numbers, events.is_upgrade, events.proof, events.earlier_quality, events.quality,
    events.earlier_video_codec, events.video_codec, events.earlier_hdr_format, events.hdr_format,
    events.earlier_bitrate_bps, events.bitrate_bps, events.earlier_size_bytes, events.size_bytes, events.run_id,
    events.earlier_file_id, events.file_id, events.earlier_path, events.path
FROM file_events AS events
LEFT JOIN runs USING (run_id)
LEFT JOIN identities USING (file_id)
LEFT JOIN matches USING (title_key)
LEFT JOIN titles USING (title_id)
WHERE events.event = 'replaced'
ORDER BY replaced_at DESC NULLS LAST, events.path
""",
)

FOLDERS = View(
    "folders",
    "Folders that hold video files: one row a folder, without what lies in folders below it.",
    """
SELECT
    regexp_replace(path, '/[^/]*$', '') AS folder, any_value(root) AS root, count(*) AS file_count,
    sum(size_bytes)::BIGINT AS size_bytes
FROM present_files
GROUP BY folder
ORDER BY size_bytes DESC, folder
""",
)

ROOTS_NOW = View(
    "roots_now",
    "The folders that are refreshed: one row a root, with the files that are there and those that are missing, and how "
    "the last run that walked it found it.",
    """
WITH held AS (
    SELECT
        root, count(*) FILTER (missing_since_at IS NULL) AS present_count,
        count(*) FILTER (missing_since_at IS NOT NULL) AS missing_count,
        coalesce(sum(size_bytes) FILTER (missing_since_at IS NULL), 0)::BIGINT AS size_bytes
    FROM files
    GROUP BY root
), last_walks AS (
    SELECT run_roots.root, run_roots.state, run_roots.reason, run_roots.held_back_count, runs.started_at AS walked_at
    FROM run_roots JOIN runs USING (run_id)
    QUALIFY row_number() OVER (
        PARTITION BY run_roots.root
        ORDER BY runs.started_at DESC, run_roots.state = 'good', run_roots.folder
    ) = 1
)
SELECT
    root, last_walks.state, last_walks.reason, coalesce(held.present_count, 0) AS present_count,
    coalesce(held.missing_count, 0) AS missing_count, last_walks.held_back_count,
    coalesce(held.size_bytes, 0) AS size_bytes, last_walks.walked_at, roots.device, roots.file_system,
    roots.top_folders, roots.first_seen_at, roots.changed_at
FROM roots FULL JOIN held USING (root) LEFT JOIN last_walks USING (root)
ORDER BY root
""",
)
