"""The knobs of the fake world: limits, delays and the rarer manners of the real service, each switchable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """How the world differs from its quickest and kindest form; mutable, so that a test may change it midway.

    Delays are in seconds, limits in pieces. `propagation_seconds`: DNS keeps answering with the profile as it was for
    so long after a write. `provision_seconds`: added to every image's own start. `delete_seconds`: a deleted group is
    gone from DNS and its address at once, from ARM after so long. `provision_timeout_seconds`: a group that is not up
    by then has failed. `not_found_after_create_seconds`: how long a GET of a new group answers 404.
    `conflict_window_seconds`: a profile write so soon after another one answers 409. `empty_delete_body`: a profile
    DELETE answers 200 with no body at all instead of `{}`. `delete_lock`: a lock on
    every resource group forbids each DELETE.
    """

    propagation_seconds: float = 0.0
    provision_seconds: float = 0.0
    delete_seconds: float = 1.0
    provision_timeout_seconds: float = 1800.0
    not_found_after_create_seconds: float = 0.0
    conflict_window_seconds: float = 0.0
    empty_delete_body: bool = False
    delete_lock: bool = False
    group_quota: int = 100
    core_quota: float = 100.0
    writes_per_five_minutes: int = 100
    writes_per_hour: int = 300
    address_ttl_seconds: int = 10
    restart_backoff_seconds: float = 10.0
    restart_backoff_most_seconds: float = 300.0
