"""Methods that are made in rooms above their class: writing files and drawing of `Instances`, videos of `Segmenter`.

Masks know nothing of formats or images, models nothing of videos. `hqsam/__init__.py`, which knows every room, enters
here what provides each.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

PROVIDERS: dict[str, str] = {}
"""The name of a method, and "module:function" of what does it; the function takes the object first."""


def provided(method: str) -> Callable[..., Any]:
    """Return the function that does a method; its module is imported when it is first needed."""
    module, _, function = PROVIDERS[method].partition(":")
    return getattr(import_module(module), function)
