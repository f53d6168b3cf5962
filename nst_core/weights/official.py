"""Official weights: installed from the torch hub cache, or downloaded."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch.hub

from nst_core.errors import WeightsError, unknown_name
from nst_core.weights import files, store
from nst_core.weights.architecture import Architecture, OfficialWeights
from nst_core.weights.naming import recognize
from nst_core.weights.weight_set import WeightSet, read_weight_set

__all__ = ["Notify", "download", "fetch", "install_from_hub_cache", "installation_help", "write_to_stderr"]

Notify = Callable[[str], None]
"""Receives a line of text before anything that takes time."""

# The downloader of torch has no timeout of its own and would wait for a silent server for ever.
_TIMEOUT_SECONDS = 30.0


def write_to_stderr(message: str) -> None:
    """Write a line to the standard error stream."""
    sys.stderr.write(f"{message}\n")


def fetch(architecture: Architecture, *, overwrite: bool = False, notify: Notify = write_to_stderr) -> WeightSet:
    """Make sure that the official weights are in the store, under the architecture's name.

    Uses the weight set of that name if there is one, else a verified file in the torch hub cache, else a download.

    Args:
        architecture: the architecture to fetch weights for.
        overwrite: whether to replace a weight set of that name.
        notify: called with a line of text before anything that takes time.

    Raises:
        UnknownNameError: the architecture has no official weights.
        WeightsError: there is no network, the download failed, or its SHA-256 is wrong.
    """
    _require_official(architecture)
    path = store.path_of(architecture.name)
    if path.exists() and not overwrite:
        return read_weight_set(path, architecture)
    return install_from_hub_cache(architecture, notify, overwrite=overwrite) or download(
        architecture, notify, overwrite=overwrite
    )


def install_from_hub_cache(
    architecture: Architecture, notify: Notify = write_to_stderr, *, overwrite: bool = False
) -> WeightSet | None:
    """Install the official weights from the torch hub cache into the store.

    Args:
        architecture: the architecture to install weights for.
        notify: called with a line of text before anything that takes time, and if the cached file is damaged.
        overwrite: whether to replace a weight set that another process has installed meanwhile.

    Returns:
        The weight set, or ``None`` if the cache has no file with the right SHA-256.

    Raises:
        WeightsError: the cached file cannot be read, or the store cannot be written to.
    """
    official = architecture.official
    if official is None:
        return None
    cached = Path(torch.hub.get_dir()) / "checkpoints" / official.filename
    if not cached.is_file():
        return None
    if not files.sha256(cached).startswith(official.sha256_prefix):
        notify(f"ignoring {cached}: the file is damaged (its SHA-256 is wrong)")
        return None
    return _once(architecture, overwrite, notify, lambda: _install(cached, architecture, official, notify))


def download(architecture: Architecture, notify: Notify = write_to_stderr, *, overwrite: bool = False) -> WeightSet:
    """Download the official weights and install them into the store.

    Args:
        architecture: the architecture to download weights for.
        notify: called with a line of text before anything that takes time.
        overwrite: whether to replace a weight set that another process has installed meanwhile.

    Raises:
        UnknownNameError: the architecture has no official weights.
        WeightsError: there is no network, the download failed, its SHA-256 is wrong, or the store cannot be written to.
    """
    official = _require_official(architecture)
    return _once(architecture, overwrite, notify, lambda: _download(architecture, official, notify))


def _once(architecture: Architecture, overwrite: bool, notify: Notify, make: Callable[[], WeightSet]) -> WeightSet:
    """Make the weight set of that name while no other process does; one that there is by then is as good."""

    def waiting() -> None:
        notify(f"another nst is installing the weights of {architecture.name}; waiting for it")

    with store.writing(architecture.name, waiting):
        path = store.path_of(architecture.name)
        return read_weight_set(path, architecture) if path.exists() and not overwrite else make()


def _download(architecture: Architecture, official: OfficialWeights, notify: Notify) -> WeightSet:
    url = official.url()
    notify(f"downloading {architecture.name} ({official.megabytes} MB) from {url}")
    try:
        store.store_folder().mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".download-", dir=store.store_folder())
    except OSError as error:
        raise WeightsError(
            f"cannot write to {store.store_folder()}: {error}. Set NST_HOME to another folder."
        ) from error
    with scratch:
        target = Path(scratch.name) / official.filename
        try:
            with _socket_timeout(_TIMEOUT_SECONDS):
                torch.hub.download_url_to_file(
                    url, str(target), hash_prefix=official.sha256_prefix, progress=sys.stderr.isatty()
                )
        except RuntimeError as error:
            reason = "the file is incomplete or was altered on the way (its SHA-256 is wrong)"
            raise WeightsError(_download_failed(architecture, url, reason)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WeightsError(_download_failed(architecture, url, str(error) or type(error).__name__)) from error
        return _install(target, architecture, official, notify)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _install(path: Path, architecture: Architecture, official: OfficialWeights, notify: Notify) -> WeightSet:
    if architecture.calibrated_layers:
        notify(f"measuring the layers of {architecture.name} (once; takes some seconds)")
    return store.save(
        architecture.name,
        recognize(files.read_state_dict(path), architecture, str(path)).tensors,
        architecture,
        preprocessing=official.preprocessing,
        source=official.source,
        license=official.license,
    )


def _require_official(architecture: Architecture) -> OfficialWeights:
    if architecture.official is None:
        raise unknown_name("official weight set", architecture.name, (), "Import a file: nst weights import FILE")
    return architecture.official


def _download_failed(architecture: Architecture, url: str, reason: str) -> str:
    return f"cannot download {url}: {reason}.\n{installation_help(architecture)}"


def installation_help(architecture: Architecture) -> str:
    """Return the text that explains how to obtain weights of an architecture, one option a line."""
    options = ["import a file:  nst weights import FILE", "use a weight file or weight set:  --weights PATH"]
    if architecture.official is not None:
        where = "on a machine with network access, then copy the file ('nst weights path' shows where it is)"
        options.insert(0, f"fetch them {where}:  nst weights fetch {architecture.name}")
    return "To obtain weights, do one of these:\n" + "\n".join(f"  - {option}" for option in options)
