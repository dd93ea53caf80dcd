"""Build the request of ``nai image``, and generate it. Everything is checked before Anlas are spent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import ceil
from pathlib import Path
from typing import Final, cast

from nai_proto.codecs.picture_metadata import read_metadata
from nai_proto.conflicts import override_options
from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.image import (
    Allowance,
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
from nai_proto.image.options import CONFLICTS, ImageOptions

from ... import files
from ...sync import Client
from ..common.cost_confirmation import CostConfirmation
from ..common.output_files import OutputFiles, OutputPath, build_file_name
from ..common.progress import show_progress
from .image_output import ImageWriter, preview_path
from .input_images import fit_mask, fit_source, get_size, name_file_in_errors, read_image
from .option_errors import to_option
from .picture_display import PictureDisplay
from .picture_files import choose_picture_paths
from .price_report import describe_price
from .vibe_inputs import VibeInput, encode_vibes, find_unencoded, to_request_vibes

__all__ = ["ImageRequestBuilder", "add_source_image", "rebuild_request"]

_SIZES: Final = ("width", "height")


def rebuild_request(
    path: Path, prompt: str | None, options: ImageOptions, later: Collection[str]
) -> tuple[str, ImageOptions]:
    """Return prompt and options of the request that made an image, from its metadata.

    Args:
        path: the image's file.
        prompt: replaces the prompt of the metadata, if not None.
        options: replace those of the metadata.
        later: the names of options that the caller adds afterwards.

    Raises:
        InvalidFile: the file is not an image, is damaged, or lacks metadata; the message names the options to give.
        InvalidRequestError: options has a preset.
    """
    if "preset" in options:
        raise InvalidRequestError("give --preset or --rebuild, not both")
    with name_file_in_errors(path):
        metadata = read_metadata(files.read(path))
        if metadata is None:
            raise InvalidFile(f"{path} has no metadata of how it was made", path=str(path))
        if "model" not in options and find_model(metadata.source, metadata.parameters()) is None:
            raise InvalidFile(f"the metadata of {path} names no known model; give --model as well", path=str(path))
        recipe = Recipe.of(metadata, model=options.get("model"))
    provided = {*options, *later, *(_SIZES if "size" in options else ()), *(["prompt"] if prompt is not None else [])}
    missing_options = [
        "--size" if name in _SIZES else to_option(name) for name in recipe.missing if name not in provided
    ]
    if missing_options:
        raise InvalidFile(
            f"the metadata of {path} is incomplete; give {', '.join(missing_options)} as well", path=str(path)
        )
    return recipe.prompt if prompt is None else prompt, cast(
        "ImageOptions", override_options(recipe.options, options, CONFLICTS)
    )


def add_source_image(
    options: ImageOptions,
    image: Path | None,
    mask: Path | None,
    boxes: Sequence[tuple[int, int, int, int]],
    factor: float | None,
) -> None:
    """Add the source image and the mask to the options, cropped to the requested size or to the image's own.

    Args:
        options: get ``image``, ``mask``, ``width`` and ``height``, and lose ``size``.
        image: the source image's file.
        mask: the mask's file.
        boxes: rectangles to inpaint: left, top, right, bottom in pixels.
        factor: the multiple of the image's own size, for an enhancement.

    Raises:
        InvalidRequestError: the options contradict each other.
        MissingExtra: an image must be resized, and Pillow is not installed.
        InvalidFile: a file is not an image, or is damaged. The message names the file.
    """
    if image is None:
        if mask is not None or boxes or factor is not None:
            raise InvalidRequestError("--mask, --box and --enhance need --image")
        return
    if mask is not None and boxes:
        raise InvalidRequestError("give --mask or --box, not both")
    data = read_image(image)
    source_size = get_size(data)
    size = options["width"], options["height"] = _choose_size(options, source_size, factor)
    options.pop("size", None)
    with name_file_in_errors(image):
        options["image"] = fit_source(data, size)
    if mask is not None:
        with name_file_in_errors(mask):
            options["mask"] = fit_mask(read_image(mask), size, source_size)
    elif boxes:
        options["mask"] = box_mask(*size, [_fit_box(box, image, source_size, size) for box in boxes])


def _fit_box(
    box: tuple[int, int, int, int], image: Path, source_size: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return a rectangle of the source image as one of the image that is sent, which is scaled and cropped at two sides.

    Raises:
        InvalidRequestError: it is not inside of the source image, or all of it is cropped.
    """
    width, height = source_size
    text = ",".join(map(str, box))
    if not (0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height):
        raise InvalidRequestError(
            f"--box {text} is beyond {image}, which has {width} × {height} pixels", parameter="box"
        )
    scale = max(size[0] / width, size[1] / height)
    shifts = ((width * scale - size[0]) / 2, (height * scale - size[1]) / 2)
    left, top = (max(0, int(side * scale - shift)) for side, shift in zip(box[:2], shifts, strict=True))
    right, bottom = (
        min(most, ceil(side * scale - shift)) for side, shift, most in zip(box[2:], shifts, size, strict=True)
    )
    if left >= right or top >= bottom:
        raise InvalidRequestError(
            f"--box {text} is in a part of {image} that is cut off to make it {size[0]} × {size[1]} pixels",
            parameter="box",
        )
    return left, top, right, bottom


