"""The roles of a loss: which image of the job it compares the pastiche with. One table; a new role is a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ROLES", "Role"]


@dataclass(frozen=True)
class Role:
    """What a loss is for.

    Attributes:
        name: as a loss class says it.
        source: which images give the target, "earlier" for those of earlier frames of a clip; "" for none.
        title: how listings call a loss of this role.
        exclusive: whether naming a loss of this role takes the place of those that the job had.
    """

    name: str
    source: Literal["content", "style", "earlier", ""]
    title: str
    exclusive: bool = True


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role("content", "content", "content loss"),
        Role("style", "style", "style loss"),
        Role("temporal", "earlier", "temporal loss"),
        Role("regularizer", "", "regularizer", exclusive=False),
    )
}
"""All roles by name, in the order in which a job lists its terms."""
