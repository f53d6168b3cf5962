"""Write the reference pages of docs/reference from the code: options, components, recipe, commands, exit codes.

    python tools/make_reference.py [FOLDER]

A test compares the pages with what this program makes of the code; run it after a change of either.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from nst_cli import exit_codes
from nst_cli.main import COMMANDS, build_app
from nst_core import Component, Job, Region, Registry, Source, Term, load_registry
from nst_core.components import KINDS
from nst_core.components.parameters import Parameter
from nst_core.components.registry import Entry
from nst_core.job import bounds
from nst_core.options import table
from nst_core.options.table import Option

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Written by tools/make_reference.py; do not edit. -->"
# How values of a type are written: in Python, on the command line, in a sweep.
TYPES = {
    "integer": ("`int`", "`300`", "`100,300`"),
    "number": ("`float`", "`1e6`", "`1e5,1e6`"),
    "text": ("`str`, or a path for a file", "`fp32`", "`fp32,bf16`"),
    "flag": ("`bool`", "one of the two flags", "`true,false`"),
    "numbers": ("list of `float`", "`0.7,0.3`", "`0.7+0.3,0.5+0.5`"),
    "number or numbers": ("`float`, or list of `float`", "`1.5` or `1,2`", "`1.5,1+2`"),
    "sizes": ("list of `int`, or `str` as on the command line", "`256,512`", "`256+512,512`"),
    "layers": ("list of `str`", "`conv1_2,conv2_2=0.5`", "`conv1_2,conv1_2+conv2_2=0.5`"),
    "names": ("list of `str`", "`tv`; repeat the flag", "not in sweeps"),
    "component": ("`str` as on the command line", "`adam:learning_rate=0.1`", "`lbfgs,adam:learning_rate=0.1`"),
    "regions": (
        "list of `str` or `Region`",
        "`sky=sky.png:style=2`; repeat the flag",
        "`sky=a.png:style=1+rest=b.png,none`",
    ),
    "maps": ("list of paths", "`map.png style-map.png`", "`a.png+b.png,c.png+b.png`"),
    "components": ("list of `str`", "`tv:weight=5`; repeat the flag", "`tv:weight=5,tv:weight=50`"),
}
OPTIONS_HEAD = """# Options

{note}

Everything that can be chosen of a job. Each option is a keyword argument of `nst_core.stylize`, `reconstruct`,
`synthesize` and `make_job`, an option of the command line, and a key that `nst sweep --vary KEY=…` varies. What is not
given comes from the recipe, if there is one, and otherwise from the preset. Options are applied in the order in which
Python lists them (`help(nst_core.make_job)`), whatever the order in which they are given.

[Components](components.md) lists what options can name, with all parameters. Options that do not belong to a job, such
as where the result is written, are shown by `nst COMMAND --help`.

The *job commands* below are {commands}.
"""
TYPES_HEAD = """## How values are written

In a sweep, a comma separates the values that are compared, so the parts of one value are joined by `+`.

| type | in Python | on the command line | in a sweep |
|---|---|---|---|
"""
KEYS_TAIL = """## Keys for sweeps alone

`content` and `style` vary the images: `--vary style=one.jpg,two.jpg`. Parameters of components are keys, too. Write
`init.`, `optimizer.`, `extractor.` or `parametrization.` before the name of the parameter, as in
`optimizer.history=10,20`, and `content.` or `style.` before a parameter of the content or style loss, as in
`style.normalization=mean,gatys`.
"""
COMPONENTS_HEAD = f"""# Components

{NOTE}

The components that come with nst. `nst plugins` lists those of every installed package, and `nst plugins show NAME`
shows one in full. Parameters follow the name: `NAME:key=value,key=value`. The first value may come without its key, so
`gram-style:gatys` means `gram-style:normalization=gatys`. [Plugins](../plugins/README.md) explains how to write
components.
"""
LIMITS_HEAD = f"""# Limits

{NOTE}

What a job may hold, however it is made: by options, in Python or from a recipe. Within these limits nothing overflows
and nothing runs for ever; what is beyond them is refused before anything else happens. They are not what a machine can
do: whether a picture fits into memory is found out before it is begun, and `nst run --dry-run` shows it. Components
have narrower limits of their own.

