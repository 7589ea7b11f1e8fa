"""Loopback addresses of container groups: handed out once, remembered after their group is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class _Tenure:
    group_id: str
    name: str
    retired_at: datetime | None = None


class Addresses:
    """Gives each group its own address out of 127.20.0.0/16, never one twice."""

    def __init__(self) -> None:
        """Begin at the first address."""
        self._given = 0
        self._tenures: dict[str, _Tenure] = {}

    def give(self, group_id: str, name: str) -> str:
        """Return an address that no group ever had; raises RuntimeError when all 64,516 are used up."""
        third, fourth = divmod(self._given, 254)
        if third > 253:
            raise RuntimeError("the emulator has given all addresses of 127.20.0.0/16: restart it")
        self._given += 1
        address = f"127.20.{third}.{fourth + 1}"
        self._tenures[address] = _Tenure(group_id, name)
        return address

    def retire(self, address: str, now: datetime) -> None:
        """Remember when the deletion of the address's group (or its move away) began."""
        tenure = self._tenures.get(address)
        if tenure is not None and tenure.retired_at is None:
            tenure.retired_at = now

    def forget_all(self, now: datetime) -> None:
        """Retire every address that is still held."""
        for address in self._tenures:
            self.retire(address, now)

    def holder(self, address: str) -> str | None:
        """Return the id of the group that holds an address now, or None."""
        tenure = self._tenures.get(address)
        return tenure.group_id if tenure is not None and tenure.retired_at is None else None

    def id_of(self, address: str) -> str | None:
        """Return the id of whoever holds or held an address, None when nobody ever did."""
        tenure = self._tenures.get(address)
        return tenure.group_id if tenure is not None else None

    def name_of(self, address: str) -> str:
        """Return the name of the group that holds or held an address, or the address itself when nobody ever did."""
        tenure = self._tenures.get(address)
        return tenure.name if tenure is not None else address

    def retired_at(self, address: str) -> datetime | None:
        """Return when the deletion of an address's group began, or None while it has not."""
        tenure = self._tenures.get(address)
        return tenure.retired_at if tenure is not None else None
