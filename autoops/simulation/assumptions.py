"""Every assumption of the simulated world, with its unit and its source or the word "assumed"."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from autoops.agents.shop import Economics
from autoops.retail.markdown import DEEPEST, PROMOTED

if TYPE_CHECKING:
    from collections.abc import Mapping

MARGINS = {
    "GROCERY": 0.27,
    "PRODUCE": 0.35,
    "MEAT": 0.25,
    "MEAT-PCKGD": 0.28,
    "DELI": 0.38,
    "PASTRY": 0.45,
    "DRUG GM": 0.32,
}
"""Margin on the median list price by department: assumed, the data has no costs. Other departments (fuel,
coupons, flowers, salad bar, restaurants, postage) are left out of the assortment."""

EXCLUDED_CATEGORIES = frozenset(
    {"COUPON/MISC ITEMS", "PREPAID WIRELESS&ACCESSORIES", "TICKETS", "NEWSPAPER", "CIGARETTES"}
)
"""Sold at prices that a grocer does not set, or no goods at all."""

SHELF_LIFE_BY_CATEGORY = {
    "BAKED BREAD/BUNS/ROLLS": 5,
    "FLUID MILK PRODUCTS": 8,
    "MILK BY-PRODUCTS": 14,
    "EGGS": 14,
    "YOGURT": 14,
    "REFRGRATD JUICES/DRNKS": 14,
    "DELI MEATS": 8,
    "CHEESES": 14,
    "POTATOES": 14,
    "ONIONS": 14,
    "CARROTS": 14,
    "APPLES": 14,
    "CITRUS": 14,
    "PEPPERS-ALL": 8,
    "VEGETABLES - ALL OTHERS": 8,
    "SALAD MIX": 5,
    "HOT DOGS": 14,
    "BACON": 14,
    "LUNCHMEAT": 14,
    "DINNER SAUSAGE": 14,
    "BREAKFAST SAUSAGE/SANDWICHES": 14,
    "HEAT/SERVE": 8,
    "SMOKED MEATS": 14,
    "MEAT - MISC": 0,
}
"""Days on the shelf by category: assumed. 0 keeps (MEAT - MISC is frozen)."""

SHELF_LIFE_BY_DEPARTMENT = {"PRODUCE": 5, "MEAT": 5, "MEAT-PCKGD": 14, "DELI": 3, "PASTRY": 3}
"""Days on the shelf of the departments' other categories: assumed. Others keep."""


MEMORY_DAYS = 7.0
"""Days over which customers remember what they stocked up on: assumed."""

LEAST_ELASTIC = -0.2
"""Elasticities are drawn no closer to zero, for nobody buys more because it is dearer: assumed."""

REPLAY = (0.7, 0.8, 0.9, 1.0)
"""Least share of a week's own deviation that is replayed; a product takes the first with which its weekly means
follow the real ones. At the first, all but one in a hundred do."""

REPLAY_SOURCE = "chosen so that each product's weekly means follow the real ones"


