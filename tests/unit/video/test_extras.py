"""What only clips need may be missing."""

from __future__ import annotations

import sys

import pytest

from nst_core import JobError
from nst_core.video.extras import opencv, pyav


@pytest.mark.parametrize(("load", "module", "name"), [(opencv, "cv2", "OpenCV"), (pyav, "av", "PyAV")])
def test_what_is_missing_is_said_with_the_way_to_get_it(monkeypatch, load, module, name):
    assert load().__name__ == module
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(JobError, match=rf'clips need {name}.*pip install "av.*" "opencv-python-headless.*"'):
        load()
