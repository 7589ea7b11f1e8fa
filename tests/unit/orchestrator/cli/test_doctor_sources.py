"""`rollout doctor` asks every source of evidence as a rollout would: silence is a warning, and never a pass."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator import wiring
from orchestrator.exit_codes import ExitCode
from providers.metrics.prometheus import PrometheusMetrics
from tests.unit.orchestrator.cli.branch import Branch, branch
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.providers.metrics.servers import Data, Got, Say, serving

OLD = "gates:\n  probe: {port: 8080, interval: 100ms, timeout: 500ms, before: 2}\n"
QUERIES = "requests: 'r{side=\"$side\"}', failures: 'f{side=\"$side\"}'"
STABLE = 'r{side="stable"}', 'f{side="stable"}'


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[Branch]:
    """A branch office in which v1 serves."""
    monkeypatch.setattr(wiring, "APPEAR_SECONDS", 0.0)
    with branch(tmp_path, monkeypatch, lambda: desk) as opened:
        opened.serve("v1")
        yield opened


def put(office: Branch, *items: str) -> None:
    """Give the manifest these sources."""
    office.edit("rollout.yaml", {OLD: f"{OLD}  metrics:\n" + "".join(f"  - {item}\n" for item in items)})


def prometheus(url: str, more: str = "") -> str:
    return f"{{name: errors, prometheus: {{url: '{url}', {QUERIES}, timeout: 2s{more}}}}}"


def doctor(office: Branch) -> tuple[int, dict[str, list[str]]]:
    """The exit code, and by level what was found of sources; a doctor never writes."""
    with office.untouched():
        code = office.desk.type("doctor", office.manifest, "--tag", "v2", "--output", "json")
    found: dict[str, list[str]] = {"ok": [], "warn": [], "fail": []}
    for each in office.desk.document["findings"]:
        about = ("metric", "command", "job", "gates", "secret")
        if str(each["subject"]).startswith(about):
            found[each["level"]].append(f"{each['subject']}: {each['message']} → {each['remedy']}")
    return code, found


@contextmanager
def closed() -> Iterator[str]:
    """An address of this machine at which nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_a_source_that_counts_what_serves_is_fine(office: Branch) -> None:
    data = Data()
    for query in STABLE:
        data.one(query, lambda at: at - 1_000_000)
    with serving(data.decide) as server:
        put(office, prometheus(server.url))
        code, found = doctor(office)
    assert (code, found["warn"], found["fail"]) == (0, [], [])
    assert any("`requests`" in each and "for the stable side" in each for each in found["ok"])


def test_a_source_that_is_not_there_is_a_warning_and_never_a_pass(office: Branch) -> None:
    with closed() as url:
        put(office, prometheus(url))
        code, found = doctor(office)
    assert (code, found["ok"], found["fail"]) == (0, [], [])
    (said,) = found["warn"]
    assert said.startswith("metric errors: ")
    assert url in said


