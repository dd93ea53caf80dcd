"""``nai image``: generate images from a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from nai_proto.errors import InvalidRequestError
from nai_proto.image import QualityPreset, Sampler, UCPreset
from nai_proto.image.options import ImageOptions

from ...preset_files import load_image_preset
from ..common.account_options import AccountOptions
from ..common.cost_confirmation import CostConfirmation, MaxAnlas, Yes
from ..common.notes import print_remark
from ..common.output import Json, print_facts
from ..common.output_files import OUTPUT_PANEL, OutputPath, Overwrite, build_output_option
from ..common.text_input import read_required_text
from .image_request import ImageRequestBuilder, add_source_image, rebuild_request
from .option_errors import find_image_model, name_options_in_errors
from .option_parsing import parse_box, parse_character, parse_reference, parse_size
from .picture_display import open_picture_display
from .picture_files import print_jpeg_note
from .price_report import PriceOnly, print_price
from .vibe_inputs import parse_vibes

__all__ = ["image"]

_Repeatable = list[str] | None

# The headings of the help page.
_CHARACTERS: Final = "Characters and words in the image"
_OTHER_IMAGES: Final = "Other images"
_SAMPLING: Final = "Sampling"

_CHEAPER: Final = "a smaller --size, fewer --steps or fewer images (-n)"
_JSON_ONLY: Final = ("requested_model", "anlas", "price")


def image(
    prompt: Annotated[
        str | None, typer.Argument(help="Prompt. Default: read from stdin, as - is.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model id or name. Default: the preset's model, or V5 Curated.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="WIDTHxHEIGHT in pixels, or a size of the website: portrait, landscape, square, large_portrait …"
        ),
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Number of images.")] = 1,
    negative: Annotated[str | None, typer.Option(help="Negative prompt.")] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the first image; each further image has the next. Default: random."),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(metavar="|".join(QualityPreset), help="Add quality tags to the prompt."),
    ] = None,
    uc: Annotated[
        str | None,
        typer.Option(help=f"Negative prompt preset, if the model has it: {', '.join(UCPreset)}."),
    ] = None,
    preset: Annotated[
        Path | None, typer.Option(help="Preset file; options given here override it.", show_default=False)
    ] = None,
    output: Annotated[OutputPath | None, build_output_option(".png", ".webp", ".jpg")] = None,
    overwrite: Overwrite = False,
    show: Annotated[
        bool,
        typer.Option(
            "--show", help="Show images and previews in the terminal, as they arrive.", rich_help_panel=OUTPUT_PANEL
        ),
    ] = False,
    format: Annotated[  # noqa: A002 -- the option's name
        str | None,
        typer.Option(
            metavar="png|webp",
            help="Image format. Default: the suffix of --output, or png.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    previews: Annotated[
        bool,
        typer.Option(
            "--previews",
            help="Also write a preview of each step to a file (V4 and later).",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    transparent: Annotated[
        bool, typer.Option("--transparent", help="Make the background transparent (V5).", rich_help_panel=OUTPUT_PANEL)
    ] = False,
    price: PriceOnly = False,
    yes: Yes = False,
    max_anlas: MaxAnlas = None,
    character: Annotated[
        _Repeatable,
        typer.Option(
            metavar="PROMPT[;;NEGATIVE][@PLACE]",
            help="Character prompt (V4 and later, repeatable). PLACE is A1 to E5, or X,Y from 0 to 1.",
            rich_help_panel=_CHARACTERS,
        ),
    ] = None,
    auto_text: Annotated[
        bool,
        typer.Option(
            "--auto-text", help="Render quoted parts of the prompt as text (V5).", rich_help_panel=_CHARACTERS
        ),
    ] = False,
    image: Annotated[
        Path | None,
        typer.Option(help="Image to start from (img2img).", show_default=False, rich_help_panel=_OTHER_IMAGES),
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="How much --image may change.", rich_help_panel=_OTHER_IMAGES)
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="How much noise is added to --image.", rich_help_panel=_OTHER_IMAGES)
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="Mask image: --image is inpainted where it is white.",
            show_default=False,
            rich_help_panel=_OTHER_IMAGES,
        ),
    ] = None,
    box: Annotated[
        _Repeatable,
        typer.Option(
            metavar="LEFT,TOP,RIGHT,BOTTOM",
            help="Rectangle of --image to inpaint, instead of --mask (repeatable).",
            rich_help_panel=_OTHER_IMAGES,
        ),
    ] = None,
    inpaint_strength: Annotated[
        float | None,
        typer.Option(
            help="How much the inpainted part may change, 0 to 1 (V4 and later).",
            show_default=False,
            rich_help_panel=_OTHER_IMAGES,
        ),
    ] = None,
    enhance: Annotated[
        float | None,
        typer.Option(help="Enhance --image to this multiple of its size, such as 1.5.", rich_help_panel=_OTHER_IMAGES),
    ] = None,
    max_enhance: Annotated[
        bool,
        typer.Option("--max-enhance", help="Enhance --image to the largest size (V5).", rich_help_panel=_OTHER_IMAGES),
    ] = False,
    rebuild: Annotated[
        Path | None,
        typer.Option(
            help="Generate again with the metadata of this image; options given here override it.",
            show_default=False,
            rich_help_panel=_OTHER_IMAGES,
        ),
    ] = None,
    vibe: Annotated[
        _Repeatable,
        typer.Option(
            metavar="FILE[=STRENGTH[,INFORMATION]]",
            help="Image or vibe file for vibe transfer (V3 to V4.5, repeatable). An encoding costs Anlas once, and is kept.",
            rich_help_panel=_OTHER_IMAGES,
        ),
    ] = None,
    reference: Annotated[
        _Repeatable,
        typer.Option(
            metavar="FILE[=KIND][=STRENGTH[,FIDELITY]]",
            help="Image for a precise reference (V4.5, repeatable). KIND is character, style or character&style.",
            rich_help_panel=_OTHER_IMAGES,
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Number of sampling steps.", rich_help_panel=_SAMPLING)] = None,
    scale: Annotated[float | None, typer.Option(help="Prompt guidance.", rich_help_panel=_SAMPLING)] = None,
    sampler: Annotated[
        str | None, typer.Option(help="Sampler: k_euler_ancestral, k_euler, k_dpmpp_2m …", rich_help_panel=_SAMPLING)
    ] = None,
    noise_schedule: Annotated[
        str | None, typer.Option(help="Noise schedule: karras, exponential …", rich_help_panel=_SAMPLING)
    ] = None,
    cfg_rescale: Annotated[
        float | None, typer.Option(help="Guidance rescale, 0 to 1.", rich_help_panel=_SAMPLING)
    ] = None,
    variety: Annotated[
        bool, typer.Option("--variety", help="Use Variety+ (V3 to V4.5).", rich_help_panel=_SAMPLING)
    ] = False,
    unlisted_sampler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Sampler that nai does not list, sent as it is.",
            show_default=False,
            rich_help_panel=_SAMPLING,
        ),
    ] = None,
    decrisper: Annotated[
        bool, typer.Option("--decrisper", help="Use decrisper (V1 to V3).", rich_help_panel=_SAMPLING)
    ] = False,
    smea: Annotated[bool, typer.Option("--smea", help="Use SMEA (V1 to V3).", rich_help_panel=_SAMPLING)] = False,
    smea_dyn: Annotated[
        bool, typer.Option("--smea-dyn", help="Use SMEA DYN (V1 to V3).", rich_help_panel=_SAMPLING)
    ] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Generate images from a prompt, and write them to files named after the prompt and the seed.

    Computes the price first, including what is free for the account, and asks before it spends Anlas. With --image, start
    from that image; with --mask or --box, inpaint only a part of it.
    """
    options = _drop_missing(
        {
            "model": None if model is None else find_image_model(model),
            "preset": None if preset is None else load_image_preset(preset),
            "negative_prompt": negative,
            "size": None if size is None else parse_size(size),
            "steps": steps,
            "scale": scale,
            "cfg_rescale": cfg_rescale,
            "sampler": _choose_sampler(sampler, unlisted_sampler),
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
    text = prompt
    if rebuild is not None:
        later = {"image": image, "mask": mask or box, "vibes": vibe}
        text, options = rebuild_request(rebuild, text, options, [name for name, value in later.items() if value])
    is_read = prompt == "-" or (text is None and not price)
    add_source_image(options, image, mask, [parse_box(each) for each in box or ()], enhance)
    vibes = parse_vibes(vibe or ())
    with name_options_in_errors():
        builder = ImageRequestBuilder("" if is_read else text or "", options, vibes, previews=previews)
        if not price:
            builder.choose_paths(output)
        if is_read:  # whoever types the prompt learns before it what is wrong with the rest
            text = read_required_text(prompt, "image", "--rebuild")
            builder = ImageRequestBuilder(text, options, vibes, previews=previews)
    if builder.note:
        print_remark(builder.note)
    if price:
        print_price(builder.describe_price(), as_json)
        return
    display = open_picture_display(as_json=as_json) if show else None
    with account.log_in() as client:
        costs = CostConfirmation(client, yes=yes, max_anlas=max_anlas, cheaper=_CHEAPER)
        facts = builder.generate(client, costs, output, display, overwrite=overwrite, quiet=account.quiet)
    print_jpeg_note(map(Path, cast("list[str]", facts["files"])))
    if not as_json:
        costs.print_paid()
        facts = {name: fact for name, fact in facts.items() if fact and name not in _JSON_ONLY}
    print_facts(facts, as_json)


def _choose_sampler(sampler: str | None, unlisted: str | None) -> str | None:
    if sampler is not None and unlisted is not None:
        raise InvalidRequestError("give --sampler or --unlisted-sampler, not both")
    return sampler if unlisted is None else Sampler(unlisted)


def _drop_missing(settings: dict[str, Any]) -> ImageOptions:
    """Return the options that were given."""
    return cast("ImageOptions", {name: value for name, value in settings.items() if value is not None})


def _format_from_name(output: OutputPath | None) -> str | None:
    """Return the format that a file's name tells."""
    suffix = "" if output is None else output.suffix
    return suffix[1:] if suffix in (".png", ".webp") else None
