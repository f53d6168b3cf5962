"""The files that a job names: its images, its weights, and what parameters of its components name. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from nst_core.job.schema import Component, Job, ParamValue, Region, Source

__all__ = ["FileParameters", "NamedFile", "named_files", "with_file_names", "with_paths", "with_paths_from"]

_SAMPLE = "sample:"

FileParameters = Callable[[str, str], Iterable[str]]
"""Gives, for kind and name of a component, the names of its parameters that are paths."""


@dataclass(frozen=True)
class NamedFile:
    """A file that a job names.

    Attributes:
        role: what messages call it: "content image", "style image", "initial image", "weights", ….
        path: as the job has it; of weights also the name of a weight set.
        sha256: of the file, in hex; "" if the job leaves it open.
        options: names of the options, ``content`` and ``styles`` among them, that put another file in its place.
        form: how the first of these options names a file: ``FILE``, or ``image:path=FILE`` of a parameter.
    """

    role: str
    path: str
    sha256: str
    options: tuple[str, ...]
    form: str = "FILE"

    @property
    def is_path(self) -> bool:
        """Whether it is a path, and not the name of a weight set."""
        return self.role != "weights" or len(PureWindowsPath(self.path).parts) > 1 or "." in self.path


def named_files(job: Job, parameters: FileParameters | None = None) -> list[NamedFile]:
    """List the files that a job names, without bundled samples and images in memory; see :func:`with_paths`."""
    found: list[NamedFile] = []

    def note(file: NamedFile) -> str:
        found.append(file)
        return file.path

    with_paths(job, note, parameters)
    return list(dict.fromkeys(found))  # a map is that of several regions


def with_paths(job: Job, place: Callable[[NamedFile], str], parameters: FileParameters | None = None) -> Job:
    """Give every file that a job names another path; hashes stay.

    Args:
        job: the job.
        place: returns the new path of a file.
        parameters: which parameters of components are paths. A parameter is one, too, if the job holds its SHA-256
            (``path`` and ``path_sha256``), as pinned jobs always do; without this argument it is these alone.
    """

    def image(source: Source, role: str, option: str) -> Source:
        transform = source.transform
        if transform is not None:
            transform = component("transform", transform, "style_transform")
        path = source.path
        if _is_file(path):
            path = place(NamedFile(f"{role} image", path, source.sha256, (option,)))
        return replace(source, path=path, transform=transform)

    def mask(source: Source, role: str, options: tuple[str, ...], form: str = "FILE") -> Source:
        if not _is_file(source.path):
            return source
        return replace(source, path=place(NamedFile(role, source.path, source.sha256, options, form)))

    def region(given: Region) -> Region:
        if given.color:
            options, forms = ("region_maps", "regions"), ("MAP STYLE_MAP",) * 2
            roles = "map of the content image", f"map of style image {given.style}"
        else:
            options, forms = ("regions", "region_maps"), (f"{given.name}=FILE", f"{given.name}=MASK:style-mask=FILE")
            roles = f"mask of region '{given.name}'", f"style mask of region '{given.name}'"
        return replace(
            given,
            mask=mask(given.mask, roles[0], options, forms[0]),
            style_mask=mask(given.style_mask, roles[1], options, forms[1]) if given.style_mask else None,
        )

    def component(kind: str, given: Component, *options: str) -> Component:
        return Component(given.name, params(kind, given.name, given.params, options))

    def params(
        kind: str, name: str, given: Mapping[str, ParamValue], options: tuple[str, ...]
    ) -> dict[str, ParamValue]:
        declared = set(parameters(kind, name)) if parameters else set()
        changed = dict(given)
        for key, value in given.items():
            weights = kind == "extractor" and key == "weights"
            known = key in declared or f"{key}_sha256" in given
            if not (isinstance(value, str) and _is_file(value) and (weights or known)):
                continue
            if weights:
                file = NamedFile("weights", value, job.weights_sha256, ("weights", *options))
            else:
                role = "initial image" if kind == "initializer" else f"'{key}' of {kind} '{name}'"
                file = NamedFile(role, value, str(given.get(f"{key}_sha256", "")), options, f"{name}:{key}=FILE")
            changed[key] = place(file)
        return changed

    return replace(
        job,
        content=image(job.content, "content", "content") if job.content else None,
        styles=tuple(image(style, "style", "styles") for style in job.styles),
        regions=tuple(map(region, job.regions)),
        keep=mask(job.keep, "keep mask", ("keep",)) if job.keep else None,
        extractor=component("extractor", job.extractor, "extractor"),
        initializer=component("initializer", job.initializer, "init", "preset"),
        optimizer=component("optimizer", job.optimizer, "optimizer"),
        parametrization=component("parametrization", job.parametrization, "parametrization"),
        color=component("transform", job.color, "color") if job.color else None,
        terms=tuple(replace(t, params=params("loss", t.loss, t.params, ("plugins",))) for t in job.terms),
    )


def with_file_names(job: Job) -> Job:
    """Leave nothing but the file name of every path, which says nothing about the machine or its user."""
    return with_paths(job, lambda file: Path(file.path).name)


def with_paths_from(job: Job, folder: Path) -> Job:
    """Let paths start from a folder and no longer from the current one.

    Relative paths become relative to ``folder``, and so do absolute ones that lead into it; other absolute ones stay.
    """

    def place(file: NamedFile) -> str:
        path, base = Path(file.path).absolute(), folder.absolute()
        if not file.is_path or (Path(file.path).is_absolute() and not path.is_relative_to(base)):
            return file.path
        try:
            return os.path.relpath(path, base)
        except ValueError:  # another drive
            return str(path)

    return with_paths(job, place)


def _is_file(path: str) -> bool:
    return bool(path) and not path.startswith(_SAMPLE)
