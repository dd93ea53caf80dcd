"""How many examples Hypothesis tries: few by default, and many in `.ci/run`.

============  ===================================  =================================
profile       used by                              examples of a law
============  ===================================  =================================
``quick``     everybody, by default                10, or a fifth of what it asks for
``full``      ``.ci/run``                          50, or what it asks for
``brief``     a second run over the same code,     5, or a tenth of what it asks for
              packed otherwise
``mutation``  ``python -m tests.mutation``         10, always the same, and none is made smaller
============  ===================================  =================================

``--hypothesis-profile full`` chooses one. A law that needs more examples than others, or whose examples are slow, asks for
a number: ``@settings(max_examples=scale_examples(400))``.
"""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, Phase, settings

__all__ = ["register_profiles", "scale_examples"]

_EXAMPLES: Final = {"quick": 10, "full": 50, "brief": 5}


def register_profiles() -> None:
    """Register the profiles, and load the quick one."""
    # A slow machine is no fault of the code: no example has a deadline.
    shared = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    for name, number in _EXAMPLES.items():
        settings.register_profile(name, shared, max_examples=number)
    # A run of it differs from another only by the code, and ends when a law fails.
    once = settings(shared, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
    settings.register_profile("mutation", once, max_examples=10)
    settings.load_profile("quick")


def scale_examples(number: int) -> int:
    """Return how many examples the profile in use tries of a law that asks for this many."""
    return max(1, number * settings().max_examples // _EXAMPLES["full"])
