"""Large pictures: in the background, behind those who paint, and beyond the end of the studio."""

from __future__ import annotations

import shutil
import threading
import time

import pytest
import torch

from nst_cli.studio.finals import UNFINISHED, Finals
from nst_core import JobError, Resources, load_image

SLOW = {"plugins": ["waits"]}


@pytest.fixture
def made():
    return []


@pytest.fixture
def begin(session, desk, tmp_path, made, gate):
    opened = []

    def start(**resources) -> Finals:
        found = Finals(
            tmp_path / "pictures", session, desk, Resources(**resources), lambda final, wish: made.append((final, wish))
        )
        opened.append(found)
        return found

    yield start
    gate.set()
    for finals in opened:
        finals.close()


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_it_is_the_picture_of_the_command(begin, wish, session, tmp_path, made):
    finals = begin()
    final = finals.add(wish(), 64, "ada")
    until(lambda: not final.active)
    assert (final.state, final.message) == ("finished", "")
    assert final.path == tmp_path / "pictures" / "photo-one.png"
    expected = session.run(wish().larger(64).job(session)).exhaust()
    assert load_image(final.path).pixels.shape == (1, 3, 48, 64)
    assert (load_image(final.path).pixels - expected.image).abs().max() <= 0.5 / 255 + 1e-6
    assert finals.of("ada") == []
    assert [*(tmp_path / "pictures" / UNFINISHED).iterdir()] == []
    assert made[0][1] == wish().larger(64)


def test_it_waits_while_somebody_paints(begin, wish, desk, gate):
    finals, hold = begin(), threading.Event()
    final = finals.add(wish(steps=200, **SLOW), 64, "ada")
    gate.clear()
    until(lambda: final.state in ("painting", "waiting"))
    busy = desk.submit(lambda: hold.wait(30))
    gate.set()
    until(lambda: final.state == "paused")
    assert final.done < 1
    hold.set()
    busy.result(30)
    until(lambda: final.state == "finished")


def test_it_goes_on_after_a_restart_even_without_the_images(begin, wish, session, tmp_path, gate, images, monkeypatch):
    monkeypatch.setattr("nst_cli.studio.finals.EVERY", 0.0)
    expected = session.run(wish(**SLOW).larger(64).job(session)).exhaust()
    finals = begin()
    final = finals.add(wish(**SLOW), 64, "ada")
    until(lambda: final.done > 0.3)
    finals.close()
    assert final.active
    assert len([*(tmp_path / "pictures" / UNFINISHED).iterdir()]) == 1
    shutil.rmtree(images)  # those of the visitor, who has left
    begin()
    until(lambda: (tmp_path / "pictures" / "photo-one.png").exists())
    until(lambda: not [*(tmp_path / "pictures" / UNFINISHED).iterdir()])
    pixels = load_image(tmp_path / "pictures" / "photo-one.png").pixels
    assert torch.equal((pixels * 255).round(), (expected.image * 255).round()), "the same pixels"


def test_it_can_be_cancelled(begin, wish, tmp_path, gate):
    finals = begin()
    final = finals.add(wish(steps=200, **SLOW), 64, "ada")
    gate.clear()
    with pytest.raises(JobError, match="one large picture at a time"):
        finals.add(wish(), 64, "ada")
    finals.cancel("ada")
    gate.set()
    until(lambda: final.state == "cancelled")
    assert finals.of("ada") == []
    until(lambda: not [*(tmp_path / "pictures" / UNFINISHED).iterdir()])
    assert finals.add(wish(), 64, "ada").job.size == 64


def test_one_that_waits_is_cancelled_at_once(begin, wish, gate, tmp_path):
    finals = begin()
    finals.add(wish(steps=200, **SLOW), 64, "ada")
    final = finals.add(wish(), 64, "bob")
    gate.clear()
    finals.cancel("bob")
    assert final.state == "cancelled"
    assert finals.of("bob") == []
    assert not final.folder.exists()


def test_so_many_may_wait(begin, wish, gate, monkeypatch):
    monkeypatch.setattr("nst_cli.studio.finals.MOST_FINALS", 1)
    finals = begin()
    finals.add(wish(steps=200, **SLOW), 64, "ada")
    with pytest.raises(JobError, match="1 large pictures wait already"):
        finals.add(wish(), 64, "bob")


def test_what_does_not_fit_is_refused_before_any_work(begin, wish, tmp_path):
    finals = begin(memory_limit=1)
    with pytest.raises(JobError, match="needs at least"):
        finals.add(wish(), 64, "ada")
    assert not (tmp_path / "pictures" / UNFINISHED).exists()


def test_what_goes_wrong_is_told_to_its_owner(begin, wish, monkeypatch):
    finals = begin()
    monkeypatch.setattr("nst_core.engine.session.Session.run", lambda *_, **__: 1 / 0)
    final = finals.add(wish(), 64, "ada")
    until(lambda: not final.active)
    assert final.state == "failed"
    assert finals.of("ada") == [final]
    assert finals.of("bob") == []
    finals.cancel("ada")
    assert finals.of("ada") == []


def test_a_damaged_remainder_is_left_alone(begin, tmp_path, caplog):
    broken = tmp_path / "pictures" / UNFINISHED / "abc"
    broken.mkdir(parents=True)
    (broken / "job.json").write_text("{")
    begin()
    assert "cannot be continued" in caplog.text
    assert (broken / "job.json").exists()
