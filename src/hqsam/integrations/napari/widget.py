"""The panel in napari: an image, a model, and what to do. The model works in a thread, one request after another."""

from collections.abc import Callable
from typing import Any

from hqsam.errors import HqsamError
from hqsam.integrations.napari.annotator import BACKGROUND, OBJECT, Annotator, Request
from hqsam.masks.instances import Instances
from hqsam.optional import require
from hqsam.predict.segmenter import Segmenter, load
from hqsam.weights.registry import CHECKPOINTS

_widgets: Any = require("magicgui.widgets", extra="napari")

_HELP = (
    "Start, then click on the object (T: what points mark), or draw a box in the layer HQ-SAM boxes. N ends an object."
)


class HqsamWidget(_widgets.Container):
    """The panel. napari makes it, with its viewer, when the plugin is opened."""

    def __init__(self, napari_viewer: Any) -> None:
        """Make the panel for a viewer, which napari gives to an argument of this name."""
        self._viewer = napari_viewer
        self.annotator: Annotator | None = None
        self._models: dict[str, Segmenter] = {}
        self._busy = self._wanted = False
        self._later: list[Callable[[], None]] = []
        self.image = _widgets.create_widget(label="image", annotation="napari.layers.Image")
        self.model = _widgets.ComboBox(label="model", choices=list(CHECKPOINTS), value="nano")
        self.start = _widgets.PushButton(text="Start")
        self.marks = _widgets.RadioButtons(label="points mark", choices=[OBJECT, BACKGROUND], value=OBJECT)
        self.detail = _widgets.CheckBox(text="finer edges, slower", value=False)
        self.next = _widgets.PushButton(text="Next object (N)")
        self.discard = _widgets.PushButton(text="Discard this object")
        self.points_per_side = _widgets.SpinBox(label="clicks a side", min=1, max=128, value=16)
        self.everything = _widgets.PushButton(text="Every object")
        self.status = _widgets.Label(value=_HELP)
        rows = (self.image, self.model, self.start, self.marks, self.detail, self.next, self.discard)
        super().__init__(widgets=[*rows, self.points_per_side, self.everything, self.status])
        self.status.native.setWordWrap(True)
        self._connect()

    def _connect(self) -> None:
        self.start.changed.connect(self._start)
        self.marks.changed.connect(lambda label: self._with_annotator(lambda one: one.mark(label)))
        self.detail.changed.connect(self._set_detail)
        self.next.changed.connect(self._end_object)
        self.discard.changed.connect(lambda: self._with_annotator(lambda one: one.discard()))
        self.everything.changed.connect(self._find_everything)

    def _start(self) -> None:
        """Add the layers to the image that is chosen; the model is loaded in a thread."""
        image, name = self.image.value, self.model.value
        if image is None:
            self.status.value = "There is no image layer; open an image first."
            return
        self.start.enabled = False
        self.status.value = f"Loading {name} ..."
        self._in_thread(lambda: self._models.get(name) or load(name), lambda model: self._begin(image, name, model))

    def _begin(self, image: Any, name: str, model: Segmenter) -> None:
        self._models[name] = model
        self.annotator = annotator = Annotator(self._viewer, image, model)
        annotator.detail = self.detail.value
        annotator.mark(self.marks.value)
        for layer in (annotator.points, annotator.boxes):
            layer.events.data.connect(self._prompts_changed)
            layer.bind_key("n", self._end_object, overwrite=True)
        annotator.points.bind_key("t", self._toggle, overwrite=True)
        self.status.value = _HELP

    def _toggle(self, layer: Any = None) -> None:
        del layer
        self.marks.value = OBJECT if self.marks.value == BACKGROUND else BACKGROUND

    def _end_object(self, event: Any = None) -> None:
        """End the object; if the model is at work on it, once its mask is there."""
        del event
        if self._busy:
            self._later.append(self._end_object)
        else:
            self._with_annotator(lambda one: one.next_object())

    def _set_detail(self, detail: bool) -> None:
        if self.annotator:
            self.annotator.detail = detail
            self._ask()

    def _prompts_changed(self, event: Any) -> None:
        """Ask for a mask once a prompt is complete; napari tells of changes before and after they are made."""
        if str(getattr(event, "action", "changed")) in ("added", "changed", "removed"):
            self._ask()

    def _ask(self) -> None:
        """Answer the prompts; if the model is at work, once it is free and for what they are then."""
        if self._busy:
            self._wanted = True
            return
        annotator = self.annotator
        if not annotator or not (request := self._request()):
            return
        if request.prompts:
            self._in_thread(lambda: annotator.compute(request), lambda found: self._show(annotator, request, found))
        else:
            self._show(annotator, request, annotator.compute(request))

    def _show(self, annotator: Annotator, request: Request, found: Instances) -> None:
        if self._wanted:  # the prompts have changed since; the answer to the new ones follows
            return
        annotator.show(request, found)
        scores = ", ".join(f"{score:.2f}" for score in found.scores[:4])
        self.status.value = f"predicted IoU: {scores}" if len(found) else _HELP

    def _find_everything(self) -> None:
        if self._busy:
            self._later.append(self._find_everything)
            return
        annotator, side = self.annotator, self.points_per_side.value
        if not annotator or not (request := self._request()):
            return
        self.status.value = "Looking for every object ..."
        self._in_thread(lambda: annotator.everything(request, side), lambda found: self._add(annotator, request, found))

    def _add(self, annotator: Annotator, request: Request, found: Instances) -> None:
        annotator.add_everything(request, found)
        self.status.value = f"{len(found)} objects found"

    def _request(self) -> Request | None:
        try:
            return self.annotator.request() if self.annotator else None
        except HqsamError as error:
            self.status.value = str(error)
            return None

    def _with_annotator(self, action: Callable[[Annotator], None]) -> None:
        if self.annotator:
            action(self.annotator)

    def _in_thread(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do work beside the window, and hand what it returns to `then` in the window's own thread."""
        self._busy = True
        worker = require("napari.qt.threading", extra="napari").create_worker(work, _ignore_errors=True)
        worker.returned.connect(then)
        worker.errored.connect(self._failed)
        worker.finished.connect(self._finished)
        worker.start()

    def _failed(self, error: Exception) -> None:
        self.status.value = str(error)
        if not isinstance(error, HqsamError):
            raise error

    def _finished(self) -> None:
        self._busy, self.start.enabled = False, True
        if self._wanted:
            self._wanted = False
            self._ask()
        while self._later and not self._busy:
            self._later.pop(0)()
