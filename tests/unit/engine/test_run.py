"""A run in one go: what it reports, what it guards against, and that the saved picture is what was optimized."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from problems import at, problem_of
from runs import CONTENT, STYLE, carry_out, job
from tiny import plugin, tiny_registry

from nst_core import (
    Checkpoint,
    FeatureLoss,
    ImageLoss,
    Initializer,
    Job,
    JobError,
    NonFiniteError,
    Optimizer,
    PluginError,
    Session,
    Step,
    load_image,
    make_job,
    run,
)
from nst_core.images import to_pil
from nst_core.ops import Native


def test_the_loss_goes_down_and_everything_is_reported(registry):
    steps: list[Step] = []
    result = carry_out(registry, steps.append)
    assert result.total < 0.2 * result.history[0]
    assert result.total == min(result.history)
    assert result.evaluations == len(steps) == 25
    assert [s.number for s in steps] == list(range(1, 26))
    assert [s.total for s in steps] == list(result.history)
    assert result.losses.keys() == {"mse-content", "gram-style"}
    assert result.losses["gram-style"].keys() == {"a", "b", "c"}
    assert result.image.shape == CONTENT.shape
    weighted = 10 * sum(result.losses["mse-content"].values()) + 1e7 * sum(result.losses["gram-style"].values())
    assert weighted == pytest.approx(result.total, rel=1e-5)
    assert result.stopped == "finished"


def test_one_seed_one_picture(registry):
    results = [carry_out(registry, preset="noise", seed=seed).image for seed in (0, 0, 1)]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "lbfgs:line_search=strong-wolfe"])
def test_the_magnitude_of_the_weights_does_not_matter(registry, optimizer):
    """α and β together times 10¹²: the same pictures, to rounding."""
    small, large = (
        carry_out(registry, optimizer=optimizer, steps=8, content_weight=a, style_weight=a * 1e6) for a in (1e-6, 1e6)
    )
    torch.testing.assert_close(small.image, large.image, atol=1e-3, rtol=0)
    assert large.total == pytest.approx(1e12 * small.total, rel=1e-2)


@pytest.mark.parametrize("preset", ["content", "noise"])
def test_the_saved_file_has_the_reported_loss(registry, preset, tmp_path):
    # Rough images, whose loss does not come down to what rounding to 8 bits makes.
    content, style = torch.rand(2, 1, 3, 24, 32, generator=torch.Generator().manual_seed(5))
    chosen = make_job(
        content, style, session=Session(registry), extractor="tiny", precision="fp32", preset=preset, steps=20
    )
    result = run(chosen, content=content, styles=style, session=Session(registry))
    outside = result.image.clamp(0.004, 0.996) != result.image
    assert outside.float().mean() > 0.02  # the box matters here
    result.save(tmp_path / "out.png")
    problem = problem_of(result.job, registry, content, style)
    saved = float(at(problem, load_image(tmp_path / "out.png").pixels).total)
    assert saved == pytest.approx(result.total, rel=0.02)


def test_the_result_is_inside_the_box_though_the_optimum_is_not(registry):
    class Brighter(ImageLoss):
        def density(self, image):
            return (image - 2).square().mean(dim=1)

    registry = tiny_registry(("bright", plugin(losses={"brighter": Brighter})))
    result = carry_out(registry, plugins=["brighter"], without=["gram-style", "mse-content"])
    assert result.image.max() <= 1
    assert result.image.min() == pytest.approx(1.0)
    assert result.total == pytest.approx(1.0, abs=1e-4)


def test_ctrl_c_gives_the_best_image_so_far(registry):
    def interrupt(step: Step) -> None:
        if step.number == 6:
            raise KeyboardInterrupt

    result = carry_out(registry, interrupt)
    assert result.stopped == "cancelled"
    assert result.evaluations == 6
    assert result.total == min(result.history)


def test_ctrl_c_before_the_first_evaluation_is_passed_on(registry, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("nst_core.engine.problem.Problem.evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        carry_out(registry)


class Cliff(Optimizer):
    """Steps of a fixed length along the gradient; the third ends in NaN unless it is damped."""

    def start(self, variable, damping=1.0):
        self.point, self.damping, self.count = variable, damping, 0

    def step(self, loss, gradient):
        self.count += 1
        if self.count == 3 and self.damping > self.brave:
            return torch.full_like(self.point, math.nan)
        self.point = self.point - 0.001 * self.damping * gradient.sign()
        return self.point

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    brave = 0.05


class Doomed(Cliff):
    brave = 0.0


def test_a_non_finite_value_rolls_back_and_is_said_once():
    registry = tiny_registry(("cliff", plugin(optimizers={"cliff": Cliff})))
    steps: list[Step] = []
    result = carry_out(registry, steps.append, optimizer="cliff", steps=12)
    assert sum(not math.isfinite(t) for t in result.history) == 2
    assert [s.note != "" for s in steps].count(True) == 1
    assert math.isfinite(result.total)
    assert torch.isfinite(result.image).all()
    assert result.evaluations == 12
    assert result.history[3 + 1] == pytest.approx(min(result.history[:3]), rel=1e-6)  # back at the best


def test_the_engine_gives_up_with_an_error():
    registry = tiny_registry(("doomed", plugin(optimizers={"doomed": Doomed})))
    with pytest.raises(NonFiniteError, match=r"again after 4 restarts.*mse-content at b.*lower the weights"):
        carry_out(registry, optimizer="doomed", steps=100)


def test_a_first_image_without_a_finite_loss_is_an_error(registry):
    with pytest.raises(NonFiniteError, match="at the first image"):
        carry_out(registry, style_weight=1e30, style_layers=["a=1e30"])


def test_it_stops_where_the_gradient_is_zero(registry):
    result = carry_out(registry, without=["gram-style"], init="content")
    assert (result.stopped, result.evaluations, result.total) == ("converged", 1, 0.0)
    torch.testing.assert_close(result.image, CONTENT)


def test_a_feature_loss_sees_whole_maps_of_all_its_layers():
    class Means(FeatureLoss):
        def forward(self, features, targets):
            return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)

    registry = tiny_registry(("means", plugin(losses={"means": Means})))
    result = carry_out(registry, plugins=["means:weight=3"], steps=3)
    assert result.losses["means"].keys() == {"a+b+c"}


def test_two_terms_of_one_loss_are_told_apart(registry):
    plugins = ["gram-style:layers=a", "gram-style:layers=b,weight=5"]
    result = carry_out(registry, plugins=plugins, steps=2)
    assert {k: list(v) for k, v in result.losses.items() if k != "mse-content"} == {
        "gram-style": ["a"],
        "gram-style#2": ["b"],
    }


def test_weights_of_the_network_never_get_gradients(registry):
    problem = problem_of(job(registry), registry, CONTENT, STYLE)
    assert all(not p.requires_grad for p in problem.objective._network._network.parameters())


def test_bfloat16_ends_near_float32(registry):
    results = [carry_out(registry, precision=precision, steps=40) for precision in ("fp32", "bf16")]
    assert results[1].job.precision == "bf16"
    assert results[1].image.dtype == torch.float32
    full, half = (min(result.history[:15]) for result in results)
    assert results[0].history[0] > 1000 * full
    assert half == pytest.approx(full, rel=0.25)
    # By the end three channels leave the noise of bfloat16 little to cancel in.
    assert results[1].history[0] > 10_000 * results[0].total
    assert results[1].total < 1.5 * results[0].total


def test_an_initializer_that_breaks_its_promise_is_named():
    class Small(Initializer):
        def initial(self, size, sources, generator):
            return torch.zeros(1, 3, 2, 2)

    registry = tiny_registry(("small", plugin(initializers={"small": Small})))
    with pytest.raises(
        PluginError, match=r"initializer .small. \(plugin .small. of package small-package 1.2\) must give"
    ):
        carry_out(registry, init="small")


def save(tensor: torch.Tensor, path: Path) -> str:
    array = (tensor[0].permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(array).save(path)
    return str(path)


def test_a_recipe_repeats_the_picture_exactly(registry, tmp_path):
    content, style = save(CONTENT, tmp_path / "c.png"), save(STYLE, tmp_path / "s.png")
    first = run(
        make_job(content, style, session=Session(registry), extractor="tiny", steps=5), session=Session(registry)
    )
    again = run(Job.from_toml(first.recipe), session=Session(registry))
    assert torch.equal(first.image, again.image)
    assert first.job.content.sha256 == again.job.content.sha256 != ""


def test_a_recipe_refuses_another_image(registry, tmp_path):
    content, style = save(CONTENT, tmp_path / "c.png"), save(STYLE, tmp_path / "s.png")
    done = run(
        make_job(content, style, session=Session(registry), extractor="tiny", steps=1), session=Session(registry)
    )
    save(STYLE, tmp_path / "c.png")
    with pytest.raises(Exception, match=r"content image .* is not the one the recipe was made with"):
        run(done.job, session=Session(registry))


def test_a_recipe_of_images_in_memory_needs_them_again(registry):
    done = carry_out(registry, steps=1)
    with pytest.raises(JobError, match="only in memory"):
        run(done.job, session=Session(registry))
    assert run(done.job, content=CONTENT, styles=STYLE, session=Session(registry)).total == done.total


def test_a_recipe_refuses_other_weights(registry):
    with pytest.raises(Exception, match="made with other weights"):
        run(replace(job(registry), weights_sha256="ab" * 32), content=CONTENT, styles=STYLE, session=Session(registry))


def test_starting_from_an_image_file_pins_its_content(registry, tmp_path):
    path = save(STYLE, tmp_path / "start.png")
    done = carry_out(registry, init=f"image:path={path}", steps=1)
    assert len(done.job.initializer.params["path_sha256"]) == 64
    save(CONTENT, tmp_path / "start.png")
    with pytest.raises(JobError, match="initial image"):
        run(done.job, content=CONTENT, styles=STYLE, session=Session(registry))


def test_images_that_are_too_small_say_which_layer_needs_more(registry):
    tiny_style = torch.rand(1, 3, 2, 24)
    with pytest.raises(Exception, match=r"style image has 32×3 pixels, but layer c needs at least 4×4"):
        run(job(registry), content=CONTENT, styles=tiny_style, session=Session(registry))


def test_small_images_are_not_enlarged_and_the_user_is_told(registry):
    result = carry_out(registry, steps=1, size=999)
    assert result.image.shape == CONTENT.shape
    assert any("content image has only 32×24" in said and "--enlarge" in said for said in result.remarks)


def transparent() -> Image.Image:
    image = to_pil(CONTENT).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 16, 12))
    return image


@pytest.mark.parametrize("size", [32, 16])
def test_a_transparent_photograph_gives_a_transparent_picture(registry, tmp_path, size):
    image, session = transparent(), Session(registry)
    options = {"preset": "content", "extractor": "tiny", "precision": "fp32", "steps": 3, "size": size}
    chosen = make_job(image, STYLE, session=session, **options)
    result = run(chosen, content=image, styles=STYLE, session=session)
    assert result.alpha.shape == (1, 1, size * 3 // 4, size)
    assert torch.equal(result.alpha, load_image(image, size=size).alpha)
    assert result.figures()["transparent"]
    assert result.to_pil().mode == "RGBA"
    opaque = image.convert("RGB")
    opaque.paste("white", (0, 0, 16, 12))
    same = run(chosen, content=opaque, styles=STYLE, session=session)
    assert same.alpha is None
    assert not same.figures()["transparent"]
    assert same.to_pil().mode == "RGB"
    for name in ("a.png", "a.webp", "a.tif"):
        result.save(tmp_path / name, quality=100)
        torch.testing.assert_close(load_image(tmp_path / name).alpha, result.alpha, atol=0.01, rtol=0)
    result.save(tmp_path / "a.jpg")
    assert load_image(tmp_path / "a.jpg").pixels[..., : size // 4, : size // 4].min() > 0.95


def test_what_is_transparent_takes_no_part_in_the_content_loss(registry):
    image, session = transparent(), Session(registry)
    chosen = make_job(
        image, session=session, preset="noise", extractor="tiny", precision="fp32", content_layers=["a"], levels="off",
        without=["gram-style"],
    )  # fmt: skip
    problem = session.prepare(chosen, content=image).problem()
    gradient = problem.evaluate()[0].gradient
    assert gradient[..., :10, :14].abs().max() == 0  # but for what the network sees from the rim
    assert gradient[..., 14:, 18:].abs().min() > 0
    alike = session.prepare(chosen, content=image.convert("RGB")).problem()
    assert alike.evaluate()[0].gradient[..., :10, :14].abs().max() > 0


def test_a_run_that_is_interrupted_has_alpha_of_the_size_that_it_has_reached(registry):
    image, session = transparent(), Session(registry)
    options = {"preset": "content", "extractor": "tiny", "precision": "fp32", "steps": 3, "levels": "16,32"}
    begun = session.run(make_job(image, STYLE, session=session, **options), content=image, styles=[STYLE])
    next(begun)
    assert begun.result().alpha.shape[-2:] == begun.result().image.shape[-2:] == (12, 16)


def test_size_and_style_scale(registry):
    result = carry_out(registry, steps=1, size=16, style_scale=0.5)
    assert result.image.shape == (1, 3, 12, 16)
    assert not any("content" in r for r in result.remarks)


def test_slow_kernels_are_remarked_on_unless_asked_for(registry, monkeypatch):
    monkeypatch.setattr("nst_core.ops.loading._load", lambda: Native(None, "they were not compiled"))
    monkeypatch.setenv("NST_NATIVE", "auto")
    assert any("slower Python kernels: they were not compiled" in r for r in carry_out(registry, steps=1).remarks)
    monkeypatch.setenv("NST_NATIVE", "0")
    assert not any("slower" in r for r in carry_out(registry, steps=1).remarks)
    monkeypatch.setenv("NST_NATIVE", "1")
    with pytest.raises(JobError, match="NST_NATIVE=1, but the native kernels cannot be used: they were not compiled"):
        carry_out(registry, steps=1)


def test_the_solution_of_an_optimizer_is_evaluated_last(registry):
    class Guesses(Optimizer):
        """Wanders off in small steps, and knows a good image."""

        def start(self, variable, damping=1.0):
            self.x = variable

        def step(self, loss, gradient):
            self.x = self.x + 0.001
            return self.x

        def solution(self):
            return CONTENT.clone()

        def state_dict(self):
            return {"x": self.x}

        def load_state_dict(self, state):
            self.x = state["x"]

    registry = tiny_registry(("guesses", plugin(optimizers={"guesses": Guesses})))
    seen = []
    result = carry_out(registry, seen.append, optimizer="guesses", steps=4, init="noise", style_weight=0)
    assert len(seen) == 4
    assert torch.equal(seen[-1].image, CONTENT)
    assert torch.equal(result.image, CONTENT)
    assert result.total == 0


def started(registry, start, **options):
    session = Session(registry)
    wanted = job(registry, levels="16,24,32", steps=8, **options)
    return session.run(wanted, content=CONTENT, styles=[STYLE], start=start)


@pytest.mark.parametrize(("size", "sizes"), [(12, [16, 24, 32]), (24, [24, 32]), (25, [32]), (64, [32])])
def test_a_run_goes_on_from_a_picture_at_the_levels_that_are_not_below_it(registry, size, sizes):
    start = torch.rand(1, 3, size * 3 // 4, size, generator=torch.Generator().manual_seed(3))
    run = started(registry, start)
    first = next(run)
    assert list(dict.fromkeys([max(first.image.shape)] + [max(step.image.shape) for step in run])) == sizes
    if size == 24:
        assert torch.equal(first.image, start)
    result = run.result()
    assert [level.size for level in result.levels] == sizes
    assert result.job == started(registry, CONTENT).prepared.job
    assert "the run began with another picture" in result.remarks[-1]


def test_the_picture_that_a_run_starts_from_is_finished_in_the_colour_mode(registry):
    run = started(registry, torch.full((1, 3, 24, 32), 0.5), color="luminance")
    step = next(run)
    assert step.image.std(dim=(-2, -1)).max() > 0.01, "its chroma is the photograph's"


@pytest.mark.parametrize(
    "start", [torch.zeros(3, 24, 32), torch.zeros(1, 4, 24, 32), torch.zeros(1, 3, 24, 32, dtype=torch.uint8)]
)
def test_a_start_that_is_no_picture_is_refused(registry, start):
    with pytest.raises(JobError, match="the start must be a picture of the shape"):
        started(registry, start)


def test_a_run_with_a_checkpoint_has_no_other_start(registry, tmp_path):
    with pytest.raises(JobError, match="omit the start, or the file"):
        Session(registry).run(
            job(registry), content=CONTENT, styles=[STYLE], start=CONTENT, checkpoint=Checkpoint(tmp_path / "a.ckpt")
        )