def _choose_size(options: ImageOptions, image_size: tuple[int, int], factor: float | None) -> tuple[int, int]:
    """Return the size of the request: the requested size, else the image's own.

    With a factor it is that multiple of the image's own size. Sizes of images are rounded to multiples of 64.
    """
    size = options.get("size")
    if factor is None:
        if size is not None:
            sides: tuple[int, int] = SIZE.convert(size, "size")
            return sides
        if (width := options.get("width")) is not None and (height := options.get("height")) is not None:
            return width, height
        factor = 1
    elif size is not None:
        raise InvalidRequestError("give --enhance or --size, not both")
    elif options.get("upscaled_enhance"):
        raise InvalidRequestError("give --enhance or --max-enhance, not both")
    if not 0 < factor < 100:
        raise InvalidRequestError(f"--enhance is a factor above 0 and below 100, not {factor!r}")
    width, height = (max(64, round(side * factor / 64) * 64) for side in image_size)
    return width, height


class ImageRequestBuilder:
    """Checks the parameters of a request for images, asks for its price, and generates the images.

    Args:
        prompt: the prompt.
        options: the options of the request.
        vibes: the vibes of the request; those without an encoding are encoded first.
        previews: write previews of the steps?

    Raises:
        InvalidRequestError: the request is not valid.
    """

    def __init__(self, prompt: str, options: ImageOptions, vibes: Sequence[VibeInput], *, previews: bool) -> None:
        self._prompt = prompt
        self._options = options
        self._vibes = vibes
        self._previews = previews
        preset = options.get("preset")
        default_model = (preset.model if isinstance(preset, ImagePreset) else None) or ImageModel.V5_CURATED
        self._model = ImageModel.named(options.get("model") or default_model)
        if previews and not self._model.family.streaming:
            raise InvalidRequestError(f"{self._model.id} has no previews; V4 and later have them")
        self._request = self._build_request()
        options["seed"] = self._request.seed

    @property
    def note(self) -> str:
        """Return a sentence if another model than the one that was asked for makes the images; else an empty text."""
        wanted, used = self._model, self._request.model
        if used.id == wanted.id:
            return ""
        if used.base.id == wanted.id:
            return f"inpainting with {used.id}, the model of {wanted.id} for it"
        return f"inpainting with {used.id}, as {wanted.id} has no model for it"

    def describe_price(self) -> dict[str, object]:
        """Return what the request costs, without asking an account: in full, and for an account with Opus."""
        return {**self._describe_request(), **describe_price(self._price)}

    def _price(self, allowance: Allowance) -> Price:
        """Return the price of the images, and of the vibes that have to be encoded for them."""
        unencoded = find_unencoded(self._vibes, self._model)
        encoding = encoding_price(len(unencoded)).items if unencoded else ()
        return Price((*self._request.price(allowance).items, *encoding))

    def generate(
        self,
        client: Client,
        costs: CostConfirmation,
        output: OutputPath | None,
        display: PictureDisplay | None,
        *,
        overwrite: bool,
        quiet: bool,
    ) -> dict[str, object]:
        """Confirm the price, encode the vibes that need it, generate the images and write them.

        Args:
            client: the client of the account.
            costs: agrees to the price.
            output: what the person named.
            display: shows images and previews; None shows none.
            overwrite: replace existing files?
            quiet: show no progress?

        Returns:
            The facts to print: files, seeds, size, price.

        Raises:
            InvalidRequestError: the price is not agreed to, or there are not enough Anlas.
            FileError: a file exists already.
            NaiError: a request failed.
        """
        paths = self.choose_paths(output)
        optional = [preview_path(path, step) for path in paths for step in range(self._steps)] if self._previews else []
        with OutputFiles(paths, overwrite=overwrite, optional=optional) as outputs:
            price = self._price(costs.allowance)
            costs.confirm(price)
            with costs.paying():
                self._vibes = encode_vibes(client, self._vibes, self._model, outputs)
            self._build_request()
            generation: ImageOperation[ImageEvent, tuple[Image, ...]]
            if self._request.model.family.streaming:
                generation = generate_stream(self._prompt, **self._options)
            else:
                generation = generate(self._prompt, **self._options)
            with show_progress("generating", quiet=quiet or display is not None) as progress, costs.paying():
                writer = ImageWriter(self._request, paths, outputs, progress, display, previews=self._previews)
                writer.write(client, generation)
        return self._describe(writer, price)

    def _build_request(self) -> ImageRequest:
        """Return the request with its vibes; those that are not encoded yet have a placeholder."""
        if self._vibes:
            self._options["vibes"] = to_request_vibes(self._vibes, self._model)
        return build_image_request(self._prompt, **self._options)

    @property
    def _steps(self) -> int:
        steps = self._request.parameters.get("steps")
        return steps if isinstance(steps, int) else 0

    def choose_paths(self, output: OutputPath | None) -> list[Path]:
        """Return the paths of the images.

        Args:
            output: what the person named.

        Raises:
            InvalidRequestError: it cannot be the name of the images.
            FileError: its directory does not exist.
        """
        number, first = (cast("int", self._request.parameters[name]) for name in ("n_samples", "seed"))
        image_format = str(self._request.parameters["image_format"])
        name = build_file_name(self._prompt)
        parts = [first + at for at in range(number)]
        return choose_picture_paths(output, name, image_format, parts, other_formats=("png", "webp"))

    def _describe(self, writer: ImageWriter, price: Price) -> dict[str, object]:
        return {
            "files": [str(path) for path, _ in writer.images],
            "previews": list(map(str, writer.previews)),
            "seeds": [picture.seed for _, picture in writer.images],
            **self._describe_request(),
            "anlas": price.anlas,
            "price": str(price),
        }

    def _describe_request(self) -> dict[str, object]:
        sent = self._request.parameters
        models = {"model": self._request.model.id, "requested_model": self._model.id}
        return models | {name: sent[name] for name in ("width", "height", "steps")}
