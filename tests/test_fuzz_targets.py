"""The registry of fuzz targets has every reader of the core, and whatever arrives ends in a result or a documented error."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache
from types import FrameType, ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nai_proto
from nai_proto.errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from nai_proto.exchange.endpoints import ENDPOINTS
from nai_proto.testing import Target, find_target, list_targets
from nai_proto.testing.strategies import target_inputs
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

TARGETS = list_targets()

# ---- what is fuzzed


@cache
def run_seeds() -> tuple[dict[str, Exception], frozenset[tuple[str, str]], list[tuple[str, Any]]]:
    """Return the errors of seeds by target; file and name of every function that the seeds of all targets call; and the
    results with the names of their targets."""
    errors: dict[str, Exception] = {}
    results: list[tuple[str, Any]] = []
    called: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            called.add((frame.f_code.co_filename, frame.f_code.co_name))

    before = sys.getprofile()
    for target in TARGETS:
        seeds = [*target.seeds()]
        assert seeds, f"{target}: it has no seed"
        sys.setprofile(note)
        try:
            outcomes = [target.run(seed) for seed in seeds]
        finally:
            sys.setprofile(before)
        errors.update((target.name, outcome.error) for outcome in outcomes if outcome.error is not None)
        results.extend((target.name, outcome.result) for outcome in outcomes)
    return errors, frozenset(called), results


def test_every_seed_is_read_without_an_error() -> None:
    errors, _, _ = run_seeds()
    assert errors == {}


NOTHING = {
    "exchange.status_errors": "a page of HTML and a date have no message",
    "http.first_bytes": "it only raises",
    "msgpackr": "None is a value",
    "story.files.import_story": "a lorebook has no text",
}
"""Targets that read nothing from some of their seeds, and why."""


def test_something_is_read_from_every_seed() -> None:
    _, _, results = run_seeds()
    empty = {name for name, result in results if not result or result == "None"}
    assert empty <= NOTHING.keys(), "what is refused teaches a fuzzer nothing"


def test_the_emulator_grants_the_requests_of_its_seeds() -> None:
    _, _, results = run_seeds()
    answers = [(name, result) for name, result in results if name.removeprefix("emulator.") in ENDPOINTS]
    assert {name: result for name, result in answers if not 200 <= result[0] < 300} == {}
    sent = [bytes(result) for name, result in results if name == "emulator.connection"]
    assert [re.findall(rb"HTTP/1.1 (\d+)", each) for each in sent] == [[b"200"], [b"200"]]


READS = re.compile(r"(read|decode|parse|open|unpack|load|loads|unzip|detect|import)(_|b$|$)|from_(base64|data|json)$")


def list_readers() -> Iterator[tuple[str, str, str]]:
    """Yield the module, the name and the file of each public function of the core that is called as readers are."""
    for info in pkgutil.walk_packages(nai_proto.__path__, "nai_proto."):
        if info.name.startswith(("nai_proto.__main__", "nai_proto.testing.strategies")):
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if READS.match(name) and inspect.isfunction(value) and value.__module__ == info.name:
                yield info.name, name, inspect.unwrap(value).__code__.co_filename


NO_READERS = {
    "nai_proto.emulator.images.decode.decode_mask": "of a picture, which the targets of pixels read",
    "nai_proto.emulator.text.model_registry.decode_prompt": "of token ids, which token_packing unpacks",
    "nai_proto.exchange.connection_setup.open_tunnel": "a step of drivers; http.Wire reads the proxy's response",
    "nai_proto.library.load.open_library": "a flow of operations and objects, each of which has its target",
    "nai_proto.library.load.read_library": "the same",
    "nai_proto.text.generation.decode_tokens": "a flow around an operation, which has its target",
    "nai_proto.text.wordlists.parse_ids": "reads files of this package",
    "nai_proto.text.wordlists.parse_phrases": "reads files of this package",
}
"""Functions that are called as readers are, and why no target calls them."""


def test_every_public_reader_of_the_core_is_called_by_a_target() -> None:
    _, called, _ = run_seeds()
    missing = {f"{module}.{name}" for module, name, file in list_readers() if (file, name) not in called}
    assert missing == NO_READERS.keys(), "add a target to nai_proto/testing/targets"


def has_functions(module: ModuleType) -> bool:
    return any(inspect.isfunction(each) and each.__module__ == module.__name__ for each in vars(module).values())


def list_modules(package: ModuleType) -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(info.name)


@pytest.mark.parametrize("package", ["nai_proto.codecs", "nai_proto.story.files", "nai_proto.emulator.recording"])
def test_every_codec_and_file_format_is_reached_by_a_target(package: str) -> None:
    _, called, _ = run_seeds()
    files = {file for file, _ in called}
    modules = list_modules(importlib.import_module(package))
    missing = [module.__name__ for module in modules if has_functions(module) and module.__file__ not in files]
    assert missing == [], "add a target to nai_proto/testing/targets"


@pytest.mark.parametrize("side", ["operations", "emulator"])
def test_every_endpoint_has_a_target_on_either_side(side: str) -> None:
    names = {target.name for target in TARGETS}
    assert [name for name in ENDPOINTS if f"{side}.{name}" not in names] == []


@for_each("name", [name for name, endpoint in ENDPOINTS.items() if endpoint.method != "GET"])
@for_each("start", [b'{"x\xe5":1,', b'{"x":"\xe5",', b'{"x":' + b"[" * 5000 + b"]" * 5000 + b","])
def test_a_body_whose_unknown_keys_cannot_be_read_is_answered(name: str, start: bytes) -> None:
    target = find_target(f"emulator.{name}")
    for seed in target.seeds():
        target.run(seed.replace(b"{", start, 1))


def test_a_target_is_found_by_its_name_and_another_name_is_corrected() -> None:
    assert [find_target(target.name) for target in TARGETS] == [*TARGETS]
    with pytest.raises(InvalidRequestError, match="keystore"):
        find_target("keystoer")


# ---- what a target does


@pytest.mark.parametrize(
    ("data", "error"), [(b"one", None), (b"[", ValueError)], ids=["a result", "a documented error"]
)
def test_a_target_ends_in_a_result_or_in_a_documented_error(data: bytes, error: type[Exception] | None) -> None:
    def read(text: str) -> str:
        if text == "[":
            raise ValueError
        return text

    outcome = Target("t", "text", read, lambda: [b"one"], (ValueError,)).run(data)
    assert (outcome.result, type(outcome.error)) == ((None, error) if error else ("one", type(None)))


def test_an_error_that_is_not_documented_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        Target("t", "bytes", lambda data: 1 // len(data), lambda: [b"x"]).run(b"")


@for_each("cuts", [[2], None])
def test_a_stream_whose_cuts_change_what_is_read_is_a_bug(cuts: list[int] | None) -> None:
    target = Target("t", "chunks", lambda pieces: pieces, lambda: [b"xy"])
    with pytest.raises(AssertionError, match="cuts"):
        target.run(b"four", cuts)


@pytest.mark.parametrize(("late", "holds"), [(LimitExceeded("head", limit=1, value=2), True), (ValueError(), False)])
def test_what_is_too_long_and_wrong_may_be_told_as_either(late: Exception, holds: bool) -> None:
    def read(pieces: list[bytes]) -> list[object]:
        raise RemoteProtocolError("malformed") if len(pieces) == 1 else late

    target = Target("t", "chunks", read, lambda: [b"xy"], (RemoteProtocolError, ValueError))
    with nullcontext() if holds else pytest.raises(AssertionError, match="cuts"):
        target.run(b"four", [2])


def test_text_that_is_no_json_is_not_given_to_a_reader_of_documents() -> None:
    assert Target("t", "JSON", lambda _: 1 // 0, lambda: [b"{}"]).run(b"[" * 9999).error is None


# ---- the fuzzing


@pytest.mark.parametrize("target", TARGETS, ids=str)
@given(data=st.data())
@settings(max_examples=scale_examples(20))
def test_whatever_arrives_ends_in_a_result_or_a_documented_error(target: Target, data: st.DataObject) -> None:
    target.run(data.draw(inputs_of(target)))


@cache
def inputs_of(target: Target) -> st.SearchStrategy[bytes]:
    return target_inputs(target)
