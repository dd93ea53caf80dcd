"""What is mutated: the modules of each subject, with the tests that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["SUBJECTS", "Subject"]


@dataclass(frozen=True)
class Subject:
    """Modules, and the tests that have to notice each change of them. Both are paths below the repository."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


def _subject(modules: str, tests: str) -> Subject:
    return Subject(
        tuple(f"nai_proto/{module}.py" for module in modules.split()),
        tuple(f"tests/test_{test}.py" for test in tests.split()),
    )


SUBJECTS: Final = {
    "sse": _subject("codecs/sse", "sse wrong_types_codecs"),
    "body": _subject("http/body_framing", "body wire"),
    "wire": _subject("http/wire http/wire_states http/heads", "wire"),
    "sealed_objects": _subject(
        "codecs/sealed_objects codecs/secret_box", "sealed_objects wrong_types_codecs chunked_json save_objects"
    ),
    "keystore": _subject("codecs/keystore", "sealed_objects save_keys wrong_types_codecs chunked_json"),
    "retry": _subject("exchange/retry", "retry flow"),
    "pool": _subject("exchange/connection_pool", "pool"),
    "connections": _subject("exchange/connections", "raw_transport"),
    "key_matching": _subject(
        "story/lore/key_matching story/lore/search_text", "lore_key_matching lore_steps lore_trial"
    ),
    "samplers": _subject("emulator/text/samplers", "emulator_sampling"),
    "client": _subject("exchange/client", "raw_transport exchange_laws"),
    "call": _subject("exchange/call exchange/status_errors", "call session"),
    "responses": _subject("exchange/responses", "account modules"),
    "readers": _subject("exchange/readers exchange/event_reader", "call odd_streams lone_surrogates"),
    "reply": _subject("exchange/reply exchange/server", "reply wire"),
    "flow": _subject("exchange/flow exchange/run", "flow flow_values"),
    "session": _subject("exchange/session exchange/budget", "session events"),
}
