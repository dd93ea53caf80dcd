"""Secrets show nothing of their value, and keep it."""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.arguments import describe_type
from nai_proto.errors import InvalidRequestError, InvalidTypeError
from nai_proto.http import Host, Request
from nai_proto.secret import AccessKey, AccessToken, EncryptionKey, Password, PersistentToken, TokenBase, parse_token
from tests.cases import for_each

Secret: TypeAlias = Password | AccessKey | AccessToken | PersistentToken | EncryptionKey

MARK = "hvnter2"
MAKERS: dict[str, Callable[[], Secret]] = {
    "Password": lambda: Password(MARK + " €"),
    "AccessKey": lambda: AccessKey(MARK + "A" * (64 - len(MARK))),
    "AccessToken": lambda: AccessToken(f"eyJh.{MARK}.sig"),
    "PersistentToken": lambda: PersistentToken("pst-" + MARK + "z" * 57),
    "EncryptionKey": lambda: EncryptionKey(MARK.encode() + bytes(25)),
}

every_secret = for_each("name", MAKERS)


@dataclass
class Diary:
    owner: str
    secret: Secret


def fails_with(secret: Secret) -> None:
    raise RuntimeError(f"cannot use {secret} at all")


def logged(log: Callable[[logging.Logger], None]) -> str:
    out = io.StringIO()
    logger = logging.Logger("test")
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(message)s %(args)s"))
    logger.addHandler(handler)
    log(logger)
    return out.getvalue()


def told_by_traceback(secret: Secret) -> str:
    try:
        fails_with(secret)
    except RuntimeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError


SHOWN: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda secret: format(secret),
    "f-string": lambda secret: f"{secret} {secret!s} {secret!r} {secret!a}",
    "percent": lambda secret: "%s %r %a" % (secret, secret, secret),  # noqa: UP031 -- one of the ways
    "a list": lambda secret: repr([secret, {secret: secret}, (secret,)]),
    "a dataclass": lambda secret: repr(Diary("me", secret)),
    "an exception": lambda secret: repr(ValueError(secret)) + str(ValueError(secret)),
    "a traceback": told_by_traceback,
    "logging": lambda secret: logged(lambda logger: logger.warning("using %s and %r", secret, secret)),
    "logging an exception": lambda secret: logged(lambda logger: logger.error("oh", exc_info=ValueError(secret))),
    "dir and doc": lambda secret: repr(dir(secret)) + str(secret.__doc__),
}


@every_secret
@for_each("way", SHOWN)
def test_nothing_shows_the_value(name: str, way: str) -> None:
    shown = SHOWN[way](MAKERS[name]())
    assert MARK not in shown
    assert way == "dir and doc" or name in shown


@every_secret
def test_what_cannot_write_a_secret_does_not_quote_it(name: str) -> None:
    secret: Any = MAKERS[name]()
    attempts: list[Callable[[], object]] = [
        lambda: json.dumps(secret),
        lambda: f"{secret:>40}",
        lambda: "".join([secret]),
        lambda: "Bearer " + secret,
        lambda: secret < secret,
        lambda: vars(secret),
    ]
    for attempt in attempts:
        with pytest.raises(TypeError) as caught:
            attempt()
        assert MARK not in "".join(traceback.format_exception(caught.value))


def test_a_request_shows_neither_token_nor_target_nor_body() -> None:
    token = PersistentToken("pst-" + MARK)
    request = Request("POST", f"/x?q={MARK}", body=MARK.encode(), host=Host.TEXT, token=token)
    assert MARK not in repr(request)
    assert MARK in repr(request.fields())  # for the wire, and only there


@every_secret
def test_reveal_gives_the_value(name: str) -> None:
    revealed = MAKERS[name]().reveal()
    assert MARK in (revealed if isinstance(revealed, str) else revealed.decode("latin-1"))


@every_secret
def test_a_secret_pickles_with_its_value(name: str) -> None:
    secret = MAKERS[name]()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        arrived = pickle.loads(pickle.dumps(secret, protocol))
        assert type(arrived) is type(secret)
        assert arrived == secret
        assert arrived.reveal() == secret.reveal()
    assert copy.deepcopy(secret) == secret == copy.copy(secret)


@every_secret
def test_equal_values_are_equal_and_hash_alike(name: str) -> None:
    one, other = MAKERS[name](), MAKERS[name]()
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1
    assert one != one.reveal()
    assert one != MARK


@given(st.text(min_size=1), st.text(min_size=1))
def test_passwords_are_equal_exactly_when_their_texts_are(one: str, other: str) -> None:
    assert (Password(one) == Password(other)) == (one == other)


def test_two_kinds_of_secret_are_never_equal() -> None:
    text = "pst-abc"
    secrets: list[Secret] = [Password(text), AccessToken(text), PersistentToken(text)]
    assert len(set(secrets)) == 3
    assert secrets[0] != secrets[1] != secrets[2] != secrets[0]


def test_a_password_may_be_any_text_even_a_lone_surrogate() -> None:
    assert Password("\ud800") == Password("\ud800")
    assert Password("\ud800") != Password("?")
    assert Password("пароль€日本語").reveal() == "пароль€日本語"


