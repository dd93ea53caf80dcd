"""The table of endpoints, and the two ways through it.

See:
    docs/protocol/native.md#12-which-host-per-text-model
    docs/protocol/native.md#171-general-behaviour
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.endpoints import ENDPOINTS, Endpoint, EndpointParameters, build, endpoint, host_of_model, match
from nai_proto.http import Headers, Host
from nai_proto.text.models import MODELS
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

ROWS = [*ENDPOINTS.values()]
LITERALS = sorted({segment for row in ROWS for segment in row.segments if segment[:1] not in ("", "{")})

some_row = st.sampled_from(ROWS) | st.sampled_from([row for row in ROWS if row.names])
every_row = for_each("row", ROWS)

texts = st.text()
CONTROLS = "".join(map(chr, (*range(32), 127)))
segments = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS), min_size=1) | st.sampled_from(
    [*LITERALS, "a/b", "%2F", "%", "..x", "?", "#", "{id}", " ", "é", "\u2028"]
)
queries = st.lists(st.tuples(texts, texts), max_size=4).map(tuple)
bodies = st.binary() | st.sampled_from([b'{"model":"kayra-v1"}', b'{"model":"clio-v1"}', b'{"model":1}', b"{"])


def taken(row: Endpoint, name: str) -> set[str]:
    """Values of a parameter that would turn the row's path into that of another row."""
    at = row.segments.index(f"{{{name}}}")
    others = (
        other.segments for other in ROWS if other.method == row.method and len(other.segments) == len(row.segments)
    )
    return {other[at] for other in others if not other[at].startswith("{")}


def parameters_of(row: Endpoint, body: st.SearchStrategy[bytes] = bodies) -> st.SearchStrategy[EndpointParameters]:
    def sound(name: str) -> Callable[[str], bool]:
        return lambda value: value not in (".", "..") and value not in taken(row, name)

    paths = st.fixed_dictionaries({name: segments.filter(sound(name)) for name in row.names})
    return st.builds(EndpointParameters, paths, queries, body)


def body_for(row: Endpoint) -> bytes:
    """What such a request says about its model."""
    return json.dumps({"model": "kayra-v1" if row.host is Host.TEXT else "euterpe-v2"}).encode()


# ---- build and match are inverses


@every_row
@settings(deadline=None, max_examples=scale_examples(20))
@given(st.data())
def test_match_of_build_gives_the_parameters_back(row: Endpoint, data: st.DataObject) -> None:
    parameters = data.draw(parameters_of(row))
    request = build(row, parameters)
    assert (request.method, request.host, request.body) == (row.method, row.host, parameters.body)
    assert request.target.isascii()
    assert request.target.isprintable()
    assert " " not in request.target
    assert request.token is None
    assert request.base == ""
    assert match(request.method, request.host, request.target, request.body) == (row, parameters)


@settings(deadline=None)
@given(some_row, st.data())
def test_one_address_for_all_roles_finds_the_same_row(row: Endpoint, data: st.DataObject) -> None:
    parameters = data.draw(parameters_of(row, st.just(body_for(row))))
    request = build(row, parameters)
    found = match(request.method, None, request.target, request.body)
    assert found is not None
    assert found[1] == parameters
    assert found[0].path == row.path
    assert found[0] is row or row.path not in ("/ai/generate", "/ai/generate-stream")


@settings(deadline=None)
@given(some_row, st.data())
def test_a_slash_at_the_end_does_not_matter(row: Endpoint, data: st.DataObject) -> None:
    parameters = data.draw(parameters_of(row))
    path, mark, query = build(row, parameters).target.partition("?")
    assert match(row.method, row.host, path.rstrip("/") + "/" + mark + query, parameters.body) == (row, parameters)
    assert match(row.method, row.host, path + "//" + mark + query, parameters.body) == (row, parameters)


@every_row
def test_every_row_is_found_by_its_plain_path(row: Endpoint) -> None:
    path = "/".join(["", *(f"some-{part[1:-1]}" if part.startswith("{") else part for part in row.segments)])
    expected = {name: f"some-{name}" for name in row.names}
    assert match(row.method, row.host, path) == (row, EndpointParameters(expected))
    assert match(row.method.lower(), row.host, path) == (row, EndpointParameters(expected))
    found = match(row.method, None, path, body_for(row))
    assert found == (row, EndpointParameters(expected, (), body_for(row)))


