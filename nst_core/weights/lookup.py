"""Finding the weight set that a user's ``--weights`` refers to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nst_core.errors import NstError, WeightsError, unknown_name
from nst_core.files import exists, is_file
from nst_core.weights import files, store
from nst_core.weights.architecture import Architecture
from nst_core.weights.official import Notify, download, install_from_hub_cache, installation_help, write_to_stderr
from nst_core.weights.weight_set import WeightSet, read_weight_set

__all__ = ["find", "find_local", "locate", "resolve_path", "several", "stored_as", "verify"]


def find(
    weights: str, architecture: Architecture, *, allow_download: bool = True, notify: Notify = write_to_stderr
) -> WeightSet:
    """Find weights of an architecture: as a file, in the store, in the torch hub cache, or by a download.

    Args:
        weights: path of a weight file, name of a weight set in the store, or "" for the default: the weight set
            with the architecture's own name, else the newest one of the architecture, else the official weights.
        architecture: the architecture to find weights for.
        allow_download: whether the official weights may be downloaded if nothing else is found.
        notify: called with a line of text before anything that takes time.

    Raises:
        UnknownNameError: there is no weight set of that name.
        WeightsError: the file is not usable, or nothing is found; the message says how to obtain weights.
    """
    if weights and (weights != architecture.name or exists(store.path_of(weights))):
        return read_weight_set(resolve_path(weights), architecture)
    local = install_from_hub_cache(architecture, notify) if weights else find_local(architecture, notify=notify)
    if local is not None:
        return local
    if allow_download and architecture.official is not None:
        return download(architecture, notify)
    raise WeightsError(f"no weights of {architecture.name} on this machine.\n{installation_help(architecture)}")


def find_local(architecture: Architecture, *, notify: Notify = write_to_stderr) -> WeightSet | None:
    """Find the default weights of an architecture in the store or the torch hub cache, without a download.

    Args:
        architecture: the architecture to find weights for.
        notify: called with a line of text before anything that takes time.

    Returns:
        The weight set, or ``None`` if this machine has none.

    Raises:
        WeightsError: the file found is not usable.
    """
    own = store.path_of(architecture.name)
    if own.exists():
        return read_weight_set(own, architecture)
    matching = [s for s in store.list_weight_sets() if s.architecture == architecture.name]
    if matching:
        return read_weight_set(max(matching, key=lambda s: s.path.stat().st_mtime).path, architecture)
    return install_from_hub_cache(architecture, notify)


def several(weight_set: WeightSet) -> list[str]:
    """Return the names of all weight sets in the store that the default could have been, sorted.

    Args:
        weight_set: the default weights of its architecture, as :func:`find` returned them.

    Returns:
        At least two names, or none: the weight set is the only one of its architecture, or not from the store.
    """
    names = [s.name for s in store.list_weight_sets() if s.architecture == weight_set.architecture]
    return names if len(names) > 1 and weight_set.path.parent == store.store_folder() else []


def locate(sha256: str, weights: str, architecture: Architecture) -> str:
    """Return how to refer to weights whose file has a known hash, wherever in the store they are by now.

    Nothing is downloaded or installed.

    Args:
        sha256: of the file, 64 hex digits.
        weights: how they were referred to: a path, a name, or "" for the default; it may mean others by now.
        architecture: the architecture of the network that they are for.

    Returns:
        ``weights`` if it can still mean that file, else the name of the weight set in the store that has the hash;
        ``weights`` too if there is none.
    """
    if weights:
        try:
            if files.sha256(resolve_path(weights)) == sha256:
                return weights
        except NstError:  # neither a name nor a path any more
            pass
    if not weights and sum(s.architecture == architecture.name for s in store.list_weight_sets()) < 2:
        return weights
    return stored_as(sha256) or weights


def stored_as(sha256: str) -> str:
    """Return the name of the weight set in the store whose file has a hash, "" if there is none.

    Args:
        sha256: of the file, 64 hex digits.
    """
    return next((s.name for s in store.list_weight_sets() if s.sha256 == sha256), "")


def resolve_path(weights: str) -> Path:
    """Return the file that a path or the name of a weight set refers to.

    Args:
        weights: path of a weight file, or name of a weight set in the store.

    Raises:
        UnknownNameError: there is no weight set of that name.
        WeightsError: there is no file at that path.
    """
    path = Path(weights).expanduser()
    looks_like_path = os.sep in weights or "/" in weights or path.suffix in (".safetensors", ".pth", ".pt")
    if not looks_like_path:
        stored = store.path_of(weights)
        if exists(stored):
            return stored
        if not is_file(path):
            names = (p.stem for p in store.store_folder().glob("*.safetensors"))
            raise unknown_name("weight set", weights, names, "See 'nst weights list', or give the path of a file.")
    if not exists(path):
        raise WeightsError(f"the weight file {path} does not exist")
    return path


def verify(weights: str, architectures: Mapping[str, Architecture] | None = None) -> WeightSet:
    """Verify a weight file in full: header, shapes, digest and values.

    Args:
        weights: path of a weight file, or name of a weight set in the store.
        architectures: known architectures by name; the shapes of a file of any other architecture are not checked.

    Returns:
        The verified weight set.

    Raises:
        UnknownNameError: there is no weight set of that name.
        WeightsError: the file is not valid; the message says why.
    """
    path = resolve_path(weights)
    weight_set = read_weight_set(path)
    architecture = (architectures or {}).get(weight_set.architecture)
    if architecture is not None:
        weight_set = read_weight_set(path, architecture)
    weight_set.tensors()
    return weight_set
