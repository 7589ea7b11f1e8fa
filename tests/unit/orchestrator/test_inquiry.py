"""Before a rollout begins every source of evidence is asked once: what can never answer refuses, silence warns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.desk import LocalDesk
from orchestrator.manifest.problems import ManifestError
from orchestrator.store.codec import decode, encode
from orchestrator.store.records import WishRecord
from orchestrator.submit import submit
from orchestrator.undo import way_back
from orchestrator.wish import Refused, Submission, Way, Wish, recorded, wished
from providers.errors import Transient
from providers.ports import Finding
from strategies.model import Side
from strategies.names import revision
from tests.unit.orchestrator.daemon.parts import Kept
from tests.unit.orchestrator.sourced import BAD, DENIED, LINE, METRICS, SILENT, SOURCED, Bench, Source, adopting
from tests.unit.orchestrator.yard import MANIFEST, YardApp


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    assert made.release("v1").rollout.outcome.value == "promoted"
    return made


def refused(bench: Bench) -> str:
    before = len(bench.groups())
    with pytest.raises(Refused) as error:
        bench.begin()
    assert bench.store.active("shop") is None
    assert len(bench.groups()) == before
    assert error.value.code == "precondition"
    return error.value.message


def test_all_is_well_and_a_rollout_begins_without_a_word(bench: Bench) -> None:
    bench.source.findings = (Finding(True, "metric errors", "counts 5 requests"),)
    answer = bench.begin()
    assert (answer.way, answer.notes) == (Way.BEGUN, ())


def test_a_source_that_refuses_us_is_said_before_anything_is_touched(bench: Bench) -> None:
    bench.source.findings = (DENIED,)
    assert refused(bench) == "west: metric errors the server refused (401); put `headers` right"


def test_a_check_that_cannot_be_run_is_said_before_anything_is_touched(bench: Bench) -> None:
    bench.check.findings = (Finding(False, "command smoke", "./smoke is not there", "put it there"),)
    assert refused(bench) == "west: command smoke ./smoke is not there; put it there"


def test_a_source_that_is_silent_is_a_note_and_no_refusal(bench: Bench) -> None:
    bench.source.findings = (SILENT,)
    answer = bench.begin()
    assert answer.way is Way.BEGUN
    assert answer.notes == ("west: metric errors the server does not answer; nothing is decided until it does",)


def test_a_source_that_raises_is_a_note_and_no_refusal(bench: Bench) -> None:
    bench.source.error = Transient("nobody is there")
    answer = bench.begin()
    assert (answer.way, answer.notes) == (Way.BEGUN, ("west: metric errors nobody is there",))


def test_a_source_or_check_that_fails_as_nobody_foresaw_is_a_note_and_a_line_in_the_log_without_its_text(
    bench: Bench,
) -> None:
    bench.source.error = OverflowError("token=hush-hush")
    bench.check.error = UnicodeEncodeError("idna", "hush-hush", 0, 1, "label too long")
    app = bench.app
    app.log = log = Kept()
    bench.manifest = SOURCED
    answer = submit(app, bench.wish("v2"))
    assert answer.way is Way.BEGUN
    assert answer.notes == tuple(
        f"west: metric {name} failed in a way that nobody foresaw ({kind}); "
        "nothing is decided by it until it answers: report this, with the log's line source_failed"
        for name, kind in (("errors", "OverflowError"), ("smoke", "UnicodeEncodeError"))
    )
    # They are asked side by side, so either may be the first.
    assert {(line["metric"], line["error"]) for line in log.of("source_failed")} == {
        ("errors", "OverflowError"),
        ("smoke", "UnicodeEncodeError"),
    }
    assert "hush-hush" not in f"{answer.notes} {log.lines}"


def test_a_query_that_is_wrong_is_bad_input_at_its_line_and_all_of_it_is_said(bench: Bench) -> None:
    bench.source.findings = (BAD, replace(BAD, key="gates.metrics[errors].prometheus.url"))
    with pytest.raises(ManifestError) as error:
        bench.begin()
    assert [str(problem) for problem in error.value.problems] == [
        f"shop.yaml:{LINE + 1}: gates.metrics[0].prometheus.{key}: metric errors cannot be parsed"
        for key in ("failures", "url")
    ]
    assert bench.store.active("shop") is None


def test_a_targets_own_source_is_bad_input_where_the_target_stands(bench: Bench) -> None:
    own = METRICS.replace("\n  ", "\n        ").replace("  metrics:", "    gates:\n      metrics:").rstrip()
    bench.manifest = MANIFEST.replace("strategy:", f"{own}\nstrategy:")
    bench.source.findings = (BAD,)
    loaded = bench.wish("v2").loaded
    hands = YardApp.hands(bench.app, loaded)["west"]
    app = bench.app
    app.hands = lambda *_: {"west": replace(hands, metrics={"errors": bench.source})}  # type: ignore[method-assign]
    with pytest.raises(ManifestError, match=r"targets\[0\]\.gates\.metrics\[0\]\.prometheus\.failures: metric errors"):
        submit(app, bench.wish("v2"))


def test_what_is_wrong_with_the_world_is_said_with_it(bench: Bench) -> None:
    bench.source.findings = (DENIED,)
    bench.world.settings.group_quota = 1
    first, second = refused(bench).splitlines()
    assert "quota" in first
    assert second == "west: metric errors the server refused (401); put `headers` right"


@pytest.mark.parametrize("finding", [DENIED, BAD, SILENT])
def test_a_first_release_is_warned_and_never_refused_for_nothing_can_be_counted_yet(finding: Finding) -> None:
    bench = Bench(source=Source((finding,)))
    answer = bench.begin("v1")
    assert answer.way is Way.BEGUN
    (note,) = answer.notes
    assert finding.message in note
    assert "nothing serves yet" in note
    assert bench.source.asked[0].serving is None


def test_what_is_adopted_serves_so_a_source_is_asked_about_it_and_what_can_never_be_counted_refuses() -> None:
    bench = adopting(500)
    bench.source.findings = (DENIED,)
    with pytest.raises(Refused, match="the server refused"):
        submit(bench.app, bench.wish("v1"))
    (question,) = bench.source.asked
    assert (question.serving, question.serving.endpoints, question.serving.groups) == (question.stable, ("blue",), ())


def test_what_is_adopted_and_switched_off_serves_nobody_so_that_nothing_counts_it_is_no_refusal() -> None:
    bench = adopting(0)
    bench.source.findings = (DENIED,)
    answer = submit(bench.app, bench.wish("v1"))
    assert answer.way is Way.BEGUN
    assert any("nothing serves yet" in note for note in answer.notes)
    assert bench.source.asked[0].serving is None


def test_a_first_release_whose_check_cannot_be_run_is_refused() -> None:
    bench = Bench(check=Source((Finding(False, "command smoke", "./smoke is not there"),)))
    assert refused(bench) == "west: command smoke ./smoke is not there"


def at_once(bench: Bench, wish: Wish) -> Submission:
    return LocalDesk(bench.app).submit(wish)


def over_the_wire(bench: Bench, wish: Wish) -> Submission:
    return LocalDesk(bench.app).submit(wished(decode(encode(recorded(wish), "it"), WishRecord, "it"), wish.loaded))


def after_the_one_before(bench: Bench, wish: Wish) -> Submission:
    """Left in the store until its way is free, and submitted from there."""
    bench.store.keep_next("shop", recorded(wish))
    kept = bench.store.next_wish("shop")
    assert kept is not None
    return submit(bench.app, wished(kept, wish.loaded))


every_way = pytest.mark.parametrize("send", [at_once, over_the_wire, after_the_one_before])


@every_way
def test_an_emergency_waits_for_no_source(bench: Bench, send: Callable[[Bench, Wish], Submission]) -> None:
    bench.manifest = SOURCED
    bench.source.findings = bench.check.findings = (BAD,)
    answer = send(bench, bench.wish("v2", emergency=True, reason="on fire"))
    assert (answer.way, answer.notes, bench.source.asked, bench.check.asked) == (Way.BEGUN, (), [], [])


@every_way
def test_an_undo_waits_for_no_source(bench: Bench, send: Callable[[Bench, Wish], Submission]) -> None:
    answer = send(bench, undone(bench, steps=False))
    assert (answer.way, answer.notes, bench.source.asked, bench.check.asked) == (Way.BEGUN, (), [], [])


def test_an_undo_in_steps_is_decided_by_counts_so_its_sources_are_asked(bench: Bench) -> None:
    wish = undone(bench, steps=True)
    with pytest.raises(Refused, match="the server refused"):
        submit(bench.app, wish)


def undone(bench: Bench, *, steps: bool) -> Wish:
    """The wish of an undo, whose manifest has a source that refuses us and a check that cannot be run."""
    assert bench.release("v2").rollout.outcome.value == "promoted"
    bench.source.findings = bench.check.findings = (DENIED,)
    way = way_back(bench.app, "shop", None, steps=steps, actor="ana", reason="")
    bench.manifest = SOURCED
    return replace(way.wish, loaded=replace(way.wish.loaded, manifest=bench.wish("v2").loaded.manifest))


def test_the_question_is_about_what_serves_and_what_is_wanted(bench: Bench) -> None:
    answer = bench.begin()
    assert answer.rollout is not None
    (question,) = bench.source.asked
    served = revision(bench.wish("v1").digest or "", bench.wish("v1").loaded.template_hash)
    assert (question.service, question.target, question.step_seconds) == ("shop", "west", 5.0)
    assert (question.stable.side, question.stable.revision) == (Side.STABLE, served.id)
    assert question.stable.groups == tuple(slot.name for slot in answer.rollout.targets[0].stable)
    assert (question.candidate.side, question.candidate.revision) == (Side.CANDIDATE, answer.rollout.revision.id)
    assert question.now == answer.rollout.created_at
    assert (question.now - question.since).total_seconds() == 302.0
    (errand,) = bench.check.asked
    assert (errand.candidate, errand.when.value, errand.addresses) == (question.candidate, "before", ())


def test_nobody_is_asked_where_nothing_would_begin(bench: Bench) -> None:
    assert bench.submit("v1").way is Way.NOTHING
    assert bench.begin("v1").way is Way.NOTHING
    assert bench.begin("v2").way is Way.BEGUN
    assert bench.begin("v2").way is Way.ATTACHED
    assert len(bench.source.asked) == len(bench.check.asked) == 1