def test_a_segment_may_be_encoded_in_more_ways_than_ours() -> None:
    assert match("GET", None, "/%75ser/%6Fbjects/a%2fb/%e2%82%ac") == (
        ENDPOINTS["get_object"],
        EndpointParameters({"type": "a/b", "id": "€"}),
    )


def test_a_plus_in_a_query_is_a_blank_and_values_may_be_empty() -> None:
    found = match("GET", None, "/ai/generate-voice?text=a+b%2Bc&opus=&x=1&x=2")
    assert found is not None
    assert found[1].query == (("text", "a b+c"), ("opus", ""), ("x", "1"), ("x", "2"))


# ---- which row


def test_a_literal_segment_wins_over_a_parameter() -> None:
    assert match("DELETE", None, "/user/objects/batch") == (ENDPOINTS["delete_objects"], EndpointParameters())
    assert match("GET", None, "/ai/module/all") == (ENDPOINTS["list_modules"], EndpointParameters())
    assert match("GET", None, "/ai/module/al") == (ENDPOINTS["get_module"], EndpointParameters({"id": "al"}))


@every_row
def test_no_parameter_can_turn_a_request_into_another_one(row: Endpoint) -> None:
    for name in row.names:
        for value in taken(row, name) | set(LITERALS):
            parameters = EndpointParameters({**dict.fromkeys(row.names, "x"), name: value})
            try:
                request = build(row, parameters)
            except InvalidRequestError:
                assert value in taken(row, name)
            else:
                assert match(row.method, row.host, request.target) == (row, parameters)


@for_each("path", ["/ai/generate", "/ai/generate-stream"])
@for_each("model", MODELS)
def test_the_model_in_the_body_decides_between_hosts(path: str, model: Any) -> None:
    body = json.dumps({"input": "x", "model": model.id, "parameters": {}}).encode()
    found = match("POST", None, path, body)
    assert found is not None
    assert found[0].host is model.host
    assert found[0].status == (200 if model.host is Host.TEXT else 201)


@for_each("host", [Host.TEXT, Host.API])
def test_an_address_of_one_role_needs_no_model(host: Host) -> None:
    for body in (b"", b'{"model":"kayra-v1"}', b'{"model":"euterpe-v2"}'):
        found = match("POST", host, "/ai/generate", body)
        assert found is not None
        assert found[0].host is host
        assert found[1].body == body


def test_the_newer_models_live_on_the_text_host() -> None:
    assert {model.id for model in MODELS if host_of_model(model.id) is Host.TEXT} == {"kayra-v1", "llama-3-erato-v1"}
    assert host_of_model("blue") is Host.TEXT
    assert host_of_model("") is Host.API
    assert host_of_model("no-such-model") is Host.API


@for_each("body", [b"", b"\xff", b"[]", b'{"model":7}', b'{"model":null}', b"[" * 100_000, b'{"model":"\xff"}'])
def test_a_body_that_names_no_model_still_finds_a_row(body: bytes) -> None:
    found = match("POST", None, "/ai/generate", body)
    assert found is not None
    assert found[0].path == "/ai/generate"


@for_each(
    "method, target",
    [
        ("GET", "nonsense"),
        ("GET", "*"),
        ("GET", "x/user/data"),
        ("GET", "http://host/user/data"),
        ("GET", "/nowhere"),
        ("PUT", "/user/login"),
        ("POST", "/USER/LOGIN"),
        ("POST", "/user//login"),
        ("POST", "/user/login/x"),
        ("GET", "/user/submission/"),
        ("GET", "/ai/module/"),
        ("GET", "/user/objects/stories/%ff"),
        ("", "/"),
        ("GE\u0130", "/"),
    ],
)
def test_what_is_no_endpoint_is_none(method: str, target: str) -> None:
    assert match(method, None, target) is None


def test_a_path_is_known_at_the_hosts_that_have_it_only() -> None:
    assert match("POST", Host.IMAGE, "/ai/generate") is None
    assert match("GET", Host.TEXT, "/user/data") is None


def test_the_health_check_is_the_root() -> None:
    assert match("GET", None, "/") == (ENDPOINTS["health"], EndpointParameters())
    assert build(endpoint("health")).target == "/"


targets = st.one_of(
    st.text(),
    st.text(st.sampled_from("/%?&=+.{}#aZ0é\x00\ud800")),
    st.lists(st.sampled_from([*LITERALS, "%", "%ff", "%2f", "", ".", "..", "x"])).map(
        lambda parts: "/" + "/".join(parts)
    ),
    st.tuples(st.sampled_from([quote(row.path) for row in ROWS] + [row.path for row in ROWS]), st.text()).map("".join),
)


