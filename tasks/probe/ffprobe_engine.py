"""Read a video file with the program ffprobe and give its facts: one call a file, and one for a frame where that tells.

For comparisons there is the way of older programs, too: a call for each part of the answer.

Runs in the same worker processes as ``pyav_engine``; the program belongs to the worker's group of processes and ends
with it.
"""

from __future__ import annotations

import functools
import json
import os
import re
import selectors
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.core.errors import ProbeEngineBroken
from tasks.probe import sidedata
from tasks.probe.facts import Chapter, Container, Facts, Light, Stream, clean_text
from tasks.probe.firstframe import is_cut, main_video, may_be_hdr
from tasks.probe.opened import FORMATS, Refused, measured

ENGINE = "ffprobe"

MAX_ANSWER_BYTES = 64 * 1024**2
"""What is read of an answer; a file with more to say than this is hostile."""
_MAX_ERROR_BYTES = 16_384
_VERSION_S = 60.0
_CUT_PACKETS = 40
"""Packets of a file without its end that are read for a first picture."""
_WHOLE: Mapping[int, Sequence[Sequence[str]]] = {
    1: [("-show_format", "-show_streams", "-show_chapters")],
    # The streams first: without them the file is refused, whatever else is said, and no more is asked.
    3: [("-show_streams",), ("-show_format",), ("-show_chapters",)],
}
"""What is asked of a file in how many calls; together the answers are the same."""
_SAFE = ("-protocol_whitelist", "file", "-format_whitelist", FORMATS)


