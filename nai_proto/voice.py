"""Text to speech.

Of two versions the first has ten voices with numbers; the second makes a voice of any text, its seed. Some seeds have names.

See docs/protocol/native.md#81-text-to-speech.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Never

from .arguments import FLAG, INTEGER, TEXT, takes
from .codecs.json import encode_json
from .errors import InvalidRequestError, RemoteProtocolError, excerpt
from .exchange.endpoints import EndpointParameters, build, endpoint
from .exchange.operation import Operation
from .exchange.readers import BodyReader
from .http import Head, Headers
from .limits import Limits
from .unknown_names import unknown_choice

__all__ = ["SEEDS", "VOICES", "Speech", "check_voice", "speak"]

VOICES: Final[Mapping[str, int]] = {
    "Cyllene": 17,
    "Leucosia": 95,
    "Crina": 44,
    "Hespe": 80,
    "Ida": 106,
    "Alseid": 6,
    "Daphnis": 10,
    "Echo": 16,
    "Thel": 41,
    "Nomios": 77,
}
"""The voices of ``v1``, by name."""

SEEDS: Final[Mapping[str, str]] = {
    "Ligeia": "Anananan",
    **{
        name: name
        for name in (
            *("Aini", "Orea", "Claea", "Lim", "Aurae", "Naia"),
            *("Aulon", "Elei", "Ogma", "Raid", "Pega", "Lam"),
        )
    },
}
"""The seeds of the voices of ``v2`` that have names, by name."""

_LONGEST: Final = 1000
_LONGEST_SEED: Final = 50
_TYPES: Final = (
    "audio/mpeg",
    "audio/webm",
    "audio/mp3",
    "audio/ogg",
    "application/octet-stream",
    "binary/octet-stream",
)
_WEBM: Final = b"\x1aE\xdf\xa3"


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken text, as a file."""

    data: bytes = field(repr=False)
    "The file's bytes."
    format: Literal["mp3", "webm"]
    "WebM holds Opus."


@dataclass(frozen=True, slots=True)
class _SpeechReaderFactory:
    """Make the reader of audio."""

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[Speech]:
        def finish(body: bytes) -> Speech:
            if not body:
                raise RemoteProtocolError(f"{where}: audio was expected, and nothing came")
            opus = body.startswith(_WEBM) or head.content_type == "audio/webm"
            return Speech(body, "webm" if opus else "mp3")

        return BodyReader(finish, limits)


_READERS: Final = tuple((each, _SpeechReaderFactory()) for each in _TYPES)


@takes(text=TEXT, voice=TEXT | INTEGER, version=TEXT, opus=FLAG, method=TEXT, validate=FLAG)
def speak(
    text: str,
    voice: str | int = "Ligeia",
    *,
    version: Literal["v1", "v2"] = "v2",
    opus: bool = False,
    method: Literal["POST", "GET"] = "POST",
    validate: bool = True,
) -> Operation[Never, Speech]:
    """Have a text spoken.

    Args:
        text: 1 to 1000 characters; the service leaves out what is more.
        voice: for ``v2`` a name of `SEEDS`, or any other text of 1 to 50 characters as a seed; for ``v1`` a name of
            `VOICES` or a number.
        version: of the voices, ``"v1"`` or ``"v2"``.
        opus: WebM with Opus, instead of MP3.
        method: ``"POST"``, or ``"GET"``, which has the text in the URL and is deprecated.
        validate: check everything before it is sent.

    Raises:
        InvalidRequestError: there is nothing to say or too much, or no such voice, version or method.
    """
    if validate:
        if not 0 < len(text) <= _LONGEST:
            raise InvalidRequestError(
                f"the text has {len(text)} characters, and 1 to {_LONGEST} can be spoken", parameter="text"
            )
        check_voice(voice, version)
        if method not in ("POST", "GET"):
            raise InvalidRequestError(f"method is POST or GET, not {excerpt(method, 20)!r}", parameter="method")
    fields = {"text": text, **_voice(voice, version), "opus": opus, "version": version}
    if method == "GET":
        query = tuple(
            (key, str(value).lower() if isinstance(value, bool) else str(value)) for key, value in fields.items()
        )
        return Operation(
            build(endpoint("get_voice"), EndpointParameters(query=query), Headers.of(accept="*/*")), _READERS
        )
    headers = Headers.of(content_type="application/json", accept="*/*")
    return Operation(build(endpoint("post_voice"), EndpointParameters(body=encode_json(fields)), headers), _READERS)


@takes(voice=TEXT | INTEGER, version=TEXT)
def check_voice(voice: str | int, version: str) -> None:
    """Check that there is such a voice.

    Args:
        voice, version: as for `speak`.

    Raises:
        InvalidRequestError: there is none, or no such version.
    """
    if version not in ("v1", "v2"):
        raise InvalidRequestError(f"version is v1 or v2, not {excerpt(version, 20)!r}", parameter="version")
    if version == "v2" and not (isinstance(voice, str) and 0 < len(voice) <= _LONGEST_SEED):
        raise InvalidRequestError(
            f"a voice of v2 is a seed of 1 to {_LONGEST_SEED} characters, or a name of SEEDS", parameter="voice"
        )
    if version == "v1" and isinstance(voice, str) and voice not in VOICES:
        raise unknown_choice(voice, "voice of v1", VOICES, parameter="voice")


def _voice(voice: str | int, version: str) -> dict[str, object]:
    """Return the two keys that choose the voice: a seed counts only where the number is -1."""
    if version == "v2":
        return {"seed": SEEDS.get(str(voice), str(voice)), "voice": -1}
    return {"voice": VOICES.get(voice, voice) if isinstance(voice, str) else voice}
