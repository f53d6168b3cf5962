"""What a visitor asks for: images and options, from which a job is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nst_cli.options.writing import arguments, command_line
from nst_core import Job, Session, make_job
from nst_core.job.schema import Region, Source

__all__ = ["DRAFT_SIZE", "DRAFT_STEPS", "Wish"]

DRAFT_SIZE = 256
"""Longest side in pixels of the draft that the small network makes first, which the large one goes on from."""

DRAFT_STEPS = 30
"""Evaluations of a draft's smallest level: some 80 in all, and 1.3 s on two cores."""


@dataclass(frozen=True)
class Wish:
    """A picture that somebody asks for.

    Attributes:
        photo: path of the photograph, or ``sample:NAME``.
        paintings: paths of the paintings.
        options: as :func:`nst_core.make_job` takes them.
        quick: whether the preset's small network makes all of it.
        base: a recipe that the options are laid over, ``None`` for that of the preset.
        recipe: what the file of the recipe is called.
        settings: of the page that it was made from, by key.
    """

    photo: str
    paintings: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    quick: bool = False
    base: Job | None = None
    recipe: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def job(self, session: Session) -> Job:
        """Return the job.

        Raises:
            NstError: an option makes no sense.
        """
        return self._made(session, {"fast": True} if self.quick else {})

    def draft(self, session: Session) -> Job | None:
        """Return the job of a draft that the small network makes in a second or two; ``None`` where there is none.

        Raises:
            NstError: an option makes no sense.
        """
        quick = session.registry.preset(self.options.get("preset", "")).quick_extractor
        if self.quick or not quick or {"extractor", "weights"} & {*self.options}:
            return None
        size = min(DRAFT_SIZE, self.options.get("size", Job.size))
        small = self._made(session, {"fast": True, "size": size})
        return replace(small, steps=min(DRAFT_STEPS, small.steps))

    @property
    def drawing(self) -> dict[str, Any]:
        """What of the options was drawn."""
        return {name: self.options[name] for name in ("regions", "keep") if name in self.options}

    def larger(self, size: int) -> Wish:
        """Return the same at a longest side of ``size`` pixels, whatever the photograph has."""
        return replace(self, options={**self.options, "size": size, "enlarge": True})

    def command(self) -> str:
        """Return the command that makes the same picture from the same files, each in the current folder."""
        given = {**self.options, **({"fast": True} if self.quick else {}), **self._masks()}
        recipe = []
        if self.recipe:
            in_file = Path(self.recipe).suffix.lower() in (".toml", ".json")
            recipe = ["--recipe" if in_file else "--from-image", self.recipe]
            given = {"regions": ["none"], "keep": "none", **given}  # masks are no part of what is taken up
        words = [_name(path) for path in (self.photo, *self.paintings)]
        return command_line("nst", "run", *words, *recipe, *arguments(given))

    def masks(self) -> list[str]:
        """Return the paths of all masks."""
        regions = [region.mask.path for region in self.options.get("regions", ())]
        return regions + ([self.options["keep"]] if "keep" in self.options else [])

    def _masks(self) -> dict[str, Any]:
        """Return the options that name masks, with the names that their files are downloaded under."""
        found: dict[str, Any] = {}
        regions: tuple[Region, ...] = self.options.get("regions", ())
        if regions:
            found["regions"] = [replace(region, mask=Source(_name(region.mask.path))) for region in regions]
        if "keep" in self.options:
            found["keep"] = _name(self.options["keep"])
        return found

    def _made(self, session: Session, more: Mapping[str, Any]) -> Job:
        return make_job(self.photo, list(self.paintings), base=self.base, session=session, **{**self.options, **more})


def _name(path: str) -> str:
    return path if path.startswith("sample:") else Path(path).name
