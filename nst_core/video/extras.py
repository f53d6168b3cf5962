"""The libraries that only clips need: the extra ``video``."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from nst_core.errors import JobError
from nst_core.extras import install_command

__all__ = ["opencv", "pyav"]


def opencv() -> Any:
    """Return OpenCV.

    Raises:
        JobError: it is not installed, or cannot be loaded.
    """
    return _imported("cv2", "OpenCV")


def pyav() -> Any:
    """Return PyAV, which is FFmpeg.

    Raises:
        JobError: it is not installed, or cannot be loaded.
    """
    return _imported("av", "PyAV")


def _imported(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise JobError(
            f"clips need {name}, which cannot be loaded ({error}); install it with: {install_command('video')}"
        ) from error
