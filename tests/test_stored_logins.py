"""Logins that are kept: in the system's keyring, or in a file that only the person can read."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import FileError, InvalidFile
from nai_proto.secret import AccessToken, Password, PersistentToken, Token
from nai_transports.cli.common import secret_file
from nai_transports.cli.common.profile_file import UserProfile, add_profile, load_profiles
from nai_transports.cli.common.stored_logins import (
    LoginPlace,
    StoredLogin,
    find_login,
    forget_login,
    keep_in_file,
    keep_in_keyring,
    keep_last_token,
    normalize_address,
    replace_login,
)
from tests.cases import for_each
from tests.keyrings import BrokenKeyring, DeafKeyring, MemoryKeyring, use_keyring
from tests.support import EMAIL, PASSWORD

PLACE = LoginPlace("default", None)
LOGIN = StoredLogin(Password(PASSWORD), EMAIL)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="files have no such permissions there")


def get_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ---- the keyring


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "login",
    [
        LOGIN,
        StoredLogin(AccessToken("eyJ.eyJ.x"), EMAIL),
        StoredLogin(PersistentToken("pst-1")),
        StoredLogin(Password(PASSWORD), EMAIL, AccessToken("eyJ.eyJ.x")),
        StoredLogin(Password("käse \ud800 \x00"), "Käse@example.com"),
    ],
)
def test_a_login_is_found_as_it_was_kept(ring: MemoryKeyring, login: StoredLogin) -> None:
    assert find_login(PLACE) is None
    assert keep_in_keyring(PLACE, login) == "the system's keyring"
    assert [*ring.kept] == [("nai-proto", "default https://novelai.net")]
    found = find_login(PLACE)
    assert found == login
    assert found is not None
    assert found.where == "the system's keyring"
    assert forget_login(PLACE) == ["the system's keyring"]
    assert find_login(PLACE) is None
    assert forget_login(PLACE) == []


def test_a_login_is_in_one_of_the_two_only(config: Path, ring: MemoryKeyring) -> None:
    keep_in_file(PLACE, LOGIN)
    keep_in_keyring(PLACE, LOGIN)
    assert not (config / "credentials.json").exists()
    assert len(ring.kept) == 1


@pytest.mark.usefixtures("config")
def test_a_changed_login_stays_where_it_was(ring: MemoryKeyring) -> None:
    changed = StoredLogin(Password("other"), EMAIL)
    keep_in_file(PLACE, LOGIN)
    found = find_login(PLACE)
    assert found is not None
    replace_login(PLACE, replace(changed, where=found.where))
    assert ring.kept == {}
    assert find_login(PLACE) == changed


@pytest.mark.usefixtures("config")
def test_the_token_of_a_new_login_is_kept_only_beside_the_password_that_gave_it(ring: MemoryKeyring) -> None:
    token = AccessToken("eyJ.eyJ.x")
    keep_last_token(PLACE, LOGIN, token)
    assert ring.kept == {}
    for keep in (keep_in_keyring, keep_in_file):
        keep(PLACE, LOGIN)
        keep_last_token(PLACE, LOGIN, token)
        assert find_login(PLACE) == replace(LOGIN, last_token=token)
    other = StoredLogin(Password("other"), EMAIL)
    keep_in_file(PLACE, other)
    keep_last_token(PLACE, LOGIN, token)
    assert find_login(PLACE) == other


@pytest.mark.usefixtures("config")
def test_a_broken_keyring_is_a_note_and_nothing_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    with use_keyring(BrokenKeyring()):
        assert find_login(PLACE) is None
        assert capsys.readouterr().err == "nai: the system's keyring does not work (RuntimeError)\n"
        with pytest.raises(FileError):
            forget_login(PLACE)
        keep_in_file(PLACE, LOGIN)
        assert forget_login(PLACE) == [str(secret_file.secret_file_path())]
    with use_keyring(DeafKeyring()), pytest.raises(FileError, match="keeps nothing"):
        keep_in_keyring(PLACE, LOGIN)


@pytest.mark.usefixtures("config")
def test_without_the_package_there_is_no_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert find_login(PLACE) is None
    assert forget_login(PLACE) == []
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"password": 7}', '{"token": ""}', '{"email": 1, "token": "pst-secret"}']
)
def test_a_damaged_login_is_an_error_that_does_not_quote_it(ring: MemoryKeyring, text: str) -> None:
    ring.kept["nai-proto", str(PLACE)] = text
    with pytest.raises(InvalidFile, match=r"the login in the system's keyring is damaged.*nai login") as caught:
        find_login(PLACE)
    assert "secret" not in repr(caught.value)


# ---- the file


@posix_only
def test_only_the_person_can_read_the_file(config: Path) -> None:
    before = os.umask(0)
    try:
        keep_in_file(PLACE, LOGIN)
    finally:
        os.umask(before)
    assert get_mode(config / "credentials.json") == 0o600
    assert get_mode(config) == 0o700
    assert [each.name for each in config.iterdir()] == ["credentials.json"]


@posix_only
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602, 0o660, 0o666])
def test_a_file_that_others_can_open_is_taken_away_from_them_with_a_word(
    config: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_in_file(PLACE, LOGIN)
    path = config / "credentials.json"
    path.chmod(mode)
    assert find_login(PLACE) == LOGIN
    assert get_mode(path) == 0o600
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    assert PASSWORD not in line
    find_login(PLACE)
    assert capsys.readouterr().err == ""


@posix_only
@pytest.mark.usefixtures("config")
def test_logins_at_the_same_time_are_all_kept() -> None:
    names = [*"abcdefgh"]
    begin = threading.Barrier(len(names), timeout=10)

    def log_in(name: str) -> None:
        begin.wait()
        keep_in_file(LoginPlace(name, None), LOGIN)
        for profile in (name, "both"):
            add_profile(UserProfile(name=profile))

    with ThreadPoolExecutor(len(names)) as threads:
        for done in [threads.submit(log_in, name) for name in names]:
            done.result()
    assert [find_login(LoginPlace(name, None)) for name in names] == [LOGIN] * len(names)
    assert sorted(load_profiles().by_name) == sorted([*names, "both"])


@posix_only
def test_the_file_of_another_user_is_not_used(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in_file(PLACE, LOGIN)
    monkeypatch.setattr(os, "geteuid", lambda: (config / "credentials.json").stat().st_uid + 1)
    if (config / "credentials.json").stat().st_uid == 0:
        os.chown(config / "credentials.json", 12345, -1)
    with pytest.raises(FileError, match="belongs to another user"):
        find_login(PLACE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"default https://novelai.net": {}}', b"\xff", b"null"])
def test_a_damaged_file_is_an_error_and_is_not_replaced(config: Path, content: bytes) -> None:
    config.mkdir()
    path = config / "credentials.json"
    path.write_bytes(content)
    path.chmod(0o600)
    for use in (lambda: find_login(PLACE), lambda: keep_in_file(PLACE, LOGIN), lambda: forget_login(PLACE)):
        with pytest.raises(InvalidFile, match=r"credentials\.json is damaged: delete it"):
            use()
    assert path.read_bytes() == content


def test_a_file_keeps_the_logins_of_other_profiles(config: Path, ring: MemoryKeyring) -> None:
    places = [PLACE, LoginPlace("work", None), LoginPlace("default", "http://127.0.0.1:1")]
    logins = [StoredLogin(PersistentToken(f"pst-{number}")) for number in range(3)]
    for place, login in zip(places, logins, strict=True):
        keep_in_file(place, login)
    assert [find_login(place) for place in places] == logins
    assert forget_login(places[0]) == [str(config / "credentials.json")]
    assert [find_login(place) for place in places] == [None, *logins[1:]]
    assert len(json.loads((config / "credentials.json").read_text("utf-8"))) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
def test_a_place_that_cannot_be_written_is_an_error_with_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_CONFIG_DIR", "/dev/full/x")
    with pytest.raises(FileError, match=r"/dev/full/x/credentials\.json cannot be written"):
        keep_in_file(PLACE, LOGIN)


# ---- addresses, and what is shown


@for_each(
    "url, same",
    [
        (None, "https://novelai.net"),
        ("HTTP://LocalHost:80/", "http://localhost"),
        ("https://a.example:443/path/", "https://a.example/path"),
        ("https://a.example:80", "https://a.example:80"),
        ("http://[::1]:8901", "http://[::1]:8901"),
    ],
)
def test_one_address_has_one_spelling(url: str | None, same: str) -> None:
    assert normalize_address(url) == same


@given(st.sampled_from([Password(PASSWORD), PersistentToken("pst-secret"), AccessToken("eyJ.secret")]))
def test_a_stored_login_shows_nothing(secret: Password | Token) -> None:
    shown = repr(StoredLogin(secret, EMAIL))
    assert secret.reveal() not in shown
    assert EMAIL not in shown
