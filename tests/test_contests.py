"""Submissions and votes: operations against the emulator.

See:
    docs/protocol/native.md#6-account-endpoints-user
    docs/protocol/native.md#172-account
"""

from __future__ import annotations

import binascii
from typing import Any

import pytest

from nai_proto import account
from nai_proto.errors import ConflictError, InvalidRequestError
from nai_proto.testing import run_in_memory
from tests.cases import for_each
from tests.support import an_emulator, with_token

WHO = {"data_name": "a tale", "author_name": "A. Writer", "author_email": "writer@example.com"}


def test_a_submission_can_be_read_again() -> None:
    emulator, owner = an_emulator()

    def run(operation: Any) -> Any:
        return run_in_memory(with_token(owner.persistent_token, operation), emulator).result

    assert run(account.get_submission("autumn")) == {}
    run(account.submit("autumn", b"Once", **WHO, socials="none"))
    submission = run(account.get_submission("autumn"))
    assert binascii.a2b_base64(submission.pop("data")) == b"Once"
    expected = {"dataName": "a tale", "authorName": "A. Writer", "authorEmail": "writer@example.com"}
    assert submission == {**expected, "event": "autumn", "socials": "none", "mediums": ""}


def test_an_account_votes_once_and_can_withdraw_the_vote() -> None:
    emulator, owner = an_emulator()

    def played(operation: Any) -> Any:
        return run_in_memory(with_token(owner.persistent_token, operation), emulator)

    assert played(account.vote("autumn", "7")).result is None
    assert played(account.get_vote("autumn")).result == {"id": "7"}
    assert isinstance(played(account.vote("autumn", "8")).error, ConflictError)
    assert played(account.withdraw_vote("autumn", "7")).result is None
    assert played(account.get_vote("autumn")).result == {}
    assert played(account.link_usage("anon-1")).result is None


@for_each("name, most", [("data_name", 256), ("author_email", 256), ("socials", 4096)])
def test_a_text_that_is_too_long_is_an_error_before_it_is_sent(name: str, most: int) -> None:
    fields = {**WHO, name: "x" * most}
    assert account.submit("autumn", b"", **fields).request.body
    with pytest.raises(InvalidRequestError, match=f"at most {most} characters, not {most + 1}"):
        account.submit("autumn", b"", **{**fields, name: "x" * (most + 1)})
