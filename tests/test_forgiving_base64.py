"""Base64 as a browser's `atob` takes it, with node's on the other side where node is installed; data URLs.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.forgiving_base64 import decode_base64
from tests.cases import for_each

SPACE = st.text("\t\n\f\r ", max_size=2)


@given(st.binary(max_size=40), st.booleans(), st.data())
def test_white_space_is_skipped_anywhere_and_padding_is_optional(
    content: bytes, padded: bool, data: st.DataObject
) -> None:
    text = base64.b64encode(content).decode()
    spaced = "".join(data.draw(SPACE) + digit for digit in (text if padded else text.rstrip("="))) + data.draw(SPACE)
    assert decode_base64(spaced) == content
    for head in ("data:;base64,", "data:image/png;base64,", " DATA:text/plain;charset=utf-8; base64 ,"):
        assert decode_base64(head + spaced) == content
        assert decode_base64(head + text.replace("+", "%2B").replace("=", "%3d")) == content


@for_each(
    "text, content",
    [("", b""), ("YQ==", b"a"), ("YQ", b"a"), ("YR==", b"a"), ("Y Q = =", b"a"), ("YWI=", b"ab"), ("YWJ", b"ab")],
)
def test_what_atob_takes_is_taken(text: str, content: bytes) -> None:
    assert decode_base64(text) == content


@for_each(
    "text",
    [
        *("Y", "YQ=", "YWI==", "YWJj=", "YWJj==", "====", "=", "==", "Y=Q=", "YQ==YQ==", "YWJjZ"),
        *("YW-_", "YW\x0b==", "YW\u00a0==", "YWé", "\ud800", "data:,YQ==", "data:image/png,YQ==", "YQ%3D%3D"),
    ],
)
def test_what_atob_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not base64") as caught:
        decode_base64(text)
    assert caught.value.__context__ is None


def test_node_s_atob_agrees() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    chance = random.Random(5)
    texts = [
        "".join(chance.choices("AQgw+/= \n-_é\x0b", [9, 9, 9, 9, 9, 9, 6, 2, 1, 0.3, 0.3, 0.3, 0.3], k=size))
        for size in range(13)
        for _ in range(150)
    ]
    program = """
        const texts = JSON.parse(require("fs").readFileSync(0, "utf8"))
        const read = text => { try { return Buffer.from(atob(text), "latin1").toString("hex") } catch { return null } }
        console.log(JSON.stringify(texts.map(read)))
    """
    done = subprocess.run([node, "-e", program], input=json.dumps(texts), capture_output=True, text=True, check=True)
    for text, expected in zip(texts, json.loads(done.stdout), strict=True):
        try:
            found = decode_base64(text).hex()
        except ValueError:
            found = None
        assert found == expected, text