@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "get", "\ud800"]) | st.text(),
    st.none() | st.sampled_from(Host),
    targets,
    bodies,
)
@settings(max_examples=scale_examples(400), deadline=None)
def test_a_hostile_target_never_raises(method: str, host: Host | None, target: str, body: bytes) -> None:
    found = match(method, host, target, body)
    if found is not None:
        row, parameters = found
        assert row.method == method.upper()
        assert host in (None, row.host)
        assert set(parameters.path) == set(row.names)
        assert parameters.body == body


@for_each("query", ["&" * 5000, "a=1&" * 5000, "%" * 5000, "=" * 5000, ";" * 5000])
def test_a_long_query_never_raises(query: str) -> None:
    assert match("GET", None, "/user/data?" + query) is not None


# ---- the table


def test_names_are_unique() -> None:
    assert all(name == row.name for name, row in ENDPOINTS.items())
    assert len({id(row) for row in ROWS}) == len(ROWS)


def test_every_method_host_and_path_is_unique() -> None:
    shapes = [
        (row.method, row.host, tuple("{}" if part.startswith("{") else part for part in row.segments)) for row in ROWS
    ]
    assert len(shapes) == len(set(shapes))


def test_a_path_that_two_hosts_have_is_decided_by_a_model() -> None:
    """Nothing else is ambiguous at an address that serves all roles."""
    hosts: dict[tuple[str, str], set[Host]] = {}
    for row in ROWS:
        hosts.setdefault((row.method, row.path), set()).add(row.host)
    assert {path: found for (_, path), found in hosts.items() if len(found) > 1} == {
        "/ai/generate": {Host.TEXT, Host.API},
        "/ai/generate-stream": {Host.TEXT, Host.API},
    }


@every_row
def test_a_row_is_sane(row: Endpoint) -> None:
    assert row.method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    assert 200 <= row.status < 300
    assert row.path.startswith("/")
    assert len(row.names) == len(set(row.names))
    assert row.answers == "" or "/" in row.answers


# ---- bad parameters


@for_each(
    "name, path, said",
    [
        ("get_object", {}, "type"),
        ("get_object", {"type": "stories"}, "id"),
        ("get_object", {"type": "stories", "id": "x", "more": "y"}, "get_object takes type, id"),
        ("login", {"id": "x"}, "login takes no path parameters"),
        ("get_object", {"type": "", "id": "x"}, "type"),
        ("get_object", {"type": "stories", "id": "."}, "id"),
        ("get_object", {"type": "..", "id": "x"}, "type"),
        ("get_object", {"type": "stories", "id": "\ud800"}, "id"),
        ("get_module", {"id": "all"}, "id"),
        ("delete_module", {"id": "\udfff"}, "id"),
    ],
)
def test_bad_path_parameters_are_refused_by_name(name: str, path: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        build(endpoint(name), EndpointParameters(path))
    assert name in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.__cause__ is None


@for_each("pair", [("\ud800", "x"), ("x", "\ud800")])
def test_a_query_that_is_not_unicode_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidRequestError, match="get_voice") as caught:
        build(endpoint("get_voice"), EndpointParameters(query=(("text", "the prompt"), pair)))
    error: BaseException | None = caught.value
    while error is not None:
        assert "the prompt" not in str(error)
        error = error.__context__


@given(st.dictionaries(st.sampled_from(["type", "id"]) | texts, st.text(st.characters(exclude_categories=()))), queries)
def test_build_gives_a_request_or_a_local_protocol_error(
    path: dict[str, str], query: tuple[tuple[str, str], ...]
) -> None:
    for name in ("get_object", "get_module", "login"):
        try:
            request = build(endpoint(name), EndpointParameters(path, query))
        except InvalidRequestError:
            continue
        assert match(request.method, request.host, request.target) == (endpoint(name), EndpointParameters(path, query))


def test_an_unknown_endpoint_is_a_local_protocol_error() -> None:
    with pytest.raises(InvalidRequestError, match="'logn'"):
        endpoint("logn")


def test_headers_are_handed_on() -> None:
    headers = Headers([("A", "b")])
    assert build(endpoint("health"), EndpointParameters(), headers).headers == headers


def test_parameters_show_neither_query_nor_body() -> None:
    shown = repr(EndpointParameters({"id": "x"}, (("text", "the prompt"),), b"the prompt"))
    assert "prompt" not in shown
    assert "'x'" in shown
