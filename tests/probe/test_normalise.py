"""Facts become rows: what is unknown is null, what can be computed is computed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from av.video.format import VideoFormat, names

from tasks.probe.facts import Facts, Stream
from tasks.probe.hdr import hdr
from tasks.probe.normalise import Rows, rows
from tasks.probe.picture import bit_depth, quality
from tasks.schema.probes import Attachments, AudioStreams, Probes, SubtitleStreams, VideoStreams

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def a_stream(kind: str = "video", **stated: Any) -> Stream:
    blank = {"index": 0, "codec_type": kind, "tags": {}, "disposition": [], "has_decoder": True}
    if kind == "video":
        blank |= {"codec_name": "h264", "width": 1920, "height": 1080}
    return {**blank, **stated}  # type: ignore[typeddict-item]


def some_facts(*streams: Stream, **stated: Any) -> Facts:
    blank = {
        "engine": "pyav",
        "engine_version": "1",
        "size_bytes": 1_000_000,
        "mtime_ns": 1,
        "ctime_ns": 2,
        "inode": 3,
        "failure": None,
        "container": {"format_name": "matroska,webm", "duration": 8.0, "tags": {}},
        "streams": list(streams),
        "chapters": [],
    }
    return {**blank, **stated}  # type: ignore[typeddict-item]


def normal(*streams: Stream, **stated: Any) -> Rows:
    return rows(some_facts(*streams, **stated), file_id="f", probed_at=NOON)


@pytest.mark.parametrize("word", ["unknown", "unspecified", "reserved", "", None])
def test_what_an_engine_does_not_know_is_null(word):
    """
    The words engines have for "not known" never reach a table.
    """
    [video] = normal(
        a_stream(profile=word, pix_fmt=word, color_range=word, color_primaries=word, field_order=word)
    ).video_streams

    assert {None} == {video[c] for c in ("profile", "pixel_format", "bit_depth", "color_range", "color_primaries")}


@pytest.mark.parametrize("fraction", ["0/0", "0/1", "1/0", "0:1", None, "N/A"])
def test_a_fraction_without_meaning_is_null(fraction):
    """
    ffprobe writes 0/0 and 0:1 for what it does not know.
    """
    [video] = normal(a_stream(avg_frame_rate=fraction, sample_aspect_ratio=fraction)).video_streams

    assert (None, None, None) == (
        video["frame_rate_hz"], video["frame_rate_fraction"], video["sample_aspect_ratio"]
    )  # fmt: skip


def test_frame_rates_are_exact():
    """
    NTSC film is 24000/1001 and not 23.976.
    """
    [video] = normal(a_stream(avg_frame_rate="48000/2002")).video_streams

    assert ("24000/1001", 24000 / 1001) == (video["frame_rate_fraction"], video["frame_rate_hz"])


@pytest.mark.parametrize(
    ("size", "sample", "display"),
    [
        ((1920, 1080), "1:1", "16:9"),
        ((720, 576), "64:45", "16:9"),
        ((720, 480), "8:9", "4:3"),
        ((1920, 800), None, "12:5"),
    ],
)
def test_the_shape_of_the_picture_is_computed(size, sample, display):
    """
    Width times pixel shape over height (the shapes are those of BT.601 pictures in common players).
    """
    [video] = normal(a_stream(width=size[0], height=size[1], sample_aspect_ratio=sample)).video_streams

    assert display == video["display_aspect_ratio"]


@pytest.mark.parametrize("name", [n for n in sorted(names) if not n.startswith("bayer")])
def test_bit_depths_are_those_of_libavutil(name):
    """
    For every pixel format the libraries know, the largest component has as many bits as their table says.

    Bayer patterns are left out: there the table counts the bits per pixel of the whole pattern.
    """
    depths = [component.bits for component in VideoFormat(name).components]

    assert max(depths, default=None) == bit_depth(name)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), "1080p"), ((1920, 800), "1080p"), ((1440, 1080), "1080p"), ((1080, 1920), "1080p"),
        ((1920, 1088), "1080p"), ((1998, 1080), "1080p"), ((2048, 858), "1080p"), ((1280, 720), "720p"),
        ((1280, 534), "720p"), ((960, 720), "720p"), ((720, 1280), "720p"), ((720, 576), "576p"), ((1024, 576), "576p"),
        ((720, 480), "480p"), ((640, 360), "480p"), ((854, 480), "480p"), ((3840, 2160), "2160p"),
        ((3840, 1600), "2160p"), ((4096, 2160), "2160p"), ((2560, 1440), "1440p"), ((7680, 4320), "4320p"),
        ((0, 0), None), ((None, None), None),
    ],
)  # fmt: skip
def test_the_class_of_a_picture(size, expected):
    """
    The class is that of the picture before its bars were cut off, whichever way it stands.
    """
    assert expected == quality(*size)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"color_transfer": "bt709"}, (None, None)),
        ({"color_transfer": "arib-std-b67"}, ("HLG", "transfer")),
        ({"color_transfer": "smpte2084"}, ("PQ", "transfer")),
        ({"color_transfer": "smpte2084", "light": {"stream": {"mastering": True}}}, ("HDR10", "stream")),
        ({"color_transfer": "smpte2084", "light": {"frame": {"content_light": True}}}, ("HDR10", "frame")),
        (
            {"color_transfer": "smpte2084", "light": {"frame": {"mastering": True, "hdr10_plus": True}}},
            ("HDR10+", "frame"),
        ),
        ({"light": {"stream": {"dolby_vision": True}, "frame": {"hdr10_plus": True}}}, ("Dolby Vision", "stream")),
        ({"light": {"frame": {"dolby_vision": True}}}, ("Dolby Vision", "frame")),
        ({"color_transfer": "bt709", "light": {"stream": {"mastering": True}}}, (None, None)),
    ],
)
def test_the_hdr_kind_and_where_it_was_seen(stated, expected):
    """
    The most telling kind wins; PQ is HDR10 only with the metadata that CTA-861.3 asks for.
    """
    assert expected == hdr(a_stream(**stated))


def test_cover_pictures_are_no_films():
    """
    An attached picture is kept as a stream but has no rate, and does not decide about the file.
    """
    cover = a_stream(index=0, width=3000, height=3000, disposition=["attached_pic"], avg_frame_rate="90000/1")
    found = normal(cover, a_stream(index=1, width=1280, height=720))

    assert (1, "720p") == (found.probe["video_stream_count"], found.probe["quality"])
    assert [(True, None), (False, None)] == [(v["is_cover"], v["frame_rate_hz"]) for v in found.video_streams]


def test_matroska_says_length_and_rate_of_a_stream_in_tags():
    """
    mkvmerge writes DURATION and BPS, with the language behind the name in older versions.
    """
    found = normal(
        a_stream(tags={"DURATION": "01:00:01.500000000", "BPS": "4000000"}),
        a_stream("audio", index=1, tags={"DURATION-eng": "00:00:02.000000000", "BPS-eng": "640000"}),
    )

    assert (3601.5, 4_000_000) == (found.video_streams[0]["duration_s"], found.video_streams[0]["bitrate_bps"])
    assert (2.0, 640_000) == (found.audio_streams[0]["duration_s"], found.audio_streams[0]["bitrate_bps"])


@pytest.mark.parametrize(
    ("stated", "bits"),
    [
        ({"codec_name": "pcm_s24le"}, 24),
        ({"codec_name": "flac", "bits_per_raw_sample": 24}, 24),
        ({"codec_name": "dts", "profile": "DTS-HD MA", "bits_per_raw_sample": 24}, 24),
        ({"codec_name": "dts", "profile": "DTS", "bits_per_raw_sample": 24}, None),
        ({"codec_name": "aac", "bits_per_raw_sample": 16}, None),
    ],
)
def test_only_lossless_sound_has_a_depth(stated, bits):
    """
    A lossy codec keeps no samples, so it has no bits a sample.
    """
    assert bits == normal(a_stream("audio", **stated)).audio_streams[0]["bit_depth"]


@pytest.mark.parametrize(
    ("layout", "expected"), [("5.1(side)", "5.1(side)"), ("7 channels", None), ("stereo", "stereo")]
)
def test_a_bare_count_is_no_layout(layout, expected):
    """
    FFmpeg says "7 channels" where it does not know which ones.
    """
    assert expected == normal(a_stream("audio", channel_layout=layout)).audio_streams[0]["channel_layout"]


def test_an_undetermined_language_is_null():
    """
    ISO 639-2 "und" says that nothing is known.
    """
    assert None is normal(a_stream("audio", tags={"language": "und"})).audio_streams[0]["language"]


def test_what_a_flag_says_and_what_a_title_says_stand_apart():
    """
    A track called a commentary without the flag for it, and one with the flag and no title.
    """
    found = normal(
        a_stream("audio", index=1, tags={"title": "Director's Commentary"}, disposition=["default"]),
        a_stream("audio", index=2, disposition=["comment", "visual_impaired"]),
        a_stream("subtitle", index=3, tags={"title": "English (SDH)"}),
    )

    assert [(False, True, "default"), (True, False, "comment,visual_impaired")] == [
        (a["is_commentary"], a["is_commentary_by_title"], a["dispositions"]) for a in found.audio_streams
    ]
    assert [(False, True, None)] == [
        (s["is_hearing_impaired"], s["is_hearing_impaired_by_title"], s["dispositions"]) for s in found.subtitle_streams
    ]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("Dolby TrueHD + Dolby Atmos", "Dolby Atmos"),
        ("Dolby Digital Plus + Dolby Atmos", "Dolby Atmos"),
        ("DTS-HD MA + DTS:X", "DTS:X"),
        ("DTS-HD MA + DTS:X IMAX", "DTS:X"),
        ("DTS-HD MA", None),
        (None, None),
    ],
)
def test_sound_with_objects(profile, expected):
    """
    The profiles are those of libavcodec/profiles.c.
    """
    assert expected == normal(a_stream("audio", profile=profile)).audio_streams[0]["object_audio"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("hvc1", "hvc1"),
        ("[27][0][0][0]", None),
        ("[0][0][0][0]", None),
        ("dv p", "dv p"),
        ("\x1b\0\0\0", None),
        ("", None),
    ],
)
def test_a_codec_tag_is_four_letters(said, expected):
    """
    MPEG-TS has numbers there, which ffprobe writes in brackets and PyAV as control characters.
    """
    assert expected == normal(a_stream(codec_tag_string=said)).video_streams[0]["codec_tag"]


@pytest.mark.parametrize(
    ("primaries", "expected"),
    [
        ([0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329], "Display P3"),
        ([0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329], "BT.2020"),
        ([0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329], "BT.709"),
        ([0.5, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329], None),
    ],
)
def test_the_gamut_of_the_mastering_display(primaries, expected):
    """
    The chromaticities are those of SMPTE EG 432-1, ITU-R BT.2020 and BT.709; others stay numbers.
    """
    [video] = normal(a_stream(light={"frame": {"mastering": True, "primaries": primaries}})).video_streams

    assert expected == video["mastering_gamut"]
    assert video["mastering_primaries"].startswith(f"R {primaries[0]:.4f} {primaries[1]:.4f}, G ")


def test_all_zero_primaries_are_not_known():
    """
    Encoders write zeros for what they do not know.
    """
    [video] = normal(a_stream(light={"stream": {"mastering": True, "primaries": [0.0] * 8}})).video_streams

    assert (None, None, "stream") == tuple(
        video[c] for c in ("mastering_gamut", "mastering_primaries", "mastering_evidence")
    )


def test_each_kind_of_hdr_has_its_evidence():
    """
    Dolby Vision in the container, HDR10+ and light levels in the first frame only.
    """
    light = {"stream": {"dolby_vision": True}, "frame": {"hdr10_plus": True, "content_light": True}}
    [video] = normal(a_stream(color_transfer="smpte2084", light=light)).video_streams

    assert ("Dolby Vision", "stream", "frame", None, "frame") == tuple(
        video[c]
        for c in (
            "hdr_format", "dolby_vision_evidence", "hdr10_plus_evidence", "mastering_evidence",
            "content_light_evidence",
        )
    )  # fmt: skip


def test_times_are_those_ffprobe_prints():
    """
    Six decimals: what is behind them is the rounding of binary fractions.
    """
    found = normal(a_stream("audio", start_time=0.1 + 0.2, duration=1 / 3))

    assert (0.3, 0.333333) == (found.audio_streams[0]["start_s"], found.audio_streams[0]["duration_s"])


def test_a_date_that_was_never_set_is_no_tag():
    """
    The zero of a clock is not a day on which a film was made.
    """
    tags = {"creation_time": "1970-01-01T00:00:00.000000Z", "encoder": "x"}
    found = normal(a_stream(), container={"format_name": "asf", "duration": 1.0, "tags": tags})

    assert '{"encoder": "x"}' == found.probe["tags"]


class TestEncrypted:
    def test_the_picture(self):
        """
        Nobody without the key sees it.
        """
        probe = normal(a_stream(), encrypted=["audio", "video"]).probe

        assert ("partial", "encrypted: audio, video", True, False) == tuple(
            probe[c] for c in ("status", "error", "is_encrypted", "playable")
        )

    def test_only_the_sound(self):
        """
        The picture can be shown.
        """
        probe = normal(a_stream(), encrypted=["audio"]).probe

        assert (True, True) == (probe["is_encrypted"], probe["playable"])

    def test_matroska_names_the_key(self):
        """
        FFmpeg gives the key's id as a tag of the stream (WebM encryption).
        """
        probe = normal(a_stream(tags={"enc_key_id": "MDEy"})).probe

        assert ("encrypted: video", False) == (probe["error"], probe["playable"])


class TestStatus:
    def test_ok_needs_a_film(self):
        """
        A file with sound only, or with a cover picture, holds no video.
        """
        found = normal(a_stream(disposition=["attached_pic"]), a_stream("audio", index=1))

        assert ("unreadable", "no video stream", False) == (
            found.probe["status"], found.probe["error"], found.probe["playable"]
        )  # fmt: skip

    def test_partial_names_the_stream_without_decoder(self):
        """
        The rest of the file is known, and the person sees which stream is not.
        """
        found = normal(a_stream(), a_stream("audio", index=1, has_decoder=False))

        assert ("partial", "no decoder for stream 1 (audio)", True) == (
            found.probe["status"], found.probe["error"], found.probe["playable"]
        )  # fmt: skip

    @pytest.mark.parametrize(("starts", "playable"), [(True, True), (False, False)])
    def test_a_file_without_its_end_plays_if_it_begins(self, starts, playable):
        """
        What is there of it can be shown; its mean rate is not known.
        """
        found = normal(a_stream(), announced_size_bytes=3_000_000, starts=starts)

        assert ("partial", "truncated: 1,000,000 bytes of at least 3,000,000 are there", playable, None) == (
            found.probe["status"], found.probe["error"], found.probe["playable"], found.probe["bitrate_bps"]
        )  # fmt: skip

    def test_without_length_or_size_it_does_not_play(self):
        """
        A stream whose picture size was never found, and a file of unknown length.
        """
        no_size = normal(a_stream(width=0, height=0))
        no_length = normal(a_stream(), container={"format_name": "h264", "duration": None, "tags": {}})

        assert (False, False) == (no_size.probe["playable"], no_length.probe["playable"])

    def test_the_mean_rate_is_computed_where_the_container_has_none(self):
        """
        1,000,000 bytes in 8 seconds are 1,000,000 bits a second.
        """
        assert 1_000_000 == normal(a_stream()).probe["bitrate_bps"]


def test_rows_fit_their_tables():
    """
    Every row passes the checks of its table, also one of nothing but a failure.
    """
    light = {"stream": {"dolby_vision": True, "dolby_vision_enhancement": False, "mastering": True}}
    full = normal(
        a_stream(avg_frame_rate="25/1", light=light),
        a_stream("audio", index=1, channels=2),
        a_stream("subtitle", index=2),
        a_stream("attachment", index=3, tags={"filename": "a.ttf", "mimetype": "font/ttf"}),
    )
    bare = normal(failure={"cause": "unreadable", "reason": "empty file"}, container={}, streams=[])

    Probes.validate(Probes.frame([full.probe, {**bare.probe, "file_id": "g"}]))
    VideoStreams.validate(VideoStreams.frame(full.video_streams))
    AudioStreams.validate(AudioStreams.frame(full.audio_streams))
    SubtitleStreams.validate(SubtitleStreams.frame(full.subtitle_streams))
    Attachments.validate(Attachments.frame(full.attachments))
