"""What an option is applied with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nst_core.errors import JobError
from nst_core.files import is_file
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
        """Read ``NAME:key=value,…`` and check it against the registered component.

        Raises:
            JobError: there is no such component, or a parameter is wrong.
        """
        from nst_core.components.parameters import parse_spec

        if _looks_like_file(text):
            self._refuse_file(kind, text)
        return self.registry.checked(kind, parse_spec(text))

    def _refuse_file(self, kind: str, path: str) -> None:
        """Say how a file is given to a component, if there is one that takes files and none of that name."""
        from nst_core.components.parameters import format_spec

        entries = self.registry.entries(kind)
        specs = [format_spec(Component(e.name, {e.file_parameters[0]: path})) for e in entries if e.file_parameters]
        if specs and path.partition(":")[0] not in {entry.name for entry in entries}:
            raise JobError(f"'{path}' is a file; to use it as {kind}, write {' or '.join(specs)}")

    def role(self, term: Term) -> str:
        """Return the role of a term's loss."""
        return self.registry.get("loss", term.loss).role


def _looks_like_file(text: str) -> bool:
    return text.startswith("sample:") or re.search(r"\.[A-Za-z]\w{1,4}$", text) is not None or is_file(text)


Apply = Callable[[Job, Any, Context], Job]
