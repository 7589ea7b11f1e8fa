"""Image references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchers.reference import Reference, ReferenceProblem, canonical_host, check_tag, is_digest, parse

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
DIGESTS = HEX.map(lambda digits: f"sha256:{digits}")
TAGS = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,30}\Z")
COMPONENTS = st.from_regex(r"\A[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}\Z")
REPOSITORIES = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)
PORTS = st.none() | st.integers(1, 65535)
NAMES = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?){1,3}\Z")
SIX = st.ip_addresses(v=6).map(lambda address: f"[{address.compressed}]")
HOSTS = st.tuples(NAMES | SIX | st.just("localhost"), PORTS).map(
    lambda pair: f"{pair[0]}{f':{pair[1]}' if pair[1] else ''}"
)


@given(host=HOSTS, repository=REPOSITORIES, tag=st.none() | TAGS, digest=st.none() | DIGESTS)
def test_what_is_written_out_is_read_back_the_same(
    host: str, repository: str, tag: str | None, digest: str | None
) -> None:
    written = f"{host}/{repository}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
    found = parse(written)
    assert (found.host, found.repository, found.tag, found.digest) == (host, repository, tag, digest)
    assert str(found) == written
    assert parse(str(found)) == found


@given(text=st.text(max_size=60) | st.text("abcAB01.:/@[]_-sha256", max_size=60))
def test_any_text_is_read_to_something_that_reads_back_or_refused_with_a_sentence(text: str) -> None:
    try:
        found = parse(text)
    except ReferenceProblem as error:
        assert "expected" in str(error) and "got" in str(error)
        return
    assert parse(str(found)) == found
    assert found.repository and found.host


@given(
    repository=REPOSITORIES.filter(lambda name: not any(mark in name.split("/")[0] for mark in ".") or "/" not in name)
)
def test_a_name_without_a_host_is_docker_hubs(repository: str) -> None:
    if repository.split("/")[0] == "localhost" and "/" in repository:
        return
    found = parse(repository)
    assert found.host == "docker.io"
    assert found.repository == (repository if "/" in repository else f"library/{repository}")


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag"),
    [
        ("nginx", "docker.io", "library/nginx", None),
        ("nginx:1.25", "docker.io", "library/nginx", "1.25"),
        ("docker.io/nginx", "docker.io", "library/nginx", None),
        ("index.docker.io/library/nginx:1", "docker.io", "library/nginx", "1"),
        ("registry-1.docker.io/shop/web", "docker.io", "shop/web", None),
        ("Contoso.azurecr.io/shop/web:V1", "contoso.azurecr.io", "shop/web", "V1"),
        ("localhost/web", "localhost", "web", None),
        ("localhost:5000/web:v1", "localhost:5000", "web", "v1"),
        ("127.0.0.1:8088/shop/storefront:v2", "127.0.0.1:8088", "shop/storefront", "v2"),
        ("[::1]:5000/web", "[::1]:5000", "web", None),
        ("[0:0:0:0:0:0:0:1]/web", "[::1]", "web", None),
        ("registry:5000/web", "registry:5000", "web", None),
        ("shop/web", "docker.io", "shop/web", None),
        ("localhost:5000", "docker.io", "library/localhost", "5000"),
    ],
)
def test_names_mean_what_they_mean_to_container_tools(text: str, host: str, repository: str, tag: str | None) -> None:
    found = parse(text)
    assert (found.host, found.repository, found.tag) == (host, repository, tag)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "image: expected a reference such as contoso.azurecr.io/shop/storefront:1.4.2; got nothing"),
        ("https://r.io/web", "image 'https://r.io/web': expected no scheme, only r.io/web; got 'https://'"),
        ("r.io/Shop/web", "image 'r.io/Shop/web': expected small letters, shop; got 'Shop'"),
        ("r.io/shop//web", "path parts of small letters and digits, joined by `.`, `_`, `__` or `-`; got ''"),
        ("r.io/a...b", "path parts of small letters and digits, joined by `.`, `_`, `__` or `-`; got 'a...b'"),
        ("r.io/", "image 'r.io/': expected a repository"),
        ("r.io:70000/web", "image 'r.io:70000/web': expected a port from 1 to 65535 after the host; got '70000'"),
        ("r.io:0/web", "expected a port from 1 to 65535 after the host; got '0'"),
        ("r.io:٣/web", "expected printable ASCII characters and no space; got '٣'"),
        ("[::1/web", "expected an IPv6 address in brackets, as in [::1]:5000; got '[::1'"),
        ("[::1]5000/web", "expected an IPv6 address in brackets, as in [::1]:5000; got '[::1]5000'"),
        ("[fe80::1%eth0]/web", "expected an IPv6 address in brackets"),
        ("-r.io/web", "expected a host name such as contoso.azurecr.io; got '-r.io'"),
        ("r.io/web:", "that begins with none of `.-`; got ''"),
        ("r.io/web:.1", "that begins with none of `.-`; got '.1'"),
        ("r.io/web:" + "a" * 129, "a tag of at most 128 letters"),
        ("r.io/web@sha256:12", "expected a digest such as sha256: and 64 of the digits 0-9 and a-f; got 'sha256:12'"),
        ("r.io/web@" + "0" * 64, "expected a digest such as sha256:"),
        ("r.io/web@sha256:" + "A" * 64, "expected a digest such as sha256:"),
        ("0" * 64, f"expected a name before the digest, as in contoso.azurecr.io/shop/storefront@sha256:{'0' * 64}"),
        ("r.io/web v1", "expected printable ASCII characters and no space; got ' '"),
        ("contoso.azurecr.io:443", "expected a repository after the host contoso.azurecr.io:443"),
        ("r.io/" + "a" * 300, "expected a name of at most 255 characters; got '305 characters'"),
    ],
)
def test_a_text_that_is_no_reference_is_refused_naming_the_part_that_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ReferenceProblem) as refused:
        parse(text)
    assert sentence in str(refused.value)


def test_a_registry_is_asked_for_the_digest_else_the_tag_else_latest() -> None:
    digest = "sha256:" + "0" * 64
    assert parse(f"r.io/web:v1@{digest}").asked == digest
    assert parse("r.io/web:v1").asked == "v1"
    assert parse("r.io/web").asked == "latest"


@given(tag=TAGS, digest=DIGESTS)
def test_another_tag_takes_the_digest_off_and_a_digest_keeps_the_tag(tag: str, digest: str) -> None:
    start = parse("r.io/web")
    assert start.pinned(digest).tagged(tag) == Reference("r.io", "web", tag)
    assert start.tagged(tag).pinned(digest) == Reference("r.io", "web", tag, digest)


@given(text=st.text(max_size=140))
def test_no_text_is_both_a_tag_and_a_digest(text: str) -> None:
    if is_digest(text):
        with pytest.raises(ReferenceProblem):
            check_tag(text)


@given(host=HOSTS)
def test_a_hosts_letters_and_leading_zeros_of_its_port_make_no_difference(host: str) -> None:
    name, colon, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    assert canonical_host(host.upper()) == canonical_host(host) == canonical_host(canonical_host(host))
    if colon and len(port) < 5:
        assert canonical_host(f"{name}:0{port}") == canonical_host(host)
