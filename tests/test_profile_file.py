"""The profile file: what it may have, what is wrong with others, and how a profile is added to it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import nai_proto
from nai_proto.errors import FileError, InvalidRequestError
from nai_proto.limits import Timeouts
from nai_transports.cli.app import app
from nai_transports.cli.common import profile_file
from nai_transports.cli.common.account_options import ServiceOptions, choose_proxy
from nai_transports.cli.common.profile_file import (
    UserProfile,
    add_profile,
    load_profiles,
    make_timeouts,
    profile_path,
)
from tests.cases import for_each

WHOLE = """
# My accounts
[default]
email = "writer@example.com"
proxy = "http://user:secret@proxy.example:3128"
text_model = "kayra-v1"
chat_model = "glm-4-6"
image_model = "nai-diffusion-4-5-full"
preset = "Carefree-Kayra"
timeout = 60

[emulator]
url = "http://127.0.0.1:8901"
timeout = 2.5
"""


def write(directory: Path, content: str | bytes) -> None:
    directory.mkdir(exist_ok=True)
    path = directory / "profiles.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_each_table_is_a_profile(config: Path) -> None:
    write(config, WHOLE)
    profiles = load_profiles()
    assert [*profiles.by_name] == ["default", "emulator"]
    assert profiles.get(None).email == "writer@example.com"
    assert profiles.get(None).timeout == make_timeouts(60)
    assert dict(profiles.get("emulator").settings) == {"url": "http://127.0.0.1:8901", "timeout": make_timeouts(2.5)}


def test_the_documented_file_has_every_key(config: Path) -> None:
    page = (Path(nai_proto.__file__).parent / "docs" / "command-line.md").read_text("utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    write(config, block)
    profiles = load_profiles().by_name.values()
    keys = {each.name for each in fields(UserProfile)} - {"name"}
    assert {key for profile in profiles for key in profile.settings} == keys


def test_a_profile_is_named_by_its_option_or_its_variable_or_is_the_default(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, WHOLE + "[work]\n")
    profiles = load_profiles()
    monkeypatch.setenv("NAI_PROFILE", "work")
    assert profiles.get(None).name == "work"
    assert profiles.get("emulator").name == "emulator"
    monkeypatch.setenv("NAI_PROFILE", "")
    assert profiles.get(None).name == "default"


@pytest.mark.usefixtures("config")
def test_without_a_file_there_is_an_empty_default() -> None:
    assert dict(load_profiles().get(None).settings) == {}


def test_an_unknown_profile_is_an_error_with_the_names_that_exist(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, WHOLE)
    with pytest.raises(
        InvalidRequestError, match=r"--profile: .* 'emulater'; did you mean 'emulator'\? .*default, emul"
    ):
        load_profiles().get("emulater")
    monkeypatch.setenv("NAI_PROFILE", "work")
    with pytest.raises(InvalidRequestError, match=r"NAI_PROFILE: .* 'work'\. .*profiles\.toml has default, emulator"):
        load_profiles().get("work")


def test_the_repr_of_a_profile_does_not_show_its_proxy(config: Path) -> None:
    write(config, WHOLE)
    assert "secret" not in repr(load_profiles())


@for_each(
    "content, problem",
    [
        ("[default]\nemail = me@example.com\n", r"profiles\.toml, line 2: not TOML"),
        ('[default]\n\nproxy = "http://h\n', r"profiles\.toml, line 3: not TOML"),
        ("[default\n", r"profiles\.toml, line 1: not TOML"),
        ('[default]\nemail = "a@b"\nemail = "c@d"\n', r"profiles\.toml, line 3: not TOML"),
        ("[default]\ntimeout = ", r"profiles\.toml, line \d: not TOML"),
        (b'[default]\nemail = "k\xe4se@example.com"\n', r"profiles\.toml, line 2: not UTF-8"),
        ("[default]\n".encode("utf-16"), r"profiles\.toml, line 1: UTF-16; save the file as UTF-8"),
        ('[default]\nemial = "a@b"\n', r"\[default\] emial: there is no such key; did you mean 'email'\? The keys"),
        ('[work]\ntoken = "pst-secret"\n', r"\[work\] token: there is no such key\. The keys are url, proxy, email"),
        ('email = "a@b"\n', r"email is a text, not a profile; write \[default\]"),
        ("[[default]]\n", r"default is an array, not a profile"),
        ("[default]\nurl = 8901\n", r"\[default\] url: a text in quotes is expected, not a number"),
        ('[default]\ntimeout = "60"\n', r"\[default\] timeout: a number of seconds is expected, not a text"),
        ("[default]\ntimeout = true\n", r"timeout: a number of seconds is expected, not true or false"),
        ("[default]\ntimeout = 0\n", r"timeout: a number of seconds above 0"),
        ("[default]\ntimeout = nan\n", r"timeout: a number of seconds above 0"),
        ("[default]\ntimeout = inf\n", r"timeout: a number of seconds above 0"),
        ("[default]\nemail = 2026-12-01\n", r"email: a text in quotes is expected, not a date or a time"),
        ('[default]\nemail = ["a@b"]\n', r"email: a text in quotes is expected, not an array"),
        ("[default]\ntimeout = [5]\n", r"timeout: a number of seconds is expected, not an array"),
        (
            "[default.timeout]\nraed = 5\n",
            r"\[default\] timeout: raed: there is no such key; did you mean 'read'\? The keys",
        ),
        ('[default.timeout]\nread = "5"\n', r"\[default\] timeout: read: a number of seconds is expected, not a text"),
        ("[default]\ntimeout.total = -1\n", r"\[default\] timeout: total: a number of seconds above 0"),
        ("[default.timeout]\nread = {a = 1}\n", r"timeout: read: a number of seconds is expected, not a table"),
        ('[default]\nemail = ""\n', r"email: a text that is not empty"),
        ('[default]\nemail = "a@b\\u001b[2J"\n', r"email: a text that is not empty, without line ends and control"),
        ('[default]\nemail = "writer"\n', r"email: an e-mail has an @"),
        (
            '[default]\nurl = "127.0.0.1:8901"\n',
            r"\[default\] url: http:// or https:// is missing: write http://127\.0\.0\.1:8901$",
        ),
        ('[default]\nurl = "http://a b"\n', r"\[default\] url: an address is http://HOST"),
        ('[default]\nproxy = "socks5://user:secret@h"\n', r"\[default\] proxy: a proxy is http://"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line_or_key(
    config: Path, content: str | bytes, problem: str
) -> None:
    write(config, content)
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        load_profiles()
    assert str(profile_path()) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_editor_s_mark_at_the_beginning_is_no_problem(config: Path) -> None:
    write(config, b'\xef\xbb\xbf[default]\r\nemail = "a@b"\r\n')
    assert load_profiles().get(None).email == "a@b"


def test_a_file_that_cannot_be_read_is_an_error_with_its_path(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config / "profiles.toml").mkdir(parents=True)
    with pytest.raises(FileError, match=r"profiles\.toml"):
        load_profiles()
    monkeypatch.setenv("NAI_CONFIG_DIR", "x" * 5000)
    with pytest.raises(FileError, match=r"profiles\.toml cannot be read: File name too long"):
        load_profiles()


# ---- the order


@pytest.mark.usefixtures("config")
def test_options_win_over_the_environment_and_this_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config, WHOLE)
    session = ServiceOptions(profile="emulator").build_session()
    assert (session.text, session.timeouts.connect, session.timeouts.read) == ("http://127.0.0.1:8901", 2.5, 2.5)
    options = ServiceOptions(profile="emulator", url="http://localhost:1", timeout=7)
    assert (options.build_session().text, options.build_session().timeouts.idle) == ("http://localhost:1", 7)
    monkeypatch.setenv("NAI_URL", "http://localhost:2")
    monkeypatch.setenv("NAI_PROFILE", "emulator")
    done = CliRunner().invoke(app, ["health"])
    assert "localhost:2" in done.stdout
    done = CliRunner().invoke(app, ["health", "--url", "http://localhost:3"])
    assert "localhost:3" in done.stdout
    monkeypatch.delenv("NAI_URL")
    assert "127.0.0.1:8901" in CliRunner().invoke(app, ["health"]).stdout


@pytest.mark.parametrize(
    "phases", ["timeout = {read = 300, total = 900.5}", "timeout.read = 300\ntimeout.total = 900.5"]
)
def test_a_profile_may_have_a_timeout_for_each_phase_and_the_option_wins(config: Path, phases: str) -> None:
    write(config, f"[default]\n{phases}\n")
    assert ServiceOptions().build_session().timeouts == Timeouts(read=300, total=900.5)
    assert ServiceOptions(timeout=7).build_session().timeouts == make_timeouts(7)


def test_the_phases_of_a_profile_are_those_of_timeouts_and_documented(config: Path) -> None:
    names = [each.name for each in fields(Timeouts)]
    write(config, "[default.timeout]\n" + "".join(f"{name} = {place}\n" for place, name in enumerate(names, 1)))
    assert load_profiles().get(None).timeout == Timeouts(**{name: place for place, name in enumerate(names, 1)})
    page = (Path(nai_proto.__file__).parent / "docs" / "command-line.md").read_text("utf-8")
    for name in names:
        assert f"| `{name}` |" in page


def test_the_proxy_of_the_profile_is_for_https_where_the_environment_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = UserProfile(name="default", proxy="own.example:3128")

    def find_host(url: str) -> str | None:
        proxy = choose_proxy(url, profile)
        return None if proxy is None else proxy.host

    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert find_host("https://text.novelai.net") == "own.example"
    assert find_host("http://text.novelai.net") is None
    monkeypatch.setenv("all_proxy", "http://all.example")
    assert find_host("https://text.novelai.net") == "all.example"
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.example")
    assert find_host("https://text.novelai.net") == "secure.example"
    monkeypatch.setenv("NO_PROXY", "text.novelai.net")
    assert find_host("https://text.novelai.net") is None
    assert find_host("https://image.novelai.net") == "secure.example"


# ---- adding


def test_a_profile_is_added_below_what_is_there(config: Path) -> None:
    write(config, "# mine\n[default]\ntimeout = 5")
    add_profile(UserProfile(name="work", email="a@b", url="http://127.0.0.1:1"))
    text = (config / "profiles.toml").read_text("utf-8")
    assert text.startswith("# mine\n[default]\ntimeout = 5\n")
    assert dict(load_profiles().get("work").settings) == {"url": "http://127.0.0.1:1", "email": "a@b"}
    assert load_profiles().get(None).timeout == make_timeouts(5)


def test_a_new_profile_has_a_name_that_needs_no_quotes(config: Path) -> None:
    profiles = load_profiles()
    assert profiles.get("work", is_new=True) == UserProfile(name="work")
    for name in ("a b", "a.b", 'a"]', "ä", "\x1b"):
        with pytest.raises(InvalidRequestError, match="letters, digits"):
            profiles.get(name, is_new=True)


@given(st.text(min_size=1).filter(lambda text: text.isprintable() and bool(text.strip())))
def test_every_text_that_a_profile_may_have_is_read_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAI_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        add_profile(UserProfile(name="default", preset=text))
        assert load_profiles().get(None).preset == text


def test_the_directory_is_the_platform_s_unless_a_variable_names_one(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert profile_file.config_directory() == config
    monkeypatch.delenv("NAI_CONFIG_DIR")
    assert profile_file.config_directory().name == "nai-proto"
