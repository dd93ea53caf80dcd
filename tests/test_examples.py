"""The examples do what they say, against the emulator and on each transport that they are for."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.emulator import Emulator
from nai_proto.testing.strategies import native_streams
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import memory, sync
from nai_transports import trio as on_trio
from nai_transports.pytest_plugin import EMAIL, PASSWORD
from nai_transports.tokenizer_files import load
from tests.examples import (
    channel_bot,
    chat_bot,
    client_properties,
    lorebook_explainer,
    picture_batch,
    replay_bug,
    selector_loop,
    story_backup,
    web_stream,
)
from tests.test_asgi import under_uvicorn
from tests.test_tokenizers import sentencepiece_file
from tests.webdriver import CHROMIUM, DRIVER, open_browser

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.py"))


@pytest.fixture(params=["memory", "sync", "httpx"])
def client(request: pytest.FixtureRequest, nai_emulator: Emulator, nai_server: str, nai_token: str) -> Iterator[Any]:
    """Each synchronous client."""
    with ExitStack() as closing:
        if request.param == "memory":
            session = nai.Session(token=nai_token, base_url="http://emulator.invalid")
            yield closing.enter_context(memory.Client(nai_emulator, session))
        else:
            kind = sync.Client if request.param == "sync" else on_httpx.Client
            yield closing.enter_context(kind(token=nai_token, base_url=nai_server))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, nai_server: str, nai_token: str) -> None:
    """What the programs read."""
    values = {"NAI_URL": nai_server, "NAI_TOKEN": nai_token, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that sets the arguments of a program."""
    return lambda *arguments: monkeypatch.setattr(sys, "argv", ["example", *map(str, arguments)])


# ---- all of them


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_what_it_shows_and_how_to_run_it(path: Path) -> None:
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    explained = ast.get_docstring(tree) or ""
    assert explained.partition("\n")[0].endswith((".", ":"))
    assert f"{path.name}" in explained.partition("::")[2]
    assert len(source.splitlines()) <= 170
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    public = [node for node in functions if not node.name.startswith(("_", "test_")) and node.col_offset <= 4]
    assert [node.name for node in public if node.col_offset == 0 and not ast.get_docstring(node)] == []
    assert any(node.name == "main" or node.name.startswith("test_") for node in functions)


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES} <= {*globals()}


# ---- a chat


def test_a_stopped_answer_stays_in_the_conversation(client: Any, nai_emulator: Emulator) -> None:
    nai_emulator.replies.add({"prompt": "dragon", "text": "It is green and sleeps on gold."})
    written: list[str] = []

    def write(text: str) -> None:
        written.append(text)
        if "green" in "".join(written):
            raise KeyboardInterrupt  # as Ctrl-C does

    chat = chat_bot.Chat(client)
    assert chat.ask("Which colour has the dragon?", write) is False
    said = chat.messages[-1]
    assert said.role == "assistant"
    assert "It is green and sleeps on gold.".startswith(said.content)
    assert said.content.startswith("It is")
    assert chat.ask("And then?", written.append) is True
    assert [message.role for message in chat.messages] == ["system", *["user", "assistant"] * 2]


def test_a_question_without_an_answer_leaves_the_conversation(client: Any, nai_emulator: Emulator) -> None:
    nai_emulator.replies.add({"status": 402})
    chat = chat_bot.Chat(client)
    with pytest.raises(nai.PaymentRequiredError):
        chat.ask("Hello?", str)
    assert [message.role for message in chat.messages] == ["system"]


