"""Names and classes: by the keyboard, in the list, for several objects at once."""

import pytest

CUP, SAUCER = (300, 60), (240, 330)


def keep(annotator, *, name: str, at: tuple[int, int] = CUP) -> None:
    """Make an object as the manual says: click, N, its name, Enter."""
    annotator.click(*at)
    annotator.press("n")
    annotator.page.keyboard.type(name)
    annotator.press("Enter")


def test_what_is_typed_after_n_is_the_name_whatever_shortcuts_its_letters_are(annotator):
    for name in ("leaf", "fox", "3 cups?"):
        keep(annotator, name=name)
    assert annotator.names == ["leaf", "fox", "3 cups?"]
    assert annotator.look("app.toolbox.name") == "click"
    assert annotator.look("app.store.image.status") == "todo"
    assert not annotator.page.locator("dialog[open]").count()


def test_a_click_into_the_name_selects_it_and_escape_leaves_it_as_it_was(annotator):
    keep(annotator, name="weed")
    annotator.click(*SAUCER)
    annotator.page.click("#draft-class")
    annotator.page.keyboard.type("cat")
    assert annotator.page.locator("#draft-class").input_value() == "cat"
    annotator.press("Escape")
    assert annotator.page.locator("#draft-class").input_value() == "weed"
    assert annotator.page.locator("#draft-bar").is_visible()
    annotator.page.click("#draft-class")
    annotator.page.keyboard.type("cat")
    annotator.press("Enter")
    assert annotator.names == ["weed", "cat"]


def test_classes_have_keys_for_the_draft_and_for_what_is_selected(annotator):
    keep(annotator, name="cup")
    keep(annotator, name="saucer", at=SAUCER)
    keys = dict(annotator.look("app.classes.list.map(({ name, key }) => [name, key])"))
    annotator.click(*CUP)
    annotator.press(keys["cup"])
    assert annotator.page.locator("#draft-class").input_value() == "cup"
    annotator.press("Enter")
    assert annotator.names == ["cup", "saucer", "cup"]
    annotator.press("j", keys["saucer"])
    assert annotator.names == ["saucer", "saucer", "cup"]
    annotator.press("Control+z")
    assert annotator.names == ["cup", "saucer", "cup"]


def test_thirty_classes_have_thirty_keys(annotator):
    keys = annotator.page.evaluate(
        """async () => {
            const { app } = await import("/web/main.js");
            const before = app.classes.list.length;
            for (let n = before; n < 30; n++) app.classes.add(`class ${n}`);
            return app.classes.list.map(({ key }) => key);
        }"""
    )
    assert len(set(keys)) == 30
    assert keys[:9] == [str(number) for number in range(1, 10)]
    assert "" not in keys
    table = annotator.look("app.keys.sections.flatMap(([, keys]) => keys).flatMap(({ keys }) => keys)")
    assert set(keys) <= set(table)


def test_a_click_on_a_row_selects_and_delete_deletes_the_object(annotator, site):
    keep(annotator, name="weed")
    annotator.page.locator("#objects .name").click()
    assert annotator.page.locator("#objects .object").get_attribute("aria-current") == "true"
    annotator.press("Delete")
    assert annotator.names == []
    assert site.client.annotations(annotator.look("app.store.image.id")) == []


@pytest.mark.parametrize("way", ["double click", "F2"])
def test_a_name_in_the_list_is_edited_by_a_double_click_or_f2(annotator, way):
    keep(annotator, name="weed")
    name = annotator.page.locator("#objects .name")
    if way == "F2":
        name.click()
        annotator.page.keyboard.press("F2")
    else:
        name.dblclick()
    annotator.page.keyboard.type("oak")
    annotator.press("Enter")
    assert annotator.names == ["oak"]
    annotator.press("j", "n")
    annotator.page.keyboard.type("never mind")
    annotator.press("Escape")
    assert annotator.names == ["oak"]


def test_several_objects_are_selected_renamed_and_deleted_in_one_step_each(annotator):
    for name in ("one", "two", "three"):
        keep(annotator, name=name)
    rows = annotator.page.locator("#objects .name")
    rows.nth(0).click()
    rows.nth(2).click(modifiers=["Shift"])
    assert annotator.look("app.store.selected.length") == 3
    rows.nth(1).click(modifiers=["Control"])
    annotator.press("F2")
    annotator.page.keyboard.type("tree")
    annotator.press("Enter")
    assert annotator.names == ["tree", "two", "tree"]
    annotator.press("Control+z")
    assert annotator.names == ["one", "two", "three"]
    annotator.press("j", "Shift+J", "Delete")
    assert len(annotator.names) == 1
    annotator.press("Control+z")
    assert annotator.names == ["one", "two", "three"], "each comes back to its place"
    annotator.press("Control+a", "Delete")
    assert annotator.names == []


def test_several_objects_are_selected_on_the_image(annotator):
    for row in (100, 200):
        annotator.press("p")
        annotator.drag((100, row), (200, row))
        annotator.press("Enter")
    annotator.press("v")
    annotator.click(150, 100)
    annotator.page.keyboard.down("Shift")
    annotator.click(150, 200)
    annotator.page.keyboard.up("Shift")
    assert annotator.look("app.store.selected.length") == 2
    annotator.press("o")
    assert annotator.look("app.store.objects.map(({ locked }) => locked)") == [True, True]
