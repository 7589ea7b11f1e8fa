"""The checks of `rollout doctor`, in the order in which a rollout would stumble over them; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.failures import Failure
from orchestrator.cli.inputs import digest_for
from orchestrator.cli.planned import Planned, planned
from orchestrator.cli.planning import UNKNOWN_DIGEST
from orchestrator.cli.style import span
from orchestrator.exit_codes import ExitCode
from orchestrator.forecast_entries import Kind
from orchestrator.manifest.secret_places import secrets_of
from orchestrator.sites import Site, site_of
from providers.errors import ProviderError
from providers.ports import Finding
from strategies.model import Slot

if TYPE_CHECKING:
    from orchestrator.cli.planning import Prospect
    from orchestrator.desk import LocalDesk
    from orchestrator.manifest.loader import Loaded, TargetSettings
    from orchestrator.ports import TargetPorts
    from orchestrator.wiring import App

_AZURE_REGISTRIES = (".azurecr.io", ".azurecr.us", ".azurecr.cn")
_RESOLVE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Checked:
    """One finding and the target it is about; None where it is about all of them."""

    finding: Finding
    target: str | None = None


def checkup(desk: LocalDesk, loaded: Loaded, image: str | None, tag: str | None) -> Iterator[Checked]:
    """Yield every finding; where the identity or the way to a place fails, what depends on it is not tried."""
    app = desk.app
    names = ", ".join(target.name for target in loaded.targets)
    yield Checked(Finding(True, "manifest", f"{loaded.file} and its templates hold, for {names}"))
    sites = {target.name: site_of(target) for target in loaded.targets}
    azure = {name for name, site in sites.items() if site.account().subscriptions}
    known, rest = True, None
    try:
        for checked in _account(app, sites.values()):
            known = known and (checked.finding.ok or not checked.finding.fatal)
            yield checked
        yield from _targets(app, loaded, {name: site for name, site in sites.items() if known or name not in azure})
        rest = _token_rest(app) if azure and known else None
    except ProviderError as error:
        known = False
        yield Checked(Finding(False, "settings", str(error), "put the environment of this process right"))
    yield from _secrets(app, loaded)
    yield from _pulls(loaded)
    digest, found_by, registry = _image(desk, loaded, image, tag)
    if registry is not None:
        yield Checked(registry)
    prospect = desk.prospect(loaded, digest, found_by) if known else None
    yield from _sources(app, loaded, prospect)
    if prospect is None or not prospect.read:
        said = f"not made, because {'Azure' if prospect is None else 'what serves'} cannot be read"
        yield Checked(Finding(False, "plan", said, "put the above right", fatal=False))
        return
    yield from _planned(desk, planned(prospect), rest, checked=digest)


def _account(app: App, sites: Iterable[Site]) -> Iterator[Checked]:
    """Who we are to Azure, where anything is there."""
    names = dict.fromkeys(name for site in sites for name in site.account().subscriptions)
    if not names:
        return
    from providers.azure import account_checks

    clients, now = app.clients(), app.clock.now()
    found, _ = account_checks.identity(clients, now)
    yield Checked(found)
    if not found.ok:
        return
    for name in names:
        yield from map(Checked, account_checks.subscription(clients, name, app.clock.now()))


def _token_rest(app: App) -> float | None:
    from providers.azure import account_checks

    return account_checks.identity(app.clients(), app.clock.now())[1]


def _targets(app: App, loaded: Loaded, sites: Mapping[str, Site]) -> Iterator[Checked]:
    """Check the targets of these sites."""
    places: dict[tuple[str, str], list[str]] = {}
    for site in sites.values():
        for subscription, resource_group, needed in site.account().needs:
            places.setdefault((subscription, resource_group), []).extend(needed)
    if places:
        from providers.azure import account_checks

        clients = app.clients()
        for (name, resource_group), wanted in places.items():
            yield Checked(account_checks.permissions(clients, name, resource_group, dict.fromkeys(wanted)))
    hands = app.hands(loaded)
    for rule in loaded.service().targets:
        if rule.name in sites:
            yield from _hands(rule.name, hands[rule.name], rule.replicas, sites[rule.name])


def _hands(target: str, ports: TargetPorts, replicas: int, site: Site) -> Iterator[Checked]:
    """What the ports themselves check: routing, names, locks, permissions, quota."""
    said: set[Finding] = set()
    for what, preflight in (
        (site.routing, ports.traffic.preflight),
        (site.workload, lambda: ports.workloads.preflight(replicas)),
    ):
        try:
            findings = preflight()
        except ProviderError as error:
            yield Checked(Finding(False, what, str(error), site.retry), target)
            continue
        for finding in findings:
            if finding not in said:
                said.add(finding)
                yield Checked(finding, target)


def _secrets(app: App, loaded: Loaded) -> Iterator[Checked]:
    """Ask for every secret, and forget it: one that cannot be had keeps a rollout waiting."""
    for target in loaded.targets:
        references = sorted({*site_of(target).secrets(), *secrets_of(target.sources)}, key=str)
        if not references:
            continue
        secrets = app.secrets()
        bad = 0
        for reference in references:
            try:
                secrets.resolve(reference)
            except ProviderError as error:
                bad += 1
                remedy = "a group cannot be created, nor a source asked, without it: give this process access to it"
                yield Checked(Finding(False, "secret", str(error), remedy), target.name)
        if not bad:
            yield Checked(Finding(True, "secrets", f"all {len(references)} can be read from here"), target.name)


def _sources(app: App, loaded: Loaded, prospect: Prospect | None) -> Iterator[Checked]:
    """Ask every source of evidence once about what serves, as the rollout would."""
    from orchestrator.inquiry import inquire

    if all(each.source is None for target in loaded.targets for each in target.sources):
        return
    if prospect is None or not prospect.read:
        said = "not asked, because what serves cannot be read"
        yield Checked(Finding(False, "gates.metrics", said, "put the above right", fatal=False))
        return
    for asked in inquire(loaded, app.hands(loaded), prospect.rollout, app.clock.now(), app.log):
        yield Checked(asked.finding, asked.target)


def _pulls(loaded: Loaded) -> Iterator[Checked]:
    """Whether Azure can pull from a registry of its own kind, which answers nobody without credentials."""
    host = loaded.manifest.image.partition("/")[0]
    if not host.endswith(_AZURE_REGISTRIES):
        return
    for target in loaded.targets:
        given = site_of(target).registry_secrets
        if given is None or host in given:
            continue
        message = f"the template has no imageRegistryCredentials for {host}"
        remedy = "give a user-assigned identity with AcrPull there, unless the registry allows anonymous pulls"
        yield Checked(Finding(False, "pull", message, remedy, fatal=False), target.name)


def _image(
    desk: LocalDesk, loaded: Loaded, image: str | None, tag: str | None
) -> tuple[str | None, str | None, Finding | None]:
    """The digest of the wanted image, and what the registry said; a malformed reference is an error of usage."""
    try:
        digest, found_by = digest_for(desk, loaded, image, tag)
    except Failure as error:
        if error.code is ExitCode.USAGE:
            raise
        remedy = "push it, or sign in to the registry on this machine"
        return UNKNOWN_DIGEST, None, Finding(False, "image", str(error), remedy)
    if digest is None:
        return None, None, None
    return digest, found_by, _there(desk, loaded, digest, "is in the registry")


def _there(desk: LocalDesk, loaded: Loaded, digest: str, good: str) -> Finding:
    """Ask the registry for a digest."""
    from watchers.errors import RegistryError
    from watchers.reference import parse

    reference = f"{loaded.manifest.image}@{digest}"
    try:
        desk.digest(parse(reference))
    except RegistryError as error:
        remedy = "push it again: a group that restarts, and an undo, must be able to pull it"
        return Finding(False, "image", f"{reference}: {error}", remedy)
    return Finding(True, "image", f"{reference} {good}")


def _planned(desk: LocalDesk, plan: Planned, rest: float | None, *, checked: str | None) -> Iterator[Checked]:
    """What only a plan shows: labels, whether it can end in time, and whether the identity lives that long."""
    for target in plan.prospect.loaded.targets:
        yield from _labels(plan, target)
        yield from _served(plan, target.name)
    revision = plan.prospect.rollout.revision
    if checked is None and revision.digest != UNKNOWN_DIGEST:
        yield Checked(_there(desk, plan.prospect.loaded, revision.digest, "serves now, and is still in the registry"))
    for note in plan.prospect.notes:
        yield Checked(Finding(False, "plan", note, "", fatal=False))
    takes = span(plan.expected.seconds)
    if plan.expected.promoted:
        yield Checked(Finding(True, "plan", f"takes {takes}, {plan.expected.writes} writes; `rollout plan` shows it"))
    else:
        ends = next((e.note for e in plan.expected.entries if e.kind is Kind.END), "it does not end")
        remedy = "make holds and waits shorter, or the deadlines longer"
        yield Checked(Finding(False, "plan", f"never gets there: {ends}", remedy))
    if rest is not None and rest < plan.expected.seconds:
        message = f"the token ends in {span(rest)}, before the rollout does ({takes})"
        remedy = "fine where the identity renews it by itself; with a login of a CI job, sign in again right before"
        yield Checked(Finding(False, "identity", message, remedy, fatal=False))


def _labels(plan: Planned, target: TargetSettings) -> Iterator[Checked]:
    """Labels are unique in a region; one that anybody may take is looked up, all others have a hash of ours in them."""
    mine = [group for group in plan.groups if group.target == target.name and group.dns_label]
    free = [group.dns_label for group in mine if group.reuse_scope.lower() != "unsecure"]
    if free:
        message = f"{', '.join(free)}: nobody else can have them (reuse scope {mine[0].reuse_scope})"
        yield Checked(Finding(True, "DNS labels", message), target.name)
    for group in (group for group in mine if group.dns_label not in free):
        name = f"{group.dns_label}.{site_of(target).location}.azurecontainer.io"
        taken = _resolves(name)
        remedy = "give the template another dnsNameLabel, or the reuse scope TenantReuse" if taken else ""
        message = f"{name} is taken by somebody" if taken else f"{name} is free"
        yield Checked(Finding(not taken, "DNS label", message, remedy), target.name)


def _served(plan: Planned, target: str) -> Iterator[Checked]:
    """Whether the name that clients use, and the groups that serve, can be found from here."""
    name = plan.prospect.places[target].routing.address
    serving: tuple[Slot, ...] = plan.prospect.rollout.target(target).stable
    for host in [name] if name and serving and plan.site(target).resolves else []:
        found = _resolves(host)
        remedy = "" if found else "check DNS from here: the probes of a rollout resolve names from this machine"
        message = "resolves from here" if found else "does not resolve from here"
        yield Checked(Finding(found, f"name {host}", message, remedy, fatal=False), target)


def _resolves(name: str) -> bool:
    from providers.probes.resolver import from_environment

    try:
        return bool(from_environment()(name, 0, _RESOLVE_SECONDS))
    except OSError:
        return False
