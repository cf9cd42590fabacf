"""Import of optional packages, with the command that installs them where they are missing."""

import importlib.util
from types import ModuleType

from hqsam.errors import MissingExtra


def is_installed(module: str) -> bool:
    """Return True if an optional package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # ValueError: a test or program put None in its place
        return False


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional package and return its module.

    Args:
        module: the name that is imported, such as "tifffile".
        extra: the extra of hqsam that installs it, such as "tiles".

    Raises:
        MissingExtra: it is not installed; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtra(
            f'this needs the package {module!r}; install it with: pip install "hqsam[{extra}]"'
        ) from error
