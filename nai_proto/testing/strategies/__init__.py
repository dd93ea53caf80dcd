"""Hypothesis strategies: what the service sends, what accounts store, and what breaks a client.

Each draws valid data in all forms that have been seen, with the corner cases that clients stumble over, and what a reader
has to find in it; hostile bytes are valid in no form. It needs Hypothesis (the extra ``testing``).

=======================  =============================================================================================
`chunkings`, `cutters`   ways to cut bytes into reads
`native_streams`         a stream of tokens, and their texts
`openai_streams`         a stream of chunks of a chat or a completion, and their texts
`image_streams`          a stream of previews and images, in either framing, and what it shows
`error_answers`          an answer that is not 2xx, as the service, its gateways and strangers write it
`keystores`              a sealed keystore, the key that opens it, and the keys in it
`stored_objects`         an object as it is stored, the keys, and its content
`story_documents`        a stored story in either format, after edits, undo and branches, and its text
`lorebooks`              a ``.lorebook`` file of any version
`hostile_bytes`          bytes of a broken or malicious peer; `hostile_bodies` without heads
`target_inputs`          inputs of a fuzz `Target`
=======================  =============================================================================================
"""

from __future__ import annotations

from importlib.util import find_spec

from ...errors import MissingExtra

if find_spec("hypothesis") is None:
    raise MissingExtra("nai_proto.testing.strategies needs Hypothesis (the extra 'testing')", extra="testing")

from .raw_bytes import chunkings, cutters, hostile_bodies, hostile_bytes, target_inputs
from .service_answers import error_answers, image_streams, native_streams, openai_streams
from .stored_data import keystores, lorebooks, stored_objects, story_documents

__all__ = [
    "chunkings",
    "cutters",
    "error_answers",
    "hostile_bodies",
    "hostile_bytes",
    "image_streams",
    "keystores",
    "lorebooks",
    "native_streams",
    "openai_streams",
    "stored_objects",
    "story_documents",
    "target_inputs",
]


def __dir__() -> list[str]:
    return __all__
