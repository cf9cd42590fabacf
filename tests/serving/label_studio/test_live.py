"""A real Label Studio, driven by its own API: it connects to our server, sends it clicks, and keeps the masks.

It is started from the program `label-studio` of the PATH, which may be in an environment of its own.
"""

import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

import hqsam
from tests import needs
from tests.serving.label_studio.requests import BITMASKS, BRUSHES, click, mask_of, rectangle
from tests.serving.servers import EXAMPLES, running, settings_in

pytestmark = pytest.mark.slow
CUP = (170, 15, 412, 210)
USER, PASSWORD = "me@example.com", "a-password-of-the-tests"
KEY = "0123456789abcdef0123456789abcdef01234567"


class Studio:
    """A running Label Studio, and requests to it by a user's key."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"http://localhost:{port}"

    def ask(self, method, path, body=None, kind="application/json", headers=None):
        """Send a request; return what came, parsed if it is JSON."""
        data = json.dumps(body) if isinstance(body, dict | list) else body
        sent = {"Authorization": f"Token {KEY}", "Content-Type": kind} if headers is None else headers
        with closing(http.client.HTTPConnection("localhost", self.port, timeout=120)) as connection:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            content = answer.read()
        assert answer.status < 300, (method, path, answer.status, content[:2000])
        return json.loads(content) if "json" in (answer.headers.get("Content-Type") or "") else content

    def project(self, config):
        """Make a project with one uploaded photo; return its number and its task's."""
        number = self.ask("POST", "/api/projects/", {"title": "cups", "label_config": config})["id"]
        photo = (EXAMPLES / "coffee.jpg").read_bytes()
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="coffee.jpg"\r\n'
        form = head + b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n--x--\r\n"
        self.ask("POST", f"/api/projects/{number}/import", form, "multipart/form-data; boundary=x")
        (task,) = self.ask("GET", f"/api/tasks/?project={number}")["tasks"]
        return number, task["id"]

    def connect(self, project, backend, **credentials):
        """Connect our server to a project for interactive work, with its password unless others are given."""
        password = backend.service.settings.label_studio_password
        known = {"auth_method": "BASIC_AUTH", "basic_auth_user": "hqsam", "basic_auth_pass": password} | credentials
        about = {"project": project, "url": backend.address, "title": "hqsam", "is_interactive": True}
        return self.ask("POST", "/api/ml/", about | known)["id"]

    def interact(self, backend, task, *drawn):
        """Do what the page does after each click."""
        path = f"/api/ml/{backend}/interactive-annotating"
        return self.ask("POST", path, {"task": task, "context": {"result": list(drawn)}})


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    program = shutil.which("label-studio")
    if program is None:  # not even where all tests are wanted: it is an environment of a gigabyte
        pytest.skip("needs label-studio; install it in an environment of its own: pip install label-studio")
    folder = Path(program).parent
    data = tmp_path_factory.mktemp("label-studio")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HQSAM"))}
    environment |= {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "ML_BLOCK_LOCAL_IP": "false",  # our server is on this machine; the second is for its webhook
        "SSRF_PROTECTION_ENABLED": "false",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    user = ["--username", USER, "--password", PASSWORD, "--user-token", KEY]
    command = [folder / "label-studio", "start", "--no-browser", "--port", str(port), *user]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait(process, port, data / "log")
        yield Studio(port)
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def browser():
    """Debian's chromium."""
    needs.program("chromium", install="apt-get install chromium")
    needs.package("playwright", install="pip install playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def personal_key(studio):
    """The personal access token of the user, of whom Label Studio lets have one."""
    return studio.ask("POST", "/api/token/", {})["token"]


@pytest.fixture(params=["the key that it sends", "a personal key"])
def backend(request, studio, personal_key, _nano, tmp_path):
    """Our server: without a word of where Label Studio is, or with its address and a key."""
    told = {}
    if request.param == "a personal key":
        told = {"label_studio_url": studio.address, "label_studio_api_key": personal_key}
        assert personal_key.count(".") == 2
    with running(settings_in(tmp_path, label_studio=True, **told)) as server:
        yield server


@pytest.mark.parametrize("config", [BITMASKS, BRUSHES], ids=["BitmaskLabels", "BrushLabels"])
def test_clicks_and_rectangles_in_a_project_become_masks_that_are_kept(studio, backend, config):
    project, task = studio.project(config)
    connection = studio.connect(project, backend)
    about = studio.ask("GET", f"/api/ml/{connection}")
    assert about["state"] == "CO" and about["model_version"].endswith("-nano")
    session = hqsam.load("nano").open(EXAMPLES / "coffee.jpg")

    drawn = rectangle(*CUP), click(200, 300, is_positive=False)
    expected = session.segment(box=CUP, points=[(200, 300)], labels=[0]).masks[0]
    (region,) = studio.interact(connection, task, *drawn)["data"]["result"]
    assert np.count_nonzero(mask_of(region) == expected) / expected.size > 0.9999

    studio.ask("POST", f"/api/tasks/{task}/annotations/", {"result": [region]})
    (annotation,) = studio.ask("GET", f"/api/tasks/{task}/annotations/")
    assert np.array_equal(mask_of(annotation["result"][0]), mask_of(region))
    if config is BRUSHES:
        exported = studio.ask("GET", f"/api/projects/{project}/export?{urlencode({'exportType': 'BRUSH_TO_PNG'})}")
        with Image.open(io.BytesIO(exported)) as picture:  # a single file comes without an archive
            assert np.array_equal(np.asarray(picture) > 0, mask_of(region))


@pytest.mark.parametrize("backend", ["a personal key"], indirect=True)
def test_on_its_page_a_click_and_one_beside_the_object_become_a_region(studio, backend, browser):
    """With the configuration of our manual: choose the tool and a label, click, click with Alt, accept, submit."""
    manual = (Path(__file__).parents[3] / "docs" / "label_studio.md").read_text()
    project, task = studio.project(re.search(r"```xml\n(.*?)```", manual, re.DOTALL)[1])
    studio.connect(project, backend)
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(f"{studio.address}/user/login/")
    page.fill("input[name=email]", USER)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    page.goto(f"{studio.address}/projects/{project}/data?task={task}")
    page.wait_for_selector("canvas", state="attached")
    page.wait_for_load_state("networkidle")
    page.locator("text=Auto-Annotation").first.click()
    page.locator(".lsf-toolbar__group").last.locator(".lsf-tool").first.click()
    page.wait_for_selector(".lsf-tool_smart.lsf-tool_active")
    photo = page.locator("canvas").first.bounding_box()
    for x, y, held in ((300, 100, []), (200, 300, ["Alt"])):
        page.keyboard.press("3")  # the label, which has to be chosen each time
        place = photo["x"] + x / 600 * photo["width"], photo["y"] + y / 400 * photo["height"]
        with page.expect_response("**/interactive-annotating*") as answered:
            for key in held:
                page.keyboard.down(key)
            page.mouse.click(*place)
            for key in held:
                page.keyboard.up(key)
        sent = answered.value.request.post_data_json["context"]["result"]
    assert [one["is_positive"] for one in sent] == [True, False]
    (suggested,) = answered.value.json()["data"]["result"]
    page.wait_for_selector("text=1 suggestion")
    page.locator("text=1 suggestion").locator("xpath=..").locator("button").last.click()
    page.locator("button:has-text('Submit')").click()
    deadline = time.monotonic() + 60
    while not (kept := studio.ask("GET", f"/api/tasks/{task}/annotations/")) and time.monotonic() < deadline:
        time.sleep(1)
    (region,) = kept[0]["result"]
    agree = np.count_nonzero(mask_of(region) == mask_of(suggested)) / mask_of(region).size
    assert region["type"] == "bitmasklabels" and agree > 0.999
    page.close()


def test_label_studio_says_that_the_password_is_wrong(studio, backend):
    project, _ = studio.project(BITMASKS)
    with pytest.raises(AssertionError, match="authentication parameters were either not provided or are incorrect"):
        studio.connect(project, backend, basic_auth_pass="wrong")


def test_predictions_for_tasks_without_a_drawing_are_none(studio, backend):
    project, task = studio.project(BITMASKS)
    studio.connect(project, backend)
    studio.ask(
        "POST", f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}", {"selectedItems": {"all": True}}
    )
    assert studio.ask("GET", f"/api/tasks/{task}")["predictions"] == []


def _wait(process, port, log):
    until = time.monotonic() + 500
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            Studio(port).ask("GET", "/api/projects/")
        except (OSError, http.client.HTTPException, AssertionError):
            time.sleep(1)
        else:
            return
    pytest.fail(f"Label Studio did not start: {log.read_text()[-2000:]}")
