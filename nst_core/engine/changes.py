"""What may be changed of a job while it is carried out: what decides the objective, and not the images or sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from nst_core.components.registry import Registry
from nst_core.engine.colour import check_transforms
from nst_core.engine.pinning import check_terms
from nst_core.errors import JobError
from nst_core.job.schema import Job, Source
from nst_core.options.table import apply_options
from nst_core.runtime.cache import Cache

__all__ = ["CHANGEABLE", "changed_job"]

CHANGEABLE = ("terms", "styles", "color", "strength", "normalize_gradients")
"""Fields of a job that a run can go on with others of; of styles, all but the images."""


def changed_job(
    job: Job, options: Mapping[str, Any], registry: Registry, cache: Cache, *, earlier: bool = False
) -> Job:
    """Lay options over a job that is being carried out.

    Args:
        job: prepared.
        options: by name, as :func:`nst_core.make_job` takes them.
        registry: where names of components are looked up.
        cache: of the session.
        earlier: whether there are earlier frames.

    Raises:
        JobError: a value is invalid, or the option decides something that a run cannot change, such as the size.
    """
    changed = apply_options(job, registry, options)
    fixed = [field.name for field in fields(Job) if field.name not in CHANGEABLE]
    other = [name for name in fixed if getattr(changed, name) != getattr(job, name)]
    if list(map(_image, changed.styles)) != list(map(_image, job.styles)):
        other.append("styles")
    if other:
        raise JobError(f"a run cannot change {' and '.join(other)}; end it, and begin another one from its image")
    check_terms(changed, registry, cache, earlier=earlier)
    check_transforms(changed, registry)
    return changed


def _image(source: Source) -> tuple[str, str]:
    return source.path, source.sha256
