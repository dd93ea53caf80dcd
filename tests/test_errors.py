"""The tree of errors: what they hold, how they travel, what they may show.

See:
    docs/protocol/native.md#4-errors-and-limits-all-endpoints
    docs/protocol/openai.md#9-errors
"""

from __future__ import annotations

import copy
import pickle
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nai_proto import errors
from nai_proto.errors import (
    AmbiguousNameError,
    AuthenticationError,
    ClosedError,
    ConcurrentGenerationError,
    ConflictError,
    CryptoError,
    Damaged,
    DecryptionFailed,
    FileError,
    InvalidFile,
    InvalidRequestError,
    InvalidTypeError,
    KeyConflict,
    LimitExceeded,
    LocalProtocolError,
    MissingExtra,
    NaiError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RejectedRequestError,
    RemoteProtocolError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    StreamError,
    TimedOut,
    TransportError,
    Truncated,
    UnknownChoiceError,
    UnknownNameError,
    excerpt,
)
from tests.cases import for_each

TREE: dict[type[BaseException], type[BaseException]] = {
    NaiError: Exception,
    LocalProtocolError: NaiError,
    RemoteProtocolError: NaiError,
    LimitExceeded: RemoteProtocolError,
    Truncated: RemoteProtocolError,
    StatusError: NaiError,
    ClosedError: NaiError,
    InvalidRequestError: NaiError,
    InvalidTypeError: InvalidRequestError,
    UnknownChoiceError: InvalidRequestError,
    UnknownNameError: InvalidRequestError,
    AmbiguousNameError: InvalidRequestError,
    RejectedRequestError: InvalidRequestError,
    FileError: NaiError,
    InvalidFile: NaiError,
    MissingExtra: NaiError,
    AuthenticationError: StatusError,
    PaymentRequiredError: StatusError,
    PermissionDeniedError: StatusError,
    NotFoundError: StatusError,
    RequestTimeoutError: StatusError,
    ConflictError: StatusError,
    RateLimitError: StatusError,
    ConcurrentGenerationError: RateLimitError,
    ServerError: StatusError,
    StreamError: NaiError,
    CryptoError: NaiError,
    DecryptionFailed: CryptoError,
    Damaged: CryptoError,
    KeyConflict: CryptoError,
    TransportError: NaiError,
    TimedOut: TransportError,
}

LOCK = "Concurrent generation is locked"
KINDS = {
    400: RejectedRequestError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    409: ConflictError,
    413: RejectedRequestError,
    422: RejectedRequestError,
    429: RateLimitError,
    **dict.fromkeys(range(500, 600), ServerError),
}

TOKENS = {
    "persistent": "pst-" + "aB3" * 21 + "x",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IkFiQyIsImV4cCI6MX0.s1gn-atu_re",
    "bearer": "Bearer s3cr3t.of/any+kind=",
    "bearer, lower case": "bearer s3cr3t.of/any+kind=",
}
VALUES = ("aB3aB3", "eyJpZCI", "s1gn-atu", "s3cr3t")


def classes(root: type[NaiError]) -> Iterator[type[NaiError]]:
    yield root
    for below in root.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from classes(below)


def make(kind: type[NaiError]) -> NaiError:
    """One of each, with every field set."""
    if issubclass(kind, StatusError):
        return kind(
            418,
            "short and stout",
            method="POST",
            url="https://text.example/ai/generate",
            request_id="r1",
            retry_after=2.5,
            body=b"\xff{}",
        )
    if issubclass(kind, TransportError):
        return kind("the line is dead", sent=True, phase="idle")
    if issubclass(kind, LimitExceeded):
        return kind("event", limit=10, value=11)
    if issubclass(kind, UnknownChoiceError):
        return kind("something is wrong", name="x", guesses=("y",), choices=("y", "z"), parameter="model")
    if issubclass(kind, StreamError):
        return kind("node failure", status=500)
    if issubclass(kind, RemoteProtocolError):
        return kind("not what it should be", excerpt="<html>")
    if issubclass(kind, KeyConflict):
        return kind("two keys", metas=("a", "b"))
    if issubclass(kind, CryptoError):
        return kind("something is wrong", category="bad base64")
    if issubclass(kind, MissingExtra):
        return kind("something is wrong", extra="image")
    return kind("something is wrong")


every_kind = for_each("kind", [*classes(NaiError)])


def test_the_tree_is_the_one_of_the_design() -> None:
    assert {kind: kind.__bases__[0] for kind in classes(NaiError)} == TREE
    assert set(errors.__all__) == {kind.__name__ for kind in TREE} | {"Phase", "excerpt"}


def test_the_docstring_draws_the_same_tree() -> None:
    drawing = (errors.__doc__ or "").splitlines()
    drawn = [word for line in drawing for word in line.replace("─", " ").split() if word.isidentifier()]
    assert {kind.__name__ for kind in TREE} <= set(drawn)


def test_timed_out_is_a_builtin_timeout_error() -> None:
    with pytest.raises(TimeoutError):
        raise TimedOut("nothing within 3 s", sent=False, phase="connect")
    assert str(TimedOut("nothing within 3 s", sent=False, phase="connect")) == "nothing within 3 s"


