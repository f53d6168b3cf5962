"""The cache of a session: the most recently used, within limits, whatever the threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from tiny import TinyExtractor, plugin, tiny_registry

from nst_core import Component, JobError, Statistic, WeightedMaps
from nst_core.runtime.cache import Cache


class Counted(TinyExtractor):
    """Counts how often it is made."""

    made = 0

    def __init__(self, kind: str = "a") -> None:
        if kind == "bad":
            raise JobError("no such kind")
        type(self).made += 1


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(Counted, "made", 0)
    return tiny_registry(("counted", plugin(extractors={"counted": Counted})))


def test_an_extractor_is_made_once_for_its_parameters(counted):
    cache = Cache()
    one, other = Component("counted"), Component("counted", {"kind": "b"})
    assert cache.extractor(counted, one) is cache.extractor(counted, Component("counted"))
    assert cache.extractor(counted, other) is not cache.extractor(counted, one)
    assert Counted.made == 2
    assert Cache().extractor(counted, one) is not cache.extractor(counted, one)


def test_an_extractor_that_cannot_be_made_is_tried_again(counted):
    cache = Cache()
    for _ in range(2):
        with pytest.raises(JobError, match="no such kind"):
            cache.extractor(counted, Component("counted", {"kind": "bad"}))


def test_threads_share_what_one_of_them_makes(counted):
    cache, together = Cache(), threading.Barrier(6)

    def ask(_: int) -> tuple[object, object]:
        together.wait()
        return cache.extractor(counted, Component("counted")), cache.network("key", object)

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ask, range(6)))
    assert len(found) == 1
    assert Counted.made == 1


def test_the_least_recently_used_network_makes_room():
    cache, made = Cache(), []

    def network(key: int) -> int:
        return cache.network(key, lambda: made.append(key) or key)

    assert [network(key) for key in range(Cache.MAX_NETWORKS)] == list(range(Cache.MAX_NETWORKS))
    network(0)
    network(99)  # in place of 1
    assert made == [*range(Cache.MAX_NETWORKS), 99]
    network(0)
    assert made[-1] == 99
    network(1)
    assert made[-1] == 1


def test_a_network_that_cannot_be_made_leaves_nothing():
    cache = Cache()

    def fail() -> None:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        cache.network("key", fail)
    assert cache.network("key", lambda: "made") == "made"


def target(number: int) -> dict[str, Statistic]:
    """Of 40 bytes."""
    return {"a": Statistic((torch.full((1, 3, 3), float(number)),), torch.ones(1))}


def test_the_least_recently_used_targets_make_room_by_their_bytes():
    cache = Cache(max_target_bytes=100)
    cache.keep_target("a", target(0))
    cache.keep_target("b", target(1))
    assert cache.target("a") is not None  # so that b is the oldest
    cache.keep_target("c", target(2))
    assert cache.target("b") is None
    assert float(cache.target("a")["a"].sums[0].max()) == 0
    assert float(cache.target("c")["a"].sums[0].max()) == 2


def test_a_target_that_is_too_large_is_not_kept_and_drives_nothing_out():
    cache = Cache(max_target_bytes=100)
    cache.keep_target("a", target(0))
    cache.keep_target("maps", (WeightedMaps({"a": torch.zeros(1, 4, 8, 8)}, 1.0),))
    assert cache.target("maps") is None
    assert cache.target("a") is not None


def test_a_target_that_is_kept_anew_counts_once():
    cache = Cache(max_target_bytes=100)
    for number in range(5):
        cache.keep_target("a", target(number))
    cache.keep_target("b", target(9))
    assert float(cache.target("a")["a"].sums[0].max()) == 4
    assert cache.target("b") is not None


def test_what_is_not_there_is_none():
    assert Cache().target("a") is None
