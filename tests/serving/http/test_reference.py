"""The reference of the API, which is made from its description."""

import re


def test_the_reference_names_every_route_and_links_every_schema_to_its_table(server):
    page = server.ask("GET", "/docs", headers={}).body.decode()
    description = server.ask("GET", "/v1/openapi.json").json
    for path, methods in description["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page
    sections = set(re.findall(r'<section id="(\w+)">', page))
    assert sections == description["components"]["schemas"].keys()
    assert set(re.findall(r'href="#(\w+)"', page)) <= sections
    assert "<code>Authorization: Bearer TOKEN</code>" in page and "<script" not in page
