"""The pytest plugin: fixtures with an emulator, an account and clients, and reports that list what was asked."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio

import nai_proto as nai
from nai_proto.account import login
from nai_proto.emulator import Emulator
from nai_proto.errors import StreamError
from nai_transports import httpx as httpx_driver
from nai_transports import memory, pytest_plugin
from nai_transports import sync as sync_driver
from tests.forked_python import forked_python


def test_the_client_has_an_account(nai_client: memory.Client, nai_emulator: Emulator) -> None:
    assert nai_client.run(nai.text.generate("Once")).text
    nai_client.run(login(pytest_plugin.EMAIL, pytest_plugin.PASSWORD))
    nai_emulator.requests.assert_sent("/ai/generate", times=1)


@pytest.mark.parametrize("run", [asyncio.run, lambda coroutine: trio.run(lambda: coroutine)])
def test_the_async_client_runs_on_asyncio_and_trio(
    run: object, nai_async_client: memory.AsyncClient, nai_emulator: Emulator
) -> None:
    nai_emulator.replies.add({"status": 503, "headers": {"Retry-After": "60"}}, {"text": " a dragon."})

    async def main() -> list[str]:
        async with nai_async_client as client, client.stream(nai.text.generate_stream("Once")) as stream:
            return [token.text async for token in stream]

    assert callable(run)
    start = nai_emulator.clock()
    assert "".join(run(main())) == " a dragon."
    assert nai_emulator.clock() - start >= 60.0


@pytest.mark.parametrize("driver", [sync_driver, httpx_driver])
def test_the_server_is_the_same_emulator(
    driver: object, nai_server: str, nai_token: str, nai_emulator: Emulator
) -> None:
    nai_emulator.replies.add({"text": " a dragon."})
    with driver.Client(token=nai_token, base_url=nai_server) as client:  # type: ignore[attr-defined]
        assert client.run(nai.text.generate("Once")).text == " a dragon."
    assert nai_emulator.requests[-1].account == pytest_plugin.EMAIL


def test_faults_are_set_in_one_line(nai_client: memory.Client, nai_emulator: Emulator) -> None:
    nai_emulator.faults.add("error:at=2")
    with pytest.raises(StreamError):
        nai_client.run(nai.text.generate_stream("Once"))


def run_pytest(path: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of a file or a directory in a process of their own."""
    code = "import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"
    command = [*forked_python(), "-c", code, "-q", "-p", "no:cacheprovider", str(path)]
    directory = path if path.is_dir() else path.parent
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_the_report_of_a_failure_lists_what_was_asked(tmp_path: Path) -> None:
    source = (
        "import nai_proto as nai\n"
        "def test_it(nai_client, nai_emulator):\n"
        "    nai_client.run(nai.text.generate('Once'))\n"
        "    nai_emulator.requests.assert_sent('/ai/upscale')\n"
    )
    (path := tmp_path / "test_it.py").write_text(source)
    done = run_pytest(path)
    assert "expected a request with path '/ai/upscale', got 0; all requests: " in done.stdout
    assert "requests that the emulator got" in done.stdout
    assert "1. <POST /ai/generate kayra-v1 200>" in done.stdout


def test_the_report_of_a_failure_lists_the_replies_and_faults_that_are_left(tmp_path: Path) -> None:
    source = (
        "import nai_proto as nai\n"
        "def test_it(nai_client, nai_emulator):\n"
        "    nai_emulator.replies.add({'prompt': 'Once', 'text': 'a'}, {'prompt': 'dragon', 'text': 'b', 'times': 2})\n"
        "    nai_emulator.replies.add({'prompt': 'any', 'text': 'c', 'times': None})\n"
        "    nai_emulator.faults.add('cut:at=1,path=/ai/upscale,times=1')\n"
        "    assert nai_client.run(nai.text.generate('Once')).text == 'b'\n"
        "def test_that_passes(nai_emulator):\n"
        "    nai_emulator.replies.add({'text': 'nobody asks'})\n"
    )
    (path := tmp_path / "test_it.py").write_text(source)
    done = run_pytest(path)
    assert "1 failed, 1 passed" in done.stdout
    replies = done.stdout.partition("scripted replies that are left")[2].partition("faults that are left")
    assert re.findall(r"^  \d\. .*$", replies[0], re.M) == ["  1. ScriptedReply(prompt='dragon', times=2, text='b')"]
    assert "  1. CutOff(at=1," in replies[2]


def test_an_emulator_of_the_project_takes_the_place_of_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "from nai_proto.emulator import Emulator\n"
        "@pytest.fixture\n"
        "def nai_emulator(): return Emulator()\n"
    )
    (tmp_path / "test_it.py").write_text("def test_it(nai_client): pass\n")
    done = run_pytest(tmp_path)
    assert "nai_emulator has no account: add one by add_account" in done.stdout


def test_the_tests_in_the_documentation_pass_and_are_short(tmp_path: Path) -> None:
    pages = [(Path(nai.__file__).parent / "docs" / name).read_text("utf-8") for name in ("testing.md", "tutorial.md")]
    blocks = [block for page in pages for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)]
    blocks = [block for block in blocks if "def test_" in block]
    blocks = [block for block in blocks if "@given" not in block]  # a law is a program of test_readme
    for number, block in enumerate(blocks):
        (tmp_path / f"test_{number}.py").write_text(block)
        assert len([line for line in block.splitlines() if line.strip()]) <= 10
    done = run_pytest(tmp_path)
    assert (len(blocks), done.returncode) == (6, 0), done.stdout


def test_the_plugin_imports_nothing_of_ours_when_pytest_starts() -> None:
    code = (
        "import nai_transports.pytest_plugin, sys; "
        "print([name for name in sys.modules if name.startswith(('nai_proto', 'nai_transports.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['nai_transports.pytest_plugin']"
