"""What the command line once did wrong: for each fault one short test, whose name says what must hold now.

The order is that in which the faults were listed. Most subjects have closer tests elsewhere; here each can be looked up.
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from nai_proto.emulator import Emulator
from nai_proto.emulator.recording import Recording, Replayer
from nai_proto.errors import FileError, TransportError
from nai_transports.cli.app import app
from nai_transports.cli.text.conversation_file import ConversationFile
from nai_transports.installer import explain_install, format_install_command
from nai_transports.servers.serve import serve_in_thread
from nai_transports.tokenizer_files import finder, novelai_api_wheel, website
from tests.cases import for_each
from tests.cli_images import list_files, write_image
from tests.forked_python import forked_nai
from tests.support import EMAIL, PASSWORD, an_emulator, cuts, streams, token
from tests.terminal_runner import TerminalRunner
from tests.test_cli import NAI
from tests.test_cli_failures import FULL, run
from tests.test_tokenizers import sentencepiece_file

NOBODY = "http://127.0.0.1:9"
OPEN_FILES = Path("/proc/self/fd")
TITLE = "The Quiet Harbour"

needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="there is no full disk")
needs_open_files = pytest.mark.skipif(not OPEN_FILES.exists(), reason="the files that are open have no names here")


def test_a_missing_tokenizer_file_is_told_with_its_option_the_directories_and_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise TransportError("no network", sent=False, phase="connect")

    for source in (novelai_api_wheel, website):
        monkeypatch.setattr(source, "download", offline)
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(finder, "find_installed", lambda _: None)
    monkeypatch.setattr(finder, "_loaded", {})
    for line, begins in (
        (
            ("generate", "Once", "--bias", "lamp=3"),
            "nai generate: --bias needs the tokenizer of kayra-v1. nerdstash_v2: ",
        ),
        (("tokens", "encode", "Once"), "nai tokens encode: nerdstash_v2: no tokenizer file is in "),
    ):
        done = CliRunner().invoke(app, [*line], prog_name="nai")
        assert done.exit_code == 1
        said = done.stderr.splitlines()[-1]
        assert said.startswith(begins)
        assert f"no tokenizer file is in {tmp_path} (from NAI_TOKENIZER_DIR)" in said
        assert said.endswith(f"type: {format_install_command('--no-deps', 'novelai-api==0.34.1')}")
        assert len(said.replace(str(tmp_path), "").replace(sys.executable, "")) < 480  # however long paths are here


@pytest.fixture(scope="module")
def emulated() -> Iterator[tuple[str, Emulator]]:
    emulator, _ = an_emulator()
    with serve_in_thread(emulator) as url:
        yield url, emulator


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulated: tuple[str, Emulator]) -> Path:
    """The directory in which commands run, as the emulator's customer; what they keep for themselves is beside it."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    places = {"XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state", "NAI_VIBE_DIR": "vibes", "NAI_CONFIG_DIR": "config"}
    for name, place in places.items():
        monkeypatch.setenv(name, str(tmp_path / place))
    for name, value in {"NAI_URL": emulated[0], "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(name, value)
    write_image("sea.png", 64, 64)
    return directory


@pytest.fixture(scope="module")
def tokenizer_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a small tokenizer file under the name of Kayra's."""
    directory = tmp_path_factory.mktemp("tokenizers")
    (directory / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    return directory


@pytest.fixture
def emulator(emulated: tuple[str, Emulator]) -> Emulator:
    return emulated[1]


def nai(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="nai")


def succeed(*arguments: object) -> str:
    """Run a command that succeeds, and return what it prints."""
    done = nai(*arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def fail(status: int, *arguments: object) -> str:
    """Run a command that fails with an exit status, and return its one line on stderr."""
    done = nai(*arguments)
    assert done.exit_code == status, done.output
    (line,) = done.stderr.splitlines()
    return line


def draw(*arguments: object) -> tuple[object, ...]:
    """Return the command line for a small image."""
    return "image", "cat", "--size", "64x64", "--seed", 7, "--yes", *arguments


# ---- files


PAID: tuple[tuple[str, ...], ...] = (
    ("image", "cat", "--size", "64x64", "--yes", "-o", "full/x.png"),
    ("upscale", "sea.png", "--yes", "-o", "full/x.png"),
    ("director", "lineart", "sea.png", "--yes", "-o", "full/x.png"),
    ("vibe", "sea.png", "--yes", "-o", "full/x.naiv4vibe"),
    ("speak", "hello", "-o", "full/x.mp3"),
)
MADE_HERE: tuple[tuple[str, ...], ...] = (
    ("chat", "hello", "--save", "full/talk.json"),
    ("story", "export", TITLE, "-o", "full/story.md"),
    ("library", "export", "full"),
)


@pytest.fixture
def full_directory(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on a disk without space."""
    directory = here / "full"
    directory.mkdir()
    flush = os.fsync

    def leave_no_space(handle: int) -> None:
        if Path(os.readlink(OPEN_FILES / str(handle))).is_relative_to(directory):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    monkeypatch.setattr(os, "fsync", leave_no_space)
    return directory


@needs_open_files
@pytest.mark.parametrize("arguments", PAID, ids=lambda arguments: arguments[0])
def test_what_was_paid_for_is_kept_elsewhere_when_the_disk_is_full(
    arguments: tuple[str, ...], full_directory: Path, tmp_path: Path
) -> None:
    line = fail(1, *arguments)
    kept = Path(line.partition("it was kept as ")[2])
    assert line.startswith(f"nai {arguments[0]}: {arguments[-1]} cannot be written: ")
    assert kept.is_relative_to(tmp_path / "data")
    assert kept.name == Path(arguments[-1]).name
    assert kept.stat().st_size > 50
    assert not any(full_directory.iterdir())


@needs_full_device
def test_a_picture_is_not_lost_to_a_full_device() -> None:
    line = fail(1, *draw("-o", "/dev/full"))
    assert Path(line.partition("it was kept as ")[2]).read_bytes().startswith(b"\x89PNG")


@needs_open_files
@pytest.mark.parametrize("arguments", MADE_HERE, ids=" ".join)
def test_other_commands_leave_no_half_of_a_file_on_a_full_disk(
    arguments: tuple[str, ...], full_directory: Path
) -> None:
    assert "cannot be written: " in fail(1, *arguments)
    assert [each for each in full_directory.rglob("*") if each.is_file()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="where names of files are bytes")
@pytest.mark.parametrize("command", ["export", "backup"])
def test_a_directory_whose_name_is_not_utf_8_is_shown_with_escapes(command: str, here: Path) -> None:
    assert r"out\udcff" in succeed("library", command, os.fsdecode(b"out\xff"))
    assert [each.name for each in here.glob("out*")] == [os.fsdecode(b"out\xff")]


def test_a_name_that_is_too_long_for_a_directory_is_an_error() -> None:
    assert "File name too long" in fail(1, "library", "export", "x" * 5000)


def test_a_conversation_whose_answer_cannot_be_saved_is_not_said_to_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    problems: list[FileError | None] = [None, FileError("talk.json cannot be written: No space left on device")]

    def save(*_: object) -> None:
        if (problem := problems.pop(0)) is not None:
            raise problem

    monkeypatch.setattr(ConversationFile, "save", save)
    line = fail(1, "chat", "hello", "--save", "talk.json")
    assert line == "nai chat: talk.json cannot be written: No space left on device"


COMMANDS_FOR_PICTURES = (draw(), ("upscale", "sea.png", "--yes"), ("director", "lineart", "sea.png"))


@pytest.mark.parametrize("command", COMMANDS_FOR_PICTURES, ids=lambda command: command[0])
def test_a_picture_has_the_name_that_it_was_given_and_the_format_that_its_name_says(
    command: tuple[object, ...],
) -> None:
    for name, image_format in (("foo.jpg", "JPEG"), ("foo.JPEG", "JPEG"), ("foo.png", "PNG")):
        succeed(*command, "-o", name)
        with Image.open(name) as picture:
            assert picture.format == image_format
    assert list_files() == ["foo.JPEG", "foo.jpg", "foo.png", "sea.png"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *((command, name) for command in COMMANDS_FOR_PICTURES for name in ("foo.gif", "foo.mp3")),
        (("vibe", "sea.png", "--yes"), "foo.png"),
        (("speak", "hello"), "foo.wav"),
        (("story", "export", TITLE), "foo.pdf"),
    ],
)
def test_a_suffix_that_a_command_cannot_write_is_refused_with_those_that_it_can(
    command: tuple[object, ...], name: str
) -> None:
    line = fail(2, *command, "-o", name)
    assert f"-o {name}: " in line
    assert re.search(r"\b(png|mp3|naiv4vibe|md)\b", line)
    assert list_files() == ["sea.png"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *((command, "sea.png") for command in COMMANDS_FOR_PICTURES),
        (draw("-n", 2), "there.png"),
        (("vibe", "sea.png", "--yes"), "there.naiv4vibe"),
        (("speak", "hello"), "there.mp3"),
        (("story", "export", TITLE), "there.md"),
    ],
)
def test_an_existing_file_is_never_replaced_and_no_name_is_changed(command: tuple[object, ...], name: str) -> None:
    for each in ("there-7.png", "there.naiv4vibe", "there.mp3", "there.md"):
        Path(each).write_text("mine")
    before = {path: Path(path).read_bytes() for path in list_files()}
    assert re.search(r" already exists.* \(--force replaces it\)", fail(1, *command, "-o", name))
    assert {path: Path(path).read_bytes() for path in list_files()} == before


@pytest.mark.parametrize(
    "command",
    [*COMMANDS_FOR_PICTURES, ("vibe", "sea.png", "--yes"), ("speak", "hello"), ("story", "export", TITLE)],
    ids=lambda command: command[0],
)
def test_an_output_that_ends_with_a_slash_is_a_directory(command: tuple[object, ...]) -> None:
    succeed(*command, "-o", "new/place/")
    assert [each.is_file() for each in Path("new/place").iterdir()] == [True]


# ---- no tracebacks


@needs_full_device
@pytest.mark.parametrize(
    ("redirect", "word"), [(">/dev/full", "No space left"), (">&-", "closed"), (">/dev/null", None)]
)
def test_a_stdout_that_is_full_or_closed_ends_with_one_line(redirect: str, word: str | None) -> None:
    done = run("presets", "list", redirect=redirect)
    assert done.returncode == (0 if word is None else 1)
    assert len(done.stderr.splitlines()) == (0 if word is None else 1)
    assert (word or "") in done.stderr


def test_a_stdout_without_a_character_ends_with_one_line() -> None:
    done = run("library", "list", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "U+7269" in done.stderr


@pytest.mark.parametrize("module", ["typer", "nai_transports.cli.app", "nai_transports.cli.text.generate"])
def test_an_early_ctrl_c_ends_with_130_and_without_a_word(module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(name, *_):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder)\n"
    )
    line = [NAI[0], "-c", code + NAI[-1], "generate", "x"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, preexec_fn=_listen_to_ctrl_c)
    assert (done.returncode, done.stdout, done.stderr) in ((130, "", ""), (-signal.SIGINT, "", ""))


def _listen_to_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# ---- what is printed


def test_markup_is_printed_as_it_is() -> None:
    assert "[red]no[/red] [cli]" in fail(1, "generate", "--file", "[red]no[/red] [cli]")


def test_a_missing_extra_is_named_with_what_installs_it_in_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nai_transports.cli.images.picture_files.has_pillow", lambda: False)
    line = fail(1, *draw("-o", "x.jpg"))
    assert line.endswith(f" {explain_install('image')}")
    assert "pip install 'nai-proto" not in line  # no registry has it


def test_ids_are_whole_on_80_columns_and_a_beginning_of_one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = TerminalRunner().invoke(app, ["library", "list", "--quiet"]).stdout
    assert listed.startswith("title  ")
    for story in json.loads(succeed("library", "list", "--json")):
        assert story["id"] in listed
        for command in ("library", "story"):
            assert story["title"] in succeed(command, "show", story["id"][:6], "--quiet")


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("generate", "x", "--model", "kyra"), "kayra-v1"),
        (("chat", "x", "--model", "xialon"), "xialong-v1"),
        (("image", "x", "--model", "V4.5 Fall"), "nai-diffusion-4-5-full"),
        (("tokens", "count", "x", "--model", "kyra"), "kayra-v1"),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest_and_no_advice_for_programmers(
    arguments: tuple[str, ...], nearest: str
) -> None:
    line = fail(2, *arguments)
    assert re.search(rf"did you mean '{nearest}'\?", line)
    assert not re.search(r"Model\(|nai\.|import|ImageModel|\bNone\b", line)


@pytest.mark.usefixtures("no_pauses")
def test_a_server_that_is_down_is_named_with_its_address_and_where_that_is_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "127.0.0.1:9" in fail(1, "generate", "x", "--url", NOBODY)
    assert f"The address {NOBODY} is from --url" in fail(1, "generate", "x", "--url", NOBODY)
    monkeypatch.setenv("NAI_URL", NOBODY)
    assert f"The address {NOBODY} is from NAI_URL" in fail(1, "library", "list")


def test_a_request_that_is_not_in_the_recording_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-anything")
    with serve_in_thread(Replayer(Recording(()))) as url:
        line = fail(1, "generate", "x", "--url", url)
    assert line == (
        "nai generate: the recording has no such request: POST /ai/generate-stream; nothing in it is unused"
    )


@pytest.mark.parametrize("url", ["127.0.0.1:8901", "localhost:8901/api"])
def test_an_address_without_its_scheme_is_told_as_that_of_the_option(url: str) -> None:
    line = fail(2, "subscription", "--url", url)
    assert line == f"nai subscription: --url: http:// or https:// is missing: write http://{url}"


@pytest.mark.parametrize("command", ["whoami", "login", "logout", "subscription"])
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("notaurl", "http:// or https:// is missing: write http://notaurl"),
        ("ftp://x", "an address is http://HOST[:PORT] or https://HOST[:PORT], with or without a path"),
    ],
)
def test_a_wrong_address_is_told_before_a_login_is_looked_for_or_asked_for(
    monkeypatch: pytest.MonkeyPatch, command: str, url: str, problem: str
) -> None:
    monkeypatch.delenv("NAI_TOKEN", raising=False)
    assert fail(2, command, "--url", url) == f"nai {command}: --url: {problem}"
    monkeypatch.setenv("NAI_URL", url)
    assert fail(2, command) == f"nai {command}: NAI_URL: {problem}"


def test_refused_credentials_are_told_by_what_they_are_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_PASSWORD", "wrong")
    for command in (("generate", "x"), ("library", "list")):
        line = fail(3, *command)
        assert "no account has this e-mail and password: check both" in line
        assert "NAI_PASSWORD" in line
    monkeypatch.setenv("NAI_TOKEN", "pst-wrong")
    line = fail(3, "generate", "x")
    assert "does not accept the token" in line
    assert "NAI_TOKEN" in line


def test_a_wait_is_told_while_it_lasts(emulator: Emulator) -> None:
    emulator.replies.add({"path": "/user/subscription", "status": 503, "headers": {"Retry-After": "0"}})
    done = nai("subscription")
    assert done.exit_code == 0
    assert "503" in done.stderr
    assert "attempt 2" in done.stderr


def test_an_error_after_half_a_line_begins_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    broken = b'event:error\ndata:{"statusCode":500,"message":"lost"}\n\n'
    with serve_in_thread(streams(token("It was", 0), broken)) as url:
        done = TerminalRunner().invoke(app, ["generate", "x", "--url", url])
    assert done.exit_code == 1
    assert re.search(r"(\A|\n)nai generate: .*lost", done.output)
    assert "It was\n" in done.stdout


# ---- what is accepted


@for_each("command", ["generate", "chat", "complete"])
@for_each(
    "setting",
    ["top_p=7", "top_p=-1", "top_p=nan", "top_p=inf", "top_p=", "top_p=a", "temperature=-1", "min_p=2", "topp=1"],
)
def test_a_setting_out_of_its_range_is_refused_before_anything_is_sent(
    command: str, setting: str, emulator: Emulator
) -> None:
    sent = len(emulator.requests)
    line = fail(2, command, "x", "--set", setting)
    assert setting.partition("=")[0] in line
    assert len(emulator.requests) == sent


@for_each("size", ["100000x1", "0x0", "64x0", "99999999x99999999"])
def test_a_size_out_of_range_is_told_so_with_the_range(size: str) -> None:
    line = fail(2, *draw("--size", size))
    assert re.search(r"--size: (width|height) is \d+, and \S+ takes a number from 64", line)
    assert "WIDTHxHEIGHT" not in line


@pytest.mark.parametrize(
    "size", ["1e3x5", "64x64x64", "64", "-64x64", "\uff16\uff14x\uff16\uff14", "nan", "", "64x64.5"]
)
def test_what_is_no_size_is_refused_with_the_form_and_the_names(size: str) -> None:
    line = fail(2, *draw("--size", size))
    assert re.search("--size: no size is called .* there are .*portrait.*; any other is WIDTHxHEIGHT in pixels", line)


@pytest.mark.parametrize("option", ["--quality", "--uc", "--sampler", "--noise-schedule"])
def test_an_unknown_choice_is_refused_with_those_that_there_are(option: str) -> None:
    line = fail(2, *draw(option, "foo"))
    assert re.search(rf"{option}: no .* is called 'foo'; (there are|the only one is) \w+", line)
    assert "Preset" not in line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("completion", "bsh"), "no shell is called 'bsh'; did you mean 'bash'? There are bash, zsh, fish"),
        (("story", "export", "x", "--format", "mdd"), "no export format is called 'mdd'; did you mean 'md'?"),
        (("generate", "x", "--temprature", "1"), "there is no option --temprature; did you mean '--temperature'?"),
        (("generate", "x", "--top-p", "1"), "there is no option --top-p; give --set top_p=VALUE"),
        (("chat", "x", "--top-k", "1"), "there is no option --top-k; give --set top_k=VALUE"),
        (("chat", "x", "--max-length", "1"), "there is no option --max-length; did you mean '--max-tokens'?"),
        (("image", "x", "--zzz"), "there is no option --zzz (see nai image --help)"),
    ],
)
def test_an_unknown_option_or_choice_is_told_with_the_nearest(arguments: tuple[str, ...], line: str) -> None:
    assert line in fail(2, *arguments)


def test_another_model_that_inpaints_is_named() -> None:
    done = nai(*draw("--image", "sea.png", "--box", "0,0,64,64", "--json"))
    facts = json.loads(done.stdout)
    assert facts["model"] != facts["requested_model"]
    assert f"inpainting with {facts['model']}" in done.stderr


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (1, ("generate", "--file", "nothing.txt")),
        (1, ("story", "show", "Nothing")),
        (1, ("generate", "x", "--url", NOBODY)),
        (2, ("generate", "x", "--nothing")),
        (2, ("generate", "x", "--model", "nothing")),
        (2, ("generate", "x", "--preset", "nothing")),
        (2, ("director", "nothing", "sea.png")),
        (2, ("image", "cat", "-o", "x.gif")),
        (2, ("nothing",)),
        (4, ("image", "cat", "-n", "2", "--max-anlas", "0")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_exit_status_1_is_for_what_failed_2_for_a_wrong_command_line_and_4_for_prices(
    status: int, arguments: tuple[str, ...]
) -> None:
    assert fail(status, *arguments).startswith("nai")


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    for arguments in (["presets", "list"], ["subscription"], ["library", "list"], ["generate", "--nothing"]):
        excluded = "\x1b" if "TERM" in variable else r"\x1b\[[0-9;]*m"
        assert not re.search(excluded, TerminalRunner().invoke(app, arguments).output)


def test_parameters_of_a_picture_are_in_words_without_what_is_switched_off() -> None:
    succeed(*draw("-o", "cat.png"))
    facts = succeed("image-info", "cat.png")
    assert "sampler" in facts
    assert "undesired content" in facts
    assert not re.search(r"^(sm|sm dyn|cfg|uc|qualityToggle|n samples|dynamic thresholding)\b", facts, re.MULTILINE)
    assert not re.search(r"\s(no|false|none|null)$", facts, re.MULTILINE)


def test_vault_is_no_word_of_the_command_line() -> None:
    for page in (("library", "--help"), *(("library", name, "--help") for name in ("backup", "verify", "restore"))):
        assert "vault" not in succeed(*page).lower()
    assert "vault" not in nai("library", "verify", "nothing").output.lower()


def test_a_plain_chat_says_nothing_of_token_ids(tmp_path: Path) -> None:
    environment = {"NAI_TOKENIZER_DIR": str(tmp_path), "PIP_NO_INDEX": "1"}
    done = run("emulate", "--", *forked_nai(), "chat", "Hello", "--max-tokens", "5", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


@pytest.mark.parametrize("text", ["caf\udce9", "\udcff"])
def test_bytes_that_are_not_utf_8_are_told_with_the_argument_that_has_them(text: str) -> None:
    for arguments in (("generate", text), ("chat", "hello", "--system", text), ("generate", "a", "--stop", text)):
        line = fail(2, *arguments)
        assert "UTF-8" in line
        assert "surrogate" not in line


def test_a_server_that_is_no_http_server_is_told_with_what_it_sent() -> None:
    with serve_in_thread(cuts(b"SSH-2.0-OpenSSH_9.2\r\n")) as url:
        line = fail(1, "subscription", "--url", url)
    assert "SSH-2.0-OpenSSH_9.2" in line
    assert "closed the connection" not in line


@pytest.mark.parametrize("ids", ["999999999", "-1", "5 999999999"])
def test_ids_that_the_tokenizer_does_not_have_are_refused_with_its_range(
    tokenizer_directory: Path, monkeypatch: pytest.MonkeyPatch, ids: str
) -> None:
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tokenizer_directory))
    line = fail(2, "tokens", "decode", "--", *ids.split())
    assert ids.split()[-1] in line
    assert re.search(r"0 to \d+", line)


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ("0,0,65,64", "is beyond sea.png, which has 64 × 64 pixels"),
        ("0,0,64,9999", "is beyond sea.png, which has 64 × 64 pixels"),
        ("-8,0,64,64", "is beyond sea.png, which has 64 × 64 pixels"),
        ("0,0,0,0", "has no area"),
        ("32,0,8,64", "has no area"),
        ("nan,0,8,8", "is LEFT,TOP,RIGHT,BOTTOM in pixels, not"),
        ("0,0,8.5,8", "is LEFT,TOP,RIGHT,BOTTOM in pixels, not"),
        ("0,0,8", "is LEFT,TOP,RIGHT,BOTTOM in pixels, not"),
    ],
)
def test_a_box_that_is_not_in_the_picture_is_refused(box: str, problem: str) -> None:
    assert problem in fail(2, *draw("--image", "sea.png", f"--box={box}"))


def test_a_continuation_says_that_it_may_be_longer_than_asked_for(
    tokenizer_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tokenizer_directory))
    arguments = ("story", "continue", TITLE, "--no-store", "--max-tokens", "20")
    assert "up to 20 tokens more than --max-tokens may come" in nai(*arguments).stderr
    assert "tokens more" not in nai(*arguments, "--quiet").stderr


def test_a_backup_directory_that_does_not_exist_is_told_so(tmp_path: Path) -> None:
    for command in ("verify", "restore"):
        assert fail(1, "library", command, "nonexist").startswith(
            f"nai library {command}: nonexist does not exist; nai library backup"
        )
        assert "is not a backup directory" in fail(1, "library", command, tmp_path)


@pytest.mark.parametrize(
    "command",
    [("tokens", "count"), ("presets", "show"), ("story", "show"), ("library", "verify"), ("lorebook", "test")],
    ids=" ".join,
)
def test_an_error_begins_with_the_whole_name_of_its_command(command: tuple[str, ...]) -> None:
    for arguments in (("--nothing",), ("a", "b", "c", "d")):
        assert fail(2, *command, *arguments).startswith(f"nai {' '.join(command)}: ")


def test_a_price_says_what_it_is_and_when_it_is_free() -> None:
    assert succeed("image", "cat", "--price") == "26 Anlas, free with Opus\n"
    assert succeed("image", "cat", "-n", 2, "--price") == "52 Anlas: 2 images at 26; 26 with Opus\n"
    assert succeed("director", "lineart", "sea.png", "--price") == "20 Anlas, free with Opus\n"


@pytest.mark.parametrize("seed", ["a", "1.5", "", "1e3", "nan", "\u0661\u0662", "1_000"])
def test_a_seed_that_is_no_whole_number_is_told_in_plain_words(seed: str) -> None:
    for command in (("image", "cat"), ("chat", "hello"), ("complete", "hello")):
        assert f"{seed!r} is no whole number" in fail(2, *command, f"--seed={seed}")


@pytest.mark.parametrize("seed", ["-1", "4294967296", "99999999999999999999"])
def test_a_seed_out_of_range_is_told_with_the_range(seed: str) -> None:
    assert f"--seed is {seed}, and " in (line := fail(2, *draw(f"--seed={seed}")))
    assert line.endswith("takes a number from 0 to 4294967295")


@for_each(
    "character",
    [
        *(";;;;@@@", ";;;;", "", " ", "@", "@C3", "girl@", "girl@Z9", "girl@C3@", "girl;;a;;b"),
        *(
            "girl@0.5,nan",
            "girl@nan,0.5",
            "girl@inf,1",
            "girl@1e9,0",
            "girl@2,0",
            "girl@-1,0",
            "girl@0.5",
            "girl@a,0.5",
        ),
    ],
)
def test_a_character_without_a_prompt_or_with_a_place_that_is_none_is_refused(character: str) -> None:
    assert "character" in fail(2, *draw("--character", character))


def test_chat_takes_the_names_of_its_models() -> None:
    for name, model in (("GLM", "glm-4-6"), ("glm", "glm-4-6"), ("GLM 4.6", "glm-4-6"), ("xialong", "xialong-v1")):
        assert json.loads(succeed("chat", "hello", "--model", name, "--json"))["model"] == model


def test_a_backup_says_which_files_it_repairs() -> None:
    succeed("library", "backup", "kept")
    lost = next(Path("kept").glob("stories/*"))
    lost.unlink()
    done = nai("library", "backup", "kept")
    assert (done.exit_code, done.stderr) == (0, f"nai library backup: repaired {lost}: it was missing or outdated\n")


def test_times_in_json_are_iso_8601_in_utc() -> None:
    iso = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
    for story in json.loads(succeed("library", "list", "--json")):
        for key in ("created_at", "last_updated_at"):
            assert iso.fullmatch(story[key])
