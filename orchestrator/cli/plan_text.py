"""A plan for people: every change in order, then how long, how far back, what it costs and what it can catch."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.cli.naming import version
from orchestrator.cli.plan_evidence import drain_text, evidence_lines
from orchestrator.cli.planned import Gate, Planned, sides
from orchestrator.cli.style import Style, columns, folded, percent, span
from orchestrator.forecast_entries import ROUTING, Entry, Kind
from orchestrator.forecast_gates import CONFIDENCES, ruled_out
from orchestrator.forecast_traffic import MATCHING, counts_the_leaving, must_be_shown
from orchestrator.sites import GroupPlanned
from strategies.gates import MetricKind
from strategies.model import Outcome
from strategies.plan import Quiet
from strategies.proof import deciding

_LABEL = 10
_WORDS = {Kind.LOWER_TTL: "TTL", Kind.LEAD_PROBES: "route", Kind.SHIFT: "shift", Kind.LEAVE: "leave", Kind.KEEP: "keep"}

_YEAR_SECONDS = 365 * 86400.0


def plan_lines(plan: Planned, style: Style) -> list[str]:
    """All that is said of one service."""
    lines = list(_head(plan, style))
    if plan.prospect.nothing:
        return [*lines, f"  {style.good('✓')} it serves already: `start` writes nothing"]
    return [*lines, "", *_changes(plan, style), "", *_sums(plan, style), "", *_gates(plan, style)]


def _labelled(label: str, text: str, style: Style) -> str:
    # What has no spaces is not to be torn from its label.
    within = style.columns if " " in text else None
    return "\n".join(folded(f"  {style.faint(f'{label:{_LABEL}}')} {text}", within, _LABEL + 3))


def _head(plan: Planned, style: Style) -> Iterator[str]:
    rollout = plan.prospect.rollout
    change = f"{version(rollout.previous)} → {version(rollout.revision)}"
    yield f"{style.busy('○')} {style.strong(rollout.service.name)}  {change}"
    for note in plan.prospect.notes:
        yield _labelled("note", style.warn(note), style)
    yield _labelled("image", f"{rollout.revision.image}@{rollout.revision.digest}", style)
    yield _labelled("revision", rollout.revision.short, style)
    for state in rollout.targets:
        routing = plan.prospect.places[state.name].routing
        ours = {slot.endpoint.lower() for slot in (*state.stable, *state.candidate)}
        foreign = [f"{e.name} ({e.weight})" for e in routing.endpoints if e.enabled and e.name.lower() not in ours]
        beside = ", ".join(slot.name or slot.endpoint for slot in state.stable) or "nothing: it is the first release"
        yield _labelled("beside" if len(rollout.targets) == 1 else state.name, beside, style)
        if foreign:
            yield _labelled("foreign", f"{', '.join(foreign)}: kept as they are, with their weights", style)


def _changes(plan: Planned, style: Style) -> list[str]:
    several = len(plan.prospect.rollout.targets) > 1
    rows = []
    for entry in plan.expected.entries:
        row = [style.faint(f"+{span(entry.at_seconds)}"), _kind(entry, style), _says(plan, entry)]
        rows.append([row[0], style.faint(entry.target), *row[1:]] if several else row)
    return columns(rows, indent=2, within=style.columns)


def _kind(entry: Entry, style: Style) -> str:
    word = _WORDS.get(entry.kind, entry.kind.value)
    if entry.kind is Kind.APPROVAL:
        return style.warn(word)
    if entry.kind is Kind.END:
        return style.good(word) if entry.note == "promoted" else style.bad(word)
    return style.busy(word) if entry.writes else word


def _says(plan: Planned, entry: Entry) -> str:
    names = ", ".join(entry.names)
    match entry.kind:
        case Kind.CREATE:
            told = {group.name: _made_of(group) for group in plan.groups}
            return ", ".join(f"{name} ({told[name]})" if told[name] else name for name in entry.names)
        case Kind.REUSE:
            return f"{names}: kept since it served before, taken back into service"
        case Kind.LOWER_TTL:
            return f"down to {entry.ttl_seconds} s for the rollout; the split stays"
        case Kind.LEAD_PROBES:
            return "our own probes are led through the gateway; the split stays"
        case Kind.SHIFT:
            led = f", {entry.led}" if entry.led else ""
            return (
                f"{percent(entry.share)}: {_split(plan, entry)}{led}{_door(plan, entry)}; in force after {entry.note}"
            )
        case Kind.HOLD:
            held = f"for {span(entry.lasts_seconds)}" if entry.lasts_seconds else "as soon as it is in force"
            led = f", {entry.led}," if entry.led else ""
            clean = "probes must be clean and gates passed" if _gated(plan, entry) else "the probes must be clean"
            return f"at {percent(entry.share)}{led} {held}; {clean}"
        case Kind.DRAIN:
            return f"{span(entry.lasts_seconds or 0.0)}: {entry.note}{_quiet(plan, entry)}"
        case Kind.LEAVE:
            what = "backends" if plan.prospect.places[entry.target].routed else "endpoints"
            gone = f", {len(entry.absent)} {what} out" if entry.absent else ""
            ttl = f", TTL {entry.ttl_seconds} s" if entry.ttl_seconds else ""
            return f"{_split(plan, entry)}{gone}{_door(plan, entry)}; marks off{ttl}"
        case Kind.WAIT | Kind.EVIDENCE:
            return f"{span(entry.lasts_seconds or 0.0)}: {entry.note}"
        case Kind.KEEP:
            return f"{names} until {span(entry.lasts_seconds or 0.0)} later, for an instant undo"
        case _:
            return f"{names}: {entry.note}" if names and entry.note else names or entry.note


def _made_of(group: GroupPlanned) -> str:
    """What a workload is made of, as far as its name does not say so."""
    if not group.made:
        return group.dns_label
    most = "" if group.most_pods == group.pods else f" to {group.most_pods}"
    asks = bool(group.cores or group.memory_gb)
    each = f"{group.cores:g} cores and {group.memory_gb:.3g} Gi each" if asks else "without any request"
    pods = "1 pod" if group.pods == group.most_pods == 1 else f"{group.pods}{most} pods"
    return f"{', '.join(group.made)}; {pods}, {each}"


def _door(plan: Planned, entry: Entry) -> str:
    """What becomes of the name in front of the routing, where this write turns it."""
    if entry.entrance is None:
        return ""
    before = [e.entrance for e in plan.expected.entries if e.target == entry.target and e.at_seconds < entry.at_seconds]
    stood = next((is_open for is_open in reversed(before) if is_open is not None), None)
    if stood is None:
        stood = bool(plan.prospect.places[entry.target].routing.entrance)
    return "" if stood == entry.entrance else f", the name in front {'opens' if entry.entrance else 'closes'}"


def _gated(plan: Planned, entry: Entry) -> bool:
    """Whether a source or a check can hold this step."""
    rollout = plan.prospect.rollout
    target, stable = rollout.service.target(entry.target), bool(rollout.target(entry.target).stable)
    leads = (entry.share or 0.0, entry.match, entry.mirror)
    steps = [step for step in target.plan.steps if (step.share, step.match, step.mirror) == leads]
    return any(must_be_shown(target, step, stable=stable) for step in steps)


def _quiet(plan: Planned, entry: Entry) -> str:
    """What a drain waits for beside its time, as far as any source counts the leaving side's requests."""
    target = plan.prospect.rollout.service.target(entry.target)
    rule, counted = target.drain, counts_the_leaving(target)
    if rule.quiet is Quiet.REQUIRED and not counted:
        after = f"after {span(rule.most_seconds)}: {rule.then.value}"
        return f"; drain.quiet is required, but no source counts its requests, so {after}"
    if entry.quiet:
        return "; then until it is quiet"
    why = "drain.quiet is none" if counted and rule.quiet is Quiet.NONE else "no source counts its requests"
    return f"; by time alone, {why}" if entry.names else ""


