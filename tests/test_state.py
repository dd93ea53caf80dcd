"""The emulator's file: nothing that was acknowledged is lost, whatever ends the process, and no other file is touched."""

from __future__ import annotations

import json
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Never

import pytest
from starlette.testclient import TestClient

from nai_proto import account, objects
from nai_proto.emulator import Emulator
from nai_proto.emulator.accounts.journal import RowChange
from nai_proto.errors import Damaged, FileError, InvalidFile, NaiError, TransportError
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.library import open_library
from nai_proto.objects import StoredObject
from nai_proto.secret import AccessToken, Password
from nai_transports import httpx as on_httpx
from nai_transports import memory
from nai_transports.asgi import AsgiApp
from nai_transports.servers.serve import serve_in_thread
from nai_transports.servers.state import StateFile, read_state
from tests.forked_python import forked_python
from tests.support import EMAIL, PASSWORD, with_token
from tests.test_cli import nai, run_emulator
from tests.test_emulator_persistence import NOW, PersistedEmulator, make_entropy, read_everything

# ---- the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.nai"


def make_change(*key: str, document: bytes = b"{}") -> RowChange:
    return RowChange(key, document)


def test_a_file_keeps_rows_in_the_order_in_which_they_were_stored(path: Path) -> None:
    assert read_state(path) == []
    with StateFile(path) as state:
        state.store((make_change("a", "1"), make_change("b", "é\n"))).result()
        state.store((make_change("a", "2"), make_change("a", "1", document=b"new")))
        state.store((RowChange(("b", "é\n"), None), RowChange(("none",), None)))
        state.store(()).result()
    assert read_state(path) == [(("a", "1"), b"new"), (("a", "2"), b"{}")]
    with StateFile(path) as state:
        state.store((make_change("b", "é\n"),))
    assert [key for key, _ in read_state(path)] == [("a", "1"), ("a", "2"), ("b", "é\n")]


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
def test_only_its_owner_may_read_a_file(path: Path) -> None:
    for _ in range(2):
        with StateFile(path) as state:
            state.store((make_change("a"),)).result()
            found = [each for each in path.parent.iterdir() if stat.S_IMODE(each.stat().st_mode) & 0o077]
            assert found == []
        path.chmod(0o644)
    with StateFile(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_has_one_user(path: Path) -> None:
    with StateFile(path) as state:
        state.store((make_change("a"),)).result()
        for use in (read_state, StateFile):
            with pytest.raises(FileError, match="in use"):
                use(path)
    assert len(read_state(path)) == 1


def test_after_an_error_nothing_more_is_stored(path: Path) -> None:
    with StateFile(path) as state:
        state.store((make_change("a"),)).result()
        with pytest.raises(FileError, match="no longer be written"):
            state.store((make_change("b"), RowChange(("c",), {}))).result()  # type: ignore[arg-type] # what SQLite does not take
        with pytest.raises(FileError, match="no longer be written"):
            state.store((make_change("d"),)).result()
    assert read_state(path) == [(("a",), b"{}")]


def write_foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE rows (place INTEGER PRIMARY KEY, key TEXT, document BLOB)")
        file.commit()


def write_text(path: Path) -> None:
    path.write_text("Dear diary, " * 20)


def write_truncated(path: Path) -> None:
    write_many_rows(path)
    path.write_bytes(path.read_bytes()[: -3 * 4096])


def write_zeroed_pages(path: Path) -> None:
    write_many_rows(path)
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)


def write_unknown_rows(path: Path) -> None:
    with StateFile(path) as state:
        state.store((make_change("story", "1"),))


