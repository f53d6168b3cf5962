"""What counts as a stall, and how often a run restarts."""

from __future__ import annotations

from nst_core.engine.progress import LEAST_GAIN, PATIENCE, RESTARTS, Progress


def idle(progress: Progress, best: float) -> None:
    for _ in range(PATIENCE):
        assert not progress.stalled
        progress.observe(best)


def test_a_total_that_does_not_fall_is_a_stall():
    progress = Progress()
    progress.observe(8.0)
    idle(progress, 8.0)
    assert progress.stalled


def test_a_fall_too_small_to_see_does_not_count_but_adds_up():
    progress = Progress()
    progress.observe(8.0)
    for i in range(1, PATIENCE):
        progress.observe(8.0 * (1 - 0.3 * LEAST_GAIN * i))
    assert not progress.stalled, "three falls of a third make a whole one"
    assert progress.idle < 4


def test_restarts_take_shorter_steps_until_they_were_all_in_vain():
    progress = Progress()
    progress.observe(8.0)
    for factor in RESTARTS:
        idle(progress, 8.0)
        assert progress.restart() == factor
    idle(progress, 8.0)
    assert progress.restart() is None


def test_progress_after_a_restart_counts_them_from_the_first_again():
    progress = Progress()
    progress.observe(8.0)
    idle(progress, 8.0)
    progress.restart()
    progress.observe(7.0)
    assert (progress.restarts, progress.idle) == (0, 0)


def test_negative_totals_fall_too():
    progress = Progress()
    for total in (-1.0, -2.0, -4.0):
        progress.observe(total)
        assert progress.idle == 0


def test_its_state_continues():
    progress = Progress()
    progress.observe(8.0)
    idle(progress, 8.0)
    progress.restart()
    assert Progress.from_state_dict(progress.state_dict()) == progress
