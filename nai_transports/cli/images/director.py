"""``nai director`` and ``nai upscale``: change an existing image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto.image import (
    DirectorTool,
    Emotion,
    Image,
    ImageModel,
    Price,
    augment,
    tool_price,
    upscale_price,
)
from nai_proto.image import upscale as upscaled

from ..common.account_options import AccountOptions
from ..common.cost_confirmation import CostConfirmation, MaxAnlas, Yes
from ..common.errors import WrongUsage
from ..common.output import Json, print_facts
from ..common.output_files import OutputFiles, Overwrite
from ..common.usage_messages import quote
from .input_images import fit_source, get_size, read_image
from .option_errors import find_image_model, name_options_in_errors
from .picture_display import PictureDisplay, Show, open_picture_display
from .picture_files import PictureOutput, choose_picture_paths, print_jpeg_note, write_picture
from .price_report import PriceOnly, describe_price, print_price

__all__ = ["director", "upscale"]

_PARTS: Final = ("masked", "generated", "blend")
"""The images that bg-removal returns, in order.

See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
"""

_File = Annotated[Path, typer.Argument(help="Image: PNG, WebP or JPEG.", show_default=False)]


def director(
    tool: Annotated[DirectorTool, typer.Argument(help=f"Tool: {', '.join(DirectorTool)}.", show_default=False)],
    file: _File,
    emotion: Annotated[
        Emotion | None,
        typer.Option(
            metavar="EMOTION", help=f"Required by the tool emotion: {', '.join(Emotion)}.", show_default=False
        ),
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Prompt, for colorize and emotion.")] = None,
    defry: Annotated[
        int | None, typer.Option(help="How much to weaken the effect, 0 to 5, for colorize and emotion. Default: 0.")
    ] = None,
    output: PictureOutput = None,
    overwrite: Overwrite = False,
    show: Show = False,
    price_only: PriceOnly = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Change an image with a director tool. bg-removal returns three images: masked, generated, and blended.

    Computes the price first, including what is free for the account, and asks before it spends Anlas.
    """
    if tool == DirectorTool.EMOTION and emotion is None:
        line = f"nai director emotion {quote(str(file))} --emotion {Emotion.HAPPY}"
        raise WrongUsage(f"give an emotion: {line} (or {', '.join(Emotion)})", parameter="emotion")
    data = read_image(file)
    size = get_size(data)
    flow = augment(data, tool, emotion=emotion, prompt=prompt, defry=defry, size=size)
    if price_only:
        print_price(describe_price(lambda allowance: tool_price(tool, *size, allowance=allowance)), as_json)
        return
    display = open_picture_display(as_json=as_json) if show else None
    parts = _PARTS if tool == DirectorTool.BG_REMOVAL else ("",)
    paths = choose_picture_paths(output, f"{file.stem}-{emotion or tool}", parts=parts)
    with OutputFiles(paths, overwrite=overwrite) as outputs, account.log_in() as client:
        costs = CostConfirmation(client, yes=yes, max_anlas=max_anlas, cheaper="a smaller image")
        price = tool_price(tool, *size, allowance=costs.allowance)
        costs.confirm(price)
        with account.show_progress(tool), costs.paying():
            images = client.run(flow)
        saved = _write_images(outputs, paths, images, display)
    _print_result(saved, price, costs, as_json)


def upscale(
    file: _File,
    model: Annotated[str, typer.Option(help="V5 Full or V5 Curated (id or name).")] = ImageModel.V5_CURATED.id,
    blur: Annotated[
        float | None,
        typer.Option(help="How blurred the image is: 0, or 0.3 to 0.5 in steps of 0.05.", show_default=False),
    ] = None,
    output: PictureOutput = None,
    overwrite: Overwrite = False,
    show: Show = False,
    price_only: PriceOnly = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Double the width and height of an image. Always costs Anlas; asks for confirmation."""
    upscaler = find_image_model(model)
    data = read_image(file)
    size = get_size(data)
    price = upscale_price(*size)
    with name_options_in_errors():
        flow = upscaled(fit_source(data, size), model=upscaler, declared_blur_sigma=blur)
    if price_only:
        print_price(describe_price(lambda _: price), as_json)
        return
    display = open_picture_display(as_json=as_json) if show else None
    paths = choose_picture_paths(output, f"{file.stem}-{2 * size[0]}x{2 * size[1]}")
    with OutputFiles(paths, overwrite=overwrite) as outputs, account.log_in() as client:
        costs = CostConfirmation(client, yes=yes, max_anlas=max_anlas, cheaper="a smaller image")
        costs.confirm(price)
        with account.show_progress("upscaling"), costs.paying():
            image = client.run(flow)
        saved = _write_images(outputs, paths, [image], display)
    _print_result(saved, price, costs, as_json)


def _write_images(
    outputs: OutputFiles, paths: Sequence[Path], images: Sequence[Image], display: PictureDisplay | None
) -> list[Path]:
    """Write the images, and return their paths. If there are more than expected, the others get numbers."""
    more = [paths[-1].with_stem(f"{paths[-1].stem}-{number}") for number in range(len(paths) + 1, len(images) + 1)]
    saved: list[Path] = []
    for number, (path, image) in enumerate(zip([*paths, *more], images, strict=False)):
        saved.append(write_picture(outputs, path, image.data))
        if display is not None:
            display.show(number, image.data, str(saved[-1]) if len(images) > 1 else "")
    return saved


def _print_result(saved: Sequence[Path], price: Price, costs: CostConfirmation, as_json: bool) -> None:
    print_jpeg_note(saved)
    facts: dict[str, object] = {"files": list(map(str, saved))}
    if as_json:
        facts |= {"anlas": price.anlas, "price": str(price)}
    else:
        costs.print_paid()
    print_facts(facts, as_json)