def _split(plan: Planned, entry: Entry) -> str:
    """Both sides' weights: `stable 495 + 495, candidate 5 + 5`."""
    parts: dict[str, list[str]] = {}
    for side, _, weight in sides(plan, entry):
        parts.setdefault(side, []).append(str(weight))
    said = [f"{side} {' + '.join(weights)}" for side, weights in parts.items() if set(weights) != {"0"}]
    off = [f"{side} switched off" for side, weights in parts.items() if set(weights) == {"0"}]
    return ", ".join(said + off)


def _sums(plan: Planned, style: Style) -> Iterator[str]:
    people = f", and whatever people take for {plan.expected.approvals} approvals" if plan.expected.approvals else ""
    if plan.expected.promoted:
        yield _labelled("takes", f"{span(plan.expected.seconds)}{people}{_unheard(plan)}", style)
    else:
        yield _labelled("takes", style.bad(f"it never gets there: {_why(plan)}"), style)
    yield _labelled("at most", _worst(plan), style)
    yield _labelled("rollback", _back(plan), style)
    for each in plan.drains:
        where = f"{each.target}: " if len(plan.drains) > 1 else ""
        yield _labelled("drain", f"{where}{drain_text(each)}", style)
    creates, deletes = plan.writes(Kind.CREATE, Kind.REUSE), plan.writes(Kind.DELETE)
    kept = f", {plan.writes(Kind.KEEP)} marks of what is kept" if plan.writes(Kind.KEEP) else ""
    split = plan.writes(*ROUTING)
    sites = [plan.site(target.name) for target in plan.prospect.rollout.service.targets]
    owners = " and ".join(dict.fromkeys(f"{site.owner}'s" for site in sites))
    where = " and ".join(dict.fromkeys(site.routing for site in sites))
    parents = f", and at most {2 * plan.parents} of parent profiles" if plan.parents else ""
    parts = f"{creates} creates, {split} of the {where}, {deletes} deletes{kept}"
    yield _labelled("writes", f"{plan.expected.writes} of {owners}: {parts}{parents}", style)
    if not plan.costs:
        yield _labelled("cost", "nothing of ours runs beside it", style)
    for cost in plan.costs:
        hours = f"{cost.group_hours:.2f} {cost.unit}-hours, {cost.core_hours:.2f} core-hours"
        hours += f", {cost.memory_gb_hours:.2f} GB-hours"
        where = f"{cost.target}: " if len(plan.costs) > 1 else ""
        yield _labelled("cost", f"{where}{cost.groups} {cost.unit}s more for {span(cost.seconds)}: {hours}", style)
    yield _labelled("assumed", _assumed(plan), style)


