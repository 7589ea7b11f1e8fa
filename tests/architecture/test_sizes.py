"""Files and functions that fit on a page, and tests whose names say what holds."""

from __future__ import annotations

import pytest

from tests.architecture.source import PACKAGES, sources

FILE_LINES, FUNCTION_LINES, DECISION_LINES = 300, 60, 40
EVERYTHING = sources(*PACKAGES, "tests", "examples")


def test_no_file_has_more_than_300_lines() -> None:
    long = {source.name: source.text.count("\n") for source in EVERYTHING if source.text.count("\n") > FILE_LINES}
    assert long == {}


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_no_function_is_longer_than_a_page(package: str) -> None:
    most = DECISION_LINES if package == "strategies" else FUNCTION_LINES
    long = {
        f"{source.name}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for source in sources(package)
        for function in source.functions()
        if (function.end_lineno or 0) - function.lineno >= most
    }
    assert long == {}


def test_the_name_of_every_test_is_a_sentence() -> None:
    short = [
        f"{source.name}: {function.name}"
        for source in sources("tests")
        if source.name.rpartition("/")[2].startswith("test_")
        for function in source.functions()
        if function.name.startswith("test_") and not is_sentence(function.name)
    ]
    assert short == []


def is_sentence(name: str) -> bool:
    """Whether a test's name has at least three words."""
    return len([word for word in name.removeprefix("test_").split("_") if word]) >= 3
