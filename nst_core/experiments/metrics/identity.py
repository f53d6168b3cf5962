"""The identity test: a method that is given one painting as content and as style has to give it back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from nst_core.api import make_job
from nst_core.engine.session import Session
from nst_core.errors import JobError
from nst_core.experiments.metrics.evaluation import evaluate_image
from nst_core.experiments.metrics.layers import layers_for
from nst_core.experiments.metrics.similarity import ssim
from nst_core.images import ImageInput
from nst_core.images.resize import resample
from nst_core.job.schema import Component, Job

__all__ = ["Identity", "identity_job", "measure_identity"]


@dataclass(frozen=True)
class Identity:
    """How far the picture of an identity test is from the painting.

    Attributes:
        rmse: root mean square difference of pixels and channels; 0 means equal, 1 is black against white.
        ssim: structural similarity of the lumas, at most 1; 1 means equal.
        pyramid: squared relative distance of the Gram matrices over layers and octaves; 0 means equal.
    """

    rmse: float
    ssim: float
    pyramid: float

    def to_dict(self) -> dict[str, float]:
        """Return plain data."""
        return asdict(self)


def identity_job(painting: str, session: Session, base: Job | None = None, **options: Any) -> Job:
    """Make the job of an identity test: ``painting`` is both content and style image.

    A job that would start from one of its images starts from noise instead: it would have passed before its first step.

    Args:
        painting: path of the painting.
        session: where names of components are looked up.
        base: a recipe to start from; its images are replaced.
        options: see :func:`nst_core.make_job`.

    Raises:
        JobError: the option ``init`` names a start that is made from an image.
    """
    registry = session.registry
    job = make_job(painting, painting, base=base, session=session, **options)
    start = registry.get("initializer", job.initializer.name).cls
    if not start.needs and not start.file_parameters:
        return job
    if "init" in options:
        raise JobError(
            f"an identity test cannot start from '{job.initializer.name}': it is passed before the first step if "
            "the picture starts as the painting; use a start that is made without an image, such as --init noise"
        )
    return replace(job, initializer=Component(registry.preset(registry.scratch_preset()).initializer))


def measure_identity(image: ImageInput, job: Job, *, session: Session) -> Identity:
    """Compare the picture of an identity test with its painting.

    Args:
        image: the picture.
        job: see :func:`identity_job`; its extractor, device and painting are used.
        session: its images and networks are used.

    Raises:
        JobError: the job has no style image.
        ImageError: an image cannot be read or is too small for a layer.
    """
    if not job.styles:
        raise JobError("an identity test needs a job with a style image")
    pixels = session.images.open(image, "image").at(None).pixels
    size = (pixels.shape[-2], pixels.shape[-1])
    decoded = session.images.open(job.styles[0].path, "style image")
    painting = resample(decoded.at(max(size), enlarge=True).pixels, size)
    figures = evaluate_image(
        pixels,
        job.extractor,
        session=session,
        style=painting,
        layers=layers_for(job, session),
        device=job.device,
    )
    rmse = float((pixels - painting).square().mean().sqrt())
    return Identity(rmse, ssim(pixels, painting), cast(float, figures.pyramid))  # there is a style image
