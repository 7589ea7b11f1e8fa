"""The table of cases whose verdicts are those of the tools that users of image policies know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VERDICTS: dict[str, Any] = json.loads((Path(__file__).parent / "verdicts.json").read_text(encoding="utf-8"))
