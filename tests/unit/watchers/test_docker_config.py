"""What this machine knows about registries."""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchers.docker_config import Credential, Keychain
from watchers.errors import Denied

SECRET = "planted-s3cret"
HUB = "https://index.docker.io/v1/"


def keychain(folder: Path, config: object = None, **environment: str) -> Keychain:
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        (folder / "config.json").write_text(text, encoding="utf-8")
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    return Keychain({"DOCKER_CONFIG": str(folder), "PATH": path, **environment}, helper_seconds=5)


def auth(user: str = "someone", secret: str = SECRET) -> dict[str, Any]:
    return {"auth": b64encode(f"{user}:{secret}".encode()).decode()}


def helper(folder: Path, script: str, name: str = "test") -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def test_the_environment_comes_before_dockers_configuration(tmp_path: Path) -> None:
    known = {"ROLLOUT_REGISTRY_USER": "robot", "ROLLOUT_REGISTRY_PASSWORD": "word"}
    keys = keychain(tmp_path, {"auths": {"r.io": auth()}}, **known)
    assert keys.find("r.io") == Credential("ROLLOUT_REGISTRY_USER", "robot", "word")
    only = keychain(tmp_path, None, **known, ROLLOUT_REGISTRY_HOST="other.io")
    assert only.find("r.io") == Credential(str(tmp_path / "config.json"), "someone", SECRET)
    assert only.find("other.io") == Credential("ROLLOUT_REGISTRY_USER", "robot", "word")


@pytest.mark.parametrize("given_one", ["ROLLOUT_REGISTRY_USER", "ROLLOUT_REGISTRY_PASSWORD"])
def test_half_a_credential_in_the_environment_is_refused_naming_the_other_half(given_one: str) -> None:
    with pytest.raises(Denied, match="is not set, its counterpart is; set both, or neither") as refused:
        Keychain({given_one: SECRET}).find("r.io")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("r.io", "r.io"),
        ("https://r.io", "r.io"),
        ("https://r.io/v2/", "r.io"),
        ("R.io:5000", "r.io:5000"),
        (HUB, "docker.io"),
        ("docker.io", "docker.io"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_a_login_is_found_however_its_registry_was_written(tmp_path: Path, key: str, host: str) -> None:
    found = keychain(tmp_path, {"auths": {"elsewhere.io": auth("no", "no"), key: auth()}}).find(host)
    assert found is not None
    assert (found.user, found.secret, found.identity) == ("someone", SECRET, False)


def test_a_login_for_one_registry_is_no_login_for_another(tmp_path: Path) -> None:
    keys = keychain(tmp_path, {"auths": {"r.io": auth(), "r.io:5000": auth()}})
    assert [keys.find(host) for host in ("docker.io", "evil-r.io", "r.io.evil.io", "r.io:5001")] == [None] * 4


@given(
    user=st.text(min_size=1, max_size=8).filter(lambda text: ":" not in text), secret=st.text(min_size=1, max_size=12)
)
def test_any_user_and_password_survive_the_file(
    user: str, secret: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        packed = auth(user, secret)
    except UnicodeEncodeError:
        return
    found = keychain(tmp_path_factory.mktemp("docker"), {"auths": {"r.io": packed}}).find("r.io")
    if secret.strip("\0"):
        assert found is not None and (found.user, found.secret) == (user, secret.rstrip("\0"))


def test_an_identity_token_is_not_taken_for_a_password(tmp_path: Path) -> None:
    found = keychain(tmp_path, {"auths": {"r.io": {**auth("00000000", ""), "identitytoken": SECRET}}}).find("r.io")
    assert found is not None
    assert (found.secret, found.identity) == (SECRET, True)


def test_nothing_is_known_without_a_file_or_a_home(tmp_path: Path) -> None:
    assert keychain(tmp_path).find("r.io") is None
    assert Keychain({}).find("r.io") is None
    assert Keychain({"HOME": str(tmp_path)}).find("r.io") is None


def test_the_helper_of_a_registry_is_asked_by_the_name_it_was_logged_in_with(tmp_path: Path) -> None:
    helper(tmp_path, f'read server; printf \'{{"Username":"%s","Secret":"{SECRET}"}}\' "$server"')
    keys = keychain(tmp_path, {"credHelpers": {"r.io": "test"}, "auths": {"r.io": auth("file", "x")}})
    assert keys.find("r.io") == Credential("docker-credential-test", "r.io", SECRET)
    stored = keychain(tmp_path, {"credsStore": "test", "auths": {"https://s.io": {}}})
    assert stored.find("s.io") == Credential("docker-credential-test", "https://s.io", SECRET)
    assert stored.find("docker.io") == Credential("docker-credential-test", HUB, SECRET)


def test_a_helper_may_give_an_identity_token(tmp_path: Path) -> None:
    helper(tmp_path, f'cat >/dev/null; printf \'{{"Username":"<token>","Secret":"{SECRET}"}}\'')
    found = keychain(tmp_path, {"credsStore": "test"}).find("r.io")
    assert found is not None and found.identity


def test_a_helper_that_does_not_know_leaves_it_to_the_file(tmp_path: Path) -> None:
    helper(tmp_path, "cat >/dev/null; echo credentials not found in native keychain; exit 1")
    keys = keychain(tmp_path, {"credsStore": "test", "auths": {"r.io": auth()}})
    assert keys.find("r.io") == Credential(str(tmp_path / "config.json"), "someone", SECRET)
    assert keys.find("s.io") is None


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (f"cat >/dev/null; echo {SECRET}; echo {SECRET} >&2; exit 3", "ended with exit code 3"),
        (f"cat >/dev/null; echo {SECRET}", "expected a JSON object with Username and Secret"),
        (
            f'cat >/dev/null; echo \'{{"Username":7,"Secret":"{SECRET}"}}\'',
            "expected a JSON object with Username and Secret",
        ),
    ],
)
def test_a_helper_that_fails_is_named_and_what_it_printed_is_not(tmp_path: Path, script: str, sentence: str) -> None:
    helper(tmp_path, script)
    with pytest.raises(Denied) as refused:
        keychain(tmp_path, {"credsStore": "test"}).find("r.io")
    assert f"docker-credential-test get for r.io: {sentence}" in str(refused.value)
    assert SECRET not in str(refused.value) + repr(refused.value)


