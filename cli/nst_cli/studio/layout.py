"""The parts of the page, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component as Control

from nst_cli.studio.controls import SMOOTH, Chooser, choosers, default_look, help_of, parameter_key, parameters_shown
from nst_cli.studio.masks import COLORS, KEEP
from nst_cli.studio.showing import LEAST_SIZE
from nst_cli.studio.visitors import MOST_PAINTINGS, Limits, check_uploaded
from nst_core import Job, Registry
from nst_core.components.parameters import Parameter

__all__ = ["DRAWING_SIZE", "LIVE_SIZE", "QUICKLY", "Examples", "Parts", "lay_out", "static"]

LIVE_SIZE = 512
"""Longest side in pixels of a picture that is painted live, by default."""

DRAWING_SIZE = 800
"""Longest side in pixels of the photograph that is drawn on."""

FULLY, QUICKLY = "Draft, then VGG-19", "Small network only"

IMMEDIATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "always_last"}
"""Of events that are answered at once; while one is, only the last of those that come meanwhile counts."""

Examples = list[tuple[gr.Button, Mapping[str, Any]]]
"""Buttons, and the settings that each of them makes."""


@dataclass
class Parts:
    """What events read or write.

    Attributes:
        settings: controls of the page by key, see :mod:`nst_cli.studio.controls`.
        images: fields of the photograph, first, and the paintings.
    """

    settings: dict[str, Control] = field(default_factory=dict)
    images: list[gr.Image] = field(default_factory=list)
    examples: Examples = field(default_factory=list)
    editor: gr.ImageEditor = field(init=False)
    softness: gr.Slider = field(init=False)
    apply: gr.Button = field(init=False)
    paint: gr.Button = field(init=False)
    stop: gr.Button = field(init=False)
    proceed: gr.Button = field(init=False)
    undo: gr.Button = field(init=False)
    canvas: gr.HTML = field(init=False)
    results: gr.HTML = field(init=False)
    command: gr.Textbox = field(init=False)
    recipe: gr.File = field(init=False)
    base: gr.Markdown = field(init=False)
    large_size: gr.Number = field(init=False)
    large_begin: gr.Button = field(init=False)
    large_cancel: gr.Button = field(init=False)
    large_forecast: gr.Markdown = field(init=False)
    large_state: gr.HTML = field(init=False)
    large_timer: gr.Timer = field(init=False)

    @property
    def buttons(self) -> list[gr.Button]:
        """Paint, Stop, Continue and Undo."""
        return [self.paint, self.stop, self.proceed, self.undo]

    @property
    def controls(self) -> list[Control]:
        """All controls that settings come from."""
        return [*self.settings.values()]


def static(name: str) -> str:
    """Return a text that belongs to the page."""
    return files("nst_cli.studio").joinpath("static", name).read_text(encoding="utf-8")


def lay_out(registry: Registry, limits: Limits) -> Parts:
    """Make all parts, inside the page that is being made.

    Args:
        registry: whose components can be chosen.
        limits: what visitors may do.
    """
    parts = Parts()
    gr.HTML(
        "<h1>Studio</h1><p>A photograph, painted in the manner of a painting. Change it while it is made.</p>",
        elem_id="title",
    )
    with gr.Row(elem_id="studio"):
        with gr.Column(elem_id="images"):
            _images(parts, registry)
            _drawing(parts)
        with gr.Column(elem_id="picture"):
            _picture(parts)
            _large(parts, limits)
            with gr.Accordion("The same from the command line", open=False, elem_id="shell"):
                parts.command = gr.Textbox(
                    label="Command", lines=2, interactive=False, buttons=["copy"], elem_id="command"
                )
        with gr.Column(elem_id="settings"):
            _settings(parts, registry, limits)
    return parts


def _images(parts: Parts, registry: Registry) -> None:
    with gr.Row():
        parts.images.append(_upload("Photograph", "photo"))
        parts.images.append(_upload("Painting", "painting-1"))
    with gr.Accordion("More paintings, and their shares", open=False, elem_id="more"):
        with gr.Row():
            for number, label in enumerate(("Second", "Third", "Fourth"), 2):
                parts.images.append(_upload(label, f"painting-{number}"))
        with gr.Row():
            for number in range(1, MOST_PAINTINGS + 1):
                label, name = f"Share of painting {number}", f"share-{number}"
                parts.settings[f"share_{number}"] = gr.Slider(0, 1, 0.5, step=0.05, label=label, elem_id=name)
    plain = {"strength": Job.strength, "color": "style", "preset": default_look(registry)}
    looks: list[tuple[str, dict[str, Any]]] = [
        ("Sample images", {}),
        ("Stronger", {"strength": 0.8}),
        ("In the photograph's colours", {"color": "luminance"}),
        ("From the painting's marks", {"preset": "patches"}),
    ]
    names = {entry.name for kind in ("preset", "transform") for entry in registry.entries(kind)}
    gr.HTML('<p class="nst-label">Examples, with the bundled images</p>')
    with gr.Row(elem_id="examples"):
        parts.examples += [
            (gr.Button(label, size="sm", elem_id=f"example-{number}"), plain | look)
            for number, (label, look) in enumerate(looks, 1)
            if {value for value in look.values() if isinstance(value, str)} <= names
        ]


def _upload(label: str, name: str) -> gr.Image:
    """Make a field for an image. The framework says what is wrong with a file, so the page does not decode it."""
    found = gr.Image(
        label=label,
        height=220,
        min_width=120,
        type="filepath",
        sources=["upload", "clipboard"],
        elem_id=name,
        buttons=["fullscreen"],
    )
    found.preprocess = lambda payload: payload.path if payload else None  # type: ignore[method-assign]
    return found


def _drawing(parts: Parts) -> None:
    with gr.Accordion("Draw where each painting goes, and what stays a photograph", open=False, elem_id="draw"):
        named = [(color, f"painting {number}") for number, color in enumerate(COLORS, 1)]
        chips = " &nbsp; ".join(
            f'<span class="nst-chip" style="background:{color}"></span>{what}'
            for color, what in [*named, (KEEP, "stays the photograph")]
        )
        gr.HTML(f'<p class="nst-label">{chips}</p>')
        parts.editor = gr.ImageEditor(
            label="Drawing on the photograph",
            show_label=False,
            type="pil",
            sources=[],
            transforms=[],
            layers=False,
            brush=gr.Brush(default_size=40, colors=[*COLORS, KEEP], default_color=COLORS[0], color_mode="fixed"),
            eraser=gr.Eraser(default_size=40),
            canvas_size=(DRAWING_SIZE, DRAWING_SIZE),
            height=420,
            buttons=["fullscreen"],
            elem_id="editor",
        )
        _take_only_uploads(parts.editor)
        parts.softness = gr.Slider(0, 1, 0.2, step=0.05, label="Softness of the edges", elem_id="softness")
        parts.apply = gr.Button("Use the drawing", size="sm", elem_id="apply")


def _take_only_uploads(editor: gr.ImageEditor) -> None:
    """Let an editor open no file but those that were uploaded."""
    convert, cache = editor.preprocess, Path(editor.GRADIO_CACHE)

    def preprocess(payload: Any) -> Any:
        files = [payload.background, *payload.layers, payload.composite] if payload else []
        for file in files:
            if file is not None:
                check_uploaded(file.path, cache, "drawing")
        return convert(payload)

    editor.preprocess = preprocess  # type: ignore[method-assign]


def _picture(parts: Parts) -> None:
    with gr.Row(elem_id="buttons"):
        parts.paint = gr.Button("Paint", variant="primary", elem_id="paint")
        parts.stop = gr.Button("Stop", interactive=False, elem_id="stop")
        parts.proceed = gr.Button("Continue", interactive=False, elem_id="continue")
        parts.undo = gr.Button("Undo", interactive=False, elem_id="undo")
    parts.canvas = gr.HTML("{}", html_template=static("canvas.html"), js_on_load=static("canvas.js"), elem_id="canvas")
    parts.results = gr.HTML("", html_template="${value}", js_on_load=static("results.js"), elem_id="results")


def _large(parts: Parts, limits: Limits) -> None:
    with gr.Accordion("Paint it large, in the background", open=False, elem_id="large"):
        with gr.Row():
            parts.large_size = gr.Number(
                min(2048, limits.max_size),
                label="Longest side in pixels",
                precision=0,
                minimum=LEAST_SIZE,
                maximum=limits.max_size,
                elem_id="large-size",
            )
            with gr.Column():
                parts.large_begin = gr.Button("Paint it large", size="sm", elem_id="large-begin")
                parts.large_cancel = gr.Button("Cancel", size="sm", interactive=False, elem_id="large-cancel")
        parts.large_forecast = gr.Markdown("", elem_id="large-forecast")
        parts.large_state = gr.HTML("", elem_id="large-state")
        parts.large_timer = gr.Timer(1.0, active=False)


def _settings(parts: Parts, registry: Registry, limits: Limits) -> None:
    settings, default = parts.settings, default_look(registry)
    lists = {chooser.key: chooser for chooser in choosers(registry)}
    settings["strength"] = gr.Slider(
        0,
        1,
        Job.strength,
        step=0.05,
        label="Strength",
        info="From nearly the photograph to nearly a texture.",
        elem_id="strength",
    )
    _choice(parts, lists["color"], registry)
    if any(entry.name == SMOOTH for entry in registry.entries("loss")):
        settings["smooth"] = gr.Slider(
            0, 10, 0, step=0.5, label="Smoothness", info="Total variation: evens out grain.", elem_id="smooth"
        )
    with gr.Row():
        settings["size"] = gr.Slider(
            LEAST_SIZE,
            limits.live_size,
            min(LIVE_SIZE, limits.live_size),
            step=16,
            label="Size in pixels",
            elem_id="size",
        )
        settings["quick"] = gr.Radio([FULLY, QUICKLY], value=FULLY, label="Network", elem_id="quick")
    look = gr.Radio([*registry.presets()], value=default, label="Look", elem_id="preset")
    settings["preset"] = look
    about = gr.Markdown(_help(registry, "preset", default), elem_id="preset-help")
    look.change(lambda name: _help(registry, "preset", name), look, about, **IMMEDIATE)
    with gr.Accordion("Losses, start and optimizer", open=False, elem_id="advanced"):
        settings["style_scale"] = gr.Slider(
            0.25,
            4,
            1,
            step=0.05,
            label="Size of the strokes",
            info="Factor on the size of the paintings.",
            elem_id="style-scale",
        )
        settings["seed"] = gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="seed")
        for key in ("plugins", "init", "optimizer"):
            _choice(parts, lists[key], registry)
    parts.recipe = gr.File(
        label="Drop an earlier result, or a recipe, to take up its settings",
        file_types=[".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".toml", ".json"],
        height=130,
        elem_id="recipe",
    )
    parts.base = gr.Markdown("", elem_id="base")


def _choice(parts: Parts, chooser: Chooser, registry: Registry) -> None:
    """Make a list of components to choose from, and for each of them its help and fields for its parameters."""
    names = [entry.name for entry in chooser.entries]
    control: Control
    if chooser.several:
        control = gr.CheckboxGroup([*names], value=[], label=chooser.label, elem_id=chooser.key)
    else:
        control = gr.Radio([chooser.none, *names], value=chooser.none, label=chooser.label, elem_id=chooser.key)
    parts.settings[chooser.key] = control
    groups = []
    for entry in chooser.entries:
        with gr.Group(visible=False, elem_id=f"about-{entry.kind}-{entry.name}") as group:
            gr.Markdown(_help(registry, entry.kind, entry.name), elem_classes="nst-help")
            with gr.Row():
                for parameter in parameters_shown(entry):
                    parts.settings[parameter_key(entry, parameter)] = _field(parameter)
        groups.append(group)

    def shown(chosen: Any) -> list[Any]:
        return [gr.update(visible=name in (chosen if isinstance(chosen, list) else [chosen])) for name in names]

    control.change(shown, control, groups, **IMMEDIATE)


def _field(parameter: Parameter) -> Control:
    """Make a field of the right kind for a parameter."""
    label = parameter.name.replace("_", " ")
    if parameter.choices:
        return gr.Dropdown([*parameter.choices], value=str(parameter.default), label=label, filterable=False)
    if parameter.type is bool:
        return gr.Checkbox(bool(parameter.default), label=label)
    if parameter.type in (int, float):
        return gr.Number(float(parameter.default), label=label, precision=0 if parameter.type is int else None)
    return gr.Textbox(str(parameter.default), label=label)


def _help(registry: Registry, kind: str, name: str) -> str:
    """Return what the author of a component says of it, as Markdown."""
    return help_of(registry.get(kind, name)).replace("``", "`").replace(":func:", "").replace(":class:", "")
