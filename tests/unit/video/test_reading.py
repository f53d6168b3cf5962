"""Clips are read as players show them: times, orientation, shape of pixels, colours; with errors that help."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import COLORS, corner_frame, make_clip, make_patch, make_sound, make_transparent, number_of
from PIL import Image

from nst_core.errors import ImageError, JobError
from nst_core.video.reading import ClipSource, is_clip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clips") / "plain.mp4", 12, options={"bf": "2", "g": "4"})


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Two frames a second, so that it is long enough to be entered in the middle."""
    folder = tmp_path_factory.mktemp("clips")
    return make_clip(folder / "long.mp4", 12, rate=2, options={"bf": "2", "g": "3"})


def numbers(source, **options):
    return [number_of(frame.pixels) for frame in source.frames(**options)]


def times(source):
    return [frame.time for frame in source.frames()]


def near(pixels, color, most=3):
    return np.abs(pixels.astype(int) - np.array(color)).max() <= most


def test_a_clip_gives_its_frames_in_order_at_their_times(plain):
    source = ClipSource(plain)
    frames = list(source.frames())
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == [Fraction(k, 10) for k in range(12)]
    assert [number_of(frame.pixels) for frame in frames] == list(range(12))
    assert source.info.size == (48, 64)
    assert source.info.rate == 10
    assert source.info.frames == 12
    assert not source.info.has_sound
    assert not source.info.remarks
    assert not source.trouble
    first = frames[0].pixels
    assert first.shape == (48, 64, 3)
    assert first.dtype == np.uint8
    assert first.flags["C_CONTIGUOUS"]
    assert near(first[2:10, 2:12], (220, 20, 20), 12)


def test_frames_may_be_asked_for_again_and_from_a_number_on(plain):
    source = ClipSource(plain)
    once, again = list(source.frames()), list(source.frames())
    later = list(source.frames(skip=5))
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(once, again, strict=True))
    assert [(frame.number, frame.time) for frame in later] == [(k, Fraction(k, 10)) for k in range(5, 12)]
    assert np.array_equal(later[0].pixels, once[5].pixels)


def test_start_is_inside_and_end_is_not(plain):
    source = ClipSource(plain, start=0.2, end=0.5)
    assert numbers(source) == [2, 3, 4]
    assert times(source) == [0, Fraction(1, 10), Fraction(2, 10)]
    assert source.info.frames == 3


@pytest.mark.parametrize("start", [1.5, 2.0, 2.2, 3.5, 5.5])
def test_a_start_in_the_middle_gives_exactly_what_reading_from_the_beginning_does(long, start):
    whole = [frame.pixels for frame in ClipSource(long).frames()]
    wanted = [k for k in range(12) if k / 2 >= start]
    found = [frame.pixels for frame in ClipSource(long, start=start).frames()]
    assert len(found) == len(wanted)
    assert all(np.array_equal(found[i], whole[k]) for i, k in enumerate(wanted))


def test_every_gives_each_nth(plain):
    source = ClipSource(plain, every=5)
    assert numbers(source) == [0, 5, 10]
    assert source.info.rate == 2
    assert source.info.frames == 3


