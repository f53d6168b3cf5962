"""``nst batch``: many photographs, with results named after them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import OUTPUT, RESOURCES, FolderOptions, RecipeOptions, ReportOptions, WorkOptions
from nst_core.errors import JobError
from nst_core.experiments.naming import FIELDS, TEMPLATE
from nst_core.options.table import IMAGES

__all__ = ["batch"]


def batch(
    folder: FolderOptions,
    options: JobOptions,
    recipe: RecipeOptions,
    report: ReportOptions,
    work: WorkOptions,
    contents: Annotated[
        list[str] | None, typer.Argument(metavar="CONTENT", help="Photographs: files, folders or patterns.")
    ] = None,
    styles: Annotated[
        list[str] | None,
        typer.Option(metavar="X Y Z", help="Paintings: files, folders or patterns.", rich_help_panel=IMAGES),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Go into the folders of folders, too.", rich_help_panel=IMAGES)
    ] = False,
    pair: Annotated[
        bool,
        typer.Option(
            "--pair",
            help="The first photograph with the first painting, the second with the second, and so on.",
            rich_help_panel=IMAGES,
        ),
    ] = False,
    jobs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Make the jobs of a list instead: CSV or TOML with content, style and options of each.",
            rich_help_panel=IMAGES,
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE",
            help=f"Name of the pictures, with {', '.join(f'{{{field}}}' for field in FIELDS)}.",
            rich_help_panel=OUTPUT,
        ),
    ] = TEMPLATE,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Go on as images arrive, until Ctrl-C.", rich_help_panel=IMAGES),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show names, time and memory without running.",
            rich_help_panel=RESOURCES,
        ),
    ] = False,
) -> None:
    """Paint every photograph in the manner of every painting; each picture is named after its images.

    Finished pictures are never made twice: the same command makes what is new. One that fails stops no other.

    Examples:

    nst batch photos --styles painting.jpg -o out

    nst batch "photos/**/*.jpg" --styles paintings --recursive --name "{number:03}-{content}-{style}"

    nst batch photos --styles painting.jpg --workers 2 --watch

    nst batch --jobs jobs.csv --size 768
    """
    from nst_cli.execution.forecast import forecast
    from nst_cli.execution.many import Plan, carry_out_all
    from nst_cli.execution.watching import carry_out_watching
    from nst_cli.options.jobs import BatchJobs, Choice, chosen_jobs
    from nst_core import Session
    from nst_core.experiments.naming import check_template

    check_template(name)
    session, target = Session(), folder.folder or Path("nst-batch")
    choice = Choice(contents or [], styles or [], recursive=recursive, pair=pair, jobs=jobs)

    def found() -> BatchJobs:
        return chosen_jobs(choice, options, recipe, session, target, name)

    if watch and dry_run:
        raise JobError("--dry-run shows what there is now; leave out --watch")
    if watch:
        carry_out_watching(found, session, target, report, work)
        return
    jobs_found = found()
    for text in jobs_found.skipped:
        report.say(f"skipped: {text}")
    do = forecast if dry_run else carry_out_all
    plan = Plan("Batch", jobs_found.sheets, jobs_found.names, compared=False)
    do(plan, session, target, report, work, jobs_found.skipped)
