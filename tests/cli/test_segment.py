import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

import hqsam as package
from hqsam.formats import coco, labelme, pixel_geojson, svg
from hqsam.formats.mask_images import read_mask
from hqsam.masks import rle
from hqsam.predict.segmenter import Segmenter


def written(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_one_photo_and_one_box_give_a_mask_and_an_overlay(segment, photos):
    finished = segment("cat.jpg", "--box", "20,30,300,200")
    assert finished.code == 0
    assert written(photos / "out") == ["cat_mask.png", "cat_overlay.png"]
    assert "out/cat_mask.png" in finished.out.replace("\\", "/")
    assert set(np.unique(Image.open("out/cat_mask.png"))) <= {0, 255}


def test_the_command_gives_what_the_library_gives(segment, photos, tiny_file):
    segment("cat.jpg", "--point", "100,100", "--point", "120,90", "--not-point", "10,10", "--source", "hq")
    session = package.load(tiny_file, device="cpu", precision="float32").open("cat.jpg")
    expected = session.segment(points=[(100, 100), (120, 90), (10, 10)], labels=[1, 1, 0], source="hq")
    assert np.array_equal(read_mask(photos / "out" / "cat_mask.png"), expected.masks[0])


def test_detail_gives_what_the_library_gives(segment, photos, tiny_file):
    assert segment("cat.jpg", "--box", "100,60,160,120", "--detail").code == 0
    session = package.load(tiny_file, device="cpu", precision="float32").open("cat.jpg")
    expected = session.segment(box=(100, 60, 160, 120), detail=True)
    assert np.array_equal(read_mask(photos / "out" / "cat_mask.png"), expected.masks[0])


def test_several_boxes_are_several_objects(segment, photos):
    segment("cat.jpg", "--box", "20,30,300,200", "--box", "0,0,50,50", "--format", "png,coco")
    assert written(photos / "out") == ["cat_coco.json", "cat_mask_01.png", "cat_mask_02.png"]
    (found,) = coco.read(photos / "out" / "cat_coco.json")
    assert found.image_name == "cat.jpg" and len(found) == 2


def test_all_formats_can_be_asked_for_at_once(segment, photos):
    finished = segment("cat.jpg", "--point", "100,100", "--format", "png,overlay,cutout,coco,svg", "--candidates", "3")
    assert finished.code == 0
    suffixes = [name.removeprefix("cat") for name in written(photos / "out")]
    assert suffixes == [
        *(".svg", "_coco.json", "_cutout_01.png", "_cutout_02.png", "_cutout_03.png"),
        *("_mask_01.png", "_mask_02.png", "_mask_03.png", "_overlay.png"),
    ]


def test_outlines_are_simplified_and_run_where_they_are_asked_to(segment, photos):
    shared = ("cat.jpg", "--box", "20,30,300,200", "--format", "labelme")
    for out, more in (("exact", ()), ("coarse", ("--tolerance", "2")), ("edges", ("--corners", "pixel_edges"))):
        assert segment(*shared, "--out", out, *more).code == 0
    points = {
        out: np.concatenate(
            [shape["points"] for shape in json.loads((photos / out / "cat.json").read_text())["shapes"]]
        )
        for out in ("exact", "coarse", "edges")
    }
    assert len(points["coarse"]) < len(points["exact"]) == len(points["edges"])
    assert (points["edges"] % 1 == 0).all() and (points["exact"] % 1 > 0).all()
    assert segment(*shared, "--tolerance", "-1").code == 2


def test_a_mask_written_by_one_run_is_the_prompt_of_the_next(segment, photos):
    segment("cat.jpg", "--box", "20,30,300,200")
    Image.fromarray(np.pad(np.full((100, 100), 255, np.uint8), ((50, 150), (50, 301)))).save("rough.png")
    assert segment("cat.jpg", "--mask", "rough.png", "--out", "second").code == 0
    assert written(photos / "second") == ["cat_mask.png", "cat_overlay.png"]


def test_json_is_a_line_a_photo_and_writes_no_files_unless_asked(segment, photos):
    finished = segment("cat.jpg", "coffee.jpg", "--box", "20,30,300,200", "--json")
    records = [json.loads(line) for line in finished.out.splitlines()]
    assert [record["image"] for record in records] == ["cat.jpg", "coffee.jpg"]
    (one,) = records[0]["objects"]
    assert records[0]["size"] == {"width": 451, "height": 300}
    assert rle.decode(one["rle"]).sum() == one["area"] and len(one["box"]) == 4
    assert not (photos / "out").exists()
    assert segment("cat.jpg", "--box", "20,30,300,200", "--json", "--out", "here").code == 0
    assert written(photos / "here")


def test_photos_that_fail_do_not_stop_the_others_and_are_reported_at_the_end(segment, photos):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 not much of a photo")
    finished = segment("broken.jpg", "gone.jpg", "cat.jpg", "--box", "20,30,300,200")
    assert finished.code == 1
    assert written(photos / "out") == ["cat_mask.png", "cat_overlay.png"]
    assert "broken.jpg" in finished.err and "gone.jpg" in finished.err and "2 of 3 images failed" in finished.err


def test_json_reports_failures_in_line(segment, photos):
    finished = segment("gone.jpg", "cat.jpg", "--box", "20,30,300,200", "--json")
    failed, done = (json.loads(line) for line in finished.out.splitlines())
    assert "no such file" in failed["error"] and "error" not in done
    assert finished.code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--box"),
        (["--box", "1,2,3"], "4 numbers"),
        (["--point", "a,b"], "2 numbers"),
        (["--box", "1,2,30,40", "--box", "5,6,70,80", "--point", "3,3"], "any of them"),
        (["--point", "1,1", "--candidates", "2"], "1 mask a prompt, or 3"),
        (["--point", "1,1", "--source", "best"], "best"),
        (["--point", "1,1", "--format", "png,tiff"], "tiff"),
        (["--point", "1,1", "--mask", "missing.png"], "missing.png"),
        (["--point", "1,1", "--format", " , "], "names no format; choose from png"),
        (["--point", "1,1", "--format", ""], "names no format; choose from png"),
    ],
)
def test_a_command_that_cannot_be_meant_leaves_with_2_before_any_work(segment, photos, words, said):
    finished = segment("cat.jpg", *words)
    assert finished.code == 2
    assert said in " ".join(finished.err.split())
    assert not (photos / "out").exists()


