"""Every built-in passes the conformance kit, and the kit fails what is wrong."""

from __future__ import annotations

import sys

import pytest
import torch
from tiny import LAYERS, TinyExtractor, tiny_registry

import nst_core.testing
from nst_core import (
    FeatureLoss,
    ImageLoss,
    ImageTransform,
    Initializer,
    JobError,
    Optimizer,
    PluginError,
    PointwiseLoss,
    Statistic,
    StatisticLoss,
    Tap,
    save_image,
)
from nst_core.ops import Projection, to_accumulation
from nst_core.testing import ConformanceError, NotApplicable, conformance, run_checks
from nst_plugins.extractors.vgg import Vgg19, Vgg19Lite
from nst_plugins.initializers.image import ImageStart
from nst_plugins.losses.gram_style import GramStyle
from nst_plugins.losses.mse_content import MseContent
from nst_plugins.losses.total_variation import TotalVariation
from nst_plugins.optimizers.adam import Adam
from nst_plugins.parametrizations.pixels import Pixels

BUILTINS = {
    f"{entry.kind}-{entry.name}": entry.cls
    for entry in tiny_registry().entries()
    if entry.kind != "extractor" and entry.name not in ("image", "ray")  # which need a file, and a cluster
}
PRESETS = [cls for name, cls in BUILTINS.items() if name.startswith("preset-")]


def failures(component, **params) -> dict[str, str]:
    checks = conformance(component, **params)
    assert len(checks) >= (1 if component in PRESETS else 4)
    return {str(o.check): o.detail for o in run_checks(checks) if o.verdict == "failed"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.once] if n.startswith("executor-") else []) for n in BUILTINS]
)
def test_every_builtin_conforms(name):
    assert failures(BUILTINS[name]) == {}


GEOMETRY = ("sees-what-it-declares", "is-the-same-in-tiles")


def test_extractors_conform(random_vgg19):
    """VGG-19's geometry is that of the small network, as the latter's tests show, and costs less to check there."""
    assert failures(TinyExtractor) == {}
    assert failures(Vgg19Lite) == {}
    checks = conformance(Vgg19, weights=str(random_vgg19))
    others = [check for check in checks if str(check) not in GEOMETRY]
    assert len(others) == len(checks) - len(GEOMETRY)
    assert [str(outcome) for outcome in run_checks(others) if outcome.verdict == "failed"] == []


def test_starting_from_a_file_conforms(tmp_path):
    save_image(torch.rand(1, 3, 24, 32), tmp_path / "start.png")
    assert failures(ImageStart, path="start.png") == {}


# What authors get wrong, and the checks that must notice.


class Averages(GramStyle):
    """Divides by the number of positions: the statistics of parts do not add up."""

    def statistic(self, feature, weight=None):
        found = super().statistic(feature, weight)
        return Statistic(found.means(), found.weight)


class IgnoresWeight(GramStyle):
    def statistic(self, feature, weight=None):
        return super().statistic(feature)


class SquaresWeight(GramStyle):
    """A weight of two counts four times."""

    def statistic(self, feature, weight=None):
        return super().statistic(feature, None if weight is None else weight.square())


class NarrowSums(GramStyle):
    def statistic(self, feature, weight=None):
        found = super().statistic(feature, weight)
        return Statistic(tuple(s.to(feature.dtype) for s in found.sums), found.weight)


class ForgetsTheBias(GramStyle):
    def projected_statistic(self, projection, feature, weight=None):
        return super().projected_statistic(
            Projection(projection.weight, torch.zeros_like(projection.bias)), feature, weight
        )


class UsesItsOwnChannels(GramStyle):
    def criterion(self, statistic, target, channels):
        return super().criterion(statistic, target, statistic.sums[0].shape[-1])


class DetachedStyle(GramStyle):
    def criterion(self, statistic, target, channels):
        return super().criterion(statistic.detach(), target, channels) + 0 * statistic.sums[0].sum()


class Offset(GramStyle):
    def criterion(self, statistic, target, channels):
        return super().criterion(statistic, target, channels) + 1e-3


class Roots(GramStyle):
    """A root without a guard: the gradient at the target is infinite."""

    def criterion(self, statistic, target, channels):
        return super().criterion(statistic, target, channels).sqrt()


class AveragesTheBatch(GramStyle):
    def criterion(self, statistic, target, channels):
        return super().criterion(statistic, target, channels) / statistic.weight.shape[0]


class Unscaled(MseContent):
    def pointwise(self, feature, target, weight=None):
        return super().pointwise(feature, target, weight) / feature.shape[-1]


class IgnoresWeightOfPoints(MseContent):
    def pointwise(self, feature, target, weight=None):
        return super().pointwise(feature, target)


