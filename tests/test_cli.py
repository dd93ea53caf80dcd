"""The `nai` command, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from nai_proto import account, text
from nai_proto.__main__ import main
from nai_proto.emulator.faults import FAULTS, describe_faults
from nai_proto.errors import RateLimitError, StreamError, Truncated
from nai_proto.exchange.actions import Steps
from nai_proto.exchange.flow import flow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.library import open_library
from nai_proto.secret import PersistentToken
from nai_transports.cli.app import app
from nai_transports.cli.command_table import ALIASES, COMMANDS, FIRST_PAGE, LIBRARY, STORY, TOPICS, format_first_page
from nai_transports.installer import explain_install
from nai_transports.servers.serve import serve_in_thread
from tests.forked_python import forked_nai
from tests.support import an_emulator, at, with_token
from tests.test_tokenizers import sentencepiece_file

NAI = [sys.executable, "-c", "from nai_transports.cli import main; main()"]


def nai(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*forked_nai(), *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", **environment},
    )


def test_python_m_nai_proto_is_the_command() -> None:
    def run_module(*arguments: str) -> str:
        line = [sys.executable, "-m", "nai_proto", *arguments]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
        return subprocess.run(line, capture_output=True, text=True, timeout=50, check=True, env=environment).stdout

    assert run_module("--version") == nai("--version").stdout
    assert run_module("presets", "list", "--model", "erato") == nai("presets", "list", "--model", "erato").stdout


def test_python_m_nai_proto_says_which_extra_it_needs() -> None:
    code = "import runpy, sys; sys.modules['typer'] = None; runpy.run_module('nai_proto', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, "demo"], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"The nai command needs the extra cli: {explain_install('cli')}\n"


def test_python_m_nai_proto_says_that_the_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.distribution", find_nothing)
    with pytest.raises(SystemExit, match="The command nai is not installed: the extra 'cli' of nai-proto has it"):
        main()


@contextmanager
def run_emulator(
    *arguments: str, command: str = "emulate", **environment: str
) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    line, pipe = [*forked_nai(), command, *arguments], subprocess.PIPE
    with subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **environment}) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            process.kill()
            process.communicate()  # its end


@pytest.fixture(scope="module")
def tokenizer_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with a small tokenizer file under the name of Kayra's."""
    directory = tmp_path_factory.mktemp("tokenizers")
    (directory / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    return {"NAI_TOKENIZER_DIR": str(directory)}


@pytest.fixture
def no_tokenizers(tmp_path: Path) -> dict[str, str]:
    """An environment in which no tokenizer file is to be had, from anywhere."""
    proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9")
    return {"NAI_TOKENIZER_DIR": "", "XDG_CACHE_HOME": str(tmp_path), "PIP_NO_INDEX": "1", **proxy}


def get_vocabulary(ready: dict[str, Any]) -> str | None:
    """Return what an emulator says of the tokens of a text."""
    sent = {"input": "Once", "model": "kayra-v1", "parameters": {"max_length": 2}}
    signed = {"Authorization": f"Bearer {ready['token']}"}
    with httpx.Client(base_url=ready["url"], headers=signed, trust_env=False) as http:
        vocabulary: str | None = http.post("/ai/generate", json=sent).headers.get("x-emulator-vocabulary")
    return vocabulary


def test_emulate_accepts_token_ids_if_the_tokenizer_is_found(tokenizer_files: dict[str, str]) -> None:
    with run_emulator(**tokenizer_files) as (ready, _):
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        outcome = at("asyncio", session, [lambda: text.generate_stream([5, 6, 7], max_length=5)])[0]
        assert outcome.error is None
        assert len(outcome.result.ids) == 5
        assert get_vocabulary(ready) is None


def test_emulate_refuses_token_ids_without_a_tokenizer_and_says_why(no_tokenizers: dict[str, str]) -> None:
    with run_emulator(**no_tokenizers) as (ready, process):
        assert get_vocabulary(ready) == "own"
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        outcomes = at("asyncio", session, [lambda: text.generate([5, 6, 7]), lambda: text.generate("Once")])
        assert "no tokenizer of kayra-v1" in str(outcomes[0].error)
        assert outcomes[1].error is None
        process.terminate()
        assert process.stderr is not None
        assert "other requests that have token ids get 501" in process.stderr.read()


def test_emulate_prints_its_address_and_credentials() -> None:
    with run_emulator() as (ready, _):
        assert [*ready] == ["url", "hosts", "email", "password", "token", "key", "console"]
        assert ready["hosts"] is ready["console"] is None
        assert ready["token"].startswith("pst-")

        @flow
        def program() -> Steps[text.Token, text.Completion]:
            token = yield from account.login(ready["email"], ready["password"])
            return (yield from with_token(token, text.generate_stream("Once", max_length=5)))

        outcome = at("asyncio", Session(base_url=ready["url"]), [program])[0]
        assert outcome.error is None
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        assert at("asyncio", session, [lambda: text.generate("Once", max_length=5)])[0].error is None


def test_emulate_uses_the_given_credentials() -> None:
    with run_emulator("--email", "a@b.example", "--password", "open sesame", "--token", "pst-abc") as (ready, _):
        assert (ready["email"], ready["password"], ready["token"]) == ("a@b.example", "open sesame", "pst-abc")


@pytest.mark.parametrize(("arguments", "stories"), [((), 3), (("--empty",), 0)])
def test_emulate_has_an_account_with_stories_or_one_without(arguments: tuple[str, ...], stories: int) -> None:
    with run_emulator(*arguments) as (ready, _):
        outcome = at("trio", Session(base_url=ready["url"]), [lambda: open_library(ready["email"], ready["password"])])[
            0
        ]
        assert outcome.error is None
        assert [story.ok for story in outcome.result.stories] == [True] * stories


def test_emulate_injects_faults_by_option_and_by_http() -> None:
    import httpx

    def stream() -> Operation[text.Token, text.Completion]:
        return text.generate_stream("Once", max_length=5).with_options(retry=NO_RETRY)

    with run_emulator("--fault", "error:at=2,times=1", "--fault", "refuse:status=503,path=/oa") as (ready, _):
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        failed, fine = at("asyncio", session, [stream, stream])
        assert isinstance(failed.error, StreamError)
        assert (len(failed.events), fine.error) == (2, None)
        with httpx.Client(base_url=ready["url"], headers={"X-Emulator-Key": ready["key"]}) as control:
            faults = {"faults": [{"fault": "refuse", "status": 503, "path": "/oa"}]}
            assert control.get("/_emulator/faults").json() == faults
            assert control.delete("/_emulator/faults").json() == {"faults": []}
            assert control.post("/_emulator/faults", json={"fault": "cut", "at": 20}).status_code == 200
        assert isinstance(at("asyncio", session, [stream])[0].error, Truncated)


def test_emulate_answers_as_a_file_of_replies_says(tmp_path: Path) -> None:
    (tmp_path / "dragon.png").write_bytes(b"\x89PNG")
    replies = [
        {"path": "/ai/generate", "model": "kayra-v1", "prompt": "dragon", "times": 1, "text": " a small green dragon."},
        {"path": "/ai/generate-stream", "status": 429, "headers": {"Retry-After": "2"}, "json": {"message": "busy"}},
        {"picture": "@dragon.png"},
    ]
    (tmp_path / "replies.json").write_text(json.dumps(replies))
    with run_emulator("--reply", str(tmp_path / "replies.json")) as (ready, _):
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        done, refused = at(
            "sync",
            session,
            [
                lambda: text.generate("A dragon", model="kayra-v1"),
                lambda: text.generate_stream("Once").with_options(retry=NO_RETRY),
            ],
        )
        assert done.result.text == " a small green dragon."
        assert isinstance(refused.error, RateLimitError)
        assert refused.error.retry_after == 2.0


@pytest.mark.parametrize(
    ("content", "problem", "status"),
    [
        ("[", "JSON is cut short (byte 1)", 1),
        ("\ufeff[{}]", "a reply has a text, chunks", 2),
        ('[{"text": "a",}]', "not JSON (byte 14)", 1),
        ('[{"picture": "@\\u0000"}]', "no file can have this name", 1),
        ('[{"text": "a"}, {"text": 3}]', "replies[1]: a reply's text", 2),
        ('[{"txt": "a"}]', "a reply has no 'txt'", 2),
        ('[{"picture": "@nothing.png"}]', "nothing.png", 1),
    ],
)
def test_a_wrong_file_of_replies_is_an_error_that_names_the_problem(
    tmp_path: Path, content: str, problem: str, status: int
) -> None:
    (tmp_path / "replies.json").write_text(content)
    done = nai("emulate", "--reply", str(tmp_path / "replies.json"))
    assert done.returncode == status
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


_PRINT_ACCOUNT = (
    "import os, sys, urllib.request as web; "
    "print(*[os.environ['NAI_' + name] for name in ('URL', 'EMAIL', 'TOKEN', 'PASSWORD')]); "
    "print(web.urlopen(os.environ['NAI_URL']).read().decode()); sys.exit(7)"
)


def test_emulate_runs_a_command_and_ends_with_its_exit_status() -> None:
    done = nai("emulate", "--password", "secret", "--", sys.executable, "-c", _PRINT_ACCOUNT)
    assert done.returncode == 7, done.stderr
    account, body = done.stdout.splitlines()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ writer@example\.com pst-\S+ secret", account)
    assert body == "OK"


def test_the_options_of_a_command_are_not_those_of_emulate() -> None:
    line = [sys.executable, "-c", "import sys; print(sys.argv[1:])", "--port", "x", "--", "--help"]
    for dashes in ([], ["--"]):
        assert nai("emulate", *dashes, *line).stdout == "['--port', 'x', '--', '--help']\n"


def test_emulate_runs_nai_itself_with_its_account_whatever_profile_there_is(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text('[default]\nurl = "http://127.0.0.1:9"\nemail = "me@example.com"\n')
    inner = [*forked_nai(), "library", "list", "--json"]
    done = nai("emulate", "--", *inner, NAI_CONFIG_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [story["title"] for story in json.loads(done.stdout)][:1] == ["The Quiet Harbour"]


@pytest.mark.parametrize("source", ["--to", "NAI_URL", "the profile default"])
def test_what_a_command_does_is_recorded_and_replayed_around_it(tmp_path: Path, source: str) -> None:
    recording = str(tmp_path / "session.jsonl")
    program = [*forked_nai(), "subscription", "--json"]
    emulator, owner = an_emulator()
    with serve_in_thread(emulator) as url:
        closed = "http://127.0.0.1:9"
        (tmp_path / "profiles.toml").write_text(f'[default]\nurl = "{url if "profile" in source else closed}"\n')
        recorded = nai(
            *("record", recording, *(["--to", url] if source == "--to" else []), "--", *program),
            NAI_TOKEN=owner.persistent_token.reveal(),
            NAI_URL={"--to": closed, "NAI_URL": url}.get(source, ""),
            NAI_CONFIG_DIR=str(tmp_path),
        )
    note = f"nai record: forwarding to {url}, which is from {source}; --to URL forwards elsewhere\n"
    assert recorded.stderr == ("" if source == "--to" else note)
    replayed = nai("replay", recording, "--", *program, NAI_TOKEN="")
    assert recorded.returncode == replayed.returncode == 0, recorded.stderr + replayed.stderr
    assert json.loads(recorded.stdout) == json.loads(replayed.stdout)


@pytest.mark.parametrize(("token", "notes"), [("", 1), ("pst-mine", 0)])
def test_whoever_records_nai_without_credentials_is_told_to_set_them(tmp_path: Path, token: str, notes: int) -> None:
    program = tmp_path / "nai"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    recording = str(tmp_path / "session.jsonl")
    done = nai("record", recording, "--", str(program), NAI_TOKEN=token, NAI_EMAIL="", NAI_PASSWORD="")
    assert done.returncode == 0, done.stderr
    said = "nai record: the command does not get what `nai login` keeps: set NAI_TOKEN, or NAI_EMAIL and NAI_PASSWORD"
    assert done.stderr.count(said) == notes


@pytest.mark.parametrize(("given", "token"), [("", "pst-anything"), ("pst-mine", "pst-mine")])
def test_a_replay_gives_its_command_credentials_if_there_are_none(tmp_path: Path, given: str, token: str) -> None:
    recording = str(tmp_path / "session.jsonl")
    assert nai("record", recording, "--", sys.executable, "-c", "").returncode == 0
    show = "import os, sys; print(os.environ['NAI_TOKEN']); sys.exit(7)"
    done = nai("replay", recording, "--", sys.executable, "-c", show, NAI_TOKEN=given, NAI_EMAIL="", NAI_PASSWORD="")
    assert (done.returncode, done.stdout) == (7, f"{token}\n"), done.stderr


@pytest.mark.parametrize("command", ["record", "replay"])
def test_a_wrong_command_behind_a_recording_is_token(tmp_path: Path, command: str) -> None:
    recording = str(tmp_path / "session.jsonl")
    if command == "replay":
        assert nai("record", recording, "--", sys.executable, "-c", "").returncode == 0
    done = nai(command, recording, "8902")
    assert done.returncode == 2
    assert done.stderr == f"nai {command}: '8902' is no command to run; type: nai {command} {recording} --port 8902\n"
    Path(recording).unlink(missing_ok=command == "record")
    done = nai(command, recording, "--", "no-such-program")
    assert (done.returncode, Path(recording).exists()) == (127, False)
    assert f"there is no command no-such-program to run; options go before it (see nai {command} --help)" in done.stderr


def test_a_command_that_does_not_exist_has_the_status_of_a_shell(tmp_path: Path) -> None:
    done = nai("emulate", "--", "no-such-program")
    assert done.returncode == 127
    assert (
        done.stderr
        == "nai emulate: there is no command no-such-program to run; options go before it (see nai emulate --help)\n"
    )
    done = nai("emulate", "--json", "--", str(tmp_path))
    assert done.returncode == 126
    error = json.loads(done.stderr)["error"]
    assert (error["kind"], error["exit_status"]) == ("program", 126)


def test_a_command_that_a_signal_ended_has_the_status_of_a_shell() -> None:
    done = nai("emulate", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert done.returncode == 137


@contextmanager
def run_under_emulate(
    ready: Path, program: str, *, shares_group: bool = False
) -> Generator[subprocess.Popen[str], None, None]:
    """A program under `nai emulate`, in a process group of their own or not, that has touched a file when it is ready."""
    code = f"import pathlib, signal, time; ready = pathlib.Path({str(ready)!r}); {program}"
    line = [*(NAI if shares_group else forked_nai()), "emulate", "--", sys.executable, "-c", code]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield process


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_a_signal_to_emulate_ends_its_command(tmp_path: Path) -> None:
    with run_under_emulate(tmp_path / "ready", "ready.touch(); time.sleep(60)") as process:
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM


_REPORT_AFTER_CTRL_C = """
try:
    ready.touch()
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    print("report")
    raise SystemExit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups there")
def test_an_interrupt_of_emulate_alone_interrupts_its_command_each_time(tmp_path: Path) -> None:
    with run_under_emulate(tmp_path / "ready", "ready.touch(); time.sleep(60)") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT
    with run_under_emulate(tmp_path / "again", _COUNT_INTERRUPTS) as process:
        for expected in ("1\n", "2\n"):
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            assert process.stdout.readline() == expected
        assert process.wait(30) == 4


_COUNT_INTERRUPTS = """
for count in (1, 2):
    try:
        ready.touch()
        time.sleep(60)
    except KeyboardInterrupt:
        print(count, flush=True)
raise SystemExit(4)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups there")
def test_ctrl_c_lets_the_command_end_by_itself(tmp_path: Path) -> None:
    with run_under_emulate(tmp_path / "ready", _REPORT_AFTER_CTRL_C, shares_group=True) as process:
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "report\n"
        assert process.returncode == 3


def test_emulate_prints_lines_for_a_shell() -> None:
    with subprocess.Popen(
        [*forked_nai(), "emulate", "--export", "--password", "it's"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.kill()
    done = subprocess.run(
        ["sh", "-c", "".join(lines) + 'printf "%s" "$NAI_PASSWORD"'], stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == "it's"
    assert [line.partition("=")[0] for line in lines] == [
        "export NAI_URL",
        "export NAI_TOKEN",
        "export NAI_EMAIL",
        "export NAI_PASSWORD",
    ]


def test_an_unknown_fault_is_a_usage_error() -> None:
    done = nai("emulate", "--fault", "cut:after=3")
    assert done.returncode == 2
    assert "no option of cut is called 'after'; there are at, method, path, endpoint, times" in done.stderr
    assert "Traceback" not in done.stderr


def test_emulate_has_gift_keys_to_redeem() -> None:
    with run_emulator("--tier", "paper", "--gift-key", "a=present=scroll") as (ready, _):
        token = PersistentToken(ready["token"])
        binding = account.bind_subscription("giftkey", "a=present")
        flows = [lambda: with_token(token, binding), lambda: with_token(token, account.get_subscription())]
        bound, subscribed = at("asyncio", Session(base_url=ready["url"]), flows)
    assert bound.error is None
    assert subscribed.result.tier.name == "SCROLL"
    for wrong in ("scroll", "=scroll", "a=golden"):
        done = nai("emulate", "--gift-key", wrong)
        assert done.returncode == 2
        assert "KEY=TIER" in done.stderr


def test_emulate_lists_all_faults() -> None:
    done = nai("emulate", "--list-faults")
    assert done.returncode == 0
    assert done.stdout == describe_faults() + "\n"
    listed = json.loads(nai("emulate", "--list-faults", "--json").stdout)
    assert [each["name"] for each in listed] == [*FAULTS]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_emulate_stops_cleanly_on_a_signal_in_mid_stream(number: int) -> None:
    with run_emulator("--pace", "0.05") as (ready, process):
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        actions: list[Any] = []

        @flow
        def program() -> Steps[text.Token, None]:
            steps = iter(text.generate_stream("Once", max_length=150))
            incoming: Any = None
            while True:
                action = steps.send(incoming)
                actions.append(action)
                if len(actions) == 8:
                    process.send_signal(number)
                incoming = yield action

        outcome = at("asyncio", session, [program])[0]
        assert outcome.error is not None
        assert process.wait(20) == 0


def test_an_invalid_token_is_a_usage_error() -> None:
    done = nai("emulate", "--token", "abc")
    assert done.returncode == 2
    assert "pst-" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_extra_the_command_says_what_to_install() -> None:
    program = "import sys; sys.modules['typer'] = None; from nai_transports.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "demo"], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    assert "pip install '.[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_the_packages(option: str) -> None:
    from importlib.metadata import version

    assert nai(option).stdout.strip() == version("nai-proto")
    assert CliRunner().invoke(app, [option]).stdout.strip() == version("nai-proto")


# ---- the tree of commands


def test_the_first_page_is_what_typer_would_print() -> None:
    for arguments in ((), ("--help",), ("-h",), ("help",)):
        assert nai(*arguments).stdout == format_first_page()
    assert CliRunner().invoke(app, ["--help"]).stdout.strip() == format_first_page().strip()


def test_the_first_page_has_every_command_once_on_one_screen() -> None:
    named = [name for lines in FIRST_PAGE.values() for line in lines for name in line.names]
    assert named == [*COMMANDS]
    lines = format_first_page().splitlines()
    assert len(lines) <= 23  # and the shell's prompt
    assert max(map(len, lines)) <= 80
    assert f"help {', '.join(TOPICS)}" in lines[-1]


@pytest.mark.parametrize("group", [(), ("story",), ("library",)])
def test_every_command_of_the_table_has_a_help_page(group: tuple[str, ...]) -> None:
    for name in {"story": STORY, "library": LIBRARY}.get(group[0] if group else "", COMMANDS):
        shown = CliRunner().invoke(app, [*group, name, "--help"])
        assert (shown.exit_code, f"Usage: nai {' '.join((*group, name))}" in shown.stdout) == (0, True)


@pytest.mark.parametrize("alias", ALIASES)
def test_the_names_of_older_programs_are_those_of_our_commands(alias: str) -> None:
    older, ours = (CliRunner().invoke(app, [name, "--help"]).stdout for name in (alias, ALIASES[alias]))
    assert older.replace(alias, ALIASES[alias]).split() == ours.split()


def test_help_explains_a_command() -> None:
    assert nai("help", "story", "undo").stdout == nai("story", "undo", "--help").stdout


def test_the_version_and_the_first_page_import_no_command() -> None:
    program = (
        "import sys; sys.argv = ['nai', {!r}]; from nai_transports.cli import main; main(); "
        "print({{'typer', 'rich', 'click', 'nai_proto.exchange', 'httpx'}} & sys.modules.keys(), file=sys.stderr)"
    )
    for option in ("--version", "--help"):
        done = subprocess.run(
            [sys.executable, "-c", program.format(option)], capture_output=True, text=True, check=True
        )
        assert done.stderr == "set()\n"


def test_a_command_imports_no_other_command() -> None:
    program = (
        "import sys; sys.argv = ['nai', 'tokens', '--help']; from nai_transports.cli import main\n"
        "try: main()\n"
        "finally: print([name for name in sys.modules if '.cli.' in name], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cli.text.tokens" in done.stderr
    assert "cli.images" not in done.stderr
    assert "cli.emulator" not in done.stderr


def test_ctrl_c_while_a_command_is_imported_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nai_transports.cli.app._load", interrupt)
    interrupted = CliRunner().invoke(app, ["generate", "Once"])
    assert (interrupted.exit_code, interrupted.stdout) == (130, "")


# ---- recordings


def test_emulate_records_and_replay_answers_the_same_program(tmp_path: Path) -> None:
    file = tmp_path / "evening.nai"

    def outcome(ready: dict[str, str]) -> Any:
        flow = open_library(ready["email"], ready["password"])
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        return at("asyncio", session, [lambda: text.generate("Once", max_length=5), lambda: flow])

    with run_emulator("--record", str(file), "--record-contents", "--password", "the-quiet-harbour") as (
        ready,
        process,
    ):
        then = outcome(ready)
        process.kill()  # nothing that was over is lost
    assert ready["token"] not in file.read_text("utf-8")
    with run_emulator(str(file), command="replay") as (again, _):
        assert again.keys() == ready.keys()
        now = outcome({**ready, "url": again["url"]})
    assert [one.error for one in then] == [one.error for one in now] == [None, None]
    assert [one.result for one in then] == [one.result for one in now]


def test_replay_takes_whatever_credentials_it_prints(tmp_path: Path) -> None:
    file = tmp_path / "evening.nai"
    with run_emulator("--record", str(file)) as (ready, _):
        at("asyncio", Session(base_url=ready["url"]), [lambda: account.login(ready["email"], ready["password"])])
    with run_emulator(str(file), "--as-recorded", command="replay") as (ready, _):
        session = Session(base_url=ready["url"], token=PersistentToken(ready["token"]))
        login, more = at("asyncio", session, [lambda: account.login(ready["email"], ready["password"])] * 2)
    assert login.error is None
    assert "the recording has no such request: POST /user/login" in str(more.error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay", "missing.nai"), "nai replay: missing.nai cannot be read: No such file or directory"),
        (
            ("replay", "foreign.nai"),
            "nai replay: foreign.nai: this is not a recording: its first line is not the header of one",
        ),
        (
            ("replay", "damaged.nai"),
            "nai replay: damaged.nai: the recording is damaged: line 2: JSON is cut short (byte 6)",
        ),
        (
            ("emulate", "--record", "foreign.nai"),
            "nai emulate: foreign.nai exists already, and a recording replaces no file: give another name",
        ),
    ],
)
def test_a_recording_that_cannot_be_read_or_written_is_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    Path("foreign.nai").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("damaged.nai").write_bytes(b'{"nai-recording":1}\n{"meth\n')
    done = nai(*arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [said]


def test_contents_are_recorded_only_into_a_file() -> None:
    done = nai("emulate", "--record-contents")
    assert done.returncode == 2
    assert "needs --record" in done.stderr


def test_record_forwards_to_a_server(tmp_path: Path) -> None:
    file = tmp_path / "onward.nai"
    with (
        run_emulator() as (ready, _),
        run_emulator(str(file), "--to", ready["url"], command="record") as (before, process),
    ):
        assert {name for name, value in before.items() if value} == {"url"}
        session = Session(base_url=before["url"], token=PersistentToken(ready["token"]))
        then = at("asyncio", session, [lambda: text.generate("Once", max_length=5)])[0]
        assert then.error is None
        process.terminate()
        assert process.wait(20) == 0
    with run_emulator(str(file), command="replay") as (again, _):
        session = Session(base_url=again["url"], token=PersistentToken(again["token"]))
        now = at("asyncio", session, [lambda: text.generate("Once", max_length=5)])[0]
    assert len(now.result.text) == len(then.result.text)