def _unheard(plan: Planned) -> str:
    """Which waits are not in the time, since nobody knows how long they are."""
    unknown = dict.fromkeys(each.rule.name for each in plan.judged if each.stretches and not each.known)
    return f", and whatever {' and '.join(unknown)} must wait for requests" if unknown else ""


def _assumed(plan: Planned) -> str:
    told, routed = plan.assumed, [place.routed for place in plan.prospect.places.values()]
    parts = [f"{span(told.start_seconds)} until {'a group' if not all(routed) else 'a Deployment'} runs"]
    if not all(routed):
        parts.append(f"{span(told.online_seconds)} until Traffic Manager calls it Online")
    if any(routed):
        parts.append(f"{span(told.taken_seconds)} until a gateway says that a route is in force")
    parts.append(f"{span(told.delete_seconds)} until it is deleted")
    targets = plan.prospect.rollout.service.targets
    if any(rule.kind is MetricKind.CHECK for target in targets for rule in target.metrics):
        parts.append(f"{span(told.check_seconds)} until a check has passed")
    if any(step.match is not None for target in targets for step in target.plan.steps):
        parts.append(f"{100 * MATCHING:g} % of requests match")
    return ", ".join(parts)


def _why(plan: Planned) -> str:
    ends = [entry.note for entry in plan.expected.entries if entry.kind is Kind.END]
    return ends[0] if ends else plan.expected.rollout.outcome.value


