"""Distil the embedded extractor from VGG-19.

    python tools/distill/train.py --teacher VGG19 --corpus CACHE --checkpoint FILE --minutes 60

CACHE is what corpus.py wrote, FILE what start.py or an earlier run of this script wrote: training goes on from there,
with a schedule of its own, and FILE is replaced every two minutes. The process may be stopped and continued (SIGSTOP,
SIGCONT).
"""

from __future__ import annotations

import argparse
import math
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from batches import Batches, Pool
from painting import Snapshot, iterates
from student import CONVOLUTIONS, Average, Student
from torch import Tensor, nn

from nst_core.files import atomic_write
from nst_core.ops import accelerated
from nst_plugins.extractors.vgg import Vgg19

STYLE = Vgg19.style_layers
# Of the normalised squared error of every tap, and of the relative squared error of the Gram matrices.
TAP_WEIGHT = dict.fromkeys(STYLE, 2.0) | {"conv3_2": 0.5, "conv4_2": 0.5, "conv5_2": 0.5}
TAPS = tuple(name for name in CONVOLUTIONS if name in TAP_WEIGHT)
LARGEST_WINDOW = 32
# Blocks 1 and 2 cost most and learn fastest: once they have begun they take part in every third batch only.
DEEP_CYCLE = 3
DEEP_TAPS = tuple(name for name in TAPS if name[4] not in "12")
GRAM_WEIGHT = dict.fromkeys(STYLE, 3.0) | {"conv4_4": 4.0, "conv5_4": 6.0}
PAINT_EVERY = 10
# Batches with the teacher's answers that are kept; every second batch is one of them again, with other windows.
REPLAY = 60
SAVE_SECONDS = 120.0


def window(side: int, generator: torch.Generator) -> tuple[slice, slice]:
    """Return the part of a map that is compared: not all of a large one, for the sake of time."""
    if side <= LARGEST_WINDOW:
        return slice(None), slice(None)
    top, left = (int(torch.randint(side - LARGEST_WINDOW + 1, (), generator=generator)) for _ in range(2))
    return slice(top, top + LARGEST_WINDOW), slice(left, left + LARGEST_WINDOW)


def losses(
    student: Student,
    found: dict[str, Tensor],
    targets: dict[str, Tensor],
    taps: tuple[str, ...],
    generator: torch.Generator,
) -> tuple[Tensor, dict[str, float]]:
    """Return the training loss, and the errors by tap: normalised squared error, relative squared Gram error."""
    total = torch.zeros(())
    report = {}
    for name in taps:
        rows, columns = window(found[name].shape[-1], generator)
        target = targets[name][..., rows, columns].float()
        answer = student.heads[name](found[name][..., rows, columns]).float()
        error = F.mse_loss(answer, target) / target.square().mean().clamp_min(1e-2)
        total = total + TAP_WEIGHT[name] * error
        if name in STYLE:
            report[name] = error.item()
            grams = [x.flatten(2) @ x.flatten(2).transpose(1, 2) for x in (answer, target)]
            size = grams[1].square().sum((1, 2))
            relative = (grams[0] - grams[1]).square().sum((1, 2)) / size.clamp_min(0.1 * float(size.mean()))
            total = total + GRAM_WEIGHT[name] * relative.log1p().mean()
            report[f"gram {name}"] = relative.mean().item()
    return total, report


def save(
    path: Path, student: Student, average: Average, optimizer: torch.optim.Optimizer | None, batches: int, pool: Pool
) -> None:
    """Write a checkpoint, completely or not at all."""
    state: dict[str, Any] = {
        "widths": student.widths,
        "student": {k: v.detach().contiguous() for k, v in student.named_parameters()},
        "average": average.values,
        "optimizer": optimizer.state_dict() if optimizer else None,
        "batches": batches,
        "pool": list(pool.images),
    }
    with atomic_write(path, ".partial") as temporary:
        torch.save(state, temporary)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True, help="weight set of VGG-19")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0, help="wall time until the learning rate is zero")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--warm", type=int, default=0, help="batches before blocks 1 and 2 rest")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Train until the time is over."""
    asked = options()
    torch.set_num_threads(asked.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(asked.seed)
    generator = torch.Generator().manual_seed(asked.seed)

    teacher: nn.Module = accelerated(Vgg19(weights=asked.teacher).build(TAPS).bfloat16())
    corpus = torch.load(asked.corpus)
    images: list[Tensor] = corpus["photographs"] + corpus["generated"]
    state = torch.load(asked.checkpoint)
    student = Student(state["widths"], TAPS).to(memory_format=torch.channels_last)
    student.load_state_dict(state["student"], strict=False)
    average = Average(student, 0.998)
    average.load(state["average"], updates=state["batches"])
    optimizer = torch.optim.Adam(student.parameters(), asked.rate, betas=(0.9, 0.999), fused=True)
    if state["optimizer"]:
        optimizer.load_state_dict(state["optimizer"])
    number = state["batches"]
    pool = Pool(state["pool"])
    first = number
    batches = Batches(images, pool, generator)

    began = saved = time.monotonic()
    smooth: dict[str, float] = {}
    answered: deque[tuple[Tensor, dict[str, Tensor]]] = deque(maxlen=REPLAY)
    while (progress := (time.monotonic() - began) / (60 * asked.minutes)) < 1:
        if number % PAINT_EVERY == 0 and len(answered) >= 10:
            for image in iterates(Snapshot(average.values), images, corpus["generated"], generator):
                pool.add(image)
        if len(answered) < REPLAY or number % 2 == 0:
            batch = batches.draw().contiguous(memory_format=torch.channels_last)
            with torch.no_grad():
                targets = dict(zip(TAPS, teacher(batch), strict=True))
            answered.append((batch, targets))
        else:
            batch, targets = answered[int(torch.randint(REPLAY, (), generator=generator))]
        warm = min(1.0, (number - first + 1) / 100)
        for group in optimizer.param_groups:
            group["lr"] = asked.rate * warm * 0.5 * (1 + math.cos(math.pi * progress))
        with torch.autocast("cpu", torch.bfloat16):
            deep_only = number > asked.warm and number % DEEP_CYCLE != 0
            found = student(batch, frozen=2 if deep_only else 0)
            total, report = losses(student, found, targets, DEEP_TAPS if deep_only else TAPS, generator)
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 2.0)
        optimizer.step()
        average.update(student)
        number += 1
        for key, value in {"deep" if deep_only else "all": total.item(), **report}.items():
            smooth[key] = value if key not in smooth else 0.98 * smooth[key] + 0.02 * value
        if number % 50 == 0:
            line = " ".join(f"{k.replace('conv', '')}={v:.4f}" for k, v in smooth.items())
            print(f"{number} {(time.monotonic() - began) / 60:.1f} min pool={len(pool.images)} {line}", flush=True)
        if time.monotonic() - saved > SAVE_SECONDS:
            save(asked.checkpoint, student, average, optimizer, number, pool)
            saved = time.monotonic()
    save(asked.checkpoint, student, average, optimizer, number, pool)


if __name__ == "__main__":
    main()
