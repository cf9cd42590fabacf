"""Overrides of a config by name: `stages.0.steps=100`."""

import ast
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hqsam.errors import OptionError
from hqsam.training.config import RENAMED_SETTINGS


def override(config: Any, assignment: str) -> Any:
    """Return a copy of a config with one value changed.

    `assignment` is a dotted path of field names and positions, then =, then the value as Python writes it;
    words need no quotes.

    Raises:
        OptionError: there is no such field, or the value is of another kind.
    """
    path, found, text = assignment.partition("=")
    if not found:
        raise OptionError(f"got {assignment!r}; write a setting as path=value, such as stages.0.steps=100")
    return _replaced(config, path.strip().split("."), _value_of(text.strip()), path.strip())


def _value_of(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _replaced(config: Any, keys: list[str], value: Any, path: str) -> Any:
    if not keys:
        return _fitting(config, value, path)
    key, rest = keys[0], keys[1:]
    if is_dataclass(config) and not isinstance(config, type):
        names = [field.name for field in fields(config)]
        key = key if key in names else RENAMED_SETTINGS.get(key, key)
        if key not in names:
            raise OptionError(f"{path!r} names no setting: there is no {key!r}; choose one of {', '.join(names)}")
        changed = {key: _replaced(getattr(config, key), rest, value, path)}
        if not rest:
            _check_choice(config, key, changed[key], path)
        if key == "epochs" and value and "steps" in names:
            changed["steps"] = 0  # which would count instead
        return replace(config, **changed)
    if isinstance(config, tuple) and key.isdigit() and int(key) < len(config):
        items = list(config)
        items[int(key)] = _replaced(items[int(key)], rest, value, path)
        return tuple(items)
    raise OptionError(f"{path!r} names no setting: nothing is called {key!r} there")


def _check_choice(config: Any, key: str, value: Any, path: str) -> None:
    """Check a word against those that the field is declared with."""
    kind = get_type_hints(type(config))[key]
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise OptionError(f"{path} got {value!r}; choose one of {', '.join(map(str, get_args(kind)))}")


def _fitting(old: Any, value: Any, path: str) -> Any:
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(old, tuple) and isinstance(value, list):
        return tuple(value)
    if type(value) is not type(old):
        raise OptionError(f"{path} is {old!r}, and got {value!r}; give a {type(old).__name__}")
    return value
