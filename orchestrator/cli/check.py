"""`rollout validate` and `rollout schema`: is a manifest right, and what may stand in one."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.cli.failures import Failure
from orchestrator.cli.parameters import Files, Pairs, VarsFiles
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA


def validate(session: Session, files: Files, *, vars_files: VarsFiles = None, var: Pairs = None) -> int:
    """Check manifests with their templates and print every problem at once; touches nothing."""
    from orchestrator.manifest.loader import load
    from orchestrator.manifest.problems import ManifestError
    from orchestrator.manifest.variables import read_variables

    try:
        loaded = load(files, read_variables(vars_files or (), var or ()))
    except ManifestError as error:
        problems = [
            {"file": each.file, "line": each.line, "path": each.path, "message": each.message}
            for each in error.problems
        ]
        document: dict[str, Any] = {"schema": SCHEMA, "valid": False, "services": [], "problems": problems}
        many = "problem" if len(problems) == 1 else "problems"
        raise Failure(f"{len(problems)} {many}\n{error}", ExitCode.USAGE, document) from error
    names = [each.manifest.service for each in loaded]
    session.out.document({"schema": SCHEMA, "valid": True, "services": names, "problems": []})
    for each in loaded:
        targets = ", ".join(target.name for target in each.targets)
        sign = session.out.style.good("✓")
        session.out.text(f"{sign} {session.out.style.strong(each.manifest.service)}  {each.file}  {targets}")
    return ExitCode.PROMOTED


def schema(session: Session) -> int:
    """Print the JSON Schema of a manifest, for editors that check and complete YAML."""
    from orchestrator.manifest.json_schema import json_schema

    session.out.raw(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return ExitCode.PROMOTED
