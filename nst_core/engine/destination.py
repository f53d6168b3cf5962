"""Where the result of a run is to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Destination", "Metadata"]

Metadata = Literal["names", "full", "none"]
"""What a picture holds of its recipe: all but the folders of the files, all, or nothing."""


@dataclass(frozen=True)
class Destination:
    """What is needed to continue a run and write what it would have written.

    Attributes:
        picture: where the result is saved, "" if unknown.
        numbered: whether to choose another name if a file of that name exists by then.
        bits: of the picture.
        recipe: where the recipe is written as well, "" for nowhere.
        folder: that relative paths of the job start from, "" if unknown.
        metadata: what the picture holds of its recipe.
        frames: folder for the frames of a timelapse, "" for none.
        frames_every: steps from one frame to the next.
    """

    picture: str = ""
    numbered: bool = False
    bits: int = 8
    recipe: str = ""
    folder: str = ""
    metadata: Metadata = "names"
    frames: str = ""
    frames_every: int = 1
