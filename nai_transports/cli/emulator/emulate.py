"""``nai emulate``: run an emulator of the service, to test programs against."""

from __future__ import annotations

import base64
import secrets
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, cast

import msgspec
import typer

from nai_proto.account import access_key
from nai_proto.codecs.json import find_problem
from nai_proto.codecs.type_mismatch import find_mismatch
from nai_proto.emulator import Account, Emulator, OpenAISwitches, Switches
from nai_proto.emulator.control import ControlApp
from nai_proto.emulator.faults import describe_fault_kinds, describe_faults
from nai_proto.errors import Damaged, InvalidFile, InvalidRequestError, NaiError
from nai_proto.exchange.reply import App
from nai_proto.secret import Password, PersistentToken
from nai_proto.tier import Tier
from nai_proto.unknown_names import unknown_choice

from ... import files
from ...servers.console import load_console
from ...servers.ordered_store import OrderedStore
from ...servers.recordings import record_to_file
from ...servers.serve import system_entropy
from ...servers.state import StateFile, read_state
from ..common.error_messages import explain
from ..common.errors import WrongUsage
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import escape_line
from ..common.tables import print_table
from ..common.text_wrapping import wrap_for_terminal
from .child_program import check_program
from .ready_message import ReadyForm, choose_ready_form
from .serve_until_stopped import ServerJson, TokenizerFinder, serve_until_stopped

__all__ = ["emulate"]

_SWITCHES: Final = tuple(field.name for kind in (Switches, OpenAISwitches) for field in fields(kind))
_HOSTS: Final = ("one", "strict", "lenient")
_TRIAL: Final = "trial"
_TIERS: Final = (*(tier.name.lower() for tier in Tier), _TRIAL)
_ACCOUNT: Final = "The account"
_ANSWERS: Final = "What it answers"
_RECORDING: Final = "Recording"
_RARE: Final = "For tests of a client"


