"""A job's options as a person types them: what the command line would have been."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from nst_core.job.schema import Region
from nst_core.options.table import OPTIONS
from nst_core.options.types import COMPONENTS, FLAG, LAYERS, MAPS, NAMES, REGIONS, SIZES, OptionType

__all__ = ["arguments", "command_line"]


def arguments(given: Mapping[str, Any]) -> list[str]:
    """Return the arguments of ``nst run`` that set options, in the order of the table.

    Args:
        given: values by name of the option, as :func:`nst_core.make_job` takes them.
    """
    return [
        word
        for option in OPTIONS
        if option.name in given
        for word in _written(option.flags, option.type, given[option.name])
    ]


def command_line(*words: str) -> str:
    """Return words as a shell reads them."""
    return shlex.join(words)


def _written(flags: Sequence[str], kind: OptionType, value: Any) -> list[str]:
    if kind is FLAG:
        return [flags[0]] if value else list(flags[1:])
    if kind in (COMPONENTS, NAMES, REGIONS):
        return [word for item in value for word in (flags[0], _region(item) if isinstance(item, Region) else item)]
    if kind is MAPS:
        return [flags[0], str(value[0]), ",".join(map(str, value[1:]))]
    if kind in (LAYERS, SIZES) and not isinstance(value, str):
        return [flags[0], ",".join(map(str, value))]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [flags[0], ",".join(_number(item) for item in value)]
    return [flags[0], _number(value) if isinstance(value, float) else str(value)]


def _region(region: Region) -> str:
    """Write a region as ``--region`` reads it."""
    values = {"style": "blend" if region.style == 0 else str(region.style)}
    if region.style_mask is not None:
        values["style-mask"] = region.style_mask.path
    if region.weight != 1.0:
        values["weight"] = _number(region.weight)
    if values == {"style": "1"}:
        return f"{region.name}={region.mask.path}"
    return f"{region.name}={region.mask.path}:{','.join(f'{key}={value}' for key, value in values.items())}"


def _number(value: float) -> str:
    """Write a number as short as it can be read back."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
