"""Clips are written with exact times and colours, the same each time, with the sound in step, or not at all."""

import resource
import signal
from fractions import Fraction

import av
import numpy as np
import pytest
from clips import COLORS, changes_of_sound, corner_frame, frames_of, make_clip, make_sound, number_of

from nst_core.errors import ImageError, JobError
from nst_core.video.reading import ClipFrame, ClipSource
from nst_core.video.writing import Encoding, check_clip_output, write_clip

TEN = Fraction(10)


def read(path):
    return list(ClipSource(path).frames())


def noise(count=3, size=(33, 47)):
    generator = np.random.default_rng(0)
    return [
        ClipFrame(number, number / TEN, generator.integers(0, 256, (*size, 3), dtype=np.uint8))
        for number in range(count)
    ]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.m4v", "a.mkv", "a.webm", "a.gif"])
def test_frames_come_back_in_order_at_their_times(tmp_path, name):
    path = tmp_path / name
    assert write_clip(path, frames_of(8), rate=TEN) == ()
    found = read(path)
    assert [frame.time for frame in found] == [k / TEN for k in range(8)]
    assert [number_of(frame.pixels) for frame in found] == list(range(8))
    assert ClipSource(path).info.rate == 10
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("rate", [Fraction(30_000, 1001), Fraction(24), Fraction(25, 2), Fraction(1_234_567, 41_152)])
def test_times_of_an_odd_rate_are_exact(tmp_path, rate):
    write_clip(tmp_path / "a.mp4", frames_of(5, rate), rate=rate)
    found = [frame.time for frame in read(tmp_path / "a.mp4")]
    slack = 0 if rate.numerator < 1_000_000 else Fraction(1, 90_000)
    assert all(abs(time - k / rate) <= slack for k, time in enumerate(found))


def test_a_variable_rate_is_kept_and_the_last_frame_lasts_as_long_as_one(tmp_path):
    moments = [Fraction(0), Fraction(1, 10), Fraction(13, 100), Fraction(2, 5), Fraction(1, 2)]
    frames = [ClipFrame(number, time, corner_frame(number)) for number, time in enumerate(moments)]
    write_clip(tmp_path / "a.mp4", frames, rate=TEN)
    assert [frame.time for frame in read(tmp_path / "a.mp4")] == moments
    with av.open(tmp_path / "a.mp4") as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == Fraction(3, 5)


@pytest.mark.parametrize(
    "codec", ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "prores_ks", "mpeg4", "ffv1", "mjpeg"]
)
@pytest.mark.parametrize("color", COLORS[:4])
def test_colours_come_back(tmp_path, codec, color):
    path = tmp_path / ("a.mkv" if codec != "prores_ks" else "a.mov")
    frames = [ClipFrame(k, k / TEN, np.full((64, 64, 3), color, np.uint8)) for k in range(2)]
    write_clip(path, frames, rate=TEN, encoding=Encoding(codec))
    for frame in read(path):
        assert np.abs(frame.pixels.astype(int) - color).max() <= 4


def test_the_file_names_the_matrix_and_range_that_it_has(tmp_path):
    write_clip(tmp_path / "a.mp4", frames_of(2), rate=TEN)
    with av.open(tmp_path / "a.mp4") as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == "yuv420p"
    assert [int(tag) for tag in (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)] == [
        1,
        1,
        1,
        1,
    ]


def test_an_odd_size_is_made_even_by_repeating_the_border(tmp_path):
    pixels = np.full((47, 63, 3), 60, np.uint8)
    pixels[:, -1] = 200
    pixels[-1] = 200
    write_clip(tmp_path / "a.mp4", [ClipFrame(0, Fraction(0), pixels)], rate=TEN, encoding=Encoding(crf=4))
    found = read(tmp_path / "a.mp4")[0].pixels
    assert found.shape == (48, 64, 3)
    wanted = np.pad(pixels, [(0, 1), (0, 1), (0, 0)], mode="edge")
    assert np.abs(found.astype(int) - wanted).max() <= 8


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
def test_lossless_gives_every_pixel_back(tmp_path, name):
    frames = noise()
    write_clip(tmp_path / name, frames, rate=TEN, encoding=Encoding(lossless=True))
    found = read(tmp_path / name)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(frames, found, strict=True))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.gif"])
def test_the_same_frames_make_the_same_bytes(tmp_path, name):
    source = make_clip(tmp_path / "loud.mp4", 8, sound=0.8)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / name, noise(8, (48, 64)), rate=TEN, sound=source)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_lower_crf_keeps_more(tmp_path):
    def lost(crf):
        write_clip(tmp_path / "a.mp4", noise(2, (48, 64)), rate=TEN, encoding=Encoding(crf=crf))
        pairs = zip(noise(2, (48, 64)), read(tmp_path / "a.mp4"), strict=True)
        return max(np.abs(one.pixels.astype(int) - other.pixels).mean() for one, other in pairs)

    assert lost(10) < lost(45)


