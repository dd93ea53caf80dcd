"""Files that are far larger than they look: each is a documented error, within bounded memory.

Bombs of content codings are in test_coding_bombs.py, those of pictures and of answers with pictures in test_image_bombs.py,
test_png.py and test_pixels.py, one of an object in test_object_compression.py, one of a backup in test_damaged_files.py.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.codecs.msgpackr import unpackb
from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.codecs.png import build_png_chunk
from nai_proto.codecs.vibe_files import read_vibe_file
from nai_proto.emulator import Emulator
from nai_proto.emulator.recording import decode_recording, encode_header
from nai_proto.errors import FileError, InvalidFile, NaiError
from nai_proto.image.preset import ImagePreset
from nai_proto.limits import Limits
from nai_proto.secret import EncryptionKey, Password
from nai_proto.story import Lorebook
from nai_proto.story.files import Scenario, read_card, read_file, read_story_file
from nai_proto.text.preset import Preset
from nai_proto.tokenizers import loader
from nai_transports import files
from nai_transports.backups import BackupDirectory
from nai_transports.cli.text.conversation import parse_conversation
from nai_transports.servers.recordings import load_recording
from nai_transports.servers.state import StateFile, read_state
from tests.backup_support import back_up, empty_account, fill
from tests.peak_memory import measure_peak
from tests.support import EMAIL, PASSWORD

MB = 1_000_000
UNPACKED = 30 * MB
MOST = 6 * MB
"""A fifth of what a bomb would take, or less."""


# ---- files that people share


@cache
def with_text(kind: bytes, before: bytes) -> bytes:
    """Return a picture with a text that inflates to `UNPACKED` zeros."""
    plain = write_png(Pixels(1, 1, b"abc"))
    at = plain.index(b"IDAT") - 4
    return plain[:at] + build_png_chunk(kind, before + zlib.compress(bytes(UNPACKED), 9)) + plain[at:]


@cache
def make_packed() -> tuple[bytes, ...]:
    """Return `UNPACKED` zeros in two forms."""
    return gzip.compress(bytes(UNPACKED), mtime=0), zlib.compress(bytes(UNPACKED))


DEPTH = 2_000
"""More than Python's recursion takes, and than any limit."""
READERS: dict[str, Callable[[bytes], object]] = {
    "a story": read_story_file,
    "a scenario": Scenario.loads,
    "a lorebook": Lorebook.loads,
    "a file of any kind": read_file,
    "a card": read_card,
    "a preset": Preset.loads,
    "a preset for pictures": ImagePreset.loads,
    "vibes": read_vibe_file,
    "a recording": lambda data: decode_recording(encode_header() + data + b"\n"),
    "a recording's header": lambda data: decode_recording(data + b"\n"),
    "a tokenizer": loader.read,
    "a conversation": lambda data: parse_conversation(data, where="file"),
}
BEGINNINGS = (
    b"",
    b'{"storyContainerVersion":1,"metadata":',
    b'{"scenarioVersion":3,"prompt":',
    b'{"lorebookVersion":5,"entries":',
    b'{"presetVersion":3,"name":"a","parameters":',
    b'{"model":"nai-diffusion-4-5-full","settings":',
    b'{"identifier":"novelai-vibe-transfer","version":1,"type":"encoding","id":"a","encodings":',
    b'{"version":1,"headers":',
    b'{"config":',
    b'{"vocab":',
    b'{"model":"glm-4-6","messages":',
)
"""Of a file of each kind, up to a value."""


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_nested_too_deeply_is_an_error(name: str) -> None:
    for beginning in BEGINNINGS:
        for level, end in ((b"[", b"]"), (b'{"a":', b"}")):
            for whole in (True, False):
                inner = level * DEPTH + (b"1" + end * DEPTH + b"}" * bool(beginning) if whole else b"")
                error, most = measure_peak(lambda: READERS[name](beginning + inner))
                assert error is not None
                assert most < MOST


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_packed_where_none_is_expected_is_not_unpacked(name: str) -> None:
    if name == "a tokenizer":
        return  # which may be packed
    for packed in make_packed():
        error, most = measure_peak(lambda: READERS[name](packed))
        assert error is not None
        assert most < MOST


