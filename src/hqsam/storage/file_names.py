"""File names: compared as other systems compare them, and written so that they can hold them."""

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote_to_bytes

ON_WINDOWS = os.name == "nt"

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_UNPORTABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def composed_name(name: str) -> str:
    """Return a name with composed accents; macOS stores them decomposed."""
    return unicodedata.normalize("NFC", name)


def comparable_name(name: str) -> str:
    """Return the same for names that some system takes for one: with other accents, in upper or lower case."""
    return composed_name(composed_name(name).casefold())


def name_bytes(name: str) -> bytes:
    """Return the bytes of a name as the system has them, also where they are not UTF-8."""
    return name.encode("utf-8", "surrogateescape")


def path_of_stored(folder: Path, stored: str) -> Path:
    """Return the path of a file in a folder by its name as `escape_surrogates` made it text."""
    path = folder / stored
    if "%" not in stored or path.exists():
        return path
    unescaped = folder / unquote_to_bytes(stored).decode("utf-8", "surrogateescape")
    return unescaped if unescaped.exists() else path


def portable_name(name: str) -> str:
    """Return a file name that every system can hold; most names stay as they are.

    Characters that Windows refuses become "_", and so do a dot or space at the end; names of devices, such as `aux`,
    get one in front.
    """
    name = _UNPORTABLE.sub("_", name)
    name = re.sub(r"[. ]$", "_", name) or "_"
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def name_here(name: str) -> str:
    """Return a file name as this system can hold it: on Windows a portable one, elsewhere the name itself."""
    return portable_name(name) if ON_WINDOWS else name