def test_the_header_comes_first_and_says_what_it_is_told(tmp_path):
    write_clip(tmp_path / "a.mp4", frames_of(2), rate=TEN, metadata={"comment": "painted", "nst_recipe": "{}"})
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    for name in ("a.mp4", "b.mkv"):
        write_clip(tmp_path / name, frames_of(2), rate=TEN, metadata={"comment": "painted"})
        with av.open(tmp_path / name) as container:
            found = {key.lower(): value for key, value in container.metadata.items()}
        assert found["comment"] == "painted"


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
@pytest.mark.parametrize(("start", "end"), [(0.0, None), (0.4, None), (0.4, 0.8), (1.5, None)])
def test_sound_stays_in_step_with_the_frames(tmp_path, name, start, end):
    source = make_clip(tmp_path / "loud.mp4", 20, sound=2.0)
    chosen = list(ClipSource(source, start=start, end=end).frames())
    remarks = write_clip(tmp_path / name, chosen, rate=TEN, sound=source, start=start, end=end)
    assert remarks == ()
    before = changes_of_sound(source)
    wanted = [time - start for time in before if start + 0.05 < time < (end or 2.0)]
    found = changes_of_sound(tmp_path / name)
    assert len(found) >= len(wanted) > 0
    assert all(min(abs(time - other) for other in found) <= 0.012 for time in wanted)
    with av.open(tmp_path / name) as container:
        frame = next(container.decode(video=0))
        assert abs(float(frame.pts * frame.time_base)) < 1e-6
        heard = container.streams.audio[0].codec_context.name
    assert heard in (("opus", "libopus") if name.endswith("webm") else ("aac",))
    if end is not None:
        assert len(found) <= len(wanted) + 1


def test_sound_is_copied_bit_by_bit(tmp_path):
    source = make_clip(tmp_path / "loud.mp4", 10, sound=1.0)
    write_clip(tmp_path / "a.mp4", frames_of(10), rate=TEN, sound=source)

    def packets(path):
        with av.open(path) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(tmp_path / "a.mp4") == packets(source)


def test_sound_may_come_from_a_file_without_pictures(tmp_path):
    sound = make_sound(tmp_path / "sound.m4a", 1.0)
    assert write_clip(tmp_path / "a.mp4", frames_of(10), rate=TEN, sound=sound, start=0.2) == ()
    assert ClipSource(tmp_path / "a.mp4").info.has_sound


def test_a_gif_has_no_sound_and_a_silent_clip_needs_none(tmp_path):
    loud, silent = make_clip(tmp_path / "loud.mp4", 4, sound=0.4), make_clip(tmp_path / "silent.mp4", 4)
    assert any("sound" in remark for remark in write_clip(tmp_path / "a.gif", frames_of(4), rate=TEN, sound=loud))
    assert write_clip(tmp_path / "a.mp4", frames_of(4), rate=TEN, sound=silent) == ()
    assert not ClipSource(tmp_path / "a.mp4").info.has_sound


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "ffv1"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_clips_can_be_written_by_each_encoder(tmp_path, codec, count):
    for _ in range(3):  # what an encoder leaves to chance may be right once
        write_clip(tmp_path / "a.mkv", frames_of(count), rate=TEN, encoding=Encoding(codec))
        assert [frame.time for frame in read(tmp_path / "a.mkv")] == [k / TEN for k in range(count)]


@pytest.mark.parametrize(
    ("name", "encoding", "said"),
    [
        ("a.xyz", Encoding(), "suffix"),
        ("a", Encoding(), "suffix"),
        ("a.mp4", Encoding("libx246"), "libx264"),
        ("a.mp4", Encoding("aac"), "audio"),
        ("a.webm", Encoding("libx264"), "webm"),
        ("a.mp4", Encoding(crf=52), "0 to 51"),
        ("a.mp4", Encoding(crf=-1), "0 to 51"),
        ("a.mkv", Encoding("ffv1", crf=3), "no crf"),
        ("a.webm", Encoding(lossless=True), "mkv"),
        ("a.mp4", Encoding("libx264", lossless=True), "mkv"),
        ("a.mkv", Encoding(crf=3, lossless=True), "crf"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(tmp_path, name, encoding, said):
    with pytest.raises(JobError, match=said):
        check_clip_output(tmp_path / name, encoding)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_does_not_exist_is_said_before_any_work(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        check_clip_output(tmp_path / "none" / "a.mp4", Encoding())


@pytest.mark.parametrize("error", [KeyboardInterrupt, JobError])
def test_a_clip_that_is_interrupted_leaves_what_was_there(tmp_path, error):
    target = tmp_path / "a.mp4"
    target.write_bytes(b"before")

    def broken():
        yield from frames_of(3)
        raise error("no more")

    with pytest.raises(error):
        write_clip(target, broken(), rate=TEN)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_disk_that_is_full_is_said(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with pytest.raises(ImageError, match="cannot be written"):
            write_clip(tmp_path / "a.mkv", noise(8, (96, 128)), rate=TEN, encoding=Encoding(lossless=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(tmp_path.iterdir())


def test_frames_must_have_one_size_and_increasing_times(tmp_path):
    one, other = frames_of(1)[0], frames_of(2, size=(32, 32))[1]
    with pytest.raises(ImageError, match="size"):
        write_clip(tmp_path / "a.mp4", [one, other], rate=TEN)
    with pytest.raises(ImageError, match="later"):
        write_clip(tmp_path / "a.mp4", [one, one], rate=TEN)
    with pytest.raises(ImageError, match="no frame"):
        write_clip(tmp_path / "a.mp4", [], rate=TEN)
