"""Whether stock covers the demand that a promotion makes before more can arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.messages import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.agent import Situation
    from autoops.agents.messages import Line, Proposal


class Cover:
    """Stock against promoted demand, with what is ordered and proposed today."""

    def __init__(self, proposals: Sequence[Proposal], situation: Situation) -> None:
        self._situation = situation
        self._lead = int(situation.shop.economics.lead_time_mean)
        self._ordered = situation.committed.orders.copy()
        for proposal in proposals:
            for line in proposal.lines if proposal.action is Action.ORDER else ():
                if line.cluster is not None:
                    self._ordered[line.product, line.cluster] += line.after - line.before

    def of(self, line: Line, proposal: Proposal) -> tuple[float, float]:
        """Return (units available, units wanted) from today until the promotion ends or an order arrives."""
        if proposal.action is Action.PRICE:
            change = float(np.log(line.after / line.before))
            lift = float(self._situation.forecast.elasticity[line.product]) * change
            clusters = range(len(self._situation.shop.clusters))
            both = [self._one(line.product, cluster, proposal, lift) for cluster in clusters]
            return sum(stock for stock, _ in both), sum(demand for _, demand in both)
        assert line.cluster is not None  # noqa: S101 - a display stands in a cluster
        return self._displayed(line.product, line.cluster, proposal, line.after)

    def _displayed(self, product: int, cluster: int, proposal: Proposal, share: float) -> tuple[float, float]:
        """Return (available, wanted) of a product with the given displayed share."""
        ahead = proposal.first_day - self._situation.view.day
        already = float(self._situation.committed.display[ahead, product, cluster])
        lift = float(self._situation.forecast.lift[product]) * (share - already)
        return self._one(product, cluster, proposal, lift)

    def _one(self, product: int, cluster: int, proposal: Proposal, lift: float) -> tuple[float, float]:
        """Return (available, wanted) where the promotion multiplies demand by exp(lift)."""
        view, daily = self._situation.view, self._situation.forecast.daily[:, product, cluster]
        ahead = proposal.first_day - view.day
        end = min(ahead + proposal.days, max(self._lead, ahead + 1), len(daily))
        wanted = float(daily[:ahead].sum() + np.exp(lift) * daily[ahead:end].sum())
        due = float(view.on_order[: max(end - 1, 0), product, cluster].sum())
        arriving = self._ordered[product, cluster] if self._lead <= end - 1 else 0.0
        return float(view.stock[product, cluster]) + due + float(arriving), wanted
