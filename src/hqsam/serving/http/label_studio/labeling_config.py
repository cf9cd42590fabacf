"""Label Studio's labelling configuration: the XML that says which tags an annotator sees."""

from dataclasses import dataclass
from xml.etree import ElementTree

from hqsam.errors import DataError

MASK_TAGS = {"bitmasklabels": "BitmaskLabels", "brushlabels": "BrushLabels"}
"""Types of results that hold masks, and the tags that they belong to."""
_EXAMPLE = '<BitmaskLabels name="mask" toName="{image}"><Label value="{label}"/></BitmaskLabels>'


@dataclass(frozen=True)
class MaskTag:
    """A tag of the configuration that takes masks."""

    type: str
    """A key of `MASK_TAGS`."""
    name: str
    to_name: str
    """The name of its image tag."""
    labels: tuple[str, ...]
    has_dynamic_labels: bool
    """Labels come from the task, so they are not known here."""

    def takes(self, label: str) -> bool:
        """Return True if the tag has this label."""
        return self.has_dynamic_labels or label in self.labels


class LabelingConfig:
    """The image tags and the mask tags of a labelling configuration."""

    def __init__(self, xml: str) -> None:
        """Read the configuration.

        Raises:
            DataError: it is no XML, or declares entities.
        """
        if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
            raise DataError("the labelling configuration declares entities; Label Studio's do not")
        try:
            root = ElementTree.fromstring(xml)
        except ElementTree.ParseError as error:
            raise DataError(f"the labelling configuration is no XML: {error}") from error
        tags = list(root.iter())
        self.image_fields = {tag.get("name", ""): tag.get("value", "") for tag in tags if _kind(tag) == "image"}
        """The `value` of each image tag by its name, such as $image."""
        self.video_fields = {tag.get("name", ""): tag.get("value", "") for tag in tags if _kind(tag) == "video"}
        """The `value` of each video tag by its name, such as $video."""
        self.mask_tags = [_mask_tag(tag) for tag in tags if _kind(tag) in MASK_TAGS]

    def image_field(self, name: str) -> str:
        """Return the field of a task's data that holds the image of an image tag.

        Raises:
            DataError: there is no such tag, or it shows several images.
        """
        value = self.image_fields.get(name)
        if value is None:
            raise DataError(f"the labelling configuration has no image tag of the name {name!r}")
        if not value.startswith("$") or len(value) < 2:
            raise DataError(
                f"the image tag {name!r} has no value like $image; tags of several images are not supported"
            )
        return value[1:]

    def video_field(self, name: str) -> str:
        """Return the field of a task's data that holds the video of a video tag.

        Raises:
            DataError: there is no such tag, or it has no field.
        """
        value = self.video_fields.get(name, "")
        if not value.startswith("$") or len(value) < 2:
            raise DataError(f"the labelling configuration has no video tag {name!r} with a value like $video")
        return value[1:]

    def mask_tag(self, image: str, label: str) -> MaskTag:
        """Return the tag that a mask of a label belongs to: the first one for the image that has the label.

        Raises:
            DataError: there is none.
        """
        tags = [tag for tag in self.mask_tags if tag.to_name == image]
        for tag in tags:
            if tag.takes(label):
                return tag
        known = sorted({one for tag in tags for one in tag.labels})
        have = f"has them for {', '.join(known)} alone" if known else "has none"
        raise DataError(
            f"masks of {label!r} need a BitmaskLabels or BrushLabels tag with that label, and the labelling "
            f"configuration {have}; add {_EXAMPLE.format(image=image, label=label)}"
        )


def _kind(tag: ElementTree.Element) -> str:
    return tag.tag.lower() if isinstance(tag.tag, str) else ""


def _mask_tag(tag: ElementTree.Element) -> MaskTag:
    labels = [child.get("alias") or child.get("value", "") for child in tag.iter() if _kind(child) == "label"]
    name, to_name = tag.get("name", ""), tag.get("toName") or tag.get("toname", "")
    return MaskTag(_kind(tag), name, to_name, tuple(labels), has_dynamic_labels=bool(tag.get("value")))
