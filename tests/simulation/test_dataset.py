"""The panel is real, complete, and made without a look at the weeks that are simulated."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import CLUSTERS, PRODUCTS, panel_folder, small_panel

from autoops.errors import SimulationError
from autoops.simulation.assumptions import MARGINS
from autoops.simulation.cache import panel_path, read_panel, write_panel
from autoops.simulation.dataset import load_panel
from autoops.simulation.panel import PanelOptions, Split

if TYPE_CHECKING:
    from pathlib import Path

WEEKS = 38
"""Weeks 2 to 39."""


def test_the_panel_has_the_size_that_was_asked_for() -> None:
    """Thirty products, twelve of which expire, in three clusters, over all weeks of the split."""
    panel = small_panel()

    assert panel.units.shape == (PRODUCTS, CLUSTERS, WEEKS)
    assert sum(product.shelf_life > 0 for product in panel.products) == 12
    assert len({product.name for product in panel.products}) == PRODUCTS
    assert sum(cluster.sales_share for cluster in panel.clusters) == pytest.approx(1.0)


def test_every_figure_is_there() -> None:
    """Prices are known in all weeks, shares are shares, weekdays average one."""
    panel = small_panel()

    assert (panel.price > 0.0).all()
    assert (panel.list_price >= panel.price - 0.011).all()
    for share in (panel.display, panel.mailer):
        assert ((share >= 0.0) & (share <= 1.0)).all()
    assert panel.weekday.mean(axis=1) == pytest.approx([1.0, 1.0])


def test_only_goods_that_a_grocer_prices() -> None:
    """No fuel, coupons or prepaid cards: each department has a margin."""
    assert {product.department for product in small_panel().products} <= set(MARGINS)


def test_the_simulated_weeks_choose_nothing() -> None:
    """With other weeks to simulate, the products, clusters, costs and the shop's past are the same."""
    panel = small_panel()
    shorter = load_panel(PanelOptions(PRODUCTS, CLUSTERS, Split(fit=(2, 26), test=(27, 28))), panel_folder())

    assert shorter.products == panel.products
    assert shorter.clusters == panel.clusters
    assert (shorter.cost == panel.cost).all()
    assert (shorter.reference_price == panel.reference_price).all()
    assert (shorter.weekday == panel.weekday).all()
    for ours, theirs in (
        (shorter.units, panel.units),
        (shorter.price, panel.price),
        (shorter.display, panel.display),
        (shorter.mailer, panel.mailer),
        (shorter.half, panel.half),
    ):
        assert (ours[..., :25] == theirs[..., :25]).all()


def test_weeks_forty_and_later_are_not_read() -> None:
    """The default split ends with week 39; the held-out weeks are not in the panel."""
    assert Split().weeks.max() == 39


def test_a_cached_panel_is_the_same(tmp_path: Path) -> None:
    """What was left on disk is what was made."""
    options = PanelOptions(PRODUCTS, CLUSTERS)
    panel = small_panel()
    again = load_panel(options, panel_folder())

    assert panel_path(panel_folder(), options).is_file()
    assert again.products == panel.products
    assert (again.units == panel.units).all()
    assert (again.price == panel.price).all()
    assert not tmp_path.joinpath("unused").exists()


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    """A file that cannot be read is replaced, not trusted."""
    options = PanelOptions(10, 2)
    path = panel_path(tmp_path, options)
    path.write_bytes(b"no panel")

    panel = load_panel(options, tmp_path)

    assert len(panel.products) == 10
    assert load_panel(options, tmp_path).products == panel.products


