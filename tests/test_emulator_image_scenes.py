"""The emulator's pictures show what their prompts say.

See:
    docs/protocol/image.md#54-v4-prompts-and-characters
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

import io
import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from nai_proto import image
from nai_proto.emulator.images.canvas import Canvas
from nai_proto.emulator.images.font import ADVANCE, LINE, iter_runs, to_ascii
from nai_proto.emulator.images.painting import paint
from nai_proto.emulator.images.scene import Scene, read_scene
from nai_proto.emulator.images.words import COLOURS, PARTS, SUBJECTS, TIMES, WEATHER
from nai_proto.emulator.seeded_random import SeededRandom
from nai_proto.testing import run_in_memory
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.support import with_token

from .protocol_data import DATA
from .support import an_emulator

SIZE: Final = (192, 256)
V45: Final = "nai-diffusion-4-5-full"


def draw(prompt: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw a prompt, and leave what it leaves open to the same random source."""
    canvas = Canvas(*size)
    paint(canvas, read_scene(prompt), "", SeededRandom("the same"))
    return Image.frombytes("RGB", size, canvas.to_pixels().data)


def generate(prompt: str, **options: Any) -> Image.Image:
    emulator, owner = an_emulator()
    given_options: dict[str, Any] = {"model": V45, "size": SIZE, "seed": 7, "steps": 2, "quality": "none", **options}
    made = run_in_memory(with_token(owner.persistent_token, image.generate(prompt, **given_options)), emulator)
    assert made.error is None, made.error
    return Image.open(io.BytesIO(made.result[0].data)).convert("RGB")