@pytest.mark.usefixtures("environment")
def test_the_chat_goes_on_after_an_error_until_an_empty_line(
    nai_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nai_emulator.replies.add({"prompt": "one", "status": 402})
    nai_emulator.replies.add({"prompt": "two", "text": "Twice."})
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n\nthree\n"))
    chat_bot.main()
    printed = capsys.readouterr().out
    assert "[no answer: 402" in printed
    assert "Twice." in printed
    nai_emulator.requests.assert_not_sent("/oa/v1/chat/completions", prompt="three")


# ---- a backup


def test_a_backup_tells_what_is_new_since_the_last_one(
    client: Any, nai_emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back_up = partial(story_backup.back_up, client, EMAIL, PASSWORD, tmp_path / "backup")
    assert back_up() == []
    first = capsys.readouterr().out
    assert "  stories: 3\n" in first
    assert back_up() == []
    assert "backup 2: 0 new, 0 changed" in capsys.readouterr().out


@pytest.mark.usefixtures("environment")
def test_a_backup_that_is_not_complete_says_so(
    nai_emulator: Emulator, command_line: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line(tmp_path / "backup")
    nai_emulator.replies.add({"path": "/user/objects/presets", "status": 400, "times": None})
    assert story_backup.main() == 1
    assert "presets could not be listed" in capsys.readouterr().err
    nai_emulator.replies.clear()
    assert story_backup.main() == 0
    nai_emulator.replies.add({"path": "/user/login", "status": 401, "times": None})
    assert story_backup.main() == 1
    assert "the backup is not complete" in capsys.readouterr().err


# ---- pictures


PROMPTS = ["a lighthouse", "a red boat", "a storm"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, nai_emulator: Emulator) -> None:
    """Pictures that are drawn fast and are not free."""
    options = {"model": "nai-diffusion-3", "width": 64, "height": 64, "steps": 50}
    monkeypatch.setattr(picture_batch, "OPTIONS", options)


def anlas(client: Any) -> int:
    return int(client.run(nai.account.get_subscription()).anlas)


@pytest.mark.usefixtures("small")
def test_a_batch_stops_at_its_budget_and_pays_nothing_twice(client: Any, tmp_path: Path) -> None:
    before = anlas(client)
    assert picture_batch.draw_all(client, PROMPTS, tmp_path, 5) == PROMPTS[2:]
    assert anlas(client) == before - 4
    assert len([*tmp_path.glob("*.png")]) == 2
    assert picture_batch.draw_all(client, PROMPTS, tmp_path, 6) == []
    assert picture_batch.draw_all(client, PROMPTS, tmp_path, 100) == []
    assert anlas(client) == before - 6
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.glob("*.png"))


@pytest.mark.usefixtures("small")
def test_a_picture_that_may_have_been_paid_is_not_asked_for_again_but_a_refused_one_is(
    client: Any, nai_emulator: Emulator, tmp_path: Path
) -> None:
    nai_emulator.replies.add({"prompt": PROMPTS[0], "status": 500})
    nai_emulator.replies.add({"prompt": PROMPTS[1], "status": 400})
    assert picture_batch.draw_all(client, PROMPTS, tmp_path, 100) == PROMPTS[:2]
    assert picture_batch.draw_all(client, PROMPTS, tmp_path, 100) == PROMPTS[:1]
    nai_emulator.requests.assert_sent("/ai/generate-image", prompt=PROMPTS[0], times=1)
    nai_emulator.requests.assert_sent("/ai/generate-image", prompt=PROMPTS[1], times=2)


@pytest.mark.usefixtures("small")
def test_a_paid_picture_is_kept_elsewhere_if_its_directory_cannot_be_written(
    nai_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(picture_batch, "gettempdir", lambda: str(elsewhere))
    kept = picture_batch.keep(b"a picture", tmp_path / "gone" / "a.png")
    assert (kept, kept.read_bytes()) == (elsewhere / "a.png", b"a picture")


@pytest.mark.usefixtures("small", "environment")
def test_the_batch_of_a_file_ends_with_1_as_long_as_pictures_are_missing(command_line: Any, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("\n\n".join(PROMPTS), "utf-8")
    command_line(tmp_path / "prompts.txt", tmp_path / "pictures", 2)
    assert picture_batch.main() == 1
    command_line(tmp_path / "prompts.txt", tmp_path / "pictures", 6)
    assert picture_batch.main() == 0


# ---- a lorebook


def test_each_entry_is_explained(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tmp_path))
    book = nai.story.Lorebook.new()
    entries: dict[str, dict[str, Any]] = {
        "The dragon": {"keys": ["dragon"], "text": "Dragons hoard tea."},
        "The harbour": {"keys": ["/harbou?r/i"], "text": "The harbour is quiet."},
        "Rules": {"text": "Nobody dies.", "force_activation": True},
        "Off": {"text": "Never.", "enabled": False},
    }
    for title, fields in entries.items():
        book = book.with_entry(book.new_entry(title, display_name=title, **fields))
    library = client.run(nai.library.open_library(EMAIL, PASSWORD))
    story = library.find("the quiet").edit()
    story.append(" The harbour slept.", now=1.8e9)
    story.fields["lorebook"] = book.data
    client.run(library.save(story))
    explained = [
        *lorebook_explainer.explain(*lorebook_explainer.open_story(client, EMAIL, PASSWORD, "the quiet"), load)
    ]
    assert explained[0].endswith(" tokens, everything has room")
    assert {line.partition(":")[0] for line in explained[1:3]} == {"+ The harbour", "+ Rules"}
    assert {line.partition(":")[0] for line in explained[3:]} == {"- The dragon", "- Off"}
    (harbour,) = (line for line in explained if "The harbour" in line)
    assert "the key '/harbou?r/i' is in the story, at character " in harbour


@pytest.mark.usefixtures("environment")
def test_a_story_that_does_not_exist_is_told_with_its_neighbours(command_line: Any) -> None:
    command_line("no such story")
    with pytest.raises(nai.UnknownNameError):
        lorebook_explainer.main()


# ---- a page that streams


@pytest.fixture
def page(nai_server: str, nai_token: str) -> Iterator[str]:
    with under_uvicorn(web_stream.make_app(nai.Session(token=nai_token, base_url=nai_server))) as url:
        yield url


def test_the_browser_gets_the_story_as_events(page: str, nai_emulator: Emulator) -> None:
    nai_emulator.replies.add({"prompt": "Once", "text": "a dragon\nslept."})
    answer = httpx.get(f"{page}/tell", params={"prompt": "Once"})
    events = [event.partition("\ndata: ")[::2] for event in answer.text.split("\n\n") if event]
    assert "".join(json.loads(data) for name, data in events if name == "event: message") == "a dragon\nslept."
    assert [json.loads(data) for name, data in events if name == "event: end"] == ["finished: stop"]
    nai_emulator.replies.add({"prompt": "Once", "status": 402})
    assert "event: end" in httpx.get(f"{page}/tell", params={"prompt": "Once"}).text


def test_a_visitor_who_leaves_ends_the_generation(page: str, nai_emulator: Emulator) -> None:
    nai_emulator.replies.add({"prompt": "Once", "text": "and so on " * 200, "pace": 0.5})
    with httpx.stream("GET", f"{page}/tell", params={"prompt": "Once"}) as answer:
        next(answer.iter_raw())
    # The account's generation lock is free again: a generation that went on would keep it for minutes.
    assert "finished" in httpx.get(f"{page}/tell", params={"prompt": "Twice"}, timeout=50).text


@pytest.mark.timeout(120)
def test_a_browser_shows_the_story_while_it_is_written(page: str, nai_emulator: Emulator) -> None:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("NO BROWSER: install Chromium and ChromeDriver (Debian: chromium, chromium-driver)")
    nai_emulator.replies.add({"prompt": "harbour", "text": " was quiet <b>again</b>."})
    with open_browser() as browser:
        browser.open(page)
        browser.write("#prompt", "The harbour")
        browser.press("Enter")
        browser.wait_until("document.getElementById('state').textContent.startsWith('finished')")
        assert (
            browser.run("return document.getElementById('story').textContent") == "The harbour was quiet <b>again</b>."
        )
        assert browser.read_log() == []


# ---- a bot for chat services


class Channel:
    """Keeps what was sent, and each text that a message had."""

    def __init__(self) -> None:
        self.messages: list[list[str]] = []
        self.edited = anyio.Event()

    async def send(self, text: str) -> channel_bot.Message:
        texts = [text]
        self.messages.append(texts)
        channel = self

        class Sent:
            async def edit(self, text: str) -> None:
                texts.append(text)
                channel.edited.set()
                channel.edited = anyio.Event()

        return Sent()


ASYNC = {
    ("asyncio", "memory"): None,
    ("asyncio", "asyncio"): on_asyncio.Client,
    ("asyncio", "httpx"): on_httpx.AsyncClient,
    ("trio", "memory"): None,
    ("trio", "trio"): on_trio.Client,
    ("trio", "httpx"): on_httpx.AsyncClient,
}


@pytest.mark.parametrize(("backend", "kind"), ASYNC)
def test_a_bot_answers_one_message_of_a_user_at_a_time_and_stops(
    backend: str, kind: str, nai_emulator: Emulator, nai_server: str, nai_token: str
) -> None:
    nai_emulator.replies.add({"prompt": "long", "text": "and so on " * 50, "pace": 0.01})
    nai_emulator.replies.add({"prompt": "chest", "text": "Gold."})
    channel = Channel()

    async def main() -> None:
        make = ASYNC[backend, kind]
        session = nai.Session(token=nai_token, base_url=nai_server)
        async with memory.AsyncClient(nai_emulator, session) if make is None else make(session) as client:
            bot = channel_bot.Bot(client, edit_every_s=0)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bot.on_message, channel, "ann", "a long one")
                while len(channel.messages) == 0 or len(channel.messages[0]) < 3:
                    await channel.edited.wait()
                await bot.on_message(channel, "ann", "and another")
                await bot.on_message(channel, "ann", "!stop")
            await bot.on_message(channel, "ann", "What is in the chest?")
            await bot.on_message(channel, "ann", "!stop")

    anyio.run(main, backend=backend)
    stopped, refused, answered = channel.messages
    assert stopped[0] == "…"
    assert all(later.startswith(text) for text, later in pairwise(stopped[1:]))
    assert stopped[-1].endswith(" [stopped]")
    assert refused == ["ann, one thing at a time. !stop ends the answer."]
    assert answered[-1] == "Gold."


@pytest.mark.usefixtures("environment")
def test_the_bot_answers_the_lines_of_the_terminal(
    nai_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nai_emulator.replies.add({"prompt": "chest", "text": "Gold."})
    nai_emulator.replies.add({"prompt": "door", "status": 402})
    monkeypatch.setattr(sys, "stdin", io.StringIO("ann: the chest\nbob: the door\n"))
    channel_bot.main()
    printed = capsys.readouterr().out
    assert "Gold." in printed
    assert " [402" in printed


# ---- an event loop


@pytest.mark.usefixtures("environment")
def test_a_loop_over_selectors_tells_several_stories_at_once(
    nai_emulator: Emulator, command_line: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    nai_emulator.replies.add({"prompt": "sea", "text": " was calm.", "pace": 0.05})
    nai_emulator.replies.add({"prompt": "Once", "status": 429, "headers": {"Retry-After": "0"}})
    nai_emulator.replies.add({"prompt": "Once", "text": " there was."})
    command_line("The sea", "Once")
    selector_loop.main()
    assert sorted(capsys.readouterr().out.splitlines()) == ["Once there was.", "The sea was calm."]


def test_the_loops_connections_fail_as_those_of_the_library_do(
    nai_server: str, nai_emulator: Emulator, nai_token: str
) -> None:
    errors: list[nai.NaiError] = []

    def fail(session: nai.Session) -> selector_loop.Task:
        try:
            yield from selector_loop.drive(nai.text.generate_stream("x").with_options(retry=nai.NO_RETRY), session, str)
        except nai.NaiError as error:
            errors.append(error)

    nai_emulator.faults.add("cut:at=0")
    selector_loop.run_all(fail(nai.Session(base_url="http://127.0.0.1:1")))
    selector_loop.run_all(fail(nai.Session(base_url=nai_server, token=nai_token)))
    refused, cut = errors
    assert isinstance(refused, nai.TransportError)
    assert (refused.phase, refused.sent) == ("connect", False)
    assert isinstance(cut, nai.Truncated)


# ---- a recording


@pytest.mark.usefixtures("environment")
def test_a_recording_gives_the_same_result_without_the_service(
    nai_emulator: Emulator, nai_token: str, command_line: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "bug.jsonl"
    command_line("record", recording)
    replay_bug.main()
    recorded, sent = capsys.readouterr().out, len(nai_emulator.requests)
    command_line("replay", recording)
    replay_bug.main()
    assert (capsys.readouterr().out, len(nai_emulator.requests)) == (recorded, sent)
    assert nai_token not in recording.read_text("utf-8")
    assert sent == 2


# ---- properties of a client


PROPERTIES = [name for name in vars(client_properties) if name.startswith("test_")]


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_properties_of_the_client_hold(name: str) -> None:
    getattr(client_properties, name)()


def test_a_client_that_ends_a_sentence_with_a_token_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_properties.Narrator, "receive", lambda _, token: iter([token]))
    law: Any = client_properties.test_the_sentences_are_those_of_the_text_however_it_is_cut
    # Any failure will do: making the example smaller takes a thousand times as long as finding it.
    find = settings(deadline=None, max_examples=100, database=None, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        find(given(native_streams(), st.data())(law.hypothesis.inner_test))()
