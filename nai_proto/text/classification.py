"""Classification of sequences: an endpoint that the service's documents name, and that no known client uses.

See:
    docs/protocol/native.md#8-ai-endpoints-text-side
    docs/protocol/image.md#28-post-aiclassify-c
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Never, TypeAlias

import msgspec

from ..arguments import MAPPING, takes
from ..codecs.json import encode_json
from ..errors import RemoteProtocolError
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import JsonBodyReader
from ..http import Headers

__all__ = ["Classification", "ScoredLabel", "classify"]

_HEADERS: Final = Headers.of(content_type="application/json", accept="application/json")


class ScoredLabel(msgspec.Struct, frozen=True):
    """A label, and how well it fits."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The result of a classification, in one of two forms."""

    labels: tuple[ScoredLabel, ...] = ()
    "As the service orders them; empty if it gives scores without labels."
    scores: tuple[float, ...] = ()
    "The scores alone; those of `labels`, if there are labels."


_Scores: TypeAlias = tuple[float | tuple[float, ...], ...]
"""A list of scores, or a list of such lists."""


class _ScoresObject(msgspec.Struct):
    scores: _Scores


class _Response(msgspec.Struct):
    output: tuple[ScoredLabel, ...] | _ScoresObject | None = None
    scores: _Scores | None = None


def _to_classification(response: _Response) -> Classification:
    output = response.output
    if isinstance(output, tuple):
        return Classification(output, tuple([each.score for each in output]))
    scores = response.scores if output is None else output.scores
    if scores is None:
        raise RemoteProtocolError("POST /ai/classify: the response has neither output nor scores")
    lists = (each if isinstance(each, tuple) else (each,) for each in scores)
    return Classification(scores=tuple([score for each in lists for score in each]))


@takes(body=MAPPING)
def classify(body: Mapping[str, object]) -> Operation[Never, Classification]:
    """Have something classified. What the service wants to be sent is not documented.

    Args:
        body: sent as it is, as a JSON object.

    Raises:
        InvalidRequestError: it cannot be written as JSON.
    """
    request = build(endpoint("classify"), EndpointParameters(body=encode_json(body)), _HEADERS)
    return Operation(request, (("application/json", JsonBodyReader(_Response, _to_classification)),))
