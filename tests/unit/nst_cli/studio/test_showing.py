"""What the page says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from nst_cli.studio.painting import View
from nst_cli.studio.showing import forecast, news, pictures, progress_of_finals, sentence
from nst_cli.studio.visitors import Limits, Studio
from nst_core import JobError

IMAGE = torch.full((1, 3, 36, 48), 0.5)


@pytest.fixture
def studio(session, tmp_path):
    made = Studio(tmp_path / "pictures", Limits(max_size=600), session)
    yield made
    made.close()


@pytest.fixture
def visitor(studio):
    return studio.enter("one")


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (View(), ""),
        (View(phase="waiting", place=2), "Waiting for a free worker: 2 before you."),
        (View(phase="waiting"), "Beginning …"),
        (View(phase="painting"), "Beginning …"),
        (View(phase="painting", stage="vgg19-lite", image=IMAGE), "Draft by vgg19-lite, 48 px"),
        (
            View(phase="painting", stage="vgg19", image=IMAGE, done=0.47, left=71.0),
            "vgg19, 48 px, 40 %, about 90 s left",
        ),
        (View(phase="failed", message="The disk is full"), "The disk is full"),
        (View(phase="stopped", image=IMAGE), "Stopped. Continue goes on from here."),
        (View(phase="finished", image=IMAGE), "Finished."),
        (View(phase="finished", image=IMAGE, kept="photo-one.png"), "Finished. Kept as photo-one.png."),
    ],
)
def test_the_state_is_said_in_a_line(visitor, view, status):
    assert json.loads(news(view, visitor, photo=False))["status"] == status.replace("90 s", "2 min")


def test_the_photograph_is_sent_when_it_is_asked_for(visitor):
    visitor.photo = "sample:landscape"
    assert "photo" not in json.loads(news(View(), visitor, photo=False))
    assert json.loads(news(View(), visitor, photo=True))["photo"].startswith("data:image/jpeg")
    visitor.photo = ""
    assert json.loads(news(View(), visitor, photo=True))["photo"] == ""


def test_the_curve_fits_its_box_and_leaves_out_what_is_not_finite(visitor):
    history = (100.0, float("inf"), 10.0, 1.0, 0.5)
    points = json.loads(news(View(history=history), visitor, photo=False))["curve"].split()
    pairs = [tuple(map(float, point.split(","))) for point in points]
    assert len(pairs) == 4
    assert all(0 <= x <= 100 and 0 <= y <= 40 for x, y in pairs)
    assert [y for _, y in pairs] == sorted(y for _, y in pairs), "downwards on the screen"
    assert json.loads(news(View(history=(1.0,)), visitor, photo=False))["curve"] == ""


def test_names_of_files_are_text_and_not_markup(visitor, session, wish, images):
    odd = images / "a&b<i>.png"
    (images / "one.png").rename(odd)
    wanted = replace(wish(quick=True, steps=1), paintings=(str(odd),))
    visitor.results.add(session.run(wanted.job(session)).exhaust(), wanted)
    shown = pictures(visitor)
    assert "<i>" not in shown
    assert "photo-a&amp;b&lt;i&gt;.png" in shown


def test_a_forecast_says_time_memory_and_the_largest_that_fits(studio, wish):
    told = forecast(studio, wish(), 128)
    assert told.startswith("128×96 px: about ")
    assert told.endswith("Up to 600 px fit.")
    assert forecast(studio, wish(), 10_000) == "From 64 to 600 px."


def test_large_pictures_are_said_to_wait(studio, visitor, wish, gate):
    studio.finals.add(wish(plugins=["waits"]), 64, visitor.name)
    gate.clear()
    assert progress_of_finals(studio, visitor).startswith('<p class="nst-final" role="status">64 px: ')
    gate.set()
    while studio.finals.of(visitor.name):
        pass
    assert progress_of_finals(studio, visitor) == ""


def test_errors_are_sentences():
    assert sentence(JobError("an option makes no sense")) == "An option makes no sense."
    assert sentence(JobError("Add one.")) == "Add one."
