"""Names to components, validated at the door."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nst_core.components.kinds import KINDS, LOSS_KINDS
from nst_core.components.names import is_name
from nst_core.components.parameters import Parameter, convert_all, parameters_of
from nst_core.components.preset import Preset
from nst_core.components.roles import ROLES
from nst_core.errors import JobError, NstError, PluginError, unknown_name
from nst_core.job.schema import Component
from nst_core.provenance import Failure, Origin

__all__ = ["Entry", "Registry"]

# A term holds these beside the loss's own parameters, and `--plugin NAME:weight=…` sets them.
TERM_FIELDS = ("weight", "layers")


@dataclass(frozen=True)
class Entry:
    """A registered component."""

    kind: str
    name: str
    cls: type[Any]
    parameters: tuple[Parameter, ...]
    origin: Origin

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' ({self.origin})"

    @property
    def summary(self) -> str:
        """First line of the class's docstring."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    @property
    def role(self) -> str:
        """Role of a loss, "" for other kinds."""
        return str(self.cls.role) if self.kind == "loss" else ""

    @property
    def title(self) -> str:
        """Kind in words: "style loss", "regularizer", "extractor"."""
        return ROLES[self.role].title if self.role else self.kind

    @property
    def base(self) -> str:
        """Name of the kind of loss it derives from, "" for other kinds."""
        return next((kind.__name__ for kind in LOSS_KINDS if issubclass(self.cls, kind)), "")

    @property
    def file_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that are paths of files: each has a second one for the file's SHA-256."""
        names = {parameter.name for parameter in self.parameters}
        return tuple(p.name for p in self.parameters if p.type is str and f"{p.name}_sha256" in names)

    @property
    def tileable(self) -> bool:
        """Whether a loss is exact when the image is cut into tiles."""
        return self.base not in ("", "FeatureLoss")


@dataclass
class Registry:
    """All components by kind and name, and the plugins that failed."""

    failures: list[Failure] = field(default_factory=list)
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def add(self, kind: str, name: str, cls: type[Any], origin: Origin) -> None:
        """Register a component.

        Raises:
            PluginError: bad name, wrong kind, abstract class, bad constructor, or a name that is taken.
        """
        try:
            entry = self._validated(kind, name, cls, origin)
        except PluginError as error:
            raise PluginError(f"{origin}: {kind} '{name}': {error}") from None
        self._entries[kind, name] = entry

    def _validated(self, kind: str, name: str, cls: type[Any], origin: Origin) -> Entry:
        if not is_name(name):
            raise PluginError("invalid name: use lower-case letters, digits and single hyphens")
        if not inspect.isclass(cls):
            raise PluginError(f"register a class, not {cls!r}; the framework creates the instances")
        base = KINDS[kind].base
        if not issubclass(cls, base):
            raise PluginError(f"{cls.__name__} is not a subclass of nst_core.{base.__name__}")
        if kind == "loss":
            _check_loss(cls)
        if kind == "preset":
            _check_preset(cls)
        missing = sorted(getattr(cls, "__abstractmethods__", ()))
        if missing:
            raise PluginError(f"{cls.__name__} does not implement {', '.join(missing)}")
        try:
            parameters = parameters_of(cls, TERM_FIELDS if kind == "loss" else ())
        except (NameError, TypeError, ValueError) as error:
            raise PluginError(f"the constructor of {cls.__name__} cannot be read: {error}") from None
        taken = self._entries.get((kind, name))
        if taken:
            raise PluginError(f"the name is taken by {taken.origin}; choose another")
        return Entry(kind, name, cls, parameters, origin)

    def discard(self, origin: Origin) -> None:
        """Forget everything that came from ``origin``."""
        self._entries = {key: e for key, e in self._entries.items() if e.origin != origin}

    def entries(self, kind: str | None = None) -> list[Entry]:
        """List the components, of one kind or all, ordered by kind and name."""
        order = list(KINDS)
        chosen = [e for e in self._entries.values() if kind in (None, e.kind)]
        return sorted(chosen, key=lambda e: (order.index(e.kind), e.name))

    def get(self, kind: str, name: str) -> Entry:
        """Look a component up.

        Raises:
            UnknownNameError: there is none; the message lists near names, and the kind if it is another.
        """
        entry = self._entries.get((kind, name))
        if entry:
            return entry
        others = [e.kind for e in self.entries() if e.name == name]
        if others:
            hint = f"But '{name}' exists as {' and '.join(others)}."
        else:
            hint = "See 'nst plugins'" + (", also for the plugins that failed to load." if self.failures else ".")
        raise unknown_name(kind, name, (e.name for e in self.entries(kind)), hint)

    def file_parameters(self, kind: str, name: str) -> tuple[str, ...]:
        """Return the names of a component's parameters that are paths of files; none for one that does not exist."""
        entry = self._entries.get((kind, name))
        return entry.file_parameters if entry else ()

    def preset(self, name: str = "") -> type[Preset]:
        """Look a preset up; "" means the default one.

        Raises:
            UnknownNameError: there is none of this name.
            PluginError: no plugin registers a default preset.
        """
        if name:
            found: type[Preset] = self.get("preset", name).cls
            return found
        chosen = next((preset for preset in self.presets().values() if preset.default), None)
        if chosen is None:
            raise PluginError("no plugin registers a default preset; is the plugin 'builtin' of nst disabled?")
        return chosen

    def presets(self) -> dict[str, type[Preset]]:
        """Return all presets by name, in the order in which they were registered."""
        return {entry.name: entry.cls for entry in self._entries.values() if entry.kind == "preset"}

    def scratch_preset(self) -> str:
        """Return the name of the first preset whose start needs no image, for reconstructions and textures.

        Raises:
            PluginError: there is none.
        """
        for name, preset in self.presets().items():
            if not self.get("initializer", preset.initializer).cls.needs:
                return name
        raise PluginError("no plugin registers a preset that starts without an image, such as noise")

    def checked(self, kind: str, component: Component) -> Component:
        """Return the component with its parameters checked and of their declared types."""
        entry = self.get(kind, component.name)
        return Component(entry.name, convert_all(entry.parameters, component.params, f"'{entry.name}'"))

    def create(self, kind: str, component: Component) -> Any:
        """Make an instance.

        Raises:
            JobError: unknown or wrong parameters, or values that the constructor refuses with a ValueError.
            PluginError: the constructor fails in any other way.
        """
        checked = self.checked(kind, component)
        entry = self.get(kind, component.name)
        try:
            return entry.cls(**checked.params)
        except NstError:
            raise
        except ValueError as error:
            raise JobError(f"{kind} '{entry.name}': {error}") from error
        except Exception as error:
            raise PluginError(f"{entry} could not be created: {type(error).__name__}: {error}") from error


def _check_loss(cls: type[Any]) -> None:
    kinds: Iterable[type] = [k for k in LOSS_KINDS if issubclass(cls, k)]
    if len(list(kinds)) != 1:
        names = ", ".join(k.__name__ for k in LOSS_KINDS)
        raise PluginError(f"{cls.__name__} must derive from exactly one of {names}")
    if getattr(cls, "role", None) not in ROLES:
        raise PluginError(f"{cls.__name__}.role must be one of {', '.join(ROLES)}")


def _check_preset(cls: type[Any]) -> None:
    missing = [name for name in Preset.__annotations__ if not hasattr(cls, name)]
    if missing:
        raise PluginError(f"{cls.__name__} does not set {', '.join(missing)}")
