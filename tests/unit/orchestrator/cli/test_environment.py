"""The help of a verb names every setting that it takes from the environment."""

from __future__ import annotations

import re

import pytest

from orchestrator.cli.environment import ENVIRONMENT
from orchestrator.cli.verbs import VERBS
from orchestrator.http import credentials, entra, listening
from orchestrator.remote import reserved
from providers.probes import resolver
from tests.architecture.source import sources
from tests.unit.orchestrator.cli.desk import Desk
from watchers.webhooks import Source

OF_EVERY_VERB = {"ROLLOUT_OUTPUT", "ROLLOUT_STORE", "ROLLOUT_SERVER", "ROLLOUT_DEBUG", "ROLLOUT_LOG_FORMAT"}
NOT_THE_DAEMONS = {"ROLLOUT_TOKEN", "ROLLOUT_ACTOR", *OF_EVERY_VERB}
GIVEN_TO_WORKLOADS = {"ROLLOUT_SERVICE", "ROLLOUT_REVISION", "ROLLOUT_TARGET"}
GIVEN_TO_CHECKS = {"ROLLOUT_ADDRESSES", "ROLLOUT_DIGEST", "ROLLOUT_STEP", "ROLLOUT_WHEN"}


def named(verb: str) -> set[str]:
    """The variables of a verb's table, with the short forms written out."""
    found: set[str] = set()
    for names, _ in ENVIRONMENT[verb]:
        first, *others = names.split(", ")
        short = [other for other in others if other.startswith("_")]
        stem = next((stem for stem in ("ROLLOUT_WEBHOOK_SECRET", "ROLLOUT_REGISTRY") if first.startswith(stem)), first)
        found |= {first, *(stem + other for other in short)}
    return found


def test_the_table_of_the_daemon_names_what_its_parts_read() -> None:
    read = {listening.LISTEN, credentials.OPERATE_TOKEN, credentials.READ_TOKEN, credentials.WEBHOOK_SECRET}
    read |= {entra.TENANT, entra.AUDIENCE, entra.AUTHORITY, reserved.SETTING, resolver.VARIABLE}
    read |= {f"{credentials.WEBHOOK_SECRET}_{source.upper()}" for source in Source}
    assert read <= named("daemon")


def test_no_setting_that_the_source_speaks_of_is_missing_from_the_table() -> None:
    spoken = {
        word
        for source in sources("orchestrator", "providers", "watchers")
        for word in re.findall(r"\"(ROLLOUT_[A-Z_]*[A-Z])\"", source.text)
        if source.name != "orchestrator/cli/environment.py"
    }
    assert spoken - NOT_THE_DAEMONS - GIVEN_TO_WORKLOADS - GIVEN_TO_CHECKS <= named("daemon")


@pytest.mark.parametrize("verb", ENVIRONMENT)
def test_the_help_prints_the_table(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb in VERBS
    assert Desk().type(verb, "--help") == 0
    printed = capsys.readouterr().out
    assert "\nEnvironment:\n" in printed
    for names, _ in ENVIRONMENT[verb]:
        assert names.split(",")[0] in printed
    assert "--server" not in printed
