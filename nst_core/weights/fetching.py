"""Official weights: from the torch hub cache, else from the network."""

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
from nst_core.weights.architecture import Architecture, Official
from nst_core.weights.importing import aligned
from nst_core.weights.weight_set import WeightSet, read_set

__all__ = ["Notify", "download", "fetch", "from_hub_cache", "to_stderr", "ways_out"]

Notify = Callable[[str], None]

# The downloader of torch has no time limit of its own and would wait for a silent server for ever.
_SECONDS_WITHOUT_AN_ANSWER = 30.0


def to_stderr(message: str) -> None:
    """Tell the user what takes time."""
    sys.stderr.write(f"{message}\n")


def fetch(architecture: Architecture, *, overwrite: bool = False, notify: Notify = to_stderr) -> WeightSet:
    """Have the official weights in the store under the architecture's name.

    Takes those that are there, then a verified file of the torch hub cache, and downloads else.

    Args:
        architecture: whose weights.
        overwrite: replace a set of that name.
        notify: is told what takes time.

    Raises:
        WeightsError: there are none, no network, the download failed or is not what it should be.
    """
    _official(architecture)
    path = store.path_of(architecture.name)
    if path.exists() and not overwrite:
        return read_set(path, architecture)
    return from_hub_cache(architecture, notify) or download(architecture, notify)


def from_hub_cache(architecture: Architecture, notify: Notify = to_stderr) -> WeightSet | None:
    """Take the official weights from the torch hub cache into the store, or return ``None``.

    A file there is used only if its SHA-256 is right.
    """
    official = architecture.official
    if official is None:
        return None
    cached = Path(torch.hub.get_dir()) / "checkpoints" / official.filename
    if not cached.is_file():
        return None
    if not files.sha256(cached).startswith(official.sha256_prefix):
        notify(f"{cached} is damaged (its SHA-256 is wrong) and not used")
        return None
    return _install(cached, architecture, official, notify)


def download(architecture: Architecture, notify: Notify = to_stderr) -> WeightSet:
    """Download the official weights into the store; see :func:`fetch`."""
    official = _official(architecture)
    url = official.url()
    notify(f"downloading {architecture.name} ({official.megabytes} MB) from {url}")
    try:
        store.folder().mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".download-", dir=store.folder())
    except OSError as error:
        raise WeightsError(f"cannot write to {store.folder()}: {error}. Set NST_HOME to another folder.") from error
    with scratch:
        target = Path(scratch.name) / official.filename
        try:
            with _time_limit(_SECONDS_WITHOUT_AN_ANSWER):
                torch.hub.download_url_to_file(
                    url, str(target), hash_prefix=official.sha256_prefix, progress=sys.stderr.isatty()
                )
        except RuntimeError as error:
            reason = "it broke off or was altered on the way (its SHA-256 is wrong)"
            raise WeightsError(_failed(architecture, url, reason)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WeightsError(_failed(architecture, url, str(error) or type(error).__name__)) from error
        return _install(target, architecture, official, notify)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _install(path: Path, architecture: Architecture, official: Official, notify: Notify) -> WeightSet:
    notify(f"measuring the layers of {architecture.name} (once, some seconds)")
    return store.save(
        architecture.name,
        aligned(files.read_state_dict(path), architecture),
        architecture,
        input=official.input,
        source=official.source,
        license=official.license,
    )


def _official(architecture: Architecture) -> Official:
    if architecture.official is None:
        raise unknown_name("official weight set", architecture.name, (), "Import a file: nst weights import FILE")
    return architecture.official


def _failed(architecture: Architecture, url: str, reason: str) -> str:
    return f"cannot download {url}: {reason}.\n{ways_out(architecture)}"


def ways_out(architecture: Architecture) -> str:
    """Say how a machine gets weights of this architecture."""
    lines = ["import a file you have:  nst weights import FILE", "name a weight set:  --weights PATH"]
    if architecture.official is not None:
        where = "where there is network (then copy its file, see 'nst weights path')"
        lines.insert(0, f"fetch {where}:  nst weights fetch {architecture.name}")
    return "Ways out:\n" + "\n".join(f"  - {line}" for line in lines)
