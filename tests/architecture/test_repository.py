"""What stands in the repository: only what belongs there, nothing of the machine that made it, a true diagram."""

from __future__ import annotations

import re

from strategies.phases import mermaid
from tests.architecture.source import ROOT, files

TOP = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "examples",
    "orchestrator",
    "providers",
    "pyproject.toml",
    "strategies",
    "tests",
    "watchers",
}
# Written in two halves, so that this file does not hold what it looks for.
FOREIGN = [
    "".join(halves)
    for halves in (
        ("pypi", r"\.org"),
        ("python", r"hosted\.org"),
        ("npm", r"js\.(?:org|com)"),
        ("crates", r"\.io"),
        ("proxy", r"\.golang\.org"),
        (r"(?<![\w./])/wo", r"rk/"),
        ("/tmp/v", "env"),
        (r"(?<![\w.])/root", "/"),
        (r"\bclau", r"de\b"),
        (r"\banthro", r"pic\b"),
        (r"\bchat", r"gpt\b"),
        (r"\bopen", r"ai\b"),
        (r"\bllm", r"s?\b"),
        (r"\bco-authored", "-by"),
        (r"\bgenerated (?:by|with) (?:an )?", r"a\.?i\b"),
    )
]
LATER = "|".join((r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b"))


def matches(pattern: str, *, flags: int = re.IGNORECASE) -> list[str]:
    """Every place in the repository's text files that matches, as `path:line: text`."""
    found = []
    for name in files():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if re.search(pattern, line, flags):
                found.append(f"{name}:{number}: {line.strip()}")
    return found


def test_nothing_stands_at_the_top_but_what_the_architecture_names() -> None:
    assert {name.partition("/")[0] for name in files()} - TOP == set()
    assert {name for name in files() if name.startswith(".ci/")} <= {".ci/run", ".ci/constraints.txt"}


def test_no_file_names_the_machine_or_the_tools_it_was_made_with() -> None:
    assert matches("|".join(FOREIGN)) == []


def test_no_work_is_left_for_later_in_a_comment() -> None:
    assert matches(LATER, flags=0) == []


def test_the_diagram_in_the_readme_is_the_table_that_decides() -> None:
    blocks = re.findall(r"```mermaid\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert mermaid() in blocks
