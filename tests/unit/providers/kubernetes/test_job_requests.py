"""The Job of an errand: a value made of the user's template."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.kubernetes.job_requests import body, is_ours, job_name
from tests.unit.providers.kubernetes.job_values import ERRAND, WORDS, job, template


def test_a_plain_template_becomes_a_job_that_is_tried_once_and_goes_by_itself() -> None:
    made = body(job(), ERRAND, "smoke")
    name = made["metadata"].pop("name")
    assert made == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "namespace": "shop",
            "labels": {
                "app.kubernetes.io/managed-by": "rollout",
                "rollout/service": "storefront",
                "rollout/target": "onprem",
            },
            "annotations": {
                "rollout/service": "storefront",
                "rollout/target": "onprem",
                "rollout/revision": "b" * 64,
                "rollout/check": "smoke",
                "rollout/errand": "r1-onprem-smoke-0-0",
            },
        },
        "spec": {
            "activeDeadlineSeconds": 60,
            "ttlSecondsAfterFinished": 86400,
            "backoffLimit": 0,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {
                "metadata": {},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                            "name": "test",
                            "image": "curlimages/curl:8",
                            "env": WORDS,
                        }
                    ],
                },
            },
        },
    }
    assert re.fullmatch(r"storefront-smoke-[0-9a-f]{10}", name)


@given(
    key=st.text(max_size=200),
    service=st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True),
    check=st.text(max_size=90),
)
def test_every_name_is_a_dns_label_that_belongs_to_one_errand(key: str, service: str, check: str) -> None:
    errand = replace(ERRAND, key=key, service=service)
    name = job_name(errand, check)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)
    assert name == job_name(errand, check)
    assert name != job_name(replace(errand, key=f"{key}x"), check)


@given(st.floats(0.01, 10_000), st.integers(1, 10_000))
def test_the_deadline_is_never_later_than_the_manifests_nor_the_templates(timeout: float, own: int) -> None:
    found = body(job(activeDeadlineSeconds=own, timeout=timeout), ERRAND, "smoke")["spec"]["activeDeadlineSeconds"]
    assert 1 <= found <= own
    assert found < timeout + 1


@pytest.mark.parametrize(("own", "kept"), [(0, 300), (300, 300), (4000, 4000)])
def test_a_job_stays_long_enough_for_its_end_to_be_seen(own: int, kept: int) -> None:
    assert body(job(ttlSecondsAfterFinished=own), ERRAND, "smoke")["spec"]["ttlSecondsAfterFinished"] == kept


def test_a_template_that_says_how_often_it_is_tried_is_left_to_it() -> None:
    spec = body(job(backoffLimit=3), ERRAND, "smoke")["spec"]
    assert (spec["backoffLimit"], "podFailurePolicy" in spec) == (3, False)
    spec = body(job(pod={"restartPolicy": "OnFailure"}), ERRAND, "smoke")["spec"]
    assert (spec["backoffLimit"], "podFailurePolicy" in spec) == (0, False)


def test_an_exported_job_loses_what_is_the_servers_and_other_owners() -> None:
    exported = template(selector={"matchLabels": {"controller-uid": "1"}}, manualSelector=False, suspend=True)
    exported["metadata"] = {
        "name": "old",
        "uid": "1",
        "resourceVersion": "7",
        "labels": {"team": "shop", "rollout/service": "other"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "kept"},
    }
    exported["status"] = {"succeeded": 1}
    labels = {"app": "smoke", "argocd.argoproj.io/instance": "x"}
    exported["spec"]["template"]["metadata"] = {"labels": labels, "creationTimestamp": None}
    exported["spec"]["completions"] = None
    made = body(replace(job(), template=exported), ERRAND, "smoke")
    assert set(made) == {"apiVersion", "kind", "metadata", "spec"}
    assert {"selector", "manualSelector", "suspend", "completions"} & set(made["spec"]) == set()
    assert made["metadata"]["labels"]["rollout/service"] == "storefront"
    assert (made["metadata"]["labels"]["team"], made["metadata"]["annotations"]["note"]) == ("shop", "kept")
    assert "uid" not in made["metadata"]
    assert made["spec"]["template"]["metadata"] == {"labels": {"app": "smoke"}}


def test_every_container_is_told_the_errand_before_its_own_variables() -> None:
    own = [{"name": "URL", "value": "http://$(ROLLOUT_ADDRESSES)"}, {"name": "ROLLOUT_STEP", "value": "7"}]
    one = {"name": "a", "image": "x", "env": own, "terminationMessagePolicy": "File"}
    made = body(job(pod={"containers": [one], "initContainers": [{"name": "b", "image": "y"}]}), ERRAND, "smoke")
    pod = made["spec"]["template"]["spec"]
    assert pod["containers"][0]["env"] == [*WORDS, own[0]]
    assert pod["containers"][0]["terminationMessagePolicy"] == "File"
    assert pod["initContainers"][0]["env"] == WORDS


def test_the_template_itself_is_never_changed() -> None:
    given = job(pod={"containers": [{"name": "a", "image": "x", "env": [{"name": "B", "value": "c"}]}]})
    before = copy.deepcopy(given.template)
    body(given, ERRAND, "smoke")
    assert given.template == before


@pytest.mark.parametrize("odd", ["soon", None, [], True])
def test_numbers_that_are_none_are_left_for_the_server_to_refuse(odd: Any) -> None:
    assert body(job(activeDeadlineSeconds=odd, ttlSecondsAfterFinished=odd), ERRAND, "smoke")["kind"] == "Job"


def test_only_a_job_with_our_mark_for_this_errand_is_ours() -> None:
    made = body(job(), ERRAND, "smoke")
    assert is_ours(made, ERRAND)
    assert not is_ours(made, replace(ERRAND, key="other"))
    made["metadata"]["labels"].pop("app.kubernetes.io/managed-by")
    assert not is_ours(made, ERRAND)
    assert not is_ours({}, ERRAND)
    assert not is_ours(None, ERRAND)
