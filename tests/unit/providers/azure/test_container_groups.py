"""Container groups through the real SDK and an emulated Azure: what stands there afterwards is what counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from providers.azure.credentials import Credentials, Endpoint
from providers.emulator.faults import Fault
from providers.errors import Denied, Exhausted, Invalid, NotSent, Throttled, Transient
from providers.secrets import SecretRef
from strategies.seen import GroupState
from tests.unit.providers.azure.values import DIGEST, IMAGE, MARK, PLACE, SUBSCRIPTION, Azure, slot, template

NAME = "storefront-aaaaaaaa-3-0"


def fault(azure: Azure, **body: Any) -> None:
    azure.world.faults.add(Fault.from_json(body))


def test_a_group_that_does_not_exist_is_absent_at_the_time_of_the_answer(azure: Azure) -> None:
    (seen,) = azure.groups().look([NAME])
    assert (seen.name, seen.state, seen.at) == (NAME, GroupState.ABSENT, azure.clock.now())


def test_a_group_comes_up_and_shows_its_address_mark_and_state(azure: Azure) -> None:
    groups = azure.groups()
    groups.ensure(NAME, MARK)
    (seen,) = groups.look([NAME])
    assert (seen.state, seen.mark) == (GroupState.COMING, MARK)
    azure.clock.advance(60)
    (seen,) = groups.look([NAME])
    assert seen.state is GroupState.RUNNING
    assert seen.address is not None
    assert seen.address.startswith("shop-")
    assert seen.address.endswith(".westeurope.azurecontainer.io")
    assert azure.group(NAME)["properties"]["containers"][0]["properties"]["image"] == f"{IMAGE}@{DIGEST}"
    assert azure.writes() == [f"PUT {NAME}"]


def test_fields_that_the_sdk_does_not_know_arrive(azure: Azure) -> None:
    document = template()
    document["properties"]["containers"][0]["properties"]["configMap"] = {"keyValuePairs": {"a": "b"}}
    azure.groups(replace(PLACE, template=document)).ensure(NAME, MARK)
    assert azure.group(NAME)["properties"]["containers"][0]["properties"]["configMap"] == {"keyValuePairs": {"a": "b"}}


def test_a_secret_is_resolved_when_the_group_is_made(azure: Azure) -> None:
    sent: list[Any] = []
    handle = azure.arm.call

    def record(method: str, path: str, body: Any = None, version: str | None = None) -> Any:
        sent.append(body)
        return handle(method, path, body, version)

    azure.arm.call = record  # type: ignore[method-assign]
    document = template()
    variable = {"name": "TOKEN", "secureValue": SecretRef("env", "SHOP_TOKEN")}
    document["properties"]["containers"][0]["properties"]["environmentVariables"] = [variable]
    azure.groups(replace(PLACE, template=document), SHOP_TOKEN="s3cret").ensure(NAME, MARK)
    got = sent[-1]["properties"]["containers"][0]["properties"]["environmentVariables"][0]
    assert got == {"name": "TOKEN", "secureValue": "s3cret"}


def test_a_secret_that_cannot_be_had_leaves_nothing_sent(azure: Azure) -> None:
    document = template(imageRegistryCredentials=[{"server": "s", "password": SecretRef("env", "NOT_SET")}])
    with pytest.raises(NotSent, match=r"the secret \$\{env:NOT_SET\} cannot be resolved"):
        azure.groups(replace(PLACE, template=document)).ensure(NAME, MARK)
    assert azure.writes() == []


def test_a_refusal_for_lack_of_capacity_is_exhausted(azure: Azure) -> None:
    azure.world.faults.add_provisioning(NAME, "refused")
    with pytest.raises(Exhausted) as caught:
        azure.groups().ensure(NAME, MARK)
    assert caught.value.code == "ServiceUnavailable"


def test_a_lack_of_capacity_that_shows_later_is_a_failed_group_that_says_so(azure: Azure) -> None:
    azure.world.faults.add_provisioning(NAME, "capacity")
    azure.groups().ensure(NAME, MARK)
    azure.clock.advance(120)
    (seen,) = azure.groups().look([NAME])
    assert seen.state is GroupState.FAILED
    assert "InsufficientCapacity: " in seen.why


def test_a_used_up_quota_is_exhausted(azure: Azure) -> None:
    azure.world.settings.core_quota = 0.5
    with pytest.raises(Exhausted):
        azure.groups().ensure(NAME, MARK)


def test_an_image_that_does_not_exist_is_invalid(azure: Azure) -> None:
    with pytest.raises(Invalid) as caught:
        azure.groups().ensure(NAME, replace(MARK, digest="sha256:" + "e" * 64))
    assert caught.value.code == "InaccessibleImage"


def test_a_create_that_may_have_been_taken_is_not_sent_again(azure: Azure) -> None:
    fault(azure, method="PUT", status=500, afterCommit=True, times=5)
    with pytest.raises(Transient):
        azure.groups().ensure(NAME, MARK)
    assert azure.writes() == [f"PUT {NAME}"]
    assert azure.group(NAME) is not None


def test_a_create_that_was_throttled_waits_as_told_and_is_sent_again(azure: Azure) -> None:
    fault(azure, method="PUT", status=429, retryAfter=2)
    azure.groups().ensure(NAME, MARK)
    assert azure.waits == [2.0]
    assert azure.group(NAME) is not None


def test_a_wait_longer_than_the_call_may_last_is_handed_to_the_caller(azure: Azure) -> None:
    fault(azure, method="PUT", status=429, retryAfter=60)
    with pytest.raises(Throttled) as caught:
        azure.groups().ensure(NAME, MARK)
    assert caught.value.retry_after == 60
    assert azure.waits == []


def test_a_read_is_tried_again_and_a_name_that_stays_unreadable_is_left_out(azure: Azure) -> None:
    fault(azure, method="GET", path=NAME, status=503, times=1)
    assert [seen.state for seen in azure.groups().look([NAME])] == [GroupState.ABSENT]
    fault(azure, method="GET", path=NAME, status=503, times=None)
    assert [seen.name for seen in azure.groups().look([NAME, "other"])] == ["other"]
    assert sum(azure.waits) < 20


def test_a_permission_that_is_missing_is_an_error_and_not_an_absence(azure: Azure) -> None:
    fault(azure, method="GET", status=403)
    with pytest.raises(Denied):
        azure.groups().look([NAME])


def test_discover_finds_every_group_of_ours_and_no_other(azure: Azure) -> None:
    azure.groups().ensure(NAME, MARK)
    azure.groups().ensure("storefront-aaaaaaaa-3-1", slot(1))
    azure.groups().ensure("search-aaaaaaaa-1-0", slot(0, service="search"))
    azure.groups().ensure("storefront-aaaaaaaa-9-0", slot(0, target="northeurope", number=9))
    azure.clock.advance(60)
    found = azure.groups().discover()
    assert [(seen.name, seen.state) for seen in found] == [
        (NAME, GroupState.RUNNING),
        ("storefront-aaaaaaaa-3-1", GroupState.RUNNING),
    ]


def test_a_deletion_is_begun_and_seen_and_asking_again_writes_nothing_more(azure: Azure) -> None:
    groups = azure.groups()
    groups.ensure(NAME, MARK)
    azure.clock.advance(60)
    groups.retire(NAME)
    groups.retire(NAME)
    assert azure.writes() == [f"PUT {NAME}", f"DELETE {NAME}"]
    azure.clock.advance(60)
    assert groups.look([NAME])[0].state is GroupState.ABSENT
    groups.retire(NAME)
    assert azure.writes()[2:] == []


def test_what_does_not_bear_our_mark_is_not_deleted(azure: Azure) -> None:
    azure.groups().ensure(NAME, slot(0, service="search"))
    with pytest.raises(Denied, match="does not bear our mark"):
        azure.groups().retire(NAME)
    assert azure.group(NAME) is not None


def test_a_retained_group_is_marked_once_keeps_its_tags_and_is_found_with_its_expiry(azure: Azure) -> None:
    groups = azure.groups(replace(PLACE, template={**template(), "tags": {"team": "shop"}}))
    groups.ensure(NAME, MARK)
    until = azure.clock.now() + timedelta(hours=1)
    groups.retire(NAME, until)
    groups.retire(NAME, until)
    assert azure.writes() == [f"PUT {NAME}", f"PATCH {NAME}"]
    (seen,) = groups.discover()
    assert (seen.keep_until, seen.mark) == (until, MARK)
    assert azure.group(NAME)["tags"]["team"] == "shop"


def test_preflight_counts_what_the_rollout_needs_beside_what_runs(azure: Azure) -> None:
    assert all(finding.ok for finding in azure.groups().preflight(2))
    azure.groups().ensure(NAME, MARK)
    azure.world.settings.group_quota = 2
    (bad,) = [finding for finding in azure.groups().preflight(2) if not finding.ok]
    assert bad.message == "ContainerGroups: 1 of 2 used, 2 more needed beside the running version"
    assert bad.fatal


def test_preflight_says_which_permission_is_missing(azure: Azure) -> None:
    fault(azure, method="GET", path="containerGroups", status=403)
    (bad,) = azure.groups().preflight(1)
    assert not bad.ok
    assert "Microsoft.ContainerInstance/containerGroups" in bad.remedy


def test_preflight_goes_on_without_the_permission_to_read_quotas(azure: Azure) -> None:
    fault(azure, method="GET", path="usages", status=403)
    bad = [finding for finding in azure.groups().preflight(1) if not finding.ok]
    assert [(finding.subject, finding.fatal) for finding in bad] == [("quota in westeurope", False)]


def test_preflight_warns_of_anonymous_pulls_from_docker_hub(azure: Azure) -> None:
    document = template()
    document["properties"]["containers"][0]["properties"]["image"] = "nginx:1"
    bad = [finding for finding in azure.groups(replace(PLACE, template=document)).preflight(1) if not finding.ok]
    assert [(finding.subject, finding.fatal) for finding in bad] == [("registry of nginx", False)]


def test_a_next_page_on_another_host_gets_no_token(azure: Azure) -> None:
    result = azure.arm.call

    def elsewhere(method: str, path: str, body: Any = None, version: str | None = None) -> Any:
        reply = result(method, path, body, version)
        if path.endswith("containerGroups"):
            reply.result.body["nextLink"] = "https://evil.example.org/next"
        return reply

    azure.arm.call = elsewhere  # type: ignore[method-assign]
    with pytest.raises(Denied, match=r"another host, which gets no token of ours: evil\.example\.org"):
        azure.groups().discover()


def test_without_any_identity_nothing_is_sent_and_the_remedy_is_named() -> None:
    from azure.core.exceptions import ClientAuthenticationError

    from providers.azure.clients import Clients
    from providers.azure.container_groups import ContainerGroups

    class Nobody:
        def get_token(self, *_scopes: str, **_more: Any) -> Any:
            raise ClientAuthenticationError("no identity found here")

    clients = Clients(Credentials(Endpoint(), given=Nobody()))
    groups = ContainerGroups(PLACE, service="storefront", target="westeurope", image=IMAGE, clients=clients)
    with pytest.raises(NotSent, match="az login"):
        groups.ensure(NAME, MARK)
    assert PLACE.subscription == SUBSCRIPTION
    clients.close()


def test_no_layer_below_tries_again_by_itself(azure: Azure) -> None:
    fault(azure, method="GET", path=NAME, status=429, retryAfter=1, times=None)
    assert azure.groups().look([NAME]) == ()
    assert len(azure.world.calls.arm) == 4
    assert azure.waits == [1.0, 1.0, 1.0]


def test_a_provider_that_is_not_registered_is_named_and_never_registered_behind_the_users_back(azure: Azure) -> None:
    fault(azure, method="PUT", status=409, code="MissingSubscriptionRegistration")
    with pytest.raises(Invalid, match=r"az provider register --namespace Microsoft\.ContainerInstance"):
        azure.groups().ensure(NAME, MARK)
    assert azure.writes() == [f"PUT {NAME}"]


def test_locks_that_may_be_read_are_found_before_they_hurt(azure: Azure) -> None:
    azure.world.settings.delete_lock = True
    (bad,) = [finding for finding in azure.groups().preflight(1) if not finding.ok]
    assert (bad.subject, bad.fatal) == ("lock emulator", False)
    assert "a delete lock on /resourceGroups/shop will leave what a rollout retires standing" in bad.message


def test_a_lock_is_denied_when_it_hurts(azure: Azure) -> None:
    azure.groups().ensure(NAME, MARK)
    azure.world.settings.delete_lock = True
    with pytest.raises(Denied) as caught:
        azure.groups().retire(NAME)
    assert caught.value.code == "ScopeLocked"


def test_locks_that_may_not_be_read_are_no_finding(azure: Azure) -> None:
    fault(azure, method="GET", path="locks", status=403)
    assert all(finding.ok for finding in azure.groups().preflight(1))


def test_a_read_only_lock_stops_a_rollout(azure: Azure) -> None:
    call = azure.arm.call

    def locked(method: str, path: str, body: Any = None, version: str | None = None) -> Any:
        reply = call(method, path, body, version)
        if path.endswith("/locks"):
            reply.result.body["value"] = [{"name": "freeze", "properties": {"level": "ReadOnly"}}]
        return reply

    azure.arm.call = locked  # type: ignore[method-assign]
    (bad,) = [finding for finding in azure.groups().preflight(1) if not finding.ok]
    assert (bad.subject, bad.fatal) == ("lock freeze", True)
