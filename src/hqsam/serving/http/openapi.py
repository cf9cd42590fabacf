"""The OpenAPI description, in a form from which client generators make good clients."""

from typing import Any

from fastapi import FastAPI


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of the routes, made at the first call.

    FastAPI describes uploads by `contentMediaType`; generators know `format: binary`. A default in a request makes its
    field required in generated TypeScript, so it goes into the field's description.
    """
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        for component in schema["components"]["schemas"].values():
            for field in component.get("properties", {}).values():
                if "contentMediaType" in field:
                    field["format"] = "binary"
                if "default" in field:
                    _default_in_words(field)
    return app.openapi_schema or {}


def _default_in_words(field: dict[str, Any]) -> None:
    default = field.pop("default")
    if default is not None:
        word = str(default).lower() if isinstance(default, bool) else default
        field["description"] = f"{field.get('description', '')} Default: {word}.".strip()
