"""The endpoint that suggests tags for images: about a hundred tags, with made-up counts.

See:
    docs/protocol/image.md#26-get-aigenerate-imagesuggest-tags
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...exchange.reply import Handler
from ...image.models import MODELS, suggest_model
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_json

__all__ = ["handlers"]

_MAX_SUGGESTIONS: Final = 10
_HIGHEST_COUNT: Final = 10_000
"""The count of the most frequent tag, and the power of a full match."""
_MODEL_IDS: Final = frozenset(model.id for model in MODELS)

_WORDS: Final = """
1girl 1boy solo 2girls 2boys multiple_girls group no_humans long_hair short_hair medium_hair very_long_hair ponytail
twintails braid bangs blonde_hair black_hair brown_hair white_hair silver_hair red_hair blue_hair green_hair pink_hair
purple_hair grey_hair blue_eyes green_eyes red_eyes brown_eyes purple_eyes yellow_eyes golden_eyes closed_eyes smile
open_mouth closed_mouth laughing crying blush looking_at_viewer looking_away from_above from_behind from_below
from_side portrait upper_body full_body cowboy_shot close-up standing sitting walking running lying sleeping reading
dancing flying hat straw_hat witch_hat hood glasses scarf gloves ribbon bow necklace earrings dress white_dress
black_dress skirt shirt white_shirt sweater jacket coat cloak kimono armor uniform boots shoes barefoot sword
bow_(weapon) shield staff book lantern umbrella cup flower rose sunflower cherry_blossoms tree forest grass leaf
mountain river lake ocean beach sea boat harbor ship lighthouse bridge road town city castle house tower window door
stairs sky cloud sun moon full_moon night_sky starry_sky sunset sunrise rain snow wind fog lightning day night indoors
outdoors landscape scenery garden ruins cat dog fox wolf horse rabbit bird owl swan crow fish whale dragon cat_ears
fox_ears wings feathers tail horns halo magic fire water ice monochrome sketch lineart watercolor oil_painting
pixel_art
"""
_TAGS: Final = tuple(word.replace("_", " ") for word in _WORDS.split())
"""The most frequent first."""

_JAPANESE: Final = (
    *(
        ("女の子", "1girl"),
        ("男の子", "1boy"),
        ("金髪", "blonde hair"),
        ("黒髪", "black hair"),
        ("銀髪", "silver hair"),
    ),
    *(("長い髪", "long hair"), ("青い目", "blue eyes"), ("笑顔", "smile"), ("帽子", "hat"), ("眼鏡", "glasses")),
    *(
        ("着物", "kimono"),
        ("剣", "sword"),
        ("花", "flower"),
        ("桜", "cherry blossoms"),
        ("森", "forest"),
        ("海", "ocean"),
    ),
    *(("空", "sky"), ("夜空", "night sky"), ("月", "moon"), ("満月", "full moon"), ("雨", "rain"), ("雪", "snow")),
    *(("猫", "cat"), ("猫耳", "cat ears"), ("犬", "dog"), ("狐", "fox"), ("白鳥", "swan"), ("竜", "dragon")),
)


def handlers() -> Mapping[str, EndpointHandler]:
    """Return the handlers by the names of the endpoint table."""
    return {"suggest_tags": _suggest}


def _suggest(context: RequestContext) -> Handler:
    query = dict(context.parameters.query)
    for name in ("model", "prompt"):
        if not query.get(name):
            raise Refused(400, f"Validation error: {name} is required")
    if query["model"] not in _MODEL_IDS:
        raise Refused(
            400,
            f"Validation error: model {query['model'][:60]} doesn't exist",
            reason=f"tags are suggested for image models{suggest_model(query['model']) or ', such as ' + MODELS[0].id}",
        )
    part = query["prompt"].strip().lower().replace("_", " ")
    if query.get("lang", "en") == "jp":
        found = [pair for pair in _JAPANESE if part in pair[0]]
        tags = [
            {"jp_tag": jp, "en_tag": en, "power": _HIGHEST_COUNT * len(part) // len(jp)}
            for jp, en in found[:_MAX_SUGGESTIONS]
        ]
        yield from send_json(context.endpoint.status, tags)
        return
    suggested = [
        {"tag": tag, "count": max(1, _HIGHEST_COUNT - 50 * place), "confidence": round(len(part) / len(tag), 2)}
        for place, tag in enumerate(_TAGS)
        if part in tag
    ]
    yield from send_json(context.endpoint.status, {"tags": suggested[:_MAX_SUGGESTIONS]})