def test_a_prompt_that_fits_no_photo_is_bad_use_and_one_that_fits_some_is_failed_work(segment):
    assert segment("cat.jpg", "--box", "500,10,590,390").code == 2
    assert segment("cat.jpg", "coffee.jpg", "--box", "500,10,590,390").code == 1


def test_a_photo_that_cannot_be_read_is_failed_work(segment):
    assert segment("gone.jpg", "--point", "1,1").code == 1


def test_a_folder_that_cannot_be_written_is_failed_work_and_leaves_nothing(segment, photos):
    (photos / "out").write_text("a file, not a folder")
    finished = segment("cat.jpg", "--point", "100,100")
    assert finished.code == 1 and "out" in finished.err
    assert (photos / "out").read_text() == "a file, not a folder"


def test_results_of_an_earlier_run_are_replaced_kept_or_refused_as_asked(segment, photos):
    segment("cat.jpg", "--point", "100,100")
    mask = photos / "out" / "cat_mask.png"
    mask.write_bytes(b"mine")
    assert segment("cat.jpg", "--point", "100,100", "--existing", "refuse").code == 1
    assert "kept" in segment("cat.jpg", "--point", "100,100", "--existing", "keep").out
    assert mask.read_bytes() == b"mine"
    assert segment("cat.jpg", "--point", "100,100").code == 0
    assert mask.read_bytes() != b"mine"


def test_photos_of_one_name_do_not_overwrite_each_other_s_results(segment, photos):
    for folder in ("a", "b"):
        (photos / folder).mkdir()
        (photos / "cat.jpg").rename(photos / folder / "1.jpg") if folder == "a" else (photos / "coffee.jpg").rename(
            photos / folder / "1.jpg"
        )
    segment("a", "b", "--point", "100,100", "--format", "png")
    assert written(photos / "out") == ["a/1_mask.png", "b/1_mask.png"]


