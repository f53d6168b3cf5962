"""``nst identity``: whether a method gives a painting back that is both content and style."""

from __future__ import annotations

from typing import Annotated

import typer

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import OutputOptions, RecipeOptions, ReportOptions, ResourceOptions

__all__ = ["identity"]


def identity(
    painting: Annotated[str, typer.Argument(metavar="PAINTING", help="A file, or sample:brushwork.")],
    output: OutputOptions,
    options: JobOptions,
    recipe: RecipeOptions,
    resources: ResourceOptions,
    report: ReportOptions,
) -> None:
    """Paint PAINTING in its own manner, and measure how far the picture is from it.

    Starts from noise where the method would start from PAINTING. Prints the picture's path, the root mean square
    difference of its pixels (rmse, 0: equal), its structural similarity (ssim, 1: equal) and its style pyramid distance
    (pyramid, 0: equal).

    Examples:

    nst identity sample:brushwork

    nst identity painting.jpg --plugin w2-style --size 256
    """
    from nst_cli.execution.single import Delivery, carry_out
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core import Session
    from nst_core.experiments.metrics import identity_job, measure_identity

    check_no_folder(styles=[painting])
    session = Session()
    base = base_job(recipe.recipe, session.registry, replaced={"content", "styles", *options.given})
    job = identity_job(painting, session, base, **options.given)
    delivery = Delivery.chosen(output, suffix="-identity")
    carry_out(
        job,
        session,
        delivery,
        report,
        resources,
        measure=lambda picture: measure_identity(picture, job, session=session).to_dict(),
    )
