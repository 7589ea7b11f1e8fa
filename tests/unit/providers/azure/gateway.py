"""A gateway's endpoint that tests of the entrance share, and the two doors to it."""

from __future__ import annotations

from collections.abc import Callable

from providers.azure.entrance import ProfileEntrance
from providers.azure.profile_requests import Owner
from providers.azure.settings import CreateProfile, Monitor, TrafficManager
from providers.emulator.inprocess_entrance import InProcessEntrance
from tests.unit.providers.azure.values import SUBSCRIPTION, Azure

GATEWAY = "gateway.contoso.com"
OURS = "storefront_onprem"
OWNER = Owner("storefront", "onprem")
CREATE = CreateProfile("contoso-shop", 25, Monitor("HTTP", 80, "/healthz", 10, 5))
PROFILE = TrafficManager(SUBSCRIPTION, "shop", "shop", CREATE, address=GATEWAY)
Door = Callable[[Azure, TrafficManager], ProfileEntrance]


def by_sdk(azure: Azure, settings: TrafficManager) -> ProfileEntrance:
    return ProfileEntrance(settings, service="storefront", target="onprem", clients=azure.clients, now=azure.clock.now)


def in_process(azure: Azure, settings: TrafficManager) -> ProfileEntrance:
    return InProcessEntrance(azure.world, settings, service="storefront", target="onprem")


DOORS = {"sdk": by_sdk, "in process": in_process}