def emulate(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on, 0 to 65535. Default: any free one.")
    ] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    console: Annotated[
        bool,
        typer.Option("--console", help="Serve a page that shows requests, as on a terminal."),
    ] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Print lines that export NAI_URL and so on in a shell.")
    ] = False,
    as_json: ServerJson = False,
    email: Annotated[str, typer.Option(rich_help_panel=_ACCOUNT, help="E-mail.")] = "writer@example.com",
    password: Annotated[str | None, typer.Option(rich_help_panel=_ACCOUNT, help="Password. Default: random.")] = None,
    token: Annotated[
        str | None, typer.Option(rich_help_panel=_ACCOUNT, help="Persistent token, pst-… Default: random.")
    ] = None,
    tier: Annotated[str, typer.Option(rich_help_panel=_ACCOUNT, help=f"Tier: {', '.join(_TIERS)}.")] = "opus",
    anlas: Annotated[
        int | None, typer.Option(rich_help_panel=_ACCOUNT, min=0, help="Anlas. Default: those of a month of its tier.")
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", rich_help_panel=_ACCOUNT, help="Start without stories.")] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_ACCOUNT,
            metavar="FILE",
            help="Keep accounts and their contents in this file.",
        ),
    ] = None,
    seed: Annotated[
        str, typer.Option(rich_help_panel=_ANSWERS, help="Seed of the generated text.")
    ] = "once upon a time",
    pace: Annotated[float, typer.Option(rich_help_panel=_ANSWERS, min=0, help="Seconds per generated token.")] = 0.0,
    reply: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_ANSWERS,
            metavar="FILE",
            help="Answer requests that match as this JSON file says.",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_RECORDING,
            metavar="FILE",
            help="Record to this new file, without secrets (nai replay).",
        ),
    ] = None,
    record_contents: Annotated[
        bool,
        typer.Option(
            "--record-contents",
            rich_help_panel=_RECORDING,
            help="Record prompts and contents too. They are private.",
        ),
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_RARE,
            metavar="NAME:KEY=VALUE,…",
            help="Inject a fault, such as cut:at=100,times=1 (repeatable).",
        ),
    ] = None,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", rich_help_panel=_RARE, help="List all faults and exit.")
    ] = False,
    hosts: Annotated[
        str,
        typer.Option(
            rich_help_panel=_RARE,
            metavar="|".join(_HOSTS),
            help="strict, lenient: give each host a port and only its endpoints.",
        ),
    ] = "one",
    switch: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_RARE,
            metavar="NAME=VALUE",
            help="Change how it behaves, such as rate=20 (repeatable).",
        ),
    ] = None,
    list_switches: Annotated[
        bool, typer.Option("--list-switches", rich_help_panel=_RARE, help="List all switches and exit.")
    ] = False,
    gift_key: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_RARE,
            metavar="KEY=TIER",
            help="Gift key to redeem, such as present=scroll (repeatable).",
        ),
    ] = None,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND",
            help="Run this command with NAI_URL, NAI_TOKEN, NAI_EMAIL and NAI_PASSWORD set, and end as it does.",
        ),
    ] = None,
) -> None:
    """Run an emulator of NovelAI on your machine, until Ctrl-C or SIGTERM, or while a command runs.

    Prints its address and an account that exists only there, and on a terminal the line that points programs to it.
    """
    if list_faults:
        _print_faults(as_json)
    if list_switches:
        _print_switches(as_json)
    if list_faults or list_switches:
        return
    if export and as_json:
        raise WrongUsage("give --export or --json, not both: each prints the address in its own form")
    if hosts not in _HOSTS:
        raise unknown_choice(hosts, "arrangement of --hosts", _HOSTS, parameter="hosts")
    if port + 2 > 65_535 and hosts != "one":
        raise typer.BadParameter("three ports are needed, this one and the next two", param_hint="--port")
    if tier.lower() not in _TIERS:
        raise unknown_choice(tier, "tier", _TIERS, parameter="tier")
    check_program(command or (), "nai", "emulate")
    form = choose_ready_form(as_json=as_json, as_exports=export)
    has_console = console or (form is ReadyForm.PERSON and not command)
    switches, openai = _parse_switches(switch or ())
    replies = () if reply is None else _load_replies(reply)
    emulator = Emulator(
        now=time.time,
        entropy=system_entropy,
        seed=seed,
        pace=pace,
        tokenizers=TokenizerFinder(_report_missing_tokenizer),
        local_tokenizers=TokenizerFinder(_ignore_missing_tokenizer, download=False),
        switches=switches,
        openai=openai,
        strict=hosts == "strict",
    )
    trial = tier.lower() == _TRIAL
    plan = Tier.PAPER if trial else Tier[tier.upper()]
    add = partial(emulator.add_account, email, stories=not empty, tier=plan, trial=trial, anlas=anlas)
    _add("--fault", emulator.faults.add, fault or ())
    _add("--reply", emulator.replies.add, replies)
    key = secrets.token_urlsafe(24)
    with _open_state(state, emulator) as store, _record(emulator, record, record_contents) as recorded:
        account, password = _find_or_add_account(emulator, email, password, token, add)
        emulator.mailbox.gift_keys.update(_parse_gift_keys(gift_key or ()))
        if store is not None:
            store(emulator.changes()).result()
        ready = {
            "email": email,
            "password": password,
            "token": account.persistent_token.reveal(),
            "key": key,
            "console": f"{{}}/_emulator/#key={key}" if has_console else None,
        }
        status = serve_until_stopped(
            "emulate",
            ControlApp(emulator, key, recorded, load_console() if has_console else None),
            host,
            port,
            ready,
            form,
            separate_hosts=hosts != "one",
            store=store,
            program=command or (),
        )
    raise typer.Exit(status)


def _print_faults(as_json: bool) -> None:
    if as_json:
        print_json(describe_fault_kinds())
    else:
        typer.echo(wrap_for_terminal(describe_faults(), sys.stdout))


def _print_switches(as_json: bool) -> None:
    kinds = (Switches(), OpenAISwitches())
    defaults: list[tuple[str, object]] = [
        (field.name, getattr(kind, field.name)) for kind in kinds for field in fields(kind)
    ]
    if as_json:
        print_json([{"name": name, "default": default} for name, default in defaults])
    else:
        print_table(("switch", "default"), ((name, _format_switch(default)) for name, default in defaults))


