"""``nai module``: train modules on texts, look at them, save and delete them, and buy training steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from nai_proto import modules
from nai_proto.errors import AmbiguousNameError, NotFoundError, UnknownNameError, excerpt
from nai_proto.image.price import Price, PriceItem
from nai_proto.modules import TrainedModule
from nai_proto.secret import Token

from ...sync import Client
from ..common.account_options import AccountOptions
from ..common.command import CommandGroup
from ..common.cost_confirmation import CostConfirmation, MaxAnlas, Yes
from ..common.errors import CommandFailed
from ..common.finished_work import note_interruption, record_done
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, describe_response, escape_line, format_count, print_facts, print_sentence
from ..common.prompts import confirm
from ..common.tables import Cell, Column, print_table
from ..common.text_input import read_text_file
from ..library.library_loader import load_library

__all__ = ["module"]

module = CommandGroup(help="Train modules on texts, and manage them.", no_args_is_help=True)

_INTERVAL_S: Final = 5.0
_Id: TypeAlias = Annotated[str, typer.Argument(help="Id of the module, or its beginning (see `nai module list`).")]


@module.command()
def train(
    files: Annotated[list[Path], typer.Argument(help="Text files, in UTF-8.")],
    name: Annotated[str, typer.Option(help="Name of the module, up to 64 characters.")],
    steps: Annotated[int, typer.Option(help="Steps of the training, 50 or more. Each costs 1 Anlas.")],
    learning_rate: Annotated[float, typer.Option(help="Learning rate of the training.")],
    description: Annotated[str, typer.Option(help="Description, up to 256 characters.")] = "",
    model: Annotated[str | None, typer.Option(help="Text model (id or name). Default: the service's choice.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the training has ended.")] = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Train a module on text files.

    Always costs Anlas; asks for confirmation. If the response is lost, the request is not sent again: `nai module list`
    shows whether the training was started. With --wait, the exit code is 1 if the training fails.
    """
    operation_for = partial(
        modules.train_module,
        name=name,
        steps=steps,
        learning_rate=learning_rate,
        description=description,
        model=model,
    )
    operation_for("any text")  # whoever types the texts learns before them what is wrong
    operation = operation_for("\n".join(map(read_text_file, files)))
    with account.log_in() as client:
        price = Price((PriceItem("training step", steps, 1),))
        costs = CostConfirmation(client, yes=yes, max_anlas=max_anlas, cheaper="a training of fewer --steps")
        costs.confirm(price)
        with costs.paying():
            trained = client.run(operation)
        record_done(f"the training of the module {trained.id} was started")
        if not as_json:
            costs.print_paid()
        if wait:
            trained = _wait(client, trained, account)
    _print_module(trained, as_json=as_json)
    raise typer.Exit(0 if trained.error is None else 1)


def _wait(client: Client, trained: TrainedModule, account: AccountOptions) -> TrainedModule:
    flow = modules.wait_for_module(trained.id, interval_s=_INTERVAL_S)
    with account.show_progress("waiting") as progress, client.stream(flow) as stream:
        for seen in stream:
            progress.hide_first()
            status, losses = escape_line(seen.status), len(seen.loss_history)
            progress.update(f"{status}, losses recorded:" if losses else status, losses, None)
        return stream.result


@module.command("list")
def list_modules(*, account: AccountOptions, as_json: Json = False) -> None:
    """List the account's modules, those in training too."""
    with account.log_in() as client:
        listed = client.run(modules.list_modules())
    if as_json:
        print_json([_describe_module(each) for each in listed])
    elif not listed:
        print_remark("the account has no modules")
    else:
        _print_modules(listed)


