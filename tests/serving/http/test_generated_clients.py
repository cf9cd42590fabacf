"""Clients that other people's generators make of the API's description work against the server."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import needs
from tests.serving.servers import EXAMPLES, TOKEN

GENERATED = Path(__file__).parent / "generated"
BUILD = Path(__file__).parents[3] / "build" / "openapi"
"""Where `.ci/run` installs the generators; both have dependencies that do not go with ours."""


@pytest.fixture
def description(server, tmp_path) -> Path:
    """The API's description in a file."""
    path = tmp_path / "openapi.json"
    path.write_bytes(server.ask("GET", "/v1/openapi.json").body)
    return path


def run(folder, *command):
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_python_client_uploads_prompts_annotates_and_exports(server, description, tmp_path):
    name = "openapi-python-client"
    programs = needs.program(name, install=f"pipx install {name}", beside=f"{BUILD}/python/bin")
    said = run(
        tmp_path, programs / name, "generate", "--path", description, "--output-path", "hqsam_api", "--meta=none"
    )
    assert "omitted" not in said and "Unsupported" not in said
    shutil.copy(GENERATED / "uses_python_client.py", tmp_path)
    python = (programs / name).resolve().parent / "python"
    script = ("uses_python_client.py", server.address, TOKEN, EXAMPLES / "coffee.jpg")
    assert run(tmp_path, python, *script) == "done\n"


def test_generated_typescript_types_check_a_program_that_runs(server, description, tmp_path):
    needs.program("node", install="apt-get install nodejs")
    install = "npm install --global openapi-typescript typescript@5"
    beside = f"{BUILD}/npm/node_modules/.bin"
    generator = needs.program("openapi-typescript", install=install, beside=beside) / "openapi-typescript"
    run(tmp_path, generator, description, "--output", "hqsam_api.ts")
    shutil.copy(GENERATED / "uses_types.ts", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    compiler = needs.program("tsc", install=install, beside=beside) / "tsc"
    options = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")
    run(tmp_path, compiler, *options, "uses_types.ts")
    assert run(tmp_path, "node", "uses_types.js", server.address, TOKEN) == "done\n"


def test_operations_keep_their_ids_and_requests_have_no_fields_that_types_would_require(description):
    content = json.loads(description.read_text())
    operations = [about["operationId"] for methods in content["paths"].values() for about in methods.values()]
    assert len(operations) == len(set(operations)) and {"list_images", "predict_masks", "upload_image"} <= set(
        operations
    )
    schemas = content["components"]["schemas"]
    assert not [
        field for schema in schemas.values() for field in schema.get("properties", {}).values() if "default" in field
    ]
    assert schemas["Body_upload_image"]["properties"]["file"]["format"] == "binary"
    assert "Default: rle." in schemas["MasksRequest"]["properties"]["format"]["description"]
    shown = content["paths"]["/v1/images/{image_id}/thumbnail"]["get"]["responses"]["200"]["content"]
    assert shown["image/jpeg"]["schema"] == {"type": "string", "format": "binary"}
