"""A plan as plain values for `--output json`; times in seconds, shares in percent."""

from __future__ import annotations

from typing import Any

from orchestrator.cli.plan_evidence_json import draining_document, judged_document
from orchestrator.cli.planned import Planned, sides
from orchestrator.forecast_entries import ROUTING, Entry, Kind
from orchestrator.forecast_gates import CONFIDENCES, ruled_out
from strategies.detours import Match
from strategies.model import Revision
from strategies.plan import Step


def plan_document(plan: Planned) -> dict[str, Any]:
    """One service's plan."""
    prospect, rollout = plan.prospect, plan.prospect.rollout
    return {
        "service": rollout.service.name,
        "nothingToDo": prospect.nothing,
        "read": prospect.read,
        "notes": list(prospect.notes),
        "candidate": _revision(rollout.revision),
        "stable": _revision(rollout.previous),
        "number": rollout.number,
        "targets": [_target(plan, target.name) for target in rollout.service.targets],
        "changes": [] if prospect.nothing else [_entry(plan, entry) for entry in plan.expected.entries],
        "outcome": plan.expected.rollout.outcome.value,
        "seconds": {
            "expected": plan.expected.seconds,
            "worst": plan.slow.seconds,
            "worstOutcome": plan.slow.rollout.outcome.value,
        },
        "approvals": plan.expected.approvals,
        "rollback": _back(plan),
        "writes": _writes(plan),
        "cost": [
            {
                "target": cost.target,
                "unit": cost.unit,
                "groups": cost.groups,
                "seconds": cost.seconds,
                "groupHours": round(cost.group_hours, 4),
                "coreHours": round(cost.core_hours, 4),
                "memoryGBHours": round(cost.memory_gb_hours, 4),
            }
            for cost in plan.costs
        ],
        "gates": _gates(plan),
        "drain": [draining_document(each) for each in plan.drains],
        "assumed": {
            "startSeconds": plan.assumed.start_seconds,
            "onlineSeconds": plan.assumed.online_seconds,
            "deleteSeconds": plan.assumed.delete_seconds,
            "takenSeconds": plan.assumed.taken_seconds,
            "checkSeconds": plan.assumed.check_seconds,
        },
    }


def _revision(revision: Revision | None) -> dict[str, Any] | None:
    if revision is None:
        return None
    return {"revision": revision.id, "digest": revision.digest, "image": revision.image, "tag": revision.tag}


def _target(plan: Planned, name: str) -> dict[str, Any]:
    target, state = plan.prospect.rollout.service.target(name), plan.prospect.rollout.target(name)
    routing = plan.prospect.places[name].routing
    ours = {slot.endpoint.lower() for slot in (*state.stable, *state.candidate)}
    foreign = [e for e in routing.endpoints if e.enabled and e.name.lower() not in ours]
    return {
        "name": name,
        "wave": target.wave,
        "steps": [_step(step) for step in target.plan.steps],
        "routing": plan.site(name).routing,
        "profileExists": routing.exists,
        "ttlSeconds": routing.ttl_chain if routing.exists else plan.prospect.places[name].created_ttl,
        "foreign": [{"endpoint": e.name, "weight": e.weight} for e in foreign],
        "stable": [slot.name or slot.endpoint for slot in state.stable],
        "candidate": [
            {
                "name": group.name,
                "image": group.image,
                "dnsLabel": group.dns_label,
                "reuseScope": group.reuse_scope,
                "objects": list(group.made),
                "pods": group.pods,
                "mostPods": group.most_pods,
                "cores": group.cores,
                "memoryGB": group.memory_gb,
            }
            for group in plan.groups
            if group.target == name
        ],
    }


def _entry(plan: Planned, entry: Entry) -> dict[str, Any]:
    weights = [{"side": side, "name": name, "weight": weight} for side, name, weight in sides(plan, entry)]
    return {
        "atSeconds": entry.at_seconds,
        "kind": entry.kind.value,
        "target": entry.target,
        "share": entry.share,
        "weights": weights,
        "absent": list(entry.absent),
        "ttlSeconds": entry.ttl_seconds,
        "names": list(entry.names),
        "lastsSeconds": entry.lasts_seconds,
        "note": entry.note,
        "match": _match(entry.match),
        "mirrorPercent": entry.mirror,
        "entranceOpen": entry.entrance,
        "writes": entry.writes,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "share": step.share,
        "holdSeconds": step.hold_seconds,
        "approve": step.approve,
        "match": _match(step.match),
        "mirrorPercent": step.mirror,
    }


def _match(match: Match | None) -> dict[str, Any] | None:
    return None if match is None else {"headers": dict(match.headers), "cookies": dict(match.cookies)}


def _back(plan: Planned) -> dict[str, Any] | None:
    if plan.back is None:
        return None
    return {
        "clientsSeconds": plan.back.clients_seconds,
        "lateClientsSeconds": plan.back.late_seconds,
        "goneSeconds": plan.back.gone_seconds,
    }


def _writes(plan: Planned) -> dict[str, Any]:
    return {
        "total": plan.expected.writes,
        "creates": plan.writes(Kind.CREATE),
        "reused": plan.writes(Kind.REUSE),
        "profile": plan.writes(*ROUTING),
        "deletes": plan.writes(Kind.DELETE),
        "retained": plan.writes(Kind.KEEP),
        "parentsAtMost": 2 * plan.parents,
    }


def _gates(plan: Planned) -> list[dict[str, Any]]:
    return [
        {
            "target": gate.target,
            "failures": gate.rule.failures,
            "intervalSeconds": gate.rule.interval_seconds,
            "detectionSeconds": gate.detection_seconds,
            "cleanBefore": gate.rule.before,
            "cleanRulesOut": {f"{c:g}": round(ruled_out(gate.rule.before, c), 4) for c in CONFIDENCES},
            "catches": [
                {
                    "failing": catch.failing,
                    "cleanNeeded": {f"{c:g}": needed for c, needed in catch.clean_needed},
                    "passes": round(catch.passes, 4),
                    "meanSeconds": round(catch.mean_seconds, 1),
                }
                for catch in gate.catches
            ],
            "counts": [judged_document(each) for each in plan.judged if each.target == gate.target],
        }
        for gate in plan.gates
    ]
