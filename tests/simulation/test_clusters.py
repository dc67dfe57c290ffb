"""Stores that sell alike come together; no cluster is empty; the largest comes first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoops.simulation.clusters import cluster_stores


def test_groups_that_are_apart_are_found() -> None:
    """Three clouds of stores are three clusters, numbered by their sales."""
    rng = np.random.default_rng(0)
    centres = np.repeat(np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), [5, 20, 10], axis=0)
    label = cluster_stores(centres + rng.normal(0.0, 0.1, centres.shape), np.ones(35), 3)

    assert np.bincount(label).tolist() == [20, 10, 5]
    assert len(set(label[5:25].tolist())) == 1


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(6, 40), st.integers(0, 100))
def test_every_cluster_has_a_store(count: int, stores: int, seed: int) -> None:
    """However the stores lie, each of the clusters asked for is there."""
    rng = np.random.default_rng(seed)
    label = cluster_stores(rng.normal(size=(stores, 3)), rng.uniform(1.0, 5.0, stores), count)

    assert sorted(set(label.tolist())) == list(range(count))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_stores_that_are_alike_can_be_parted(count: int) -> None:
    """Five stores of which four are one another's doubles: each cluster asked for is there, and nothing is divided by zero."""
    features = np.array([[1.0, 2.0]] * 4 + [[5.0, 2.0]])
    label = cluster_stores(features, np.ones(5), count)

    assert sorted(set(label.tolist())) == list(range(count))


@settings(max_examples=40)
@given(st.data())
def test_every_cluster_has_a_store_among_doubles(data: st.DataObject) -> None:
    """Features of few values make doubles; no cluster is empty whatever is asked for."""
    stores = data.draw(st.integers(2, 11))
    values = data.draw(st.lists(st.integers(0, 2), min_size=2 * stores, max_size=2 * stores))
    count = data.draw(st.integers(1, stores))
    label = cluster_stores(np.array(values, dtype=np.float64).reshape(stores, 2), np.ones(stores), count)

    assert sorted(set(label.tolist())) == list(range(count))


def test_the_same_stores_give_the_same_clusters() -> None:
    """Nothing but the data decides."""
    features = np.random.default_rng(1).normal(size=(30, 4))

    assert cluster_stores(features, np.ones(30), 4) == pytest.approx(cluster_stores(features, np.ones(30), 4))
