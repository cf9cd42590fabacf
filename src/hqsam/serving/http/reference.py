"""The API on one page, made from its own OpenAPI: no script, nothing from elsewhere, so it works offline."""

from html import escape
from typing import Any

_STYLE_PATH = "/web/reference.css"


def reference_page(openapi: dict[str, Any]) -> str:
    """HTML."""
    routes = [
        _route(method, path, about) for path, methods in openapi["paths"].items() for method, about in methods.items()
    ]
    schemas = [_schema(name, schema) for name, schema in sorted(openapi["components"]["schemas"].items())]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>hqsam {escape(openapi["info"]["version"])}: API</title><link rel="stylesheet" href="{_STYLE_PATH}">'
        f"<main><h1>hqsam, the HTTP API</h1><p>{_words(openapi['info']['description'])}</p>"
        '<p>For programs: <a href="/v1/openapi.json">openapi.json</a></p>'
        f"<h2>Routes</h2>{''.join(routes)}<h2>Shapes</h2>{''.join(schemas)}</main></html>"
    )


def _route(method: str, path: str, about: dict[str, Any]) -> str:
    parameters = [
        (f"{one['name']} ({one['in']})", one["schema"], one.get("required", False))
        for one in about.get("parameters", [])
    ]
    bodies = about.get("requestBody", {}).get("content", {})
    sent = "".join(f"<p>Body ({escape(kind)}): {_type(body['schema'])}</p>" for kind, body in bodies.items())
    answers = "".join(
        f"<p>{escape(status)}: {_answer(answer)}</p>"
        for status, answer in about["responses"].items()
        if status.startswith("2")
    )
    return (
        f"<section><h3><code>{method.upper()} {escape(path)}</code></h3><p>{_words(about.get('description', ''))}</p>"
        f"{_table(parameters)}{sent}{answers}</section>"
    )


def _answer(answer: dict[str, Any]) -> str:
    kinds = answer.get("content", {})
    said = [_type(body["schema"]) if body.get("schema") else escape(kind) for kind, body in kinds.items()]
    return ", ".join(said) or escape(answer.get("description", ""))


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    fields = [(field, about, field in required) for field, about in schema.get("properties", {}).items()]
    title = f'<section id="{escape(name)}"><h3><code>{escape(name)}</code></h3>'
    return f"{title}<p>{_words(schema.get('description', ''))}</p>{_table(fields)}</section>"


def _table(fields: list[tuple[str, dict[str, Any], bool]]) -> str:
    if not fields:
        return ""
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(about)}{'' if required else ', optional'}</td>"
        f"<td>{_words(about.get('description', ''))}</td></tr>"
        for name, about, required in fields
    ]
    return f"<table>{''.join(rows)}</table>"


def _type(schema: dict[str, Any]) -> str:
    """A type in words, with links to the shapes that are described further down."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    for either in ("anyOf", "oneOf"):
        if either in schema:
            return " or ".join(_type(one) for one in schema[either])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        parts = schema.get("prefixItems") or [schema.get("items", {})]
        return f"[{', '.join(_type(one) for one in parts)}]"
    return escape(str(schema.get("type", "anything")))


def _words(text: str) -> str:
    """Sentences, with what stands between backquotes as code."""
    parts = escape(" ".join(text.split())).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
