"""The list of photos, and photos as a browser shows them."""

import io
import os
import sys

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageWarning
from tests.serving.servers import photos_in, running, settings_in


@pytest.fixture
def own(_nano, tmp_path):
    """A server whose folder may be changed."""
    with running(settings_in(tmp_path, folder=photos_in(tmp_path / "photos"))) as server:
        yield server


@pytest.fixture
def fresh(own, monkeypatch):
    """The same, looking at its folder each time."""
    from hqsam.serving.store import image_library

    monkeypatch.setattr(image_library, "_SECONDS_BETWEEN_WALKS", 0.0)
    return own


def a_photo(**how) -> bytes:
    file = io.BytesIO()
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :15] = (255, 0, 0)
    picture = how.pop("picture", Image.fromarray(pixels))
    picture.save(file, **how)
    return file.getvalue()


def shown(server, image):
    answer = server.ask("GET", f"/v1/images/{image}/pixels")
    assert answer.status == 200
    return Image.open(io.BytesIO(answer.body)), answer.headers


def test_photos_are_in_the_order_that_people_count_in(own):
    assert [one["name"] for one in own.client.images()] == ["coffee 2.jpg", "coffee 10.jpg", "more/cat.jpg"]


def test_a_photo_that_is_added_to_the_folder_appears_and_one_that_is_removed_goes(fresh):
    folder = fresh.service.settings.folder
    (folder / "coffee 3.png").write_bytes(a_photo(format="PNG"))
    (folder / "more" / "cat.jpg").unlink()
    assert [one["name"] for one in fresh.client.images()] == ["coffee 2.jpg", "coffee 3.png", "coffee 10.jpg"]


def test_a_photo_that_is_gone_but_has_annotations_stays_and_says_so(fresh):
    image = next(one["id"] for one in fresh.client.images() if one["name"] == "more/cat.jpg")
    fresh.client.annotate(image, np.ones((300, 451), bool), "cat")
    (fresh.service.settings.folder / "more" / "cat.jpg").unlink()
    listed = next(one for one in fresh.client.images() if one["id"] == image)
    assert listed["problem"] == "the file is gone from the folder" and listed["annotation_count"] == 1
    answer = fresh.ask("POST", f"/v1/images/{image}/open", {})
    assert (answer.status, answer.code) == (410, "gone")
    assert len(fresh.client.annotations(image)) == 1


def test_a_damaged_photo_in_the_folder_says_what_is_wrong_without_its_path(fresh):
    folder = fresh.service.settings.folder
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nonsense")
    listed = next(one for one in fresh.client.images() if one["name"] == "broken.jpg")
    assert "cannot read broken.jpg" in listed["problem"] and str(folder) not in listed["problem"]
    assert fresh.ask("GET", f"/v1/images/{listed['id']}/thumbnail").code == "image"


def test_a_file_that_is_changed_is_another_photo_under_its_name(own):
    image = next(one["id"] for one in own.client.images() if one["name"] == "coffee 2.jpg")
    own.client.open(image)
    (own.service.settings.folder / "coffee 2.jpg").write_bytes(a_photo(format="JPEG"))
    assert own.client.open(image)["found_in"] == "encoder"
    assert own.ask("GET", f"/v1/images/{image}").json["width"] == 30


def test_deleting_leaves_a_folders_file_and_removes_an_uploads(own):
    first = next(own.client.images())
    upload = own.upload(a_photo(format="PNG")).json
    bytes_of_upload = list((own.service.settings.data / "uploads").iterdir())
    assert len(bytes_of_upload) == 1
    for image in (first, upload):
        assert own.ask("DELETE", f"/v1/images/{image['id']}").status == 204
        assert own.ask("GET", f"/v1/images/{image['id']}").status == 404
    assert (own.service.settings.folder / first["name"]).is_file() and not bytes_of_upload[0].exists()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_browsers_show_goes_as_it_is(own, kind):
    data = a_photo(format=kind)
    image = own.upload(data).json["id"]
    answer = own.ask("GET", f"/v1/images/{image}/pixels")
    assert answer.body == data and answer.headers["content-type"] == f"image/{kind.lower()}"
    again = {"Authorization": "Bearer a-token-of-the-tests", "If-None-Match": answer.headers["etag"]}
    assert own.ask("GET", f"/v1/images/{image}/pixels", headers=again).status == 304


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "PPM", "JPEG2000"])
def test_what_browsers_may_not_show_becomes_a_png(own, kind):
    image = own.upload(a_photo(format=kind)).json["id"]
    picture, headers = shown(own, image)
    assert headers["content-type"] == "image/png" and picture.size == (30, 20)
    assert np.asarray(picture.convert("RGB"))[5, 5].tolist() == pytest.approx([255, 0, 0], abs=12)


