"""Operations on all bytes of an image at once give what a loop over its pixels gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.pixels import Pixels, Plane
from nai_proto.emulator.images import pixel_operations

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


def test_resampling_undoes_scaling_up() -> None:
    cells = Pixels(2, 2, bytes(range(12)))
    large = pixel_operations.scale_up(cells, 3)
    assert (large.width, large.height) == (6, 6)
    assert large.data[:18] == bytes((0, 1, 2)) * 3 + bytes((3, 4, 5)) * 3
    assert large.data[-9:] == bytes((9, 10, 11)) * 3
    assert pixel_operations.resample(large, 2, 2) == cells


def test_mix_never_overflows() -> None:
    every = bytes(range(256))
    for share in (0, 0.1, 1 / 3, 0.5, 0.7, 0.99, 1):
        for other in (0, 1, 127, 254, 255):
            made = pixel_operations.mix(every, bytes((other,)) * 256, share)
            assert all(
                abs(got - (byte * (1 - share) + other * share)) <= 1 for byte, got in zip(every, made, strict=True)
            )
    assert pixel_operations.merge(b"abcd", b"efgh", b"\xff\0\xff\0") == b"ebgd"
    assert pixel_operations.make_mask(Plane(2, 1, b"\x7f\x80"), 16, 8) == (bytes(32) + b"\xff" * 32) * 8


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
    far = pixel_operations.measure_corner_distance(picture).data
    assert far[0] == 0
    assert far == bytes(sum(min(85, abs(part.data[at] - part.data[0])) for part in parts) for at in range(picture.area))


@given(st.text())
def test_a_text_has_a_colour_that_is_neither_black_nor_white(words: str) -> None:
    assert pixel_operations.pick_colour(words) == pixel_operations.pick_colour(words)
    assert all(64 <= part < 192 for part in pixel_operations.pick_colour(words))
