"""Plain variables are filled in anywhere; secrets stay references, and only where secrets go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.manifest.document import parse
from orchestrator.manifest.problems import ManifestError
from orchestrator.manifest.variables import Resolved, Variables, read_variables, resolve
from providers.secrets import SecretRef

LETTERS = st.text("ab${}:/ varenvfilekeyVault", max_size=30)


def resolved(text: str, *, secrets: bool = False, text_only: bool = False, **values: str) -> Resolved:
    (document,) = parse(text, "a.yaml")
    return resolve(document, Variables(values), secret_at=lambda path: secrets, text_at=lambda path: text_only)


@given(LETTERS, LETTERS, st.text(max_size=20))
@settings(deadline=None)
def test_a_value_stands_where_its_name_stood_and_is_not_searched_again(before: str, after: str, value: str) -> None:
    parts = [part.replace("$", "").replace("{", "") for part in (before, after)]
    found = resolved(json.dumps({"a": f"{parts[0]}${{var:x}}{parts[1]}", "b": 1}), x=value)
    assert found.value["a"] == f"{parts[0]}{value}{parts[1]}"
    assert (found.problems, found.used) == ([], {"x": value})


@given(LETTERS)
@settings(deadline=None)
def test_text_comes_back_as_it_was_when_every_reference_in_it_is_escaped(text: str) -> None:
    found = resolved(json.dumps({"a": text.replace("${", "$${")}))
    assert found.value == {"a": text}
    assert found.problems == []


@pytest.mark.parametrize("text", ["${x}", "${VAR:x}", "${secret:x}", "$var:x", "${var:x", "${ var:x}", "$(var:x)"])
def test_what_is_none_of_the_four_prefixes_stays(text: str) -> None:
    found = resolved(json.dumps({"a": text}), secrets=True, x="1")
    assert (found.value, found.problems) == ({"a": text}, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: ${var:n}", 3),
        ("a: '${var:n}'", "3"),
        ("a: x${var:n}", "x3"),
        ("a: ${var:yes}", True),
        ("a: ${var:version}", "1.10"),
        ("a: ${var:on}", "on"),
    ],
)
def test_an_unquoted_word_that_is_one_variable_is_read_as_yaml_reads_words(text: str, value: object) -> None:
    found = resolved(text, n="3", yes="true", version="1.10", on="on")
    assert found.value == {"a": value}


def test_where_only_text_can_stand_a_number_stays_text() -> None:
    assert resolved("a: ${var:n}", text_only=True, n="3").value == {"a": "3"}


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("${env:TOKEN}", SecretRef("env", "TOKEN")),
        ("${file:/run/secrets/x}", SecretRef("file", "/run/secrets/x")),
        ("${keyVault:shop/token}", SecretRef("keyVault", "shop/token")),
        ("${keyVault:shop/token@" + "0" * 32 + "}", SecretRef("keyVault", "shop/token@" + "0" * 32)),
    ],
)
def test_a_secret_becomes_a_reference_and_is_never_resolved(
    text: str, reference: SecretRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    found = resolved(f"a: {text}", secrets=True)
    assert (found.value, found.problems) == ({"a": reference}, [])
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x${env:A}", "a.yaml:1: a: a secret must be the whole value; got text around ${env:A}"),
        ("${env:1A}", "a.yaml:1: a: must be the name of an environment variable, as in ${env:TOKEN}; got ${env:1A}"),
        ("${file:x}", "a.yaml:1: a: must be an absolute path, as in ${file:/run/secrets/token}; got ${file:x}"),
        (
            "${keyVault:token}",
            "a.yaml:1: a: must be a vault, a secret and perhaps a version of 32 digits, as in "
            "${keyVault:vault/secret}; got ${keyVault:token}",
        ),
    ],
)
def test_a_secret_that_is_badly_written_is_told(text: str, message: str) -> None:
    found = resolved(f"a: {text}", secrets=True)
    assert [str(problem) for problem in found.problems] == [message]
    assert found.value == {"a": text}


def test_a_missing_variable_is_told_with_its_line_and_the_nearest_known_one() -> None:
    found = resolved("a: 1\nb:\n- x\n- y-${var:regoin}\n", region="west")
    assert [str(problem) for problem in found.problems] == [
        "a.yaml:4: b[1]: the variable 'regoin' must be given by --var regoin=… or --vars FILE; got none; "
        "did you mean 'region'?"
    ]


def test_variables_come_from_files_and_pairs_and_the_last_pair_wins(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("region: west\nversion: 1.10\ncount: 0x10\nempty: ''\n")
    (tmp_path / "b.json").write_text('{"region": "east"}')
    files = [str(tmp_path / "a.yaml"), str(tmp_path / "b.json")]
    found = read_variables(files, ["count=2", "count=3", "url=a=b"])
    expected = {"region": "east", "version": "1.10", "count": "3", "empty": "", "url": "a=b"}
    assert found.values == expected, "words are kept as they were written"


def test_everything_wrong_with_variables_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("list: [1]\n'a b': 1\n")
    (tmp_path / "b.yaml").write_text("- 1\n")
    with pytest.raises(ManifestError) as caught:
        read_variables(["a.yaml", "b.yaml", "none.yaml"], ["novalue", "=x"])
    assert str(caught.value).splitlines() == [
        "--var: must be name=value; got '=x'",
        "--var: must be name=value; got 'novalue'",
        "a.yaml:1: list: must be one word or text; got a list",
        "a.yaml:2: a b: a variable's name must match [A-Za-z_][A-Za-z0-9_.-]*; got 'a b'",
        "b.yaml:1: must be a mapping of variable names to values; got a list",
        "none.yaml: must be a file that exists; got nothing at this path",
    ]


@given(st.recursive(LETTERS, lambda inner: st.lists(inner, max_size=3), max_leaves=8))
@settings(deadline=None)
def test_no_text_becomes_a_secret_where_none_may_stand(value: Any) -> None:
    found = resolved(json.dumps({"a": value}), x="1")
    assert "SecretRef" not in repr(found.value)
