"""Tables of what is inside the files: ``probes``, one row a stream, chapter and attachment."""

from __future__ import annotations

import polars as pl

from tasks.schema.files import Time
from tasks.schema.table import Table, column

HDR_FORMATS = ["HDR10", "HDR10+", "Dolby Vision", "HLG", "PQ"]
EVIDENCE = ["stream", "frame"]
HOW_MEASURED = ("engine", "engine_version", "probed_at")
"""Columns of ``probes`` that say how and when a file was measured, not what it is: equal files may differ in them."""


class Probes(Table):
    """What the container says about itself, one row a file; written by ``probe``.

    A row also stands for a file that could not be read (``status``), so that it is not tried again until it changes.
    """

    file_id: str = column("File.", key=True)
    status: str = column(
        "ok; partial: the end is missing, or a stream has no decoder or is encrypted; unreadable: no video in it.",
        isin=["ok", "partial", "unreadable"],
    )
    error: str = column("Why it is unreadable or partial; null if ok.", nullable=True)
    playable: bool = column("It opens, has a video stream and a known length.")
    is_encrypted: bool = column("A stream is encrypted (DRM); a film whose picture is, is not playable.", nullable=True)
    container: str = column("Container as ffprobe's format_name gives it.", nullable=True)
    start_s: float = column("Time stamp of the beginning; 0 where it lies before zero.", unit="s", nullable=True)
    duration_s: float = column("Playing time of the container.", unit="s", nullable=True, gt=0)
    bitrate_bps: pl.Int64 = column("Mean rate of the whole file.", unit="bit/s", nullable=True, ge=0)
    quality: str = column("Class by picture size: 480p, 576p, 720p, 1080p, 1440p, 2160p, 4320p.", nullable=True)
    hdr_format: str = column("Best HDR kind of the main video stream; null for SDR.", nullable=True, isin=HDR_FORMATS)
    video_stream_count: pl.Int64 = column("Video streams without cover pictures.", ge=0)
    audio_stream_count: pl.Int64 = column("Audio streams.", ge=0)
    subtitle_stream_count: pl.Int64 = column("Subtitle streams in the file.", ge=0)
    chapter_count: pl.Int64 = column("Chapters.", ge=0)
    attachment_count: pl.Int64 = column("Attachments: fonts, pictures.", ge=0)
    title: str = column("Title tag of the container.", nullable=True)
    tags: str = column("All tags of the container as JSON.", nullable=True)
    size_bytes: pl.Int64 = column("Size when it was measured.", unit="byte", ge=0)
    mtime_ns: pl.Int64 = column("Time of last change when it was measured.", unit="ns")
    ctime_ns: pl.Int64 = column("Time of last change of rights when it was measured.", unit="ns")
    inode: pl.UInt64 = column("Inode when it was measured.")
    fingerprint: str = column(
        "Hash of size, beginning, middle and end: files with the same one are copies; null where it could not be read.",
        nullable=True,
    )
    engine: str = column("Engine that measured the row.", isin=["pyav", "ffprobe"])
    engine_version: str = column("Version of the engine and of libavformat.")
    probed_at: Time = column("When it was measured.")


class ContentHashes(Table):
    """Hash of the whole content, where the settings ask for it; written by ``probe``."""

    file_id: str = column("File.", key=True)
    content_hash: str = column("BLAKE2b of all bytes, 32 hexadecimal digits.")
    size_bytes: pl.Int64 = column("Size when it was read.", unit="byte", ge=0)
    mtime_ns: pl.Int64 = column("Time of last change when it was read.", unit="ns")
    inode: pl.UInt64 = column("Inode when it was read.")
    hashed_at: Time = column("When it was read.")