def _assumed(default: Any, unit: str, meaning: str, source: str = "assumed") -> Any:
    """Return a dataclass field that carries its unit, meaning and source."""
    return field(default=default, metadata={"unit": unit, "meaning": meaning, "source": source})


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the world takes for granted beyond the real transactions."""

    scale: float = _assumed(
        20.0,
        "times",
        "demand of the panel's 2,469 households is multiplied by this to resemble a store network",
    )
    order_line_cost: float = _assumed(1.5, "$ a line", "cost of one order line")
    holding_rate: float = _assumed(0.002, "of cost a night", "cost of holding a unit")
    label_cost: float = _assumed(1.0, "$ a label", "one shelf label changed, per product and cluster")
    goodwill: float = _assumed(
        1.0, "margins", "a lost sale costs its margin once more; in objective, not in profit"
    )
    vendor_funding: float = _assumed(
        0.6, "of the discount", "vendors' share of planned discounts, paid on sale"
    )
    price_rail: float = _assumed(0.10, "of the plan", "largest deviation of a shelf price from its plan")
    perishable_salvage: float = _assumed(
        0.5, "of cost", "value of perishable end stock; what keeps counts at cost"
    )
    lead_times: tuple[int, ...] = _assumed(
        (2, 3, 4), "days", "lead times, equally likely for each cluster and day"
    )
    opening_cover: float = _assumed(
        3.0, "days", "opening stock and opening orders, in mean demand, for every policy"
    )
    display_causal: tuple[float, float] = _assumed(
        (0.3, 0.9),
        "share",
        "range of the share of the fitted display lift that is causal, drawn per product and seed",
    )
    cannibalisation: float = _assumed(0.33, "of extra units", "taken from the same category")
    promotion_dip: float = _assumed(0.15, "of the uplift", "demand missing after a week of promotion")
    competitor_cross: float = _assumed(0.6, "elasticity", "our demand's answer to a competitor's price")
    competitor_steepening: float = _assumed(1.5, "times", "our own elasticity while a competitor's cut lasts")
    clearance_elasticity: float = _assumed(
        -1.8, "elasticity", "of demand for stickered units on their last day"
    )
    spike_rate: float = _assumed(0.00402, "a cell and day", "demand spikes (586 in 1,600 cells x 91 days)")
    spike_size: tuple[float, float] = _assumed((1.8, 3.5), "times", "range of a spike's multiplier")
    spike_days: tuple[int, int] = _assumed((3, 5), "days", "range of a spike's length")
    spike_announced: float = _assumed(0.5, "share", "spikes announced ahead")
    spike_notice: int = _assumed(3, "days", "how far ahead a spike is announced")
    spike_error: float = _assumed(0.25, "log sd", "error of the announced multiplier")
    trend_share: float = _assumed(0.5, "share", "unannounced spikes that social media show before they begin")
    trend_true: float = _assumed(
        0.6, "share", "signals of social media that a spike follows; the rest are false"
    )
    trend_notice: int = _assumed(2, "days", "how far ahead a signal of social media is seen")
    competitor_rate: float = _assumed(
        0.00456, "a product and day", "competitor cuts (83 in 200 products x 91 days)"
    )
    competitor_cut: tuple[float, float] = _assumed((0.10, 0.30), "share", "range of a competitor's cut")
    competitor_days: tuple[int, int] = _assumed((5, 14), "days", "range of a competitor cut's length")
    delay_rate: float = _assumed(0.0096, "a cluster and day", "supply delays (7 in 8 clusters x 91 days)")
    delay_days: int = _assumed(3, "days", "added to the lead time of orders placed during a delay")
    delay_length: int = _assumed(5, "days", "how long a supply delay lasts")
    count_spread: float = _assumed(
        0.1, "share", "a seed has up to this much more or less of each kind of event than its rate says"
    )
    sensor_error: float = _assumed(
        0.10, "share", "a shelf sensor reads up to this much too much or too little"
    )

    def economics(self) -> Economics:
        """Return the part that the shop knows."""
        lead = self.lead_times
        mean = sum(lead) / len(lead)
        return Economics(
            order_line_cost=self.order_line_cost,
            holding_rate=self.holding_rate,
            label_cost=self.label_cost,
            goodwill=self.goodwill,
            vendor_funding=self.vendor_funding,
            price_rail=self.price_rail,
            perishable_salvage=self.perishable_salvage,
            lead_time_mean=mean,
            lead_time_variance=sum((days - mean) ** 2 for days in lead) / len(lead),
        )

    def record(self) -> dict[str, Any]:
        """Return all of it for the journal: values, margins and shelf lives."""
        return {
            **asdict(self),
            "margins": MARGINS,
            "shelf_life_by_category": SHELF_LIFE_BY_CATEGORY,
            "shelf_life_by_department": SHELF_LIFE_BY_DEPARTMENT,
        }

    def headline(self) -> str:
        """Return the line that stands above every table of money."""
        return (
            f"Simulated: real 2017 demand \N{MULTIPLICATION SIGN} {self.scale:g}, margins assumed "
            f"(grocery {MARGINS['GROCERY']:.0%}, produce {MARGINS['PRODUCE']:.0%}), "
            f"lead time {min(self.lead_times)}-{max(self.lead_times)} days, "
            f"prices within ±{self.price_rail:.0%} of plan"
        )

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return (name, value with unit, meaning, source) of each assumption."""
        own = [
            (
                item.name,
                f"{_plain(getattr(self, item.name))} {item.metadata['unit']}",
                item.metadata["meaning"],
                item.metadata["source"],
            )
            for item in fields(self)
        ]
        tables: tuple[tuple[str, Mapping[str, float], str], ...] = (
            ("margin", MARGINS, "of the median list price"),
            ("shelf life", SHELF_LIFE_BY_DEPARTMENT, "days on the shelf, unless its category has its own"),
            ("shelf life", SHELF_LIFE_BY_CATEGORY, "days on the shelf; 0 keeps"),
        )
        of_goods = [
            (f"{name} {key}", f"{value:g}", meaning, "assumed")
            for name, table, meaning in tables
            for key, value in table.items()
        ]
        fixed = [
            ("sticker_deepest", f"{DEEPEST:g} of the price", "deepest last-day sticker", "assumed"),
            ("promotion", f"{PROMOTED:g} under reference", "planned price that bars stickers", "assumed"),
            (
                "memory",
                f"{MEMORY_DAYS:g} days",
                "over which customers remember what they stocked up on",
                "assumed",
            ),
            ("least_elastic", f"{LEAST_ELASTIC:g}", "elasticities are drawn no closer to zero", "assumed"),
            (
                "replay",
                f"{REPLAY[0]:g} or more",
                "share of a week's own deviation that is replayed",
                REPLAY_SOURCE,
            ),
        ]
        return [*own, *fixed, *of_goods]


def assumption_table() -> str:
    """Return all assumptions as a Markdown table, as it stands in docs/simulation.md."""
    rows = (f"| {' | '.join(row)} |" for row in Assumptions().rows())
    return "\n".join(["| assumption | value | meaning | source |", "|---|---|---|---|", *rows])


def _plain(value: object) -> str:
    """Return a value as it reads in a line: a pair as "0.3 to 0.9"."""
    if isinstance(value, tuple):
        return (" to " if len(value) == 2 else ", ").join(f"{each:g}" for each in value)
    return f"{value:g}"


def shelf_life(department: str, category: str) -> int:
    """Return the days that a category stays on the shelf; 0 keeps."""
    return SHELF_LIFE_BY_CATEGORY.get(category, SHELF_LIFE_BY_DEPARTMENT.get(department, 0))
