"""``nai image``: pictures of what a prompt says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from nai_proto.errors import LocalProtocolError
from nai_proto.image import (
    Drawing,
    Drawn,
    Image,
    ImageModel,
    ImagePreset,
    ImageRequest,
    ImageResolution,
    Price,
    QualityPreset,
    UCPreset,
    box_mask,
    encoding_price,
    generate,
    generate_stream,
    image_request,
)
from nai_proto.image.parameters import Options

from .. import files
from ..httpx import Client
from . import image_options as told
from .credentials import Email, UnsafePassword, Url, signed_in
from .drawing import Easel
from .failing import one_line
from .paying import MaxAnlas, Purse, Yes
from .pictures import mask_for, picture, size_of, source
from .reading import given
from .saving import Output, Overwrite, named, place
from .showing import Json, show
from .vibes import Wanted, encode, missing, wanted
from .vibes import told as told_vibes

__all__ = ["image"]

_Many = list[str] | None


def image(
    prompt: Annotated[str, typer.Argument(help="What is wanted; - reads it from stdin.")],
    negative: Annotated[str | None, typer.Option(help="What is not wanted.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model's id or name; the preset's, or V5 Curated, if not given.")
    ] = None,
    preset: Annotated[
        Path | None, typer.Option(help="A file with settings, over which single options win.", show_default=False)
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT, or portrait, landscape, square, large_portrait, … as on the website."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="How many steps it is drawn in.")] = None,
    scale: Annotated[float | None, typer.Option(help="How closely it follows the prompt.")] = None,
    cfg_rescale: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    sampler: Annotated[str | None, typer.Option(help="k_euler_ancestral, k_euler, k_dpmpp_2m, …")] = None,
    noise_schedule: Annotated[str | None, typer.Option(help="karras, exponential, …")] = None,
    seed: Annotated[int | None, typer.Option(help="Drawn if not given; each further picture has one more.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Of pictures.")] = 1,
    quality: Annotated[
        str | None, typer.Option(metavar="|".join(QualityPreset), help="Ready-made tags for quality.")
    ] = None,
    uc: Annotated[
        str | None,
        typer.Option(help=f"A ready-made negative prompt, of those that the model has: {', '.join(UCPreset)}."),
    ] = None,
    character: Annotated[
        _Many,
        typer.Option(
            metavar="TEXT",
            help="A character: PROMPT[;;NEGATIVE][@PLACE], the place A1 to E5, or X,Y from 0 to 1. May be given more than "
            "once, as the next five.",
        ),
    ] = None,
    vibe: Annotated[
        _Many,
        typer.Option(
            metavar="FILE[=STRENGTH[,INFORMATION]]",
            help="A picture whose mood is taken over, or a vibe file. What it is encoded into is kept, since that costs.",
        ),
    ] = None,
    reference: Annotated[
        _Many,
        typer.Option(
            metavar="FILE[=KIND][=STRENGTH[,FIDELITY]]",
            help="A picture to take a character, a style, or character&style from, precisely.",
        ),
    ] = None,
    box: Annotated[
        _Many, typer.Option(metavar="LEFT,TOP,RIGHT,BOTTOM", help="Draw this part of --image anew, instead of --mask.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to begin with.", show_default=False)] = None,
    strength: Annotated[float | None, typer.Option(help="How much of it is drawn anew.")] = None,
    noise: Annotated[float | None, typer.Option(help="How much is added to it.")] = None,
    mask: Annotated[
        Path | None, typer.Option(help="A picture that is white where --image is drawn anew.", show_default=False)
    ] = None,
    enhance: Annotated[
        float | None, typer.Option(help="Draw --image so many times as wide and high, such as 1.5.")
    ] = None,
    variety: Annotated[bool, typer.Option("--variety", help="Variety+, for V3 to V4.5.")] = False,
    transparent: Annotated[bool, typer.Option("--transparent", help="Without a background, for V5.")] = False,
    auto_text: Annotated[
        bool, typer.Option("--auto-text", help="Draw what stands in quotes as words, for V5.")
    ] = False,
    decrisper: Annotated[bool, typer.Option("--decrisper", help="For V1 to V3.")] = False,
    smea: Annotated[bool, typer.Option("--smea", help="For V1 to V3.")] = False,
    smea_dyn: Annotated[bool, typer.Option("--smea-dyn", help="SMEA DYN, for V1 to V3.")] = False,
    format: Annotated[  # noqa: A002 -- the option's name
        str | None, typer.Option(metavar="png|webp", help="What --output says by its name, or png, if not given.")
    ] = None,
    previews: Annotated[
        bool, typer.Option("--previews", help="Write what each step looks like to a file as well, for V4 and later.")
    ] = False,
    output: Output = None,
    overwrite: Overwrite = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Draw what a prompt says, and write it to a file that is named after it and its seed.

    What it costs is found out first, with what is free for the account; if it costs something, it is asked for. With
    --image it is drawn from that picture, with --mask or --box as well only a part of it.
    """
    with one_line("image"):
        options = _options(
            {
                "model": model,
                "preset": None if preset is None else _preset(preset),
                "negative_prompt": negative,
                "size": None if size is None else told.size(size),
                "steps": steps,
                "scale": scale,
                "cfg_rescale": cfg_rescale,
                "sampler": sampler,
                "noise_schedule": noise_schedule,
                "seed": seed,
                "n_samples": number,
                "quality": quality,
                "uc_preset": uc,
                "strength": strength,
                "noise": noise,
                "image_format": format or _format(output),
                "characters": [told.character(each) for each in character or ()] or None,
                "references": [told.referenced(each) for each in reference or ()] or None,
                "variety_plus": variety or None,
                "transparent": transparent or None,
                "auto_text": auto_text or None,
                "dynamic_thresholding": decrisper or None,
                "sm": smea or smea_dyn or None,
                "sm_dyn": smea_dyn or None,
            }
        )
        _add_picture(options, image, mask, box or (), enhance)
        order = _Order(given(prompt), options, wanted(vibe or ()), previews)
        with Client(signed_in(url, email, unsafe_password)) as client:
            facts = order.drawn(client, Purse(client, yes=yes, max_anlas=max_anlas), output, overwrite=overwrite)
    show(facts, as_json)


