"""``nai director`` and ``nai upscale``: what is done with a picture that there is."""

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

from .client import open_client
from .credentials import Email, UnsafePassword, Url, signed_in
from .failing import one_line
from .opening import watched
from .paying import MaxAnlas, Purse, Yes
from .pictures import picture, size_of, source
from .saving import Output, Overwrite, fitting, place, save
from .showing import Json, show

__all__ = ["director", "upscale"]

_PARTS: Final = ("masked", "generated", "blend")
"""Of what bg-removal gives.

See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
"""

_File = Annotated[Path, typer.Argument(help="A picture: PNG, WebP or JPEG.", show_default=False)]


def director(
    tool: Annotated[str, typer.Argument(help=f"What to do: {', '.join(DirectorTool)}.", show_default=False)],
    file: _File,
    emotion: Annotated[
        str | None, typer.Option(help=f"For emotion, which needs it: {', '.join(Emotion)}.", show_default=False)
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="More words, for colorize and emotion.")] = None,
    defry: Annotated[
        int | None, typer.Option(help="How weakly, from 0 to 5, for colorize and emotion; 0 if not given.")
    ] = None,
    output: Output = None,
    overwrite: Overwrite = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Alter a picture with one of the director tools; bg-removal gives three: masked, generated, and their blend.

    What it costs is found out first, with what is free for the account; if it costs something, it is asked for.
    """
    with one_line("director"):
        data = picture(file)
        size = size_of(data)
        flow = augment(data, tool, emotion=emotion, prompt=prompt, defry=defry, size=size)
        parts = _PARTS if tool == DirectorTool.BG_REMOVAL else ("",)
        paths = _paths(output, f"{file.stem}-{emotion or tool}", parts, overwrite=overwrite)
        with open_client(signed_in(url, email, unsafe_password)) as client:
            purse = Purse(client, yes=yes, max_anlas=max_anlas)
            price = tool_price(tool, *size, allowance=purse.allowance)
            purse.agree(price)
            with watched(tool):
                images = client.run(flow)
        written = _written(images, paths, overwrite=overwrite)
    _show(written, price, as_json)


def upscale(
    file: _File,
    model: Annotated[str, typer.Option(help="V5 Full or V5 Curated, by id or name.")] = ImageModel.V5_CURATED.id,
    blur: Annotated[
        float | None, typer.Option(help="How blurred it is: 0, or 0.3 to 0.5 in steps of 0.05.", show_default=False)
    ] = None,
    output: Output = None,
    overwrite: Overwrite = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a picture twice as wide and high. It is never free, so it is asked for what it costs."""
    with one_line("upscale"):
        data = picture(file)
        size = size_of(data)
        price = upscale_price(*size)
        flow = upscaled(source(data, size), model=model, declared_blur_sigma=blur)
        paths = _paths(output, f"{file.stem}-{2 * size[0]}x{2 * size[1]}", ("",), overwrite=overwrite)
        with open_client(signed_in(url, email, unsafe_password)) as client:
            Purse(client, yes=yes, max_anlas=max_anlas).agree(price)
            with watched("upscaling"):
                image = client.run(flow)
        written = _written([image], paths, overwrite=overwrite)
    _show(written, price, as_json)


def _paths(output: Path | None, name: str, parts: Sequence[str], *, overwrite: bool) -> list[Path]:
    """Where the pictures go; of several, each says which it is."""
    told = [f"-{part}" if part else "" for part in parts]
    if output is None or output.is_dir():
        return [place(output, f"{name}{part}.png", overwrite=overwrite) for part in told]
    outputs = [output.with_name(f"{output.stem}{part}{output.suffix}") for part in told]
    return [place(each, name, overwrite=overwrite) for each in outputs]


def _written(images: Sequence[Image], paths: Sequence[Path], *, overwrite: bool) -> list[Path]:
    """The files; what is more than was expected goes beside the last."""
    all_paths = [*paths, *[paths[-1]] * (len(images) - len(paths))]
    return [
        save(fitting(path, each.format), each.data, overwrite=overwrite)
        for path, each in zip(all_paths, images, strict=False)
    ]


def _show(written: Sequence[Path], price: Price, as_json: bool) -> None:
    show({"files": list(map(str, written)), "anlas": price.anlas, "price": price.why}, as_json)
