"""Whatever is done to the files of a folder, in whatever order: what is in force is what a simple model says."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.unit.orchestrator.daemon.shelf import NOTHING, Shelf, manifest, names
from tests.unit.orchestrator.yard import TEMPLATE

FILES = st.sampled_from(["a.yaml", "b.yml", "team/c.yaml"])


@dataclass(frozen=True)
class Doc:
    """A manifest that can be told from others by how often its registry is asked."""

    service: str
    seconds: int
    good: bool = True

    def text(self) -> str:
        rule = f'follow: {{semver: "*", every: {self.seconds if self.good else 0}s}}\n'
        return manifest(self.service, rule)


DOCS = st.builds(Doc, st.sampled_from(["shop", "blog"]), st.integers(1, 9), st.sampled_from([True, True, False]))
JUNK = "service: [shop\n"


class Folders(RuleBasedStateMachine):
    """People and tools write, break, move and delete; now and then a daemon looks, or begins again."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="rollout-folders-"))
        self.shelf = Shelf(self.home / "manifests")
        self.docs: dict[str, tuple[Doc, ...] | None] = {}
        self.templates = {".": True, "team": True}
        for folder in self.templates:
            self.template(folder, good=True)
        self.force: dict[str, tuple[str, Doc]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    @rule(file=FILES, docs=st.lists(DOCS, min_size=1, max_size=2).map(tuple))
    def write(self, file: str, docs: tuple[Doc, ...]) -> None:
        self.shelf.write(file, "---\n".join(doc.text() for doc in docs))
        self.docs[file] = docs

    @rule(file=FILES)
    def spoil(self, file: str) -> None:
        self.shelf.write(file, JUNK)
        self.docs[file] = None

    @rule(file=FILES)
    def remove(self, file: str) -> None:
        (self.shelf.root / file).unlink(missing_ok=True)
        self.docs.pop(file, None)

    @rule(file=FILES, to=FILES)
    def move(self, file: str, to: str) -> None:
        if file in self.docs and file != to:
            (self.shelf.root / file).replace(self.shelf.root / to)
            self.docs[to] = self.docs.pop(file)

    @rule(folder=st.sampled_from([".", "team"]), good=st.booleans())
    def template(self, folder: str, good: bool) -> None:
        self.shelf.write(f"{folder}/t.yaml", TEMPLATE if good else TEMPLATE.replace("osType: Linux", "osType: Plan9"))
        self.templates[folder] = good

    @rule()
    def restart(self) -> None:
        self.shelf.restart()

    @rule()
    def scan(self) -> None:
        before = set(self.shelf.directory.known)
        changes = self.shelf.scan()
        self._judge()
        added, _, removed = names(changes)
        assert set(added) == self.force.keys() - before
        assert set(removed) == before - self.force.keys()
        expected = {service: doc.seconds for service, (_, doc) in self.force.items()}
        known = self.shelf.directory.known
        assert {service: watched.every_seconds for service, watched in known.items()} == expected
        for service, seconds in expected.items():
            assert self.shelf.directory.load(service).manifest.follow.every == seconds
        assert self.shelf.store.manifest_files().keys() == expected.keys()
        wrong = {service for service in known if known[service].problem}
        assert wrong == {s for s, (file, doc) in self.force.items() if not self._as_it_stands(s, file, doc)}
        seen = {sighting.service for sighting in self.shelf.store.sightings() if sighting.manifest_problem}
        assert wrong <= seen
        told = tuple(str(problem) for problem in changes.problems)  # one mistake may be the trouble of two services
        assert all(known[service].problem.startswith(told) for service in wrong)
        assert names(self.shelf.scan()) == NOTHING

    def _judge(self) -> None:
        claims: dict[str, list[tuple[str, Doc]]] = {}
        for file, docs in self.docs.items():
            for doc in docs or ():
                claims.setdefault(doc.service, []).append((file, doc))
        for service in {*claims, *self.force}:
            found = claims.get(service, [])
            if len(found) == 1 and self._good(*found[0]):
                self.force[service] = found[0]
            elif not found and self.docs.get(self.force[service][0], ()) is not None:
                del self.force[service]

    def _good(self, file: str, doc: Doc) -> bool:
        return doc.good and self.templates["team" if file.startswith("team/") else "."]

    def _as_it_stands(self, service: str, file: str, doc: Doc) -> bool:
        named = [each for docs in self.docs.values() for each in docs or () if each.service == service]
        return named == [doc] and doc in (self.docs.get(file) or ()) and self._good(file, doc)


def test_what_is_in_force_follows_the_model_in_any_order_of_changes() -> None:
    run_state_machine_as_test(Folders, settings=settings(max_examples=60, stateful_step_count=20, deadline=None))