def test_transparency_and_turned_pngs_are_shown_as_the_model_sees_them(own):
    clear = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    clear.paste((255, 255, 255, 255), (0, 0, 1, 1))  # clear everywhere would be no transparency, but an empty channel
    picture, _ = shown(own, own.upload(a_photo(format="PNG", picture=clear)).json["id"])
    assert np.asarray(picture.convert("RGB")).min() == 255
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = own.upload(a_photo(format="PNG", exif=exif)).json
    assert (turned["width"], turned["height"]) == (20, 30)
    assert shown(own, turned["id"])[0].size == (20, 30)
    phone = own.upload(a_photo(format="JPEG", exif=exif)).json
    assert (phone["width"], phone["height"]) == (20, 30)  # and its bytes keep the tag, which browsers obey
    assert shown(own, phone["id"])[0].getexif()[0x0112] == 6


def test_thumbnails_are_small_jpegs(own):
    image = next(own.client.images())["id"]
    answer = own.ask("GET", f"/v1/images/{image}/thumbnail")
    with Image.open(io.BytesIO(answer.body)) as small:
        assert small.format == "JPEG" and small.size == (256, 171)
    assert len(answer.body) < 20_000


def test_the_list_comes_in_parts(own):
    first = own.ask("GET", "/v1/images?limit=2").json
    rest = own.ask("GET", "/v1/images?limit=2&offset=2").json
    assert (len(first["images"]), len(rest["images"]), first["total"]) == (2, 1, 3)


def test_links_out_of_the_folder_are_shown_if_their_owner_says_so(_nano, tmp_path):
    folder = photos_in(tmp_path / "photos")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "far.png").write_bytes(a_photo(format="PNG"))
    (folder / "link.png").symlink_to(tmp_path / "store" / "far.png")
    (folder / "sub").symlink_to(tmp_path / "store")
    with running(settings_in(tmp_path, folder=folder, follow_links=True)) as server:
        names = {one["name"]: one["id"] for one in server.client.images()}
        assert {"link.png", "sub/far.png"} <= set(names)
        assert shown(server, names["sub/far.png"])[0].size == (30, 20)


def test_images_have_states_and_notes_and_are_chosen_by_them_by_name_and_by_class(own):
    two, ten, cat = own.client.images()
    assert own.ask("PATCH", f"/v1/images/{ten['id']}", {"status": "to_review", "note": "blurred?"}).status == 200
    own.ask("PATCH", f"/v1/images/{cat['id']}", {"status": "rejected"})
    own.client.annotate(two["id"], np.ones((400, 600), bool), "cup")

    def names(query):
        return [one["name"] for one in own.ask("GET", f"/v1/images?{query}").json["images"]]

    assert names("status=to_review&status=rejected") == ["coffee 10.jpg", "more/cat.jpg"]
    assert names("search=COFFEE") == ["coffee 2.jpg", "coffee 10.jpg"] and names("search=%25") == []
    assert names("class_name=cup") == ["coffee 2.jpg"] == names("annotated=true")
    assert names("annotated=false&search=cat") == ["more/cat.jpg"]
    listed = own.ask("GET", "/v1/images").json
    assert listed["counts"] == {"todo": 1, "done": 0, "to_review": 1, "rejected": 1}
    assert [one["note"] for one in listed["images"]] == ["", "blurred?", ""]
    assert listed["images"][0]["class_counts"] == {"cup": 1}
    assert own.ask("PATCH", f"/v1/images/{ten['id']}", {"note": ""}).json["status"] == "to_review"
    assert own.ask("PATCH", f"/v1/images/{ten['id']}", {"status": "perhaps"}).status == 422


def test_a_heic_photo_is_taken_and_shown_as_a_png(own):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (30, 20), "red")).save(file, quality=-1)
    uploaded = own.upload(file.getvalue(), "IMG_0001.HEIC").json
    picture, headers = shown(own, uploaded["id"])
    assert headers["content-type"] == "image/png" and picture.size == (30, 20)


def test_a_narrow_range_of_sixteen_bits_is_shown_as_the_model_sees_it(own):
    deep = np.linspace(800, 1000, 600).reshape(20, 30).astype(np.uint16)
    with pytest.warns(ImageWarning):
        picture, _ = shown(own, own.upload(a_photo(format="PNG", picture=Image.fromarray(deep))).json["id"])
    assert np.ptp(np.asarray(picture)) == 255


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names here are always Unicode")
def test_a_name_that_is_no_utf_8_is_listed_and_opened(fresh):
    (fresh.service.settings.folder / os.fsdecode(b"caf\xe9.png")).write_bytes(a_photo(format="PNG"))
    names = {one["name"]: one["id"] for one in fresh.client.images()}
    assert shown(fresh, names["caf%E9.png"])[0].size == (30, 20)
    assert fresh.ask("GET", f"/v1/images/{names['caf%E9.png']}/thumbnail").status == 200
