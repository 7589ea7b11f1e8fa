"""What a log may hold of an error that nobody foresaw: never its text, which may quote secrets or what was sent."""

from __future__ import annotations

import traceback


def told(error: BaseException) -> dict[str, str]:
    """Say of a mistake its kind and the innermost place it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else "unknown"
    return {"error": type(error).__name__, "place": place}
