"""The files that a job names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nst_core import Component, Job, Region, Source, Term
from nst_core.job.named_files import NamedFile, named_files, with_file_names, with_paths, with_paths_from

JOB = Job(
    terms=(Term("depth-style", 1.0, params={"map": "maps/d.png", "map_sha256": "d"}),),
    extractor=Component("vgg19", {"weights": "/w/vgg.safetensors"}),
    initializer=Component("image", {"path": "start.png", "path_sha256": "s"}),
    optimizer=Component("lbfgs", {"history": 5}),
    parametrization=Component("pixels"),
    content=Source("/home/me/photo.jpg", "c"),
    styles=(Source("sample:brushwork", "b"), Source("", "m"), Source("a.jpg", "a", transform=Component("greys"))),
    weights_sha256="w",
)


def test_images_weights_and_parameters_with_a_hash_are_files():
    assert named_files(JOB) == [
        NamedFile("content image", "/home/me/photo.jpg", "c", ("content",)),
        NamedFile("style image", "a.jpg", "a", ("styles",)),
        NamedFile("weights", "/w/vgg.safetensors", "w", ("weights", "extractor")),
        NamedFile("initial image", "start.png", "s", ("init", "preset"), "image:path=FILE"),
        NamedFile("'map' of loss 'depth-style'", "maps/d.png", "d", ("plugins",), "depth-style:map=FILE"),
    ]


def test_a_parameter_without_a_hash_is_a_file_if_its_component_says_so():
    job = replace(JOB, initializer=Component("image", {"path": "start.png", "mode": "soft"}), terms=JOB.terms[:1])
    assert "start.png" not in {file.path for file in named_files(job)}
    found = named_files(job, lambda kind, name: ("path",) if (kind, name) == ("initializer", "image") else ())
    assert NamedFile("initial image", "start.png", "", ("init", "preset"), "image:path=FILE") in found
    assert "soft" not in {file.path for file in found}


def test_files_of_the_colour_mode_are_files():
    job = replace(JOB, color=Component("palette", {"path": "p.png", "path_sha256": "p"}))
    found = NamedFile("'path' of transform 'palette'", "p.png", "p", ("color",), "palette:path=FILE")
    assert found in named_files(job)
    assert with_file_names(job).color == job.color


MASKS = replace(
    JOB,
    regions=(
        Region("sky", Source("sky.png", "k"), 2, Source("clouds.png", "l")),
        Region("sea", Source("sample:landscape")),
        Region("#0000ff", Source("map.png", "m"), 3, Source("a-map.png", "n"), "#0000ff"),
        Region("#00ff00", Source("map.png", "m"), 3, Source("a-map.png", "n"), "#00ff00"),
    ),
    keep=Source("face.png", "f"),
)


def test_masks_and_maps_are_files():
    """A map once, however many regions it has."""
    regions, maps = ("regions", "region_maps"), ("region_maps", "regions")
    assert [file for file in named_files(MASKS) if file not in named_files(JOB)] == [
        NamedFile("mask of region 'sky'", "sky.png", "k", regions, "sky=FILE"),
        NamedFile("style mask of region 'sky'", "clouds.png", "l", regions, "sky=MASK:style-mask=FILE"),
        NamedFile("map of the content image", "map.png", "m", maps, "MAP STYLE_MAP"),
        NamedFile("map of style image 3", "a-map.png", "n", maps, "MAP STYLE_MAP"),
        NamedFile("keep mask", "face.png", "f", ("keep",)),
    ]
    moved = with_paths(MASKS, lambda file: f"x/{file.path}")
    assert [region.mask.path for region in moved.regions] == ["x/sky.png", "sample:landscape", *["x/map.png"] * 2]
    assert with_paths(moved, lambda file: file.path.removeprefix("x/")) == MASKS


def test_paths_change_and_nothing_else_does():
    moved = with_paths(JOB, lambda file: f"x/{file.path}")
    assert [file.path for file in named_files(moved)] == [f"x/{file.path}" for file in named_files(JOB)]
    assert [style.path for style in moved.styles[:2]] == ["sample:brushwork", ""]
    assert with_paths(moved, lambda file: file.path.removeprefix("x/")) == JOB


def test_file_names_alone():
    names = with_file_names(JOB)
    assert [file.path for file in named_files(names)] == ["photo.jpg", "a.jpg", "vgg.safetensors", "start.png", "d.png"]
    assert [file.sha256 for file in named_files(names)] == [file.sha256 for file in named_files(JOB)]


def test_paths_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = replace(JOB, content=Source(str(tmp_path / "look" / "photo.jpg")))
    moved = with_paths_from(inside, Path("look"))
    found = [file.path for file in named_files(moved)]
    assert found == ["photo.jpg", "../a.jpg", "/w/vgg.safetensors", "../start.png", "../maps/d.png"]
    named = replace(JOB, extractor=Component("vgg19", {"weights": "mine"}))
    assert with_paths_from(named, Path("look")).extractor.params == {"weights": "mine"}