@module.command()
def show(
    id: _Id,  # noqa: A002
    prefix: Annotated[
        bool,
        typer.Option(
            "--prefix", help="Print only what `nai generate --module` takes. Whoever has it can use the module."
        ),
    ] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Show one module and how far its training is."""
    with account.log_in() as client:
        trained = _find_module(client, id)
    if prefix:
        _require_ready(trained)
    if prefix and not as_json:
        typer.echo(trained.prefix)
    else:
        _print_module(trained, as_json=as_json, prefix=trained.prefix if prefix else None)


@module.command()
def save(
    id: _Id,  # noqa: A002
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Store a module that is ready with the account's other objects, encrypted, where the website looks for it."""
    library = load_library(account, types=())
    with account.open_client() as client:
        trained = _find_module(client, id, library.token)
        _require_ready(trained)
        with note_interruption("The module may be stored: the same command finds it, and stores it once."):
            client.run(library.save_module(trained))
    record_done("the module is stored")
    _print_done("The module is stored.", trained, as_json)


@module.command()
def delete(
    id: _Id,  # noqa: A002
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Delete a module. The steps of its training are not given back."""
    with account.log_in() as client:
        trained = _find_module(client, id)
        if not yes:
            confirm(f"This deletes the module {escape_line(trained.name)!r} for ever. Continue?", _NEEDS_YES)
        with note_interruption("The module may be deleted: nai module list shows whether it is."):
            client.run(modules.delete_module(trained.id))
    record_done("the module is deleted")
    _print_done("The module is deleted.", trained, as_json)


def _find_module(client: Client, beginning: str, token: Token | None = None) -> TrainedModule:
    """Return the account's module with this id, or whose id alone begins with it.

    Raises:
        AmbiguousNameError: the ids of several modules begin with it.
        UnknownNameError: there is none.
    """
    listed = client.run(modules.list_modules().with_options(token=token))
    ids = [each.id for each in listed if beginning and each.id.startswith(beginning)]
    if len(ids) > 1 and beginning not in ids:
        raise AmbiguousNameError(f"several modules begin with {beginning!r}: {', '.join(ids)}", parameter="id")
    chosen = beginning if len(ids) != 1 else ids[0]
    try:
        return client.run(modules.get_module(chosen).with_options(token=token))
    except NotFoundError:
        pass
    raise UnknownNameError(
        f"no module has the id {excerpt(beginning, 40)!r}; nai module list lists all", parameter="id"
    )


def _require_ready(trained: TrainedModule) -> None:
    """Raise if a module cannot be used.

    Raises:
        CommandFailed: its training has failed, or has not ended.
    """
    if trained.error is not None:
        raise CommandFailed(f"the training of the module {trained.id} failed: {trained.error}")
    if not trained.is_ready:
        raise CommandFailed(
            f"the module {trained.id} is not ready: its status is {trained.status}; nai module show {trained.id} shows "
            "how far it is"
        )


@module.command("buy-steps")
def buy_steps(
    amount: Annotated[int, typer.Argument(help="Steps to buy, 2000 to 10000. A step is 1 Anlas.")],
    yes: Annotated[bool, typer.Option("--yes", help="Spend money without asking.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Buy training steps with the account's means of payment.

    Always costs money; asks for confirmation. If the response is lost, the request is not sent again: `nai subscription`
    shows what became of it.
    """
    operation = modules.buy_training_steps(amount)
    with account.log_in() as client:
        if not yes:
            confirm(
                f"This buys {format_count(amount, 'step')} with the account's means of payment. Continue?",
                _NEEDS_YES_TO_BUY,
            )
        client.run(operation)
    record_done(f"bought: {format_count(amount, 'step')}")
    if as_json:
        print_json({"bought_steps": amount})
    else:
        print_sentence(f"Bought {format_count(amount, 'step')}.")


_NEEDS_YES: Final = "this deletes a module for ever, and there is no terminal to ask at; give --yes to confirm"
_NEEDS_YES_TO_BUY: Final = "this costs money, and there is no terminal to ask at; give --yes to confirm"


# ---- output


def _describe_module(trained: TrainedModule, prefix: str | None = None) -> dict[str, object]:
    facts = describe_response(trained)
    losses = trained.loss_history
    del facts["loss_history"]
    progress = {"losses": len(losses), "last_loss": losses[-1] if losses else None}
    return {**facts, **progress, "error": trained.error, "prefix": prefix}


def _print_module(trained: TrainedModule, *, as_json: bool, prefix: str | None = None) -> None:
    print_facts(_describe_module(trained, prefix), as_json)


def _print_done(done: str, trained: TrainedModule, as_json: bool) -> None:
    """Print what was done to a module, or the module as it was before that."""
    if as_json:
        _print_module(trained, as_json=True)
    else:
        print_sentence(done)


def _print_modules(listed: Sequence[TrainedModule]) -> None:
    numbers = (Column(name, is_number=True) for name in ("steps", "loss"))
    print_table((Column("id", is_id=True), "name", "model", "status", *numbers), map(_describe_row, listed))


def _describe_row(trained: TrainedModule) -> tuple[Cell, ...]:
    loss = f"{trained.loss_history[-1]:.3f}" if trained.loss_history else ""
    return trained.id, trained.name, trained.model, trained.status, trained.steps, loss
