"""Colours for objects that stand out on photographs and differ for people with any kind of colour vision."""

Rgb = tuple[int, int, int]

# Okabe and Ito's eight without black, which photos are full of; the brightest first.
OBJECTS: tuple[Rgb, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (204, 121, 167),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
)
POSITIVE: Rgb = (0, 158, 115)
NEGATIVE: Rgb = (213, 94, 0)
WHITE: Rgb = (255, 255, 255)
INK: Rgb = (20, 24, 32)


def colour_of(index: int) -> Rgb:
    """Return the colour of object number `index`, from 0: the seven, then paler, then darker, then from the start."""
    round_, place = divmod(index, len(OBJECTS))
    return (OBJECTS[place], _mix(OBJECTS[place], WHITE, 0.45), _mix(OBJECTS[place], INK, 0.4))[round_ % 3]


def _mix(colour: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(one + (two - one) * share) for one, two in zip(colour, other, strict=True))
    return red, green, blue