def _worst(plan: Planned) -> str:
    slow, limits = plan.slow, plan.prospect.rollout.service.deadlines
    if slow.rollout.outcome is Outcome.PROMOTED:
        how = f"with every group and every step just within deadline.ready ({span(limits.ready_seconds)})"
        return f"{span(slow.seconds)}, {how}{_patience(plan)}; what is slower is taken back"
    return f"{span(slow.seconds)}: when everything just meets deadline.ready, the whole is over its own deadline"


def _patience(plan: Planned) -> str:
    """What else is taken to last as long as it may."""
    states, service = plan.prospect.rollout.targets, plan.prospect.rollout.service
    pairs = [(service.target(state.name), bool(state.stable)) for state in states]
    held = {t.longest_seconds for t, old in pairs for step in t.plan.steps if must_be_shown(t, step, stable=old)}
    said = f", every gate at its longestHold ({span(max(held))})" if held else ""
    drained = [each.most_seconds for each in plan.drains if each.most_seconds is not None]
    return said + (f", the drain at its most ({span(max(drained))})" if drained else "")


def _back(plan: Planned) -> str:
    if plan.back is None:
        return "there is nothing to go back to: a failed first release serves nobody"
    back = plan.back
    return (
        f"reaches clients in {span(back.clients_seconds)} (propagation + TTL), those that keep answers too long in "
        f"{span(back.late_seconds)}; the candidate is gone after {span(back.gone_seconds)}"
    )


def _gates(plan: Planned, style: Style) -> list[str]:
    lines = []
    distinct = _distinct(plan.gates)
    for gate in distinct:
        where = f" of {gate.target}" if len(distinct) > 1 else ""
        lines.append(style.faint(f"  what the probes{where} can catch, each group by itself"))
        lines += columns(list(_caught(gate)), indent=4, within=style.columns)
    if not any(map(deciding, plan.prospect.rollout.service.targets)):
        return [*lines, style.faint("  no source counts requests: what probes do not see is not judged")]
    if not plan.judged:
        return [*lines, style.faint("  nothing serves yet that counts could be compared with: only probes decide")]
    last = "  once it has everything, counts take back only what fails most of its requests"
    return [*lines, *evidence_lines(plan.judged, style), "", style.faint(last)]


def _distinct(gates: tuple[Gate, ...]) -> list[Gate]:
    """One for each rule: targets mostly share theirs."""
    return list({(gate.rule, gate.timeout_seconds): gate for gate in reversed(gates)}.values())[::-1]


def _caught(gate: Gate) -> Iterator[list[str]]:
    rule = gate.rule
    sure = " / ".join(f"{100 * c:g} %" for c in CONFIDENCES)
    ruled = " / ".join(f"{100 * ruled_out(rule.before, c):.0f} %" for c in CONFIDENCES)
    yield ["fails everything", f"condemned within {span(gate.detection_seconds)} ({rule.failures} failures in a row)"]
    for catch in gate.catches:
        needed = " / ".join(str(count) for _, count in catch.clean_needed)
        when = f"after {span(catch.mean_seconds)}" if catch.mean_seconds <= _YEAR_SECONDS else "after years"
        yield [
            f"fails {100 * catch.failing:g} %",
            f"condemned {when} in the mean; passes a step with {100 * catch.passes:.0f} %; "
            f"ruled out by {needed} clean ones ({sure})",
        ]
    yield [f"{rule.before} clean ones", f"wanted before every step; they rule out {ruled} failing ({sure})"]
