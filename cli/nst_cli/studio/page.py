"""The page: its parts, and what happens where something is pressed, dropped or moved."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gradio as gr
from PIL import Image

from nst_cli.options.groups import SAMPLES
from nst_cli.studio.controls import options_of, values_of
from nst_cli.studio.layout import DRAWING_SIZE, IMMEDIATE, QUICKLY, Parts, lay_out
from nst_cli.studio.masks import drawn
from nst_cli.studio.painting import View
from nst_cli.studio.scripting import scripted
from nst_cli.studio.showing import LEAST_SIZE, forecast, news, pictures, progress_of_finals, sentence
from nst_cli.studio.visitors import MOST_PAINTINGS, Studio, Visitor
from nst_cli.studio.wish import Wish
from nst_core import NstError, load_image
from nst_core.images import to_pil
from nst_core.images.decode import read_bytes

__all__ = ["make_page"]

NEWS_SECONDS = 0.1
"""How often the page asks whether there is something new to show."""

SOFTEST = 0.05
"""Standard deviation of the softest brush, as a share of the longest side."""

PAINTINGS = "paintings"
"""Key of the paths of the paintings by field, beside the settings of a wish."""

FOLLOWING: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}


def make_page(studio: Studio) -> gr.Blocks:
    """Return the page of a studio."""
    blocks: gr.Blocks
    with gr.Blocks(title="nst studio", analytics_enabled=False, fill_width=True) as blocks:
        parts = lay_out(studio.session.registry, studio.limits)
        events = _Events(studio, parts)
        events.of_painting()
        events.of_settings()
        events.of_images()
        events.of_large_pictures()
        blocks.load(events.arrived, None, [parts.canvas, *parts.buttons], **FOLLOWING)
        blocks.unload(events.left)
        gr.api(scripted(studio), api_name="paint", concurrency_limit=None)  # type: ignore[attr-defined]
    return blocks


class _Events:
    """What the page does. Functions that an event calls are given values by part, and who asks."""

    def __init__(self, studio: Studio, parts: Parts) -> None:
        self.studio, self.parts = studio, parts
        self.everything: set[Any] = {*parts.controls, parts.editor, parts.softness}

    def visitor(self, request: gr.Request) -> Visitor:
        """Return who asks."""
        with _friendly():
            return self.studio.visitor(str(request.session_hash))

    def wish(self, visitor: Visitor, given: Mapping[Any, Any]) -> Wish:
        """Return what the page asks for."""
        if not visitor.photo or not visitor.chosen:
            missing = "a photograph" if not visitor.photo else "a painting"
            raise gr.Error(f"Add {missing} first, or take the samples.", print_exception=False, duration=6)
        values = {key: given[control] for key, control in self.parts.settings.items()}
        shares = [values[f"share_{slot + 1}"] for slot in visitor.slots]
        options = options_of(values, shares, self.studio.session.registry, visitor.base)
        options["size"] = min(options["size"], self.studio.limits.live_size)
        return Wish(
            photo=visitor.photo,
            paintings=tuple(visitor.chosen),
            options={**options, **visitor.drawing},
            quick=values["quick"] == QUICKLY,
            base=visitor.base,
            recipe=visitor.recipe,
            settings={**values, PAINTINGS: tuple(visitor.paintings)},
        )

    def restored(self, values: Mapping[str, Any]) -> dict[Any, Any]:
        """Return what sets controls to values, as far as they can hold them."""
        settings = self.parts.settings
        held = {settings[key]: _held(settings[key], value) for key, value in values.items() if key in settings}
        return {control: gr.update(value=value) for control, value in held.items() if value is not None}

    def taken_up(self, visitor: Visitor, wish: Wish) -> dict[Any, Any]:
        """Let a visitor have a wish again: its settings, paintings, recipe and drawing."""
        visitor.base, visitor.recipe, visitor.drawing = wish.base, wish.recipe, wish.drawing
        before, visitor.paintings = visitor.paintings, [*wish.settings.get(PAINTINGS, visitor.paintings)]
        shown: dict[Any, Any] = {self.parts.command: wish.command(), **self.restored(wish.settings)}
        for image, old, new in zip(self.parts.images[1:], before, visitor.paintings, strict=True):
            if old != new:
                shown[image] = self.shown_file(new)
        if not wish.drawing:
            shown[self.parts.editor] = _background(visitor)
        return shown

    def shown_file(self, path: str) -> str | None:
        """Return an image of a visitor as a file that the page may show."""
        return self.sample_file(path) if path.startswith("sample:") else path or None

    # Coming and going

    def arrived(self, request: gr.Request) -> list[Any]:
        """Show somebody in."""
        with _friendly():
            visitor = self.studio.enter(str(request.session_hash))
        view = visitor.painting.view
        return [news(view, visitor, photo=True), *_buttons(view, visitor)]

    def left(self, request: gr.Request) -> None:
        """See somebody off, who closed the page."""
        self.studio.leave(str(request.session_hash))

    # Painting

    def of_painting(self) -> None:
        """Say what the buttons of the picture do."""
        parts = self.parts
        shown = [parts.canvas, *parts.buttons, parts.results]
        for button, verb in ((parts.paint, "paint"), (parts.proceed, "proceed")):
            begun = button.click(self.acting(verb), self.everything, parts.command, **IMMEDIATE)
            begun.success(self.follow, None, shown, **FOLLOWING)
        back = [*parts.controls, *parts.images[1:], parts.editor, parts.command]
        undone = parts.undo.click(self.undone, None, back, **IMMEDIATE)
        undone.success(self.follow, None, shown, **FOLLOWING)
        parts.stop.click(self.stopped, **IMMEDIATE)
        parts.apply.click(self.acting("change"), self.everything, parts.command, **IMMEDIATE)
        parts.results.select(self.chosen_again, None, back, **IMMEDIATE)

    async def follow(self, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Show a picture while it changes. Who follows it a second time is answered the second time alone."""
        visitor = self.visitor(request)
        painting = visitor.painting
        visitor.following += 1
        mine, seen, able = visitor.following, (-1, 0), ("", False)
        while mine == visitor.following:
            visitor.seen = time.time()
            view = painting.view
            if (view.number, view.place) != seen:
                message = await asyncio.to_thread(news, view, visitor, photo=seen == (-1, 0))
                changed = able != (view.phase, painting.can_undo)
                seen, able = (view.number, view.place), (view.phase, painting.can_undo)
                buttons = _buttons(view, visitor) if changed else [gr.skip()] * len(self.parts.buttons)
                yield [message, *buttons, pictures(visitor) if not view.active else gr.skip()]
            if not view.active:
                return
            await asyncio.sleep(NEWS_SECONDS)

    def acting(self, verb: str) -> Callable[[dict[Any, Any], gr.Request], str]:
        """Return what gives a visitor's painting a wish, with what is drawn."""

        def act(given: dict[Any, Any], request: gr.Request) -> str:
            visitor = self.visitor(request)
            layers = [layer for layer in (given[self.parts.editor] or {}).get("layers", ()) if layer is not None]
            softness = given[self.parts.softness] * SOFTEST
            visitor.drawing, note = drawn(layers, visitor.folder / "masks", visitor.slots, softness)
            if note:
                gr.Info(note)
            wish = self.wish(visitor, given)
            with _friendly():
                getattr(visitor.painting, verb)(wish)
            return wish.command()

        return act

    def stopped(self, request: gr.Request) -> None:
        """Stop."""
        self.visitor(request).painting.stop()

    def undone(self, request: gr.Request) -> dict[Any, Any]:
        """Go back to settings and picture before the last change."""
        visitor = self.visitor(request)
        wish = visitor.painting.undo()
        return {} if wish is None else self.taken_up(visitor, wish)

    def chosen_again(self, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Take up the settings of an earlier picture."""
        visitor = self.visitor(request)
        chosen = next((one for one in visitor.results.kept if one.key == getattr(event, "key", "")), None)
        if chosen is None:
            return {}
        if chosen.wish.photo != visitor.photo:  # its paintings and its drawing belong to another photograph
            return self.restored(chosen.wish.settings)
        return self.taken_up(visitor, chosen.wish)

    # Settings

    def of_settings(self) -> None:
        """Say what a control does that is moved, and a recipe that is dropped."""
        parts = self.parts
        moved = [control.change for control in parts.controls]  # type: ignore[attr-defined]
        gr.on(moved, self.changed, {*parts.controls}, parts.command, **IMMEDIATE)
        parts.recipe.change(self.took_up, parts.recipe, [parts.recipe, parts.base, *parts.controls], **IMMEDIATE)

    def changed(self, given: dict[Any, Any], request: gr.Request) -> Any:
        """Let the picture that is being painted become another one."""
        visitor = self.visitor(request)
        if not visitor.photo or not visitor.chosen:
            return gr.skip()
        wish = self.wish(visitor, given)
        with _friendly():
            if not visitor.painting.change(wish):
                wish.job(self.studio.session)  # says at once what makes no sense
        return wish.command()

    def took_up(self, path: str | None, request: gr.Request) -> dict[Any, Any]:
        """Take up the recipe in a file, or let go of it."""
        visitor, parts = self.visitor(request), self.parts
        if path is None:
            visitor.base, visitor.recipe = None, ""
            return {parts.base: ""}
        try:
            job = visitor.take_recipe(path, self.studio.session)
        except NstError as error:
            gr.Warning(html.escape(sentence(error)))
            return {parts.recipe: None, parts.base: ""}
        values = values_of(job, self.studio.session.registry)
        values["size"] = min(job.size, self.studio.limits.live_size)
        told = f"Settings of {html.escape(visitor.recipe)}: {', '.join(job.labels)}, {job.extractor.name}."
        return {parts.base: f"{told} Remove the file to go back to the looks.", **self.restored(values)}

    # Images

    def of_images(self) -> None:
        """Say what happens to images that are dropped."""
        parts = self.parts
        for number, image in enumerate(parts.images):
            outputs = [image, parts.editor, parts.canvas, *parts.buttons] if number == 0 else [image]
            taken = gr.on([image.upload, image.clear], self.taking(number), image, outputs, **IMMEDIATE)
            taken.success(self.changed, {*parts.controls}, parts.command, **IMMEDIATE)
        outputs = [*parts.images, parts.editor, parts.canvas, *parts.buttons, *parts.controls]
        for button, look in parts.examples:
            button.click(self.sampling(look), None, outputs, **IMMEDIATE)

    def taking(self, number: int) -> Callable[[str | None, gr.Request], Any]:
        """Return what takes an image in: the photograph, number 0, or a painting."""

        def taken(path: str | None, request: gr.Request) -> Any:
            visitor, found, remark = self.visitor(request), "", ""
            try:
                if path:
                    found, remark = visitor.take(path, "painting" if number else "photograph")
            except NstError as error:
                gr.Warning(html.escape(sentence(error)), duration=10)
            if remark:
                gr.Info(remark, duration=6)
            shown = gr.skip() if found or not path else None
            visitor.drawing = {}  # it is taken again when somebody paints
            if number:
                visitor.paintings[number - 1] = found
                return shown
            visitor.photo = found
            visitor.painting.clear()
            view = visitor.painting.view
            return [shown, _background(visitor), news(view, visitor, photo=True), *_buttons(view, visitor)]

        return taken

    def sampling(self, look: Mapping[str, Any]) -> Callable[[gr.Request], list[Any]]:
        """Return what takes the bundled images, and some settings."""

        def sampled(request: gr.Request) -> list[Any]:
            visitor = self.visitor(request)
            none = [""] * (MOST_PAINTINGS - 1)
            if visitor.photo != SAMPLES[0]:
                visitor.painting.clear()
            visitor.photo, visitor.paintings, visitor.drawing = SAMPLES[0], [SAMPLES[1], *none], {}
            return [
                *(self.sample_file(sample) for sample in SAMPLES),
                *[None] * len(none),
                _background(visitor),
                news(visitor.painting.view, visitor, photo=True),
                *_buttons(visitor.painting.view, visitor),
                *(gr.update(value=look[key]) if key in look else gr.skip() for key in self.parts.settings),
            ]

        return sampled

    def sample_file(self, sample: str) -> str:
        """Return a bundled image as a file of the studio."""
        path = self.studio.scratch / f"{sample.partition(':')[2]}.jpg"
        if not path.exists():
            path.write_bytes(read_bytes(sample, "sample"))
        return str(path)

    # Large pictures

    def of_large_pictures(self) -> None:
        """Say how a large picture is made."""
        parts = self.parts
        inputs = {*self.everything, parts.large_size}
        parts.large_size.change(self.foretold, inputs, parts.large_forecast, **IMMEDIATE)
        parts.large_size.focus(self.foretold, inputs, parts.large_forecast, **IMMEDIATE)
        shown = [parts.large_timer, parts.large_cancel, parts.large_state]
        parts.large_begin.click(self.begun, inputs, [*shown, parts.command], **IMMEDIATE)
        parts.large_timer.tick(self.ticked, None, [*shown, parts.results], **IMMEDIATE)
        parts.large_cancel.click(self.cancelled, **IMMEDIATE)

    def foretold(self, given: dict[Any, Any], request: gr.Request) -> str:
        """Say what a large picture needs."""
        visitor = self.visitor(request)
        if not visitor.photo or not visitor.chosen:
            return "Add a photograph and a painting to see how long it takes."
        try:
            return forecast(self.studio, self.wish(visitor, given), int(given[self.parts.large_size] or 0))
        except NstError as error:
            return html.escape(sentence(error))

    def begun(self, given: dict[Any, Any], request: gr.Request) -> list[Any]:
        """Begin a large picture."""
        visitor, most = self.visitor(request), self.studio.limits.max_size
        size = int(given[self.parts.large_size] or 0)
        if not LEAST_SIZE <= size <= most:
            raise gr.Error(f"The longest side must be from {LEAST_SIZE} to {most} pixels.", print_exception=False)
        wish = self.wish(visitor, given)
        with _friendly():
            self.studio.finals.add(wish, size, visitor.name)
        told = progress_of_finals(self.studio, visitor)
        return [gr.update(active=True), gr.update(interactive=True), told, wish.larger(size).command()]

    def ticked(self, request: gr.Request) -> list[Any]:
        """Say how far large pictures are."""
        visitor = self.visitor(request)
        active = any(final.active for final in self.studio.finals.of(visitor.name))
        told = progress_of_finals(self.studio, visitor)
        listed = gr.skip() if active else pictures(visitor)
        return [gr.update(active=active), gr.update(interactive=active), told, listed]

    def cancelled(self, request: gr.Request) -> None:
        """Give up a large picture."""
        self.studio.finals.cancel(self.visitor(request).name)


def _held(control: Any, value: Any) -> Any:
    """Return a value as a control can hold it, ``None`` where it cannot."""
    if isinstance(control, gr.Slider):
        return min(max(value, control.minimum), control.maximum)
    if isinstance(control, gr.Radio):
        return value if value in [choice for _, choice in control.choices] else None
    return value


def _background(visitor: Visitor) -> Any:
    """Return the photograph as what is drawn on."""
    if not visitor.photo:
        return None
    photo: Image.Image = to_pil(load_image(visitor.photo, size=DRAWING_SIZE).pixels)
    return {"background": photo, "layers": [], "composite": None}


def _buttons(view: View, visitor: Visitor) -> list[Any]:
    """Say which of the buttons Paint, Stop, Continue and Undo make sense."""
    return [
        gr.update(value="Paint anew" if view.active else "Paint"),
        gr.update(interactive=view.active),
        gr.update(interactive=not view.active and view.image is not None),
        gr.update(interactive=visitor.painting.can_undo),
    ]


@contextmanager
def _friendly() -> Iterator[None]:
    """Let the page say what is wrong."""
    try:
        yield
    except NstError as error:
        raise gr.Error(html.escape(sentence(error), quote=False), duration=10, print_exception=False) from None