@pytest.mark.parametrize(
    ("fps", "wanted"),
    [(5, [0, 2, 4, 6, 8, 10]), (20, [k // 2 for k in range(24)]), (4, [0, 2, 5, 7, 10])],
)
def test_another_rate_shows_the_latest_frame_at_each_time(plain, fps, wanted):
    source = ClipSource(plain, fps=fps)
    assert numbers(source) == wanted
    assert times(source) == [Fraction(k, fps) for k in range(len(wanted))]
    assert source.info.rate == fps
    assert source.info.frames == len(wanted)


def test_a_rate_that_the_container_rounds_repeats_nothing(tmp_path):
    path = make_clip(tmp_path / "thirty.mkv", 12, rate=30)
    assert numbers(ClipSource(path, fps=30)) == list(range(12))


def test_a_variable_rate_is_kept(tmp_path):
    moments = [0, 100, 130, 400, 410, 900]
    source = ClipSource(make_clip(tmp_path / "vfr.mkv", 6, pts=moments))
    assert times(source) == [Fraction(moment, 1000) for moment in moments]
    assert numbers(source) == list(range(6))
    even = ClipSource(tmp_path / "vfr.mkv", fps=10)
    assert numbers(even)[:10] == [0, 1, 2, 2, 3, 4, 4, 4, 4, 5]


# FFmpeg counts the angle against the clock; the corner is at the top left before.
@pytest.mark.parametrize(("turn", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))])
def test_frames_are_upright(tmp_path, turn, corner):
    source = ClipSource(make_clip(tmp_path / "turned.mp4", 2, rotation=turn))
    pixels = next(source.frames()).pixels
    assert source.info.size == pixels.shape[:2] == ((48, 64) if turn == 180 else (64, 48))
    rows, columns = corner
    red = pixels[3 if rows == 0 else -4, 3 if columns == 0 else -4]
    assert near(red, (220, 20, 20), 12)
    assert near(pixels[32, 24] if turn != 180 else pixels[24, 32], (40, 40, 40))


@pytest.mark.parametrize("turn", [None, 90])
def test_pixels_that_are_not_square_make_the_picture_wider(tmp_path, turn):
    source = ClipSource(make_clip(tmp_path / "wide.mp4", 2, aspect=Fraction(3, 2), rotation=turn))
    assert source.info.size == ((48, 96) if turn is None else (96, 48))
    assert next(source.frames()).pixels.shape[:2] == source.info.size


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_colours_are_converted_by_the_matrix_and_the_range_of_the_stream(tmp_path, color, full, deep, matrix):
    path = make_patch(tmp_path / "patch.mkv", color, matrix=matrix, full=full, deep=deep)
    pixels = next(ClipSource(path).frames()).pixels
    assert near(pixels, color, 1 if deep else 3)


@pytest.mark.parametrize(("lines", "matrix"), [(480, 6), (720, 1)])
def test_without_a_name_the_matrix_is_that_of_the_size(tmp_path, lines, matrix):
    path = make_patch(tmp_path / "patch.mkv", (20, 180, 90), matrix=matrix, tag=2, size=(lines, 64))
    assert near(next(ClipSource(path).frames()).pixels, (20, 180, 90))


def test_ten_bits_are_rounded_to_the_nearest_of_eight(tmp_path):
    for grey in range(0, 256, 5):
        path = make_patch(tmp_path / "grey.mkv", (grey, grey, grey), matrix=1, deep=True)
        assert near(next(ClipSource(path).frames()).pixels, grey, 0)


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [("a.mov", "png", "rgba"), ("b.webm", "libvpx-vp9", "yuva420p"), ("c.mkv", "ffv1", "bgra")],
)
def test_what_is_transparent_is_shown_over_white_and_said(tmp_path, name, codec, kind):
    source = ClipSource(make_transparent(tmp_path / name, codec, kind))
    pixels = next(source.frames()).pixels
    assert near(pixels[20:30, 5:25], (0, 0, 255), 6)
    assert near(pixels[20:30, 40:60], (127, 127, 127), 6)
    assert any("transparen" in remark for remark in source.info.remarks)


def animation(path: Path, **options) -> Path:
    pictures = [Image.fromarray(corner_frame(k)) for k in range(4)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 50, 200, 100], **options)
    return path


@pytest.mark.parametrize(("name", "options"), [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {})])
def test_animations_keep_the_times_of_their_frames(tmp_path, name, options):
    path = animation(tmp_path / name, **options)
    source = ClipSource(path)
    assert is_clip(path)
    assert times(source) == [0, Fraction(1, 10), Fraction(3, 20), Fraction(7, 20)]
    assert numbers(source) == [0, 1, 2, 3]
    assert source.info.remarks == ()


def test_a_high_dynamic_range_is_said(tmp_path):
    source = ClipSource(make_patch(tmp_path / "hdr.mkv", (128, 128, 128), matrix=9, deep=True, curve=16))
    assert any("PQ" in remark for remark in source.info.remarks)


