"""Other people's clients, unmodified, run a whole session each against ``nai emulate``, over two servers.

Each runs in an environment of its own that holds the client and nothing of ours (`environments`), as a program of named
checks (`sessions`): against the emulator's own server, and at the same time against another emulator under uvicorn
(`under_uvicorn`). Each check is counted here. Where the environments cannot be made, this is skipped, and says so.

The ordinary run of the tests leaves this folder out, since it needs a package registry: `norecursedirs` names it, because
a marker that is deselected by default comes back with every ``-m`` of somebody's own. It runs when it is asked for:

    python -m pytest tests/interop

See:
    docs/protocol/native.md#19-public-names-of-the-documented-library
    docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import pytest

from .environments import ENVIRONMENTS, PATIENCE, Environment, NotMade
from .tally import TALLIES, Tally

pytestmark = pytest.mark.timeout(PATIENCE + 300)

_HERE: Final = Path(__file__).parent
SERVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "its own server": ("-m", "nai_proto"),
    "uvicorn": (str(_HERE / "under_uvicorn.py"),),
}
"""How Python starts the command `nai` for each server."""
EMULATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "plain": (),
    "slow": ("--pace", "0.02", "--switch", "retry_after=1"),
    "apart": ("--hosts", "strict", "--switch", "old_routes=true"),
}
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "novelai_api": ("plain", "apart"),
    "openai": ("plain", "slow"),
    "nekoai": ("apart",),
    "novelai_sdk": ("plain",),
}
"""The emulators of each session."""
LEAST: Final = {"novelai_api": 190, "openai": 50, "nekoai": 40, "novelai_sdk": 50}
"""Checks that have to pass: a session that was cut down is no session."""
SESSION: Final = 240.0  # seconds

Made: TypeAlias = Mapping[Environment, "Future[str | None]"]


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    """All environments, each with the reason why it is not there, if it is not. They are made while sessions run."""
    until = time.monotonic() + PATIENCE
    with ThreadPoolExecutor(2) as pool:
        yield {environment: pool.submit(_why_not, environment, until) for environment in ENVIRONMENTS}


def _why_not(environment: Environment, until: float) -> str | None:
    try:
        environment.make(until)
    except NotMade as why:
        return str(why)
    return None


@contextmanager
def _emulators(session: str, server: str, made: Made) -> Iterator[str]:
    """What the emulators of one session printed: made for it alone, with the tokenizer files that a client brings."""
    folders = [
        folder
        for environment, why_not in made.items()
        if environment.session == "novelai_api" and why_not.result() is None
        if (folder := environment.site_packages() / "novelai_api" / "tokenizers").is_dir()
    ]
    with ExitStack() as stack:
        begun = {name: stack.enter_context(_emulating(server, EMULATORS[name], folders)) for name in NEEDED[session]}
        yield json.dumps({name: json.loads(printed.readline()) for name, printed in begun.items()})


@contextmanager
def _emulating(server: str, arguments: tuple[str, ...], tokenizers: list[Path]) -> Iterator[IO[str]]:
    environment = {**os.environ, **({"NAI_TOKENIZER_DIR": str(tokenizers[0])} if tokenizers else {})}
    command = [sys.executable, *SERVERS[server], "emulate", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.terminate()


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)
def test_a_whole_session_of(environment: Environment, made: Made, subtests: pytest.Subtests) -> None:
    missing = made[environment].result()
    tallies = {server: Tally(missing) for server in SERVERS}
    TALLIES.update({f"{environment.title}, {server}": tally for server, tally in tallies.items()})
    if missing is not None:
        pytest.skip(f"no environment for {environment.title}: {missing}")
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        sessions = {server: pool.submit(_run, environment, server, made) for server in SERVERS}
    for server, session in sessions.items():
        done = session.result()
        checks = [json.loads(line) for line in done.stdout.splitlines()]
        for check in checks:
            with subtests.test(check["check"], server=server):
                tallies[server].count(check)
                if not check["ok"]:
                    pytest.fail(check["why"], pytrace=False)
        with subtests.test("the whole session", server=server):
            assert not done.returncode, f"the session ended before its last check:\n{done.stderr[-4000:]}"
            names = [check["check"] for check in checks]
            assert len(set(names)) == len(names), "two checks have one name"
            assert tallies[server].passed >= LEAST[environment.session]


def _run(environment: Environment, server: str, made: Made) -> subprocess.CompletedProcess[Any]:
    """A session, in its environment and in nobody's else: no variable of this one's reaches it."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    command = [str(environment.python), "-X", "utf8", "-m", f"sessions.{environment.session}"]
    with _emulators(environment.session, server, made) as emulators:
        return subprocess.run(
            command, cwd=_HERE, env={"NAI_INTEROP": emulators, "NO_PROXY": "*", **inherited}, capture_output=True,
            encoding="utf-8", timeout=SESSION, check=False,
        )  # fmt: skip


_INHERITED: Final = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP")
