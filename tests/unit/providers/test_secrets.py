"""Secrets are references until the act that needs them, and errors name the reference only."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import NotSent
from providers.secrets import LocalSecrets, SecretRef, resolve_all


def test_an_environment_variable_is_read_when_it_is_asked_for() -> None:
    environment: dict[str, str] = {}
    secrets = LocalSecrets(environment)
    with pytest.raises(NotSent, match=r"\$\{env:TOKEN\}"):
        secrets.resolve(SecretRef("env", "TOKEN"))
    environment["TOKEN"] = "late"
    assert secrets.resolve(SecretRef("env", "TOKEN")) == "late"


@pytest.mark.parametrize(("written", "value"), [("x", "x"), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("", "")])
def test_a_files_last_line_break_is_no_part_of_its_secret(tmp_path: Path, written: str, value: str) -> None:
    (tmp_path / "s").write_bytes(written.encode())
    assert LocalSecrets({}).resolve(SecretRef("file", str(tmp_path / "s"))) == value


def test_a_file_that_cannot_be_read_is_named_and_its_content_is_not(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"\xffs3cret")
    for name in ("s", "absent"):
        with pytest.raises(NotSent) as caught:
            LocalSecrets({}).resolve(SecretRef("file", str(tmp_path / name)))
        assert name in caught.value.message
        assert "s3cret" not in caught.value.message


def test_a_kind_that_nobody_resolves_says_so() -> None:
    with pytest.raises(NotSent, match="no resolver for keyVault is set up here"):
        LocalSecrets({}).resolve(SecretRef("keyVault", "shop/token"))


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of env, file, keyVault; got 'vault'"):
        SecretRef("vault", "x")


def test_resolvers_do_not_show_the_environment_when_they_are_printed() -> None:
    assert "s3cret" not in repr(LocalSecrets({"A": "s3cret"}))


_leaves = st.none() | st.integers() | st.text(max_size=3) | st.builds(SecretRef, st.just("env"), st.just("A"))


@given(st.recursive(_leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner)))
def test_every_reference_of_a_document_is_resolved_and_nothing_else_is_changed(document: object) -> None:
    def expected(value: object) -> object:
        if isinstance(value, SecretRef):
            return "value"
        if isinstance(value, dict):
            return {key: expected(item) for key, item in value.items()}
        return [expected(item) for item in value] if isinstance(value, list) else value

    assert resolve_all(document, LocalSecrets({"A": "value"})) == expected(document)
