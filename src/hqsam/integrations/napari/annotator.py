"""Prompts and objects of one image layer: points and boxes in, a labels layer out. It works without a window, too."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer

from hqsam.errors import PromptError
from hqsam.integrations.napari.plane import Plane, full_size, in_image, transform_of
from hqsam.masks.instances import Instances
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session

OBJECT, BACKGROUND = "object", "background"
_COLOURS = {OBJECT: "limegreen", BACKGROUND: "red"}
_SESSIONS = 8
"""Planes that stay encoded, 5 to 40 MB each."""


@dataclass(frozen=True)
class Request:
    """What a mask is asked for by: a plane, and prompts in its pixels. It is taken in the viewer's own thread."""

    plane: Plane
    pixels: Any
    value_range: tuple[float, float] | None
    """The values that are shown as black and white; None for colours."""
    prompts: dict[str, Any]
    """Arguments of `Session.segment`; empty if there are none."""


class Annotator:
    """Three layers above an image: points and boxes, which are prompts, and objects, each with a number of its own.

    The object that is being made is drawn among the others, and redrawn when its prompts change. `next_object` ends
    it. Each step is a method, so that the model can work in another thread: `request`, `compute` and `show`.
    """

    def __init__(self, viewer: Any, image: Any, segmenter: Segmenter) -> None:
        """Add the layers to a viewer, above an image layer of any number of dimensions."""
        self.image, self.segmenter = image, segmenter
        self.detail = False
        self._viewer = viewer
        self._sessions: OrderedDict[Any, Session] = OrderedDict()
        self._drawn: list[tuple[np.ndarray, Bool[np.ndarray, "height width"], np.ndarray, int]] = []
        self._next = 1
        place = transform_of(image)
        shape = full_size(image).shape[: image.ndim]
        self.objects = viewer.add_labels(np.zeros(shape, np.uint16), name="HQ-SAM objects", **place)
        style = {"ndim": image.ndim, "face_color": "transparent", "edge_color": "limegreen", "edge_width": 2}
        self.boxes = viewer.add_shapes(name="HQ-SAM boxes", **style, **place)
        self.points = viewer.add_points(
            ndim=image.ndim,
            name="HQ-SAM points",
            features={"label": np.array([], dtype=object)},
            feature_defaults={"label": OBJECT},
            face_color="label",
            face_color_cycle=_COLOURS,
            border_color="white",
            size=max(4, min(shape[-2:]) // 60),
            **place,
        )
        self.mark(OBJECT)
        self.boxes.mode, self.points.mode = "add_rectangle", "add"
        viewer.layers.selection.active = self.points
        image.events.data.connect(self._forget)
        viewer.dims.events.current_step.connect(self.next_object)

    def mark(self, label: str) -> None:
        """Say what further points mark: `OBJECT` or `BACKGROUND`."""
        self.points.selected_data = set()
        self.points.feature_defaults = {"label": label}
        self.points.current_face_color = _COLOURS[label]

    def request(self) -> Request:
        """Return the visible plane with its prompts.

        Raises:
            PromptError: there are points and several boxes.
            OptionError: no plane of the image is visible.
        """
        plane = Plane.visible(self.image, self._viewer.dims)
        pixels = plane.of(full_size(self.image))
        low, high = self.image.contrast_limits
        limits = None if self.image.rgb else (float(low), float(high))
        return Request(plane, pixels, limits, self._prompts(plane, (pixels.shape[0], pixels.shape[1])))

    def compute(self, request: Request) -> Instances:
        """Return the masks that were asked for; none without prompts. Layers are not touched."""
        if not request.prompts:
            return Instances.empty((request.pixels.shape[0], request.pixels.shape[1]))
        key = repr(request.plane), request.value_range, id(self.segmenter)
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = self.segmenter.open(request.pixels, value_range=request.value_range)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        return session.segment(**request.prompts, detail=self.detail)

    def everything(self, request: Request, points_per_side: int) -> Instances:
        """Return every object of the plane, without overlaps; prompts are left aside."""
        settings: dict[str, Any] = {"points_per_side": points_per_side, "disjoint": True}
        return self.segmenter.everything(request.pixels, value_range=request.value_range, **settings)

    def show(self, request: Request, found: Instances) -> None:
        """Draw masks into the objects layer, in place of what was drawn since the last object was ended."""
        self._undraw()
        view = request.plane.of(self.objects.data)
        for number, mask in enumerate(found.masks, self._next):
            self._draw(view, mask, number)
        self.objects.refresh()

    def update(self) -> None:
        """Answer the prompts as they are now, in this thread."""
        request = self.request()
        self.show(request, self.compute(request))

    def add_everything(self, request: Request, found: Instances) -> None:
        """Draw every object where there is none yet, and end them."""
        self.next_object()
        view = request.plane.of(self.objects.data)
        for mask in found.masks:
            free = mask & (view == 0)
            if free.any():
                self._draw(view, free, self._next)
                self._next += 1
        self.next_object()
        self.objects.refresh()

    def next_object(self, event: Any = None) -> None:
        """End the object that is being made: it keeps its number, and its prompts go."""
        del event
        self._next = max([self._next, *(number + 1 for *_, number in self._drawn)])
        self._drawn = []
        self._remove_prompts()

    def discard(self) -> None:
        """Take back the object that is being made, with its prompts."""
        self._undraw()
        self._remove_prompts()
        self.objects.refresh()

    def _prompts(self, plane: Plane, size_hw: tuple[int, int]) -> dict[str, Any]:
        boxes = [plane.box_xyxy(np.asarray(one)) for one in self.boxes.data if plane.contains(np.asarray(one)).all()]
        here = plane.contains(np.asarray(self.points.data))
        prompts: dict[str, Any] = {}
        if here.any():
            prompts["points"] = in_image(plane.points_xy(np.asarray(self.points.data)[here]), size_hw)
            prompts["labels"] = (self.points.features["label"].to_numpy()[here] == OBJECT).astype(np.int64)
            if len(boxes) > 1:
                raise PromptError(f"there are points and {len(boxes)} boxes; points go with one box, or without any")
        if boxes:
            prompts |= {"box": boxes[0]} if len(boxes) == 1 else {"boxes": np.stack(boxes)}
        return prompts

    def _draw(self, view: Integer[np.ndarray, "height width"], mask: np.ndarray, number: int) -> None:
        if number > np.iinfo(view.dtype).max:
            raise PromptError(f"the layer is full: it holds {number - 1} objects; save it and start again")
        mask = mask & (view == 0) if self.objects.preserve_labels else mask
        self._drawn.append((view, mask, view[mask], number))
        view[mask] = number

    def _undraw(self) -> None:
        """Put back what was under the object, except where somebody has painted since."""
        for view, mask, under, number in reversed(self._drawn):
            view[mask] = np.where(view[mask] == number, under, view[mask])
        self._drawn = []

    def _remove_prompts(self) -> None:
        if len(self.points.data):
            self.points.data = np.zeros((0, self.image.ndim))
        if len(self.boxes.data):
            self.boxes.data = []

    def _forget(self, event: Any = None) -> None:
        del event
        self._sessions.clear()
