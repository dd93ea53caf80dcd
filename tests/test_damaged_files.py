"""Files of ours that somebody has damaged are read, or are a documented error of one line that names the file."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from nai_proto.emulator import Emulator
from nai_proto.emulator.accounts.journal import RowKey
from nai_proto.emulator.recording import Replayer, encode_header
from nai_proto.errors import Damaged, FileError, InvalidFile, NaiError
from nai_proto.exchange.reply import Cut, Finish, Reply, Start, Wait, Write
from nai_proto.http import Request
from nai_proto.http.wire import Wire
from nai_transports.backups import BackupDirectory
from nai_transports.servers.recordings import load_recording
from nai_transports.servers.state import StateFile, read_state
from tests.backup_support import MEMORY, back_up, empty_account, fill
from tests.damaged_documents import WRONG_TEXTS, damaged_documents
from tests.support import EMAIL, PASSWORD
from tests.test_emulator_persistence import NOW, PersistedEmulator, make_entropy, send_request

OBSERVED = ("/user/data", "/user/information", "/user/keystore", "/user/objects/presets", "/user/subscription")


# ---- the emulator's state


@pytest.fixture(scope="module")
def kept() -> PersistedEmulator:
    """An emulator with a row of each kind that a program can make over HTTP."""
    from nai_proto import account
    from nai_proto.secret import Password
    from nai_proto.tier import Tier

    kept = PersistedEmulator()
    kept.emulator.mailbox.gift_keys["gift"] = Tier.OPUS
    kept.emulator.add_account(EMAIL, Password(PASSWORD), stories=False)
    kept.store(kept.emulator.changes())
    kept("POST", "/user/login", {"key": account.access_key(EMAIL, Password(PASSWORD)).reveal()})
    kept("PUT", "/user/objects/presets", {"meta": "m", "data": "eA=="})
    kept("PUT", "/user/keystore", {"keystore": "eA=="})
    kept("POST", "/user/recovery/request", {"email": EMAIL})
    return kept


KINDS = ("account", "gift", "keystore", "letter", "mail", "object", "token")


def test_every_kind_of_row_is_damaged(kept: PersistedEmulator) -> None:
    assert sorted({key[0] for key in kept.rows}) == [*KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_row_is_refused_or_the_emulator_answers_all_the_same(kept: PersistedEmulator, kind: str) -> None:
    key, document = next((key, document) for key, document in kept.rows.items() if key[0] == kind)
    others = [(other, row) for other, row in kept.rows.items() if other != key]
    for damaged in (*damaged_documents(json.loads(document)), *WRONG_TEXTS):
        restore_and_ask(kept, [*others, (key, damaged)])
    for place in range(len(key)):
        for wrong in ("", "-1", "9" * 5000, "0x1", "²", "\0"):
            restore_and_ask(kept, [*others, ((*key[:place], wrong, *key[place + 1 :]), document)])


def restore_and_ask(kept: PersistedEmulator, rows: list[tuple[RowKey, bytes]]) -> None:
    emulator = Emulator(now=lambda: NOW, entropy=make_entropy())
    try:
        emulator.restore(rows)
    except Damaged as error:
        check_message(error, "the stored state is damaged")
        return
    for target in OBSERVED:
        send_request(emulator, "GET", target, None, kept.token, lambda _: None)


# ---- recordings

LINE = {
    "method": "GET",
    "target": "/a",
    "headers": [["a", "b"]],
    "text": "x",
    "answer": [
        {"status": 200, "headers": [["Content-Type", "text/plain"]]},
        {"text": "a"},
        {"base64": "AAAA"},
        {"raw": True, "text": "x"},
    ],
    "ending": "complete",
}


def test_a_damaged_recording_is_refused_or_can_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    lines = [*damaged_documents(LINE), *WRONG_TEXTS]
    for fields in ([["Content-Length", "5"]], [["Transfer-Encoding", "gzip"]], [["a\r\n", "b"]], [["", ""]]):
        lines.append(json.dumps({**LINE, "answer": [{"status": 200, "headers": fields}, {"text": "abc"}]}).encode())
    for line in lines:
        path.write_bytes(encode_header(contents=True) + line + b"\n")
        try:
            recording = load_recording(path)
        except InvalidFile as error:
            check_message(error, path)
            continue
        for exchange in recording.exchanges:
            reply = Reply(Replayer(recording)(Request(exchange.method, exchange.target, exchange.headers)))
            reply.receive_data(exchange.body)
            reply.receive_eof()
            send(reply)


def send(reply: Reply) -> None:
    """Send a response as the server does."""
    wire = Wire("server")
    wire.receive_data(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    wire.next_event()
    while not isinstance(action := reply.next_action(), Finish | Cut | Wait):
        if isinstance(action, Start):
            wire.send_response(action.head)
        elif isinstance(action, Write):
            wire.send_data(action.data)
    if isinstance(action, Finish):
        wire.send_end()


def test_a_damaged_first_line_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    for header in (*damaged_documents({"nai-recording": 1, "contents": False}), *WRONG_TEXTS):
        path.write_bytes(header + b"\n")
        try:
            load_recording(path)
        except InvalidFile as error:
            check_message(error, path)


# ---- backups


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Emulator]:
    emulator, owner = empty_account()
    fill(owner, 2)
    directory = tmp_path_factory.mktemp("whole") / "backup"
    back_up(directory, emulator)
    return directory, emulator


@pytest.fixture
def directory(whole: tuple[Path, Emulator], tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(whole[0], (Path(MEMORY) if MEMORY else tmp_path) / f"nai-{os.getpid()}" / tmp_path.name)
    )


@pytest.fixture(autouse=True)
def remove(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree((Path(MEMORY) if MEMORY else tmp_path) / f"nai-{os.getpid()}", ignore_errors=True)


def use(directory: Path, emulator: Emulator) -> None:
    """Do all that is done with a backup directory. Each step may fail, with an error that names the directory."""

    def read() -> None:
        with BackupDirectory(directory) as backups:
            assert all(run.objects >= 0 for run in backups.runs)
            assert all(item.stored for item in (*backups.items(), *backups.items(run=1)))

    def verify() -> None:
        with BackupDirectory(directory) as backups:
            for problem in backups.verify().problems:
                assert problem.message.isprintable()

    steps: tuple[Callable[[], Any], ...] = (read, verify, lambda: back_up(directory, emulator))
    for step in steps:
        try:
            step()
        except NaiError as error:
            check_message(error, directory)


def check_message(error: NaiError, path: Path | str) -> None:
    assert str(error).startswith(str(path))
    assert str(error).isprintable()


COLUMNS = {
    "account": "salt hash",
    "keystores": "digest content",
    "sealed": "digest content",
    "plaintexts": "digest content",
    "runs": "id started keystore aside finished",
    "objects": "id type name file opened unopened settled gone",
    "versions": "id object run sealed plain compressed state category problem",
    "seen": "run version position",
}
CELLS = [(table, column) for table, columns in COLUMNS.items() for column in columns.split()]


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_a_damaged_value_in_a_backup_is_an_error_that_names_it(
    whole: tuple[Path, Emulator], directory: Path, table: str, column: str
) -> None:
    for wrong in (None, 0, -1, 2**62, 1e300, "", "\0", "../../x", b"", b"\xff" * 40):
        shutil.copy(whole[0] / "backup.sqlite", directory)
        with closing(sqlite3.connect(directory / "backup.sqlite")) as database:
            (old,) = database.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
            try:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IS ?", (wrong, old))
            except sqlite3.Error:
                continue  # SQLite itself refuses it
            database.commit()
        use(directory, whole[1])
    assert not (directory.parent / "x.json").exists()


def test_a_bomb_in_a_backup_is_damage_and_is_inflated_to_the_limit_only(
    whole: tuple[Path, Emulator], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nai_transports.backups.database_rows._MAX_PLAINTEXT", 1 << 20)
    with closing(sqlite3.connect(directory / "backup.sqlite")) as database:
        database.execute("UPDATE plaintexts SET content = ?", (zlib.compress(bytes(50 << 20)),))
        database.commit()
    tracemalloc.start()
    with BackupDirectory(directory) as backups:
        assert any("plaintexts" in problem.message for problem in backups.verify().problems)
        with pytest.raises(Damaged) as caught:
            list(backups.items())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    check_message(caught.value, directory)
    assert most < 10 << 20


@pytest.mark.parametrize("table", COLUMNS)
@pytest.mark.parametrize("damage", ["DROP TABLE {}", "DELETE FROM {}", "ALTER TABLE {} RENAME TO other"])
def test_a_missing_table_or_its_rows_are_an_error_or_read(
    whole: tuple[Path, Emulator], directory: Path, table: str, damage: str
) -> None:
    with closing(sqlite3.connect(directory / "backup.sqlite")) as database:
        database.execute(damage.format(table))
        database.commit()
    use(directory, whole[1])


@pytest.mark.parametrize("seed", range(24))
def test_random_bytes_in_a_backup_are_an_error_or_read(
    whole: tuple[Path, Emulator], directory: Path, seed: int
) -> None:
    import random

    chance, path = random.Random(seed), directory / "backup.sqlite"
    data = bytearray(path.read_bytes())
    for _ in range((1, 5, 100)[seed % 3]):
        data[chance.randrange(100, len(data))] = chance.randrange(256)
    path.write_bytes(data)
    use(directory, whole[1])


# ---- what is no file


def make_directory(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nothing" / "there")


SHAPES = [make_directory, make_loop, make_dangling_link]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
@pytest.mark.parametrize("make", SHAPES)
@pytest.mark.parametrize("read", [load_recording, read_state], ids=["recording", "state"])
def test_what_is_no_file_is_an_error_that_names_it(
    tmp_path: Path, read: Callable[[Path], object], make: Callable[[Path], None]
) -> None:
    path = tmp_path / "file"
    make(path)
    try:
        assert read(path) == []  # a state file that is not there yet
    except NaiError as error:
        check_message(error, path)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
@pytest.mark.parametrize("make", SHAPES)
def test_a_state_file_in_the_place_of_what_is_no_file_is_made_or_an_error(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "file"
    make(path)
    with suppress(FileError):
        StateFile(path).close()
        assert read_state(path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
@pytest.mark.parametrize("make", [*SHAPES, os.mkfifo])
@pytest.mark.parametrize("name", ["backup.sqlite", "keystore.sealed.json", "stories"])
def test_what_is_no_file_in_a_backup_is_an_error_or_repaired(
    whole: tuple[Path, Emulator], directory: Path, make: Callable[[Path], None], name: str
) -> None:
    path = directory / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)
    use(directory, whole[1])
