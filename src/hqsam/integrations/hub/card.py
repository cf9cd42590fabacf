"""The card of a model on the Hub: its metadata, and a page about origin, figures and terms."""

from collections.abc import Sequence
from pathlib import Path

from hqsam.integrations.hub.origin import NO_BASE, Origin
from hqsam.integrations.hub.picture import Picture
from hqsam.integrations.hub.scores import Report, eval_results
from hqsam.weights.inspection import CheckpointInfo

CARD, WEIGHTS, PICTURE, CONFIG = "README.md", "model.safetensors", "masks.jpg", "config.json"
"""Names of the files of a repo."""
_TEMPLATE = Path(__file__).with_name("card.md.jinja")


def model_card(
    repo: str, info: CheckpointInfo, sha256: str, origin: Origin, reports: Sequence[Report], picture: Picture
) -> str:
    """Return the card's text: YAML that the Hub reads, and Markdown below it.

    Args:
        repo: the repo's name.
        info: the checkpoint file as it will be in the repo.
        sha256: the hash of that file.
        origin: what it was made from, and all licences.
        reports: evaluations of these weights.
        picture: the picture and its caption.
    """
    from huggingface_hub import ModelCard, ModelCardData

    entries = ModelCardData(
        library_name="hqsam",
        pipeline_tag="mask-generation",
        tags=["hqsam", "segment-anything", "image-segmentation", *(["hq-sam"] if info.hq_parameters else [])],
        base_model=origin.base_repo,
        model_name=repo.partition("/")[2],
        eval_results=eval_results(reports) or None,
        **origin.licence_entries(),
    )
    row = origin.base_row
    card = ModelCard.from_template(
        entries,
        template_str=_TEMPLATE.read_text(encoding="utf-8"),
        repo=repo,
        model=info.model,
        family=info.config.to_dict().get("family", ""),
        image_size=info.config.image_size,
        parameters=info.parameters,
        hq_parameters=info.hq_parameters,
        file=WEIGHTS,
        bytes=info.bytes,
        precisions=", ".join(info.precisions),
        sha256=sha256,
        base="none, trained from random weights" if origin.base == NO_BASE else _described(origin),
        data=origin.data,
        reports=reports,
        licence=origin.licence,
        notice=origin.notice,
        base_licence=origin.base_licence,
        base_notice=row.notice if row else "",
        data_licence=origin.data_licence,
        picture=PICTURE,
        caption=picture.caption,
    )
    return str(card)


def _described(origin: Origin) -> str:
    return f"`{origin.base}`" + (f", {origin.base_row.origin}" if origin.base_row else "")
