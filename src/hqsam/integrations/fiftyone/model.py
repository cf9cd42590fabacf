"""The model that FiftyOne's `apply_model` runs: images and their samples in, `Detections` with masks out."""

from collections.abc import Iterable, Mapping
from typing import Any

from hqsam.errors import OptionError
from hqsam.integrations.fiftyone.labels import Prompt, prompts_of, to_detections
from hqsam.masks.instances import Instances
from hqsam.optional import require
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session

_models: Any = require("fiftyone.core.models", extra="fiftyone")

PROMPT_FIELDS = ("prompt_field", "box_prompt_field", "point_prompt_field")
"""Arguments of `apply_model` that name the field of a sample with its prompts."""


class HqsamModel(_models.SamplesMixin, _models.Model):
    """Masks for the boxes and points of each sample, or every object of its image where no prompts are asked for."""

    media_type = "image"
    ragged_batches = False
    transforms = None
    preprocess = False
    config = None

    def __init__(self, segmenter: Segmenter, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self._segmenter, self._settings = segmenter, dict(settings)

    @property
    def needs_fields(self) -> dict[str, str]:
        """The fields of a sample that hold its prompts, by the names in `PROMPT_FIELDS`."""
        return self._fields

    @needs_fields.setter
    def needs_fields(self, fields: Mapping[str, str]) -> None:
        unknown = [name for name in fields if name not in PROMPT_FIELDS]
        if unknown:
            raise OptionError(f"there is no argument {unknown[0]!r}; prompts are named by {', '.join(PROMPT_FIELDS)}")
        self._fields = dict(fields)

    def predict(self, arg: Any, sample: Any = None) -> Any:
        """Return the `Detections` of one image.

        Args:
            arg: the image, uint8 [H, W, 3].
            sample: the sample that has the prompts; not needed where none are asked for.

        Raises:
            InputError: a field holds neither Detections nor Keypoints, or boxes and points do not pair up.
        """
        (found,) = self.predict_all([arg], None if sample is None else [sample])
        return found

    def predict_all(self, args: Iterable[Any], samples: Iterable[Any] | None = None) -> list[Any]:
        """Return the `Detections` of several images, which are encoded together where there are prompts."""
        images = list(args)
        if not self._fields:
            return [to_detections(self._segmenter.everything(image, **self._settings)) for image in images]
        if samples is None:
            raise OptionError(f"prompts are asked for by {', '.join(self._fields)}, and there is no sample with them")
        sessions = self._segmenter.open_many(images, batch_size=max(1, len(images)))
        return [self._answer(session, sample) for session, sample in zip(sessions, samples, strict=True)]

    def _answer(self, session: Session, sample: Any) -> Any:
        prompts = prompts_of(self._fields, sample, session.image_size_hw)
        found = [self._segment(session, some) for some in _alike(prompts)]
        return to_detections(Instances.join([Instances.empty(session.image_size_hw), *found]))

    def _segment(self, session: Session, prompts: list[Prompt]) -> Instances:
        first = prompts[0].arguments
        arguments = first if len(prompts) == 1 else {"boxes": [one.arguments["box"] for one in prompts]}
        found = session.segment(**arguments, **self._settings)
        labels = [one.label or "" for one in prompts]
        return Instances.from_rle(found.rle, session.image_size_hw, scores=found.scores.tolist(), labels=labels)


def _alike(prompts: list[Prompt]) -> list[list[Prompt]]:
    """Return boxes without points as one batch, and each other prompt by itself, in their order."""
    if all(set(one.arguments) == {"box"} for one in prompts):
        return [prompts] if prompts else []
    return [[one] for one in prompts]
