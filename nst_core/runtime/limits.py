"""What the shell lets a process have. Imports no torch, which cannot be loaded where that is too little."""

from __future__ import annotations

import sys

__all__ = ["address_space_limit"]


def address_space_limit() -> int | None:
    """Return the bytes of address space that this process may have, as ``ulimit -v`` sets it; ``None`` for any."""
    if sys.platform == "win32":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit
