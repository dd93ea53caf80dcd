"""``nai image``: pictures of what a prompt says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from nai_proto.errors import InvalidRequestError
from nai_proto.image import QualityPreset, UCPreset
from nai_proto.image.options import ImageOptions

from ...preset_files import load_image_preset
from ..common.credentials import Email, UnsafePassword, Url, open_client, sign_in
from ..common.errors import exit_on_error
from ..common.output import Json, print_facts
from ..common.output_files import Output, Overwrite
from ..common.text_input import read_text_argument
from .cost_confirmation import CostConfirmation, MaxAnlas, Yes
from .image_request import ImageRequestBuilder, add_source_image, rebuild_request
from .option_parsing import parse_box, parse_character, parse_reference, parse_size
from .vibe_inputs import parse_vibes

__all__ = ["image"]

_Repeatable = list[str] | None


def image(
    prompt: Annotated[
        str | None, typer.Argument(help="What is wanted; - reads it from stdin.", show_default=False)
    ] = None,
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
        _Repeatable,
        typer.Option(
            metavar="PROMPT[;;NEGATIVE][@PLACE]",
            help="A character, for V4 and later; the place is A1 to E5, or X,Y from 0 to 1. May be given more than once.",
        ),
    ] = None,
    vibe: Annotated[
        _Repeatable,
        typer.Option(
            metavar="FILE[=STRENGTH[,INFORMATION]]",
            help="A picture whose mood is taken over, or a vibe file, for V3 to V4.5. What it is encoded into is kept, "
            "since that costs. Likewise.",
        ),
    ] = None,
    reference: Annotated[
        _Repeatable,
        typer.Option(
            metavar="FILE[=KIND][=STRENGTH[,FIDELITY]]",
            help="A picture to take a character, a style, or character&style from, precisely, for V4.5. Likewise.",
        ),
    ] = None,
    box: Annotated[
        _Repeatable,
        typer.Option(
            metavar="LEFT,TOP,RIGHT,BOTTOM", help="A part of --image that is drawn anew, instead of --mask. Likewise."
        ),
    ] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to begin with.", show_default=False)] = None,
    strength: Annotated[float | None, typer.Option(help="How much of it is drawn anew.")] = None,
    noise: Annotated[float | None, typer.Option(help="How much is added to it.")] = None,
    mask: Annotated[
        Path | None, typer.Option(help="A picture that is white where --image is to be drawn anew.", show_default=False)
    ] = None,
    inpaint_strength: Annotated[
        float | None, typer.Option(help="How much of that part, from 0 to 1, for V4 and later.", show_default=False)
    ] = None,
    enhance: Annotated[
        float | None, typer.Option(help="Draw --image so many times as wide and high, such as 1.5.")
    ] = None,
    max_enhance: Annotated[
        bool, typer.Option("--max-enhance", help="Draw --image as large as can be, for V5.")
    ] = False,
    rebuild: Annotated[
        Path | None,
        typer.Option(help="Ask for this picture again, as it says it was made; other options win.", show_default=False),
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
    with exit_on_error("image"):
        options = _drop_missing(
            {
                "model": model,
                "preset": None if preset is None else load_image_preset(preset),
                "negative_prompt": negative,
                "size": None if size is None else parse_size(size),
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
                "inpaint_img2img_strength": inpaint_strength,
                "image_format": format or _format_from_name(output),
                "characters": [parse_character(each) for each in character or ()] or None,
                "references": [parse_reference(each) for each in reference or ()] or None,
                "variety_plus": variety or None,
                "transparent": transparent or None,
                "auto_text": auto_text or None,
                "dynamic_thresholding": decrisper or None,
                "sm": smea or smea_dyn or None,
                "sm_dyn": smea_dyn or None,
                "upscaled_enhance": max_enhance or None,
            }
        )
        text = None if prompt is None else read_text_argument(prompt)
        if rebuild is not None:
            later = {"image": image, "mask": mask or box, "vibes": vibe}
            text, options = rebuild_request(rebuild, text, options, [name for name, value in later.items() if value])
        if text is None:
            raise InvalidRequestError("give a prompt, or - to read it from stdin, or --rebuild")
        add_source_image(options, image, mask, [parse_box(each) for each in box or ()], enhance)
        order = ImageRequestBuilder(text, options, parse_vibes(vibe or ()), previews=previews)
        with open_client(sign_in(url, email, unsafe_password)) as client:
            facts = order.drawn(
                client, CostConfirmation(client, yes=yes, max_anlas=max_anlas), output, overwrite=overwrite
            )
    print_facts(facts, as_json)


def _drop_missing(settings: dict[str, Any]) -> ImageOptions:
    """Those that were given."""
    return cast("ImageOptions", {name: value for name, value in settings.items() if value is not None})


def _format_from_name(output: Path | None) -> str | None:
    """The one that a file's name says."""
    suffix = "" if output is None or output.is_dir() else output.suffix.lower()
    return suffix[1:] if suffix in (".png", ".webp") else None
