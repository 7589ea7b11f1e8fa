"""A manifest that is sent to a daemon cannot carry the daemon's own secrets away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.remote.reserved import SETTING, reserved

PLACES = st.sampled_from(["run", "secrets", "..", ".", "", "proc", "self", "environ", "etc", "x"])


@pytest.mark.parametrize("name", ["ROLLOUT_OPERATE_TOKEN", "AZURE_CLIENT_SECRET", "IDENTITY_HEADER", "PGPASSWORD"])
def test_the_daemons_own_variables_are_kept(name: str) -> None:
    assert "the daemon's own" in (reserved("env", name) or "")


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/environ",
        "//proc/self/environ",
        "/run/secrets/../../proc/self/environ",
        "/run/secretsx/key",
        "/run/secrets",
        "/home/rollout/.azure/msal_token_cache.json",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "/var/run/secrets/azure/tokens/azure-identity-token",
        "/run/secrets//kubernetes.io/serviceaccount/token",
    ],
)
def test_a_file_that_is_not_meant_for_services_is_kept_and_the_way_out_is_named(path: str) -> None:
    assert SETTING in (reserved("file", path, {}) or "")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("env", "SHOP_KEY"),
        ("file", "/run/secrets/shop-key"),
        ("file", "/var/run/secrets/shop/key"),
        ("keyVault", "shop/key"),
    ],
)
def test_what_is_meant_for_services_is_given(kind: str, name: str) -> None:
    assert reserved(kind, name, {}) is None


def test_the_daemon_may_name_other_folders() -> None:
    settings = {SETTING: "/mnt/secrets:/srv/keys/"}
    assert reserved("file", "/srv/keys/shop", settings) is None
    assert reserved("file", "/run/secrets/shop", settings) is not None


@given(st.lists(PLACES, max_size=8))
def test_no_way_of_writing_a_path_leads_out_of_the_folders(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    stack: list[str] = []
    for part in parts:
        if part == "..":
            stack = stack[:-1]
        elif part not in ("", "."):
            stack.append(part)
    inside = stack[:2] == ["run", "secrets"] and len(stack) > 2
    assert (reserved("file", path, {}) is None) is inside
