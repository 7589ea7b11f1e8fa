"""The exit codes are those that callers rely on, each with a meaning of its own."""

from __future__ import annotations

from orchestrator.exit_codes import ExitCode, table


def test_the_numbers_are_those_of_the_contract() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "PROMOTED": 0, "ERROR": 1, "USAGE": 2, "ROLLED_BACK": 3, "WAITING": 4, "TIMED_OUT": 5, "SUPERSEDED": 6,
        "REFUSED": 7, "STUCK": 8, "INTERRUPTED": 130, "TERMINATED": 143,
    }  # fmt: skip


def test_the_table_says_every_code_with_its_meaning() -> None:
    rows = table().splitlines()
    assert [row.split()[0] for row in rows] == [str(int(code)) for code in ExitCode]
    assert all(code.meaning in row for code, row in zip(ExitCode, rows, strict=True))
    assert len({code.meaning for code in ExitCode}) == len(ExitCode)
