"""Words of prompts that the emulator's pictures show: colours, subjects, what belongs to them, times of day and weather."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .canvas import Colour

__all__ = [
    "BEINGS",
    "COLOURS",
    "HAIR_COLOURS",
    "MEN",
    "NUMBERS",
    "PARTS",
    "PLURALS",
    "SHADES",
    "SUBJECTS",
    "TIMES",
    "WEATHER",
]


def _invert(table: Mapping[str, str]) -> dict[str, str]:
    """Return the key of each phrase; phrases are separated by commas."""
    return {phrase.strip(): key for key, phrases in table.items() for phrase in phrases.split(",")}


COLOURS: Final[Mapping[str, Colour]] = {
    "red": (214, 40, 40),
    "crimson": (190, 20, 50),
    "scarlet": (230, 45, 20),
    "maroon": (128, 20, 40),
    "orange": (245, 135, 30),
    "yellow": (250, 215, 50),
    "gold": (230, 180, 40),
    "golden": (230, 180, 40),
    "blonde": (245, 215, 120),
    "blond": (245, 215, 120),
    "beige": (230, 215, 180),
    "green": (50, 160, 70),
    "lime": (150, 220, 50),
    "olive": (125, 130, 50),
    "emerald": (20, 160, 110),
    "teal": (20, 140, 140),
    "turquoise": (60, 205, 195),
    "cyan": (40, 200, 225),
    "aqua": (60, 210, 220),
    "blue": (45, 95, 215),
    "azure": (60, 150, 240),
    "navy": (25, 35, 105),
    "indigo": (70, 50, 150),
    "purple": (135, 60, 175),
    "violet": (150, 90, 210),
    "lavender": (190, 170, 230),
    "magenta": (220, 50, 170),
    "pink": (250, 150, 185),
    "brown": (125, 80, 45),
    "brunette": (95, 60, 40),
    "ginger": (210, 105, 45),
    "redhead": (190, 70, 35),
    "black": (32, 30, 36),
    "white": (248, 248, 245),
    "grey": (140, 142, 148),
    "gray": (140, 142, 148),
    "silver": (195, 200, 210),
}
HAIR_COLOURS: Final = frozenset(("blonde", "blond", "brunette", "ginger", "redhead"))
"""Colours that a person has in the hair, and not in the clothes."""
SHADES: Final[Mapping[str, float]] = {"dark": -0.45, "deep": -0.3, "light": 0.45, "pale": 0.5, "bright": 0.15}
"""How far a colour is moved to white, or below 0 to black."""

SUBJECTS: Final = _invert(
    {
        "person": "person,girl,boy,woman,man,child,kid,lady,guy,human,people,women,men,children,girls,boys,princess,prince,"
        "queen,king,knight,witch,wizard,mage,maid,elf,angel,warrior,student,schoolgirl,idol,hero,heroine,samurai,ninja,"
        "pirate,nun,nurse,vampire,mother,father,mermaid,fairy,dancer,redhead,catgirl,cat girl,fox girl,dog girl",
        "cat": "cat,kitten,kitty,tiger,lion,leopard",
        "dog": "dog,puppy,wolf,wolves,fox,hound,corgi,husky,bear,horse,unicorn,deer,cow,sheep",
        "rabbit": "rabbit,bunny,hare,mouse,mice",
        "bird": "bird,swan,goose,geese,duck,owl,eagle,crow,raven,parrot,chicken,penguin,dove,phoenix",
        "fish": "fish,shark,whale,dolphin,salmon,goldfish",
        "dragon": "dragon,wyvern,dinosaur",
        "butterfly": "butterfly,butterflies,moth",
        "robot": "robot,android,mecha,cyborg",
        "tree": "tree,oak,pine,willow,palm tree,cherry tree",
        "flower": "flower,rose,tulip,sunflower,daisy,lily,lilies,cherry blossom,blossom",
        "mushroom": "mushroom,toadstool",
        "house": "house,home,cottage,hut,cabin,barn,village,villages,church,temple,shrine,school",
        "castle": "castle,palace,fortress",
        "tower": "tower,lighthouse,windmill",
        "ship": "ship,boat,sailboat,galleon,yacht",
        "car": "car,truck,bus,taxi,van",
        "sword": "sword,katana,blade,dagger,knife,knives",
        "book": "book,grimoire,tome",
        "heart": "heart",
        "apple": "apple,fruit,pumpkin,ball,cake",
        "sun": "sun",
        "moon": "moon,full moon,crescent moon",
        "star": "star,starry sky,night sky,starry night,galaxy",
        "cloud": "cloud,cloudy sky",
        "rainbow": "rainbow",
        "mountain": "mountain,hill,volcano,volcanoes,cliff",
        "sea": "sea,ocean,lake,river,beach,water,harbour,harbor,underwater",
        "forest": "forest,woods,jungle",
        "city": "city,cities,town,street,skyscraper,cityscape,skyline,buildings,building",
        "sign": "sign,signboard,billboard",
    }
)
"""Which subject a word stands for."""
MEN: Final = frozenset(
    ("boy", "boys", "man", "men", "guy", "prince", "king", "wizard", "knight", "knights", "samurai", "father")
)
"""Persons with short hair and trousers."""
BEINGS: Final = frozenset(("person", "cat", "dog", "rabbit", "bird", "fish", "dragon", "butterfly", "robot"))
"""Subjects that parts belong to."""

PARTS: Final = _invert(
    {
        "hair": "hair,bangs,ponytail,twintails,braid,braids,long hair,short hair,fur,mane,beard",
        "eyes": "eye,eyes",
        "clothes": "dress,shirt,t-shirt,tshirt,coat,jacket,clothes,clothing,uniform,school uniform,robe,kimono,suit,sweater,"
        "hoodie,armor,armour,cloak,cape,blouse,gown,swimsuit,bikini,outfit,scales,feathers,vest,apron",
        "legs": "skirt,pants,trousers,jeans,shorts,stockings,thighhighs,leggings,boots,shoes",
        "hat": "hat,cap,beret,witch hat,top hat",
        "crown": "crown,tiara",
        "ears": "ears,cat ears,animal ears,fox ears,dog ears,rabbit ears",
        "wings": "wings,wing",
        "glasses": "glasses,sunglasses,goggles",
        "skin": "skin",
        "sky": "sky",
        "ground": "ground,grass,field,meadow,floor,sand,desert,lawn",
        "background": "background,simple background",
    }
)
"""Which part of a being, or of the scene, a word stands for."""

TIMES: Final = _invert(
    {
        "night": "night,midnight,nighttime,moonlight,moonlit,starry,starry sky,night sky,starry night",
        "sunset": "sunset,dusk,evening,twilight,golden hour",
        "dawn": "dawn,sunrise,morning,daybreak",
        "day": "day,noon,daylight,daytime,sunny,sunlight,afternoon,midday",
    }
)
WEATHER: Final = _invert(
    {
        "rain": "rain,rainy,raining,storm,thunderstorm,stormy",
        "snow": "snow,snowy,snowing,winter,blizzard,snowfall",
        "fog": "fog,foggy,mist,misty",
        "clouds": "cloudy,overcast,cloudy sky",
    }
)
NUMBERS: Final[Mapping[str, int]] = {
    "two": 2,
    "pair": 2,
    "couple": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "several": 4,
    "many": 6,
    "multiple": 4,
    "group": 4,
    "crowd": 6,
}
PLURALS: Final = frozenset(("people", "women", "men", "children", "girls", "boys", "wolves", "mice", "geese", "knives"))
"""Plurals that do not just end with an s."""