class SaysItHeeds(FeatureLoss):
    """Heeds no weights."""

    takes_weights = True

    def forward(self, features, targets):
        wide = [(to_accumulation(features[k]), to_accumulation(targets[k])) for k in features]
        return sum((one.mean((2, 3)) - other.mean((2, 3))).square().sum() for one, other in wide)


class SumsByWeight(FeatureLoss):
    """Means without weights, but sums with them."""

    takes_weights = True

    def forward(self, features, targets):
        return sum((self.of(features, k) - self.of(targets, k)).square().sum() for k in features)

    def of(self, maps, layer):
        wide, weight = to_accumulation(maps[layer]), maps.weight(layer)
        return wide.mean((2, 3)) if weight is None else (wide * weight).sum((2, 3))


class Dice(FeatureLoss):
    """Draws from the global random numbers."""

    def forward(self, features, targets):
        means = [(features[k].float().mean((2, 3)) - targets[k].float().mean((2, 3))).square().sum() for k in features]
        return sum(means) * (1 + torch.rand(()))


class FirstLayerOnly(FeatureLoss):
    def forward(self, features, targets):
        name = next(iter(features))
        wide = [x if x.dtype == torch.float64 else x.float() for x in (features[name], targets[name])]
        return (wide[0].mean((2, 3)) - wide[1].mean((2, 3))).square().sum()


class Moody(FeatureLoss):
    """Its targets of a level are drawn anew every time."""

    def level_targets(self, targets, start, content):
        return {layer: found + torch.rand(()) for layer, found in targets.items()}

    def forward(self, features, targets):
        wide = [(to_accumulation(features[k]), to_accumulation(targets[k])) for k in features]
        return sum((one.mean((2, 3)) - other.mean((2, 3))).square().sum() for one, other in wide)


class ShortHalo(TotalVariation):
    halo = 0


class PerPixelVector(ImageLoss):
    def density(self, image):
        return image.square()


class Bright(Initializer):
    def initial(self, size, sources, generator):
        return torch.rand(1, 3, *size) * 2


class Clipboard(Initializer):
    def initial(self, size, sources, generator):
        return sources.content.clamp_(0.4, 0.6)


class Forgetful(Adam):
    """Its state has the point, but not the moments."""

    def load_state_dict(self, state):
        self.start(state["variable"])


class Undamped(Adam):
    def start(self, variable, damping=1.0):
        super().start(variable)


class InPlace(Adam):
    def step(self, loss, gradient):
        super().step(loss, gradient)
        return self._variable


class Uphill(Optimizer):
    def start(self, variable, damping=1.0):
        self.x, self.damping = variable, damping

    def step(self, loss, gradient):
        self.x = self.x + 1e-4 * self.damping * gradient
        return self.x

    def state_dict(self):
        return {"x": self.x}

    def load_state_dict(self, state):
        self.x = state["x"]


class Unclamped(Pixels):
    bounds = (0.2, 0.8)

    def decode(self, variable):
        return variable.detach().clamp(0, 1)


class Stopped(Pixels):
    def pull_back(self, variable, gradient):
        return gradient * ((variable >= 0) & (variable <= 1))


class Swapped(Pixels):
    def encode(self, image):
        return image.flip(1)


class Standardized(ImageTransform):
    """Divides by a deviation that may be zero."""

    def transform(self, image, content):
        return ((image - image.mean()) / image.std()).clamp(0, 1)


class BrightFinish(ImageTransform):
    def transform(self, image, content):
        return image

    def finish(self, pastiche, content):
        return pastiche * 2


class InvertedInPlace(BrightFinish):
    def finish(self, pastiche, content):
        return pastiche

    def content_image(self, content):
        return content.mul_(-1).add_(1)


class Modest(InvertedInPlace):
    """Says that it needs a content image, and never looks at it."""

    needs_content = True


class WrongGeometry(TinyExtractor):
    def taps(self):
        return {**LAYERS, "b": Tap(6, 3, 8), "c": Tap(8, 4, 10)}


class Unwritable(TinyExtractor):
    def taps(self):
        return {**LAYERS, "d,e": Tap(8, 4, 18)}


class AbsentPreset(TinyExtractor):
    style_layers = ("a", "d")


class Unordered(TinyExtractor):
    def network(self, layers):
        return super().network(sorted(layers))


class Training(TinyExtractor):
    def network(self, layers):
        return super().network(layers).train().requires_grad_(True)


