"""How well the demand model tells next week's real sales: no simulation in it, the chain as it was in 2017."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.demand import adjusted_level, fit_response, shrunk_shares
from autoops.simulation.truth import explanatory

if TYPE_CHECKING:
    from autoops.simulation.panel import Panel

SMOOTHING = 0.25
"""Weight of the newest week; tuned on weeks 20-26."""


def chain_wape(panel: Panel, weeks_ahead: int = 1, weeks: int | None = None) -> float:
    """Return the weighted absolute percentage error of weekly forecasts, product x week, real units.

    The response is fitted on the weeks of the fit; each simulated week is forecast from the sales of the weeks up to
    `weeks_ahead` before it, its own planned prices, displays and mailers known. WAPE: sum of absolute errors over sum of
    sales (Kolassa and Schuetz, *Foresight* 6 (2007)).

    Args:
        panel: The chain's real sales.
        weeks_ahead: From the last week whose sales are known to the week that is forecast, 1 or more.
        weeks: How many of the simulated weeks are forecast, from the first; None is all of them.
    """
    fit = panel.split.fit_weeks
    end = panel.units.shape[2] if weeks is None else fit + weeks
    group = np.array([int(product.shelf_life > 0) for product in panel.products])
    size = np.array([cluster.sales_share for cluster in panel.clusters])
    share = shrunk_shares(panel.units[:, :, :fit].sum(axis=2), size)
    display = (panel.display * share[:, :, None]).sum(axis=1)
    x = explanatory(panel.price, panel.reference_price, display, panel.mailer)
    weekly = panel.units.sum(axis=1)
    effect = fit_response(weekly[:, :fit], x[:, :fit], group).effect(x)
    error = 0.0
    for week in range(fit, end):
        known = week + 1 - weeks_ahead
        level = adjusted_level(weekly[:, :known], effect[:, :known], SMOOTHING)
        error += float(np.abs(level * effect[:, week] - weekly[:, week]).sum())
    return error / float(weekly[:, fit:end].sum())