def test_an_encryption_key_owns_its_bytes() -> None:
    given_bytes = bytearray(32)
    key = EncryptionKey(cast(bytes, given_bytes))
    given_bytes[0] = 1
    assert key.reveal() == bytes(32)
    assert type(key.reveal()) is bytes


BAD: dict[str, tuple[Callable[[Any], object], list[str | bytes]]] = {
    "Password": (Password, [""]),
    "AccessKey": (
        AccessKey,
        [
            "",
            MARK,
            MARK + "A" * 56,
            MARK + "A" * 58,
            MARK + "A" * 56 + "=",
            MARK + "A" * 56 + "+",
            MARK + "A" * 56 + "é",
            MARK + "A" * 56 + "٣",
            MARK + "A" * 57 + "\n",
            MARK + "A" * 56 + "\n",
        ],
    ),
    "AccessToken": (
        AccessToken,
        [
            "",
            " ",
            MARK + " x",
            MARK + "\n",
            "\t" + MARK,
            MARK + "\r\nX: y",
            MARK + "é",
            MARK + "\x7f",
            MARK + "\x00",
            MARK + "\ud800",
        ],
    ),
    "TokenBase": (TokenBase, ["", MARK + "\n"]),
    "PersistentToken": (
        PersistentToken,
        ["", MARK, "Bearer pst-" + MARK, "PST-" + MARK, f"eyJ.{MARK}.x", "pst-" + MARK + "\n", "pst-" + MARK + " "],
    ),
    "EncryptionKey": (EncryptionKey, [b"", MARK.encode(), MARK.encode() + bytes(24), MARK.encode() + bytes(26)]),
}


@for_each("name, value", [(name, value) for name, (_, values) in BAD.items() for value in values])
def test_a_bad_form_is_refused_without_quoting_it(name: str, value: str | bytes) -> None:
    make, _ = BAD[name]
    with pytest.raises(InvalidRequestError) as caught:
        make(value)
    assert MARK not in "".join(traceback.format_exception(caught.value))
    assert MARK not in repr(caught.value)


@given(st.text(st.characters(exclude_categories=())))
def test_a_token_is_printable_ascii_without_blanks_or_refused(text: str) -> None:
    sound = bool(text) and all("!" <= character <= "~" for character in text)
    if sound:
        assert AccessToken(text).reveal() == text
    else:
        with pytest.raises(InvalidRequestError):
            AccessToken(text)


@for_each("value", [None, 5, 1.5, True, b"pst-" + MARK.encode(), [MARK], {MARK: 1}, ...])
@for_each("make", [Password, AccessKey, AccessToken, PersistentToken, parse_token])
def test_a_text_is_wanted_and_nothing_else(make: Callable[[Any], object], value: object) -> None:
    with pytest.raises(
        InvalidTypeError, match=f"^{'token' if make is parse_token else make.__name__} takes a "
    ) as caught:
        make(value)
    assert str(caught.value).endswith(f", not {describe_type(value)}")


@for_each("value", [None, 5, 32, 1.5, True, MARK, "A" * 32, [0] * 32, {MARK: 1}, ...])
def test_an_encryption_key_is_made_of_bytes(value: object) -> None:
    with pytest.raises(InvalidTypeError, match=r"^EncryptionKey takes bytes, not (an? \w+|None)$"):
        EncryptionKey(cast("bytes", value))


@for_each("make", [bytearray, memoryview])
def test_an_encryption_key_is_made_of_any_bytes(make: Callable[[bytes], Any]) -> None:
    assert EncryptionKey(make(bytes(32))) == EncryptionKey(bytes(32))


@for_each(
    "text, kind",
    [
        (f"pst-{MARK}", PersistentToken),
        ("pst-", PersistentToken),
        (f"eyJh.{MARK}.sig", AccessToken),
        (f"PST-{MARK}", AccessToken),
        ("pst", AccessToken),
    ],
)
def test_a_token_is_told_by_its_beginning(text: str, kind: type[TokenBase]) -> None:
    token = parse_token(text)
    assert type(token) is kind
    assert token.reveal() == text
    assert parse_token(token) is token


@for_each("text", ["", " ", f"pst-{MARK} ", f" {MARK}", f"{MARK}\n", f"pst-{MARK}\0", f"{MARK}é", f"{MARK}\ud800"])
def test_what_no_token_holds_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^token: .* this text of {len(text)} characters is not$") as caught:
        parse_token(text)
    assert caught.value.parameter == "token"
    assert MARK not in "".join(traceback.format_exception(caught.value))


# ---- the end of a token


def write_token(payload: bytes) -> AccessToken:
    """A token with this payload, which nobody signed."""
    return AccessToken(f"eyJ.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.signature")


@given(st.integers(0, 253_402_300_799))
def test_a_token_says_when_it_expires(seconds: int) -> None:
    assert write_token(json.dumps({"exp": seconds, "iat": 0}).encode()).expires_at == seconds


@for_each(
    "payload",
    [b"", b"{}", b"[]", b"7", b'{"exp": "1"}', b'{"exp": true}', b'{"exp": -1}', b'{"exp": 1e400}'],
)
def test_a_token_need_not_say_it(payload: bytes) -> None:
    assert write_token(payload).expires_at is None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_token_may_be_asked_when_it_expires(text: str) -> None:
    assert AccessToken(text).expires_at is None
