import ast
from pathlib import Path

import hqsam

SOURCE = Path(hqsam.__file__).parent


def test_nothing_inside_imports_the_face():
    modules = {path.stem for path in SOURCE.iterdir()}
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(name.name == "hqsam" for name in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "hqsam" and {n.name for n in node.names} - modules)
    ]
    assert found == []