def test_photos_of_one_name_can_have_their_results_beside_them(segment, photos):
    (photos / "two").mkdir()
    for suffix in ("jpg", "png"):
        with Image.open("cat.jpg") as photo:
            photo.save(photos / "two" / f"a.{suffix}")
    assert segment("two", "--point", "100,100", "--format", "png", "--out", "two").code == 0
    assert written(photos / "two") == ["a.jpg", "a.png", "a_jpg/a_mask.png", "a_png/a_mask.png"]


def test_the_model_that_is_used_is_named_on_stderr(segment, tiny_file):
    assert f"model: {tiny_file}" in segment("cat.jpg", "--point", "100,100").err


def test_no_model_at_all_is_bad_use(hqsam, photos):
    finished = hqsam("segment", "cat.jpg", "--point", "100,100", "--model", "")
    assert finished.code == 2 and "the model is ''; give a name" in finished.err


def test_auto_says_which_model_it_took_and_why(hqsam, photos, tiny_file, monkeypatch):
    monkeypatch.setenv("HQSAM_MODEL", str(tiny_file))
    finished = hqsam("segment", "cat.jpg", "--point", "100,100")
    assert finished.code == 0
    assert f"model: {tiny_file} (HQSAM_MODEL names it)" in finished.err


@pytest.fixture
def segment_with(hqsam, photos, tiny_file, monkeypatch):
    """As `segment`, with something that happens whenever a photo of that name is opened."""

    def run(name, happens, *words):
        opened = Segmenter.open

        def open_or_fail(self, image, *more, **named):
            if name in str(image):
                happens()
            return opened(self, image, *more, **named)

        monkeypatch.setattr(Segmenter, "open", open_or_fail)
        return hqsam("segment", *words, "--model", tiny_file, "--device", "cpu", "--precision", "float32")

    return run


def raising(error):
    def happens():
        raise error

    return happens


def numpys_error():
    with pytest.raises(MemoryError) as raised:
        np.empty(1 << 60, np.uint8)
    return raised.value


