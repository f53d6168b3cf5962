"""The base of extractors with weights, as a third party uses it."""

from __future__ import annotations

import dataclasses
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import save_file
from tiny import plugin, tiny_registry
from torch import nn
from toy_weights import tensors, with_official

import nst_core as nst
from nst_core import Component, PretrainedExtractor, Tap, UnknownNameError, WeightsError
from nst_core.testing import conformance, run_checks
from nst_core.weights import TORCHVISION, Architecture, WeightSet, architectures, fetch, import_file

EDGES = Architecture(
    name="edges",
    key_naming="weight (8, 3, 3, 3)",
    shapes={"weight": (8, 3, 3, 3)},
    input_weight="weight",
)


class EdgesNetwork(nn.Module):
    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.eval()

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [nn.functional.conv2d(image.to(self.weight.dtype), self.weight, padding=1)]


class Edges(PretrainedExtractor):
    """One convolution."""

    content_layers = style_layers = ("edges",)
    architecture = EDGES

    def taps(self):
        return {"edges": Tap(8, 1, 3)}

    def network(self, layers):
        return EdgesNetwork(self.weight_set.tensors()["weight"])


@pytest.fixture
def weights(tmp_path):
    """A file with weights that another program wrote."""
    path = tmp_path / "mine.safetensors"
    tensor = torch.randn(EDGES.shapes["weight"], generator=torch.Generator().manual_seed(0))
    save_file({"weight": tensor}, path)
    return path


@pytest.fixture
def weight_set(weights) -> WeightSet:
    """Those weights in the store."""
    return import_file(weights, EDGES)


def test_the_weights_parameter_and_the_fingerprint_come_with_the_base(weight_set):
    registry = tiny_registry(("mine", plugin(extractors={"edges": Edges})))
    (parameter,) = registry.get("extractor", "edges").parameters
    assert (parameter.name, parameter.type, parameter.default) == ("weights", str, "")
    for name in ("", "mine", str(weight_set.path)):
        extractor = registry.create("extractor", Component("edges", {"weights": name}))
        assert extractor.fingerprint() == extractor.weight_set.sha256 == weight_set.sha256


def test_it_conforms(weight_set):
    outcomes = list(run_checks(conformance(Edges, weights="mine")))
    assert {str(o.check): o.detail for o in outcomes if o.verdict == "failed"} == {}


