"""Draw the two sample images that ship with the framework: a landscape as a photograph, a canvas of brush strokes.

    python tools/make_samples.py [FOLDER]

Everything is computed, nothing is taken from another picture; the same seed gives the same files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from samples.brushwork import brushwork
from samples.landscape import landscape

FOLDER = Path(__file__).resolve().parent.parent / "nst_core" / "images" / "samples"


def main() -> None:
    """Draw and save both."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, draw in (("landscape", landscape), ("brushwork", brushwork)):
        path = folder / f"{name}.jpg"
        draw(576, 768).save(path, quality=85, optimize=True)
        print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
