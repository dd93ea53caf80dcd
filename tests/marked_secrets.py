"""Secrets that are recognised in a text, in whatever form they have got into it."""

from __future__ import annotations

import base64
import gc
import json
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

__all__ = ["MarkedSecrets", "describe_error", "describe_objects"]

_PIECE: Final = 12
"""Characters in a row that give a secret away."""
_PACKAGES: Final = ("nai_proto", "nai_transports")


def _write_in_all_forms(secret: bytes) -> Iterator[str]:
    """Yield a secret as a text, escaped, in hexadecimal, Base64 and percent forms, and as a list of numbers."""
    yield secret.decode("latin-1")
    yield secret.decode("utf-8", "replace")
    yield repr(secret)[2:-1]
    yield json.dumps(secret.decode("latin-1"))[1:-1]
    numbers = repr([*secret])[1:-1]
    for text in (secret.hex(), secret.hex(" "), secret.hex(":"), numbers, numbers.replace(" ", "")):
        yield from (text, text.upper())
    for skipped in range(3):  # the place of a secret in what is encoded
        plain = base64.b64encode(secret[skipped:]).decode()[:-4]
        yield from (plain, plain.translate(str.maketrans("+/", "-_")), quote(plain, safe=""))
    yield quote(secret, safe="")
    yield "".join(f"%{byte:02x}" for byte in secret)
    yield "".join(f"%{byte:02X}" for byte in secret)


class MarkedSecrets:
    """Secrets by their names, and the pieces by which they are found."""

    def __init__(self) -> None:
        self._pieces: dict[str, str] = {}
        "The names of the secrets by their pieces."

    def add(self, name: str, secret: str | bytes) -> None:
        """Mark a secret."""
        value = secret.encode() if isinstance(secret, str) else secret
        for form in _write_in_all_forms(value):
            for start in range(0, max(1, len(form) - _PIECE + 1), _PIECE):
                self._pieces.setdefault(form[start : start + _PIECE], name)

    def find(self, texts: Mapping[str, str]) -> list[str]:
        """Return which secrets are in which of the texts, which have names, with what is around the secret."""
        whole = "\0".join(texts.values())
        # one pass, since a program that makes hundreds of keys has a hundred thousand pieces
        windows = {window for at in range(len(whole)) if (window := whole[at : at + _PIECE]) in self._pieces}
        present = [piece for piece in self._pieces if piece in windows or (len(piece) < _PIECE and piece in whole)]
        return sorted(
            {
                f"{self._pieces[piece]} in {name}: …{text[max(0, text.index(piece) - 60) : text.index(piece) + 40]!r}…"
                for name, text in texts.items()
                for piece in present
                if piece in text
            }
        )


def describe_objects() -> dict[str, str]:
    """Return what each object of our packages that is alive shows of itself: ``repr``, ``str`` and ``format``."""
    tracked = gc.get_objects()
    return {text: text for each in _only_ours((*tracked, *gc.get_referents(*tracked))) for text in _write(each)}


def _write(value: object) -> Iterator[str]:
    """Yield what a value shows; ``str`` and ``format`` are ``repr`` where its class does not have its own."""
    yield repr(value)
    if type(value).__str__ is not object.__str__:
        yield str(value)
    if type(value).__format__ is not object.__format__:
        yield format(value)


def _only_ours(objects: Sequence[object]) -> Collection[object]:
    types = {kind for kind in {*map(type, objects)} if kind.__module__.partition(".")[0] in _PACKAGES}
    return {id(each): each for each in objects if type(each) in types}.values()


def describe_error(error: BaseException) -> dict[str, str]:
    """Return what an error shows: its text, its attributes, its notes, and its traceback with the frames' variables."""
    attributes = {name: value for name, value in vars(error).items() if name != "body"}  # which is what the server sent
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return {
        "the error": f"{error} {error!r} {attributes} {getattr(error, '__notes__', ())}",
        "the traceback": "".join(traceback.format_exception(error)),
        "the traceback with variables": "".join(shown.format()),
    }
