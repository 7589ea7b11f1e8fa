"""Where groups are: the id is what the provider said, the address what the submitted manifest's probes go to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.places import locate
from orchestrator.manifest.document import parse
from orchestrator.manifest.variables import Variables, resolve
from orchestrator.result import result
from orchestrator.store.records import Snapshot
from strategies.advance import advance
from strategies.model import Slot, Stage
from strategies.seen import GroupSeen, GroupState, Seen, TargetSeen
from tests.unit.orchestrator.cli import states

SLOT = Slot(0, "group", "endpoint", address="group.example", stage=Stage.SEEN, id="/subscriptions/x/group")
VARIABLES = {"scheme": "https", "port": "8443", "west": "westeurope"}
PROBE = st.fixed_dictionaries(
    {},
    optional={
        "scheme": st.sampled_from(["http", "https", "${var:scheme}"]),
        "port": st.one_of(st.integers(1, 65535), st.just("${var:port}")),
        "path": st.sampled_from(["/", "/healthz", "/a: b # c"]),
    },
)
MANIFEST = st.builds(
    lambda names, common, own: {
        "service": "storefront",
        "gates": {"probe": common},
        "targets": [
            {"name": name, "trafficManager": {"create": {"monitor": {"port": 1}}}, "gates": {"probe": probe}}
            for name, probe in zip(names, own, strict=False)
        ],
    },
    st.permutations(["${var:west}", "no", "0x10", "north-1"]),
    PROBE,
    st.lists(PROBE, min_size=4, max_size=4),
)


def url(manifest: str, target: str = "westeurope") -> str | None:
    return locate(Snapshot(manifest, "shop.yaml", variables=tuple(VARIABLES.items())))(target, SLOT).url


def by_the_manifests_own_reader(text: str) -> dict[str, str]:
    value: Any = resolve(parse(text, "shop.yaml")[0], Variables(VARIABLES)).value
    found = {}
    for target in value["targets"]:
        probe = {"scheme": "http", "port": 8080, **value["gates"]["probe"], **target["gates"]["probe"]}
        found[str(target["name"])] = f"{probe['scheme']}://group.example:{probe['port']}"
    return found


@given(manifest=MANIFEST, as_json=st.booleans())
def test_an_address_is_what_the_manifest_s_own_reader_makes_of_scheme_and_port(
    manifest: dict[str, Any], as_json: bool
) -> None:
    text = json.dumps(manifest, indent="\t") if as_json else yaml.safe_dump(manifest)
    expected = by_the_manifests_own_reader(text.replace("\t", " "))
    assert {name: url(text, name) for name in expected} == expected


def test_anchors_and_merge_keys_in_a_manifest_count() -> None:
    text = (
        "common: &common {scheme: https, port: 81}\n"
        "gates: {probe: *common}\n"
        "targets: [{name: westeurope, gates: {probe: {<<: *common, port: 82}}}, {name: north}]\n"
    )
    assert url(text) == "https://group.example:82"
    assert url(text, "north") == "https://group.example:81"


def test_without_a_word_about_probes_the_manifest_s_defaults_hold() -> None:
    assert url("targets: [{name: westeurope}]") == "http://group.example:8080"
    assert url("gates:\ntargets:\n- name: westeurope\n  gates: {probe: }\n") == "http://group.example:8080"


@pytest.mark.parametrize(
    "manifest", ["a: [", "", "text", "[1]", "targets: 1", "targets: [1, {gates: 2}]", "a: 1\n---\nb: 2", "\x00"]
)
def test_a_manifest_that_cannot_be_read_costs_the_address_and_not_the_id(manifest: str) -> None:
    place = locate(replace(states.SNAPSHOT, manifest=manifest))("westeurope", SLOT)
    assert (place.id, place.url) == (SLOT.id, None)


def test_a_group_without_an_address_has_no_url() -> None:
    place = locate(states.SNAPSHOT)("westeurope", replace(SLOT, address=None))
    assert (place.id, place.url) == (SLOT.id, None)


def test_a_group_has_an_id_from_when_it_was_first_seen_and_keeps_it_when_it_is_gone() -> None:
    rollout = states.holding()
    (slot,) = rollout.target("westeurope").candidate
    before = result(rollout, engine="none", locate=locate(states.SNAPSHOT))["candidate"]["groups"]
    assert [(group["id"], group["url"]) for group in before] == [(None, "http://new.westeurope.azurecontainer.io:80")]
    for known, state in (("/subscriptions/x/g", GroupState.RUNNING), ("", GroupState.ABSENT)):
        seen = GroupSeen(slot.name, state, states.NOW, slot.address, id=known)
        rollout = advance(rollout, Seen((TargetSeen("westeurope", groups=(seen,)),)), states.NOW)
        after = result(rollout, engine="none", locate=locate(states.SNAPSHOT))["candidate"]["groups"]
        assert [group["id"] for group in after] == ["/subscriptions/x/g"]
