"""Jobs of a cluster as `providers.ports.Check`: one for each errand, made once, looked at until it has ended."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from providers.errands import before, of_step
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


class _NotBegun(Exception):  # noqa: N818 - it never leaves this module
    """A Job was not made, for this reason."""


class JobCheck:
    """The Job of one metric, made in a look: only the cluster knows whether it was begun, whoever looked before.

    What may be made is settled before: an errand's key says which step and attempt, and the Job bears a name made of
    it, so that any number of looks, after a crash those of another process as well, find the one that stands. A crash
    leaves a Job that runs to its end or its deadline, and goes by itself some time later (`job_requests`). One not
    there is made, even when one was: somebody may have deleted it before it ended. It is made when no attempt before it
    runs any more. What cannot be read may have been begun, by whoever looked before, so it counts as running for its
    time. How the newest at each step ended that was seen to end is remembered in this process, for the Job may be gone
    before that is saved.
    """

    def __init__(self, rule: MetricRule, job: Job, api: Api) -> None:
        self._rule, self._job, self._api = rule, job, api
        self._over: dict[str, tuple[str, CheckSeen]] = {}
        self._running: dict[str, tuple[Errand, datetime]] = {}
        """By errand's key: what may be running, and since when this process knows."""

    def look(self, errand: Errand) -> CheckSeen:
        """Make the Job where it is not there, and say how far it is; never raises `providers.errors`."""
        key, known = self._over.get(of_step(errand), ("", None))
        if known is not None and key == errand.key:
            return known
        try:
            with self._api.act():
                seen = self._look(errand)
        except _NotBegun as refused:
            self._running.pop(errand.key, None)
            return self._seen(errand, CheckState.UNKNOWN, f"could not be begun: {refused}", self._api.now())
        except ProviderError as error:
            return self._while(errand, f"Job {self._name(errand)} cannot be looked at: {error}")
        if seen.state in _ENDS:
            self._over[of_step(errand)] = errand.key, seen
        return seen

    def stop(self) -> None:
        """Delete the Jobs that are still running; one that cannot be deleted ends at its deadline.

        Foreground: a Job stands until its pods are gone, so that another of its name never runs beside them.
        """
        running, self._running = self._running, {}
        for errand, _ in running.values():
            with suppress(ProviderError), self._api.act():
                standing = self._get(self._name(errand))
                if self._runs(standing, errand):
                    self._delete(standing)

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
        name = self._name(errand)
        job = self._get(name)
        if job is None:
            earlier = self._earlier(errand)
            if earlier is not None:
                return self._while(errand, f"waits for the end of Job {earlier}, an attempt before")
            job = self._begin(errand)
        now = self._api.now()
        self._note(job, errand)
        if not is_ours(job, errand):
            why = f"Job {name} does not bear our mark for this check, so it is left alone; delete or rename it"
            return self._seen(errand, CheckState.UNKNOWN, why, now)
        pods = self._pods(name) if job_views.is_told_by_pods(job) else []
        state, why, output = job_views.check_seen(job, pods, now, self._job.timeout_seconds)
        return self._seen(errand, state, f"Job {name}: {why}", now, output)

    def _earlier(self, errand: Errand) -> str | None:
        """The Job of an attempt before this one that is not over, whose end is begun; None where none is left."""
        for each in before(errand):
            name = self._name(each)
            self._running.setdefault(each.key, (each, self._api.now()))
            standing = self._get(name)
            self._note(standing, each)
            if self._runs(standing, each):
                with suppress(ProviderError):
                    self._delete(standing)
                return name
        return None

    def _begin(self, errand: Errand) -> Any:
        """Make the Job; what stands by now is read instead. Raises _NotBegun where it was certainly not made."""
        self._running.pop(errand.key, None)  # as long as it waited, it did not run
        try:
            return self._create(errand, {"fieldManager": FIELD_MANAGER})
        except Conflict as error:
            standing = self._get(self._name(errand))
            if standing is None:
                raise _NotBegun(str(error)) from error
            return standing
        except ProviderError as error:
            if isinstance(error, Transient) and not isinstance(error, NotSent):
                raise
            raise _NotBegun(str(error)) from error

    def _note(self, standing: Any, errand: Errand) -> None:
        """Remember what may be running, by what stands under its name."""
        if self._runs(standing, errand):
            self._running.setdefault(errand.key, (errand, self._api.now()))
        else:
            self._running.pop(errand.key, None)

    def _runs(self, standing: Any, errand: Errand) -> bool:
        return standing is not None and is_ours(standing, errand) and not job_views.is_over(standing)

    def _while(self, errand: Errand, why: str) -> CheckSeen:
        """What may have been begun, or waits to be: it runs, for as long as a check may take."""
        now = self._api.now()
        _, since = self._running.setdefault(errand.key, (errand, now))
        late = (now - since).total_seconds() > self._job.timeout_seconds
        return self._seen(errand, CheckState.UNKNOWN if late else CheckState.RUNNING, why, now)

    def _name(self, errand: Errand) -> str:
        return job_name(errand, self._rule.name)

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

    def _delete(self, standing: Any) -> None:
        if job_views.is_leaving(standing):
            return
        name, uid = (mapping(standing, "metadata").get(key) for key in ("name", "uid"))
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        self._api.write(f"deleting Job {name}", "DELETE", path(JOB, self._job.namespace, name), options)

    def _seen(self, errand: Errand, state: CheckState, why: str, when: datetime, output: str = "") -> CheckSeen:
        return CheckSeen(self._rule.name, errand.step, state, when, why, output=output)
