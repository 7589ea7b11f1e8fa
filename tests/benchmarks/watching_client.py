"""One process of the benchmark `watching`: asks a loopback registry the same question again and again.

    python -m tests.benchmarks.watching_client MODE PORT REPOSITORY ROUNDS

Ours is `look` as the daemon calls it; a twin sends the same requests by a kept `http.client` connection and reads the
answers, which is the least that anyone can do.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Mapping

NOT_MODIFIED = 304


def main() -> None:
    """Ask so often."""
    mode, port, repository, rounds = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    ask = ours(mode, port, repository) if not mode.startswith("twin-") else twin(mode, port, repository)
    for _ in range(rounds):
        ask()


def ours(mode: str, port: int, repository: str) -> Callable[[], None]:
    """One look after the other, each resting on the last."""
    from watchers.docker_config import Keychain
    from watchers.policies import policy_of
    from watchers.registries import Registries
    from watchers.watch import Sight, look

    registries = Registries(keychain=Keychain({}), rate=1e6)
    policy = policy_of({"digest": "1.0.0"} if mode == "digest" else {"semver": ">=1.0.0"})
    host = f"127.0.0.1:{port}"
    last: list[Sight | None] = [None]

    def ask() -> None:
        last[0] = look(registries.of(host), repository, policy, last[0])

    return ask


def twin(mode: str, port: int, repository: str) -> Callable[[], None]:
    """The bare requests."""
    from watchers.manifests import MEDIA_TYPES

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    etag: list[str] = []

    def send(method: str, target: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        connection.request(method, target, headers={"User-Agent": "rollout", **headers})
        response = connection.getresponse()
        response.read()
        return response

    def head() -> None:
        answer = send("HEAD", f"/v2/{repository}/manifests/1.0.0", {"Accept": ", ".join(MEDIA_TYPES)})
        if not answer.headers["Docker-Content-Digest"]:
            raise SystemExit("no digest")

    def latest() -> None:
        send("GET", f"/acr/v1/{repository}/_tags?orderby=timedesc&n=10", {"Accept": "application/json"})

    def everything() -> None:
        known = {"If-None-Match": etag[-1]} if etag else {}
        answer = send("GET", f"/v2/{repository}/tags/list?n=1000", {"Accept": "application/json", **known})
        if answer.status != NOT_MODIFIED and answer.headers["ETag"]:
            etag.append(answer.headers["ETag"])

    return {"twin-digest": head, "twin-azure": latest}.get(mode, everything)


if __name__ == "__main__":
    main()