def test_a_cache_with_a_flipped_bit_is_never_believed(tmp_path: Path) -> None:
    """Wherever a byte is damaged, headers included, the panel is the one that was left, or none: no other, no error."""
    options = PanelOptions(PRODUCTS, CLUSTERS)
    panel, path = small_panel(), panel_path(tmp_path, options)
    write_panel(path, panel)
    whole = path.read_bytes()
    headers = [place for place in range(len(whole)) if whole[place : place + 2] == b"PK"]
    rng, believed = np.random.default_rng(0), 0
    places = [place + k for place in headers for k in range(0, 90, 7)] + rng.integers(
        0, len(whole), 60
    ).tolist()
    for place in places:
        damaged = bytearray(whole)
        damaged[min(place, len(whole) - 1)] ^= 0x20
        path.write_bytes(damaged)
        found = read_panel(path, options.split)
        believed += found is not None
        if found is not None:
            assert found.products == panel.products
            assert all(
                np.array_equal(getattr(found, name), getattr(panel, name))
                for name in ("units", "price", "list_price", "display", "mailer", "weekday", "daily", "half")
            )

    assert believed < 0.5 * len(places)


def test_the_panel_of_other_options_is_not_read(tmp_path: Path) -> None:
    """A file that bears another's name is made anew."""
    path = panel_path(tmp_path, PanelOptions(PRODUCTS, CLUSTERS))
    write_panel(path, small_panel())
    other = panel_path(tmp_path, PanelOptions(PRODUCTS, CLUSTERS, first_rank=2))
    other.write_bytes(path.read_bytes())

    assert read_panel(path, PanelOptions().split) is not None
    assert read_panel(other, PanelOptions().split) is None


def test_too_many_products_say_how_many_there_are() -> None:
    """The message names the option, what was received and what is allowed."""
    with pytest.raises(SimulationError, match=r"--products: received 90000; allowed: 10 to \d+"):
        load_panel(replace(PanelOptions(), products=90_000))


def test_too_many_clusters_say_how_many_there_are() -> None:
    """A cluster needs a store."""
    with pytest.raises(SimulationError, match=r"--clusters: received 500; allowed: 1 to 1\d\d"):
        load_panel(PanelOptions(10, 500))


def test_prices_of_unsold_weeks_come_from_before() -> None:
    """A gap takes the last price, never a later one, once there is one."""
    from autoops.simulation.dataset import _fill

    filled = _fill(np.array([[np.nan, 2.0, np.nan, 3.004]]))

    assert filled.tolist() == [[2.0, 2.0, 2.0, 3.0]]


def test_without_the_data_package_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no traceback of pandas."""
    monkeypatch.setattr("autoops.simulation.dataset.PACKAGE", "no_such_package")

    with pytest.raises(SimulationError, match="the data package is missing"):
        load_panel(PanelOptions(10, 2))


def test_the_reader_of_the_data_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's files are parquet: without pyarrow the error says so and what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(SimulationError, match="without pyarrow: in a clone `uv sync`, elsewhere install"):
        load_panel(PanelOptions(10, 2))


def test_ranks_follow_each_other() -> None:
    """Ranks 16-30 are the second half of 1-30, perishables and others alike; beyond the last the message says so."""
    every = load_panel(PanelOptions(30, 3), panel_folder()).products
    later = load_panel(PanelOptions(15, 3, first_rank=16), panel_folder()).products
    first = load_panel(PanelOptions(15, 3), panel_folder()).products

    assert {product.id for product in first} | {product.id for product in later} == {p.id for p in every}
    assert sum(product.shelf_life > 0 for product in later) == 6
    with pytest.raises(SimulationError, match=r"--product-ranks: received 9001-9015; allowed: 1 to 1\d\d\d"):
        load_panel(PanelOptions(15, 3, first_rank=9001), panel_folder())


def test_days_and_halves_are_of_the_same_sales() -> None:
    """Days add up to weeks; one half of the households buys about half."""
    panel = small_panel()
    weeks = panel.daily.reshape(*panel.daily.shape[:2], -1, 7).sum(axis=3)

    assert (weeks == panel.units).all()
    assert (panel.half <= panel.units).all()
    assert panel.half.sum() / panel.units.sum() == pytest.approx(0.5, abs=0.1)
