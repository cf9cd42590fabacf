"""No other page, machine or user drives the server."""

import pytest
from starlette.datastructures import Headers

from hqsam.errors import OptionError
from hqsam.serving.http.errors import ApiError
from hqsam.serving.http.security import AccessControl
from hqsam.serving.settings import Settings, data_folder
from tests.serving.servers import TOKEN, settings_in

BEARER = {"Authorization": f"Bearer {TOKEN}"}
COOKIE = {"Cookie": f"hqsam_0={TOKEN}"}


def refused(server, method, path, headers, body=None):
    answer = server.ask(method, path, body, headers)
    return answer.status, answer.code


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "hqsam_0=wrong"}])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/images", "/v1/images/1/pixels", "/metrics", "/v1/nothing"])
def test_nothing_of_the_users_is_given_without_the_token(server, path, headers):
    assert refused(server, "GET", path, headers) == (401, "token")


@pytest.mark.parametrize("path", ["/v1/health", "/v1/openapi.json", "/", "/docs"])
def test_what_is_nobodys_needs_no_token(server, path):
    assert server.ask("GET", path, headers={}).status == 200


def test_the_token_in_the_address_becomes_a_cookie_that_no_script_reads(server):
    answer = server.ask("GET", f"/?token={TOKEN}", headers={})
    assert answer.status == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    given = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert server.ask("GET", "/v1/models", headers=given).status == 200
    assert server.ask("GET", "/?token=wrong", headers={}).status == 401


def test_changes_that_come_with_the_cookie_need_the_header_of_the_page(server):
    classes = [{"name": "a", "colour": "#000000"}]
    assert refused(server, "PUT", "/v1/classes", COOKIE, classes) == (403, "origin")
    assert server.ask("PUT", "/v1/classes", classes, COOKIE | {"X-Hqsam": "1"}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_other_pages_are_refused_even_with_the_token(server, headers):
    assert refused(server, "GET", "/v1/images", BEARER | headers) == (403, "origin")
    assert refused(server, "POST", "/v1/images/1/open", BEARER | headers, {}) == (403, "origin")


def test_our_own_page_is_not_refused(server):
    headers = {"Origin": server.address, "Sec-Fetch-Site": "same-origin"}
    assert server.ask("GET", "/v1/images", headers=BEARER | headers).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_a_name_that_is_not_ours_is_refused(server, host):
    assert refused(server, "GET", "/v1/images", BEARER | {"Host": host}) == (421, "host")
    assert refused(server, "GET", "/", {"Host": host}) == (421, "host")


def test_no_answer_opens_the_server_to_other_pages(server):
    for path in ("/", "/v1/images", "/v1/nothing", "/v1/health"):
        headers = server.ask("GET", path).headers
        assert not [name for name in headers if name.startswith("access-control")]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    assert server.ask("OPTIONS", "/v1/images", headers=preflight).status in (401, 403)


def test_beyond_localhost_addresses_will_do_and_names_have_to_be_said(tmp_path):
    access = AccessControl(settings_in(tmp_path, host="0.0.0.0", allowed_hosts=("masks.example",)))
    for host in ("192.168.1.7:8765", "[fe80::1]:8765", "masks.example", "localhost:8765"):
        access.check("GET", "/v1/health", Headers({"host": host}))
    for host in ("evil.example", "other.masks.example"):
        with pytest.raises(ApiError, match="not called"):
            access.check("GET", "/v1/health", Headers({"host": host}))


def test_tokens_are_new_each_time_and_weak_ones_are_refused(tmp_path):
    assert Settings(data=tmp_path).token != Settings(data=tmp_path).token
    for weak in ("", "short", "with spaces in the middle"):
        with pytest.raises(OptionError, match="weak"):
            settings_in(tmp_path, token=weak)


def test_annotations_of_a_folder_are_not_written_into_it_unless_somebody_made_room(tmp_path, monkeypatch):
    monkeypatch.setenv("HQSAM_DATA", str(tmp_path / "user"))
    photos = tmp_path / "photos"
    photos.mkdir()
    assert (tmp_path / "user") in data_folder(photos).parents
    assert data_folder(photos) != data_folder(tmp_path)
    (photos / ".hqsam").mkdir()
    assert data_folder(photos) == photos / ".hqsam"


def test_more_requests_than_are_allowed_get_429(tmp_path, _nano):
    from tests.serving.servers import running

    with running(settings_in(tmp_path, requests_per_second=1)) as server:
        answers = [server.ask("GET", "/v1/classes") for _ in range(6)]
    assert {one.status for one in answers[:2]} == {200}
    assert answers[-1].status == 429 and answers[-1].headers["retry-after"] == "1"