class VideoStreams(Table, part_of="probes"):
    """Video streams; written by ``probe``."""

    file_id: str = column("File.", key=True)
    stream_index: pl.Int64 = column("Index in the container.", key=True, ge=0)
    codec: str = column("Codec, ffprobe's codec_name.", nullable=True)
    codec_tag: str = column("Four letters by which the container names the codec: avc1, hvc1, ...", nullable=True)
    profile: str = column("Profile of the codec.", nullable=True)
    level: pl.Int64 = column("Level as the codec numbers it (H.264 4.1 is 41).", nullable=True)
    width_px: pl.Int64 = column("Width of the coded picture.", unit="px", nullable=True, gt=0)
    height_px: pl.Int64 = column("Height of the coded picture.", unit="px", nullable=True, gt=0)
    sample_aspect_ratio: str = column("Shape of a pixel, as 16:15.", nullable=True)
    display_aspect_ratio: str = column("Shape of the picture, as 16:9.", nullable=True)
    frame_rate_hz: float = column("Mean frame rate.", unit="1/s", nullable=True, gt=0)
    frame_rate_fraction: str = column("Mean frame rate, exact, as 24000/1001.", nullable=True)
    bit_depth: pl.Int64 = column("Bits of one colour component.", unit="bit", nullable=True, gt=0)
    pixel_format: str = column("Pixel format, ffprobe's pix_fmt.", nullable=True)
    field_order: str = column("progressive, tt, bb, tb or bt.", nullable=True)
    color_range: str = column("tv or pc.", nullable=True)
    color_primaries: str = column("Primaries: bt709, bt2020, ...", nullable=True)
    color_transfer: str = column("Transfer: bt709, smpte2084, arib-std-b67, ...", nullable=True)
    color_space: str = column("Matrix: bt709, bt2020nc, ...", nullable=True)
    rotation_deg: float = column("Rotation to be applied for display, counter-clockwise.", unit="degree", nullable=True)
    hdr_format: str = column("HDR kind; null for SDR.", nullable=True, isin=HDR_FORMATS)
    hdr_evidence: str = column(
        "Where that was seen: stream, frame or transfer.", nullable=True, isin=["stream", "frame", "transfer"]
    )
    dolby_vision_evidence: str = column("Where Dolby Vision was seen; null if not.", nullable=True, isin=EVIDENCE)
    hdr10_plus_evidence: str = column("Where HDR10+ was seen; null if not.", nullable=True, isin=EVIDENCE)
    mastering_evidence: str = column("Where HDR10 mastering data was seen.", nullable=True, isin=EVIDENCE)
    content_light_evidence: str = column("Where HDR10 light levels were seen.", nullable=True, isin=EVIDENCE)
    dolby_vision_profile: pl.Int64 = column("Dolby Vision profile.", nullable=True, ge=0)
    dolby_vision_level: pl.Int64 = column("Dolby Vision level.", nullable=True, ge=0)
    dolby_vision_compatibility: pl.Int64 = column("Dolby Vision base layer compatibility id.", nullable=True, ge=0)
    has_dolby_vision_enhancement: bool = column("Dolby Vision with an enhancement layer.", nullable=True)
    mastering_gamut: str = column(
        "Colours of the mastering display: Display P3, DCI-P3, BT.2020, BT.709; null for others.", nullable=True
    )
    mastering_primaries: str = column(
        "x and y of red, green, blue and white of the mastering display: R 0.680 0.320, G ...", nullable=True
    )
    min_luminance_cd_m2: float = column("Darkest of the mastering display.", unit="cd/m2", nullable=True)
    max_luminance_cd_m2: float = column("Peak luminance of the mastering display.", unit="cd/m2", nullable=True)
    max_content_light_cd_m2: pl.Int64 = column("Brightest pixel (MaxCLL).", unit="cd/m2", nullable=True, ge=0)
    max_frame_average_light_cd_m2: pl.Int64 = column(
        "Brightest frame average (MaxFALL).", unit="cd/m2", nullable=True, ge=0
    )
    bitrate_bps: pl.Int64 = column("Rate of the stream as the container says.", unit="bit/s", nullable=True, ge=0)
    start_s: float = column("Time stamp of the beginning; 0 where it lies before zero.", unit="s", nullable=True)
    duration_s: float = column("Playing time of the stream.", unit="s", nullable=True, ge=0)
    language: str = column("Language tag as the file has it.", nullable=True)
    title: str = column("Title tag of the stream.", nullable=True)
    is_default: bool = column("Disposition: played unless another is chosen.")
    is_forced: bool = column("Disposition: forced.", nullable=True)
    is_original: bool = column("Disposition: original language.", nullable=True)
    is_dub: bool = column("Disposition: dubbed.", nullable=True)
    is_commentary: bool = column("Disposition: commentary.", nullable=True)
    is_hearing_impaired: bool = column("Disposition: for the hard of hearing.", nullable=True)
    is_visual_impaired: bool = column("Disposition: for the visually impaired.", nullable=True)
    dispositions: str = column("All dispositions that are set, ffprobe's names with commas between.", nullable=True)
    is_cover: bool = column("A still picture attached as a stream, no film.")


