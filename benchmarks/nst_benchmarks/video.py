"""How steady painted clips are, what that costs them, and how long a frame takes.

    python -m nst_benchmarks.video steadiness --clips square pan zoom rotation noise --frames 8
    python -m nst_benchmarks.video slider --clips square
    python -m nst_benchmarks.video drift --clips noise pan --frames 60
    python -m nst_benchmarks.video real CLIP --start 3 --end 4
    python -m nst_benchmarks.video speed              # on an idle machine

Most paint clips whose motion is known (:mod:`nst_benchmarks.clips`), once with every frame on its own and once
held together. The warping error is measured with the true flow, flicker without any; style and content losses are those
of the default look at the largest level.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nst_benchmarks.clips import CLIPS, Clip, make_clip
from nst_core import Job, Resources, Session, load_image, make_job
from nst_core.images.write import quantize
from nst_core.options.losses import with_temporal
from nst_core.video.flow import Frame, Motion
from nst_core.video.measures import flicker, warping_error
from nst_core.video.painting import STEPS, ClipPainter, Painted, as_tensor, first_job
from nst_core.video.reading import ClipSource

__all__ = ["drift", "speed", "steadiness"]

PICTURE, PAINTING = "sample:landscape", "sample:brushwork"


@dataclass(frozen=True)
class Setting:
    """How clips are painted.

    Attributes:
        job: of the frames.
        session: that they are painted in.
        steps: evaluations of a frame that follows another.
        resources: that a frame may use.
    """

    job: Job
    session: Session
    steps: int
    resources: Resources

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Setting:
        """Return what the command line says."""
        session = Session()
        options: dict[str, Any] = {"size": arguments.size, "extractor": arguments.extractor, "preset": arguments.preset}
        job = make_job(torch.zeros(1, 3, 1, 1), arguments.style, session=session, **options)
        job = with_temporal(job, session.registry, arguments.preset)
        return cls(job, session, arguments.steps, Resources(threads=arguments.threads))

    def painted(self, frames: Sequence[Frame], consistency: float) -> list[Painted]:
        """Paint frames in their order."""
        painter = ClipPainter(
            self.job, self.session, consistency=consistency, steps=self.steps, resources=self.resources
        )
        return [painter.paint(frame) for frame in frames]

    def losses(self, painted: Frame, source: Frame) -> dict[str, float]:
        """Return the weighted losses by role of a painted frame, at the largest level, without temporal ones."""
        registry = self.session.registry
        prepared = self.session.prepare(first_job(self.job, registry), content=as_tensor(source))
        problem = prepared.problem(image=as_tensor(painted))
        found, _ = problem.evaluate()
        roles = {
            label: registry.get("loss", t.loss).role for label, t in zip(self.job.labels, self.job.terms, strict=True)
        }
        sums: dict[str, float] = {}
        for (label, _), value, weight in zip(
            problem.objective.labels, found.losses.tolist(), problem.weights, strict=True
        ):
            sums[roles[label]] = sums.get(roles[label], 0.0) + value * weight
        return sums


def steadiness(setting: Setting, clip: Clip, consistency: float) -> dict[str, float]:
    """Return the figures of a clip at a consistency: means over its frames but the first, and those after cuts."""
    painted = setting.painted(clip.frames, consistency)
    frames = [one.frame for one in painted]
    following = [n for n in range(1, len(frames)) if n not in clip.cuts]
    losses = [setting.losses(frames[n], clip.frames[n]) for n in following]
    return {
        "warping_error": statistics.mean(
            warping_error(frames[n], frames[n - 1], clip.flows[n - 1], clip.visible[n - 1]) for n in following
        ),
        "flicker": statistics.mean(
            flicker(frames[n], frames[n - 1], clip.frames[n], clip.frames[n - 1]) for n in following
        ),
        "style": statistics.mean(loss["style"] for loss in losses),
        "content": statistics.mean(loss["content"] for loss in losses),
        "brightness": float(np.mean(frames[-1])) / 2.55,
        "evaluations": max(one.evaluations for one in painted[1:]),
        "cuts": sum(one.kind == "cut" for one in painted),
    }


def real(setting: Setting, frames: Sequence[Frame], consistency: float) -> dict[str, float]:
    """Return the figures of a clip whose flow is not known: measured along the flow that is found."""
    painted = setting.painted(frames, consistency)
    errors, flickers, losses = [], [], []
    for number, (before, now) in enumerate(itertools.pairwise(painted), 1):
        losses.append(setting.losses(now.frame, frames[number]))
        if now.kind == "cut":
            continue
        motion = Motion.between(frames[number], frames[number - 1])
        seen = motion.weight[0, 0].numpy() > 0.99
        errors.append(warping_error(now.frame, before.frame, motion.flow, seen))
        flickers.append(flicker(now.frame, before.frame, frames[number], frames[number - 1]))
    return {
        "warping_error": statistics.fmean(errors),
        "flicker": statistics.fmean(flickers),
        "style": statistics.fmean(loss["style"] for loss in losses),
        "content": statistics.fmean(loss["content"] for loss in losses),
        "evaluations": max(one.evaluations for one in painted[1:] if one.kind != "cut"),
        "cuts": sum(one.kind == "cut" for one in painted),
    }


def drift(setting: Setting, clip: Clip, consistency: float = 0.5) -> dict[str, list[float]]:
    """Return how far the mean of each colour, in percent of the range, is from that of the first frame, at the end.

    Beside it, how far that of the last frame painted on its own is.
    """
    painted = setting.painted(clip.frames, consistency)
    (alone,) = setting.painted(clip.frames[-1:], consistency)

    def mean(frame: Frame) -> Any:
        return frame.mean((0, 1)) / 2.55

    means = [mean(one.frame) for one in painted]
    return {
        "last from first": np.round(means[-1] - means[0], 3).tolist(),
        "largest from first": np.round(np.abs(np.array(means) - means[0]).max(0), 3).tolist(),
        "last from its own": np.round(means[-1] - mean(alone.frame), 3).tolist(),
        "contrast": [round(float(one.frame.std()) / 2.55, 3) for one in (painted[0], painted[-1], alone)],
    }


def speed(setting: Setting, clip: Clip, repeats: int = 3) -> dict[str, float]:
    """Return medians of the seconds of a frame, on its own and following another, alternating."""
    together = ClipPainter(setting.job, setting.session, steps=setting.steps, resources=setting.resources)
    together.paint(clip.frames[0])
    alone, following = [], []
    for number in range(1, repeats + 2):
        (one,) = setting.painted([clip.frames[number]], 0.0)
        next_one = together.paint(clip.frames[number])
        if number > 1:  # the first ones warm up
            alone.append(one.seconds)
            following.append(next_one.seconds)
    return {"alone": statistics.median(alone), "following": statistics.median(following)}


def main() -> None:
    """Print figures as JSON, one line for each clip and setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["steadiness", "slider", "drift", "real", "speed"])
    parser.add_argument("clip", nargs="?", help="file, for real")
    parser.add_argument("--clips", nargs="*", default=["square"], choices=CLIPS)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--extractor", default="auto")
    parser.add_argument("--preset", default="")
    parser.add_argument("--style", default=PAINTING)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--start", type=float)
    parser.add_argument("--end", type=float)
    arguments = parser.parse_args()
    setting = Setting.of(arguments)
    size = (round(arguments.size * 9 / 16 / 2) * 2, arguments.size)
    picture = quantize(load_image(PICTURE).pixels)

    def tell(name: str, **figures: Any) -> None:
        print(json.dumps({"clip": name, **figures}), flush=True)  # noqa: T201

    if arguments.what == "real":
        source = ClipSource(arguments.clip, start=arguments.start, end=arguments.end)
        height, width = source.info.size
        small = (round(height * arguments.size / width), arguments.size)
        frames = [
            frame.pixels
            for frame in ClipSource(arguments.clip, start=arguments.start, end=arguments.end, size=small).frames()
        ]
        for consistency in (0.0, 0.5):
            tell(arguments.clip, consistency=consistency, frames=len(frames), **real(setting, frames, consistency))
        return
    for name in arguments.clips:
        clip = make_clip(name, picture, size, arguments.frames)
        if arguments.what == "drift":
            tell(name, **drift(setting, clip))
        elif arguments.what == "speed":
            tell(name, **speed(setting, clip))
        else:
            values = (0.0, 0.5) if arguments.what == "steadiness" else (0.0, 0.25, 0.5, 0.75, 1.0)
            for consistency in values:
                tell(name, consistency=consistency, **steadiness(setting, clip, consistency))


if __name__ == "__main__":
    main()
