"""The software bill of materials of a wheel, in CycloneDX 1.6: every file that is no Python code, and its licence."""

from __future__ import annotations

import hashlib
import json
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NAMESPACE = uuid.UUID("6f1c3d52-8a0e-4b0f-9a55-0d3c1f6f7a11")
"""Of serial numbers: the same contents have the same one, so that builds can be compared."""


def document(root: Path, version: str, versions: Mapping[str, str], commit: str = "") -> dict[str, Any]:
    """Return the bill of materials of what lies in a folder.

    Args:
        root: the folder, laid out as a wheel is.
        version: of nst.
        versions: of components that are compiled in, by name.
        commit: that nst is built from, if known.

    Raises:
        ValueError: a file is not named in ``bundled.toml``.
    """
    known = tomllib.loads((HERE / "bundled.toml").read_text(encoding="utf-8"))["component"]
    files = data_files(root)
    unknown = [name for name in files if not any(_has(entry, name) for entry in known)]
    if unknown:
        raise ValueError(
            f"the wheel would bundle {', '.join(unknown)}, and build_support/bundled.toml does not say what that is. "
            "If it belongs there, add it to an entry, or an entry for it that names its authors and its licence; if "
            "not, move it out of the package's folder"
        )
    compiled = any(entry.get("compiled") and _has(entry, name) for entry in known for name in files)
    components = [
        _component(entry, root, [name for name in files if _has(entry, name)], versions.get(entry["name"], ""))
        for entry in known
        if any(_has(entry, name) for name in files) or (compiled and entry.get("compiled") and "files" not in entry)
    ]
    described: dict[str, Any] = {
        "type": "application",
        "bom-ref": "nst",
        "name": "nst",
        "version": version,
        "purl": f"pkg:pypi/nst@{version}",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    if commit:
        described["properties"] = [{"name": "nst:commit", "value": commit}]
    contents: dict[str, Any] = {"metadata": {"component": described}, "components": components}
    serial = uuid.uuid5(NAMESPACE, json.dumps(contents, sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **contents,
    }


def data_files(root: Path) -> list[str]:
    """Return the paths of what is no Python code and no metadata, sorted."""
    names = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    return sorted(n for n in names if not n.endswith(".py") and ".dist-info/" not in n and ".egg-info/" not in n)


def _has(entry: Mapping[str, Any], name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in entry.get("files", ()))


def _component(entry: Mapping[str, Any], root: Path, names: Sequence[str], version: str) -> dict[str, Any]:
    found = {
        "type": entry["type"],
        "bom-ref": entry["name"],
        "name": entry["name"],
        "description": entry["description"],
        "authors": [{"name": name} for name in entry["authors"]],
        "licenses": [{"license": {"id": entry["license"]}}],
    }
    if version:
        found["version"] = version
    if "url" in entry:
        found["externalReferences"] = [{"type": "website", "url": entry["url"]}]
    if names:
        found["components"] = [
            {
                "type": "file",
                "bom-ref": name,
                "name": name,
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256((root / name).read_bytes()).hexdigest()}],
            }
            for name in names
        ]
    return found
