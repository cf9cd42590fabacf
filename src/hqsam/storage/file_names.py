"""File names: compared as other systems compare them, stored as UTF-8, printed on any terminal."""

import re
import unicodedata

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_UNPORTABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def composed_name(name: str) -> str:
    """Return a name with composed accents; macOS stores them decomposed."""
    return unicodedata.normalize("NFC", name)


def comparable_name(name: str) -> str:
    """Return the same for names that some system takes for one: with other accents, in upper or lower case."""
    return composed_name(composed_name(name).casefold())


def portable_name(name: str) -> str:
    """Return a file name that every system can hold; most names stay as they are.

    Characters that Windows refuses become "_", and so do a dot or space at the end; names of devices, such as `aux`,
    get one in front.
    """
    name = _UNPORTABLE.sub("_", name)
    name = re.sub(r"[. ]$", "_", name) or "_"
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def printable(text: str, encoding: str | None) -> str:
    r"""Return text that an encoding can hold: of other characters their escapes, as in `\u5199`."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
