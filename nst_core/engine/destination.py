"""Where the result of a run is to go."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Destination"]


@dataclass(frozen=True)
class Destination:
    """What somebody who goes on with a run needs to know to leave what it would have left.

    Attributes:
        picture: where the result is to be saved, "" if nobody said.
        numbered: whether another name is to be taken where a file of that name is there by then.
        bits: of the picture.
        recipe: where the recipe is to be written too, "" for nowhere.
        folder: that relative paths of the job start from, "" if nobody said.
    """

    picture: str = ""
    numbered: bool = False
    bits: int = 8
    recipe: str = ""
    folder: str = ""
