"""Ids of modules that users trained, by the vectors.

See docs/protocol/content.md#45-presets-and-aimodules.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from nai_proto import text
from nai_proto.codecs.module_ids import derive_module_id, seal_module
from nai_proto.errors import InvalidRequestError
from tests.test_sealed_objects import of_kind


@of_kind("module_id")
def test_a_module_s_id_comes_from_its_data(vector: dict[str, Any]) -> None:
    found = derive_module_id(vector["model"], vector["data"])
    assert found == vector["expected"]["prefix"]
    assert found.split(":")[1] == vector["expected"]["upload_sha_blake2b_256_hex"]
    assert seal_module(vector["data"]) == vector["expected"]["encrypted_base64"]
    model = text.Model.named(vector["model"])
    request = json.loads(text.generate("Once", model=model, module=found).request.body)
    assert request["parameters"]["prefix"] == found


def test_equal_modules_have_equal_ids() -> None:
    assert derive_module_id("6B-v4", "AAAA") == derive_module_id("6B-v4", "AAAA") != derive_module_id("6B-v4", "AAAB")


def test_data_that_no_utf8_can_carry_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(InvalidRequestError, match="lone surrogate") as caught:
        derive_module_id("6B-v4", "secret\ud819")
    assert caught.value.__context__ is None
    with pytest.raises(InvalidRequestError):
        seal_module("secret\ud819")