| number, text or list | limits |
|---|---|
"""
_WHAT = {
    "size": "size, and the longest side of a level",
    "height": "height of a picture without content image",
    "width": "width of a picture without content image",
    "steps": "steps",
    "seed": "seed",
    "strength": "strength of the style",
    "weight": "weight of a loss, factor of a layer",
    "share": "share of a style image in the blend",
    "scale": "scale of a style image",
}
LOSS_PARAMETERS = """Every loss also takes `weight`, its weight in the sum, and `layers`, its layers joined by `+`:
`--plugin gram-style:weight=1e6,layers=conv1_2+conv2_2=0.5`.
"""

COMMANDS_HEAD = f"""# Commands

{NOTE}

What `nst COMMAND --help` shows. Every command also takes `--help` and `--debug`. The *job commands* take the options
of a job, too, which are listed in [Options](options.md).
"""
RECIPE_HEAD = f"""# Recipe

{NOTE}

A recipe is a job as a TOML or JSON file, or as text in a picture; [Recipes](../recipes.md) says how to make and use
them. `nst run … --save-recipe look.toml` writes a complete one. Its keys are those of the first table, at the top level
of the file. An unknown key is refused, and so is a recipe of another schema. [Limits](limits.md) lists the ranges of
numbers. In Python, the classes of the [API](../api/jobs.md) have the same fields.
"""
RECIPE_TABLES = {
    "The job": (Job, ""),
    "A loss": (Term, "An entry of `terms`: a table `[[terms]]` in TOML."),
    "An image": (Source, "`content`, `keep`, an entry of `styles`, or the mask of a region."),
    "A region": (Region, "An entry of `regions`."),
    "A component": (Component, "The network, the initializer and the rest: a name and its parameters."),
}
COMPONENT_FIELDS = {
    "name": "as `nst plugins` lists it",
    "params": "the parameters that differ from their defaults, see [Components](components.md)",
}
EXIT_CODES_HEAD = f"""# Exit codes

{NOTE}

