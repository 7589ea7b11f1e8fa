"""What a 401 asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchers.challenges import Challenge, challenges

VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
KEYS = st.from_regex(r"\A[a-z][a-z-]{0,6}\Z")
SCHEMES = st.sampled_from(["bearer", "basic", "negotiate", "digest"])
CHALLENGES = st.builds(Challenge, SCHEMES, st.dictionaries(KEYS, VALUES, max_size=4))


def written(challenge: Challenge) -> str:
    escaped = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in challenge.parameters.items()}
    return f"{challenge.scheme.title()} " + ", ".join(f'{key}="{value}"' for key, value in escaped.items())


@given(wanted=st.lists(CHALLENGES, max_size=4), together=st.booleans())
def test_challenges_are_read_as_they_were_written_in_one_header_or_several(
    wanted: list[Challenge], together: bool
) -> None:
    headers = [written(one) for one in wanted]
    assert challenges([", ".join(headers)] if together else headers) == tuple(wanted)


def test_a_scope_with_several_actions_is_one_value() -> None:
    header = 'Bearer realm="https://r.io/oauth2/token",service=r.io,scope="repository:x:pull,push" , Basic realm="r"'
    bearer, basic = challenges([header])
    assert bearer.parameters == {
        "realm": "https://r.io/oauth2/token",
        "service": "r.io",
        "scope": "repository:x:pull,push",
    }
    assert basic == Challenge("basic", {"realm": "r"})


@given(headers=st.lists(st.text(max_size=60) | st.text('Bearer realm="\\,= ', max_size=60), max_size=3))
def test_no_header_is_too_odd_to_be_read(headers: list[str]) -> None:
    assert all(challenge.scheme == challenge.scheme.lower() for challenge in challenges(headers))
