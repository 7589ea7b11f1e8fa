"""The optional Role for Jobs in examples/deploy/kubernetes: enough for a check and for `doctor`, and no more."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.kube import kinds
from providers.emulator.kube.cluster import Cluster
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.kube.rbac import Asked, User
from providers.emulator.world import World
from providers.kubernetes.jobs import JobCheck
from providers.metrics.settings import Job
from providers.ports import Arm, Errand
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Side
from strategies.seen import CheckState

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "deploy" / "kubernetes"
WHO = "system:serviceaccount:rollout:rollout"
NOBODY = Arm(Side.STABLE, "a" * 64, "")
ERRAND = Errand("k", "storefront", "west", 0, When.BEFORE, Arm(Side.CANDIDATE, "b" * 64, ""), NOBODY)
Rule = tuple[str, str, str]
"""Verb, API group and resource."""


def the(kind: str, name: str = "rbac-checks.yaml") -> Any:
    """The one object of a kind in a file."""
    (found,) = (each for each in yaml.safe_load_all((FOLDER / name).read_text()) if each["kind"] == kind)
    return found


def rules(role: Any) -> set[Rule]:
    """All that a role allows, verb by verb."""
    return {
        (v, g, r) for each in role["rules"] for v in each["verbs"] for g in each["apiGroups"] for r in each["resources"]
    }


@dataclass(slots=True)
class Noting(User):
    """An identity that remembers what it was allowed to do."""

    used: set[Rule] = field(default_factory=set)

    def check(self, asked: Asked) -> None:
        """Raise Refusal (403) for what is not allowed."""
        User.check(self, asked)
        self.used.add((asked.verb, asked.group, asked.resource))


class Guarded:
    """A cluster, and who is bound to some roles of it."""

    def __init__(self, *roles: Any) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock, random.Random(1))
        self.cluster = Cluster(self.world, "west")
        self.cluster.namespace("shop")
        self.who = Noting(WHO)
        self.cluster.api.users._named[WHO] = self.who
        for role in roles:
            self.cluster.api.users.grant(WHO, role)

    def check(self, **behaviour: Any) -> JobCheck:
        """A check whose container behaves so."""
        digest = self.world.register_image("shop/smoke", "1", Behaviour(**behaviour)).digest
        container = {"name": "test", "image": f"contoso.azurecr.io/shop/smoke@{digest}"}
        template = {"spec": {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}}
        rule = MetricRule("smoke", MetricKind.CHECK)
        return JobCheck(rule, Job("west", "shop", template, 60.0), InProcessApi(self.cluster, WHO))

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.world.tick()


def test_the_role_suffices_for_checks_and_for_doctor_and_none_of_its_rights_is_idle() -> None:
    here = Guarded(the("Role"))
    failing = here.check(task_exit_code=1, task_output="404 at /cart")
    assert [each for each in failing.preflight(ERRAND) if not each.ok] == []
    failing.look(ERRAND)
    here.rest(5)
    seen = failing.look(ERRAND)
    assert (seen.state, "404 at /cart" in seen.output) == (CheckState.FAILED, True)
    other = Errand("other", "storefront", "west", 1, When.DURING, ERRAND.candidate, NOBODY)
    endless = here.check(task_seconds=None)
    endless.look(other)
    endless.stop()
    here.rest(60)
    assert len(here.cluster.objects.all(kinds.JOB, "shop")) == 1
    assert here.who.used == rules(the("Role"))


@pytest.mark.parametrize("rule", sorted(rules(the("Role"))), ids="-".join)
def test_a_right_that_a_check_needs_and_lacks_is_named_by_doctor(rule: Rule) -> None:
    verb, group, resource = rule
    role = the("Role")
    for each in role["rules"]:
        if (each["apiGroups"], each["resources"]) == ([group], [resource]):
            each["verbs"].remove(verb)
    found = [each for each in Guarded(role).check().preflight(ERRAND) if not each.ok]
    assert any(f'"{resource}"' in each.remedy and f'"{verb}"' in each.remedy for each in found)
    assert any(each.fatal for each in found) is (resource == "jobs")


def test_without_the_role_nothing_is_begun_and_the_missing_rule_is_told() -> None:
    here = Guarded(the("Role", "rbac-rollout.yaml"))
    check = here.check()
    # Who may not look cannot know that another process has begun nothing.
    for seconds, state in ((0, CheckState.RUNNING), (61, CheckState.UNKNOWN)):
        here.rest(seconds)
        seen = check.look(ERRAND)
        assert (seen.state, '"jobs"' in seen.why) == (state, True)
    assert here.cluster.objects.all(kinds.JOB, "shop") == []


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("list", "batch", "jobs"),
        ("update", "batch", "jobs"),
        ("patch", "batch", "jobs"),
        ("deletecollection", "batch", "jobs"),
        ("create", "batch", "cronjobs"),
        ("get", "", "pods/log"),
        ("create", "", "pods/exec"),
        ("create", "", "pods"),
        ("get", "", "secrets"),
        ("delete", "apps", "deployments"),
    ],
)
def test_the_role_forbids_what_a_check_does_not_need(verb: str, group: str, resource: str) -> None:
    who = Guarded(the("Role")).who
    kind, _, subresource = resource.partition("/")
    assert who.may(Asked(verb, group, kind, subresource, "shop", "smoke")) is None
    assert not any("*" in word for rule in rules(the("Role")) for word in rule)


def test_nothing_is_allowed_in_another_namespace() -> None:
    who = Guarded(the("Role")).who
    for verb, group, resource in rules(the("Role")):
        assert who.may(Asked(verb, group, resource, "", "shop", "smoke")) is not None
        for namespace in ("kube-system", "default", None):
            assert who.may(Asked(verb, group, resource, "", namespace, "smoke")) is None


def test_it_is_bound_to_the_account_to_which_the_other_role_is_bound() -> None:
    binding, other = the("RoleBinding"), the("RoleBinding", "rbac-rollout.yaml")
    assert binding["subjects"] == other["subjects"]
    assert binding["roleRef"]["name"] == the("Role")["metadata"]["name"]
    assert binding["metadata"]["namespace"] == the("Role")["metadata"]["namespace"]