def check(program: str) -> str:
    """The version of the program and of its libavformat.

    Raises:
        ProbeEngineBroken: it is not there, or does not say it.
    """
    if shutil.which(program) is None:
        raise ProbeEngineBroken("ffprobe is not there; install it or set probe.engine = pyav")
    try:
        done = subprocess.run(
            [program, "-version"],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_VERSION_S,
            env=_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ProbeEngineBroken(f"{program} cannot be run: {exc}") from exc
    said = done.stdout.decode(errors="replace")
    version = re.match(r"ffprobe version (\S+)", said)
    library = re.search(r"^libavformat\s+([\d. ]+?)\s*(?:/|$)", said, re.MULTILINE)
    if version is None or library is None:
        raise ProbeEngineBroken(f"{program} does not say that it is ffprobe; install it or set probe.engine = pyav")
    return f"ffprobe {version[1]}, libavformat {library[1].replace(' ', '')}"


_version = functools.cache(check)


def measure(path: bytes, *, read_first_frame: bool, ffprobe: str, ffprobe_calls: int = 1) -> Facts:
    """The facts of the file at ``path``; whatever is wrong with it stands in ``failure``, nothing is raised.

    Args:
        read_first_frame: decode one frame of possible HDR videos.
        ffprobe: the program, a name or a path; see ``check``.
        ffprobe_calls: 1, or 3 to ask for streams, container and chapters by a call each.
    """
    try:
        version = _version(ffprobe)
    except ProbeEngineBroken:  # `fill` says so, of files that would need it
        version = ENGINE
    return measured(
        path,
        Facts(engine=ENGINE, engine_version=version, failure=None, program_calls=0),
        lambda facts: fill(
            facts, path, read_first_frame=read_first_frame, ffprobe=ffprobe, ffprobe_calls=ffprobe_calls
        ),
    )


def fill(facts: Facts, path: bytes, *, read_first_frame: bool, ffprobe: str, ffprobe_calls: int = 1) -> None:
    """Add what ffprobe says of the content of the file at ``path``; each call is counted in ``program_calls``.

    Raises:
        Refused: it cannot read the file, or cannot be run.
    """
    try:
        facts["engine"], facts["engine_version"] = ENGINE, _version(ffprobe)
    except ProbeEngineBroken as exc:  # it was there when the run began: the file can be tried again
        raise Refused(str(exc), cause="read_failed") from exc
    answer = _ask(facts, ffprobe, path, *_WHOLE[ffprobe_calls])
    container = answer.get("format")
    if not container:
        raise Refused("ffprobe says nothing about it")
    facts["container"] = Container(
        format_name=container["format_name"],
        start_time=_number(container.get("start_time")),
        duration=_number(container.get("duration")),
        bit_rate=_count(container.get("bit_rate")),
        tags=_tags(container),
    )
    facts["streams"] = [_stream(stream) for stream in answer.get("streams", [])]
    facts["chapters"] = [_chapter(chapter) for chapter in answer.get("chapters", [])]
    main = main_video(facts["streams"])
    if main is None:
        return
    wants_frame = read_first_frame and may_be_hdr(main)
    if is_cut(facts) or wants_frame:
        packets = _CUT_PACKETS if is_cut(facts) else 1
        facts["starts"], lights = _first_frame(facts, ffprobe, path, main["index"], packets)
        if wants_frame and lights:
            main.setdefault("light", {})["frame"] = lights


def _stream(said: Mapping[str, Any]) -> Stream:
    kind, codec = said.get("codec_type", "unknown"), said.get("codec_name")
    facts = Stream(
        index=said["index"],
        codec_type=kind,
        tags=_tags(said),
        disposition=[name for name, is_set in said.get("disposition", {}).items() if is_set],
        start_time=_number(said.get("start_time")),
        duration=_number(said.get("duration")),
        # Where a decoder was opened for a picture, the size of what it decodes is told; of sound nothing tells it.
        has_decoder=codec not in (None, "unknown") and (kind != "video" or "coded_width" in said),
        codec_name=codec,
        codec_tag_string=said.get("codec_tag_string"),
        profile=said.get("profile"),
        bit_rate=_count(said.get("bit_rate")),
        bits_per_raw_sample=_count(said.get("bits_per_raw_sample")),
    )
    if kind == "video":
        facts["level"] = said.get("level")
        facts["width"], facts["height"] = said.get("width"), said.get("height")
        facts["pix_fmt"], facts["field_order"] = said.get("pix_fmt"), said.get("field_order")
        facts["sample_aspect_ratio"] = said.get("sample_aspect_ratio")
        facts["avg_frame_rate"] = said.get("avg_frame_rate")
        facts["color_range"], facts["color_space"] = said.get("color_range"), said.get("color_space")
        facts["color_primaries"], facts["color_transfer"] = said.get("color_primaries"), said.get("color_transfer")
        facts["rotation"], lights = sidedata.printed(said.get("side_data_list", []))
        if lights:
            facts["light"] = {"stream": lights}
    elif kind == "audio":
        facts["channels"], facts["channel_layout"] = said.get("channels"), said.get("channel_layout")
        facts["sample_rate"], facts["sample_fmt"] = _count(said.get("sample_rate")), said.get("sample_fmt")
    return facts


def _chapter(said: Mapping[str, Any]) -> Chapter:
    start, end = _number(said.get("start_time")) or 0.0, _number(said.get("end_time"))
    return Chapter(start=start, end=end if end is not None and end >= start else None, tags=_tags(said))


def _first_frame(facts: Facts, ffprobe: str, path: bytes, index: int, packets: int) -> tuple[bool, Light]:
    """Whether a picture of stream ``index`` can be decoded, and the HDR facts that come with it."""
    try:
        options = ("-threads", "1", "-select_streams", str(index), "-read_intervals", f"%+#{packets}", "-show_frames")
        frames = _ask(facts, ffprobe, path, options).get("frames", [])
    except Refused:  # no picture, no facts: what the stream says of itself stands
        return False, {}
    if not frames:
        return False, {}
    return True, sidedata.printed(frames[0].get("side_data_list", []))[1]


def _ask(facts: Facts, ffprobe: str, path: bytes, *calls: Sequence[str]) -> dict[str, Any]:
    """The answers of calls with these options, together; each is counted in ``facts``.

    Raises:
        Refused: it says that it cannot, dies, or cannot be run.
    """
    # The prefix keeps a name such as http:x.mkv or -x.mkv from being an address or an option. Bytes that are no UTF-8
    # are asked for as they are.
    form = ("-v", "error", "-print_format", "json=string_validation=ignore")
    said: dict[str, Any] = {}
    for options in calls:
        facts["program_calls"] = facts.get("program_calls", 0) + 1
        code, answer, errors = _run([ffprobe, *form, *_SAFE, *options, b"file:" + path])
        said |= _document(answer)
        if code < 0:
            raise Refused(f"ffprobe was ended by signal {-code}", cause="crashed")
        if code and not said.get("streams"):
            raise Refused(_words(errors, path) or f"ffprobe ended with exit code {code}")
    return said


def _document(answer: bytes) -> dict[str, Any]:
    """The answer of a call, empty where it is no JSON object."""
    try:
        said = json.loads(answer.decode(errors="surrogateescape"))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _run(argv: list[str | bytes]) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and the last of standard error of a program.

    Raises:
        Refused: it cannot be run, or says more than ``MAX_ANSWER_BYTES``.
    """
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
        )
    except OSError as exc:
        raise Refused(f"ffprobe cannot be run: {exc.strerror}", cause="read_failed") from exc
    answer, errors = bytearray(), bytearray()
    try:
        assert process.stdout is not None and process.stderr is not None
        with process.stdout, process.stderr, selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, answer)
            selector.register(process.stderr, selectors.EVENT_READ, errors)
            while selector.get_map():
                for key, _ in selector.select():
                    data = os.read(key.fd, 65_536)
                    key.data.extend(data)
                    if not data:
                        selector.unregister(key.fileobj)
                del errors[:-_MAX_ERROR_BYTES]
                if len(answer) > MAX_ANSWER_BYTES:
                    raise Refused(f"ffprobe says more than {MAX_ANSWER_BYTES:,} bytes about it")
    except BaseException:
        process.kill()
        raise
    finally:
        code = process.wait()
    return code, bytes(answer), bytes(errors)


def _environment() -> dict[str, str]:
    """The environment without the variable that has FFmpeg's programs write a report into the working directory."""
    return {name: value for name, value in os.environ.items() if name != "FFREPORT"}


def _words(errors: bytes, path: bytes) -> str:
    """Why it was refused, in FFmpeg's words: ``moov atom not found`` rather than the whole log."""
    log, marker, said = errors.rpartition(b"file:" + path + b": ")
    if not marker:
        log, said = errors, b""
    if b"not on whitelist" in log:  # FFmpeg's words for a format that FORMATS does not name
        return "not a video container"
    lines = [line for line in log.decode(errors="surrogateescape").splitlines() if line.strip()]
    lines = [line for line in lines if "Last message repeated" not in line]
    detail = re.sub(r"^\[.*? @ 0x[0-9a-f]+\] ", "", lines[-1]).strip() if lines else ""
    reason = said.decode(errors="surrogateescape").strip()
    return clean_text(f"{reason}: {detail}" if reason and detail and detail != reason else reason or detail)


def _tags(said: Mapping[str, Any]) -> dict[str, str]:
    return {clean_text(key): clean_text(value) for key, value in said.get("tags", {}).items()}


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:  # N/A
        return None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number else None
