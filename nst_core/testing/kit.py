"""From a component to the checks that concern it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nst_core.components import (
    Executor,
    Extractor,
    FeatureLoss,
    ImageLoss,
    ImageTransform,
    Initializer,
    Loss,
    Optimizer,
    Parametrization,
    PointwiseLoss,
    Preset,
    StatisticLoss,
)
from nst_core.components.parameters import parameters_of
from nst_core.errors import PluginError
from nst_core.extras import install_command
from nst_core.job.schema import ParamValue
from nst_core.testing.check import Check

__all__ = ["conformance"]

Law = Callable[[Any], None]


def conformance(component: Callable[..., Any], **params: ParamValue) -> list[Check]:
    """List the checks of a component.

    Args:
        component: the class, or a function that gives a new instance every time it is called.
        params: constructor arguments. Of losses and initializers, every other choice of their ``Literal`` and ``bool``
            parameters is checked as well.

    Returns:
        Checks to be called in any order; their texts are names fit for the ids of a parametrized test.

    Raises:
        PluginError: it is not a component.
    """
    instance = component(**params)
    kind = next((kind for kind in _laws() if isinstance(instance, kind)), None)
    if kind is None:
        raise PluginError(f"{type(instance).__name__} is not a component; derive it from an interface in nst_core")
    variants = _variants(component, params) if isinstance(instance, Loss | Initializer) else [dict(params)]
    return [
        Check(_name(law, variant, params), law, functools.partial(component, **variant))
        for variant in variants
        for law in _laws()[kind]
    ]


def _name(law: Law, variant: Mapping[str, ParamValue], params: Mapping[str, ParamValue]) -> str:
    name = law.__name__.replace("_", "-")
    changed = ",".join(f"{key}={value}" for key, value in variant.items() if params.get(key) != value)
    return f"{name}[{changed}]" if changed else name


def _variants(component: Callable[..., Any], params: Mapping[str, ParamValue]) -> Iterator[dict[str, ParamValue]]:
    yield dict(params)
    if not inspect.isclass(component):
        return
    for parameter in parameters_of(component):
        if parameter.name in params:
            continue
        others: tuple[ParamValue, ...] = (True, False) if parameter.type is bool else parameter.choices
        for other in others:
            if other != parameter.default:
                yield {**params, parameter.name: other}


def _laws() -> dict[type, tuple[Law, ...]]:
    """Return the laws by kind; imported late, since hypothesis is not there on every user's machine."""
    try:
        from nst_core.testing import (
            executors,
            extractors,
            features,
            images,
            initializers,
            optimizers,
            parametrizations,
            pointwise,
            presets,
            statistics,
            transforms,
        )
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise PluginError(
            f"the conformance kit needs hypothesis; install it with: {install_command('testing')}"
        ) from error
    return {
        StatisticLoss: statistics.LAWS,
        PointwiseLoss: pointwise.LAWS,
        ImageLoss: images.LAWS,
        FeatureLoss: features.LAWS,
        Extractor: extractors.LAWS,
        Initializer: initializers.LAWS,
        Optimizer: optimizers.LAWS,
        Parametrization: parametrizations.LAWS,
        ImageTransform: transforms.LAWS,
        Executor: executors.LAWS,
        Preset: presets.LAWS,
    }
