"""Names of pictures after what they were made from: a template with fields, safe on every file system, none twice."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from nst_core.errors import JobError, unknown_name
from nst_core.files import fitting
from nst_core.job.schema import Job

__all__ = [
    "FIELDS",
    "TEMPLATE",
    "check_template",
    "different_names",
    "images_of",
    "picture_names",
    "safe_stem",
    "short_name",
]

FIELDS = ("content", "style", "seed", "preset", "number")
"""What a template may have in braces: names of the images, the seed, the preset, and the place in the batch from 1."""
TEMPLATE = "{content}-{style}"
SUFFIX = ".png"
_OTHER_SUFFIXES = (".jpg", ".jpeg", ".webp", ".tif", ".tiff")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_NUMBERED = re.compile(r"-\d+\.png$")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows keeps for devices, whatever their suffix."""


def short_name(path: str) -> str:
    """Return what people call an image: its file name without the suffix, or the name of a sample."""
    return path.replace("\\", "/").rsplit("/", 1)[-1].removeprefix("sample:").rsplit(".", 1)[0]


def safe_stem(text: str) -> str:
    """Return a text as the name of a file without its suffix: what a file system forbids becomes ``_``.

    Leading dots, which hide a file, go, and so do dots and spaces at the end, which Windows drops.
    """
    stem = _FORBIDDEN.sub("_", text).lstrip(". ").rstrip(". ")
    return f"{stem}_" if not stem or stem.split(".")[0].strip().lower() in _DEVICES else stem


def check_template(template: str) -> str:
    """Check a template and return it without the suffix ``.png``, which every name gets.

    Raises:
        UnknownNameError: there is no such field.
        JobError: it is no template, is empty, or would need folders or another format.
    """
    stem = template[: -len(SUFFIX)] if template.lower().endswith(SUFFIX) else template
    if not stem.strip():
        raise JobError(f"the name '{template}' is empty; write for example '{TEMPLATE}'")
    if stem.lower().endswith(_OTHER_SUFFIXES):
        raise JobError(f"pictures of a batch are PNG files; leave the suffix out of '{template}'")
    try:
        pieces = list(string.Formatter().parse(stem))
    except ValueError as error:
        raise JobError(f"the name '{template}' is not a template: {error}; write for example '{TEMPLATE}'") from None
    for text, field, form, _ in pieces:
        if found := _FORBIDDEN.search(text):
            raise JobError(f"the name '{template}' has '{found[0]}', which the name of a file cannot have")
        if field is not None and field not in FIELDS:
            raise unknown_name("field of a name", field, FIELDS)
        if form and "{" in form:
            raise JobError(f"the name '{template}' has braces within braces; write for example '{{number:03}}'")
    return stem


def picture_names(
    jobs: Sequence[Job],
    template: str = TEMPLATE,
    *,
    presets: Sequence[str] = (),
    folder: Path = Path(),
    earlier: Iterable[tuple[str, str, str]] = (),
) -> list[str]:
    """Return a file name for the picture of every job.

    Of several jobs with one name, the first has it, and the others get ``-2``, ``-3`` and so on in their order, as
    far as no other job has such a name. Names that differ in upper and lower case alone are one: not every file system
    tells them apart. A picture of the same images that has one of these names already keeps it. Names that are too
    long are cut.

    Args:
        jobs: in the order in which they are numbered.
        template: text with :data:`FIELDS` in braces; ``{number:03}`` is the number with three digits.
        presets: name of the preset of every job, for ``{preset}``; none by default.
        folder: where the pictures go, which decides how long names may be.
        earlier: name of a picture there, and what :func:`images_of` says of its job.

    Raises:
        UnknownNameError: there is no such field.
        JobError: the template is invalid.
    """
    stem = check_template(template)
    wanted = [
        safe_stem(_filled(stem, job, preset, number))
        for number, (job, preset) in enumerate(zip(jobs, presets or [""] * len(jobs), strict=True), 1)
    ]
    return different_names(wanted, folder, _kept(jobs, wanted, earlier, folder))


def different_names(wanted: Sequence[str], folder: Path = Path(), kept: Sequence[str] = ()) -> list[str]:
    """Return a file name for each of several pictures, all different.

    Args:
        wanted: names without suffix, as texts.
        folder: where the pictures go, which decides how long names may be.
        kept: names that they have already, "" for those that have none; none has by default.
    """
    wanted = [safe_stem(text) for text in wanted]
    names = list(kept) or [""] * len(wanted)
    plain = {_compared(fitting(folder, text, SUFFIX).name) for text in wanted}
    taken = {_compared(name) for name in names if name}
    for place, text in enumerate(wanted):
        if names[place]:
            continue
        name, number = fitting(folder, text, SUFFIX).name, 1
        while _compared(name) in taken or (number > 1 and _compared(name) in plain):
            number += 1
            name = fitting(folder, text, f"-{number}{SUFFIX}").name
        taken.add(_compared(name))
        names[place] = name
    return names


def images_of(job: Job) -> tuple[str, str]:
    """Return the paths of a job's content image and of its style images, several joined by ``;``."""
    return (job.content.path if job.content else "", ";".join(style.path for style in job.styles))


def _kept(
    jobs: Sequence[Job], wanted: Sequence[str], earlier: Iterable[tuple[str, str, str]], folder: Path
) -> list[str]:
    """Return the name that the picture of a job has already, "" where it has none that is wanted."""
    there: dict[tuple[str, str], list[str]] = {}
    for name, content, style in earlier:
        there.setdefault((content, style), []).append(name)
    names = []
    for job, text in zip(jobs, wanted, strict=True):
        having = there.get(images_of(job), [])
        name = next((name for name in having if _is_name_of(name, text, folder)), "")
        if name:
            having.remove(name)
        names.append(name)
    return names


def _is_name_of(name: str, text: str, folder: Path) -> bool:
    """Say whether a name is what a text becomes, with or without a number."""
    number = _NUMBERED.search(name)
    return name == fitting(folder, text, SUFFIX).name or (
        number is not None and name == fitting(folder, text, number[0]).name
    )


def _filled(stem: str, job: Job, preset: str, number: int) -> str:
    values = {
        "content": short_name(job.content.path) if job.content else "",
        "style": "+".join(short_name(style.path) for style in job.styles),
        "seed": job.seed,
        "preset": preset,
        "number": number,
    }
    try:
        return stem.format(**values)
    except (ValueError, TypeError) as error:
        raise JobError(f"the name '{stem}' is not a template: {error}; write for example '{{number:03}}'") from None


def _compared(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
