"""What does it cost to read the chunks of an OpenAI-compatible endpoint, by the size of the reads, and with an unknown key?

The limit joins what was read, splits it at blank lines and hands what follows ``data:`` to msgspec, which passes over
unknown keys; ours keeps them. Of the peers, `openai` is that package's whole client over a transport in memory, which gives
typed chunks as ours does. The others give a decoder's events, and then ``json.loads`` of their data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, Final

import msgspec

import nai_proto as nai
from nai_proto.openai import ChatAccumulator, ChatChunk
from nai_proto.openai.chunk_stream import ChunkReader

from .data import NOTHING, READS, chunks, cut
from .report import Effort, Report, peer, timed
from .sse import count_with_httpx_sse, count_with_novelai_api, is_right

__all__ = ["measure"]

_LIMIT: Final = "limit: split + msgspec typed"
_OURS: Final = "ChunkReader"
_END: Final = b"[DONE]"
_OPERATION: Final = nai.openai.chat_completion_stream([nai.openai.Message.user("Once")])
_UNKNOWN: Final = {"system_fingerprint": "fp_1"}


class _Delta(msgspec.Struct):
    content: str | None = None
    role: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    index: int = 0
    finish_reason: str | None = None
    logprobs: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice]
    id: str = ""
    object: str = ""
    created: float = 0
    model: str = ""
    usage: Any = None


_decode: Final = msgspec.json.Decoder(_Chunk).decode


def _limit(reads: list[bytes]) -> int:
    said = (block.partition(b"data: ")[2] for block in b"".join(reads).split(b"\n\n") if block)
    return len([_decode(data) for data in said if data != _END])


def _reader(reads: list[bytes]) -> int:
    reader = ChunkReader(ChatChunk, ChatAccumulator, "benchmark", nai.Limits())
    count = sum([len(reader.receive_data(data)) for data in reads])
    reader.receive_eof()
    return count


def _call(reads: list[bytes]) -> int:
    call = nai.Call(_OPERATION)
    call.send()
    call.receive_head(nai.Head(200, nai.Headers.of(content_type="text/event-stream")))
    count = sum([len(call.receive_data(data)) for data in reads])
    call.receive_eof()
    return count


def _openai(module: Any) -> Callable[[list[bytes]], int]:
    base = module.DefaultHttpxClient.__mro__[1]
    http: Any = import_module(base.__module__.partition(".")[0])  # httpx, or its successor

    class Stream(http.SyncByteStream):  # type: ignore[misc]
        def __init__(self, reads: list[bytes]) -> None:
            self._reads = reads

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._reads)

    def run(reads: list[bytes]) -> int:
        answer = http.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Stream(reads))
        with http.Client(transport=http.MockTransport(_answer_with(answer))) as link:
            client = module.OpenAI(api_key="x", base_url="http://benchmark.invalid", http_client=link)
            messages = [{"role": "user", "content": "Once"}]
            return len([*client.chat.completions.create(model="glm-4-6", messages=messages, stream=True)])

    return run


def _answer_with(response: object) -> Callable[[object], object]:
    return lambda _: response


def measure(effort: Effort) -> Report:
    """µs of CPU per chunk, by read size."""
    report = Report("µs per chunk of a chat from bytes to typed values", _LIMIT)
    subjects: dict[str, Callable[[list[bytes]], int]] = {_LIMIT: _limit, _OURS: _reader, "Call": _call}
    makers = (
        ("httpx_sse", partial(count_with_httpx_sse, end=_END.decode())),
        ("novelai_api._low_level", partial(count_with_novelai_api, end=_END.decode())),
        ("openai", _openai),
    )
    for name, make in makers:
        if module := peer(report, name):
            subjects[name.partition(".")[0]] = make(module)
    for what, extra, most in (("", NOTHING, 1.8), (", an unknown key", _UNKNOWN, 3.0)):
        blocks = chunks(effort.of(4_000), extra)
        for read in ("64 KiB", "1400 B", "one chunk"):
            case = read + what
            reads = cut(b"".join(blocks), READS[read]) if read in READS else blocks
            count = len(blocks) - 1
            able = {name: run for name, run in subjects.items() if is_right(report, case, name, run, reads, count)}
            values = timed({name: partial(run, reads) for name, run in able.items()}, effort, per=count)
            at_most = {_OURS: most} if read in READS else {}
            faster = {"openai": 50.0, "novelai_api": 3.5} if at_most and not extra else {}
            report.add(case, values, "µs", reference=_LIMIT, at_most=at_most, ours=_OURS, faster=faster)
    return report
