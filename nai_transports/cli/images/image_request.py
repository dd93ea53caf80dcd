"""Pictures as ``nai image`` orders them: everything is looked at before anything is paid for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, cast

from nai_proto.codecs.picture import read_metadata
from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.image import (
    Image,
    ImageEvent,
    ImageModel,
    ImageOperation,
    ImagePreset,
    ImageRequest,
    Price,
    Recipe,
    box_mask,
    build_image_request,
    encoding_price,
    generate,
    generate_stream,
)
from nai_proto.image.argument_types import SIZE
from nai_proto.image.model_hashes import find_model
from nai_proto.image.options import ImageOptions

from ... import files
from ...sync import Client
from ..common.output_files import build_file_name, choose_path
from .cost_confirmation import CostConfirmation
from .image_output import ImageWriter
from .input_images import fit_mask, fit_source, get_size, name_file_in_errors, read_image
from .vibe_inputs import VibeInput, encode_vibes, find_unencoded, to_request_vibes

__all__ = ["ImageRequestBuilder", "add_source_image", "rebuild_request"]

_OPTION_OF_PARAMETER: Final = {
    "inpaint_img2img_strength": "--inpaint-strength",
    "prompt": "PROMPT",
    "image": "--image",
    "mask": "--mask",
    "vibes": "--vibe",
    "references": "--reference",
}
_SIZES: Final = ("width", "height")


def rebuild_request(
    path: Path, prompt: str | None, options: ImageOptions, later: Collection[str]
) -> tuple[str, ImageOptions]:
    """What a picture was asked for with; what is given here wins.

    Args:
        path: of the picture.
        prompt: instead of its own.
        options: likewise.
        later: the names of options that are still to come.

    Raises:
        InvalidFile: the picture is none, or damaged, or says nothing, or not all; names what has to be given.
    """
    if "preset" in options:
        raise InvalidRequestError("--preset and --rebuild are two ways to say the same: give one of them")
    with name_file_in_errors(path):
        metadata = read_metadata(files.read(path))
        if metadata is None:
            raise InvalidFile(f"{path} does not say how it was made", path=str(path))
        if "model" not in options and find_model(metadata.source, metadata.parameters()) is None:
            raise InvalidFile(f"{path} names no model that is known; give --model as well", path=str(path))
        recipe = Recipe.of(metadata, model=options.get("model"))
    known = {*options, *later, *(_SIZES if "size" in options else ()), *(["prompt"] if prompt is not None else [])}
    lacking = [
        _OPTION_OF_PARAMETER.get(name, "--size" if name in _SIZES else f"--{name}")
        for name in recipe.missing
        if name not in known
    ]
    if lacking:
        raise InvalidFile(
            f"{path} does not have all that it was made with; give {', '.join(lacking)} as well", path=str(path)
        )
    return recipe.prompt if prompt is None else prompt, {**recipe.options, **options}


def add_source_image(
    options: ImageOptions,
    image: Path | None,
    mask: Path | None,
    boxes: Sequence[tuple[int, int, int, int]],
    factor: float | None,
) -> None:
    """The picture to begin with, and what of it is drawn anew, fitted to the size that is asked for, or to its own.

    Raises:
        InvalidRequestError: the others need a picture.
        MissingExtra: it has to be fitted in, and there is no Pillow.
        InvalidFile: it is no picture, or damaged; names the file.
    """
    if image is None:
        if mask is not None or boxes or factor is not None:
            raise InvalidRequestError("--mask, --box and --enhance need --image")
        return
    if mask is not None and boxes:
        raise InvalidRequestError("--mask and --box are two ways to say the same: give one of them")
    data = read_image(image)
    size = options["size"] = _choose_size(options, get_size(data), factor)
    with name_file_in_errors(image):
        options["image"] = fit_source(data, size)
    if mask is not None:
        with name_file_in_errors(mask):
            options["mask"] = fit_mask(read_image(mask), size)
    elif boxes:
        options["mask"] = box_mask(*size, boxes)


def _choose_size(options: ImageOptions, own: tuple[int, int], factor: float | None) -> tuple[int, int]:
    """The picture's own size so many times, if that is said; else what is asked for; else its own: to the nearest 64."""
    size = options.get("size")
    if factor is None:
        if size is not None:
            sides: tuple[int, int] = SIZE.convert(size, "size")
            return sides
        if (width := options.get("width")) is not None and (height := options.get("height")) is not None:
            return width, height
        factor = 1
    elif size is not None:
        raise InvalidRequestError("--enhance and --size are two ways to say the same: give one of them")
    if not 0 < factor < 100:
        raise InvalidRequestError(f"--enhance is how many times as wide and high, not {factor!r}")
    width, height = (max(64, round(side * factor / 64) * 64) for side in own)
    return width, height


