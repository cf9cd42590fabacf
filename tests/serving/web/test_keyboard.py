"""The page without a mouse."""

import re
from pathlib import Path

import numpy as np

from tests.serving.web.annotator import masks_in


def move(annotator, key: str, times: int) -> None:
    for _ in range(times):
        annotator.page.keyboard.press(key)


def test_from_the_photo_to_the_file_by_keys_alone(annotator):
    page = annotator.page
    page.focus("#canvas")
    move(annotator, "ArrowUp", 1)  # the pointer appears in the middle
    move(annotator, "ArrowUp", 12)
    annotator.until("app.hoverPreview.mask")
    annotator.press("Space")
    drawn = annotator.draft
    assert drawn.any()
    page.keyboard.press("Tab")  # to the bar: readings, class
    while page.evaluate("document.activeElement.id") != "draft-class":
        page.keyboard.press("Tab")
    page.keyboard.type("cup")
    annotator.press("Enter")
    assert annotator.names == ["cup"]
    annotator.press("x")
    name, data = annotator.download(lambda: page.keyboard.press("Enter"))
    assert np.array_equal(masks_in(name, data)[0], drawn)


def test_the_pointer_draws_while_the_space_bar_is_down(annotator):
    page = annotator.page
    page.focus("#canvas")
    annotator.press("b", "ArrowLeft")
    page.keyboard.down("Space")
    move(annotator, "ArrowRight", 8)
    move(annotator, "ArrowDown", 8)
    page.keyboard.up("Space")
    annotator.settle()
    x0, y0, x1, y1 = annotator.look("app.draftEditor.draft.box")
    assert x1 - x0 > 40
    assert y1 - y0 > 40


def test_the_space_bar_with_shift_takes_away(annotator):
    annotator.page.focus("#canvas")
    annotator.press("ArrowUp", "Space")
    annotator.press("ArrowUp")
    annotator.page.keyboard.down("Shift")
    annotator.press("Space")
    annotator.page.keyboard.up("Shift")
    assert annotator.look("app.draftEditor.draft.labels") == [1, 0]


def test_the_question_mark_shows_every_key_that_works(annotator):
    annotator.page.keyboard.press("?")
    shown = annotator.page.locator("#help-dialog").inner_text()
    table = annotator.look("app.keys.sections.flatMap(([, keys]) => keys)")
    assert len(table) > 25
    assert all(key["about"] in shown for key in table)
    annotator.page.keyboard.press("Escape")
    assert not annotator.page.locator("#help-dialog").is_visible()


def test_the_manual_has_the_same_keys_as_the_help(annotator):
    manual = (Path(__file__).parents[3] / "docs" / "annotator.md").read_text(encoding="utf-8")
    listed = [tuple(row) for row in re.findall(r"^\| `(.+)` \| (.+) \|$", manual, re.MULTILINE)]
    rows = "app.keys.sections.flatMap(([, rows]) => rows).map(({ show, about }) => [show, about])"
    assert listed == [tuple(row) for row in annotator.look(rows)]


def test_no_key_does_two_things(annotator):
    table = annotator.look("app.keys.sections.flatMap(([, keys]) => keys)")
    keys = [name for key in table for name in key["keys"]]
    assert len(keys) == len(set(keys))


def test_typing_a_name_works_no_tool(annotator):
    annotator.click(300, 60)
    annotator.page.focus("#draft-class")
    annotator.page.keyboard.press("Control+a")
    annotator.page.keyboard.type("blue spoon?")
    assert annotator.look("app.toolbox.name") == "click"
    assert annotator.page.locator("#draft-class").input_value() == "blue spoon?"
    assert not annotator.page.locator("#help-dialog").is_visible()


def test_what_has_the_focus_is_seen(annotator):
    page = annotator.page
    for _ in range(14):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            """() => {
                const focused = document.activeElement;
                const seen = focused.matches(".segments input") ? focused.nextElementSibling : focused;
                return [focused.id || focused.className, getComputedStyle(seen).outlineWidth];
            }"""
        )
        assert outline[1] in ("2px", "3px"), outline
