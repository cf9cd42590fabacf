"""Image encoders: a folder for each family, and the table of families."""

from hqsam.model.encoders import efficientnet_lite, hiera, tiny_vit, vit
from hqsam.model.encoders.family import EncoderConfig, EncoderFamily

FAMILIES: dict[str, EncoderFamily] = {
    "vit": vit.FAMILY,
    "tiny_vit": tiny_vit.FAMILY,
    "efficientnet_lite": efficientnet_lite.FAMILY,
    "hiera": hiera.FAMILY,
}
"""Families of image encoders, by the name in a stored config. To add an encoder family, add a folder and a row here."""


def family_name(config: EncoderConfig) -> str:
    """Return the name of the family that a config belongs to."""
    return next(name for name, family in FAMILIES.items() if isinstance(config, family.config))


def family_of(config: EncoderConfig) -> EncoderFamily:
    """Return the family that a config belongs to."""
    return FAMILIES[family_name(config)]
