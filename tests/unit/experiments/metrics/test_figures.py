"""The figures of one picture as data."""

from __future__ import annotations

import json
from dataclasses import replace

from nst_core.experiments.metrics import Metrics

FOUND = Metrics(
    content={"a": 0.5, "b": 1.0},
    style={"a": 0.1, "b": 0.3},
    pyramid=0.05,
    pyramid_sizes=((30, 40), (15, 20)),
    frechet={"a": 0.2, "b": 0.6},
    self_similarity=0.4,
    structure_layer="b",
    edge_ssim=0.7,
    rim=1.1,
    specks=0.01,
    total_variation=0.02,
    size=(30, 40),
    extractor="tiny",
    weights_sha256="",
)


def test_means_are_over_the_layers():
    assert (FOUND.content_mean, FOUND.style_mean, FOUND.frechet_mean) == (0.75, 0.2, 0.4)
    empty = replace(FOUND, content={}, style={}, frechet={})
    assert (empty.content_mean, empty.style_mean, empty.frechet_mean) == (None, None, None)


def test_all_of_it_is_data_for_json():
    told = json.loads(json.dumps(FOUND.to_dict(), allow_nan=False))
    assert told["frechet_mean"] == 0.4
    assert told["pyramid_sizes"] == [[30, 40], [15, 20]]
    assert Metrics.__dataclass_fields__.keys() < told.keys()
