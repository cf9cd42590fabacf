"""SVG: one path for each object, with its holes, in the image's pixels; lies exactly on the image."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from hqsam import storage
from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_text
from hqsam.formats.left_out import in_words, take_each, warn_of
from hqsam.images.palette import colour_of
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import to_polygons
from hqsam.masks.rasterize import fill_even_odd

_SVG = "http://www.w3.org/2000/svg"
_TOKEN = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def write(instances: Instances, paths: OutputPaths, tolerance: float = 0) -> list[Path]:
    """Write `IMAGE.svg`. The label is the path's title; it and the score are also in `data-label` and `data-score`."""
    height, width = instances.image_size_hw
    attributes = {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height)}
    root = ElementTree.Element("svg", {"xmlns": _SVG, **attributes, "data-image": _clean(instances.image_name)})
    for row in range(len(instances)):
        root.append(_path(instances, row, tolerance))
    ElementTree.indent(root)
    path = paths.path(".svg")
    storage.write_text(path, ElementTree.tostring(root, encoding="unicode") + "\n")
    return [path]


def read(path: Path) -> list[Instances]:
    """Read the paths of a file as we write it: straight lines, no transforms; warns of paths that are left out.

    Raises:
        DataError: it cannot be read, or no path of it.
    """
    text = read_text(path)
    if "<!ENTITY" in text:  # a few lines of these can grow to fill the memory
        raise DataError(f"{path} declares XML entities, which hqsam does not read; save it as plain SVG")
    try:
        root = ElementTree.fromstring(text)
        size_hw = int(root.attrib["height"]), int(root.attrib["width"])
        paths = [(one.get("id", f"path {place}"), one) for place, one in enumerate(root.iter(f"{{{_SVG}}}path"), 1)]
    except (ElementTree.ParseError, LookupError, ValueError, OverflowError) as error:
        raise DataError(f"{path} is no SVG that hqsam can read: {error}") from error
    rows, left_out = take_each(paths, lambda element: _instance(element, size_hw), "damaged paths")
    if left_out and not rows:
        raise DataError(f"{path} has no path that hqsam can read; {in_words(left_out)}")
    warn_of(left_out, path)
    return [Instances.join([Instances.empty(size_hw, root.get("data-image", path.name)), *rows])]


def _path(instances: Instances, row: int, tolerance: float) -> ElementTree.Element:
    label, known = _clean(instances.labels[row]), instances.known_score(row)
    red, green, blue = colour_of(row)
    style = {"fill": f"#{red:02x}{green:02x}{blue:02x}", "fill-opacity": "0.6", "fill-rule": "evenodd"}
    about = {"id": f"object-{row + 1}", "data-label": label}
    score = {} if known is None else {"data-score": repr(known)}
    rings = [ring for polygon in to_polygons(instances.mask(row), tolerance) for ring in polygon.rings]
    element = ElementTree.Element("path", {**about, **score, **style, "d": "".join(map(_commands, rings))})
    ElementTree.SubElement(element, "title").text = label
    return element


def _commands(ring: np.ndarray) -> str:
    """Return a closed line: M to the first corner, H or V along pixel edges, L elsewhere, Z back."""
    x, y = ring[0].tolist()
    commands = [f"M{x:g} {y:g}"]
    for u, v in ring[1:].tolist():
        commands.append(f"H{u:g}" if v == y else f"V{v:g}" if u == x else f"L{u:g} {v:g}")
        x, y = u, v
    return "".join([*commands, "Z"])


def _instance(element: ElementTree.Element, size_hw: tuple[int, int]) -> Instances:
    said = element.get("data-score")
    mask, score = fill_even_odd(_rings(element.get("d", "")), size_hw), None if said is None else float(said)
    return Instances.from_masks([mask], labels=element.get("data-label", "object"), scores=[score])


def _rings(commands: str) -> list[np.ndarray]:
    rings: list[list[tuple[float, float]]] = []
    command, tokens = "", iter(_TOKEN.findall(commands))
    for token in tokens:
        if token.isalpha():
            command, token = token, "" if token == "Z" else next(tokens, "")
        match command:
            case "M":
                rings.append([(float(token), float(next(tokens, "")))])
                command = "L"
            case "L":
                rings[-1].append((float(token), float(next(tokens, ""))))
            case "H":
                rings[-1].append((float(token), rings[-1][-1][1]))
            case "V":
                rings[-1].append((rings[-1][-1][0], float(token)))
            case "Z":
                pass
            case _:
                raise DataError(f"paths with the command {command!r}, which is not one of M, L, H, V, Z")
    return [np.array(ring) for ring in rings]


def _clean(words: str) -> str:
    """Return words without the characters that XML forbids."""
    return "".join(letter for letter in words if letter >= " " or letter in "\t\n\r")
