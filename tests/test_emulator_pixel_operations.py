"""Operations on all bytes of an image at once give what a loop over its pixels gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nai_proto.codecs.pixels import Pixels, Plane
from nai_proto.emulator.images import pixel_operations, scaling

SIDES = st.integers(1, 9)


@st.composite
def planes(draw: st.DrawFn, count: int = 1) -> list[Plane]:
    width, height = draw(SIDES), draw(SIDES)
    area = width * height
    return [Plane(width, height, draw(st.binary(min_size=area, max_size=area))) for _ in range(count)]


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    width, height, channels = draw(SIDES), draw(SIDES), draw(st.sampled_from((3, 4)))
    size = width * height * channels
    return Pixels(width, height, draw(st.binary(min_size=size, max_size=size)))


def find_neighbours(plane: Plane, at: int) -> tuple[int, int]:
    """Return the pixels to the right and below; at an edge, the pixel itself."""
    x, y = at % plane.width, at // plane.width
    right = plane.data[at + (x + 1 < plane.width)]
    return right, plane.data[at + plane.width * (y + 1 < plane.height)]


def test_scaling_up_makes_squares() -> None:
    large = scaling.scale_up(Pixels(2, 2, bytes(range(12))), 3)
    assert (large.width, large.height) == (6, 6)
    assert large.data[:18] == bytes((0, 1, 2)) * 3 + bytes((3, 4, 5)) * 3
    assert large.data[-9:] == bytes((9, 10, 11)) * 3


@given(planes(), SIDES, SIDES)
def test_nearest_pixels_are_those_that_the_middle_of_a_new_pixel_is_in(
    operands: list[Plane], width: int, height: int
) -> None:
    (plane,) = operands
    made = scaling.pick_nearest(plane, width, height)
    for at, value in enumerate(made.data):
        x, y = (at % width + 0.5) * plane.width / width, (at // width + 0.5) * plane.height / height
        assert value == plane.data[int(x + 1e-9) + plane.width * int(y + 1e-9)]


@given(pictures(), st.integers(1, 25), st.integers(1, 25))
def test_resizing_is_the_linear_filter_of_pillow(picture: Pixels, width: int, height: int) -> None:
    made = scaling.resize(picture, width, height)
    assert (made.width, made.height, made.channels) == (width, height, picture.channels)
    for channel in range(picture.channels):
        own = Image.frombytes("L", (picture.width, picture.height), picture.data[channel :: picture.channels])
        expected = own.resize((width, height), Image.Resampling.BILINEAR).tobytes()
        assert max(abs(a - b) for a, b in zip(expected, made.data[channel :: picture.channels], strict=True)) <= 4


def test_an_image_that_shrinks_to_a_fortieth_keeps_its_brightness() -> None:
    stripes = Pixels(2000, 2, (b"\0\0\0" + b"\xc8\xc8\xc8") * 2000)
    assert all(abs(value - 100) <= 3 for value in scaling.resize(stripes, 50, 2).data)


@given(st.binary(min_size=1), st.data(), st.floats(0, 1), st.floats(0, 1))
def test_mixing_is_exact_at_its_ends_and_moves_every_byte_towards_the_upper_one(
    below: bytes, data: st.DataObject, share: float, more: float
) -> None:
    above = data.draw(st.binary(min_size=len(below), max_size=len(below)))
    share, more = sorted((share, more))
    assert pixel_operations.mix(below, above, 0) == below
    assert pixel_operations.mix(below, above, 1) == above
    less_mixed, more_mixed = (pixel_operations.mix(below, above, each) for each in (share, more))
    for low, high, less, further in zip(below, above, less_mixed, more_mixed, strict=True):
        assert abs(less - low) <= abs(further - low) <= abs(high - low)
        assert abs(less - (low + (high - low) * share)) <= 1


def test_merging_takes_the_upper_bytes_where_the_mask_is_set() -> None:
    assert pixel_operations.merge(b"abcd", b"efgh", b"\xff\0\xff\0") == b"ebgd"


@given(planes(2))
def test_average_rounds_down(operands: list[Plane]) -> None:
    a, b = operands
    assert pixel_operations.average(a, b).data == bytes((x + y) // 2 for x, y in zip(a.data, b.data, strict=True))


@given(planes())
def test_slopes_and_edges_compare_each_pixel_with_its_neighbours(operands: list[Plane]) -> None:
    (plane,) = operands
    pairs = [(value, *find_neighbours(plane, at)) for at, value in enumerate(plane.data)]
    across, down = pixel_operations.compute_slopes(plane)
    assert across.data == bytes(128 + value // 2 - right // 2 for value, right, _ in pairs)
    assert down.data == bytes(128 + value // 2 - below // 2 for value, _, below in pairs)
    steps = (abs(value // 2 - right // 2) + abs(value // 2 - below // 2) for value, right, below in pairs)
    assert [*pixel_operations.detect_edges(plane).data] == [min(254, step) for step in steps]


@given(planes(), st.integers(0, 3))
def test_smoothing_stays_between_the_darkest_and_the_lightest(operands: list[Plane], reach: int) -> None:
    (plane,) = operands
    smooth = pixel_operations.smooth(plane, reach)
    assert (smooth.width, smooth.height) == (plane.width, plane.height)
    assert min(plane.data) <= min(smooth.data)
    assert max(smooth.data) <= max(plane.data)
    assert reach or smooth == plane


@given(pictures())
def test_split_channels_can_be_joined_again(picture: Pixels) -> None:
    parts = pixel_operations.split_channels(picture)
    assert pixel_operations.join_channels(*parts).data == picture.rgb
    rgba = picture.with_alpha(b"\x05" * picture.area)
    assert pixel_operations.join_channels(*parts, Plane(picture.width, picture.height, b"\x05" * picture.area)) == rgba
    grey = pixel_operations.to_grey(picture)
    assert pixel_operations.join_channels(grey).data == bytes(value for value in grey.data for _ in range(3))
    light = (red // 4 + green // 2 + blue // 4 for red, green, blue in zip(*(part.data for part in parts), strict=True))
    assert grey.data == bytes(light)
    far = pixel_operations.measure_distance(picture, (9, 99, 200)).data
    pixels = zip(*(part.data for part in parts), strict=True)
    assert far == bytes(sum(min(85, abs(a - b)) for a, b in zip(each, (9, 99, 200), strict=True)) for each in pixels)


@given(st.binary())
def test_all_bytes_have_a_colour_that_is_neither_black_nor_white(words: bytes) -> None:
    assert pixel_operations.pick_colour(words) == pixel_operations.pick_colour(words)
    assert all(64 <= part < 192 for part in pixel_operations.pick_colour(words))
