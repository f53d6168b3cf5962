"""The kinds of component: one table from which hooks, registry, scaffold, listings and conformance kit read.

A new kind is a base class, a row here, a hook in :mod:`nst_core.plugins.hookspecs`, its laws in
:mod:`nst_core.testing`, and templates of the scaffold.
"""

from __future__ import annotations

from dataclasses import dataclass

from nst_core.components.executor import Executor
from nst_core.components.extractor import Extractor
from nst_core.components.initializer import Initializer
from nst_core.components.loss import FeatureLoss, ImageLoss, Loss, PointwiseLoss, StatisticLoss
from nst_core.components.optimizer import Optimizer
from nst_core.components.parametrization import Parametrization
from nst_core.components.preset import Preset
from nst_core.components.transform import ImageTransform

__all__ = ["KINDS", "LOSS_KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """A kind of component.

    Attributes:
        name: in the singular, as ``nst plugins new --kind`` takes it.
        base: class that every component of this kind derives from.
        plural: in the name of its hook, ``nst_register_PLURAL``.
        usage: options that use the component ``NAME``.
        command: of ``nst`` that takes these options, with what comes before them.
        required: whether a run needs at least one.
        scaffold: whether ``nst plugins new`` makes packages with one.
    """

    name: str
    base: type
    plural: str
    usage: str
    required: bool = True
    command: str = "run photo.jpg painting.jpg"
    scaffold: bool = True

    @property
    def hook(self) -> str:
        """Name of the hook by which plugins register components of this kind."""
        return f"nst_register_{self.plural}"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("extractor", Extractor, "extractors", "--extractor NAME"),
        Kind("loss", Loss, "losses", "--plugin NAME"),
        Kind("initializer", Initializer, "initializers", "--init NAME"),
        Kind("optimizer", Optimizer, "optimizers", "--optimizer NAME"),
        Kind("parametrization", Parametrization, "parametrizations", "--parametrization NAME"),
        Kind("transform", ImageTransform, "transforms", "--color NAME", required=False),
        Kind(
            "executor",
            Executor,
            "executors",
            "--executor NAME",
            command="batch photos --styles painting.jpg",
        ),
        Kind("preset", Preset, "presets", "--preset NAME", scaffold=False),
    )
}

LOSS_KINDS: tuple[type[Loss], ...] = (StatisticLoss, PointwiseLoss, ImageLoss, FeatureLoss)
"""The kinds of sum over positions that a loss can be; every loss derives from exactly one."""