def test_a_source_that_fails_as_nobody_foresaw_is_a_warning_and_the_rest_is_found_as_ever(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OverflowError("hush-hush")

    monkeypatch.setattr(PrometheusMetrics, "read", broken)
    monkeypatch.setattr(PrometheusMetrics, "preflight", broken)
    put(office, prometheus("http://prom:9090"))
    code, found = doctor(office)
    assert (code, found["ok"], found["fail"]) == (0, [], [])
    (said,) = found["warn"]
    assert said.startswith("metric errors: failed in a way that nobody foresaw (OverflowError)")
    assert "hush-hush" not in office.desk.said + office.desk.told
    assert office.desk.type("doctor", office.manifest, "--tag", "v2", "--log-format", "json") == 0
    logged = [json.loads(line) for line in office.desk.told.splitlines() if line.startswith("{")]
    assert {(line["event"], line["metric"], line["error"]) for line in logged} == {
        ("source_failed", "errors", "OverflowError")
    }


@pytest.mark.parametrize(
    ("say", "part"),
    [
        (Say(401, {"error": "who are you"}), "who are you"),
        (Say(403, {"error": "not you"}), "not you"),
        (Say(400, {"status": "error", "errorType": "bad_data", "error": "parse error at 3"}), "parse error at 3"),
    ],
)
def test_a_source_that_can_never_answer_is_fatal(office: Branch, say: Say, part: str) -> None:
    with serving(lambda _got: say) as server:
        put(office, prometheus(server.url))
        code, found = doctor(office)
    assert code == ExitCode.REFUSED
    assert part in found["fail"][0]


def test_a_source_that_only_reports_keeps_nothing_back(office: Branch) -> None:
    with serving(lambda _got: Say(401)) as server:
        put(office, prometheus(server.url).replace("name: errors", "name: errors, dryRun: true"))
        code, found = doctor(office)
    assert (code, found["ok"], found["fail"]) == (0, [], [])
    assert len(found["warn"]) == 1


def test_a_source_is_asked_with_its_secret_and_nobody_is_shown_it(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide(got: Got) -> Say:
        return Say(401, {"error": f"no: {got.headers['Authorization']}"})

    monkeypatch.setenv("SHOP_TOKEN", "hush-hush")
    with serving(decide) as server:
        put(office, prometheus(server.url, ", headers: {Authorization: 'Bearer ${env:SHOP_TOKEN}'}"))
        code, found = doctor(office)
        assert {got.headers["Authorization"] for got in server.got} == {"Bearer hush-hush"}
    assert code == ExitCode.REFUSED
    assert any("all 1 can be read" in each for each in found["ok"])
    assert "hush-hush" not in office.desk.said + office.desk.told
    monkeypatch.delenv("SHOP_TOKEN")
    code, found = doctor(office)
    assert code == ExitCode.REFUSED
    assert any(each.startswith("secret: ") and "SHOP_TOKEN" in each for each in found["fail"])


def test_a_program_that_is_not_there_is_fatal_and_one_that_is_there_is_not_run(office: Branch) -> None:
    trace = office.folder / "trace"
    put(
        office,
        "{name: smoke, command: {run: [/no/such/program]}}",
        f"{{name: deep, command: {{run: 'touch {trace}'}}}}",
    )
    code, found = doctor(office)
    assert code == ExitCode.REFUSED
    assert "/no/such/program" in found["fail"][0]
    assert any(each.startswith("command deep: ") for each in found["ok"])
    assert not trace.exists()


def test_nobody_is_asked_about_what_serves_where_that_cannot_be_read(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda _got: Say()) as server:
        put(office, prometheus(server.url))
        monkeypatch.setenv("ROLLOUT_AZURE_ENDPOINT", "http://127.0.0.1:9")
        code, found = doctor(office)
        assert server.got == []
    assert code == ExitCode.REFUSED
    assert found["warn"] == ["gates.metrics: not asked, because what serves cannot be read → put the above right"]


def test_start_refuses_a_query_that_can_never_be_answered_at_its_line_and_touches_nothing(office: Branch) -> None:
    said = {"status": "error", "errorType": "bad_data", "error": "parse error at 3"}
    with serving(lambda _got: Say(400, said)) as server:
        put(office, prometheus(server.url))
        with office.untouched():
            code = office.desk.type("start", office.manifest, "--tag", "v2", "--output", "json")
    assert code == ExitCode.USAGE
    line = (office.folder / "rollout.yaml").read_text().splitlines().index("  metrics:") + 2
    assert f"rollout.yaml:{line}: gates.metrics[0].prometheus.requests: " in office.desk.told


def test_start_refuses_a_source_that_refuses_us_and_touches_nothing(office: Branch) -> None:
    with serving(lambda _got: Say(403, {"error": "not you"})) as server:
        put(office, prometheus(server.url))
        with office.untouched():
            code = office.desk.type("start", office.manifest, "--tag", "v2", "--output", "json")
    assert code == ExitCode.REFUSED
    document: Any = office.desk.document
    assert document["reason"]["code"] == "precondition"
    assert "not you" in document["reason"]["message"]
