"""Jobs of a cluster as `providers.ports.Check`: one for each errand, made once, looked at until it has ended."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from providers.errands import of_step
from providers.errors import Conflict, Denied, Missing, NotSent, ProviderError, Transient
from providers.kubernetes import access, job_views
from providers.kubernetes.access import Need
from providers.kubernetes.api import FIELD_MANAGER, Api
from providers.kubernetes.job_requests import body, is_ours, job_name
from providers.kubernetes.parts import mapping, sequence
from providers.kubernetes.places import JOB, PLACES, POD, path
from providers.metrics.settings import Job
from providers.ports import Errand, Finding
from strategies.gates import MetricRule
from strategies.seen import CheckSeen, CheckState

_DRY = {"dryRun": "All", "fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_ENDS = (CheckState.PASSED, CheckState.FAILED)
_TEMPLATE = "put the Job's template right, or make room for it"


class JobCheck:
    """The Job of one metric, made in a look: only the cluster knows whether it was begun, whoever looked before.

    What may be made is settled before: an errand's key says which step and attempt, and the Job bears a name made of
    it, so that any number of looks, after a crash those of another process as well, find the one that stands. A crash
    leaves a Job that runs to its end or its deadline, and goes by itself some time later (`job_requests`). One not
    there is made, even when one was: somebody may have deleted it before it ended. How the newest at each step ended
    that was seen to end is remembered in this process, for the Job may be gone before that is saved.
    """

    def __init__(self, rule: MetricRule, job: Job, api: Api) -> None:
        self._rule, self._job, self._api = rule, job, api
        self._over: dict[str, tuple[str, CheckSeen]] = {}
        self._running: dict[str, tuple[str, datetime]] = {}
        """By errand's key: the Jobs that may be running, and since when this process knows."""

    def look(self, errand: Errand) -> CheckSeen:
        """Make the Job where it is not there, and say how far it is; never raises `providers.errors`."""
        key, known = self._over.get(of_step(errand), ("", None))
        if known is not None and key == errand.key:
            return known
        try:
            with self._api.act():
                seen = self._look(errand)
        except ProviderError as error:
            return self._unseen(errand, error)
        if seen.state is CheckState.RUNNING:
            self._running.setdefault(errand.key, (job_name(errand, self._rule.name), seen.at))
        else:
            self._running.pop(errand.key, None)
        if seen.state in _ENDS:
            self._over[of_step(errand)] = errand.key, seen
        return seen

    def stop(self) -> None:
        """Delete the Jobs that are still running; one that cannot be deleted ends at its deadline.

        Foreground: a Job stands until its pods are gone, so that another of its name never runs beside them.
        """
        running, self._running = self._running, {}
        for name, _ in running.values():
            with suppress(ProviderError), self._api.act():
                self._delete(name)

    def preflight(self, errand: Errand) -> tuple[Finding, ...]:
        """Check permissions, and let the server judge the Job by a dry run; makes nothing."""
        subject, fatal = f"job {self._rule.name}", not self._rule.dry_run
        needs = (
            Need(PLACES[JOB].group, PLACES[JOB].plural, ("get", "create", "delete"), f"to run {subject}", needed=fatal),
            Need("", PLACES[POD].plural, ("list",), "to say why a check does not come to an end", needed=False),
        )
        found = [*access.findings(self._api, self._job.namespace, needs)]
        try:
            self._create(errand, _DRY)
        except Conflict:
            # A Job of that name stands, which says that one can be made.
            return (*found, Finding(True, subject, "stands already"))
        except Transient as error:
            return (*found, Finding(False, subject, f"could not be tried: {error}", "try again", fatal=False))
        except Denied as error:
            told = "add the permission named above, or see what the admission policy wants of the template"
            return (*found, Finding(False, subject, f"was refused in a dry run: {error}", told, fatal=False))
        except ProviderError as error:
            return (*found, Finding(False, subject, f"would be refused: {error}", _TEMPLATE, fatal=fatal))
        return (*found, Finding(True, subject, "is accepted by the server in a dry run"))

    def _look(self, errand: Errand) -> CheckSeen:
        name = job_name(errand, self._rule.name)
        job = self._get(name)
        if job is None:
            job = self._begin(errand, name)
        now = self._api.now()
        if not is_ours(job, errand):
            why = f"Job {name} does not bear our mark for this check, so it is left alone; delete or rename it"
            return self._seen(errand, CheckState.UNKNOWN, why, now)
        pods = self._pods(name) if job_views.is_told_by_pods(job) else []
        state, why, output = job_views.check_seen(job, pods, now, self._job.timeout_seconds)
        return self._seen(errand, state, f"Job {name}: {why}", now, output)

    def _begin(self, errand: Errand, name: str) -> Any:
        """Make the Job; what stands by now is read instead."""
        try:
            return self._create(errand, {"fieldManager": FIELD_MANAGER})
        except Conflict:
            standing = self._get(name)
            if standing is None:
                raise
            return standing
        except Transient as error:
            if not isinstance(error, NotSent):
                # It may have been made, so from now on it counts as running.
                self._running.setdefault(errand.key, (name, self._api.now()))
            raise

    def _unseen(self, errand: Errand, error: ProviderError) -> CheckSeen:
        """What is known of a check at which nobody could look this time: one that runs goes on, for its time."""
        now = self._api.now()
        begun = self._running.get(errand.key)
        if begun is None:
            return self._seen(errand, CheckState.UNKNOWN, f"could not be begun: {error}", now)
        name, since = begun
        late = (now - since).total_seconds() > self._job.timeout_seconds
        if isinstance(error, Transient) and not late:
            return self._seen(errand, CheckState.RUNNING, f"Job {name} cannot be looked at: {error}", now)
        return self._seen(errand, CheckState.UNKNOWN, f"Job {name} cannot be looked at: {error}", now)

    def _create(self, errand: Errand, query: dict[str, str]) -> Any:
        made, where = body(self._job, errand, self._rule.name), path(JOB, self._job.namespace)
        return self._api.write(f"creating Job {made['metadata']['name']}", "POST", where, made, query=query)

    def _get(self, name: str) -> Any:
        try:
            return self._api.read(f"reading Job {name}", path(JOB, self._job.namespace, name))
        except Missing:
            return None

    def _pods(self, name: str) -> list[Any]:
        """The pods of a Job; none where they cannot be read, for they only explain what the Job has said already."""
        chosen = {"labelSelector": f"job-name={name}"}
        try:
            return sequence(
                self._api.read(f"listing the pods of {name}", path(POD, self._job.namespace), chosen), "items"
            )
        except ProviderError:
            return []

    def _delete(self, name: str) -> None:
        standing = self._get(name)
        if standing is None or job_views.is_over(standing) or job_views.is_leaving(standing):
            return
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": mapping(standing, "metadata").get("uid")},
        }
        self._api.write(f"deleting Job {name}", "DELETE", path(JOB, self._job.namespace, name), options)

    def _seen(self, errand: Errand, state: CheckState, why: str, when: datetime, output: str = "") -> CheckSeen:
        return CheckSeen(self._rule.name, errand.step, state, when, why, output=output)
