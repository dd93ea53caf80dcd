"""Pictures on their way: a bar that follows the steps, and each picture written when it is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nai_proto.errors import NaiError
from nai_proto.image import Image, ImageEvent, ImageOperation, ImageRequest, PreviewStep

from ...sync import Client
from ..common.output import ProgressDisplay, show_progress
from ..common.output_files import match_suffix, save_file

__all__ = ["ImageWriter"]


class ImageWriter:
    """Where the pictures of a request become files.

    Args:
        request: what was asked for.
        paths: one for each picture.
        overwrite: may they replace what is there?
        previews: write each step as well?
    """

    def __init__(self, request: ImageRequest, paths: Sequence[Path], *, overwrite: bool, previews: bool) -> None:
        self._request = request
        self._paths = paths
        self._overwrite = overwrite
        self._previews = previews
        self._done: dict[int, tuple[Path, Image]] = {}
        self.previews: Final[list[Path]] = []

    @property
    def pictures(self) -> list[tuple[Path, Image]]:
        """The files, and what is in them."""
        return [self._done[sample] for sample in sorted(self._done)]

    def draw(self, client: Client, drawing: ImageOperation[ImageEvent, tuple[Image, ...]]) -> None:
        """Has it drawn. What is complete when it is stopped, or fails, stays.

        Raises:
            NaiError: it failed; a note says what was written before.
        """
        try:
            with show_progress("drawing") as progress, client.stream(drawing) as stream:
                for event in stream:
                    self._event(event, progress)
                for image in stream.result:  # an answer that is no stream has no events
                    self._keep(image)
        except NaiError as error:
            if self._done:
                error.add_note("before that: " + ", ".join(str(path) for path, _ in self.pictures))
            raise

    def _event(self, event: ImageEvent, progress: ProgressDisplay) -> None:
        steps = self._request.parameters.get("steps")
        total = steps if isinstance(steps, int) else 0
        progress.hide_first()
        what = "steps" if len(self._paths) == 1 else f"picture {event.sample + 1} of {len(self._paths)}"
        if isinstance(event, Image):
            progress.update(what, total, total)
            self._keep(event)
            return
        progress.update(what, min(event.step + 1, total), total)
        if self._previews:
            self._preview(event)

    def _preview(self, step: PreviewStep) -> None:
        path = self._path(step.sample)
        beside = path.with_name(f"{path.stem}-step-{step.step + 1:02}.jpg")
        self.previews.append(save_file(beside, step.image, overwrite=self._overwrite))

    def _keep(self, image: Image) -> None:
        if image.sample not in self._done:
            path = match_suffix(self._path(image.sample), image.format)
            self._done[image.sample] = save_file(path, image.data, overwrite=self._overwrite), image

    def _path(self, sample: int) -> Path:
        """Its path; one of its own also for a picture that nobody asked for."""
        if 0 <= sample < len(self._paths):
            return self._paths[sample]
        return self._paths[0].with_name(f"{self._paths[0].stem}-sample-{sample}{self._paths[0].suffix}")
