"""Events, proposals, conflicts and decisions as they stand in the journal: names for indices, plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.agents.figures import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from autoops.agents.messages import Conflict, Decision, Event, Line, Proposal
    from autoops.agents.shop import Shop


SIM_DATE = "autoops.sim.date"
"""Name of the simulated date in the metadata of every span of a simulation."""


def dated(day: date) -> dict[str, object]:
    """Return the simulated date as metadata of a span."""
    return {SIM_DATE: day.isoformat()}


def event_record(event: Event, shop: Shop) -> dict[str, object]:
    """Return an event as the input of its trace."""
    record: dict[str, object] = {
        "type": event.type.value,
        "id": event.id,
        "source": event.source,
        "date": event.date.isoformat(),
        "day": event.day,
        **_where(shop, event.product, event.cluster),
        **event.facts,
    }
    if event.lines:
        record["units_by_product"] = {
            shop.products[product].name: plain(units) for product, units in event.lines.items()
        }
    return record


def proposal_record(proposal: Proposal, shop: Shop) -> dict[str, object]:
    """Return a proposal as the outcome of its agent's step."""
    return {
        "proposal": proposal.id,
        "type": proposal.type,
        "changes": [_change(line, shop) for line in proposal.lines],
        "unit": proposal.unit,
        "expected_gain": proposal.effect.mean,
        "confidence": proposal.confidence,
    }


def conflict_record(conflict: Conflict, shop: Shop) -> tuple[dict[str, object], dict[str, object]]:
    """Return what was found and what came of it."""
    found: dict[str, object] = {
        "conflict": conflict.id,
        "kind": conflict.kind.value,
        **_where(shop, conflict.product, conflict.cluster),
        "between": list(conflict.agents),
        "proposals": list(conflict.proposals),
        "found": conflict.found,
        **conflict.figures,
    }
    return found, {"rule": conflict.rule, "resolution": conflict.resolution}


def decision_record(decision: Decision, shop: Shop) -> dict[str, object]:
    """Return a decision for the tracing service: a single one with its numbers, a routine one with its table."""
    proposal, lines = decision.proposal, decision.lines
    effect = proposal.effect
    inputs: dict[str, object] = dict(proposal.inputs)
    outputs: dict[str, object] = {"committed": _committed(decision)}
    if decision.held:
        outputs["held"] = decision.held
    single = lines[0] if len(lines) == 1 else None
    if single is not None:
        inputs |= {**_where(shop, single.product, single.cluster), **single.figures}
        outputs |= {"before": single.before, "after": single.after, "unit": proposal.unit}
        if single.counterpart is not None:
            outputs["display_from"] = shop.products[single.counterpart].name
        if single.note:
            outputs["note"] = single.note
    else:
        outputs |= {"unit": proposal.unit, "lines": [_row(line, shop) for line in lines]}
    return {
        "type": proposal.type,
        "inputs": inputs,
        "outputs": outputs,
        "confidence": decision.confidence,
        "model_confidence": decision.model_confidence,
        "reasoning": proposal.reasoning,
        "claim": str(proposal.claim),
        "expected_effect": {
            "mean": effect.mean,
            "low80": effect.low,
            "high80": effect.high,
            "unit": effect.unit,
            "horizon_days": effect.horizon_days,
        },
        "action": proposal.action.value,
        "trigger": decision.trigger,
        **dated(decision.date),
        "conflicts": list(decision.conflict_ids) or None,
    }


def outcome_record(decisions: Sequence[Decision], conflicts: Sequence[Conflict]) -> dict[str, object]:
    """Return what an event came to, as the output of its trace."""
    committed = [decision for decision in decisions if _committed(decision)]
    held = sum(bool(decision.held) for decision in decisions)
    return {
        "decisions": len(committed),
        "left_as_is": len(decisions) - len(committed) - held,
        "only_proposed": held,
        "conflicts_resolved": len(conflicts),
        "changes": sum(line.after != line.before for decision in committed for line in decision.lines),
    }


def _committed(decision: Decision) -> bool:
    """Return whether a decision changes anything."""
    return not decision.held and any(line.after != line.before for line in decision.lines)


def _where(shop: Shop, product: int | None, cluster: int | None) -> dict[str, object]:
    """Return the names of a product and a cluster, those that are given."""
    record: dict[str, object] = {}
    if product is not None:
        record |= {"product": shop.products[product].name, "product_id": shop.products[product].id}
    if cluster is not None:
        record["cluster"] = shop.clusters[cluster].name
    return record


def _change(line: Line, shop: Shop) -> str:
    """Return a line as one phrase: "Bananas (1082185): 0 → 120"."""
    return f"{shop.products[line.product].name}: {line.before:,} → {line.after:,}"


def _row(line: Line, shop: Shop) -> dict[str, object]:
    """Return a line as a row of a table."""
    row: dict[str, object] = {
        "product": shop.products[line.product].name,
        "before": line.before,
        "after": line.after,
        **line.figures,
    }
    if line.counterpart is not None:
        row["display_from"] = shop.products[line.counterpart].name
    if line.conflict_id is not None:
        row |= {"conflict": line.conflict_id, "note": line.note}
    return row
