"""The colour mode of a job: whether it can be used, and what the optimizer changes because of it."""

from __future__ import annotations

from nst_core.components import ImageTransform
from nst_core.components.registry import Registry
from nst_core.errors import JobError
from nst_core.job.schema import Component, Job

__all__ = ["check_transforms", "color_mode", "parametrization_of"]


def color_mode(job: Job, registry: Registry) -> ImageTransform | None:
    """Make the image transform that is the job's colour mode; ``None`` where it has none."""
    if job.color is None:
        return None
    found: ImageTransform = registry.create("transform", job.color)
    return found


def parametrization_of(job: Job, registry: Registry) -> Component:
    """Return the parametrization of a job: that of its colour mode, if it needs one, and otherwise the job's own.

    Raises:
        JobError: the colour mode needs one, and the job has chosen another: one that is no preset's.
    """
    needed = registry.get("transform", job.color.name).cls.parametrization if job.color else ""
    if not needed or job.parametrization.name == needed:
        return job.parametrization
    usual = sorted({preset.parametrization for preset in registry.presets().values()})
    if job.parametrization.name not in usual:
        color, own = (job.color.name if job.color else ""), job.parametrization.name
        raise JobError(
            f"the colour mode '{color}' needs the parametrization '{needed}', but the job has '{own}'; use "
            f"--parametrization {needed}, or another --color"
        )
    return Component(needed)


def check_transforms(job: Job, registry: Registry) -> None:
    """Check that colour mode and transforms of style images exist, and have the content image that they need.

    Raises:
        JobError: one needs a content image and the job has none, or another parametrization than the job's.
        UnknownNameError: one does not exist.
    """
    used = [job.color, *(style.transform for style in job.styles)]
    for component in dict.fromkeys(component for component in used if component is not None):
        transform: ImageTransform = registry.create("transform", component)
        if transform.needs_content and job.content is None:
            raise JobError(
                f"the image transform '{component.name}' needs a content image, but none is given; give one, or use "
                f"{'--color style' if component == job.color else '--style-transform none'}"
            )
    registry.create("parametrization", parametrization_of(job, registry))
