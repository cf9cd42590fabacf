"""Views of training images, with the objects that are asked about."""

import numpy as np
import pytest

from hqsam.data.augment import AugmentConfig
from hqsam.data.sample import Sample
from hqsam.data.sampling import SamplingConfig
from hqsam.data.views import augmented_view

PLAIN = AugmentConfig(scale=(1, 1), fit=1, stretch=1, turn=0, flip=0, paste=1, colour=0, gray=0, blur=0)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def photo(name, colour, *boxes):
    """Rectangles of one colour on green, an object each."""
    image, labels = np.full((64, 64, 3), (0, 255, 0), np.uint8), np.zeros((64, 64), np.uint16)
    for number, (x0, y0, x1, y1) in enumerate(boxes, start=1):
        image[y0:y1, x0:x1], labels[y0:y1, x0:x1] = colour, number
    return Sample(image, labels, name)


@pytest.mark.parametrize("seed", range(12))
def test_the_union_of_an_image_s_objects_does_not_take_in_what_is_pasted(seed):
    person = photo("garments/1", RED, (5, 5, 25, 60), (35, 5, 55, 60))
    other = photo("cats/1", BLUE, (20, 20, 44, 44))
    config = SamplingConfig(batch_size=1, objects=8, size=64, unions=(("garments", 1.0),), augment=PLAIN)
    view = augmented_view(person, other, config, np.random.default_rng(seed))
    red, blue = (view.image[..., channel].astype(int) > 200 for channel in (0, 2))
    assert blue.any(), "something is pasted"
    for mask in view.masks > 127:
        assert (mask & red).any() != (mask & blue).any()
        if (mask & red).any():
            assert (mask & red).sum() == red.sum(), "both garments, as one person"