@every_kind
@for_each("travel", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_errors_travel_with_all_their_fields(kind: type[NaiError], travel: Callable[[NaiError], NaiError]) -> None:
    error = make(kind)
    error.partial = ("so", "far")
    error.add_note("seen at noon")
    arrived = travel(error)
    assert type(arrived) is kind
    assert str(arrived) == str(error)
    assert arrived.args == error.args
    assert vars(arrived) == vars(error)
    assert arrived.partial == ("so", "far")


@every_kind
def test_an_error_travels_even_when_its_cause_cannot(kind: type[NaiError]) -> None:
    error = make(kind)
    error.__cause__ = RuntimeError(lambda: None)
    arrived: NaiError = pickle.loads(pickle.dumps(error))
    assert str(arrived) == str(error)
    assert arrived.partial is None


@every_kind
def test_fields_are_attributes(kind: type[NaiError]) -> None:
    error = make(kind)
    match error:
        case StatusError():
            facts = (
                error.status,
                error.message,
                error.method,
                error.url,
                error.request_id,
                error.retry_after,
                error.body,
            )
            assert facts == (
                418,
                "short and stout",
                "POST",
                "https://text.example/ai/generate",
                "r1",
                2.5,
                b"\xff{}",
            )
        case KeyConflict():
            assert (error.category, error.metas) == ("two keys", ("a", "b"))
        case TransportError():
            assert (error.sent, error.phase) == (True, "idle")
        case LimitExceeded():
            assert (error.what, error.limit, error.value) == ("event", 10, 11)
        case StreamError():
            assert (error.message, error.status) == ("node failure", 500)
        case RemoteProtocolError():
            assert error.excerpt == "<html>"
            assert "<html>" not in str(error)
        case CryptoError():
            assert error.category == "bad base64"
            assert str(error) == "something is wrong"
        case _:
            assert str(error) == "something is wrong"


def test_the_text_of_a_refusal_starts_with_status_and_message() -> None:
    assert str(StatusError(503, "try later")).startswith("503 try later")
    assert str(make(StatusError)).startswith("418 short and stout")
    assert "https://text.example/ai/generate" in str(make(StatusError))
    assert "\\xff" not in repr(make(StatusError))


@for_each("message", ["", "Too many requests", LOCK, LOCK.upper()])
def test_the_status_decides_the_class(message: str) -> None:
    for status in range(100, 1000):
        expected = KINDS.get(status, StatusError)
        if status == 429 and message.lower() == LOCK.lower():
            expected = ConcurrentGenerationError
        assert StatusError.kind(status, message) is expected


# ---- excerpt


@for_each("form", TOKENS)
@for_each("around", ["{}", "token {} is wrong", '{{"message":"{}"}}', "Authorization: {}\r\nHost: x", "{0} {0}"])
@for_each("encode", [str, str.encode])
def test_an_excerpt_masks_tokens(form: str, around: str, encode: Callable[[str], str | bytes]) -> None:
    shown = excerpt(encode(around.format(TOKENS[form])))
    assert not [value for value in VALUES if value in shown], shown
    assert "[token]" in shown


@for_each("blanks", ["  ", "\t", "\n", "\r\n ", "\x00", "\u2028"])
def test_an_excerpt_masks_a_bearer_token_after_any_blanks(blanks: str) -> None:
    assert "s3cr3t" not in excerpt(f"Authorization: Bearer{blanks}s3cr3t.of/any+kind=")


@pytest.mark.parametrize("form", TOKENS)
@given(st.data())
def test_an_excerpt_masks_a_token_wherever_it_is_cut(form: str, data: st.DataObject) -> None:
    token = TOKENS[form]
    most = data.draw(st.integers(5, 60))
    before = "x" * data.draw(st.integers(0, 4 * most)) + " "
    shown = excerpt(before + token + " and more", most)
    assert not [value for value in VALUES if value in shown], shown


def unprintable(character: str) -> bool:
    """Line ends and other controls, what turns the writing direction, and lone surrogates, which no terminal takes."""
    turns = character in "\u061c\u200e\u200f" or "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return turns or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


@given(st.text(st.characters(exclude_categories=())) | st.binary(), st.integers(1, 300))
@example("\u202etxt.exe", 200)
@example("a\ud800b", 200)
def test_an_excerpt_is_short_and_one_printable_line(text: str | bytes, most: int) -> None:
    shown = excerpt(text, most)
    assert len(shown) <= most
    assert len(shown.splitlines()) <= 1
    assert not [character for character in shown if unprintable(character)]


@given(st.text(st.characters(codec="ascii", min_codepoint=33, categories=["L", "N"]), max_size=50))
def test_an_excerpt_keeps_a_short_plain_text_as_it_is(text: str) -> None:
    if "eyj" not in text.lower():
        assert excerpt(f"  {text}  ") == text
        assert excerpt(text.encode()) == text


def test_an_excerpt_says_that_something_is_missing() -> None:
    assert excerpt("x" * 201) == "x" * 199 + "…"
    assert excerpt("x" * 200) == "x" * 200
    assert excerpt(b"x" * 10**6, 10) == "x" * 9 + "…"


def test_a_long_text_of_tokens_shows_none_of_them() -> None:
    """Masking makes the text shorter: what it then shows has been looked at as well."""
    jwt = "eyJ" + "h" * 50 + "." + "p" * 200 + ".s1gn"
    for shift in range(0, 800, 7):
        shown = excerpt("x" * (shift % 60) + (" " + TOKENS["persistent"]) * (shift // 68) + " " + jwt)
        assert "ppp" not in shown


def test_an_excerpt_leaves_words_alone_that_only_look_a_little_like_a_token() -> None:
    for word in ("keyjar", "the eyJ", "heyJude", "unbearer of bad news"):
        assert excerpt(word) == word