def write_bad_key(path: Path) -> None:
    write_many_rows(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO rows (key, document) VALUES ('[[[', '')")
        file.commit()
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def write_names_that_are_no_utf_8(path: Path) -> None:
    write_many_rows(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA writable_schema = ON")
        file.execute("UPDATE sqlite_master SET name = CAST(x'a4' AS TEXT), sql = CAST(x'a4' AS TEXT)")
        file.commit()
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def write_many_rows(path: Path) -> None:
    with StateFile(path) as state:
        state.store(tuple(make_change("gift", str(number), document=b"1" + b" " * 2000) for number in range(20)))


@pytest.mark.parametrize(
    "make",
    [
        write_foreign_database,
        write_text,
        write_truncated,
        write_zeroed_pages,
        write_unknown_rows,
        write_bad_key,
        write_names_that_are_no_utf_8,
    ],
)
def test_a_damaged_or_foreign_file_is_a_one_line_error_and_is_not_changed(
    path: Path, make: Callable[[Path], None]
) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises((InvalidFile, Damaged)):
        Emulator(now=lambda: NOW, entropy=make_entropy()).restore(read_state(path))
    done = nai("emulate", "--state", str(path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"nai emulate: {path}")
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_a_file_is_an_error(tmp_path: Path) -> None:
    for bad in (tmp_path, tmp_path / "none" / "state"):
        with pytest.raises(FileError, match="cannot be"):
            read_state(bad)
            StateFile(bad)


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    path.touch()
    assert read_state(path) == []
    with StateFile(path) as state:
        state.store((make_change("a"),))
    assert len(read_state(path)) == 1


# ---- every driver


def test_every_driver_waits_until_a_change_is_stored() -> None:
    """A store that is not done: no answer. In memory, over sockets."""
    kept = PersistedEmulator()
    kept.add()
    with memory.Client(kept.emulator, store=kept.store) as near:
        token = near.run(account.login(EMAIL, PASSWORD))
        near.run(with_token(token, iter(objects.create_object("presets", "m", "eA=="))))
    before, done = len(kept.stores), Future[None]()

    def slow(change: object) -> Future[None]:
        kept.store(change)
        return done

    answered = threading.Event()
    with (
        serve_in_thread(kept.emulator, store=slow) as url,
        on_httpx.Client(Session(base_url=url, token=token)) as client,
    ):

        def work() -> None:
            client.run(objects.create_object("presets", "n", "eA=="))
            answered.set()

        thread = threading.Thread(target=work)
        thread.start()
        while len(kept.stores) == before:
            time.sleep(0.001)
        assert not answered.wait(0.1)
        done.set_result(None)
        thread.join()
        assert answered.is_set()
    assert read_everything(kept.restore_copy(), token) == read_everything(kept.emulator, token)


def test_a_change_that_was_not_stored_is_not_acknowledged_and_ends_the_server() -> None:
    kept = PersistedEmulator()
    kept.add()
    with (
        pytest.raises(FileError, match="the disk is full"),
        serve_in_thread(kept.emulator, store=refuse) as url,
        on_httpx.Client(Session(base_url=url, retry=NO_RETRY)) as client,
    ):
        for _ in range(2):
            with pytest.raises(TransportError):
                client.run(account.login(EMAIL, PASSWORD))


def log_in(kept: PersistedEmulator) -> AccessToken:
    kept.add()
    with memory.Client(kept.emulator, store=kept.store) as client:
        return client.run(account.login(EMAIL, PASSWORD))


def refuse(_: object) -> Future[None]:
    failed = Future[None]()
    failed.set_exception(FileError("the disk is full"))
    return failed


def test_an_asgi_application_answers_nothing_after_a_change_that_was_not_stored() -> None:
    kept = PersistedEmulator()
    token = log_in(kept)
    application = AsgiApp(kept.emulator, store=refuse)
    signed = {"Authorization": f"Bearer {token.reveal()}"}
    with TestClient(application, base_url="http://emulator", headers=signed) as http:
        with pytest.raises(FileError, match="the disk is full"):
            http.put("/user/objects/presets", json={"meta": "m", "data": "eA=="})
        with pytest.raises(FileError, match="the disk is full"):
            http.get("/user/objects/presets")


def test_no_client_sees_a_change_before_it_is_stored() -> None:
    """Neither the one that asked for it, nor another one whose answer has the change in it."""
    kept = PersistedEmulator()
    token = log_in(kept)
    stored, changed, seen = Future[None](), threading.Event(), list[object]()

    def slow(change: object) -> Future[None]:
        changed.set()
        return stored

    with (
        pytest.raises(FileError, match="the disk is full"),
        serve_in_thread(kept.emulator, store=slow) as url,
        on_httpx.Client(Session(token=token, base_url=url)) as client,
    ):

        def run(operation: Operation[Never, object]) -> None:
            try:
                seen.append(client.run(operation.with_options(retry=NO_RETRY)))
            except TransportError:
                pass

        writer = threading.Thread(target=run, args=(objects.create_object("presets", "m", "eA=="),))
        writer.start()
        assert changed.wait(10)
        reader = threading.Thread(target=run, args=(objects.list_objects("presets"),))
        reader.start()
        reader.join(0.2)
        assert reader.is_alive()
        stored.set_exception(FileError("the disk is full"))
        writer.join()
        reader.join()
    assert seen == []


ON_A_SMALL_DISK = """
import resource
from nai_transports.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
main()
"""
PRINTING = """printf '{"url": "%s", "email": "%s"}\\n' $NAI_URL $NAI_EMAIL; exec sleep 60"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
@pytest.mark.parametrize("program", [(), ("--", "sh", "-c", PRINTING)], ids=["alone", "beside a program"])
def test_a_full_disk_ends_the_emulator_with_an_error_and_loses_nothing(path: Path, program: tuple[str, ...]) -> None:
    arguments = ("--state", str(path), "--empty", "--password", PASSWORD)
    line = [*forked_python(), "-c", ON_A_SMALL_DISK, "emulate", *arguments, *program]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with on_httpx.Client(Session(base_url=ready["url"])) as client:
            uploading = Uploader(client.run(account.login(ready["email"], PASSWORD)))
        uploading.run_until_it_fails(ready["url"])
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1, errors
    assert errors.startswith(f"nai emulate: {path} can no longer be written (")
    assert uploading.answers
    with run_emulator(*arguments) as (ready, _), on_httpx.Client(Session(base_url=ready["url"])) as client:
        uploading.check(client.run(with_token(uploading.token, iter(objects.list_objects("storycontent")))))


def test_changes_are_stored_in_the_order_in_which_they_were_made(path: Path) -> None:
    """Many at once change one object; the last that the emulator has is the one in the file."""
    emulator = Emulator(now=lambda: NOW, entropy=make_entropy())
    emulator.restore()
    emulator.add_account(EMAIL, Password(PASSWORD), stories=False)
    with StateFile(path) as state:
        state.store(emulator.changes()).result()
        with serve_in_thread(emulator, store=state.store) as url:
            with on_httpx.Client(Session(base_url=url)) as client:
                token = client.run(account.login(EMAIL, PASSWORD))
                made = client.run(with_token(token, iter(objects.create_object("presets", "m", "eA=="))))

            def work() -> None:
                blind = StoredObject(id=made.id, type=made.type, meta="m")  # the last writer wins
                with on_httpx.Client(Session(base_url=url, token=token)) as client:
                    for _ in range(15):
                        client.run(objects.update_object(blind, "eQ=="))

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    again = Emulator(now=lambda: NOW, entropy=make_entropy())
    again.restore(read_state(path))
    owner = again.account(EMAIL)
    assert owner is not None
    assert [item.changeIndex for item in owner.storage.objects["presets"]] == [61]


# ---- from the command line


def test_an_account_and_its_logins_outlive_the_process(path: Path) -> None:
    with run_emulator("--state", str(path)) as (ready, process):
        assert {name for name, value in ready.items() if value} == {"url", "email", "password", "token", "key"}
        with on_httpx.Client(Session(base_url=ready["url"])) as client:
            token = client.run(account.login(ready["email"], ready["password"]))
            client.run(with_token(token, iter(objects.create_object("presets", "m", "eA=="))))
        process.terminate()
        assert process.wait(20) == 0
    with run_emulator("--state", str(path), "--hosts", "strict") as (again, _):
        own = {"url": ready["url"], "key": ready["key"], "hosts": None}  # each start draws another key
        assert {**again, **own} == {**ready, "password": None, "hosts": None}
        with on_httpx.Client(Session(base_url=again["url"], token=token)) as client:
            assert [item.data for item in client.run(objects.list_objects("presets"))] == ["eA=="]
            library = client.run(open_library(ready["email"], ready["password"]))
            assert [story.ok for story in library.stories] == [True] * 3
        assert "in use" in nai("emulate", "--state", str(path)).stderr
    for wrong in (("--password", "another"), ("--token", "pst-another")):
        done = nai("emulate", "--state", str(path), *wrong)
        assert (done.returncode, "is in the state file with another" in done.stderr) == (2, True)
    with run_emulator("--state", str(path), "--password", ready["password"]) as (again, _):
        assert again["password"] == ready["password"]
    with run_emulator("--state", str(path), "--email", "b@example.com") as (other, _):
        session = Session(base_url=other["url"], token=token)
        with on_httpx.Client(session) as client:
            assert client.run(account.get_information()).plaintext_email == ready["email"]
            client.run(account.login(other["email"], other["password"]))


class Uploader:
    """A client that creates and changes objects as fast as it can, and remembers what was acknowledged."""

    def __init__(self, token: AccessToken) -> None:
        self.token = token
        self.acknowledged: dict[str, StoredObject] = {}
        self.answers = 0
        self.in_flight: tuple[str, str] = ("", "")
        "Id, empty for a new object, and data of the request whose response has not come yet."
        self.chance = random.Random(11)

    def run_until_it_fails(self, url: str) -> None:
        with on_httpx.Client(Session(base_url=url, token=self.token)) as client:
            try:
                while True:
                    self.step(client)
            except NaiError:
                pass

    def step(self, client: on_httpx.Client) -> None:
        data = objects_data(self.chance.randbytes(self.chance.randrange(0, 6000)))
        known = [*self.acknowledged.values()]
        if known and self.chance.random() < 0.6:
            old = self.chance.choice(known)
            self.in_flight = (old.id, data)
            flow = objects.update_object(old, data)
        else:
            self.in_flight = ("", data)
            flow = objects.create_object("storycontent", f"m{len(known)}", data)
        stored = client.run(flow.with_options(retry=NO_RETRY))
        assert stored.data == data
        self.acknowledged[stored.id] = stored
        self.answers += 1

    def check(self, found: tuple[StoredObject, ...]) -> None:
        """All that was acknowledged is there; of what was on its way when the server died, all or nothing is."""
        id_, data = self.in_flight
        stored = {item.id: item for item in found}
        assert [item.id for item in found][: len(self.acknowledged)] == [*self.acknowledged]
        new = [item for item in found if item.id not in self.acknowledged]
        assert [item.data for item in new] in ([], [data] if not id_ else [])
        for old in self.acknowledged.values():
            now = stored[old.id]
            if now != old:
                assert (old.id, now.data, now.changeIndex) == (id_, data, (old.changeIndex or 0) + 1)
        self.acknowledged = stored


def objects_data(raw: bytes) -> str:
    import base64

    return base64.b64encode(raw).decode()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_what_was_acknowledged_survives_a_kill_at_any_moment(path: Path) -> None:
    arguments = ("--state", str(path), "--empty", "--password", PASSWORD)
    chance, uploading = random.Random(), None
    for kills_left in range(4, -1, -1):
        with run_emulator(*arguments) as (ready, process):
            with on_httpx.Client(Session(base_url=ready["url"])) as client:
                if uploading is None:
                    uploading = Uploader(client.run(account.login(ready["email"], PASSWORD)))
                uploading.check(client.run(with_token(uploading.token, iter(objects.list_objects("storycontent")))))
            if not kills_left:
                break
            thread = threading.Thread(target=uploading.run_until_it_fails, args=(ready["url"],))
            enough = uploading.answers + chance.randrange(5, 60)
            thread.start()
            while uploading.answers < enough:
                assert thread.is_alive(), "the server failed before it was killed"
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
            thread.join()
