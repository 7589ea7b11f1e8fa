"""The command line as a whole: finding the verb, the options around it, and what failing looks like."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.main import usage
from orchestrator.cli.options import split, wants_json
from orchestrator.cli.verbs import VERBS
from orchestrator.exit_codes import ExitCode

HEAVY = (
    "azure",
    "kubernetes",
    "pydantic",
    "sqlalchemy",
    "httpx",
    "rich",
    "structlog",
    "asyncio",
    "typer",
    "click",
    "aiohttp",
    "yaml",
    "msgspec",
)
GLOBAL = st.sampled_from(
    [
        ("--output", "json"),
        ("--output=json",),
        ("-o", "text"),
        ("--store", "sqlite:////x/y.db"),
        ("--quiet",),
        ("-q",),
        ("--no-color",),
        ("--debug",),
        ("--log-format", "json"),
        ("--server=http://127.0.0.1:1",),
    ]
)


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    script = "import sys; from orchestrator.cli.main import main\ntry: main()\nfinally: "
    script += f"sys.stderr.write('MODULES ' + ' '.join(m for m in {HEAVY!r} if m in sys.modules) + chr(10))"
    return subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False, env={"PATH": "", **env}
    )


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("help",), ("--output", "json", "--help"), ("--version",)])
def test_the_top_help_and_the_version_load_nothing_heavy(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 0
    assert done.stderr == "MODULES \n"
    assert done.stdout.strip()


def test_the_top_help_names_every_verb_and_every_exit_code_with_its_meaning() -> None:
    text = usage()
    for name, verb in VERBS.items():
        assert f"  {name} " in text
        assert verb.line in text
    for code in ExitCode:
        assert f"{code.value:>4}  {code.meaning}" in text
    assert max(map(len, text.splitlines())) <= 120


def test_status_of_an_empty_store_loads_of_the_heavy_modules_only_the_store_s_and_the_parser(tmp_path: Path) -> None:
    done = run("status", "--store", f"sqlite:///{tmp_path}/rollout.db")
    assert done.returncode == 0
    loaded = set(done.stderr.split("MODULES ")[1].split())
    assert loaded <= {"typer", "sqlalchemy", "asyncio", "msgspec"}, "SQLAlchemy itself imports asyncio"


@pytest.mark.parametrize("name", list(VERBS))
def test_every_verb_of_the_table_exists_and_explains_itself_with_the_options_of_every_verb(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    arguments = VERBS[name].arguments.replace("SERVICE|--all", "[SERVICE]")
    assert done.stdout.splitlines()[0] == f"Usage: rollout {name} [OPTIONS] {arguments}".rstrip()
    own, wide = done.stdout.split("\nOptions of every verb:\n")
    assert "--help" in own
    wide = wide.partition("\nEnvironment:\n")[0]
    for option in ("--output", "--store", "--server", "--quiet", "--log-format", "--no-color", "--debug"):
        refused = option == "--server" and VERBS[name].here
        assert (option in wide) is not refused
        assert f"{option} " not in own


@pytest.mark.parametrize("words", [("--wait",), ("--no-wait",), ("--detach",)])
def test_waiting_and_not_waiting_are_words_of_one_option_under_all_its_names(words: tuple[str, ...]) -> None:
    done = run("promote", "--help")
    assert "--wait / --no-wait, --detach" in done.stdout
    refused = run("promote", "storefront", *words, "--timeout", "soon", ROLLOUT_STORE="sqlite:////nowhere/x.db")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --timeout: must be a duration")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("why",), "missing argument 'SERVICE'"),
        (("validate",), "missing argument 'FILE...'"),
        (("suspend", "x"), "missing option '--reason'"),
        (("why", "x", "-o", "xml"), "invalid value for '--output' / '-o': 'xml' is not one of 'text', 'json'"),
        (("why", "x", "--output"), "option '--output' requires an argument"),
        (("settle", "x", "--serving", "us"), "invalid value for '--serving': 'us' is not one of 'stable', 'candidate'"),
        (("history", "-n", "0"), "invalid value for '--limit' / '-n': 0 is not in the range 1<=x<=10000"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_sentence_that_names_the_word_and_what_was_expected(
    words: tuple[str, ...], sentence: str
) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    told = f"error: {sentence}\n`rollout {words[0]} --help` shows what it takes.\nMODULES "
    assert done.stderr.startswith(told)


def test_formats_may_be_written_in_any_letter_case(tmp_path: Path) -> None:
    done = run("-o", "JSON", "status", "--log-format", "Text", "--store", f"sqlite:///{tmp_path}/rollout.db")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"schema": 1, "services": []}


def test_what_the_environment_sets_is_what_the_verb_works_with(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/rollout.db"
    done = run("status", ROLLOUT_STORE=store, ROLLOUT_OUTPUT="JSON", XDG_STATE_HOME=f"{tmp_path}/elsewhere")
    assert json.loads(done.stdout) == {"schema": 1, "services": []}
    assert (tmp_path / "rollout.db").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_an_unknown_verb_is_bad_usage_with_a_suggestion() -> None:
    done = run("statsu")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no verb 'statsu'; did you mean status?\n")
    assert done.stdout == ""


def test_an_unknown_option_before_the_verb_is_bad_usage_with_a_suggestion() -> None:
    done = run("--outptu", "json", "status")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no option --outptu before the verb; did you mean --output?\n")


def test_no_verb_at_all_is_bad_usage_and_never_looks_like_a_success() -> None:
    done = run()
    assert done.returncode == 2
    assert "a verb is missing" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--output", "json", "why"),
        ("why", "-o", "json"),
        ("why", "--output=json", "x", "--nonsense"),
        ("-o", "json", "y"),
        ("-o", "json"),
        ("-o", "json", "promote", "x", "--timeout", "soon"),
    ],
)
def test_with_json_output_a_usage_error_is_one_document_as_well(words: tuple[str, ...]) -> None:
    done = run(*words, ROLLOUT_STORE="sqlite:////nowhere/x.db")
    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert (document["schema"], document["error"]["code"]) == (1, 2)
    assert done.stderr.startswith("error: ")


def test_a_store_that_cannot_be_is_bad_usage_and_says_what_to_name_instead() -> None:
    done = run("status", "--store", "mysql://h/x")
    assert done.returncode == 2
    assert "expected a sqlite or postgresql URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_does_not_answer_is_said_with_what_to_check() -> None:
    done = run("status", ROLLOUT_SERVER="http://127.0.0.1:1")
    assert done.returncode == 7
    assert "--server (ROLLOUT_SERVER)" in done.stderr


@given(before=st.lists(GLOBAL), after=st.lists(GLOBAL))
def test_global_options_mean_the_same_before_the_verb_and_after_it(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]]
) -> None:
    first = [word for option in before for word in option]
    second = [word for option in after for word in option]
    line = split([*first, "why", "storefront", *second])
    assert line.verb == "why"
    assert list(line.arguments) == [*first, "storefront", *second]


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_command_line_is_taken_apart_without_losing_a_word_that_stands_behind_the_verb(words: list[str]) -> None:
    line = split(words)
    if line.verb is not None:
        behind = words[words.index(line.verb) + 1 :]
        assert [*line.arguments][len(line.arguments) - len(behind) :] == behind


def test_settings_of_the_environment_count_where_the_command_line_says_nothing() -> None:
    assert wants_json([], {"ROLLOUT_OUTPUT": "json"})
    assert not wants_json(["--output", "text"], {"ROLLOUT_OUTPUT": "json"})
    assert json.loads(run("why", ROLLOUT_OUTPUT="json").stdout)["error"]["code"] == 2
