"""Write images to files as they arrive, and show the steps on a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nai_proto.image import Image, ImageEvent, ImageOperation, ImageRequest, PreviewStep

from ...sync import Client
from ..common.output_files import OutputFiles
from ..common.progress import ProgressDisplay
from ..common.standard_streams import OutputFailed
from .picture_display import PictureDisplay
from .picture_files import write_picture

__all__ = ["ImageWriter", "preview_path"]


def preview_path(path: Path, step: int) -> Path:
    """Return the path of a preview beside the path of its image, from the number of its step, which begins at 0."""
    return path.with_name(f"{path.stem}-step-{step + 1:02}.jpg")


class ImageWriter:
    """Writes the images of a request to files.

    Args:
        request: the request.
        paths: a path for each image.
        outputs: the command's files.
        progress: shows the steps.
        display: shows images and previews; None shows none.
        previews: write a preview of each step as well?
    """

    def __init__(
        self,
        request: ImageRequest,
        paths: Sequence[Path],
        outputs: OutputFiles,
        progress: ProgressDisplay,
        display: PictureDisplay | None,
        *,
        previews: bool,
    ) -> None:
        self._request = request
        self._paths = paths
        self._outputs = outputs
        self._progress = progress
        self._display = display
        self._previews = previews
        self._output_failure: OutputFailed | None = None
        self._written: dict[int, tuple[Path, Image]] = {}
        self.previews: Final[list[Path]] = []

    @property
    def images(self) -> list[tuple[Path, Image]]:
        """The files written so far, and the images in them."""
        return [self._written[sample] for sample in sorted(self._written)]

    def write(self, client: Client, generation: ImageOperation[ImageEvent, tuple[Image, ...]]) -> None:
        """Run a generation, and write its images. Images that are complete stay when it fails or is stopped.

        Raises:
            NaiError: the generation failed.
            OutputFailed: they could not be shown; all are written.
        """
        with client.stream(generation) as stream:
            for event in stream:
                self._handle(event)
            for image in stream.result:  # a response that is not a stream has no events
                self._write_image(image)
        if self._output_failure is not None:
            raise self._output_failure

    def _handle(self, event: ImageEvent) -> None:
        steps = self._request.parameters.get("steps")
        total = steps if isinstance(steps, int) else 0
        self._progress.hide_first()
        task = "steps" if len(self._paths) == 1 else f"image {event.sample + 1} of {len(self._paths)}"
        if isinstance(event, Image):
            self._progress.update(task, total, total)
            self._write_image(event)
            return
        done = min(event.step + 1, total)
        self._progress.update(task, done, total)
        if self._previews:
            self._write_preview(event)
        self._show(lambda display: display.show_preview(event.sample, event.image, f"{task}: {done} of {total}"))

    def _write_preview(self, step: PreviewStep) -> None:
        self.previews.append(self._outputs.write(preview_path(self._path(step.sample), step.step), step.image))

    def _write_image(self, image: Image) -> None:
        if image.sample in self._written:
            return
        path = write_picture(self._outputs, self._path(image.sample), image.data)
        self._written[image.sample] = path, image
        caption = str(path) if len(self._paths) > 1 else ""  # the facts that follow name a single one
        self._show(lambda display: display.show(image.sample, image.data, caption))

    def _show(self, show: Callable[[PictureDisplay], None]) -> None:
        """Show a picture, unless stdout has failed: what was paid for arrives all the same."""
        if self._display is None:
            return
        try:
            show(self._display)
        except OutputFailed as error:
            self._display, self._output_failure = None, error

    def _path(self, sample: int) -> Path:
        """Return the path of an image; also for one more than was requested, so that none is lost."""
        if 0 <= sample < len(self._paths):
            return self._paths[sample]
        return self._paths[0].with_name(f"{self._paths[0].stem}-sample-{sample}{self._paths[0].suffix}")
