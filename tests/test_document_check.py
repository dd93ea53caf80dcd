"""What a check of a library says about a document.

See:
    docs/protocol/content.md#73-sections
    docs/protocol/content.md#9-sanity-check-of-the-existing-command-line
"""

from __future__ import annotations

import binascii
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.document_check import DOCUMENT, find_document_problems
from nai_proto.codecs.msgpackr import UNDEFINED, BigInt, JsMap, Value, Wrapped, unpackb
from nai_proto.errors import NaiError
from tests.cases import for_each
from tests.protocol_data import DATA

VECTORS: list[dict[str, Any]] = json.loads((DATA / "msgpackr_vectors.json").read_bytes())["vectors"]
SECTIONS = JsMap(((5, {"text": "One."}), (6, {"text": "Two."}), (BigInt(7), {"text": "Three."})))


def document(**fields: Value) -> Value:
    return Wrapped(DOCUMENT, {"sections": SECTIONS, "order": [5, 6], **fields})


@for_each("vector", [vector for vector in VECTORS if "document" in vector])
def test_documents_of_the_vectors_have_no_problems(vector: dict[str, Any]) -> None:
    assert find_document_problems(unpackb(binascii.a2b_base64(vector["base64"]))) == []


def test_missing_sections_are_named_in_order() -> None:
    assert find_document_problems(document(order=[9, 5, 8])) == [
        "`order` names section 9, which is missing",
        "`order` names section 8, which is missing",
    ]


def test_section_under_a_bigint_is_missing_as_on_the_website() -> None:
    assert find_document_problems(document(order=[7])) == ["`order` names section 7, which is missing"]


def test_invalid_ids_are_not_quoted() -> None:
    odd: list[Value] = ["He was the gardener.", 1.5, True, None, UNDEFINED, [5], BigInt(5)]
    assert find_document_problems(document(order=odd)) == ["`order` has something that is not an id"] * len(odd)


def test_section_outside_the_order_is_no_problem() -> None:
    assert find_document_problems(document(order=[])) == []


def test_wrong_types_are_problems() -> None:
    assert find_document_problems(document(sections={})) == ["`sections` is not a Map"]
    assert find_document_problems(document(order=UNDEFINED)) == ["`order` is not a list"]
    no_documents: list[Value] = [None, {}, Wrapped(30, {}), Wrapped(DOCUMENT, [])]
    assert {*map(tuple, map(find_document_problems, no_documents))} == {("it is not a document",)}


@given(st.binary(max_size=30).map(lambda data: b"\xd4\x14\x00\xd4\x72\x40\x92\xa8sections\xa5order" + data))
def test_problems_of_any_document_can_be_listed(data: bytes) -> None:
    try:
        value = unpackb(data)
    except NaiError:
        return
    assert all(isinstance(problem, str) for problem in find_document_problems(value))
