"""A picture that is painted by another thread: looked at, changed, stopped, continued, taken back."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
import torch

from nst_cli.studio.painting import Painting
from nst_core import JobError, UnknownNameError, make_job

SLOW = {"plugins": ["waits"]}


@pytest.fixture
def kept():
    return []


@pytest.fixture
def painting(session, desk, kept, gate):
    def keep(result, wish):
        kept.append((result, wish))
        return f"{len(kept)}.png"

    made = Painting(session, desk, keep)
    yield made
    made.close()
    gate.set()
    assert made.settled(30)


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_draft_and_then_the_picture(painting, wish, kept, session):
    assert painting.view.phase == "empty"
    wanted = wish()
    painting.paint(wanted)
    assert painting.settled(30)
    assert painting.view.phase == "finished"
    assert painting.view.done == 1.0
    assert painting.view.image.shape == (1, 3, 36, 48)
    ((result, of),) = kept
    assert of == wanted
    assert torch.equal(result.image, painting.view.image)
    assert "the run began with another picture" in result.remarks[-1]
    plain = make_job(wanted.photo, list(wanted.paintings), session=session, **wanted.options)
    assert (result.job.terms, result.job.size, result.job.steps) == (plain.terms, plain.size, plain.steps)
    assert len(painting.view.history) == result.evaluations


def test_the_small_network_alone_is_the_run_of_the_command(painting, wish, kept, session):
    painting.paint(wish(quick=True))
    assert painting.settled(30)
    ((result, of),) = kept
    again = session.run(of.job(session)).exhaust()
    assert torch.equal(result.image, again.image)
    assert result.remarks == again.remarks


def test_a_change_goes_on_from_the_picture_and_can_be_undone(painting, wish, kept, gate):
    first, second = wish(quick=True, steps=60, **SLOW), wish(quick=True, steps=60, strength=0.9, **SLOW)
    painting.paint(first)
    until(lambda: painting.view.size == 48)
    gate.clear()
    before = painting.view.image
    assert painting.change(second)
    gate.set()
    until(lambda: painting.can_undo and painting.view.image is not before and len(painting.view.history) > 1)
    assert painting.view.size == 48, "not from the smallest level again"
    painting.stop()
    assert painting.settled(30)
    assert painting.view.phase == "stopped"
    assert kept[-1][0].job.strength == 0.9
    assert kept[-1][0].stopped == "cancelled"
    assert painting.view.kept == f"{len(kept)}.png"
    assert painting.undo() == first
    assert painting.wish == first
    assert painting.view.phase == "stopped"
    assert (painting.view.image - before).abs().max() < 1 / 510, "to half a step of eight bits"
    assert painting.undo() is None


def test_a_draft_that_is_stopped_is_kept(painting, wish, kept, gate):
    painting.paint(wish(steps=30, **SLOW))
    until(lambda: painting.view.image is not None)
    gate.clear()
    painting.stop()
    gate.set()
    assert painting.settled(30)
    ((result, _),) = kept
    assert result.stopped == "cancelled"
    assert painting.view.kept == "1.png"
    painting.proceed(wish(steps=30, **SLOW))
    assert painting.settled(30)
    assert [level.size for level in kept[-1][0].levels] == [48], "the draft was made anew, and gone on from"


def test_another_photograph_begins_anew(painting, wish, kept, images):
    painting.paint(wish())
    assert painting.settled(30)
    other = replace(wish(), photo=str(images / "two.png"))
    painting.proceed(other)
    assert painting.settled(30)
    assert len(kept[-1][0].levels) == len(kept[0][0].levels)
    assert max(painting.view.image.shape[-2:]) == 44
    painting.clear()
    assert (painting.view.phase, painting.view.image, painting.can_undo) == ("empty", None, False)


def test_undoing_while_it_is_painted_paints_on(painting, wish, kept):
    first, second = wish(quick=True, steps=60, **SLOW), wish(quick=True, steps=60, strength=0.9, **SLOW)
    painting.paint(first)
    until(lambda: painting.view.size == 48)
    painting.change(second)
    until(lambda: painting.can_undo)
    assert painting.undo() == first
    assert painting.settled(60)
    assert painting.view.phase == "finished"
    assert kept[-1][1] == first


def test_changes_in_quick_succession_are_one(painting, wish):
    painting.paint(wish(quick=True, steps=200, **SLOW))
    until(lambda: painting.view.image is not None)
    time.sleep(1.1)
    for strength in (0.6, 0.7, 0.8):
        painting.change(wish(quick=True, steps=200, strength=strength, **SLOW))
    assert painting.wish.options["strength"] == 0.8
    painting.undo()
    assert not painting.can_undo
    painting.stop()


def test_what_was_stopped_goes_on_where_it_was(painting, wish, kept, session):
    wanted = wish(quick=True, steps=40, **SLOW)
    painting.paint(wanted)
    until(lambda: len(painting.view.history) > 3)
    painting.stop()
    assert painting.settled(30)
    made = kept[-1][0].evaluations
    painting.proceed(wanted)
    assert painting.settled(60)
    assert painting.view.phase == "finished"
    whole = session.run(wanted.job(session)).exhaust()
    assert made < kept[-1][0].evaluations == whole.evaluations
    assert torch.equal(kept[-1][0].image, whole.image), "as if it had never been stopped"


def test_what_is_finished_goes_on_at_its_own_size(painting, wish, kept):
    painting.paint(wish())
    assert painting.settled(30)
    painting.proceed(wish(strength=0.1))
    assert painting.settled(30)
    assert [level.size for level in kept[-1][0].levels] == [48]
    assert kept[-1][0].job.strength == 0.1


def test_who_waits_knows_the_place_and_may_go(painting, wish, desk, kept, session):
    hold = threading.Event()
    desk.submit(lambda: hold.wait(30))
    painting.paint(wish())
    other = Painting(session, desk, lambda *_: "")
    other.paint(wish())
    assert (painting.view.phase, painting.view.place) == ("waiting", 1)
    assert other.view.place == 2
    painting.stop()
    assert painting.view.phase == "empty"
    assert other.view.place == 1
    other.close()
    assert other.settled(1)
    hold.set()
    assert desk.wait_until_free(10)
    assert kept == []


def test_a_wish_that_makes_no_sense_changes_nothing(painting, wish):
    with pytest.raises(UnknownNameError, match="unknown transform 'nothing'"):
        painting.paint(wish(color="nothing"))
    assert painting.view.phase == "empty"
    painting.paint(wish())
    assert painting.settled(30)
    with pytest.raises(JobError, match="strength"):
        painting.proceed(wish(strength=7.0))
    assert painting.view.phase == "finished"


def test_what_goes_wrong_is_said_and_the_picture_remains(painting, wish, session, desk):
    painting.paint(replace(wish(), photo="missing.png"))
    assert painting.settled(30)
    assert painting.view.phase == "failed"
    assert "'missing.png' does not exist" in painting.view.message
    painting.paint(wish())
    assert painting.settled(30)

    def full(*_):
        raise JobError("the disk is full")

    other = Painting(session, desk, full)
    other.paint(wish())
    assert other.settled(30)
    assert (other.view.phase, other.view.message) == ("failed", "The disk is full")
    assert other.view.image is not None


def test_a_bug_is_not_shown_to_visitors(painting, wish, monkeypatch, caplog):
    monkeypatch.setattr("nst_core.engine.session.Session.run", lambda *_, **__: 1 / 0)
    painting.paint(wish())
    assert painting.settled(30)
    assert painting.view.phase == "failed"
    assert "ZeroDivisionError" in painting.view.message
    assert "division by zero" in caplog.text


def test_the_time_left_becomes_less(painting, wish, gate):
    painting.paint(wish(quick=True, steps=60, **SLOW))
    until(lambda: painting.view.left is not None)
    first = painting.view.left
    until(lambda: painting.view.done > 0.8)
    assert 0 < painting.view.left < first
