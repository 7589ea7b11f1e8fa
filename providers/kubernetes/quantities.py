"""Amounts of CPU and memory as Kubernetes writes them (`250m`, `1Gi`, `1e3`), and what a pod asks for; pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from providers.kubernetes.parts import at, pod_spec, sequence

_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]i?|Ki)?)")


def amount(quantity: Any) -> Decimal | None:
    """Read a quantity; None when it is none."""
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(quantity).strip())
    if found is None or (found[3] or "") not in _SUFFIXES:
        return None
    return Decimal(found[1]) * (Decimal(10) ** int(found[2]) if found[2] else _SUFFIXES[found[3] or ""])


def asked(deployment: Any, how: str, resource: str) -> Decimal:
    """Add up what the containers of one pod ask for: `how` is requests or limits, `resource` cpu or memory.

    A request that is not said is what the limit is, as Kubernetes takes it.
    """
    whole = Decimal(0)
    for container in sequence(pod_spec(deployment), "containers"):
        said = amount(at(container, "resources", how, resource))
        if said is None and how == "requests":
            said = amount(at(container, "resources", "limits", resource))
        whole += said or 0
    return whole