def _format_switch(value: object) -> str:
    """Return a value as ``--switch`` takes it; an empty text for none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, cast("tuple[object, ...]", value)))
    return "" if value is None else str(value)


def _add(option: str, add: Callable[..., None], items: Iterable[object]) -> None:
    """Add faults or replies; a wrong one is a usage error of the option."""
    try:
        add(*items)
    except NaiError as error:
        raise typer.BadParameter(explain(error), param_hint=option) from None


def _load_replies(path: Path) -> list[object]:
    """Return the scripted replies in a JSON file; a picture may be the name of a file behind ``@``, next to this one."""
    data = files.read(path).removeprefix(b"\xef\xbb\xbf")  # Windows' editors write a byte order mark
    try:
        document: Any = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        document = _NOT_JSON
    if document is _NOT_JSON:
        raise InvalidFile(f"{path}: {find_problem(data, object)}", path=str(path))
    replies = cast("list[object]", document) if isinstance(document, list) else [document]
    return [_load_picture(one, path.parent) for one in replies]


def _load_picture(reply: object, directory: Path) -> object:
    """Return a reply with the content of the file whose name is its picture, if it is one."""
    if not isinstance(reply, dict):
        return reply
    fields = cast("dict[str, object]", reply)
    picture = fields.get("picture")
    if not (isinstance(picture, str) and picture.startswith("@")):
        return fields
    return {**fields, "picture": base64.b64encode(files.read(directory / picture[1:])).decode()}


_NOT_JSON: Final = object()


def _record(app: App, path: Path | None, contents: bool) -> AbstractContextManager[App]:
    """Return the app, which records its exchanges if there is a file to record to."""
    if path is None and not contents:
        return nullcontext(app)
    if path is None:
        raise typer.BadParameter("--record-contents needs --record", param_hint="--record-contents")
    return record_to_file(app, path, contents=contents, on_failure=print_remark)


@contextmanager
def _open_state(path: Path | None, emulator: Emulator) -> Generator[OrderedStore | None, None, None]:
    """Load the state file into the emulator, and yield what stores changes; change no damaged or foreign file."""
    if path is None:
        yield None
        return
    try:
        emulator.restore(read_state(path))
    except Damaged as error:
        raise InvalidFile(f"{path}: {error}", path=str(path)) from None
    with StateFile(path) as state:
        yield OrderedStore(state.store)  # one for all addresses


def _find_or_add_account(
    emulator: Emulator,
    email: str,
    password: str | None,
    token: str | None,
    add: Callable[[Password, PersistentToken | None], Account],
) -> tuple[Account, str | None]:
    """Return a new account, or the existing one if password and token match; and the password, if it is known."""
    try:
        wanted_token = PersistentToken(token) if token else None
        account = emulator.account(email)
        if account is None:
            password = password or secrets.token_urlsafe(12)
            return add(Password(password), wanted_token), password
        key = None if password is None else access_key(account.email, Password(password))
    except NaiError as error:
        raise typer.BadParameter(str(error)) from None
    for wanted, own, name in ((key, account.key, "password"), (wanted_token, account.persistent_token, "token")):
        if wanted is not None and wanted.reveal() != own.reveal():
            raise typer.BadParameter(f"{email} is in the state file with another {name}", param_hint=f"--{name}")
    return account, password


def _parse_switches(options: Sequence[str]) -> tuple[Switches, OpenAISwitches]:
    """Parse ``NAME=VALUE`` switches. A list has commas; an empty value is an empty list."""
    values: dict[str, object] = {}
    for one in options:
        name, equals, value = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--switch")
        if name not in _SWITCHES:
            raise unknown_choice(name, "switch", _SWITCHES, parameter="switch")
        values[name] = list(filter(None, value.split(","))) if name == "models" else value
    try:
        return msgspec.convert(values, Switches, strict=False), msgspec.convert(values, OpenAISwitches, strict=False)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InvalidRequestError):  # raised by the switches' own checks
            raise typer.BadParameter(str(error.__cause__), param_hint="--switch") from None
        kind = next(kind for kind in (Switches, OpenAISwitches) if not _is_valid(values, kind))
        mismatch = find_mismatch(values, kind, strict=False)
        name = mismatch.path.removeprefix(".")
        raise typer.BadParameter(f"{name}={values.get(name)}: {mismatch.problem}", param_hint="--switch") from None


def _is_valid(values: dict[str, object], kind: type[Switches | OpenAISwitches]) -> bool:
    try:
        msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _parse_gift_keys(options: Sequence[str]) -> Iterator[tuple[str, Tier]]:
    for one in options:
        key, equals, tier = one.rpartition("=")
        if not equals or not key or tier.upper() not in Tier.__members__:
            problem = f"{one!r} is not KEY=TIER with one of the tiers {', '.join(each.name.lower() for each in Tier)}"
            raise typer.BadParameter(problem, param_hint="--gift-key")
        yield key, Tier[tier.upper()]


def _ignore_missing_tokenizer(model: str, reason: str) -> None:
    """Say nothing: a text without token ids can do without, and its response says so."""


def _report_missing_tokenizer(model: str, reason: str) -> None:
    print_remark(
        f"without the tokenizer file of {model}, bans by token ids are ignored, and other requests that have "
        f"token ids get 501. {escape_line(reason)}"
    )
