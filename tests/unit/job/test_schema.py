"""Jobs as values: written down and read back exactly, and bad recipes explained."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import dataclass, field, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core import Component, Job, JobError, Params, Region, Source, Term
from nst_core.job.serialization import NEUTRAL

finite = st.floats(min_value=1e-30, max_value=1e30)
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
params = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.one_of(st.booleans(), st.integers(-(10**9), 10**9), st.floats(-1e30, 1e30), text),
    max_size=3,
)
layers = st.lists(st.sampled_from(["conv1_1", "relu2_1", "pool3"]), unique=True, max_size=3).map(tuple)
factors = st.floats(min_value=0.001, max_value=1000)
layered = layers.flatmap(
    lambda names: st.tuples(st.just(names), st.one_of(st.just(()), st.tuples(*(factors for _ in names))))
)
terms = st.builds(
    lambda weight, named, given: Term("gram-style", weight, *named, params=given), finite, layered, params
)
components = st.builds(Component, text, params)
sources = st.builds(Source, text, text, weight=finite, scale=factors, transform=st.one_of(st.none(), components))
plain_sources = st.builds(Source, text, text)
colors = st.one_of(st.just(""), st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
regions = st.builds(Region, text.filter(bool), plain_sources, st.just(1), st.none() | plain_sources, colors, finite)
sizes = st.one_of(st.none(), st.lists(st.integers(1, 63), unique=True, max_size=3).map(sorted).map(tuple))
jobs = st.builds(
    Job,
    terms=st.lists(terms, min_size=1, max_size=3).map(tuple),
    content=st.one_of(st.none(), plain_sources),
    styles=st.lists(sources, max_size=3).map(tuple),
    outside=st.sampled_from(["style", "free"]),
    guide=st.sampled_from(["simple", "inside"]),
    size=st.integers(64, 10**6),
    levels=sizes,
    shape=st.one_of(st.none(), st.tuples(st.integers(1, 9999), st.integers(1, 9999))),
    extractor=components,
    initializer=components,
    optimizer=components,
    parametrization=components,
    color=st.one_of(st.none(), components),
    steps=st.integers(1, 10**6),
    seed=st.integers(0, 2**63 - 1),
    precision=st.sampled_from(["auto", "fp32", "bf16"]),
)
JOB = Job(
    (Term("gram-style", 1e7, ("conv1_2", "conv2_2")),),
    extractor=Component("vgg19"),
    initializer=Component("noise"),
    optimizer=Component("lbfgs"),
    parametrization=Component("pixels"),
    styles=(Source("painting.jpg"),),
)


@settings(deadline=None)
@given(jobs, st.lists(regions, max_size=3, unique_by=lambda region: region.name).map(tuple), plain_sources)
def test_toml_and_json_are_exact(job, regions, keep):
    if job.styles:
        job = replace(job, regions=regions)
    if job.content:
        job = replace(job, keep=keep)
    assert Job.from_toml(job.to_toml()) == job
    assert Job.from_json(job.to_json()) == job
    assert Job.from_json(job.to_json()).digest() == Job.from_toml(job.to_toml()).digest() == job.digest()


@pytest.mark.parametrize("path", ["caf\udce9.jpg", "\\\udcff\udc80", "a\\udce9.jpg", "\\\\udce9\udce9"])
def test_names_of_files_that_are_not_utf8(path):
    """They come back, and a text that looks like their escape stays what it is."""
    job = replace(JOB, styles=(Source(path),))
    for text, read in ((job.to_toml(), Job.from_toml), (job.to_json(), Job.from_json)):
        assert read(text.encode().decode()) == job


def test_digest_tells_jobs_apart():
    assert JOB.digest() != replace(JOB, seed=1).digest()
    assert JOB.digest() == Job.from_toml(JOB.to_toml()).digest()


def test_a_job_cannot_be_changed():
    with pytest.raises(AttributeError):
        JOB.size = 3
    with pytest.raises(TypeError):
        JOB.extractor.params["pooling"] = "average"


def changed(**changes) -> str:
    return json.dumps(JOB.to_dict() | changes)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (changed(sise=3), r"unknown key 'sise'; did you mean 'size'"),
        (changed(size="large"), r"'size' must be a whole number, not 'large'"),
        (changed(size=1.5), r"'size' must be a whole number, not 1.5"),
        (changed(size=True), r"'size' must be a whole number, not True"),
        (changed(size=0), r"size must be at least 1, not 0"),
        (changed(steps=-1), r"steps must be at least 1"),
        (changed(seed=2**63), r"seed must be at most 9223372036854775807, not 9223372036854775808"),
        (changed(styles="painting.jpg"), r"'styles' must be a list"),
        (changed(styles=[{"pth": "a"}]), r"unknown key 'styles\[0\].pth'; did you mean 'styles\[0\].path'"),
        (changed(terms=[]), r"at least one loss"),
        (changed(terms={"loss": "x"}), r"'terms' must be a list"),
        (changed(terms=[{"loss": "x"}]), r"'terms\[0\].weight' is missing"),
        (changed(terms=[{"loss": "x", "weight": -1.0}]), r"weight of 'x' must be positive"),
        (changed(terms=[{"loss": "x", "weight": 1e400}]), r"'terms\[0\].weight' must be a number"),
        (changed(terms=[{"loss": "x", "weight": 1, "layers": ["a"], "layer_weights": [1, 2]}]), r"1 layers but 2"),
        (changed(terms=[{"loss": "x", "weight": 1, "layers": ["a", "a"]}]), r"names a layer twice"),
        (changed(terms=[{"loss": "x", "weight": 10**400}]), r"'terms\[0\].weight' must be a number, not 1000"),
        (changed(shape=[3]), r"'shape' must have 2 entries"),
        (changed(precision="fp8"), r"precision.*fp8"),
        (changed(extractor={"name": "v", "params": {"a": [1]}}), r"'extractor.params.a' must be"),
        ("[]", r"must be a table"),
        ("{", r"not valid JSON"),
        ("[" * 100_000, r"not valid JSON"),
        ("9" * 5000, r"not valid JSON"),
    ],
)
def test_bad_recipes_name_the_key(recipe, message):
    with pytest.raises(JobError, match=message):
        Job.from_json(recipe)


def test_bad_toml_says_where():
    with pytest.raises(JobError, match=r"not valid TOML.*line 2"):
        Job.from_toml("size = 3\nsteps == 4\n")


@pytest.mark.parametrize("text", ["a = " + "[" * 10_000, "schema = " + "9" * 5000])
def test_toml_that_no_parser_takes_is_explained(text):
    with pytest.raises(JobError, match="not valid TOML"):
        Job.from_toml(text)


def test_whole_numbers_do_for_numbers():
    assert Job.from_json(changed(styles=[{"scale": 2}])).styles[0].scale == 2.0


FULL = replace(
    JOB,
    content=Source("photo.jpg", "ab" * 32),
    styles=(
        Source("one.jpg", "cd" * 32, 0.7, 1.5, Component("grey", {"strength": 0.5})),
        Source("two.jpg", weight=0.1 + 0.2),
        Source("three.jpg", weight=0.0),
    ),
    terms=(
        Term("mse-content", 10.0, ("conv3_4",)),
        Term("gram-style", 1 / 3, ("conv1_2", "conv2_2"), (1.0, 0.1), {"normalization": "gatys"}),
    ),
    levels=(128, 256),
    shape=(300, 500),
    weights_sha256="ef" * 32,
)
"""A job with something in every field."""

REGION = Region("sky", Source("sky.png", "aa" * 32), 2, Source("clouds.png", "bb" * 32), "#0000ff", 2.0)
WITH_REGIONS = replace(
    FULL, regions=(REGION, Region("sea", Source("sea.png"))), outside="free", guide="inside", keep=Source("face.png")
)

VALUES = [
    JOB,
    FULL,
    FULL.styles[0],
    FULL.terms[1],
    FULL.styles[0].transform,
    WITH_REGIONS,
    REGION,
    Params({"a": True, "b": 1, "c": 0.5, "d": "x"}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])  # noqa: S301
def test_a_copy_is_equal_and_hashes_equal(value, copied):
    other = copied(value)
    assert other == value
    assert hash(other) == hash(value)
    assert {value: 1}[other] == 1
    assert type(other) is type(value)


def test_parameters_cannot_be_changed_through_what_they_were_made_from():
    given = {"a": 1}
    params = Params(given)
    component = Component("x", given)
    given["a"] = 2
    assert (params["a"], component.params["a"]) == (1, 1)
    assert Params({"a": 1, "b": 2}) == Params({"b": 2, "a": 1}) == {"a": 1, "b": 2}
    assert hash(Params({"a": 1, "b": 2})) == hash(Params({"b": 2, "a": 1}))
    assert eval(repr(params)) == params  # noqa: S307


def test_a_whole_number_is_the_number_that_a_recipe_gives_back():
    whole = replace(
        FULL,
        styles=(Source("a.jpg", weight=1, scale=2),),
        terms=(Term("gram-style", 10, ("a", "b"), (1, 2)),),
    )
    assert Job.from_toml(whole.to_toml()) == whole
    assert Job.from_toml(whole.to_toml()).digest() == whole.digest()


@pytest.mark.parametrize("schema", [0, 2, "1", 1.5, None])
@pytest.mark.parametrize("written", ["json", "toml"])
def test_another_schema_is_refused(schema, written):
    data = {key: value for key, value in JOB.to_dict().items() if key != "schema"}
    if written == "json":
        text = json.dumps(data | ({} if schema is None else {"schema": schema}))
    else:
        line = "" if schema is None else f"schema = {json.dumps(schema)}\n"
        text = line + "\n".join(line for line in JOB.to_toml().splitlines() if not line.startswith("schema"))
    found = "no schema" if schema is None else f"schema {schema!r}"
    with pytest.raises(JobError, match=rf"unsupported recipe: it has {found}, .* reads schema = 1;"):
        getattr(Job, f"from_{written}")(text)


def test_a_job_of_another_schema_cannot_be_made():
    with pytest.raises(JobError, match="schema 2; this version of nst reads schema 1"):
        replace(JOB, schema=2)


@dataclass(frozen=True)
class LaterJob(Job):
    """A job of a later version, with one more field."""

    colour: str | None = field(default=None, metadata=NEUTRAL)
    boldness: float = field(default=1.0, metadata=NEUTRAL)


@pytest.mark.parametrize("job", [JOB, FULL])
def test_a_field_that_is_added_later_keeps_the_digest_until_it_is_used(job):
    same = {each.name: getattr(job, each.name) for each in fields(job)}
    assert LaterJob(**same).digest() == job.digest()
    assert LaterJob(**same, colour="match").digest() != job.digest()
    assert LaterJob(**same, boldness=2.0).digest() not in (job.digest(), LaterJob(**same, colour="match").digest())
    assert LaterJob.from_toml(job.to_toml()).digest() == job.digest()


def test_the_digest_is_what_it_was():
    """Keys of finished work: where this fails, checkpoints and sweeps of users begin anew."""
    assert JOB.digest() == "5dbbd3b30e5d291bccb71fa9d024ca694b7351c58683cdbf1f51b9880fc152c7"
    assert FULL.digest() == "1afac143c0d66600541483ebaaf37beead1666b9d09cf46437c665f75c0ee8b7"


CHANGES = {
    "terms": (Term("gram-style", 1e7, ("conv1_2",)),),
    "extractor": Component("vgg19", {"weights": "mine"}),
    "initializer": Component("content"),
    "optimizer": Component("adam"),
    "parametrization": Component("fourier"),
    "content": None,
    "styles": FULL.styles[:1],
    "size": 513,
    "enlarge": True,
    "shape": None,
    "levels": None,
    "steps": 301,
    "seed": 1,
    "strength": 0.7,
    "color": Component("luminance"),
    "regions": (REGION,),
    "outside": "keep",
    "guide": "inside",
    "keep": Source("face.png"),
    "normalize_gradients": True,
    "weights_sha256": "",
    "precision": "bf16",
    "device": "cpu",
}
STYLE_CHANGES = {"path": "x.jpg", "sha256": "", "weight": 0.6, "scale": 1.0, "transform": None}
REGION_CHANGES = {
    "name": "sea",
    "mask": Source("sky.png", "cc" * 32),
    "style": 1,
    "style_mask": None,
    "color": "",
    "weight": 1.0,
}
TERM_CHANGES = {
    "loss": "w2-style",
    "weight": 2.0,
    "layers": ("conv1_2", "conv3_1"),
    "layer_weights": (),
    "params": {"normalization": "mean"},
}


def test_every_change_changes_the_digest():
    assert {*CHANGES, "schema"} == {each.name for each in fields(Job)}
    assert {*STYLE_CHANGES} == {each.name for each in fields(Source)}
    assert {*TERM_CHANGES} == {each.name for each in fields(Term)}
    assert {*REGION_CHANGES} == {each.name for each in fields(Region)}
    style, term, sea = FULL.styles[0], FULL.terms[1], WITH_REGIONS.regions[1]
    jobs = [
        FULL,
        *(replace(FULL, **{name: value}) for name, value in CHANGES.items()),
        *(replace(FULL, styles=(replace(style, **{n: v}), *FULL.styles[1:])) for n, v in STYLE_CHANGES.items()),
        *(replace(FULL, terms=(FULL.terms[0], replace(term, **{n: v}))) for n, v in TERM_CHANGES.items()),
        WITH_REGIONS,
        *(
            replace(WITH_REGIONS, regions=(replace(REGION, **{n: v}), replace(sea, name="other")))
            for n, v in REGION_CHANGES.items()
        ),
        replace(FULL, styles=FULL.styles[::-1]),
        replace(FULL, terms=FULL.terms[::-1]),
    ]
    assert len({job.digest() for job in jobs}) == len(jobs)


def test_shares_of_a_blend_add_up_to_one():
    assert FULL.blend == pytest.approx((0.7, 0.3, 0.0))
    assert replace(JOB, styles=(Source("a"), Source("b"))).blend == (0.5, 0.5)
    assert replace(JOB, styles=()).blend == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"styles": (Source("a", weight=0.0),)}, "weights of the styles are all zero"),
        ({"shape": (0, 3)}, "height must be at least 1"),
        ({"shape": (3, 0)}, "width must be at least 1"),
        ({"levels": (256, 128)}, "levels must increase"),
        ({"levels": (0, 128)}, "levels must increase"),
        (
            {"content": Source("photo.jpg"), "levels": (512,)},
            "levels below the last must be smaller than the size 512, not 512",
        ),
        ({"seed": -1}, "seed must be at least 0"),
        ({"outside": "all"}, "outside must be style, keep or free, not 'all'"),
        ({"guide": "soft"}, "the guide of regions must be simple or inside, not 'soft'"),
        ({"keep": Source("face.png")}, "a texture has no content image of which something could be kept"),
        (
            {"regions": (REGION,), "styles": (Source("a"), Source("b")), "outside": "keep"},
            "a texture has no content image of which something could be kept",
        ),
        ({"regions": (REGION,)}, "region 'sky' takes style 2, but there is 1 style image"),
        ({"regions": (replace(REGION, style=1),) * 2}, "two regions are called 'sky'"),
        ({"regions": (REGION,) * 1001}, "regions"),
        ({"keep": Source("face.png", weight=2)}, "the mask of what is kept has no weight, scale or transform"),
    ],
)
def test_values_that_make_no_sense_are_refused(change, message):
    with pytest.raises(JobError, match=message):
        replace(JOB, **change)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), -(10**400), 10**400], ids=range(5))
def test_weights_and_scales_of_images_must_be_usable(weight):
    with pytest.raises(JobError, match="weight of an image must be finite and not negative"):
        Source("a.jpg", weight=weight)
    for scale in (0.0, weight):
        with pytest.raises(JobError, match="scale of a style image must be positive and finite"):
            Source("a.jpg", scale=scale)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, r"a region needs a name, as in sky=mask\.png"),
        ({"style": -1}, "region 'sky' names style -1; styles are numbered from 1"),
        ({"color": "blue"}, "the colour of region 'sky' must be written #rrggbb, not 'blue'"),
        ({"weight": 0.0}, "the weight of region 'sky' must be positive and finite"),
        ({"weight": float("nan")}, "the weight of region 'sky' must be positive and finite"),
        ({"weight": 1e31}, "the weight of region 'sky' must be at most 1e\\+30"),
        ({"mask": Source("a", scale=2)}, "a mask of region 'sky' has no weight, scale or transform"),
        ({"style_mask": Source("a", weight=2)}, "a mask of region 'sky' has no weight, scale or transform"),
    ],
)
def test_regions_that_make_no_sense_are_refused(change, message):
    with pytest.raises(JobError, match=message):
        replace(REGION, **change)


def test_regions_in_a_recipe():
    assert '[[regions]]\nname = "sky"\nstyle = 2\ncolor = "#0000ff"' in WITH_REGIONS.to_toml()
    assert Job.from_toml(WITH_REGIONS.to_toml()) == WITH_REGIONS
    with pytest.raises(JobError, match=r"unknown key 'regions\[0\].msk'; did you mean 'regions\[0\].mask'"):
        Job.from_json(changed(regions=[{"name": "sky", "msk": {"path": "a"}}]))
    with pytest.raises(JobError, match=r"'regions\[0\].mask' is missing"):
        Job.from_json(changed(regions=[{"name": "sky"}]))


def test_terms_of_one_loss_are_told_apart_by_numbers():
    terms = (*JOB.terms, *JOB.terms, JOB.terms[0])
    names = [term.loss for term in JOB.terms]
    again = [f"{name}#2" for name in names]
    assert replace(JOB, terms=terms).labels == (*names, *again, f"{names[0]}#3")
