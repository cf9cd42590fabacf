"""The API reference on one page, made from its own OpenAPI description: no script, no network, so it works offline."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, Template

STYLE = Path(__file__).with_name("reference.css")
"""The page's style sheet."""


def reference_page(openapi: dict[str, Any]) -> str:
    """Return the page as HTML."""
    return _template().render(openapi)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(loader=PackageLoader("hqsam.serving", "http"), autoescape=True)
    environment.filters["split"] = str.split
    return environment.get_template("reference.html.jinja")
