"""Lists of tags, and how the same list is known again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchers.fakes import NAME, Reply, Request, document, registry_of
from watchers.errors import Malformed
from watchers.listing import etag_of, listing_of, mark_of
from watchers.transport import Answer

BODIES = st.lists(st.binary(max_size=20), min_size=1, max_size=4)


def pages(*bodies: bytes) -> list[Answer]:
    return [Answer(200, "https://r.io/x", body=body) for body in bodies]


@given(one=BODIES, other=BODIES)
def test_lists_have_the_same_mark_when_they_have_the_same_bytes_page_by_page(
    one: list[bytes], other: list[bytes]
) -> None:
    assert (mark_of(pages(*one)) == mark_of(pages(*other))) is (one == other)


@given(names=st.lists(st.text(max_size=6), max_size=20))
def test_whatever_stands_in_a_list_only_names_that_a_tag_can_have_come_out_once(names: list[str]) -> None:
    found = listing_of(pages(json.dumps({"tags": names}).encode()), "x").tags
    assert len(set(found)) == len(found)
    assert set(found) <= set(names)
    assert all(tag.isascii() and tag and tag[0] not in ".-" and "/" not in tag for tag in found)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [('"a"', '"a"'), ('W/"a"', 'W/"a"'), ("", None), (None, None), ("x" * 201, None), ('"ü"', None), ('"a\x7f"', None)],
)
def test_only_an_etag_that_is_worth_keeping_is_kept(sent: str | None, kept: str | None) -> None:
    answer = Answer(200, "https://r.io/x")
    if sent is not None:
        answer.headers["ETag"] = sent
    assert etag_of(answer) == kept


def test_an_etag_is_only_shown_for_a_list_that_fits_on_one_page() -> None:
    shown: list[str | None] = []

    def answer(request: Request) -> Reply:
        shown.append(request.headers.get("If-None-Match"))
        if request.query.get("last"):
            return document({"tags": ["b"]}, ETag='"2"')
        return document({"tags": ["a"]}, ETag='"1"', **({"Link": '</v2/x?last=a>; rel="next"'} if paged else {}))

    paged = False
    for etag in ('"1"', None):
        paged = etag is None
        registry, _ = registry_of(answer, "ghcr.io")
        listing = registry.listing(NAME)
        assert listing.etag == etag
        shown.clear()
        assert registry.changed(NAME, listing.etag, listing.mark) is None
        assert shown[0] == etag


def test_not_modified_is_no_answer_to_who_showed_no_etag() -> None:
    registry, _ = registry_of(lambda _: (304, {}, b""), "ghcr.io")
    with pytest.raises(Malformed):
        registry.changed(NAME, None, 7)
    assert registry.changed(NAME, '"1"', 7) is None


def test_a_list_that_changed_on_a_later_page_is_a_changed_list() -> None:
    later = ["b"]

    def answer(request: Request) -> Reply:
        if request.query.get("last"):
            return document({"tags": later})
        return document({"tags": ["a"]}, Link='</v2/x?last=a>; rel="next"')

    registry, _ = registry_of(answer, "ghcr.io")
    listing = registry.listing(NAME)
    later.append("c")
    changed = registry.changed(NAME, listing.etag, listing.mark)
    assert changed is not None and changed.tags == ("a", "b", "c")


def test_a_list_larger_than_anybody_can_mean_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from watchers import registry as module

    monkeypatch.setattr(module, "_MOST_LIST_BYTES", 1000)
    count = iter(range(10_000))
    registry, transport = registry_of(
        lambda _: document({"tags": ["a" * 100]}, Link=f'</v2/x?last={next(count)}>; rel="next"'), "ghcr.io"
    )
    with pytest.raises(Malformed, match="more than 1000 bytes; delete tags that nobody needs"):
        registry.listing(NAME)
    assert len(transport.requests) < 20
