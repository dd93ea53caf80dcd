"""The classification endpoint of the emulator: moods with scores, which depend on the body alone.

What a request holds is not documented, so every JSON object is taken.

See docs/protocol/native.md#173-text-voice-modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...codecs.json import encode_json
from ...exchange.reply import Handler
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_json
from ..seeded_random import SeededRandom

__all__ = ["handlers"]

_LABELS: Final = ("joy", "sadness", "anger", "fear", "surprise", "neutral")


def handlers() -> Mapping[str, EndpointHandler]:
    """Return the handlers by the names of the endpoint table."""
    return {"classify": _classify}


def _classify(context: RequestContext) -> Handler:
    """Send the labels, the likeliest first. Their scores are probabilities."""
    rng = SeededRandom(encode_json(context.body(dict[str, Any])))
    weights = {label: rng.uniform() ** 3 for label in _LABELS}
    scored = sorted(((weight / sum(weights.values()), label) for label, weight in weights.items()), reverse=True)
    output = [{"label": label, "score": score} for score, label in scored]
    yield from send_json(context.endpoint.status, {"output": output})
