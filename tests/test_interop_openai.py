"""The client that most programs use for such APIs, written by others, against the emulator over a socket.

See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from nai_proto.emulator import Account
from nai_proto.secret import Password
from nai_proto.tier import Tier
from nai_transports.servers.serve import serve_in_thread

from .late_import import import_late
from .support import ByteTokenizer, an_emulator, switched

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam
else:
    openai = import_late("openai")

MODEL = "glm-4-6"
ONCE = "Once upon a time"
ASK: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "You tell tales."},
    {"role": "user", "content": "Tell me one."},
]


class Served:
    """An emulator on a socket, and the account that a client is for."""

    def __init__(self, url: str, owner: Account) -> None:
        self.base_url = url + "/oa/v1"
        self.owner = owner

    def client(self, key: str | None = None, **options: Any) -> openai.OpenAI:
        http = openai.DefaultHttpxClient(trust_env=False)
        return openai.OpenAI(api_key=key or self._key, base_url=self.base_url, http_client=http, **options)

    def async_client(self, **options: Any) -> openai.AsyncOpenAI:
        http = openai.DefaultAsyncHttpxClient(trust_env=False)
        return openai.AsyncOpenAI(api_key=self._key, base_url=self.base_url, http_client=http, **options)

    @property
    def _key(self) -> str:
        return self.owner.persistent_token.reveal()


@contextmanager
def emulating(*, tier: Tier = Tier.OPUS, ids: bool = False, pace: float = 0.0, **switches: Any) -> Generator[Served]:
    options: dict[str, Any] = {"tokenizers": lambda _: ByteTokenizer()} if ids else {}
    emulator, _ = an_emulator(pace=pace, **switched(**switches), **options)
    owner = emulator.add_account("reader@example.com", Password("p"), tier=tier)
    with serve_in_thread(emulator) as url:
        yield Served(url, owner)


def until(condition: Callable[[], bool]) -> None:
    """Waits for what the server does on its own thread."""
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


def running(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


# ---- what works


def test_models_are_listed() -> None:
    with emulating() as served, served.client() as client:
        page = client.models.list()
        assert [model.id for model in page.data] == ["glm-4-5", "glm-4-6", "xialong-v1"]
        assert [model.owned_by for model in page] == ["novelai"] * 3
        assert not page.has_next_page()


def test_a_completion_takes_the_first_model_of_the_list() -> None:
    with emulating() as served, served.client() as client:
        model = client.models.list().data[0].id
        answer = client.completions.create(model=model, prompt=ONCE, max_tokens=100, temperature=0.7, logprobs=2)
        (choice,) = answer.choices
        assert choice.text
        assert choice.finish_reason == "length"
        assert choice.logprobs is not None
        assert "".join(choice.logprobs.tokens or []) == choice.text
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 100
        assert len((choice.model_extra or {})["token_ids"]) == 100


def test_a_completion_takes_every_form_of_a_prompt() -> None:
    with emulating(ids=True) as served, served.client() as client:
        ids = ByteTokenizer().encode(ONCE)
        texts = []
        for prompt in (ONCE, [ONCE], ids, [ids]):
            answer = client.completions.create(model=MODEL, prompt=prompt, seed=3, max_tokens=20, n=2)
            texts.append([choice.text for choice in answer.choices])
        assert texts == [texts[0]] * 4
        assert len(set(texts[0])) == 2


def test_the_services_own_parameters_go_beside_the_others() -> None:
    with emulating() as served, served.client() as client:
        own = {"top_k": 5, "min_p": 0.02, "unified_linear": 1.1, "generation_prefix": "Well"}
        answer = client.completions.create(model=MODEL, prompt=ONCE, stop=[" the"], extra_body=own)
        assert answer.choices[0].text.startswith("Well")
        assert answer.choices[0].finish_reason == "stop"
        assert (answer.choices[0].model_extra or {})["stop_reason"] == " the"


def test_a_chat_has_a_message() -> None:
    with emulating() as served, served.client() as client:
        answer = client.chat.completions.create(model=MODEL, messages=ASK, extra_body={"enable_thinking": True})
        (choice,) = answer.choices
        assert choice.message.role == "assistant"
        assert choice.message.content
        assert choice.message.tool_calls is None
        assert (choice.message.model_extra or {})["reasoning_content"]
        assert choice.finish_reason == "stop"


def test_in_the_form_that_was_seen_there_is_no_message() -> None:
    with emulating(chat="observed") as served, served.client() as client:
        choice = client.chat.completions.create(model=MODEL, messages=ASK).choices[0]
        message: Any = choice.message
        assert message is None
        assert (choice.model_extra or {})["token_ids"]


def test_streams_give_the_whole_text() -> None:
    with emulating() as served, served.client() as client:
        whole = client.completions.create(model=MODEL, prompt=ONCE, max_tokens=50, seed=1).choices[0].text
        with client.completions.create(model=MODEL, prompt=ONCE, max_tokens=50, seed=1, stream=True) as stream:
            assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == whole

        content = client.chat.completions.create(model=MODEL, messages=ASK, seed=1).choices[0].message.content
        include: Any = {"include_usage": True}
        chunks = list(
            client.chat.completions.create(model=MODEL, messages=ASK, seed=1, stream=True, stream_options=include)
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == content
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None


def test_its_own_helper_assembles_a_chat() -> None:
    with emulating() as served, served.client() as client:
        whole = client.chat.completions.create(model=MODEL, messages=ASK, seed=1).choices[0].message.content
        with client.chat.completions.stream(model=MODEL, messages=ASK, seed=1) as stream:
            for _ in stream:
                pass
            assert stream.get_final_completion().choices[0].message.content == whole


@pytest.mark.parametrize(
    ("switch", "value"),
    [("newline", "crlf"), ("space", False), ("comments", True), ("write_size", 1), ("done", False)],
)
def test_streams_are_read_however_they_are_written(switch: str, value: Any) -> None:
    with emulating(**{switch: value}) as served, served.client() as client:
        stream = client.completions.create(model=MODEL, prompt=ONCE, max_tokens=20, stream=True)
        chunks = list(stream)
        assert len(chunks) == 20
        assert chunks[-1].choices[0].finish_reason == "length"


def test_tokens_are_counted() -> None:
    with emulating() as served, served.client() as client:
        body = {"model": "llama-3-erato-v1", "prompt": "Hello, world!"}
        document: Any = client.post("/internal/token-count", body=body, cast_to=object)
        assert document["length"] == len(document["encoded"]) > 0


def test_all_of_it_works_on_asyncio() -> None:
    async def main() -> None:
        async with served.async_client() as client:
            assert [model.id async for model in client.models.list()][1] == MODEL
            answer = await client.chat.completions.create(model=MODEL, messages=ASK, seed=2)
            stream = await client.chat.completions.create(model=MODEL, messages=ASK, seed=2, stream=True)
            texts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            assert "".join(texts) == answer.choices[0].message.content
            completions = await client.completions.create(model=MODEL, prompt=ONCE, max_tokens=9, stream=True)
            assert len([chunk async for chunk in completions]) == 9

    with emulating() as served:
        running(main)


# ---- clients that leave


def test_a_stream_that_is_closed_ends_the_generation_and_frees_the_account() -> None:
    with emulating(pace=0.01) as served, served.client(max_retries=0) as client:
        stream = client.completions.create(model=MODEL, prompt=ONCE, max_tokens=2000, stream=True)
        for _ in range(3):
            next(stream)
        assert served.owner.generating
        with pytest.raises(openai.RateLimitError, match="Concurrent generation is locked"):
            client.completions.create(model=MODEL, prompt=ONCE)
        stream.close()
        until(lambda: not served.owner.generating)
        record = served.owner.streams[-1]
        assert 2 <= record.chunks < 2000
        assert not record.complete
        assert client.completions.create(model=MODEL, prompt=ONCE, max_tokens=2).choices[0].text


def test_a_cancelled_task_ends_the_generation_also_while_nothing_comes() -> None:
    async def main() -> None:
        async with served.async_client(max_retries=0) as client:

            async def tell() -> None:
                stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
                async for _ in stream:
                    pass

            task = asyncio.create_task(tell())
            while not served.owner.streams or served.owner.streams[-1].chunks < 3:
                await asyncio.sleep(0.005)
            assert served.owner.generating
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while served.owner.generating:
                await asyncio.sleep(0.005)
            assert served.owner.streams[-1].chunks == 3
            assert (await client.models.list()).data

    with emulating(stall_after=3) as served:
        running(main)


def test_a_locked_account_is_tried_again_after_the_time_it_says() -> None:
    with emulating(pace=0.01, retry_after=1) as served, served.client() as client:
        stream = client.completions.create(model=MODEL, prompt=ONCE, max_tokens=40, stream=True)
        next(stream)
        assert client.completions.create(model=MODEL, prompt=ONCE, max_tokens=2).choices[0].text
        stream.close()


# ---- errors


@pytest.mark.parametrize("shape", ["gateway", "model_server"])
@pytest.mark.parametrize(
    ("status", "error", "ask"),
    [
        (400, "BadRequestError", lambda client: client.completions.create(model="gpt-17", prompt="x")),
        (404, "NotFoundError", lambda client: client.models.retrieve(MODEL)),
        (
            500,
            "InternalServerError",
            lambda client: client.completions.create(model=MODEL, prompt="x", logprobs=0),
        ),
    ],
)
def test_each_status_has_its_class(shape: str, status: int, error: str, ask: Callable[[openai.OpenAI], object]) -> None:
    class_: type[openai.APIStatusError] = getattr(openai, error)
    with emulating(errors=shape) as served, served.client(max_retries=0) as client, pytest.raises(class_) as raised:
        ask(client)
    assert raised.value.status_code == status
    assert raised.value.code == (str(status) if shape == "model_server" else None)


def test_a_wrong_key_is_an_authentication_error() -> None:
    with emulating() as served, served.client("pst-wrong") as client:
        with pytest.raises(openai.AuthenticationError, match="Unauthorized"):
            client.models.list()
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model=MODEL, messages=ASK, stream=True)


def test_without_a_subscription_there_are_no_models_and_402_has_no_class_of_its_own() -> None:
    with emulating(tier=Tier.PAPER) as served, served.client() as client:
        assert client.models.list().data == []
        with pytest.raises(openai.APIStatusError) as raised:
            client.chat.completions.create(model=MODEL, messages=ASK)
    assert type(raised.value) is openai.APIStatusError
    assert raised.value.status_code == 402


def test_a_model_of_a_higher_tier_is_a_permission_error() -> None:
    with emulating(tier=Tier.TABLET) as served, served.client() as client, pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="xialong-v1", messages=ASK)


@pytest.mark.parametrize(("form", "message"), [("object", "The generation failed."), ("text", "error")])
def test_an_error_in_mid_stream_comes_after_the_chunks(form: str, message: str) -> None:
    seen = []
    with emulating(error_after=2, error_form=form) as served, served.client() as client:
        with pytest.raises(openai.APIError, match=message):
            for chunk in client.completions.create(model=MODEL, prompt=ONCE, stream=True):
                seen.append(chunk)
        assert len(seen) == 2
        until(lambda: not served.owner.generating)


def test_a_connection_that_is_cut_is_a_connection_error() -> None:
    with emulating(cut_after=1000) as served, served.client(max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            list(client.completions.create(model=MODEL, prompt=ONCE, stream=True))
        until(lambda: not served.owner.generating)
