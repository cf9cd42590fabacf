"""The page's own masks beside the library's."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from hqsam.masks.rasterize import fill_even_odd
from hqsam.masks.rle import decode, encode

small = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
masks = some.tuples(some.integers(1, 24), some.integers(1, 24)).flatmap(lambda shape: arrays(bool, shape))


@pytest.fixture(scope="module")
def page(browser, site):
    """A blank page of the same server, for modules alone."""
    page = browser.new_page()
    page.goto(f"{site.address}/web/icon.svg")
    yield page
    page.close()


def run(page, body: str, *arguments):
    """What a function of the page's modules returns."""
    return page.evaluate(
        f"""async (given) => {{
            const [{{ decode, encode }}, {{ rings }}, {{ rasterizeStroke, rasterizePolygon }}] = await Promise.all(
                ["rle", "outline", "rasterize"].map((name) => import(`/web/masks/${{name}}.js`)));
            return ({body})(...given);
        }}""",
        list(arguments),
    )


@small
@given(masks)
def test_run_lengths_come_back_as_they_were(page, mask):
    rle = encode(mask)
    back, area = run(page, "(rle) => [encode(decode(rle)), decode(rle).area]", rle)
    assert back == rle
    assert area == mask.sum()


@small
@given(masks.flatmap(lambda one: some.tuples(some.just(one), arrays(bool, one.shape))))
def test_adding_and_taking_away_are_or_and_and_not(page, pair):
    one, other = pair
    plus, minus = run(
        page,
        "(a, b) => [encode(decode(a).union(decode(b))), encode(decode(a).subtract(decode(b)))]",
        encode(one),
        encode(other),
    )
    assert plus == encode(one | other)
    assert minus == encode(one & ~other)


@small
@given(masks)
def test_outlines_hold_the_masks_pixels_and_no_others(page, mask):
    found = run(page, "(rle) => rings(decode(rle))", encode(mask))
    corners = [np.array(ring, float).reshape(-1, 2) for ring in found]
    assert sum(map(area_of, corners)) == mask.sum()
    assert np.array_equal(fill_even_odd(corners, mask.shape), mask)
    for ring in corners:  # no corner that is none: sides turn by a right angle
        steps = np.roll(ring, -1, axis=0) - ring
        assert ((steps == 0).sum(axis=1) == 1).all()
        assert ((steps[:, 0] == 0) != (np.roll(steps, 1, axis=0)[:, 0] == 0)).all()


def area_of(ring: np.ndarray) -> float:
    """Holes run the other way and count as less than nothing."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def test_a_brush_of_one_pixel_paints_the_pixel_below_it(page):
    mask = np.zeros((9, 12), bool)
    mask[3, 7] = True
    assert run(page, "(w, h) => encode(rasterizeStroke(w, h, [[7.3, 3.8]], 0.5))", 12, 9) == encode(mask)


def test_a_brush_covers_the_pixels_whose_middles_it_passes(page):
    found = run(page, "(w, h) => encode(rasterizeStroke(w, h, [[10, 10], [30, 18]], 4))", 40, 30)
    y, x = np.mgrid[:30, :40] + 0.5
    along = np.clip(((x - 10) * 20 + (y - 10) * 8) / 464, 0, 1)
    far = np.hypot(x - 10 - 20 * along, y - 10 - 8 * along)
    covered = decode(found)
    assert covered[far < 3.95].all()
    assert not covered[far > 4].any()


def test_a_lasso_may_leave_the_image_and_cross_itself(page):
    found = run(page, "(w, h) => encode(rasterizePolygon(w, h, [[-5, -5], [6, -5], [6, 6], [-5, 6]]))", 10, 8)
    mask = np.zeros((8, 10), bool)
    mask[:6, :6] = True
    assert found == encode(mask)
    bow = run(page, "(w, h) => encode(rasterizePolygon(w, h, [[0, 0], [10, 8], [10, 0], [0, 8]]))", 10, 8)
    assert 0.4 < run(page, "(rle) => decode(rle).area", bow) / 80 < 0.6
