"""Documents to write in every format."""

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from hqsam.formats.document import Document, MaskedObject
from tests.masks.strategies import AWKWARD, dense_noise, sizes

labels = st.sampled_from(["cat", "dog", "Glas & <Löffel>", "a label, with words", "猫", "'\"%"])
scores = st.none() | st.sampled_from([0.0, 0.25, 0.987654321, 1.0])


def contents_of(size_hw):
    objects = st.tuples(dense_noise(size_hw).filter(np.any), labels, scores)
    return st.tuples(st.just(size_hw), st.lists(objects, max_size=4))


contents = sizes.flatmap(contents_of)


def document_of(content) -> Document:
    """Made in the test: while hypothesis draws, hqsam must not run, as its checked annotations use `random`."""
    size_hw, objects = content
    return Document("Foto 1.jpg", size_hw, tuple(MaskedObject.of(*one) for one in objects))


AWKWARD_DOCUMENTS = {
    name: Document("photo.jpg", mask.shape, (MaskedObject.of(mask, "thing", 0.5),)) for name, mask in AWKWARD.items()
}


def shapes(document: Document) -> list[tuple]:
    """What a format keeps that keeps masks and labels."""
    return [(one.runs["counts"], one.label) for one in document.objects]


def trip(module, document: Document, folder: Path, **options) -> Document:
    """Written and read again."""
    path, *_ = module.write(document, folder, **options)
    (again,) = module.read(path)
    assert again.size_hw == document.size_hw
    return again
