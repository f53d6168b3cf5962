"""The parts of the page, as far as they can be looked at without a browser."""

from __future__ import annotations

import gc

import pytest

gr = pytest.importorskip("gradio", reason='needs the extra "ui"')

from gradio.components.image_editor import EditorData  # noqa: E402
from gradio.data_classes import FileData  # noqa: E402

from nst_cli.studio.controls import choosers, parameter_key  # noqa: E402
from nst_cli.studio.layout import lay_out  # noqa: E402
from nst_cli.studio.visitors import Limits  # noqa: E402
from nst_core import JobError  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Gradio opens an event loop, and never closes it


@pytest.fixture
def parts(session, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    with gr.Blocks(analytics_enabled=False):
        made = lay_out(session.registry, Limits())
    yield made
    del made
    gc.collect()  # while what Gradio leaves open is no error


def test_every_parameter_of_a_third_party_s_loss_has_a_field_of_its_kind(parts, session):
    losses = next(chooser for chooser in choosers(session.registry) if chooser.kind == "loss")
    waits = next(entry for entry in losses.entries if entry.name == "waits")
    fields = {p.name: parts.settings[parameter_key(waits, p)] for p in waits.parameters}
    assert {name: type(field).__name__ for name, field in fields.items()} == {
        "amount": "Number",
        "mode": "Textbox",
        "often": "Number",
        "loud": "Checkbox",
    }
    assert fields["often"].precision == 0
    assert "tiny-look" in [name for _, name in parts.settings["preset"].choices]


def test_the_editor_opens_no_file_that_was_not_uploaded(parts, images, tmp_path):
    secret = FileData(path=str(images / "photo.png"))
    for drawing in (EditorData(layers=[secret]), EditorData(background=secret), EditorData(composite=secret)):
        with pytest.raises(JobError, match="no file that was uploaded here"):
            parts.editor.preprocess(drawing)
    place = tmp_path / "cache" / "x"
    place.mkdir(parents=True)
    (place / "photo.png").write_bytes((images / "photo.png").read_bytes())
    found = parts.editor.preprocess(EditorData(layers=[FileData(path=str(place / "photo.png"))]))
    assert found["layers"][0].size == (48, 36)
    assert parts.editor.preprocess(None) is None


def test_a_field_for_an_image_leaves_its_file_as_it_is(parts):
    assert parts.images[0].preprocess(FileData(path="any.heic")) == "any.heic"
    assert parts.images[0].preprocess(None) is None