def test_a_helper_that_hangs_is_given_up(tmp_path: Path) -> None:
    helper(tmp_path, "exec sleep 60")
    environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ.get('PATH', '')}"}
    (tmp_path / "config.json").write_text('{"credsStore": "test"}', encoding="utf-8")
    with pytest.raises(Denied, match=r"docker-credential-test get for r\.io: no answer within 0\.2 s"):
        Keychain(environment, helper_seconds=0.2).find("r.io")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to see which processes live")
def test_what_a_helper_that_hangs_has_started_itself_ends_with_it_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    helper(tmp_path, f"sleep 60 & echo $! >{tmp_path}/child; cat >/dev/null; wait")
    keys = keychain(tmp_path, {"credsStore": "test"})
    began = time.monotonic()
    with pytest.raises(Denied, match=r"no answer within 0\.3 s"):
        Keychain(keys.environment, helper_seconds=0.3).find("r.io")
    assert time.monotonic() - began < 10
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    until = time.monotonic() + 10
    while alive(child) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(child)


def test_a_helper_that_leaves_something_behind_holding_its_output_is_not_waited_for_any_longer(tmp_path: Path) -> None:
    helper(tmp_path, "cat >/dev/null; sleep 60 & exit 0")
    keys = keychain(tmp_path, {"credsStore": "test"})
    began = time.monotonic()
    with pytest.raises(Denied, match=r"no answer within 0\.3 s"):
        Keychain(keys.environment, helper_seconds=0.3).find("r.io")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["../../evil", "a b", "", "-x", 7, ["test"]])
def test_a_helper_is_a_name_and_never_a_path(tmp_path: Path, name: object) -> None:
    keys = keychain(tmp_path, {"credHelpers": {"r.io": name}})
    if not name:
        assert keys.find("r.io") is None
        return
    with pytest.raises(Denied, match="credential helper: expected a name such as `pass`"):
        keys.find("r.io")


def test_a_helper_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="names the credential helper docker-credential-absent, which is not on PATH"):
        keychain(tmp_path, {"credsStore": "absent"}).find("r.io")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (f'{{"auths": "{SECRET}', r"is not JSON \(line 1\)"),
        (f'["{SECRET}"]', "expected a JSON object"),
        ({"auths": [SECRET]}, "auths: expected an object"),
        ({"credHelpers": SECRET}, "credHelpers: expected an object"),
        ({"auths": {"r.io": SECRET}}, r"auths\['r\.io'\]: expected an object"),
        ({"auths": {"r.io": {"auth": f"{SECRET}!"}}}, r"auths\['r\.io'\]\.auth: expected base64 of user:password"),
        ({"auths": {"r.io": {"auth": 7}}}, r"auths\['r\.io'\]\.auth: expected base64 of user:password"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_broken_configuration_is_refused_with_its_path_and_without_its_content(
    tmp_path: Path, config: object, sentence: str
) -> None:
    with pytest.raises(Denied, match=sentence) as refused:
        keychain(tmp_path, config).find("r.io")
    assert str(tmp_path / "config.json") in str(refused.value)
    assert SECRET not in str(refused.value) + repr(refused.value)


def test_a_credential_does_not_show_its_secret(tmp_path: Path) -> None:
    keys = keychain(tmp_path, {"auths": {"r.io": auth()}}, ROLLOUT_REGISTRY_PASSWORD=SECRET, ROLLOUT_REGISTRY_USER="me")
    assert SECRET not in repr(keys.find("r.io")) + repr(keys)
