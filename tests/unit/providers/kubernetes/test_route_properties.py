"""Any route with anything of others in it: our part becomes what is wanted, theirs stays byte for byte."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import settings as runs

from providers.kubernetes.route_ours import Ours
from providers.kubernetes.route_requests import route_patch
from tests.unit.providers.kubernetes.route_cases import Case, cases, foreign, read, shown, written
from tests.unit.providers.kubernetes.route_world import (
    same,
    settings,
)


@runs(deadline=None, max_examples=60)
@given(cases())
def test_every_intent_reads_back_and_what_is_foreign_survives(
    case: Case,
) -> None:
    of, body, wanted = case
    ours = Ours(settings(routes=(of,), adopt=("storefront",)), "storefront", "onprem")
    for intent in wanted:
        before = copy.deepcopy(body)
        body = written(body, intent, ours, of)
        assert same(foreign(body, ours, of), foreign(before, ours, of))
        assert shown(body, intent, ours, of)
        assert route_patch(read(body, ours, of), intent) is None, "a second patch would change something"


@runs(deadline=None, max_examples=60)
@given(cases())
def test_a_patch_names_only_what_is_ours(case: Case) -> None:
    of, body, wanted = case
    ours = Ours(settings(routes=(of,), adopt=("storefront",)), "storefront", "onprem")
    patch = route_patch(read(body, ours, of), wanted[0]) or []
    assert not patch or patch[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    for op in patch[1:]:
        if op["op"] == "test":
            continue
        parts = op["path"].split("/")
        assert parts[1:3] in (["metadata", "annotations"], ["spec", "rules"]), op
        assert parts[1] == "metadata" or len(parts) == 4 or parts[4] in ("backendRefs", "filters"), op
