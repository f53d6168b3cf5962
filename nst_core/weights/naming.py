"""The names that files give to the tensors of a network, and the keys of the architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.weights.architecture import Architecture, KeyNaming
from nst_core.weights.checks import first_few

__all__ = ["Recognized", "recognize"]

# Components of a key that wrappers of modules add anywhere: DataParallel and torch.compile.
_WRAPPERS = frozenset({"module", "_orig_mod"})


@dataclass(frozen=True)
class Recognized:
    """The tensors of a file under the keys of an architecture.

    Attributes:
        tensors: by key; those that the architecture does not require have the keys of the file.
        naming: how the file names those that it does require.
    """

    tensors: dict[str, Tensor]
    naming: KeyNaming


def recognize(tensors: Mapping[str, Tensor], architecture: Architecture, source: str) -> Recognized:
    """Find the tensors of an architecture in a file, whatever prefix and whatever known naming their keys have.

    The prefix is any that they have in common, such as ``state_dict.``, ``model.`` or ``backbone.features.``. The
    prefix that all keys of the architecture have (``features.``) may be missing, and ``module.``, which
    ``DataParallel`` adds, may stand anywhere. The naming and the prefix with most tensors of the right shape are taken.

    Args:
        tensors: tensors by the keys of the file.
        architecture: the architecture that they should belong to.
        source: name of the file, for the message.

    Raises:
        WeightsError: the file has all of the weights twice, under two prefixes.
    """
    best, naming, found = (0, 0), KeyNaming({}), {"": dict[str, str]()}
    for each in _namings(architecture):
        for prefix, keys in _by_prefix(tensors, each).items():
            fitting = sum(tuple(tensors[theirs].shape) == architecture.shapes[ours] for ours, theirs in keys.items())
            score = (fitting, len(keys))
            if score > best:
                best, naming, found = score, each, {prefix: keys}
            elif score == best and naming is each:
                found[prefix] = keys
    if len(found) > 1 and best[0] == len(architecture.shapes):
        raise WeightsError(
            f"{source} holds weights of {architecture.name} several times, under keys that begin with "
            f"{first_few([repr(prefix) for prefix in found])}; save one of them to a file of its own, with torch.save"
        )
    keys = next(iter(found.values()))
    used = {*keys.values(), *architecture.shapes}
    others = {key: tensor for key, tensor in tensors.items() if key not in used or not keys}
    return Recognized({ours: tensors[theirs] for ours, theirs in keys.items()} | others, naming)


def _namings(architecture: Architecture) -> Iterator[KeyNaming]:
    """Yield the naming of the architecture, that of its only submodule, and the other known ones."""
    yield KeyNaming({key: key for key in architecture.shapes})
    if len({key.partition(".")[0] for key in architecture.shapes}) == 1:
        yield KeyNaming({key: key.partition(".")[2] for key in architecture.shapes})
    yield from architecture.other_namings


def _by_prefix(keys: Iterable[str], naming: KeyNaming) -> dict[str, dict[str, str]]:
    """Return the keys that a naming knows, by those of the architecture, for every prefix that some of them have."""
    wanted = {theirs: ours for ours, theirs in naming.keys.items()}
    found: dict[str, dict[str, str]] = {}
    for key in keys:
        parts = key.split(".")
        for cut in range(len(parts)):
            ours = wanted.get(".".join(part for part in parts[cut:] if part not in _WRAPPERS))
            if ours is not None and parts[cut] not in _WRAPPERS:
                prefix = ".".join(parts[:cut])
                found.setdefault(f"{prefix}." if prefix else "", {})[ours] = key
    return found
