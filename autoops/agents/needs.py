"""What a cluster's products should have, what they have, and what is therefore to be ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.effects import Gauge, Measured
from autoops.agents.figures import column
from autoops.agents.messages import Line
from autoops.retail.replenishment import left_probability, order_quantity

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Levels:
    """What each product and cluster should have, and has; arrays are (products, clusters), units."""

    lead_days: FloatArray
    """(clusters,) days from order to delivery."""
    mean: FloatArray
    """Expected demand until an order placed tomorrow could arrive."""
    variance: FloatArray
    stock: FloatArray
    on_order: FloatArray
    doomed: FloatArray
    """What will expire before it can be sold."""
    trigger: FloatArray
    top: FloatArray

    def needs(self, products: IntArray, cluster: int, ordered: FloatArray) -> Needs:
        """Return those of the `products` whose stock asks for an order in a cluster, (products,) `ordered` being so."""
        asked = products, cluster
        position = self.stock[asked] + self.on_order[asked] - self.doomed[asked] + ordered[products]
        quantity = order_quantity(position, self.trigger[asked], self.top[asked])
        due, lead = quantity > 0.0, float(self.lead_days[cluster])
        here = products[due], cluster
        return Needs(
            product=products[due],
            cluster=cluster,
            lead_days=lead,
            mean=self.mean[here],
            variance=self.variance[here],
            stock=self.stock[here],
            on_order=self.on_order[here],
            doomed=self.doomed[here],
            ordered=ordered[products[due]],
            position=position[due],
            trigger=self.trigger[here],
            top=self.top[here],
            quantity=quantity[due],
            lasting=left_probability(
                position[due], quantity[due], self.mean[here], self.variance[here], lead
            ),
        )


@dataclass(frozen=True, slots=True)
class Needs:
    """Products of one cluster that are to be ordered; arrays are (products,), units."""

    product: IntArray
    cluster: int
    lead_days: float
    mean: FloatArray
    variance: FloatArray
    stock: FloatArray
    on_order: FloatArray
    doomed: FloatArray
    ordered: FloatArray
    """Ordered today already."""
    position: FloatArray
    """On hand and under way, less what will expire before it can be sold."""
    trigger: FloatArray
    top: FloatArray
    quantity: FloatArray
    """What to order now."""
    lasting: FloatArray
    """Probability that something is left on the evening of the delivery."""

    def lines(self, worth: FloatArray) -> tuple[Line, ...]:
        """Return the orders with the numbers they were decided by; `worth` is (products,) dollars a unit served."""
        figures = {
            "on_hand": column(self.stock),
            "on_order": column(self.on_order),
            "will_expire": column(self.doomed, 1),
            "position": column(self.position, 1),
            "expected_demand": column(self.mean, 1),
            "deviation": column(np.sqrt(self.variance), 1),
            "reorder_point": column(self.trigger, 1),
            "order_up_to": column(self.top, 1),
            "lasts_with_probability": column(np.clip(self.lasting, 0.01, 0.99), 3),
        }
        rows = zip(
            self.product.tolist(),
            column(self.ordered),
            column(self.ordered + self.quantity),
            zip(*figures.values(), strict=True),
            np.maximum(self.position, 0.0).tolist(),
            worth[self.product].tolist(),
            strict=True,
        )
        return tuple(
            Line(
                product=product,
                cluster=self.cluster,
                before=before,
                after=after,
                figures=dict(zip(figures, row, strict=True)),
                gauge=Gauge(Measured.SERVED, baseline=there, worth=dollars),
            )
            for product, before, after, row, there, dollars in rows
        )