def _options(settings: dict[str, Any]) -> Options:
    """Those that were given."""
    return cast("Options", {name: value for name, value in settings.items() if value is not None})


def _preset(path: Path) -> ImagePreset:
    return ImagePreset.loads(files.read(path), where=str(path))


def _format(output: Path | None) -> str | None:
    """The one that a file's name says."""
    suffix = "" if output is None or output.is_dir() else output.suffix.lower()
    return suffix[1:] if suffix in (".png", ".webp") else None


def _add_picture(
    options: Options, image: Path | None, mask: Path | None, boxes: Sequence[str], factor: float | None
) -> None:
    """The picture to begin with, and what of it is drawn anew, fitted to the size that is asked for, or to its own.

    Raises:
        LocalProtocolError: the others need a picture; or what `nai_transports.cli.pictures` raises.
    """
    if image is None:
        if mask is not None or boxes or factor is not None:
            raise LocalProtocolError("--mask, --box and --enhance need --image")
        return
    data = picture(image)
    size = options.get("size")
    if size is None:
        width, height = (max(64, round(side * (factor or 1) / 64) * 64) for side in size_of(data))
    else:
        width, height = size.value if isinstance(size, ImageResolution) else size
    options["size"] = width, height
    options["image"] = source(data, (width, height))
    if mask is not None and boxes:
        raise LocalProtocolError("--mask and --box are two ways to say the same: give one of them")
    if mask is not None:
        options["mask"] = mask_for(picture(mask), (width, height))
    elif boxes:
        options["mask"] = box_mask(width, height, map(told.box, boxes))


class _Order:
    """Pictures that are asked for, looked at before anything is sent."""

    def __init__(self, prompt: str, options: Options, vibes: Sequence[Wanted], previews: bool) -> None:
        self._prompt = prompt
        self._options = options
        self._vibes = vibes
        self._previews = previews
        preset = options.get("preset")
        self._model = ImageModel.named(options.get("model", ImageModel.V5_CURATED if preset is None else preset.model))
        if previews and not self._model.family.streaming:
            raise LocalProtocolError(f"{self._model.id} shows no steps on the way: V4 and later do")
        self._request = self._requested()
        options["seed"] = self._request.seed

    def drawn(self, client: Client, purse: Purse, output: Path | None, *, overwrite: bool) -> dict[str, object]:
        """Has the price agreed to, then vibes encoded that are not yet, then the pictures drawn; and what is to be told.

        Raises:
            LocalProtocolError: they may not be paid for, or a file stands in the way.
            NaiError: one of the requests failed.
        """
        paths = self._paths(output, overwrite)
        new = missing(self._vibes, self._model)
        encoding = encoding_price(len(new)).items if new else ()
        price = Price((*self._request.price(purse.allowance).items, *encoding))
        purse.agree(price)
        for each in new:
            encode(client, each, self._model)
        self._requested()
        easel = Easel(self._request, paths, overwrite=overwrite, previews=self._previews)
        drawing: Drawing[Drawn, tuple[Image, ...]]
        if self._request.model.family.streaming:
            drawing = generate_stream(self._prompt, **self._options)
        else:
            drawing = generate(self._prompt, **self._options)
        easel.draw(client, drawing)
        return self._facts(easel, price)

    def _requested(self) -> ImageRequest:
        """The request with its vibes, as far as they are encoded by now."""
        if self._vibes:
            self._options["vibes"] = told_vibes(self._vibes, self._model)
        return image_request(self._prompt, **self._options)

    def _paths(self, output: Path | None, overwrite: bool) -> list[Path]:
        number, first = (cast("int", self._request.parameters[name]) for name in ("n_samples", "seed"))
        suffix = f".{self._request.parameters['image_format']}"
        outputs: list[Path | None]
        if output is not None and not output.is_dir() and number > 1:
            outputs = [output.with_name(f"{output.stem}-{first + at}{output.suffix or suffix}") for at in range(number)]
        else:
            outputs = [output] * number
        names = [named(self._prompt, first + at) + suffix for at in range(number)]
        return [place(each, name, overwrite=overwrite) for each, name in zip(outputs, names, strict=True)]

    def _facts(self, easel: Easel, price: Price) -> dict[str, object]:
        sent = self._request.parameters
        files = [{"file": str(path), "seed": picture.seed} for path, picture in easel.pictures]
        facts: dict[str, object] = {"files": files}
        if easel.previews:
            facts["previews"] = list(map(str, easel.previews))
        facts |= {"model": self._request.model.id, "size": f"{sent['width']} × {sent['height']}"}
        return {**facts, "anlas": price.anlas, "price": price.why}
