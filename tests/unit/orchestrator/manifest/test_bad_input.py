"""Bad names, types, templates, steps and weights are told by file, line and path, with what was expected and got."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

Messages = Callable[..., list[str]]
HOST = "targets[0].containerInstances"
TRAFFIC = "targets[0].trafficManager"
STEPS = "strategy.canary.steps"
END = "  probe: {port: 8080}\n"

CASES: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "an unknown key": (
        {"resourceGroup: shop": "resourcegroup: shop"},
        [
            f"rollout.yaml:5: {HOST}.resourceGroup: must be given: the resource group that holds the container groups; "
            "got nothing",
            f"rollout.yaml:7: {HOST}.resourcegroup: must be a known key; got 'resourcegroup': "
            "did you mean 'resourceGroup'?",
        ],
    ),
    "a key in snake case": (
        {"replicas: 2": "allow_system_identity: true"},
        [
            f"rollout.yaml:10: {HOST}.allow_system_identity: must be a known key; got 'allow_system_identity': "
            "did you mean 'allowSystemIdentity'?"
        ],
    ),
    "an unknown key near to none": (
        {END: f"{END}  zzzzzz: 1\n"},
        ["rollout.yaml:20: gates.zzzzzz: must be a known key; got 'zzzzzz': known here: longestHold, metrics, probe"],
    ),
    "a service's name with capital letters": (
        {"service: shop": "service: Shop"},
        [
            "rollout.yaml:1: service: must begin with a small letter and go on with small letters, digits and hyphens, "
            "40 at most: -<revision>-<n>-<slot> is added, and a name ends at 63; got 'Shop'"
        ],
    ),
    "a service's name too long for the revision's suffix": (
        {"service: shop": f"service: {'s' * 41}"},
        [
            "rollout.yaml:1: service: must begin with a small letter and go on with small letters, digits and hyphens, "
            f"40 at most: -<revision>-<n>-<slot> is added, and a name ends at 63; got '{'s' * 41}'"
        ],
    ),
    "an image with a tag": (
        {"shop/web": "shop/web:v1"},
        [
            "rollout.yaml:2: image: must be a repository without a tag (give the tag with --tag); "
            "got 'contoso.azurecr.io/shop/web:v1'"
        ],
    ),
    "an image with a digest": (
        {"contoso.azurecr.io/shop/web": "contoso.azurecr.io/shop/web@sha256:00"},
        [
            "rollout.yaml:2: image: must be a repository without a digest (give the image with --image); "
            "got 'contoso.azurecr.io/shop/web@sha256:00'"
        ],
    ),
    "an image with a scheme": (
        {"contoso.azurecr.io/shop/web": "http://contoso.azurecr.io/shop/web"},
        [
            "rollout.yaml:2: image: must be a repository without a scheme (plain HTTP is spoken to loopback registries "
            "only); got 'http://contoso.azurecr.io/shop/web'"
        ],
    ),
    "a subscription that is no GUID": (
        {"11111111-2222": "1111-2222"},
        [
            f"rollout.yaml:6: {HOST}.subscription: must be a GUID, such as 11111111-2222-3333-4444-555555555555; "
            "got '1111-2222-3333-4444-555555555555'"
        ],
    ),
    "replicas that are no number": (
        {"replicas: 2": "replicas: two"},
        [f"rollout.yaml:10: {HOST}.replicas: must be a whole number; got 'two'"],
    ),
    "no replicas at all": (
        {"replicas: 2": "replicas: 0"},
        [f"rollout.yaml:10: {HOST}.replicas: must be at least 1; got 0"],
    ),
    "a truth value where a number goes": (
        {"replicas: 2": "replicas: true"},
        [f"rollout.yaml:10: {HOST}.replicas: must be a whole number; got true"],
    ),
    "a number where text goes": (
        {"name: west": "name: 5"},
        ["rollout.yaml:4: targets[0].name: must be small letters, digits and hyphens, 60 at most; got 5"],
    ),
    "a template that is not there": (
        {"group.yaml": "none.yaml"},
        [
            f"rollout.yaml:9: {HOST}.template: none.yaml: must be a file that exists; got nothing at this path"
        ],
    ),
    "a template as a mapping": (
        {"template: group.yaml": "template: {bicep: main.bicep}"},
        [
            f"rollout.yaml:9: {HOST}.template: must be a file's path; a template as a mapping (Bicep) is reserved for "
            "a later version; got a mapping"
        ],
    ),
    "steps that do not rise": (
        {"[1, 10, 50]": "[1, 25, 10]"},
        [f"rollout.yaml:17: {STEPS}[2]: must exceed 25 (steps[1]); got 10"],
    ),
    "steps outside 0 to 100": (
        {"[1, 10, 50]": "[0, 10, 101]"},
        [
            f"rollout.yaml:17: {STEPS}[0]: must be a share in percent, above 0 and at most 100; got 0",
            f"rollout.yaml:17: {STEPS}[2]: must be a share in percent, above 0 and at most 100; got 101",
        ],
    ),
    "one wrong step among others that do not rise": (
        {"[1, 10, 50]": "[half, 10, {share: 5}]"},
        [
            f"rollout.yaml:17: {STEPS}[0]: must be a share in percent, above 0 and at most 100; got 'half'",
            f"rollout.yaml:17: {STEPS}[2]: must exceed 10 (steps[1]); got 5",
        ],
    ),
    "no steps": (
        {"[1, 10, 50]": "[]"},
        [f"rollout.yaml:17: {STEPS}: must hold at least 1; got a list"],
    ),
    "a step too small for the weight": (
        {"[1, 10, 50]": "[0.1]"},
        [
            f"rollout.yaml:17: {STEPS}[0]: must be at least 0.2, or trafficManager.weight at least 2000, so that each "
            "of 2 endpoints a side gets a weight of at least 1 of 1000 in target west; got 0.1"
        ],
    ),
    "a step too small for any weight": (
        {"[1, 10, 50]": "[0.01]"},
        [
            f"rollout.yaml:17: {STEPS}[0]: must be at least 0.2, so that each of 2 endpoints a side gets a weight of "
            "at least 1 of 1000 in target west; got 0.01"
        ],
    ),
    "a step too near to everything for the weight": (
        {"[1, 10, 50]": "[50, 99]", "weight: 1000": "weight: 100"},
        [
            f"rollout.yaml:17: {STEPS}[1]: must be at most 98, or trafficManager.weight at least 200, so that each of "
            "2 endpoints a side gets a weight of at least 1 of 100 in target west; got 99"
        ],
    ),
    "a weight that its endpoints cannot carry": (
        {"weight: 1000": "weight: 2001"},
        [
            f"rollout.yaml:14: {TRAFFIC}.weight: must be from 2 to 2000, so that each of 2 endpoints gets a weight of "
            "1 to 1000; got 2001"
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_manifest_is_told_with_file_line_and_path(messages: Messages, name: str) -> None:
    edits, expected = CASES[name]
    assert messages(edits) == expected