| code | meaning |
|---|---|
"""
EXIT_CODES_TAIL = """
Results go to standard output, everything else to standard error. A run that is ended by one of the signals saves its
best image so far, and its [checkpoint](../large.md#checkpoints) if it has one; a batch keeps what is finished.
"""
ENVIRONMENT_HEAD = f"""# Environment variables

{NOTE}

Command-line options come before variables. [Ray](../batch.md) reads variables of its own.
"""
ENVIRONMENT = {
    "While nst runs": {
        "NST_DEBUG": ("`1`, `0`", "show the traceback of an error, as `--debug` does"),
        "NST_DISABLE_PLUGINS": (
            "names, separated by commas",
            "do not load these plugins, named by entry point or package; see [Discovery](../plugins/discovery.md)",
        ),
        "NST_HOME": ("folder", "where weights are stored; by default in the platform's cache folder"),
        "NST_ISA": (
            "`avx512_bf16`, `avx512`, `avx2`, `generic`",
            "use the kernels of an older processor; by default those of this one",
        ),
        "NST_LOAD_PLUGINS": (
            "names, separated by commas",
            "load these plugins alone; the empty text loads none, not even the built-ins, whose name is `builtin`",
        ),
        "NST_NATIVE": (
            "`auto`, `0`, `1`",
            "use the native kernels if they can be loaded, use the Python references instead, or fail without kernels",
        ),
        "NST_UI_AUTH": ("`NAME:PASSWORD …`", "who may open the [studio](../studio.md), as `nst ui --auth` does"),
        "OMP_NUM_THREADS": ("number", "most threads, unless `--threads` says how many"),
        "OMP_WAIT_POLICY": (
            "`passive`, `active`",
            "how torch's threads wait; `nst` takes `passive` unless this, `GOMP_SPINCOUNT` or `KMP_BLOCKTIME` is set",
        ),
    },
    "While it is built": {
        "NST_BUILD_CPP": (
            "`auto`, `0`, `1`",
            "compile the native kernels if possible, never, or fail if they cannot be compiled",
        ),
        "NST_TORCH": ("folder", "the torch that the [C++ library](../embedding.md) is compiled with"),
    },
    "In its tests and benchmarks": {
        "NST_FIXTURES": ("folder", "where the C++ tests find what Python has computed; their build sets it"),
        "NST_LOAD_TMP": ("folder", "temporary files of the studio that a benchmark loads; the benchmark sets it"),
        "NST_SCREENSHOTS": ("folder", "where the tests in a browser leave pictures of the pages"),
        "NST_TEST_CHROMIUM": ("any", "fail rather than skip where Chromium is missing"),
        "NST_TEST_IMAGES": ("folder", "photographs and paintings; see [Development](../development.md)"),
        "NST_TEST_SITE": ("folder", "the site, as `tools/make_site.py` has just built it; without it the test does"),
        "NST_TEST_WEIGHTS": ("file", "a weight set of VGG-19; see [Development](../development.md)"),
    },
}


def main() -> None:
    """Write all pages."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


def pages() -> dict[str, str]:
    """Return all pages by the names of their files."""
    return {
        "commands.md": commands_page(),
        "components.md": components_page(),
        "environment.md": environment_page(),
        "exit-codes.md": exit_codes_page(),
        "limits.md": limits_page(),
        "options.md": options_page(),
        "recipe.md": recipe_page(),
    }


def commands_page() -> str:
    """Return the page of commands."""
    app = typer.main.get_group(build_app())
    parts = [COMMANDS_HEAD]
    for name, (_, summary) in COMMANDS.items():
        command = app.commands[name]
        inner = getattr(command, "commands", {})
        if inner:
            text = _usage(name, command) if command.invoke_without_command else f"{summary}\n"
            parts.append(f"## nst {name}\n\n{text}")
            parts += [_command(f"{name} {each}", inner[each], "###") for each in inner]
        else:
            parts.append(_command(name, command, "##"))
    return "\n".join(parts)


def _command(name: str, command: Any, heading: str) -> str:
    return f"{heading} nst {name}\n\n{_usage(name, command)}"


def _usage(name: str, command: Any) -> str:
    """Return what a command does, how it is called, and the options that are not in the table of options."""
    text, _, examples = (
        inspect.cleandoc(command.help or "").replace("\f", "").replace("Example:", "Examples:").partition("Examples:")
    )
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    call = " ".join([f"nst {name}", *(_argument(p) for p in arguments), "[OPTIONS]"])
    rows = table.options_table()
    own = [p for p in command.params if not (p.name in rows and getattr(p, "help", "") == rows[p.name].help)]
    shown = [p for p in own if p.name != "help" and not getattr(p, "hidden", False)]
    shown.sort(key=lambda p: p.param_type_name != "argument")
    lines = [f"| {_flags(p)} | {_cell(p.help or '')} |" for p in shown]
    lines = ["| argument or option | |", "|---|---|", *lines] if lines else []
    more = "It is a job command: it takes the [options](options.md) of a job, too.\n" if _takes_options(command) else ""
    calls = "\n".join(line for line in examples.splitlines() if line.strip())
    parts = [_markdown(text.strip()) + "\n", f"```sh\n{call}\n```\n", more, "\n".join(lines) + "\n" if lines else ""]
    parts.append(f"Examples:\n\n```sh\n{calls.strip()}\n```\n" if calls else "")
    return "\n".join(filter(None, parts))


_WORDS = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name.upper()) + ("…" if parameter.nargs == -1 else "")
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _flags(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_argument(parameter)}`"
    flags = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
    annotation = parameter.type_descriptor.annotation
    words = "|".join(get_args(annotation)) if get_origin(annotation) is Literal else _WORDS.get(annotation, "")
    metavar = "" if parameter.is_flag else parameter.metavar or words
    # A bar would end the cell, and a backslash before it would be shown by one of two readers.
    return f"{flags} <code>{metavar.replace('|', '&#124;')}</code>" if metavar else flags


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def recipe_page() -> str:
    """Return the page of the fields of recipes."""
    parts = [RECIPE_HEAD]
    for title, (cls, text) in RECIPE_TABLES.items():
        hints, told = get_type_hints(cls), {**COMPONENT_FIELDS, **_attributes(cls)}
        rows = [
            f"| `{each.name}` | {_kind(hints[each.name])} | {_default(each)} | {_cell(_markdown(told[each.name]))} |\n"
            for each in dataclasses.fields(cls)
        ]
        head = "| key | value | default | |\n|---|---|---|---|\n"
        parts.append("\n".join(filter(None, (f"## {title}\n", f"{text}\n" if text else "", head + "".join(rows)))))
    return "\n".join(parts)


def _attributes(cls: type) -> dict[str, str]:
    """Return the descriptions of fields in a docstring."""
    section = inspect.getdoc(cls).partition("Attributes:\n")[2]  # type: ignore[union-attr]
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", section, re.DOTALL | re.MULTILINE)
    texts = {name: re.sub(r",? see :\w+:`[^`]*`", "", text).strip().removesuffix(".") for name, text in found}
    return {name: text.replace("``None``", "no key") for name, text in texts.items()}


def _kind(hint: Any) -> str:
    """Say what a field of a recipe holds."""
    origin, inner = get_origin(hint), [each for each in get_args(hint) if each is not types.NoneType]
    if origin is Literal:
        return _joined([f"`{choice}`" for choice in inner], "or")
    if origin in (Union, types.UnionType):
        return _joined([_kind(each) for each in inner], "or")
    if origin is tuple:
        many = _kind(inner[0]).replace("number", "numbers").replace("text", "texts").replace("image]", "images]")
        return f"list of {many}" if inner[-1] is Ellipsis else f"list of {len(inner)} {many}"
    if origin is not None and issubclass(origin, Mapping):
        return "table of parameters"
    names = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    tables = {Component: "component", Source: "image", Term: "losses", Region: "regions"}
    return names.get(hint) or f"[{tables[hint]}](#{_anchor(hint)})"


def _anchor(cls: type) -> str:
    title = next(title for title, (each, _) in RECIPE_TABLES.items() if each is cls)
    return title.lower().replace(" ", "-")


def _default(field: Any) -> str:
    if field.default is dataclasses.MISSING:
        return "required" if field.default_factory is dataclasses.MISSING else "none"
    if field.default is None or field.default == ():
        return "none"
    return f"`{_number(field.default)}`" if isinstance(field.default, float) else _value(field.default)


def exit_codes_page() -> str:
    """Return the page of exit codes."""
    rows = "".join(f"| {code} | {text} |\n" for code, text in exit_codes.MEANINGS.items())
    return EXIT_CODES_HEAD + rows + EXIT_CODES_TAIL


def environment_page() -> str:
    """Return the page of environment variables."""
    parts = [ENVIRONMENT_HEAD]
    for title, variables in ENVIRONMENT.items():
        rows = "".join(f"| `{name}` | {values} | {effect} |\n" for name, (values, effect) in variables.items())
        parts.append(f"## {title}\n\n| variable | values | effect |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


def options_page() -> str:
    """Return the page of options."""
    commands = {
        name: {flag for parameter in command.params for flag in parameter.opts}
        for name, command in typer.main.get_group(build_app()).commands.items()
        if _takes_options(command)
    }
    of_jobs = [name for name, flags in commands.items() if "--steps" in flags]
    parts = [OPTIONS_HEAD.format(note=NOTE, commands=_joined([f"`nst {name}`" for name in of_jobs], "and"))]
    for panel in dict.fromkeys(option.panel for option in table.OPTIONS):
        parts.append(f"## {panel}\n")
        for option in table.OPTIONS:
            if option.panel == panel:
                having = [name for name, flags in commands.items() if option.flags[0] in flags]
                parts.append(_option(option, _commands(having, of_jobs)))
    used = {option.type.name for option in table.OPTIONS}
    rows = "".join(f"| {name} | {' | '.join(row)} |\n" for name, row in TYPES.items() if name in used)
    return "\n".join([*parts, TYPES_HEAD + rows, KEYS_TAIL])


def _takes_options(command: Any) -> bool:
    """Say whether a command has options of the table, and not just some of the same name."""
    rows = table.options_table()
    return any(p.name in rows and getattr(p, "help", "") == rows[p.name].help for p in command.params)


def _commands(having: list[str], of_jobs: list[str]) -> str:
    """Say which commands have an option."""
    missing = [f"`nst {name}`" for name in of_jobs if name not in having]
    others = [f"`nst {name}`" for name in having if name not in of_jobs]
    text = f"all job commands except {_joined(missing, 'and')}" if missing else "all job commands"
    return _joined([text, *others], "and")


def _option(option: Option, commands: str) -> str:
    metavar = f" {option.metavar}" if option.metavar else ""
    shown = " or ".join(f"`{flag}{metavar}`" for flag in option.flags)
    facts = [
        ("Python", f"`{option.name}`, {option.type.name}"),
        ("Command line", f"{shown}, in {commands}"),
        ("Sweep", f"`{option.key}`" if option.key else "cannot be varied"),
        ("Default", option.default or "none"),
    ]
    return f"### {option.name}\n\n{option.help}\n\n" + "".join(f"- {what}: {text}\n" for what, text in facts)


def _joined(words: Sequence[str], word: str) -> str:
    return f" {word} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def components_page() -> str:
    """Return the page of the components that are built in."""
    registry = load_registry(environment={"NST_LOAD_PLUGINS": "builtin"})
    parts = [COMPONENTS_HEAD]
    for kind in KINDS.values():
        parts.append(f"## {kind.plural.capitalize()}\n\nUsed by `{kind.usage}`.\n")
        if kind.name == "loss":
            parts.append(LOSS_PARAMETERS)
        entries = registry.entries(kind.name)
        parts += [_component(entry, registry) for entry in entries] or ["None is built in; plugins add them.\n"]
    return "\n".join(parts)


def _component(entry: Entry, registry: Registry) -> str:
    text = f"### {entry.name}\n\n{_markdown(entry.summary)}\n"
    facts = "".join(f"- {fact}\n" for fact in _facts(entry, registry))
    rows = "".join(f"| `{p.name}` | {_type(p)} | {_value(p.default)} |\n" for p in entry.parameters)
    head = "| parameter | type | default |\n|---|---|---|\n"
    return "\n".join(filter(None, (text, facts, head + rows if rows else "")))


def _markdown(summary: str) -> str:
    """Turn the markup of docstrings into that of pages."""
    summary = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", summary)
    return summary.replace("``", "`")


def _facts(entry: Entry, registry: Registry) -> Iterator[str]:
    cls = entry.cls
    if entry.kind == "loss":
        weight = registry.preset().losses.get(entry.name, cls.default_weight)
        layers = "the pixels alone" if entry.base == "ImageLoss" else _code(cls.default_layers) or "the extractor's"
        yield f"Role: {entry.title}"
        yield f"Weight with the default preset: {'that of its role' if weight is None else _number(weight)}"
        yield f"Layers: {layers}"
        yield f"In tiles: {'exact' if entry.tileable else 'not possible, it looks at whole feature maps'}"
    elif entry.kind == "extractor" and cls.content_layers:
        yield f"Content layers: {_code(cls.content_layers)}"
        yield f"Style layers: {_code(cls.style_layers)}"
    elif entry.kind == "preset":
        yield "Losses: " + ", ".join(f"`{name}` with weight {_number(weight)}" for name, weight in cls.losses.items())
        yield f"Start: `{cls.initializer}`"
        yield f"Optimizer: `{cls.optimizer}` on `{cls.parametrization}`"
        yield f"Extractor: `{cls.extractor}`"
        if cls is registry.preset():
            yield "The default preset"


def limits_page() -> str:
    """Return the page of bounds."""
    rows = "".join(f"| {_WHAT[name]} | {_range(bound)} |\n" for name, bound in bounds.BOUNDS.items())
    rows += f"| a whole number that is a parameter of a component | {_range(bounds.WHOLE_PARAMETER)} |\n"
    rows += f"| another number that is a parameter of a component | {_range(bounds.PARAMETER)} |\n"
    rows += f"| a name, a path or another text | at most {bounds.MAX_TEXT} characters, none of them NUL |\n"
    rows += f"| losses, layers of a loss, style images, levels | at most {bounds.MAX_ENTRIES} |\n"
    rows += f"| a recipe | at most {bounds.MAX_RECIPE:,} characters |\n"
    return LIMITS_HEAD + rows


def _range(bound: bounds.Bound) -> str:
    least, most = (f"{v:,}" if isinstance(v, int) else _number(v) for v in (bound.least, bound.most))
    return " ".join(filter(None, ("0, or" if bound.zero else "", least, "to", most, bound.unit)))


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _type(parameter: Parameter) -> str:
    words = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    return _joined([f"`{choice}`" for choice in parameter.choices], "or") or words[parameter.type]


def _number(value: float) -> str:
    """Write a weight as people do: 1e7."""
    return re.sub(r"e\+?(-?)0*", r"e\1", format(value, "g"))


def _value(value: bool | int | float | str) -> str:
    if value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    main()