def test_frames_are_resized_without_aliases(tmp_path):
    stripes = np.zeros((48, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    folder = tmp_path / "frames"
    folder.mkdir()
    Image.fromarray(stripes).save(folder / "1.png")
    source = ClipSource(folder, size=(12, 16))
    pixels = next(source.frames()).pixels
    assert source.info.size == pixels.shape[:2] == (12, 16)
    assert near(pixels[2:-2, 2:-2], 128, 12)


def pictures(folder: Path, names: list[str], size: tuple[int, int] = (48, 64)) -> Path:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(corner_frame(number, *size)).save(folder / name)
    return folder


def test_numbered_pictures_are_a_clip_in_the_order_of_their_numbers(tmp_path):
    folder = pictures(tmp_path / "frames", ["f1.png", "f2.png", "f10.png", "f11.png"])
    (folder / ".f3.png").write_bytes(b"hidden")
    (folder / "notes.txt").write_text("nothing")
    source = ClipSource(folder)
    assert is_clip(folder)
    assert numbers(source) == [0, 1, 2, 3]
    assert times(source) == [Fraction(k, 25) for k in range(4)]
    assert (source.info.frames, source.info.rate) == (4, 25)
    slow = ClipSource(folder, fps=2, start=0.5)
    assert times(slow) == [0, Fraction(1, 2), 1]
    assert numbers(slow) == [1, 2, 3]


def test_pictures_of_several_sizes_are_no_clip(tmp_path):
    folder = pictures(tmp_path / "frames", ["1.png", "2.png"])
    pictures(folder, ["3.png"], (48, 48))
    with pytest.raises(ImageError, match=r"3\.png"):
        ClipSource(folder)


def test_a_folder_without_numbered_pictures_is_no_clip(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    assert not is_clip(tmp_path)
    with pytest.raises(ImageError, match="numbered pictures"):
        ClipSource(tmp_path)


def test_a_clip_of_one_frame_is_one(tmp_path):
    source = ClipSource(make_clip(tmp_path / "one.mp4", 1))
    assert numbers(source) == [0]
    assert numbers(ClipSource(tmp_path / "one.mp4", fps=20))[0] == 0


def test_sound_is_noticed(tmp_path):
    assert ClipSource(make_clip(tmp_path / "loud.mp4", 4, sound=0.4)).info.has_sound


def test_what_is_no_clip_is_said_by_one_error(tmp_path, plain):
    empty, text, sound = tmp_path / "empty.mp4", tmp_path / "text.mp4", make_sound(tmp_path / "sound.m4a")
    named, still, headless = tmp_path / "text.txt", tmp_path / "still.png", tmp_path / "headless.mp4"
    empty.touch()
    text.write_text("this is no clip\n" * 100)
    named.write_text("this is no clip\n" * 100)
    headless.write_bytes(plain.read_bytes()[:400])
    Image.fromarray(corner_frame(0)).save(still)
    for path, said in (
        *((empty, "empty"), (text, "text.mp4"), (sound, "only sound"), (named, "text.txt")),
        *((still, "nst run"), (headless, "headless.mp4"), (tmp_path / "none.mp4", "does not exist")),
    ):
        with pytest.raises(ImageError, match=said):
            ClipSource(path)


@pytest.mark.parametrize("name", ["broken.mp4", "broken.mkv"])
def test_a_file_that_breaks_off_gives_what_there_is_and_says_so(tmp_path, name):
    whole = make_clip(tmp_path / f"whole{name[-4:]}", 12, options={"g": "1"}, size=(96, 128))
    data = whole.read_bytes()
    broken = tmp_path / name
    broken.write_bytes(data[: len(data) * 3 // 4])
    source = ClipSource(broken)
    assert source.trouble == ""
    found = numbers(source)
    assert found == list(range(len(found)))
    assert 2 <= len(found) <= 10
    assert "breaks off" in source.trouble


@pytest.mark.parametrize(
    "options",
    [
        *({"start": -1.0}, {"start": 0.5, "end": 0.5}, {"start": 0.5, "end": 0.2}, {"start": 1.2}, {"start": 99.0}),
        *({"fps": 0.0}, {"fps": float("nan")}, {"fps": -3.0}, {"every": 0}, {"end": float("nan")}),
    ],
)
def test_values_that_make_no_sense_are_refused_at_once(plain, options):
    with pytest.raises(JobError):
        ClipSource(plain, **options)


@pytest.mark.parametrize(
    ("name", "wanted"), [("a.mp4", True), ("a.MOV", True), ("a.gif", True), ("a.jpg", False), ("a", False)]
)
def test_clips_are_told_by_their_suffix(name, wanted):
    assert is_clip(name) == wanted