def test_a_result_records_the_weights(weight_set):
    registry = tiny_registry(("mine", plugin(extractors={"edges": Edges})))
    images = [torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    result = nst.stylize(
        *images, extractor="edges", session=nst.Session(registry), device="cpu", steps=2, precision="fp32"
    )
    assert result.job.weights_sha256 == weight_set.sha256


def newer_set(folder, seed: int = 1) -> WeightSet:
    """Other weights in the store, newer than any."""
    save_file(
        {"weight": torch.randn(EDGES.shapes["weight"], generator=torch.Generator().manual_seed(seed))},
        folder / "w.safetensors",
    )
    made = import_file(folder / "w.safetensors", EDGES, f"newer-{seed}")
    os.utime(made.path, (2**31 + seed, 2**31 + seed))
    return made


IMAGES = [torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
OPTIONS = {"device": "cpu", "steps": 4, "precision": "fp32", "size": 16}


def session() -> nst.Session:
    return nst.Session(tiny_registry(("mine", plugin(extractors={"edges": Edges}))))


@pytest.mark.parametrize("said", ["", "mine"])
def test_a_recipe_is_repeated_with_its_own_weights_whatever_came_after(weight_set, tmp_path, said):
    made = nst.stylize(*IMAGES, extractor=f"edges:weights={said}", session=session(), **OPTIONS)
    weight_set.path.rename(weight_set.path.with_name("renamed.safetensors"))
    newer_set(tmp_path)
    again = nst.run(made.job, content=IMAGES[0], styles=IMAGES[1], session=session())
    assert torch.equal(again.image, made.image)
    assert again.job.weights_sha256 == made.job.weights_sha256
    assert again.job.extractor.params == {"weights": "renamed"}
    assert again.remarks == made.remarks == ()


def test_two_sets_of_one_network_are_told_apart_in_a_session(weight_set, tmp_path):
    first = nst.stylize(*IMAGES, extractor="edges", session=session(), **OPTIONS)
    newer_set(tmp_path)
    shared = session()
    second = nst.stylize(*IMAGES, extractor="edges", session=shared, **OPTIONS)
    assert not torch.equal(first.image, second.image)
    for made in (first, second, first):
        again = nst.run(made.job, content=IMAGES[0], styles=IMAGES[1], session=shared)
        assert torch.equal(again.image, made.image)


def test_a_checkpoint_goes_on_with_its_own_weights(weight_set, tmp_path):
    job = nst.make_job(*IMAGES, extractor="edges", session=session(), **OPTIONS)
    whole = nst.run(job, content=IMAGES[0], styles=IMAGES[1], session=session())
    kept = nst.Checkpoint(tmp_path / "run.ckpt", every=0.0)
    begun = session().run(job, content=IMAGES[0], styles=[IMAGES[1]], checkpoint=kept)
    next(begun), begun.cancel()
    assert begun.exhaust().stopped == "cancelled"
    newer_set(tmp_path)
    saved = kept.read()
    resumed = session().run(saved.job, content=IMAGES[0], styles=[IMAGES[1]], checkpoint=kept)
    assert next(resumed).number == 2
    assert torch.equal(resumed.exhaust().image, whole.image)


def test_the_key_of_a_job_does_not_depend_on_the_name_of_its_weights(weight_set, tmp_path):
    for number, image in enumerate(IMAGES):
        nst.save_image(image, tmp_path / f"{number}.png")
    paths = [str(tmp_path / f"{number}.png") for number in (0, 1)]

    def key(extractor: str) -> str:
        here = session()
        return here.key(here.pin(nst.make_job(*paths, extractor=extractor, session=here, **OPTIONS)))

    before = key("edges")
    newer = newer_set(tmp_path)
    assert before == key("edges:weights=mine") == key(f"edges:weights={weight_set.path}")
    assert before != key("edges") == key(f"edges:weights={newer.name}")


def test_which_of_several_sets_is_used_is_said(weight_set, tmp_path):
    assert Edges().remark() == ""
    newer_set(tmp_path)
    made = nst.stylize(*IMAGES, extractor="edges", session=session(), **OPTIONS)
    said = "the set 'newer-1'; of edges the store has mine, newer-1: choose one with --weights NAME"
    assert made.remarks == (f"the weights are those of {said}",)
    for named in ("mine", str(weight_set.path)):
        assert Edges(named).remark() == ""


def test_an_exported_file_states_the_source_of_the_weights(weight_set, tmp_path):
    exported = nst.export_extractor("edges", Edges(), tmp_path / "edges.ts")
    assert exported.metadata["weights"]["source"] == weight_set.source
    assert exported.metadata["weights"]["sha256"] == weight_set.sha256


def test_nothing_is_searched_for_before_it_is_needed(monkeypatch):
    monkeypatch.setattr(Edges, "find_weights", lambda _: pytest.fail("searched for weights"))
    extractor = Edges("no such weights")
    assert list(extractor.taps()) == ["edges"]
    with pytest.raises(UnknownNameError, match="unknown layer"):
        extractor.build(["corners"])


def test_missing_weights_are_explained_and_searched_for_again(weights):
    extractor = Edges()
    with pytest.raises(WeightsError, match=r"(?s)no weights of edges.*nst weights import FILE"):
        extractor.build(["edges"])
    with pytest.raises(UnknownNameError, match="unknown weight set 'theirs'"):
        Edges("theirs").fingerprint()
    import_file(weights, EDGES)
    assert extractor.build(["edges"])(torch.rand(1, 3, 4, 4))[0].shape == (1, 8, 4, 4)


def test_weights_may_come_with_a_package(weights):
    described = weights.with_name("embedded.safetensors")
    content = {"weight": torch.ones(EDGES.shapes["weight"])}
    save_file(content, described, {"architecture": "edges", "input": str(TORCHVISION), "layer_rms": "{}"})

    class Embedded(Edges):
        architecture = dataclasses.replace(EDGES, embedded=described)

    assert Embedded().weight_set.path == Embedded("edges-embedded").weight_set.path == described


def test_an_architecture_may_depend_on_a_parameter(weight_set):
    class Chosen(Edges):
        def __init__(self, model: str = "edges", weights: str = "") -> None:
            super().__init__(weights)
            self.model = model

        @property
        def architecture(self):
            return EDGES

    assert Chosen().fingerprint() == weight_set.sha256
    assert architectures([Chosen, Edges]) == {"edges": EDGES}


def test_an_extractor_must_state_its_architecture():
    class Nameless(PretrainedExtractor):
        def taps(self):
            return {}

        def network(self, layers):
            return nn.Identity()

    registry = tiny_registry(("mine", plugin(extractors={"nameless": Nameless})))
    (failure,) = registry.failures
    assert "does not implement architecture" in failure.error
    with pytest.raises(TypeError):
        Nameless()


def test_threads_find_the_weights_once(weight_set, monkeypatch):
    """Sixteen threads ask at once; the search takes long enough for all of them to arrive during it."""
    searches = []

    def slow(self):
        searches.append(threading.get_ident())
        time.sleep(0.05)
        return weight_set

    monkeypatch.setattr(Edges, "find_weights", slow)
    extractor, barrier = Edges(), threading.Barrier(16)

    def ask(_):
        barrier.wait()
        return extractor.weight_set

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))
    assert len(searches) == 1
    assert all(weights is weight_set for weights in found)


def test_two_extractors_do_not_download_the_same_weights_at_once(tmp_path, monkeypatch):
    """They may belong to two sessions; the second uses what the first has put into the store."""
    official = tmp_path / "toy.pth"
    torch.save(tensors(), official)
    toy = with_official(official)
    downloads, original = [], torch.hub.download_url_to_file

    def slow(*arguments, **options):
        downloads.append(arguments)
        time.sleep(0.05)
        original(*arguments, **options)

    monkeypatch.setattr("torch.hub.download_url_to_file", slow)

    class Toy(Edges):
        architecture = toy

    barrier = threading.Barrier(2)

    def ask(extractor):
        barrier.wait()
        return extractor.fingerprint()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ask, (Toy(), Toy()))
    assert first == second == fetch(toy).sha256
    assert len(downloads) == 1


def test_an_extractor_can_be_sent_to_another_process(weight_set):
    extractor = Edges()
    assert extractor.fingerprint() == pickle.loads(pickle.dumps(extractor)).fingerprint()  # noqa: S301
