"""YOLO, labelme, SVG and GeoJSON beside what their own tools expect."""

import base64
import io
import json
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from hqsam.errors import DataError, DataWarning, OptionError
from hqsam.formats import labelme, pixel_geojson, svg, yolo
from tests.formats.samples import named, write
from tests.masks.strategies import draw

RING_AND_SPECK = draw("........ .#####.. .#...#.# .#...#.. .#####.. ........")
RING_AND_SPECK_LARGE = np.pad(RING_AND_SPECK, ((20, 34), (30, 42)))
RING = named(RING_AND_SPECK, labels="ring", scores=[0.75])


def with_photo(folder, size_hw=(6, 8)):
    Image.new("RGB", size_hw[::-1]).save(folder / "photo.jpg")
    return folder


class TestYolo:
    def test_a_line_is_a_class_and_shares_of_the_photo(self, tmp_path):
        path, classes = write(yolo, RING, tmp_path)
        number, *shares = path.read_text().split()
        assert number == "0" and classes.read_text() == "ring\n"
        assert len(shares) % 2 == 0 and all(0 <= float(share) <= 1 for share in shares)
        assert path.name == "photo.txt"

    def test_classes_keep_their_numbers_when_more_photos_are_written(self, tmp_path):
        for label in ("zebra", "ape", "zebra"):
            path, classes = write(yolo, named(RING_AND_SPECK, labels=label, image_name=f"{label}.jpg"), tmp_path)
        assert classes.read_text() == "zebra\nape\n"
        assert path.read_text().startswith("0 ")
        assert (tmp_path / "ape.txt").read_text().startswith("1 ")

    def test_a_label_that_is_no_class_is_an_error(self, tmp_path):
        with pytest.raises(OptionError, match="'ring' is none of the classes"):
            write(yolo, RING, tmp_path, classes=["cat"])
        assert not list(tmp_path.iterdir())

    def test_the_photo_is_found_in_images_beside_labels(self, tmp_path):
        for folder in ("images/train", "labels/train"):
            (tmp_path / folder).mkdir(parents=True)
        with_photo(tmp_path / "images/train")
        path, _ = write(yolo, RING, tmp_path / "labels/train")
        assert yolo.read(path)[0].rle[0] == RING.rle[0]

    def test_a_photo_on_its_side_has_its_upright_size(self, tmp_path):
        sideways = Image.new("RGB", (6, 8))
        exif = sideways.getexif()
        exif[0x0112] = 6
        sideways.save(tmp_path / "photo.jpg", exif=exif)
        path, _ = write(yolo, RING, tmp_path)
        assert yolo.read(path)[0].rle[0] == RING.rle[0]

    def test_without_a_photo_the_size_has_to_be_said(self, tmp_path):
        path, _ = write(yolo, RING, tmp_path)
        with pytest.raises(DataError, match="pass size_hw"):
            yolo.read(path)
        assert yolo.read(path, size_hw=(6, 8))[0].rle[0] == RING.rle[0]

    def test_lines_of_boxes_are_an_error(self, tmp_path):
        (with_photo(tmp_path) / "photo.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        with pytest.raises(DataError, match="boxes"):
            yolo.read(tmp_path / "photo.txt")

    def test_lines_that_are_no_outline_are_left_out_and_the_rest_is_read(self, tmp_path):
        (with_photo(tmp_path) / "photo.txt").write_text(
            "0 0.5 0.5 0.2 0.2\n0 0 0 1 0 1 1 0 1\n0 0 0 1 0 1\n0 0 0 x 0 1 1\n-1 0 0 1 0 1 1\n0 0 0 nan 0 1 1\n"
        )
        with pytest.warns(DataWarning, match=r"5 left out: lines of boxes without masks \(line 1\), lines that are no"):
            (one,) = yolo.read(tmp_path / "photo.txt")
        assert one.areas.tolist() == [48]

    @pytest.mark.parametrize("names", ["[tree, 'a house']", "{0: tree, 1: a house}"])
    def test_classes_have_the_names_of_the_data_set_s_table(self, names, tmp_path):
        for folder in ("images/train", "labels/train"):
            (tmp_path / folder).mkdir(parents=True)
        with_photo(tmp_path / "images/train")
        (tmp_path / "data.yaml").write_text(f"path: .\ntrain: images/train\nnames: {names}\n")
        (tmp_path / "labels/train/photo.txt").write_text("1 0 0 1 0 1 1 0 1\n0 0 0 1 0 1 1\n7 0 0 1 0 1 1\n")
        assert yolo.read(tmp_path / "labels/train/photo.txt")[0].labels == ("a house", "tree", "7")

    def test_classes_without_names_have_numbers(self, tmp_path):
        (with_photo(tmp_path) / "photo.txt").write_text("5 0 0 1 0 1 1 0 1\n\n")
        (one,) = yolo.read(tmp_path / "photo.txt")
        assert one.labels == ("5",) and one.areas.tolist() == [48]

    def test_the_number_that_predictions_end_with_is_their_score(self, tmp_path):
        (with_photo(tmp_path) / "photo.txt").write_text("0 0 0 1 0 1 1 0 1 0.75\n0 0 0 1 0 1 1 0 1\n")
        (instances,) = yolo.read(tmp_path / "photo.txt")
        assert instances.areas.tolist() == [48, 48] and instances.scores[0] == 0.75 and np.isnan(instances.scores[1])


class TestLabelme:
    def test_parts_share_a_group_and_a_whole_object_has_none(self, tmp_path):
        shapes = json.loads(write(labelme, RING, tmp_path)[0].read_text())["shapes"]
        assert [shape["group_id"] for shape in shapes] == [1, 1]
        nothing = named(np.eye(6, 8) == 2)
        assert json.loads(write(labelme, nothing, tmp_path)[0].read_text())["shapes"] == []

    def test_the_fields_are_those_that_labelme_asks_for(self, tmp_path):
        content = json.loads(write(labelme, RING, tmp_path)[0].read_text())
        assert {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"} == content.keys()
        assert (content["imagePath"], content["imageHeight"], content["imageWidth"]) == ("photo.jpg", 6, 8)
        for shape in content["shapes"]:
            assert shape["shape_type"] == "polygon" and isinstance(shape["label"], str)
            assert all(isinstance(number, float) for point in shape["points"] for number in point)

    def read(self, folder, *shapes):
        content = {"shapes": shapes, "imagePath": "..\\a\\photo.jpg", "imageHeight": 20, "imageWidth": 30}
        path = folder / "photo.json"
        path.write_text(json.dumps(content))
        (instances,) = labelme.read(path)
        assert instances.image_name == "../a/photo.jpg"
        return instances

    def test_every_shape_that_encloses_something_is_read(self, tmp_path):
        with pytest.warns(DataWarning, match=r"2 left out: shapes that enclose nothing \(shape 4, shape 5\)"):
            objects = self.read(
                tmp_path,
                {"label": "r", "shape_type": "rectangle", "points": [[8, 9], [2, 3]]},
                {"label": "c", "shape_type": "circle", "points": [[10, 10], [15, 10]]},
                {"label": "p", "points": [[0, 0], [4, 0], [4, 4], [0, 4]]},
                {"label": "line", "shape_type": "line", "points": [[0, 0], [4, 0]]},
                {"label": "point", "shape_type": "point", "points": [[0, 0]]},
            )
        assert objects.labels == ("r", "c", "p")
        assert objects.areas.tolist() == [36, pytest.approx(25 * np.pi, abs=4), 16]

    def test_labelme_s_own_masks_are_read(self, tmp_path):
        patch = np.eye(4, 3, dtype=bool)
        file = io.BytesIO()
        Image.fromarray(patch).save(file, format="PNG")
        encoded = base64.b64encode(file.getvalue()).decode()
        for left, top in ((5, 6), (-1, -2), (28, 18), (400, 400), (-400, 3)):
            shape = {"label": "m", "shape_type": "mask", "points": [[left, top], [left + 2, top + 3]], "mask": encoded}
            (one,) = self.read(tmp_path, shape)
            expected = {(top + y, left + x) for y, x in np.argwhere(patch)}
            inside = {(y, x) for y, x in expected if 0 <= y < 20 and 0 <= x < 30}
            assert set(map(tuple, np.argwhere(one.mask(0)).tolist())) == inside

    def test_shapes_of_one_group_are_one_object_only_if_the_label_is_the_same(self, tmp_path):
        square = [[0, 0], [4, 0], [4, 4], [0, 4]]
        shapes = [{"label": label, "points": square, "group_id": group} for label, group in ("a1", "a1", "b1", "a2")]
        assert self.read(tmp_path, *shapes).labels == ("a", "b", "a")

    @pytest.mark.parametrize(
        ("shape", "why"),
        [
            ({"label": "p", "points": [[0, 0], [4, float("nan")], [4, 4]]}, "points that are no numbers"),
            ({"label": "p", "points": [[0, 0], [4e9, 3], [4, 4]]}, "lead far out of their image"),
            ({"points": [[0, 0], [4, 3], [4, 4]]}, "damaged shapes"),
            ({"label": "m", "shape_type": "mask", "points": [[0, 0]], "mask": "no PNG"}, "damaged shapes"),
        ],
    )
    def test_a_damaged_shape_is_left_out_and_the_rest_is_read(self, shape, why, tmp_path):
        square = {"label": "a", "points": [[0, 0], [4, 0], [4, 4], [0, 4]]}
        with pytest.warns(DataWarning, match=rf"1 left out: .*{why} \(shape 1\)"):
            assert self.read(tmp_path, shape, square).labels == ("a",)

    def test_a_file_of_labelme_3_is_measured_by_its_image(self, tmp_path):
        shape = {"label": "a", "points": [[0, 0], [4, 0], [4, 4], [0, 4]], "line_color": None}
        (tmp_path / "a.json").write_text(
            json.dumps({"shapes": [shape], "imagePath": "..\\photos\\a.jpg", "imageData": None})
        )
        with pytest.raises(DataError, match="does not say how large its image is"):
            labelme.read(tmp_path / "a.json")
        Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg")
        (instances,) = labelme.read(tmp_path / "a.json")
        assert instances.image_size_hw == (20, 30) and instances.areas.tolist() == [16]

    def test_a_file_with_its_image_in_it_is_measured_by_that(self, tmp_path):
        file = io.BytesIO()
        Image.new("RGB", (30, 20)).save(file, format="PNG")
        content = {"shapes": [], "imagePath": "a.jpg", "imageData": base64.b64encode(file.getvalue()).decode()}
        (tmp_path / "a.json").write_text(json.dumps(content))
        assert labelme.read(tmp_path / "a.json")[0].image_size_hw == (20, 30)

    def test_a_score_and_a_group_of_any_kind(self, tmp_path):
        square = [[0, 0], [4, 0], [4, 4], [0, 4]]
        shapes = [{"label": "a", "points": square, "group_id": [1], "score": score} for score in (0.5, "x")]
        with pytest.warns(DataWarning, match=r"damaged shapes \(shape 2\)"):
            assert self.read(tmp_path, *shapes).scores.tolist() == [0.5]


class TestSvg:
    def test_a_path_is_filled_by_the_even_odd_rule_and_lies_on_the_photo(self, tmp_path):
        root = ElementTree.fromstring(write(svg, RING, tmp_path)[0].read_text())
        (path,) = root.iter("{http://www.w3.org/2000/svg}path")
        assert root.attrib["viewBox"] == "0 0 8 6"
        assert path.attrib["fill-rule"] == "evenodd"
        assert path.attrib["d"].count("M") == path.attrib["d"].count("Z") == 3
        assert path.find("{http://www.w3.org/2000/svg}title").text == "ring"

    @pytest.mark.parametrize("path", ["M0 0C1 1 2 2 3 3Z", "L1 1", "M0", "Q", "M0 0h3"])
    def test_a_path_that_cannot_be_read_is_an_error(self, path, tmp_path):
        file = tmp_path / "a.svg"
        file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><path d="{path}"/></svg>')
        with pytest.raises(DataError, match=r"a\.svg"):
            svg.read(file)

    def test_a_path_that_cannot_be_read_leaves_the_others(self, tmp_path):
        paths = '<path id="curve" d="M0 0C1 1 2 2 3 3Z"/><path d="M0 0H4V4H0Z"/>'
        file = tmp_path / "a.svg"
        file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6">{paths}</svg>')
        with pytest.warns(DataWarning, match=r"1 left out: paths with the command 'C'.* \(curve\)"):
            assert svg.read(file)[0].areas.tolist() == [16]

    def test_entities_that_could_fill_the_memory_are_refused(self, tmp_path):
        file = tmp_path / "a.svg"
        file.write_text('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>')
        with pytest.raises(DataError, match="entities"):
            svg.read(file)

    def test_letters_that_xml_forbids_are_left_out(self, tmp_path):
        instances = named(RING_AND_SPECK, labels="a\x00\x1fb")
        assert svg.read(write(svg, instances, tmp_path)[0])[0].labels == ("ab",)


class TestGeojson:
    def test_rings_are_closed_and_wind_as_the_standard_asks(self, tmp_path):
        (feature,) = json.loads(write(pixel_geojson, RING, tmp_path)[0].read_text())["features"]
        assert feature["geometry"]["type"] == "MultiPolygon"
        for exterior, *holes in feature["geometry"]["coordinates"]:
            for sign, rings in ((1, [exterior]), (-1, holes)):
                for ring in map(np.array, rings):
                    assert (ring[0] == ring[-1]).all()
                    x, y = ring.T
                    assert sign * (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0

    def test_one_part_is_a_polygon(self, tmp_path):
        instances = named(np.ones((6, 8), bool))
        (feature,) = json.loads(write(pixel_geojson, instances, tmp_path)[0].read_text())["features"]
        assert feature["geometry"] == {"type": "Polygon", "coordinates": [[[0, 0], [8, 0], [8, 6], [0, 6], [0, 0]]]}

    def test_a_file_of_others_needs_the_size_and_may_hold_other_things(self, tmp_path):
        square = [[[0.0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]
        features = [
            {"type": "Feature", "properties": None, "geometry": {"type": "Polygon", "coordinates": square}},
            {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
            {"type": "Feature", "properties": {}, "geometry": None},
        ]
        path = tmp_path / "a.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        with pytest.raises(DataError, match="pass size_hw"):
            pixel_geojson.read(path)
        with pytest.warns(DataWarning, match=r"2 left out: features without a polygon \(feature 2, feature 3\)"):
            (one,) = pixel_geojson.read(path, size_hw=(6, 8))[0]
        assert one.areas.tolist() == [16] and one.labels == ("object",)


def thin(kind):
    mask = np.zeros((60, 80), bool)
    y, x = np.indices(mask.shape)
    match kind:
        case "line":
            mask[20, 5:70] = True
        case "column":
            mask[5:50, 30] = True
        case "diagonal":
            mask = (x - y == 10) & (y > 5) & (y < 50) | (x - y == 11) & (y > 5) & (y < 50)
        case "ring":
            mask = np.abs(np.hypot(x - 40, y - 30) - 19) < 1
    return mask


@pytest.mark.parametrize("kind", ["line", "column", "diagonal", "ring"])
def test_thin_masks_are_themselves_to_labelme_supervision_and_ultralytics(kind, tmp_path):
    mask = thin(kind)
    points = [shape["points"] for shape in json.loads(write(labelme, named(mask), tmp_path)[0].read_text())["shapes"]]
    canvas = Image.new("L", (80, 60))
    for one in points:  # labelme.utils.shape_to_mask
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in one], outline=1, fill=1)
    assert np.array_equal(np.asarray(canvas) == 1, mask)
    shares = np.array(write(yolo, named(mask), tmp_path)[0].read_text().split()[1:], float).reshape(-1, 2)
    ring = (shares * (80, 60)).astype(np.float32)
    for whole in (ring.astype(np.int32), np.round(ring).astype(np.int32)):  # ultralytics; supervision
        read = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [whole], 1) == 1
        assert np.array_equal(read, mask)


@pytest.mark.parametrize("module", [yolo, labelme])
@pytest.mark.parametrize("corners", ["pixel_edges", "pixel_centres"])
def test_both_kinds_of_corners_are_read_as_the_same_mask(module, corners, tmp_path):
    instances = named(thin("ring"), RING_AND_SPECK_LARGE, labels=["ring", "speck"])
    with_photo(tmp_path, (60, 80))
    again = module.read(write(module, instances, tmp_path, corners=corners)[0])[0]
    assert np.array_equal(again.masks, instances.masks)


def test_pillow_fills_the_labelme_outline_of_a_ring_with_its_hole(tmp_path):
    """What labelme itself draws with; it also draws the line, so only pixels off the line are compared."""
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:50] = True
    mask[20:40, 20:40] = False
    (shape,) = json.loads(write(labelme, named(mask), tmp_path)[0].read_text())["shapes"]
    image = Image.new("L", (60, 60))
    ImageDraw.Draw(image).polygon([tuple(point) for point in shape["points"]], fill=1, outline=1)
    drawn = np.asarray(image) == 1
    assert drawn[12:18, 25:48].all() and not drawn[22:38, 22:38].any() and not drawn[:9].any()
