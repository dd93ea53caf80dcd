"""Whatever text an operation is given for its path or query, it stays in its segment or value, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nai_proto import account, image, modules, objects, voice
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.exchange.endpoints import ENDPOINTS, match
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from tests.raw_servers import RawConnection, raw_server, response
from tests.test_connections import with_client

HOSTILE = (
    "../../x",
    "..",
    ".",
    "",
    "x?y#z",
    "a b",
    "\r\nHost: elsewhere.invalid",
    "x\ny",
    "\0",
    "@elsewhere.invalid",
    "//elsewhere.invalid/x",
    "/\\elsewhere.invalid",
    "https://elsewhere.invalid/",
    "%2e%2e%2f",
    "%0d%0a",
    "batch",
    "all",
    "käse\u2028č",
    "\ud800",
)

IN_PATH: Mapping[str, Callable[[str], Operation[Any, Any]]] = {
    "list_objects": objects.list_objects,
    "create_object": lambda text: objects.create_object(text, "meta", "data"),
    "get_object": lambda text: objects.get_object("stories", text),
    "delete_object": lambda text: objects.delete_object("stories", text),
    "get_module": modules.get_module,
    "delete_module": modules.delete_module,
    "get_submission": account.get_submission,
    "get_vote": account.get_vote,
    "vote": lambda text: account.vote(text, "id"),
    "delete_vote": lambda text: account.withdraw_vote(text, "id"),
}
"""Operations by endpoint, which put a text into the path."""

IN_QUERY: Mapping[str, Callable[[str], Operation[Any, Any]]] = {
    "suggest_tags": image.suggest_tags,
    "get_voice": lambda text: voice.speak(text, method="GET"),
}
OPERATIONS = {**IN_PATH, **IN_QUERY}


def hostile(test: Callable[..., None]) -> Callable[..., None]:
    for text in HOSTILE:
        test = example(text)(test)
    return given(st.text(st.characters(exclude_categories=[])) | st.text("/\\.%2eE0aA@#? x:\r\n", max_size=12))(test)


def test_every_endpoint_with_a_parameter_in_its_path_is_tried() -> None:
    # `update_object` takes what the service has sent, by the same function
    assert {row.name for row in ENDPOINTS.values() if row.names} == {*IN_PATH, "update_object"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_text_stays_in_its_segment_or_value_or_is_refused(name: str) -> None:
    @hostile
    def law(text: str) -> None:
        try:
            request = OPERATIONS[name](text).request
            signed = Session(base_url="https://a.example", token="secret").sign(request)
        except InvalidRequestError:
            return
        assert signed.target.isascii()
        assert signed.target.isprintable()
        assert not {" ", "#", "\\"} & {*signed.target}
        path, _, query = signed.target.partition("?")
        assert path.count("/") == ENDPOINTS[name].path.count("/")
        assert signed.base == "https://a.example"
        found = match(signed.method, signed.host, signed.target)
        assert found is not None
        assert found[0].name == name
        texts = found[1].path.values() if name in IN_PATH else dict(parse_qsl(query, keep_blank_values=True)).values()
        assert text in texts

    law()


@pytest.mark.parametrize("driver", ["sync", "asyncio", "trio", "httpx", "httpx-asyncio", "httpx-trio"])
def test_every_driver_sends_the_target_that_the_operation_has(driver: str) -> None:
    operations = []
    for name, make in OPERATIONS.items():
        for text in HOSTILE[::2]:
            try:
                operations.append((make(text), text if name in IN_PATH else None))
            except InvalidRequestError:
                pass

    def answer(connection: RawConnection) -> None:
        while True:
            connection.read_request()
            connection.send(response("no", status="404 Not Found"))

    async def main(client: Any) -> None:
        for operation, _ in operations:
            with pytest.raises(NaiError):
                await client.run(operation.with_options(retry=NO_RETRY))

    with raw_server(answer) as server:
        with_client(driver, main, Session(base_url=server.url, token="secret"))
    assert len(server.requests) == len(operations)
    authority = server.url.removeprefix("http://").encode()
    for request, (operation, segment) in zip(server.requests, operations, strict=True):
        method, target, version = request.head.split(b"\r\n")[0].decode("ascii").split(" ")
        assert (method, version) == (operation.request.method, "HTTP/1.1")
        assert target == operation.request.target
        assert segment is None or segment in map(unquote, target.split("/"))
        assert request.fields(b"host") == [authority]
        assert len(request.fields(b"authorization")) == 1