@pytest.mark.parametrize(
    ("kind", "before"), [(b"zTXt", b"naidata\0\0"), (b"iTXt", b"naidata\0\1\0\0\0")], ids=["zTXt", "iTXt"]
)
def test_a_card_is_inflated_to_its_limit_only(kind: bytes, before: bytes) -> None:
    card = with_text(kind, before)
    for read in (read_card, read_file):
        error, most = measure_peak(lambda: read(card, limits=Limits(picture_text=MB)))
        assert isinstance(error, InvalidFile)
        assert most < MOST


@pytest.mark.parametrize("bits", [zlib.MAX_WBITS | 16, -zlib.MAX_WBITS], ids=["gzip", "raw DEFLATE"])
@pytest.mark.parametrize("unit", [b"\0", b"{", b'{"model":', b'{"text":"'])
def test_a_tokenizer_is_inflated_to_its_limit_only(bits: int, unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_MAX_UNPACKED_BYTES", MB)
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    bomb = packer.compress(unit * (UNPACKED // len(unit))) + packer.flush()
    error, most = measure_peak(lambda: loader.read(bomb))
    assert isinstance(error, InvalidFile)
    assert most < MOST


CLAIMS = {"map": b"\xdf", "list": b"\xdd", "bytes": b"\xc6", "text": b"\xdb", "extension": b"\xc9"}


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_document_that_claims_billions_of_values_takes_no_room_for_them(kind: str) -> None:
    for times in (1, 60, 100_000):
        error, most = measure_peak(lambda: unpackb((CLAIMS[kind] + b"\xff\xff\xff\xff") * times))
        assert error is not None
        assert most < MOST
    deep, most = measure_peak(lambda: unpackb(b"\x91" * MB))
    assert deep is not None
    assert most < MOST


@pytest.mark.parametrize("compressed", [True, False])
def test_a_keystore_that_is_a_bomb_is_an_error(compressed: bool) -> None:
    key = EncryptionKey(bytes(32))
    blanks = Keystore({}, compressed=compressed, inner={"x": b" " * UNPACKED * compressed + b"[" * DEPTH})
    bomb = seal_keystore(blanks, key, os.urandom)
    error, most = measure_peak(lambda: open_keystore(bomb, key, limits=Limits(unpacked=MB)))
    assert error is not None
    assert most < 10 * len(bomb) + MOST
    deep = seal_keystore(Keystore(), key, os.urandom)
    assert open_keystore(deep, key) == Keystore()


# ---- files without end


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_file_with_holes_or_without_end_is_read_to_its_limit_only(tmp_path: Path) -> None:
    holes = tmp_path / "holes.story"
    with holes.open("wb") as file:
        file.truncate(1 << 40)
    for path, limit in ((holes, files.read.__defaults__), (Path("/dev/zero"), (2 * MB,))):
        error, most = measure_peak(lambda: files.read(path, *(limit or ())))
        assert isinstance(error, FileError)
        assert str(error).startswith(f"{path} cannot be read: it has more than ")
        assert most < MOST
    error, most = measure_peak(lambda: load_recording(holes))
    assert isinstance(error, FileError)
    assert most < MOST


@pytest.mark.parametrize("size", [0, 1, MB + 1, 3 * MB])
def test_a_file_of_any_size_up_to_the_limit_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    assert files.read(path, size) == path.read_bytes()
    if size:
        with pytest.raises(FileError, match=f"more than {size - 1} bytes"):
            files.read(path, size - 1)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"written")
    os.close(writing)
    try:
        assert files.read(f"/dev/fd/{reading}") == b"written"
    finally:
        os.close(reading)


# ---- databases that compute

ROWS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("state") / "state"
    emulator = Emulator()
    emulator.restore()
    emulator.add_account(EMAIL, Password(PASSWORD), stories=False)
    with StateFile(path) as file:
        file.store(emulator.changes()).result()
    return path.read_bytes()


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = tmp_path_factory.mktemp("backup") / "backup"
    emulator, owner = empty_account()
    fill(owner, 2)
    back_up(directory, emulator)
    return (directory / "backup.sqlite").read_bytes()


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


STATE_BOMBS = {
    "view": f"DROP TABLE rows; CREATE VIEW rows AS {ROWS} x AS place, 'a' AS key, zeroblob(1000000) AS document FROM n;",
    "view beside": f"CREATE VIEW others AS {ROWS} x FROM n;",
    "generated column": """
        DROP TABLE rows;
        CREATE TABLE rows (place INTEGER PRIMARY KEY, key TEXT, document BLOB AS (zeroblob(900000000)));
        INSERT INTO rows (key) VALUES ('["gift", "a"]');
    """,
    "trigger": "CREATE TRIGGER more AFTER INSERT ON rows BEGIN DELETE FROM rows; END;",
}


@pytest.mark.parametrize("bomb", STATE_BOMBS)
def test_a_state_file_that_computes_its_rows_is_refused(tmp_path: Path, state: bytes, bomb: str) -> None:
    path = tmp_path / "state"
    path.write_bytes(state)
    assert read_state(path)
    change(path, STATE_BOMBS[bomb])
    before = path.read_bytes()
    error, most = measure_peak(lambda: read_state(path))
    assert isinstance(error, InvalidFile)
    assert str(error) == f"{path} cannot be read: it computes what it holds, which no file of ours does"
    assert most < MOST
    assert path.read_bytes() == before


BACKUP_BOMBS = {
    "view": f"""
        DROP TABLE sealed;
        CREATE VIEW sealed AS {ROWS} CAST(x AS BLOB) AS digest, zeroblob(1000000) AS content FROM n;
    """,
    "generated column": """
        DROP TABLE plaintexts;
        CREATE TABLE plaintexts (digest BLOB PRIMARY KEY, content BLOB AS (zeroblob(900000000)));
        INSERT INTO plaintexts (digest) VALUES (x'00');
    """,
    "trigger": "CREATE TRIGGER more AFTER INSERT ON runs BEGIN DELETE FROM versions; END;",
}


@pytest.mark.parametrize("bomb", BACKUP_BOMBS)
@pytest.mark.parametrize("email", [EMAIL, None], ids=["to write", "to read"])
def test_a_backup_that_computes_its_rows_is_refused(
    tmp_path: Path, backup: bytes, bomb: str, email: str | None
) -> None:
    path = tmp_path / "backup.sqlite"
    path.write_bytes(backup)
    BackupDirectory(tmp_path, email).close()
    change(path, BACKUP_BOMBS[bomb])
    before = path.read_bytes()
    error, most = measure_peak(lambda: BackupDirectory(tmp_path, email))
    assert isinstance(error, InvalidFile)
    assert str(error) == f"{path}: it computes what it holds, which no file of ours does"
    assert most < MOST
    assert path.read_bytes() == before


def test_a_value_of_a_database_is_read_to_its_limit_only(
    tmp_path: Path, state: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    path.write_bytes(state)
    monkeypatch.setattr(files, "MAX_BYTES", MB)
    change(path, f"UPDATE rows SET document = zeroblob({20 * MB})")
    error, most = measure_peak(lambda: read_state(path))
    assert isinstance(error, InvalidFile)
    assert most < MOST


CONTENTS = {
    "deep lists": b"[" * DEPTH,
    "deep maps": b'{"id":' * DEPTH,
    "no JSON": b"[",
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=list(CONTENTS))
def test_a_sealed_object_in_a_backup_that_is_no_object_is_damage(tmp_path: Path, backup: bytes, content: bytes) -> None:
    """Its digest is right: somebody has made the file, it did not break."""
    path = tmp_path / "backup.sqlite"
    path.write_bytes(backup)
    with closing(sqlite3.connect(path)) as database:
        digest = sha256(content).digest()
        database.execute("INSERT INTO sealed VALUES (?, ?)", (digest, content))
        database.execute("UPDATE versions SET sealed = ?", (digest,))
        database.commit()
    with BackupDirectory(tmp_path) as backups:
        error, most = measure_peak(lambda: [*backups.items()])
    assert isinstance(error, NaiError)
    assert str(path) in str(error) or path.name in str(error)
    assert most < MOST
