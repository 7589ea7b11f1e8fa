"""The command line may load these modules without paying for an SDK."""

from __future__ import annotations

import subprocess
import sys


def test_no_module_of_ours_loads_a_heavy_library_when_it_is_imported() -> None:
    modules = "settings template requests marks group_views profile_views profile_requests errors credentials clients"
    modules += " keyvault locks group_checks traffic_checks container_groups traffic_manager entrance entrance_requests"
    names = [f"providers.azure.{name}" for name in modules.split()]
    names += ["providers.retry", "providers.secrets", "providers.probes.settings", "providers.probes.resolver"]
    heavy = ["azure.core", "azure.identity", "azure.mgmt", "msrest", "requests", "dns", "tenacity", "asyncio"]
    code = f"import sys, {', '.join(names)}\nprint([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
