"""What is asked for becomes a job, a draft and a command."""

from __future__ import annotations

import shlex
from dataclasses import replace

from nst_cli.studio.wish import DRAFT_STEPS, Wish
from nst_core import Region, Source


def test_the_draft_is_small_and_of_the_small_network(session, wish):
    draft = wish(size=512, steps=100).draft(session)
    assert (draft.size, draft.steps) == (256, DRAFT_STEPS)
    assert wish(size=100, steps=5).draft(session).size == 100
    assert wish(size=100, steps=5).draft(session).steps == 5
    assert wish(quick=True).draft(session) is None
    assert wish(extractor="tiny").draft(session) is None


def test_the_command_makes_the_same_job(session, nst, images, wish, monkeypatch, tmp_path):
    monkeypatch.chdir(images)
    wanted = wish("one", "two", blend=[0.25, 0.75], strength=0.7, color="match:method=pca", plugins=["tv:weight=50.0"])
    words = shlex.split(wanted.command())
    assert words[:5] == ["nst", "run", "photo.png", "one.png", "two.png"]
    monkeypatch.setattr("nst_core.engine.session.default_registry", lambda: session.registry)
    monkeypatch.setattr("nst_core.api.default_registry", lambda: session.registry)
    done = nst(*words[1:], "--save-recipe", "recipe.toml", "--json")
    assert done.code == 0, done.err
    from nst_core import load_job

    made, expected = load_job("recipe.toml", session=session), wanted.job(session)
    for name in ("terms", "strength", "color", "size", "blend"):
        assert getattr(made, name) == getattr(expected, name)


def test_masks_are_named_as_they_are_downloaded(wish, images):
    regions = (Region("painting 2", Source(str(images / "one.png")), 2),)
    wanted = wish("one", "two", regions=regions, keep=str(images / "two.png"))
    assert "--region 'painting 2=one.png:style=2' --keep two.png" in wanted.command()
    assert wanted.masks() == [str(images / "one.png"), str(images / "two.png")]


def test_samples_and_recipes_are_named():
    wanted = replace(Wish("sample:landscape", ("sample:brushwork",)), recipe="mine.png", quick=True)
    assert wanted.command() == (
        "nst run sample:landscape sample:brushwork --from-image mine.png --fast --region none --keep none"
    )
    assert "--recipe look.toml" in replace(wanted, recipe="look.toml").command()


def test_a_larger_one_is_enlarged(wish, session):
    job = wish().larger(900).job(session)
    assert (job.size, job.enlarge) == (900, True)
