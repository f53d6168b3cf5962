"""What an option is applied with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nst_core.job.schema import Component, Job, Term

if TYPE_CHECKING:
    from nst_core.components.registry import Registry

__all__ = ["Apply", "Context"]


@dataclass(frozen=True)
class Context:
    """What an option may look at beside the job: the components there are, and all options that were given."""

    registry: Registry
    given: Mapping[str, Any]

    def component(self, kind: str, text: str) -> Component:
        """Read ``NAME:key=value,…`` and check it against the registered component."""
        from nst_core.components.parameters import parse_spec

        return self.registry.checked(kind, parse_spec(text))

    def role(self, term: Term) -> str:
        """Return the role of a term's loss."""
        return self.registry.get("loss", term.loss).role


Apply = Callable[[Job, Any, Context], Job]