class ImageRequestBuilder:
    """Pictures that are asked for, looked at before anything is sent."""

    def __init__(self, prompt: str, options: ImageOptions, vibes: Sequence[VibeInput], *, previews: bool) -> None:
        self._prompt = prompt
        self._options = options
        self._vibes = vibes
        self._previews = previews
        preset = options.get("preset")
        own = preset.model if isinstance(preset, ImagePreset) else ImageModel.V5_CURATED
        self._model = ImageModel.named(options.get("model") or own)
        if previews and not self._model.family.streaming:
            raise InvalidRequestError(f"{self._model.id} shows no steps on the way: V4 and later do")
        self._request = self._requested()
        options["seed"] = self._request.seed

    def drawn(
        self, client: Client, costs: CostConfirmation, output: Path | None, *, overwrite: bool
    ) -> dict[str, object]:
        """Has the price agreed to, then vibes encoded that are not yet, then the pictures drawn; and what is to be told.

        Raises:
            InvalidRequestError: they may not be paid for.
            FileError: a file stands in the way.
            NaiError: one of the requests failed.
        """
        paths = self._paths(output, overwrite)
        new = find_unencoded(self._vibes, self._model)
        encoding = encoding_price(len(new)).items if new else ()
        price = Price((*self._request.price(costs.allowance).items, *encoding))
        costs.confirm(price)
        self._vibes = encode_vibes(client, self._vibes, self._model)
        self._requested()
        easel = ImageWriter(self._request, paths, overwrite=overwrite, previews=self._previews)
        drawing: ImageOperation[ImageEvent, tuple[Image, ...]]
        if self._request.model.family.streaming:
            drawing = generate_stream(self._prompt, **self._options)
        else:
            drawing = generate(self._prompt, **self._options)
        easel.draw(client, drawing)
        return self._facts(easel, price)

    def _requested(self) -> ImageRequest:
        """The request with its vibes, as far as they are encoded by now."""
        if self._vibes:
            self._options["vibes"] = to_request_vibes(self._vibes, self._model)
        return build_image_request(self._prompt, **self._options)

    def _paths(self, output: Path | None, overwrite: bool) -> list[Path]:
        number, first = (cast("int", self._request.parameters[name]) for name in ("n_samples", "seed"))
        suffix = f".{self._request.parameters['image_format']}"
        outputs: list[Path | None]
        if output is not None and not output.is_dir() and number > 1:
            outputs = [output.with_name(f"{output.stem}-{first + at}{output.suffix or suffix}") for at in range(number)]
        else:
            outputs = [output] * number
        names = [build_file_name(self._prompt, first + at) + suffix for at in range(number)]
        return [choose_path(each, name, overwrite=overwrite) for each, name in zip(outputs, names, strict=True)]

    def _facts(self, easel: ImageWriter, price: Price) -> dict[str, object]:
        sent = self._request.parameters
        facts: dict[str, object] = {"files": [str(path) for path, _ in easel.pictures]}
        if easel.previews:
            facts["previews"] = list(map(str, easel.previews))
        facts |= {"seeds": [picture.seed for _, picture in easel.pictures], "model": self._request.model.id}
        facts |= {"width": sent["width"], "height": sent["height"]}
        return {**facts, "anlas": price.anlas, "price": price.why}
