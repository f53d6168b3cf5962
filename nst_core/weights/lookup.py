"""Finding the weight set that a user's ``--weights`` refers to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nst_core.errors import NstError, WeightsError, unknown_name
from nst_core.files import exists, is_file
from nst_core.weights import files, store
from nst_core.weights.architecture import Architecture
from nst_core.weights.official import Notify, fetch, installation_help, write_to_stderr
from nst_core.weights.weight_set import WeightSet, read_weight_set

__all__ = ["find", "locate", "resolve_path", "scan_embedded", "several", "stored_as", "verify"]


def find(weights: str, architecture: Architecture, *, notify: Notify = write_to_stderr) -> WeightSet:
    """Find weights of an architecture: as a file, in the store, in the package of the network, or by a download.

    Args:
        weights: path of a weight file, name of a weight set, or "" for the default: the weight set of the store with
            the architecture's own name, else the newest one of the architecture in the store, else the embedded one.
            Only weights of an architecture without embedded ones are downloaded, if they are official.
        architecture: the architecture to find weights for.
        notify: called with a line of text before anything that takes time.

    Raises:
        UnknownNameError: there is no weight set of that name.
        WeightsError: the file is not usable, or nothing is found; the message says how to obtain weights.
    """
    if weights not in ("", architecture.name):
        return read_weight_set(resolve_path(weights, {architecture.name: architecture}), architecture)
    own = store.path_of(architecture.name)
    path = own if exists(own) else (None if weights else _newest(architecture)) or architecture.embedded
    if path is not None:
        return read_weight_set(path, architecture)
    if architecture.official is not None:
        return fetch(architecture, notify=notify)
    raise WeightsError(f"no weights of {architecture.name} on this machine.\n{installation_help(architecture)}")


def _newest(architecture: Architecture) -> Path | None:
    matching = [s.path for s in store.list_weight_sets() if s.architecture == architecture.name]
    return max(matching, key=lambda path: path.stat().st_mtime, default=None)


def scan_embedded(architectures: Iterable[Architecture]) -> tuple[list[WeightSet], list[WeightsError]]:
    """Return the weight sets that are part of packages, under their names, and an error for each unusable file.

    Args:
        architectures: the known architectures.
    """
    weight_sets, failures = [], []
    for architecture in architectures:
        if architecture.embedded is not None:
            try:
                found = read_weight_set(architecture.embedded, architecture)
            except WeightsError as error:
                failures.append(error)
            else:
                weight_sets.append(replace(found, name=architecture.embedded_name))
    return weight_sets, failures


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
    """Return how to refer to weights whose file has a known hash, in the package or wherever in the store they are.

    Nothing is downloaded or installed.

    Args:
        sha256: of the file, 64 hex digits.
        weights: how they were referred to: a path, a name, or "" for the default; it may mean others by now.
        architecture: the architecture of the network that they are for.

    Returns:
        ``weights`` if it can still mean that file, else the name of the embedded weight set or of that in the store
        that has the hash; ``weights`` too if there is none.
    """
    if weights:
        try:
            if files.sha256(resolve_path(weights, {architecture.name: architecture})) == sha256:
                return weights
        except NstError:  # neither a name nor a path any more
            pass
    stored = sum(s.architecture == architecture.name for s in store.list_weight_sets())
    if not weights and stored + (architecture.embedded is not None) < 2:
        return weights
    if architecture.embedded is not None and files.sha256(architecture.embedded) == sha256:
        return architecture.embedded_name
    return stored_as(sha256) or weights


def stored_as(sha256: str) -> str:
    """Return the name of the weight set in the store whose file has a hash, "" if there is none.

    Args:
        sha256: of the file, 64 hex digits.
    """
    return next((s.name for s in store.list_weight_sets() if s.sha256 == sha256), "")


def resolve_path(weights: str, architectures: Mapping[str, Architecture] | None = None) -> Path:
    """Return the file that a path or the name of a weight set refers to.

    Args:
        weights: path of a weight file, name of a weight set in the store or of an embedded one (``vgg19-embedded``),
            or name of an architecture, which means its embedded weights if the store has no set of that name.
        architectures: by name, those whose embedded weights may be meant.

    Raises:
        UnknownNameError: there is no weight set of that name.
        WeightsError: there is no file at that path.
    """
    path = Path(weights).expanduser()
    looks_like_path = os.sep in weights or "/" in weights or path.suffix in (".safetensors", ".pth", ".pt")
    if not looks_like_path:
        having = [(a, a.embedded) for a in (architectures or {}).values() if a.embedded is not None]
        embedded = {architecture.embedded_name: file for architecture, file in having}
        if weights in embedded:
            return embedded[weights]
        stored = store.path_of(weights)
        if exists(stored):
            return stored
        defaults = {architecture.name: file for architecture, file in having}
        if weights in defaults:
            return defaults[weights]
        if not is_file(path):
            names = (*(p.stem for p in store.store_folder().glob("*.safetensors")), *embedded)
            raise unknown_name("weight set", weights, names, "See 'nst weights list', or give the path of a file.")
    if not exists(path):
        raise WeightsError(f"the weight file {path} does not exist")
    return path


def verify(weights: str, architectures: Mapping[str, Architecture] | None = None) -> WeightSet:
    """Verify a weight file in full: header, shapes, digest and values.

    Args:
        weights: path of a weight file, or name of a weight set; see :func:`resolve_path`.
        architectures: known architectures by name; the shapes of a file of any other architecture are not checked.

    Returns:
        The verified weight set.

    Raises:
        UnknownNameError: there is no weight set of that name.
        WeightsError: the file is not valid; the message says why.
    """
    path = resolve_path(weights, architectures)
    weight_set = read_weight_set(path)
    architecture = (architectures or {}).get(weight_set.architecture)
    if architecture is not None:
        weight_set = read_weight_set(path, architecture)
    weight_set.tensors()
    return weight_set