def count_colour(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    return sum(count for count, each in picture.getcolors(picture.width * picture.height) or [] if each == colour)


def find_colour(picture: Image.Image, colour: tuple[int, int, int]) -> tuple[float, float]:
    """Return the middle of all pixels of a colour, as parts of width and height."""
    difference = ImageChops.difference(picture, Image.new("RGB", picture.size, colour)).convert("L")
    box = difference.point(lambda value: 255 * (value == 0)).getbbox()
    assert box is not None
    left, top, right, bottom = box
    return (left + right) / 2 / picture.width, (top + bottom) / 2 / picture.height


def brightness(picture: Image.Image) -> float:
    return ImageStat.Stat(picture.convert("L")).mean[0]


# ---- words


KINDS: Final = {kind: word for word, kind in SUBJECTS.items()}
"""A word for each kind of subject."""


def test_every_kind_of_subject_is_drawn_and_looks_different() -> None:
    plain, made = draw("day"), {kind: draw(word) for kind, word in KINDS.items()}
    for kind, picture in made.items():
        changed = ImageChops.difference(picture, plain).convert("L").point(lambda value: 255 * (value > 8))
        assert ImageStat.Stat(changed).mean[0] > 2, kind
    assert len({picture.tobytes() for picture in made.values()}) == len(made)


@for_each("prompt", ["a girl in a {} dress", "{} cat", "a house, a {} car and a tree", "a dragon, {}"])
def test_a_colour_is_that_of_the_noun_it_belongs_to(prompt: str) -> None:
    plain = draw(prompt.format(""))
    for word in ("red", "green", "navy", "gold", "white", "black", "lavender"):
        assert count_colour(draw(prompt.format(word)), COLOURS[word]) > count_colour(plain, COLOURS[word]) + 150


@for_each(
    "part", ["wings", "cat ears", "glasses", "a hat", "a crown", "a red dress", "green boots", "blue hair", "red eyes"]
)
def test_a_person_has_the_parts_that_the_prompt_names(part: str) -> None:
    plain, made = draw("a girl"), draw(f"a girl with {part}")
    changed = ImageChops.difference(plain, made).convert("L").point(lambda value: value > 8)
    assert sum(changed.tobytes()) > (5 if "eyes" in part else 60)


@for_each("word", [word for word in COLOURS if word not in SUBJECTS])
def test_every_colour_is_known(word: str) -> None:
    assert read_scene(f"a {word} car").subjects[0].colours == {"body": COLOURS[word]}


@for_each(
    "prompt, expected",
    [
        ("1girl, green hair, red dress", {"hair": "green", "clothes": "red"}),
        ("1girl, red_dress, {{green_hair}}", {"hair": "green", "clothes": "red"}),
        ("a girl with green hair in a red dress", {"hair": "green", "clothes": "red"}),
        ("1.5::green hair::, girl, [red] dress", {"hair": "green", "clothes": "red"}),
        ("her hair is green and the dress is red", {"hair": "green", "clothes": "red"}),
        ("a blonde girl", {"hair": "blonde"}),
        ("a red girl", {"body": "red"}),
        ("a girl, red", {"body": "red"}),
    ],
)
def test_a_colour_belongs_to_the_nearest_noun(prompt: str, expected: dict[str, str]) -> None:
    (subject,) = read_scene(prompt).subjects
    assert subject.kind == "person"
    assert subject.colours == {part: COLOURS[word] for part, word in expected.items()}


def test_a_darker_and_a_lighter_shade_are_shades_of_the_colour() -> None:
    dark, plain, light = (draw(f"{shade} blue background") for shade in ("dark", "", "light"))
    assert brightness(dark) < brightness(plain) < brightness(light)


@for_each(
    "prompt, kinds",
    [
        ("2girls", {"person": 2}),
        ("1girl, 1boy", {"person": 2}),
        ("3 cats and a dog", {"cat": 3, "dog": 1}),
        ("two dragons", {"dragon": 2}),
        ("wolves", {"dog": 3}),
        ("a black cat, a white cat", {"cat": 2}),
        ("no humans, castle", {"castle": 1}),
        ("a city without cars", {"city": 1}),
        ("cat ears, long hair", {"person": 1}),
        ("very aesthetic, masterpiece, no text", {}),
    ],
)
def test_a_scene_has_as_many_of_each_kind_as_the_prompt_says(prompt: str, kinds: dict[str, int]) -> None:
    found: dict[str, int] = {}
    for subject in read_scene(prompt).subjects:
        found[subject.kind] = found.get(subject.kind, 0) + subject.count
    assert found == kinds


def test_the_time_of_day_is_in_the_light() -> None:
    night, sunset, day = (draw(f"a house, {time}") for time in ("night", "sunset", "noon"))
    assert brightness(night) < 0.6 * brightness(sunset) < brightness(day)
    red, _, blue = ImageStat.Stat(sunset.crop((0, 100, 192, 150))).mean
    assert red > blue
    assert draw("a house, moon").tobytes() != draw("a house").tobytes()


def test_the_sky_has_its_colour_and_each_weather_shows() -> None:
    red, green, _ = ImageStat.Stat(draw("red sky").crop((0, 0, 192, 60))).mean
    assert red > green + 80
    assert len({draw(word).tobytes() for word in ("a house", "rain", "snow", "fog", "cloudy")}) == 5


def test_words_to_draw_stand_on_a_board() -> None:
    assert read_scene("a cat., very aesthetic Text: Hello, World").text == "Hello, World"
    assert draw("a cat. Text: Hello").tobytes() != draw("a cat. Text: Hallo").tobytes() != draw("a cat.").tobytes()


WORDS: Final = st.sampled_from(
    [*SUBJECTS, *COLOURS, *PARTS, *TIMES, *WEATHER, "2", "no", ",", "{", "1.2::", "Text:", "ß"]
)


@settings(max_examples=scale_examples(60), deadline=None)
@given(st.lists(WORDS, max_size=30).map(" ".join) | st.text(), st.integers(1, 90), st.integers(1, 90), st.booleans())
def test_any_prompt_is_drawn_in_any_size(prompt: str, width: int, height: int, clear: bool) -> None:
    canvas = Canvas(width, height, clear=clear)
    paint(canvas, read_scene(prompt), prompt, SeededRandom(0))
    assert len(canvas.to_pixels().data) == (4 if clear else 3) * width * height


# ---- requests


def list_kinds(scene: Scene) -> list[str]:
    return [each.kind for each in scene.subjects]


def test_what_the_negative_prompt_names_is_not_drawn() -> None:
    scene = read_scene("a cat and a dog at night in the rain, girl with a hat")
    left = scene.without("lowres, {{dog}}, cats, night, rain, hat")
    assert list_kinds(left) == ["person"]
    assert (left.subjects[0].parts, left.time, left.weather) == (set(), "", set())
    red = COLOURS["red"]
    assert count_colour(generate("a red house and a cat", uc_preset="none"), red) > 500
    assert count_colour(generate("a red house and a cat", uc_preset="none", negative_prompt="house"), red) == 0


def test_no_preset_takes_away_what_a_prompt_names() -> None:
    presets = json.loads((DATA / "image_uc_presets.json").read_text())
    everything = read_scene(", ".join(SUBJECTS))

    def check(value: Any) -> int:
        if isinstance(value, dict):
            return sum(map(check, value.values()))
        if isinstance(value, list):
            return sum(map(check, value))
        if isinstance(value, str) and value.count(",") > 3:
            assert list_kinds(everything.without(value)) == list_kinds(everything)
            return 1
        return 0

    assert check(presets.get("models", presets)) > 5


@pytest.mark.parametrize("model", [V45, "nai-diffusion-4-full", "nai-diffusion-5-full"])
def test_a_character_stands_where_its_position_is(model: str) -> None:
    red, blue = COLOURS["red"], COLOURS["blue"]
    places = {"A3": (0.1, 0.5), "C3": (0.5, 0.5), "E3": (0.9, 0.5)}
    for one, other in (("A3", "E3"), ("E3", "A3"), ("C3", "A3")):
        characters = [
            image.Character("girl, red dress", position=one),
            image.Character("girl, blue dress", position=other),
        ]
        picture = generate("2girls", characters=characters, model=model)
        assert find_colour(picture, red)[0] == pytest.approx(places[one][0], abs=0.12)
        assert find_colour(picture, blue)[0] == pytest.approx(places[other][0], abs=0.12)
    tops = [
        find_colour(
            generate(
                "",
                model=model,
                characters=[image.Character("cat, red", position=at), image.Character("dog", position="E3")],
            ),
            red,
        )[1]
        for at in ("C1", "C3", "C5")
    ]
    assert tops == sorted({*tops})


def test_characters_are_those_persons_that_the_prompt_counts() -> None:
    picture = generate(
        "2girls, red dress", characters=[image.Character("girl, blue dress"), image.Character("boy, green shirt")]
    )
    assert count_colour(picture, COLOURS["red"]) == 0
    assert count_colour(picture, COLOURS["blue"]) > 300 < count_colour(picture, COLOURS["green"])


def test_inpainting_draws_the_prompt_into_the_mask() -> None:
    source = io.BytesIO()
    Image.new("RGB", SIZE, (9, 9, 9)).save(source, "PNG")
    mask = image.box_mask(*SIZE, [(96, 128, 192, 256)])
    picture = generate("a red house", image=source.getvalue(), mask=mask, size=None, extra={"color_correct": False})
    x, y = find_colour(picture, COLOURS["red"])
    assert (x > 0.5, y > 0.5) == (True, True)


# ---- captions


def read_line(picture: Image.Image, left: int, top: int, square: int) -> str:
    """Read a line of letters from a picture, as far as the font has them."""
    shapes = {frozenset(iter_runs(chr(code))): chr(code) for code in range(32, 127)}
    ink = picture.convert("L").point(lambda value: 255 * (value > 128))
    line = ""
    for start in range(left, picture.width - ADVANCE * square, ADVANCE * square):
        runs: set[tuple[int, int, int]] = set()
        for row in range(LINE - 1):
            lit = [ink.getpixel((start + (x * square), top + row * square)) == 255 for x in range(ADVANCE)]
            starts = [x for x in range(ADVANCE) if lit[x] and (x == 0 or not lit[x - 1])]
            runs |= {(x, row, next(n for n in range(1, ADVANCE + 1) if not [*lit, False][x + n])) for x in starts}
        line += shapes[frozenset(runs)]
    return line.rstrip()


@for_each(
    "size, square, shown",
    [
        ((832, 1216), 3, ["A quick brown fox jumps over the lazy dog:", "{0123456789} & ~|@#$%^*_+=<>?/\\ [x] ;"]),
        ((192, 256), 1, ["A quick brown fox jumps over", "the lazy dog: {0123456789} &..."]),
    ],
)
def test_a_caption_is_readable(size: tuple[int, int], square: int, shown: list[str]) -> None:
    prompt = "A quick brown fox jumps over the lazy dog: {0123456789} & ~|@#$%^*_+=<>?/\\ [x] ;"
    picture = generate(prompt, size=size)
    top = size[1] - (2 * LINE + 2) * square
    lines = [read_line(picture, 2 * square, top + (2 + at * LINE) * square, square) for at in range(2)]
    assert lines == shown


def test_letters_beyond_ascii_are_their_plain_forms_or_boxes() -> None:
    assert to_ascii("Café  Ångström\nﬁn") == "Cafe Angstrom fin"
    assert to_ascii("白鳥") == "\x7f\x7f"
    letters = [frozenset(iter_runs(chr(code))) for code in range(32, 128)]
    assert len({*letters}) == 96


def test_another_prompt_has_another_caption_even_where_no_word_is_known() -> None:
    assert generate("Zorbl").crop((0, 230, 192, 256)).tobytes() != generate("Zarbl").crop((0, 230, 192, 256)).tobytes()


# ---- previews


def test_previews_are_jpegs_in_which_the_picture_emerges_from_noise() -> None:
    emulator, owner = an_emulator()
    flow = image.generate_stream("a red house at night", model=V45, size=(256, 256), seed=7, steps=9)
    run = run_in_memory(with_token(owner.persistent_token, flow), emulator)
    final = Image.open(io.BytesIO(run.result[0].data)).convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
    distances: list[float] = []
    for event in run.events[:-1]:
        assert isinstance(event, image.PreviewStep)
        preview = Image.open(io.BytesIO(event.image))
        assert (preview.format, preview.size) == ("JPEG", (64, 64))
        distances.append(sum(ImageStat.Stat(ImageChops.difference(preview.convert("RGB"), final)).mean))
    assert len(distances) == 8
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < distances[0] / 3
