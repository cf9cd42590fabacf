"""The page on a screen of 390 x 844, with fingers."""

import pytest


def tap(phone, x: float, y: float) -> None:
    phone.page.touchscreen.tap(*phone.at(x, y))
    phone.settle()


def test_a_tap_makes_an_object_that_is_kept_and_named(phone, site):
    tap(phone, 300, 60)
    assert phone.draft.any()
    phone.page.locator("#draft-class").fill("cup")
    phone.page.locator("#draft-bar button.main").tap()
    phone.settle()
    [kept] = site.client.annotations(phone.look("app.store.image.id"))
    assert kept["class_name"] == "cup"
    assert phone.page.locator("#object-count").text_content() == "1"


def test_a_finger_takes_away_once_the_minus_is_pressed(phone):
    tap(phone, 300, 60)
    phone.page.locator("#subtracts").tap()
    tap(phone, 300, 70)
    assert phone.look("app.draftEditor.draft.labels") == [1, 0]


def test_two_fingers_zoom_about_their_middle_and_draw_nothing(phone):
    before = phone.look("app.viewport.scale")
    touch = phone.page.context.new_cdp_session(phone.page)
    x, y = phone.at(300, 200)

    def fingers(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if kind != "touchEnd" else []})

    fingers("touchStart", 20)
    for apart in (30, 40, 60):
        fingers("touchMove", apart)
    fingers("touchEnd", 60)
    assert phone.look("app.viewport.scale") == pytest.approx(3 * before, rel=0.2)
    assert phone.at(300, 200) == pytest.approx((x, y), abs=3)
    assert phone.look("app.draftEditor.draft.points") == []


def test_nothing_reaches_beyond_the_screen(phone):
    tap(phone, 300, 60)
    for sheet in ("settings", "objects", "gallery"):
        phone.page.locator(f"#show-{sheet}").tap()
        assert phone.page.locator(f"#{sheet}").is_visible()
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    beyond = phone.page.evaluate(
        """[...document.querySelectorAll("button, input, select")].filter((one) => {
            const { left, right, width } = one.getBoundingClientRect();
            return width > 1 && (left < 0 || right > innerWidth);
        }).map((one) => one.id || one.outerHTML)"""
    )
    assert beyond == []


def test_what_fingers_press_is_large_enough(phone):
    tap(phone, 300, 60)
    small = phone.page.evaluate(
        """[...document.querySelectorAll(".tools button, .bar button, .top > button")].filter((one) => {
            const { width, height } = one.getBoundingClientRect();
            return width && (width < 30 || height < 34);
        }).map((one) => one.id || one.title)"""
    )
    assert small == []
