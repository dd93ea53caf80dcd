"""Conversations as values, their files, and what is typed in them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import FileError, InvalidFile, InvalidRequestError
from nai_transports.cli.text.chat_commands import COMMANDS, ChatCommand, complete_command, format_help, parse_line
from nai_transports.cli.text.conversation import Conversation, Turn, format_conversation, parse_conversation
from nai_transports.cli.text.conversation_file import ConversationFile, find_last_saved

TEXTS = st.text(st.characters(codec="utf-8"))
ANSWERED = st.builds(Turn, TEXTS, TEXTS, st.none() | TEXTS.filter(bool), st.booleans())
CONVERSATIONS = st.builds(
    lambda model, system, turns, rest: Conversation(model=model, system=system, turns=(*turns, *rest)),
    TEXTS,
    st.none() | TEXTS.filter(bool),
    st.lists(ANSWERED, max_size=4),
    st.lists(st.builds(Turn, TEXTS), max_size=1),
)
START = Conversation(model="glm-4-6")
GREETED = START.with_question("hello").with_answer("Good day.")


def contents(conversation: Conversation) -> list[str]:
    return [f"{message.role}: {message.content}" for message in conversation.messages]


# ---- the value


def test_a_request_has_all_earlier_turns() -> None:
    longer = GREETED.with_system("Be brief.").with_question("and then?")
    assert contents(longer) == ["system: Be brief.", "user: hello", "assistant: Good day.", "user: and then?"]


def test_a_request_to_answer_again_leaves_the_answer_out() -> None:
    assert contents(GREETED) == ["user: hello"]


def test_an_unanswered_message_is_replaced_by_the_next_one() -> None:
    assert contents(GREETED.with_question("lost").with_question("kept")) == [
        "user: hello",
        "assistant: Good day.",
        "user: kept",
    ]


@given(CONVERSATIONS, TEXTS, TEXTS)
def test_undo_takes_back_an_answered_message(before: Conversation, question: str, answer: str) -> None:
    answered = before.with_question(question).with_answer(answer)
    expected = before if before.last is None or before.last.answer is not None else before.with_undo()
    assert answered.with_undo() == expected


@given(CONVERSATIONS.filter(lambda each: each.last is not None), TEXTS)
def test_an_edit_replaces_the_last_message_and_its_answer(before: Conversation, text: str) -> None:
    edited = before.with_edit(text)
    assert edited.turns == (*before.turns[:-1], Turn(text))


@pytest.mark.parametrize(
    "change", [Conversation.with_undo, lambda each: each.with_edit("x"), Conversation.require_last]
)
def test_without_a_message_there_is_nothing_to_change(change: object) -> None:
    assert callable(change)
    with pytest.raises(InvalidRequestError, match="no message yet"):
        change(START)


def test_a_conversation_shows_no_message_in_its_repr() -> None:
    assert "hello" not in repr(GREETED)


# ---- the file's JSON


@given(CONVERSATIONS)
def test_what_is_written_is_read_again(conversation: Conversation) -> None:
    assert parse_conversation(format_conversation(conversation), where="x") == conversation


def test_the_form_of_the_file_is_stable() -> None:
    stopped = GREETED.with_system("Be brief.").with_question("more").with_answer("Wel", reasoning="hm", is_stopped=True)
    assert json.loads(format_conversation(stopped)) == {
        "format": "nai-conversation",
        "version": 1,
        "model": "glm-4-6",
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "Good day."},
            {"role": "user", "content": "more"},
            {"role": "assistant", "content": "Wel", "reasoning": "hm", "stopped": True},
        ],
    }


WRITTEN = format_conversation(GREETED)


@given(st.integers(0, len(WRITTEN) - 3))
def test_a_file_that_is_cut_short_is_an_error(size: int) -> None:
    with pytest.raises(InvalidFile, match=r"^a\.json(: | is not a conversation)"):
        parse_conversation(WRITTEN[:size], where="a.json")


@pytest.mark.parametrize(
    ("old", "new", "about"),
    [
        (b"nai-conversation", b"else", "not a conversation that nai chat saved"),
        (b'"version": 1', b'"version": 2', "another version than 1"),
        (b'"model": "glm-4-6"', b'"model": 5', "model is a number, and a text was expected"),
        (b'"model"', b'"model2"', "the key 'model2'"),
        (b'"role": "user"', b'"role": "assistant"', r"the role of messages\[0\] is not 'user'"),
        (b'"content": "hello"', b'"text": "hello"', r"messages\[0\] has the key 'text'"),
        (b'"hello"', b"null", r"messages\[0\]\.content is null"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_the_place(old: bytes, new: bytes, about: str) -> None:
    with pytest.raises(InvalidFile, match=about):
        parse_conversation(WRITTEN.replace(old, new, 1), where="a.json")


# ---- the file


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "nai_transports.cli.text.conversation_file.state_directory", lambda: tmp_path / "state" / "nai-proto"
    )


def test_a_file_has_each_turn_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    file = ConversationFile.create(path)
    file.save(START.with_question("hello"))
    assert ConversationFile.open(path)[1] == START.with_question("hello")
    file.save(GREETED)
    opened, conversation = ConversationFile.open(path)
    assert conversation == GREETED
    opened.save(GREETED.with_undo())
    assert ConversationFile.open(path)[1] == START
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_file_replaces_no_other(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    file = ConversationFile.create(path)
    path.write_bytes(b"mine")
    with pytest.raises(FileError, match="already exists"):
        ConversationFile.create(path)
    with pytest.raises(FileError, match="already exists"):
        file.save(GREETED)
    assert path.read_bytes() == b"mine"


def test_a_damaged_file_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_bytes(WRITTEN[:40])
    with pytest.raises(InvalidFile):
        ConversationFile.open(path)
    assert path.read_bytes() == WRITTEN[:40]


def test_a_file_that_another_program_changed_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    file = ConversationFile.create(path)
    file.save(START)
    ConversationFile.open(path)[0].save(GREETED)
    with pytest.raises(FileError, match="was changed by another program"):
        file.save(START.with_question("other"))
    assert ConversationFile.open(path)[1] == GREETED


def test_the_conversation_that_was_saved_last_is_found(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="nai chat --save FILE"):
        find_last_saved()
    for name in ("first.json", "second.json"):
        ConversationFile.create(tmp_path / name).save(GREETED)
    assert find_last_saved() == tmp_path / "second.json"
    ConversationFile.open(tmp_path / "first.json")[0].save(START)
    assert find_last_saved() == tmp_path / "first.json"


# ---- what is typed


@given(TEXTS.filter(lambda text: not text.startswith("/")))
def test_a_line_without_a_slash_is_a_message(text: str) -> None:
    assert parse_line(text) == text


def test_two_slashes_begin_a_message_with_one() -> None:
    assert parse_line("//etc/passwd") == "/etc/passwd"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_known_completed_and_explained(name: str) -> None:
    argument = COMMANDS[name][0] and "some words"
    assert parse_line(f" /{name.upper()}  {argument} ".lstrip()) == ChatCommand(name, argument)
    assert f"/{name}" in complete_command("/" + name[:2])
    assert f"/{name}" in format_help()


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("/undoo", "there is no command /undoo; did you mean '/undo'?"),
        ("/", "there is no command /"),
        ("/undo 3", "/undo takes nothing"),
        ("/load", "/load takes FILE"),
    ],
)
def test_a_wrong_command_is_no_message(line: str, about: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_line(line)
    assert about in str(caught.value)


def test_the_list_of_commands_fits_into_80_columns() -> None:
    assert max(map(len, format_help().splitlines())) <= 80
