"""The pictures of many jobs under names of their own, and the table of them, as they are made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import JobError
from nst_core.experiments.batch import BatchObserver
from nst_core.experiments.publishing import check_free, index_row, publish, read_index, write_index

if TYPE_CHECKING:
    from nst_core.experiments.batch import JobOutcome

__all__ = ["Pictures"]

MOST_SHARE = 0.05
"""Share of the time that may go into writing the table: not every one of a thousand tiny jobs writes them all."""


class Pictures(BatchObserver):
    """Puts every picture under its name as soon as it is made, and into the table soon after.

    Attributes:
        index: path of the table.
    """

    def __init__(self, names: Sequence[str], prepared: Sequence[JobOutcome], folder: Path) -> None:
        """Publish what there is.

        Args:
            names: file names, one for each job.
            prepared: what there is of the jobs, see :func:`nst_core.experiments.batch.prepare`.
            folder: for pictures and table.

        Raises:
            JobError: a name is taken by another file, or the folder cannot be written to.
        """
        check_free(folder, names, prepared)
        self._names, self._folder = names, folder
        self._earlier = read_index(folder)
        self._rows = [index_row(name, result) for name, result in zip(names, prepared, strict=True)]
        self._due = 0.0
        self.index = self.write(prepared)

    def ended(self, number: int, result: JobOutcome) -> None:
        """Put a picture under its name."""
        self._put([(number, result)], at_once=time.monotonic() >= self._due)

    def write(self, results: Sequence[JobOutcome]) -> Path:
        """Write all pictures that there are, and the table, whose path is returned.

        Raises:
            JobError: the folder cannot be written to.
        """
        self._put([*enumerate(results)], at_once=True)
        return self.index

    def _put(self, results: Sequence[tuple[int, JobOutcome]], *, at_once: bool) -> None:
        try:
            for number, result in results:
                publish(result, self._folder / self._names[number])
                self._rows[number] = index_row(self._names[number], result)
            if at_once:
                began = time.monotonic()
                self.index = write_index(self._folder, self._rows, self._earlier)
                self._due = began + (time.monotonic() - began) / MOST_SHARE
        except OSError as error:
            raise JobError(
                f"the pictures could not be written to '{self._folder}': {error}; finished ones are kept in 'cells', "
                "and the same command continues"
            ) from None