class AudioStreams(Table, part_of="probes"):
    """Audio streams; written by ``probe``."""

    file_id: str = column("File.", key=True)
    stream_index: pl.Int64 = column("Index in the container.", key=True, ge=0)
    codec: str = column("Codec, ffprobe's codec_name.", nullable=True)
    codec_tag: str = column("Four letters by which the container names the codec: avc1, hvc1, ...", nullable=True)
    profile: str = column("Profile: LC, DTS-HD MA, ...", nullable=True)
    object_audio: str = column(
        "Sound with objects, by the profile; null where there is none or the engine does not tell.",
        nullable=True,
        isin=["Dolby Atmos", "DTS:X"],
    )
    channel_count: pl.Int64 = column("Channels.", nullable=True, gt=0)
    channel_layout: str = column("Layout: stereo, 5.1(side), ...", nullable=True)
    sample_rate_hz: pl.Int64 = column("Samples a second.", unit="1/s", nullable=True, gt=0)
    bit_depth: pl.Int64 = column("Bits of a sample, for codecs without loss.", unit="bit", nullable=True, gt=0)
    bitrate_bps: pl.Int64 = column("Rate of the stream as the container says.", unit="bit/s", nullable=True, ge=0)
    start_s: float = column("Time stamp of the beginning; 0 where it lies before zero.", unit="s", nullable=True)
    duration_s: float = column("Playing time of the stream.", unit="s", nullable=True, ge=0)
    language: str = column("Language tag as the file has it.", nullable=True)
    title: str = column("Title tag of the stream.", nullable=True)
    is_default: bool = column("Disposition: played unless another is chosen.")
    is_forced: bool = column("Disposition: forced.")
    is_original: bool = column("Disposition: original language.")
    is_dub: bool = column("Disposition: dubbed.")
    is_commentary: bool = column("Disposition: commentary.")
    is_hearing_impaired: bool = column("Disposition: for the hard of hearing.")
    is_visual_impaired: bool = column("Disposition: audio description.")
    dispositions: str = column("All dispositions that are set, ffprobe's names with commas between.", nullable=True)
    is_forced_by_title: bool = column("The title says that it is for foreign passages only.", nullable=True)
    is_commentary_by_title: bool = column("The title says that it is a commentary.", nullable=True)
    is_hearing_impaired_by_title: bool = column("The title says that it is for the hard of hearing.", nullable=True)
    is_visual_impaired_by_title: bool = column("The title says that it describes the picture.", nullable=True)


class SubtitleStreams(Table, part_of="probes"):
    """Subtitle streams inside the file; written by ``probe``."""

    file_id: str = column("File.", key=True)
    stream_index: pl.Int64 = column("Index in the container.", key=True, ge=0)
    codec: str = column("Codec, ffprobe's codec_name.", nullable=True)
    codec_tag: str = column("Four letters by which the container names the codec: avc1, hvc1, ...", nullable=True)
    language: str = column("Language tag as the file has it.", nullable=True)
    title: str = column("Title tag of the stream.", nullable=True)
    is_default: bool = column("Disposition: shown unless another is chosen.")
    is_forced: bool = column("Disposition: only for foreign passages.")
    is_original: bool = column("Disposition: original language.", nullable=True)
    is_dub: bool = column("Disposition: dubbed.", nullable=True)
    is_commentary: bool = column("Disposition: commentary.")
    is_hearing_impaired: bool = column("Disposition: for the hard of hearing (SDH).")
    is_visual_impaired: bool = column("Disposition: for the visually impaired.", nullable=True)
    dispositions: str = column("All dispositions that are set, ffprobe's names with commas between.", nullable=True)
    is_forced_by_title: bool = column("The title says that it is for foreign passages only.", nullable=True)
    is_commentary_by_title: bool = column("The title says that it is a commentary.", nullable=True)
    is_hearing_impaired_by_title: bool = column("The title says that it is for the hard of hearing.", nullable=True)


class Chapters(Table, part_of="probes"):
    """Chapters; written by ``probe``."""

    file_id: str = column("File.", key=True)
    chapter_index: pl.Int64 = column("Place in the container, from 0.", key=True, ge=0)
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s", nullable=True)
    title: str = column("Title tag of the chapter.", nullable=True)


class Attachments(Table, part_of="probes"):
    """Attached files, such as fonts; written by ``probe``."""

    file_id: str = column("File.", key=True)
    stream_index: pl.Int64 = column("Index in the container.", key=True, ge=0)
    filename: str = column("Name of the attached file.", nullable=True)
    mime_type: str = column("Type of the attached file.", nullable=True)
    codec: str = column("Kind of font by its type: ttf, otf; null for others.", nullable=True)
