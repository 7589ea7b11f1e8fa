"""YAML and JSON become plain values with lines, and nothing that can be typed brings the reader down."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.manifest.document import MAX_BYTES, MAX_VALUES, parse, read_text
from orchestrator.manifest.problems import ManifestError
from orchestrator.manifest.scalars import exact, resolve

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff"))
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
KEYS = WORDS.filter(lambda word: len(word) < 100)  # YAML bounds a key at 1024 characters, escapes included.
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def only(text: str, file: str = "a.yaml") -> Any:
    documents = parse(text, file)
    assert len(documents) == 1
    return documents[0]


def told(text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        parse(text, "a.yaml")
    return str(caught.value)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5), st.sampled_from([None, 1, "\t"]), st.booleans())
@settings(deadline=None)
def test_any_json_comes_back_as_it_was_with_a_line_for_every_part(
    value: dict[str, Any], indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps({"value": value}, indent=indent, ensure_ascii=ascii_only)
    document = only(text, "a.json")
    assert document.value == {"value": value}
    assert set(document.lines) == set(paths({"value": value}))
    assert {1 <= line <= text.count("\n") + 1 for line in document.lines.values()} == {True}


@given(st.lists(st.sampled_from(["", "# note"]), max_size=5), st.integers(1, 6), st.booleans())
@settings(deadline=None)
def test_every_key_and_item_has_its_own_line(above: list[str], count: int, windows: bool) -> None:
    rows = [*above, *(f"k{number}: {number}" for number in range(count)), "items:", "- a", "- b"]
    document = only(("\r\n" if windows else "\n").join(rows))
    assert [document.line((f"k{number}",)) for number in range(count)] == [len(above) + 1 + n for n in range(count)]
    assert document.line(("items", 1)) == len(rows)
    assert document.line(("items", 1, "nothing", 5)) == len(rows), "what is not there has the line of what holds it"


@given(st.text() | st.text("[]{}:,-&*!|>'\"%@ \n\ta1<?#", max_size=60))
@settings(deadline=None)
def test_no_text_whatever_brings_the_reader_down(text: str) -> None:
    try:
        documents = parse(text, "a.yaml")
    except ManifestError as error:
        assert error.problems
    else:
        for document in documents:
            again = only(document.source())
            assert (again.value, again.lines) == (document.value, document.lines)


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "No", "y", "1_000", "12:30", "2026-11-20", "010", "1e999", ".inf"]
)
def test_words_that_other_readers_turn_into_something_else_stay_text(word: str) -> None:
    assert only(f"a: {word}").value == {"a": word}


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("~", None), ("", None), ("-7", -7), ("0x1f", 31), ("1.5", 1.5), ("1e3", 1000.0), ("'5'", "5")],
)
def test_words_of_the_core_schema_are_read_as_such(word: str, value: object) -> None:
    assert only(f"a: {word}").value == {"a": value}


@given(st.text(max_size=12) | SCALARS.map(str))
@settings(deadline=None)
def test_a_word_read_exactly_is_written_the_same_way_again(word: str) -> None:
    value = exact(word)
    assert value == word or (json.dumps(value) == word or str(value) == word)
    assert value == word or value == resolve(word)


def test_anchors_aliases_and_merge_keys_work_and_own_keys_win() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {z: 3}\nc:\n  <<: [*a, *b]\n  y: 9\nd: *a\n"
    document = only(text)
    assert document.value["c"] == {"x": 1, "y": 9, "z": 3}
    assert document.value["d"] == {"x": 1, "y": 2}
    assert document.line(("c", "y")) == 5
    assert document.line(("c", "x")) == 1


def test_several_documents_keep_the_lines_of_their_file_and_empty_ones_are_left_out() -> None:
    first, second = parse("---\na: 1\n---\n---\n\nb: 2\n", "a.yaml")
    assert (first.line(("a",)), second.line(("b",))) == (2, 6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3: a: must be given once; it is given on line 1 already"),
        ("a:\n\tb: 1\n", "a.yaml:2: must be valid YAML; got: a tab where only spaces may indent"),
        ("a: 'x", "a.yaml:1: must be valid YAML; got: found unexpected end of stream (while scanning a quoted scalar)"),
        (
            "a: {b: ${var:c}}",
            "a.yaml:1: must be valid YAML; got: expected ',' or '}', but got '{' (while parsing a flow mapping): "
            "between braces or brackets, quote what holds ${…}",
        ),
        ("a: b\x00c", "a.yaml:1: must be text; got the control character 0x00"),
        ("a: *b", "a.yaml:1: *b must name an anchor that stands complete above it"),
        ("a: &a [*a]", "a.yaml:1: *a must name an anchor that stands complete above it"),
        ("a: !thing x", "a.yaml:1: the tag !thing is not supported here; write a plain value"),
        ("a: !!int x", "a.yaml:1: 'x' is no value for the tag !!int"),
        ("a: !<os.system> {}", "a.yaml:1: the tag os.system is not supported here; write a plain value"),
        ("? [a]\n: 1", "a.yaml:1: a key must be a single word or text"),
        ("<<: 5", "a.yaml:1: << must name a mapping or a list of mappings; got 5"),
        ('a: "\\ud800"', "a.yaml:1: must be text; got half of a surrogate pair"),
    ],
)  # fmt: skip
def test_what_is_no_good_yaml_is_told_with_its_line(text: str, message: str) -> None:
    assert told(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "a.yaml:1: must be nested at most 64 deep; got deeper"),
        ("- " * 100_000, "a.yaml:1: must be nested at most 64 deep; got deeper"),
        ("- a\n" * 200_000, f"a.yaml:{MAX_VALUES}: must hold at most {MAX_VALUES} values; got more"),
        (
            "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
            f"a.yaml:1: aliases must expand to at most {MAX_VALUES} values; got more",
        ),
        (
            "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)),
            f"a.yaml:1: aliases must expand to at most {MAX_VALUES} values; got more",
        ),
        (
            "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 3000)),
            "a.yaml:1: must be nested at most 64 deep, aliases included; got deeper",
        ),
        (
            "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 3000)),
            "a.yaml:1: must be nested at most 64 deep, aliases included; got deeper",
        ),
    ],
    ids=["brackets", "dashes", "items", "billion laughs", "billion merges", "chain of aliases", "chain of merges"],
)
def test_hostile_yaml_is_refused_soon(text: str, message: str) -> None:
    begun = time.monotonic()
    told_line, told_message = told(text).split(": ", 1)
    assert (told_line.rsplit(":", 1)[0], told_message) == ("a.yaml", message.split(": ", 1)[1])
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: 1\nb: \xe9\n", ":2: must be UTF-8 text; got the byte 0xe9"),
        (
            "a: 1".encode("utf-16"),
            ":1: must be UTF-8 text; got UTF-16 (by its byte order mark): save it again as UTF-8",
        ),
        (b"a" * (MAX_BYTES * 10), ": must be at most 1 MiB; got a larger file"),
    ],
    ids=["latin 1", "utf-16", "ten megabytes"],
)
def test_a_file_that_is_no_text_or_too_large_is_told_as_such(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(data)
    with pytest.raises(ManifestError) as caught:
        read_text(str(file))
    assert str(caught.value) == f"{file}{message}"


def test_a_byte_order_mark_in_front_of_utf_8_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("\ufeffa: ü".encode())
    assert only(read_text(str(tmp_path / "a.yaml"))).value == {"a": "ü"}


def test_a_missing_file_and_a_directory_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="must be a file that exists; got nothing at this path"):
        read_text(str(tmp_path / "none.yaml"))
    with pytest.raises(ManifestError, match="must be a readable file; got: Is a directory"):
        read_text(str(tmp_path))


OFFICIAL = Path(__file__).parents[5] / "shared" / "azure"


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official descriptions lie beside a full checkout only")
def test_the_official_examples_are_read_as_json_reads_them() -> None:
    files = [file for file in OFFICIAL.rglob("*.json") if file.stat().st_size < 8_000]
    assert len(files) > 20
    for file in files:
        assert only(read_text(str(file)), str(file)).value == json.loads(file.read_text(encoding="utf-8-sig"))