@pytest.mark.once
@pytest.mark.parametrize(
    ("component", "noticed"),
    [
        (ForgetsTheBias, {"projected-statistic"}),
        (Averages, {"sums-over-positions", "is-the-same-in-tiles"}),
        (IgnoresWeight, {"splits-weights", "carries-its-weight"}),
        (SquaresWeight, {"splits-weights", "carries-its-weight"}),
        (NarrowSums, {"sums-in-float32"}),
        (UsesItsOwnChannels, {"normalises-by-the-nominal-channels"}),
        (DetachedStyle, {"is-a-scalar", "has-the-right-gradient"}),
        (Offset, {"is-zero-at-the-target"}),
        (Roots, {"is-finite-on-constant-maps"}),
        (AveragesTheBatch, {"adds-up-a-batch"}),
        (Unscaled, {"sums-over-positions"}),
        (IgnoresWeightOfPoints, {"splits-weights"}),
        (SaysItHeeds, {"heeds-weights"}),
        (SumsByWeight, {"takes-weights-of-one-for-none"}),
        (Dice, {"is-deterministic"}),
        (FirstLayerOnly, {"takes-several-layers"}),
        (Moody, {"has-level-targets-of-their-maps", "is-zero-at-the-target"}),
        (ShortHalo, {"looks-no-further-than-its-halo", "is-the-same-in-tiles"}),
        (PerPixelVector, {"gives-every-pixel-a-value"}),
        (Bright, {"gives-an-image", "follows-the-seed"}),
        (Clipboard, {"leaves-its-inputs-alone"}),
        (Forgetful, {"continues-from-its-state"}),
        (Undamped, {"obeys-damping"}),
        (InPlace, {"keeps-points-as-they-were"}),
        (Unclamped, {"keeps-its-bounds"}),
        (Stopped, {"keeps-its-bounds"}),
        (Swapped, {"comes-back"}),
        (Standardized, {"survives-flat-images"}),
        (BrightFinish, {"keeps-the-shape", "survives-flat-images"}),
        (InvertedInPlace, {"is-deterministic"}),
        (Modest, {"says-what-it-lacks"}),
        (Uphill, {"decreases-a-quadratic", "decreases-rosenbrock"}),
        (WrongGeometry, {"gives-the-layers-in-order", "sees-what-it-declares"}),
        (Unwritable, {"names-its-layers"}),
        (AbsentPreset, {"names-its-layers"}),
        (Unordered, {"gives-the-layers-in-order"}),
        (Training, {"is-frozen"}),
    ],
)
def test_the_kit_notices(component, noticed):
    found = {name.partition("[")[0] for name in failures(component)}
    assert noticed <= found, found


def test_checks_raise_for_pytest_and_say_what_they_demand():
    checks = {str(check): check for check in conformance(Offset)}
    check = checks["is-zero-at-the-target"]
    assert check.demand == "It is zero, and its gradient small, where pastiche and target agree."
    with pytest.raises(ConformanceError, match=r"at the target it is .* of its value elsewhere"):
        check()
    checks["is-deterministic"]()
    skipped = next(c for c in conformance(BUILTINS["initializer-noise"]) if str(c) == "says-what-it-lacks")
    with pytest.raises(NotApplicable, match="neither image"):
        skipped()


def test_every_choice_of_a_loss_is_checked_unless_it_is_given():
    names = [str(check) for check in conformance(GramStyle)]
    assert "is-a-scalar" in names
    assert "is-a-scalar[normalization=gatys]" in names
    given = [str(check) for check in conformance(GramStyle, normalization="gatys")]
    assert len(given) * 3 == len(names)
    assert not any("[" in name for name in given)


def test_what_is_no_component_and_a_missing_hypothesis_are_explained(monkeypatch):
    with pytest.raises(PluginError, match="dict is not a component"):
        conformance(dict)
    for name in list(sys.modules):
        if name.startswith("nst_core.testing.") and name.rpartition(".")[2] not in ("check", "kit"):
            monkeypatch.delitem(sys.modules, name)
            monkeypatch.delattr(nst_core.testing, name.rpartition(".")[2])
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(PluginError, match=r'pip install "hypothesis>='):
        conformance(GramStyle)


@pytest.mark.once
def test_an_error_in_a_component_fails_the_check_and_not_the_run():
    class Broken(PointwiseLoss):
        def pointwise(self, feature, target, weight=None):
            raise IndexError("no such channel")

    class Refusing(StatisticLoss):
        def statistic(self, feature, weight=None):
            raise JobError("not today")

        def criterion(self, statistic, target, channels):
            raise NotImplementedError

    for component, message in ((Broken, "IndexError: no such channel"), (Refusing, "JobError: not today")):
        found = failures(component)
        assert message in found["is-a-scalar"]
        assert len(found) > 5