MEMORY = [
    MemoryError(),
    numpys_error(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    OSError(12, "Cannot allocate memory"),
]


@pytest.mark.parametrize("error", MEMORY, ids=lambda error: type(error).__name__)
def test_a_photo_too_large_for_memory_fails_alone_and_is_told_what_helps(segment_with, photos, error):
    finished = segment_with("cat", raising(error), "cat.jpg", "coffee.jpg", "--box", "20,30,300,200")
    assert finished.code == 1
    assert written(photos / "out") == ["coffee_mask.png", "coffee_overlay.png"]
    assert "cat.jpg: there is not enough memory" in finished.err and "shrink the image" in finished.err


def test_a_mistake_of_ours_fails_one_photo_and_can_be_found(segment_with, photos, caplog):
    caplog.set_level("DEBUG", logger="hqsam")
    finished = segment_with("cat", {}.popitem, "cat.jpg", "coffee.jpg", "--box", "20,30,300,200")
    assert finished.code == 1 and "1 of 2 images failed" in finished.err
    assert written(photos / "out") == ["coffee_mask.png", "coffee_overlay.png"]
    assert "cat.jpg: KeyError: 'popitem(): dictionary is empty'" in finished.err and "HQSAM_LOG=debug" in finished.err
    assert "Traceback" in caplog.text and "open_or_fail" in caplog.text


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names here are always Unicode")
def test_a_photo_whose_name_is_not_utf_8_is_written_under_a_readable_one(segment, photos):
    name = os.fsdecode(b"caf\xe9.jpg")
    (photos / "cat.jpg").rename(photos / name)
    finished = segment(
        name, "coffee.jpg", "--box", "20,30,300,200", "--format", "coco,svg,labelme,pixel_geojson,sam,csv,png"
    )
    assert finished.code == 0 and "caf%E9.jpg" in finished.out
    folder = photos / "out"
    for module, ending in ((coco, "_coco.json"), (svg, ".svg"), (labelme, ".json"), (pixel_geojson, "_pixels.geojson")):
        (found,) = module.read(folder / os.fsdecode(b"caf\xe9" + ending.encode()))
        assert found.image_name == "caf%E9.jpg"
    record = json.loads(segment(name, "--box", "20,30,300,200", "--json").out)
    assert record["image"] == "caf%E9.jpg"
    failed = segment(os.fsdecode(b"\xe9.jpg"), "--box", "20,30,300,200")
    assert failed.code == 1 and "%E9.jpg" in failed.err


def test_a_photo_is_done_only_if_it_has_a_file_of_every_format(segment, photos):
    segment("cat.jpg", "--point", "100,100", "--format", "png")
    asked = ("cat.jpg", "--point", "100,100", "--existing", "keep")
    assert "kept" not in segment(*asked, "--format", "png,coco").out
    assert written(photos / "out") == ["cat_coco.json", "cat_mask.png"]
    assert "kept" in segment(*asked, "--format", "png,coco").out
    (photos / "out" / "cat_mask.png").unlink()
    assert "kept" not in segment(*asked, "--format", "png,coco").out


def test_of_an_earlier_run_nothing_is_left_that_this_one_would_have_written(segment, photos):
    (photos / "out").mkdir()
    bystanders = ["cat_mask_of_wood.png", "cat_mask_1.png", "catalog_mask_01.png", "cat_overlay.png"]
    for name in bystanders:
        (photos / "out" / name).write_text("mine")
    segment("cat.jpg", "--box", "20,30,300,200", "--box", "0,0,50,50", "--format", "png,cutout")
    segment("cat.jpg", "--box", "20,30,300,200", "--format", "png")
    cutouts = ["cat_cutout_01.png", "cat_cutout_02.png"]
    assert written(photos / "out") == sorted(["cat_mask.png", *cutouts, *bystanders])
    segment("cat.jpg", "--box", "20,30,300,200", "--box", "0,0,50,50", "--format", "png")
    assert written(photos / "out") == sorted(["cat_mask_01.png", "cat_mask_02.png", *cutouts, *bystanders])


def test_a_photo_that_is_called_like_a_result_is_not_removed(segment, photos):
    (photos / "coffee.jpg").rename(photos / "cat_mask_01.png")
    assert segment("cat.jpg", "cat_mask_01.png", "--box", "20,30,300,200", "--format", "png", "--out", ".").code == 0
    assert (photos / "cat_mask_01.png").exists() and (photos / "cat_mask_01_mask.png").exists()


def test_a_folder_that_cannot_be_written_is_found_out_before_any_photo_is_opened(segment_with, photos):
    (photos / "taken").write_text("a file, not a folder")
    opened = []
    finished = segment_with("jpg", lambda: opened.append(1), "cat.jpg", "--box", "20,30,300,200", "--out", "taken/deep")
    assert finished.code == 1 and "a part of the path is a file" in finished.err and not opened


def test_words_find_boxes_and_are_the_masks_labels(segment, tmp_path_factory):
    pytest.importorskip("transformers")
    from tests.text.tiny_detectors import save_grounding_dino

    detector = save_grounding_dino(tmp_path_factory.mktemp("detector"))
    finished = segment("coffee.jpg", "--text", "a cup, a spoon", "--detector", detector, "--threshold", 0.9, "--json")
    assert finished.code == 0
    objects = json.loads(finished.out)["objects"]
    assert {one["label"] for one in objects} <= {"a cup", "a spoon"}
    assert objects and all(one["prompt_score"] >= 0.9 and one["rle"] for one in objects)


def test_words_and_boxes_exclude_each_other_and_nothing_is_no_word(segment):
    both = segment("coffee.jpg", "--text", "cup", "--box", "1,1,9,9")
    assert (both.code, "finds boxes by itself" in both.err) == (2, True)
    none = segment("coffee.jpg", "--text", " , ")
    assert (none.code, "what to look for" in none.err) == (2, True)


def test_words_without_transformers_name_the_extra(segment, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    missing = segment("coffee.jpg", "--text", "cup")
    assert (missing.code, 'pip install "hqsam[text]"' in missing.err) == (1, True)
