"""Label Studio's bitmasks: PNGs in data: addresses, of whose pixels the alpha alone counts."""

import base64
import io

import numpy as np
from jaxtyping import Bool
from PIL import Image

from hqsam.errors import PromptError

_HEAD = "data:image/png;base64,"


def write_bitmask(mask: Bool[np.ndarray, "height width"]) -> str:
    """Return a mask as a PNG of one bit a pixel, opaque inside the mask and clear outside, in a data: address."""
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    file = io.BytesIO()
    image.save(file, format="PNG", bits=1, transparency=b"\x00\xff", compress_level=3)
    return _HEAD + base64.b64encode(file.getvalue()).decode("ascii")


def read_bitmask(address: str, size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """Return the mask of a data: address: the pixels that are not clear.

    Raises:
        PromptError: it is of another form or size, or damaged.
    """
    try:
        data = base64.b64decode(address.removeprefix(_HEAD), validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != size_hw[::-1]:
                raise PromptError(f"the bitmask has {image.size} pixels and the image {size_hw[::-1]}; draw it again")
            return np.asarray(image.convert("RGBA"))[..., 3] > 0
    except PromptError:
        raise
    except Exception as error:  # on damaged files Pillow's readers raise whatever they trip over
        raise PromptError(f"this is no bitmask of Label Studio: {error}") from error
