"""The studio behind the page: who is there, with which images, and how many may be."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from nst_cli.options.groups import SAMPLES
from nst_cli.studio.desk import Desk
from nst_cli.studio.finals import Final, Finals
from nst_cli.studio.painting import Painting
from nst_cli.studio.results import Results, other_name
from nst_cli.studio.wish import Wish
from nst_core import ImageError, Job, JobError, NstError, Resources, Result, Session, load_job
from nst_core.images.read import Decoded, decode
from nst_core.job.named_files import named_files

__all__ = ["MOST_PAINTINGS", "Limits", "Studio", "Visitor", "check_uploaded"]

_log = logging.getLogger(__name__)

MOST_PAINTINGS = 4
"""Paintings that a picture can have."""

MOST_STEPS = 1000
"""Evaluations of the smallest level that a recipe may ask for."""

MOST_BYTES = 300 * 10**6
"""Of images that a visitor may upload."""

IDLE_SECONDS = 3600.0
"""After this long without a word a visitor makes room for another one, if the studio is full."""

LINGER_SECONDS = 120.0
"""How long a file in the cache of the page stays at least: so long that the browser has fetched it."""


@dataclass(frozen=True)
class Limits:
    """What an operator allows.

    Attributes:
        visitors: at once.
        workers: pictures that are painted at once.
        max_size: longest side in pixels of a large picture.
        live_size: longest side in pixels of a picture that is painted live.
        upload_bytes: size of an image file.
        resources: of a run.
    """

    visitors: int = 20
    workers: int = 1
    max_size: int = 4096
    live_size: int = 1024
    upload_bytes: int = 30 * 10**6
    resources: Resources = field(default_factory=Resources)


def check_uploaded(source: str, cache: Path, role: str) -> Path:
    """Return the path of a file that a visitor uploaded. A request may name any file, and Gradio lets some pass.

    Args:
        source: what the request names.
        cache: folder of the page for uploads.
        role: what messages call it.

    Raises:
        JobError: it is no file, or another one of this machine.
    """
    path = Path(source)
    if not (path.resolve().is_relative_to(cache.resolve()) and path.is_file()):
        raise JobError(f"the {role} is no file that was uploaded here; upload it again")
    return path


def _remark(path: Path, decoded: Decoded, role: str) -> str:
    """Say what of an image is not what its owner may expect."""
    frames = 1
    with suppress(Exception), Image.open(path) as image:  # formats that Pillow does not read have one picture
        frames = getattr(image, "n_frames", 1)
    remarks = []
    if frames > 1:
        remarks.append(f"The {role} has {frames} frames or pages; the first one is used.")
    if decoded.alpha is not None:
        kept = "the picture is transparent there, too" if role == "photograph" else "it is taken for white there"
        remarks.append(f"The {role} is transparent in part; {kept}.")
    return " ".join(remarks)


class Visitor:
    """One open page: its images, its picture, its results. Files of a visitor are gone when the page is closed."""

    def __init__(self, studio: Studio, name: str, folder: Path) -> None:
        """Let somebody in; see :meth:`Studio.enter`."""
        self.name, self.folder = name, folder
        self.seen = time.time()
        self.photo = ""
        self.paintings: list[str] = [""] * MOST_PAINTINGS
        self.base: Job | None = None
        self.recipe = ""
        self.drawing: Mapping[str, Any] = {}  # options that were drawn
        self.following = 0  # which of the page's requests for news is the last one
        self.cached: set[Path] = set()  # what the page still shows of it
        self._cache = studio.cache
        self._names: set[str] = set()
        self._bytes = 0
        self.results = Results(studio.folder, folder / "results")
        self.painting = Painting(studio.session, studio.desk, self._keep, studio.limits.resources)

    @property
    def slots(self) -> list[int]:
        """Which of the fields for paintings are filled, from 0."""
        return [number for number, path in enumerate(self.paintings) if path]

    @property
    def chosen(self) -> list[str]:
        """Paths of the paintings that there are."""
        return [path for path in self.paintings if path]

    def take(self, source: str, role: str) -> tuple[str, str]:
        """Check an image and copy it into the visitor's folder, under its own name.

        Args:
            source: path in the cache of the page.
            role: what messages call it.

        Returns:
            The path of the copy, and what the visitor should know of the image, or "".

        Raises:
            ImageError: it is no image that can be used.
            JobError: it is no file that was uploaded, or the visitor has uploaded too much.
        """
        original = check_uploaded(source, self._cache, role)
        self._bytes += original.stat().st_size
        if self._bytes > MOST_BYTES:
            raise JobError(f"more than {MOST_BYTES // 10**6} MB were uploaded from this page; reload it to go on")
        self.cached.add(original)
        name = other_name(original.name, self._names)  # in the equivalent command, every image has its own
        place = self.folder / "images" / str(len(self._names))
        try:
            place.mkdir(parents=True)
            copy = Path(shutil.copyfile(original, place / name))
            decoded = decode(copy, role)
        except OSError as error:
            raise ImageError(f"the {role} could not be stored: {error.strerror}") from error
        except NstError as error:
            shutil.rmtree(place)
            raise type(error)(str(error).replace(str(place / name), original.name)) from None
        self._names.add(name)
        return str(copy), _remark(copy, decoded, role)

    def take_recipe(self, source: str, session: Session) -> Job:
        """Take up the recipe in an earlier picture, or in a file; images and masks are not part of it.

        Raises:
            NstError: there is none, or it names a file of its own.
        """
        check_uploaded(source, self._cache, "recipe")
        try:
            job = load_job(source, session=session)
        except NstError as error:
            raise type(error)(str(error).replace(source, Path(source).name)) from None
        if job.content is None or not job.styles:
            raise JobError("this recipe is of a texture or a reconstruction; drop one of a photograph with paintings")
        styles = tuple(replace(style, transform=None) for style in job.styles)
        job = replace(
            job.without_control(), color=job.color, styles=styles, device="auto", steps=min(job.steps, MOST_STEPS)
        )
        bare = replace(job, content=None, styles=())
        if any(file.is_path for file in named_files(bare, session.registry.file_parameters)):
            raise JobError("this recipe starts from a picture or needs weights in a file of its own; use 'nst run'")
        self.base, self.recipe = job, Path(source).name
        return job

    def _keep(self, result: Result, wish: Wish) -> str:
        return self.results.add(result, wish).path.name


class Studio:
    """All that the visitors of one page share."""

    def __init__(self, folder: Path, limits: Limits | None = None, session: Session | None = None) -> None:
        """Open the studio.

        Args:
            folder: where finished pictures are kept.
            limits: what visitors may do.
            session: whose components, networks and caches are used.

        Raises:
            JobError: the folder cannot be made.
        """
        self.folder, self.limits = folder, limits or Limits()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JobError(f"the folder '{folder}' for the pictures cannot be made: {error}") from error
        self.session = session or Session()
        self.scratch = Path(tempfile.mkdtemp(prefix="nst-studio-"))
        self.cache = self.scratch / "page"
        self.cache.mkdir()
        self.desk = Desk(self.limits.workers)
        self._lock = threading.Lock()
        self._visitors: dict[str, Visitor] = {}
        self.finals = Finals(folder, self.session, self.desk, self.limits.resources, self._keep_final)

    @property
    def visitors(self) -> Sequence[Visitor]:
        """Who is there."""
        with self._lock:
            return list(self._visitors.values())

    def warm(self) -> None:
        """Load the networks of the default look, so that the first visitor does not wait for them."""

        def load() -> None:
            try:
                for quick in (True, False):
                    wish = Wish(SAMPLES[0], (SAMPLES[1],), {"size": 64, "steps": 1}, quick)
                    self.session.run(wish.job(self.session)).exhaust()
            except NstError as error:
                _log.warning("the default look does not work: %s", error)

        self.desk.submit(load)

    def enter(self, name: str) -> Visitor:
        """Let somebody in, for whom there is room.

        Args:
            name: of the session, that nobody else knows.

        Raises:
            JobError: the studio is full.
        """
        with self._lock:
            full = len(self._visitors) >= self.limits.visitors and name not in self._visitors
            idle = [v for v in self._visitors.values() if time.time() - v.seen > IDLE_SECONDS]
        if full and idle:
            self.leave(min(idle, key=lambda visitor: visitor.seen).name)
        with self._lock:
            if name in self._visitors:
                return self._visitors[name]
            if len(self._visitors) >= self.limits.visitors:
                raise JobError(
                    f"the studio is full: {self.limits.visitors} visitors are here. Try again in a few minutes"
                )
            folder = Path(tempfile.mkdtemp(prefix="visitor-", dir=self.scratch))
            self._visitors[name] = Visitor(self, name, folder)
            return self._visitors[name]

    def visitor(self, name: str) -> Visitor:
        """Return somebody who is there.

        Raises:
            JobError: nobody of this name is.
        """
        with self._lock:
            found = self._visitors.get(name)
        if found is None:
            raise JobError("the connection to this page was lost, and its images with it. Reload the page")
        found.seen = time.time()
        return found

    def leave(self, name: str) -> None:
        """Let a visitor go: stop what is painted, delete the files. Large pictures go on."""
        with self._lock:
            visitor = self._visitors.pop(name, None)
        if visitor is None:
            return
        visitor.painting.close()
        visitor.painting.settled(60.0)
        shutil.rmtree(visitor.folder, ignore_errors=True)
        self.tidy()

    def file(self, key: str, name: str) -> Path | None:
        """Return a file of somebody's picture; whoever knows the key may have it."""
        found = (visitor.results.file(key, name) for visitor in self.visitors)
        return next((path for path in found if path is not None), None)

    def tidy(self) -> None:
        """Delete what the page cached, unless it is a visitor's or so new that a browser may still ask for it."""
        needed = {path for visitor in self.visitors for path in visitor.cached}
        latest = time.time() - LINGER_SECONDS
        for path in sorted(self.cache.rglob("*"), reverse=True):  # files before their folders
            try:
                if path.stat().st_mtime >= latest or path in needed:
                    continue
                if path.is_dir():
                    path.rmdir()  # which only an empty one allows
                else:
                    path.unlink()
                    path.parent.rmdir()
            except OSError:
                continue

    def close(self) -> None:
        """End all work and delete all temporary files."""
        for visitor in self.visitors:
            visitor.painting.close()
        self.finals.close()
        self.desk.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _keep_final(self, final: Final, wish: Wish | None) -> None:
        """Give a large picture to the visitor who asked for it, if still there."""
        owner = next((visitor for visitor in self.visitors if visitor.name == final.owner), None)
        if owner is not None and wish is not None and final.result is not None:
            final.path = owner.results.add(final.result, wish).path
