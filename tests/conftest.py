"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A slow machine is no fault of the code: no example has a deadline.
settings.register_profile("nai", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For a second run over the same code, packed otherwise.
settings.register_profile("brief", settings.get_profile("nai"), max_examples=10)
settings.load_profile("nai")
