"""The permissions that a check names are enough for a whole life of a revision, and none of them is too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from providers.emulator.kube.inprocess import InProcessApi
from providers.errors import Denied, ProviderError
from providers.kubernetes import workload_checks
from providers.ports import Finding
from strategies.seen import GroupState
from tests.unit.providers.kubernetes.cluster_lab import EVERYTHING, Lab, Watched, a_lab
from tests.unit.providers.kubernetes.workload_values import MARK, NAME, scaled, settings

USER = "deployer"
PLACE = settings(scaled())
NEEDED = [
    (need.group, need.resource, verb) for need in workload_checks.needs(PLACE) if need.needed for verb in need.verbs
]
ONLY_CHECKED = {("services", "list")}
"""What the check itself reads, to find who else would select a candidate's pods."""


def restricted(rules: list[Any]) -> Lab:
    """A lab whose door is a user's who may do this and nothing else."""
    lab = a_lab()
    lab.cluster.api.users.add(USER)
    lab.cluster.api.users.grant(USER, {"kind": "Role", "metadata": {"namespace": "shop"}, "rules": rules})
    return Lab(lab.clock, lab.world, lab.cluster, Watched(InProcessApi(lab.cluster, USER)))


def rules(without: tuple[str, str] | None = None) -> list[Any]:
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for group, resource, verb in NEEDED
        if (resource, verb) != without
    ]


def life(lab: Lab) -> None:
    """Make, see, retain, use again, find and delete one revision."""
    workloads = lab.workloads(PLACE)
    workloads.ensure(NAME, MARK)
    lab.pass_time(60)
    assert workloads.look([NAME])[0].state is GroupState.RUNNING
    workloads.retire(NAME, lab.clock.now() + timedelta(hours=1))
    workloads.ensure(NAME, MARK)
    assert [seen.name for seen in workloads.discover()] == [NAME]
    workloads.retire(NAME)
    lab.pass_time(60)
    assert workloads.look([NAME])[0].state is GroupState.ABSENT


def missing(lab: Lab) -> list[Finding]:
    return [
        each for each in lab.workloads(PLACE).preflight(1) if not each.ok and each.subject.startswith("permissions")
    ]


def test_the_rules_that_the_check_names_are_all_that_is_needed() -> None:
    found = missing(restricted([]))
    named = [yaml.safe_load(finding.remedy.partition(": ")[2]) for finding in found]
    assert len(named) == 7
    lab = restricted(named)
    assert [each for each in lab.workloads(PLACE).preflight(1) if not each.ok] == []
    life(lab)
    everything = Lab(lab.clock, lab.world, lab.cluster, Watched(InProcessApi(lab.cluster)))
    assert all(everything.names(kind) == [] for kind in EVERYTHING)


@pytest.mark.parametrize("lacking", [(resource, verb) for _, resource, verb in NEEDED])
def test_without_any_one_of_them_the_check_says_so_and_an_act_is_denied(lacking: tuple[str, str]) -> None:
    lab = restricted(rules(without=lacking))
    (finding, *_) = missing(lab)
    assert f"lack {lacking[1]} on {lacking[0]}" in finding.message
    if lacking in ONLY_CHECKED:
        return
    with pytest.raises(ProviderError) as caught:
        life(lab)
    assert isinstance(caught.value, Denied)


def test_probes_through_the_servers_proxy_need_its_permission_and_others_do_not() -> None:
    lab = restricted(rules())
    direct, proxied = (replace(PLACE, proxied=proxied) for proxied in (False, True))
    assert [each for each in lab.workloads(direct).preflight(1) if each.fatal and not each.ok] == []
    (found,) = (each for each in lab.workloads(proxied).preflight(1) if each.fatal and not each.ok)
    assert 'resources: ["services/proxy"], verbs: ["get"]' in found.remedy
