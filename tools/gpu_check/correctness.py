"""Losses, gradients, tiles and pixels of the device against those of the CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpu_check.jobs import job_of, pair_of, precisions, prepared
from gpu_check.report import Report, short


def correctness(report: Report) -> None:
    """Loss, gradient, tiles, and the loss of the pixels of whole runs on the device against the CPU in float32."""
    pair = pair_of(256 if report.gpu else 64)
    for network, lite, steps in (("vgg19-lite", True, 50), ("vgg19", False, 20 if report.gpu else 5)):
        _first_evaluations(report, pair, network, lite)
        _pixels(report, pair, network, lite, steps if report.gpu else min(steps, 15))
    _tiles(report)


def _first_evaluations(report: Report, pair: Any, network: str, lite: bool) -> None:
    import torch

    def evaluated(device: str, precision: str) -> tuple[float, torch.Tensor]:
        found, _ = prepared(pair, precision, device, lite=lite).problem().evaluate()
        return float(found.total), found.gradient.double().cpu()

    total, gradient = evaluated("cpu", "fp32")
    for precision in precisions(report):
        other_total, other = evaluated(report.device, precision)
        report.row(
            "first evaluation against fp32 on the CPU",
            network=network,
            what=f"{precision} on {report.device}",
            total=short(other_total),
            error_of_total=short(abs(other_total - total) / total),
            error_of_gradient=short(float((other - gradient).norm() / gradient.norm())),
            cosine=float(torch.cosine_similarity(other.flatten(), gradient.flatten(), dim=0)),
        )


def _pixels(report: Report, pair: Any, network: str, lite: bool, steps: int) -> None:
    """Run the same job here and on the CPU, and compute the losses of all the pictures by the same means."""
    from nst_core import Resources, Session, save_image

    judge = prepared(pair, "fp32", "cpu", lite=lite).problem()
    here = [(precision, report.device) for precision in precisions(report)]
    for precision, device in dict.fromkeys([("fp32", "cpu"), *here]):
        job = job_of(pair, precision, device, lite=lite, steps=steps)
        run = Session().run(job, content=pair.content, styles=[pair.style], resources=Resources(tile="off"))
        result = run.exhaust()
        picture = f"{network}-{precision}-{device}.png"
        save_image(result.image, report.file.parent / picture)
        report.row(
            "pixels",
            network=network,
            what=f"{precision} on {device}",
            evaluations=len(result.history),
            first=short(result.history[0]),
            total=short(result.total),
            loss_of_pixels_on_cpu=short(float(judge.evaluate(result.image.cpu())[0].total)),
            seconds=short(result.seconds),
            picture=picture,
        )


def _tiles(report: Report) -> None:
    large = pair_of(512 if report.gpu else 384)
    problem = prepared(large, "fp32", report.device, lite=True).problem()
    whole, _ = problem.evaluate()
    tiling = replace(problem.tiling, max_pixels=max(problem.tiling.min_pixels, problem.size[0] * problem.size[1] // 3))
    cut, _ = problem.evaluate(tiling=tiling)
    report.row(
        "tiles against the whole",
        tiles="×".join(map(str, tiling.grid(*problem.size))),
        error_of_total=short(abs(float(cut.total / whole.total) - 1)),
        error_of_gradient=short(float((cut.gradient - whole.gradient).norm() / whole.gradient.norm())),
    )
