"""The examples of the help pages, by command. Each is a command line that works as it is with the account's environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["EXAMPLES"]

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "generate": (
        'nai generate "The keeper lit the lamp, and"',
        'nai generate "The keeper lit the lamp, and" --preset Carefree --max-length 60',
        "nai generate --file opening.txt --set top_p=0.9 --number 2",
    ),
    "chat": (
        'nai chat "Name three lighthouses."',
        "nai chat --save talk.json",
        "nai chat --continue",
    ),
    "complete": (
        'nai complete "The keeper lit the lamp, and" --max-tokens 40',
        'nai complete "The keeper" --seed 7 --stop "."',
    ),
    "models": (
        "nai models",
        "nai models --json",
    ),
    "story show": (
        'nai story show "The Quiet Harbour"',
        "nai story show draft.story --text",
    ),
    "story tree": (
        'nai story tree "The Quiet Harbour"',
        'nai story tree "The Quiet Harbour" --json',
    ),
    "story export": (
        'nai story export "The Quiet Harbour" -o harbour.epub --author Mira',
        'nai story export "The Quiet Harbour" --format txt -o -',
    ),
    "story context": (
        'nai story context "The Quiet Harbour"',
        'nai story context "The Quiet Harbour" --tier tablet --text',
    ),
    "story continue": (
        'nai story continue "The Quiet Harbour" --max-length 60',
        'nai story continue "The Quiet Harbour" --no-store --json',
    ),
    "story create": (
        'nai story create "The Lighthouse" --text "The lamp went out at nine."',
        'nai story create "Notes" --file notes.txt --memory "A small harbour town."',
    ),
    "story import": (
        "nai story import draft.story notes.txt",
        "nai story import quest.scenario --answer hero=Mira",
        'nai story import places.lorebook --into "The Quiet Harbour"',
    ),
    "story append": (
        'nai story append "The Quiet Harbour" " The tide turned."',
        'nai story append "The Quiet Harbour" --file notes.txt',
    ),
    "story undo": (
        'nai story undo "The Quiet Harbour"',
        'nai story undo "The Quiet Harbour" --json',
    ),
    "story redo": (
        'nai story redo "The Quiet Harbour"',
        'nai story redo "The Quiet Harbour" --json',
    ),
    "story rename": (
        'nai story rename "Letters to the Moon" "Letters to the Sea"',
        'nai story rename "The Quiet" "The Loud Harbour" --json',
    ),
    "story delete": (
        'nai story delete "Letters to the Moon" --yes',
        'nai story delete "The Quiet Harbour" --backup backups --yes',
    ),
    "lorebook": ('nai lorebook test places.lorebook --text "The boats came in."',),
    "lorebook test": (
        'nai lorebook test places.lorebook --text "The boats came in."',
        'nai lorebook test "The Quiet Harbour"',
    ),
    "library list": (
        "nai library list",
        "nai library list --json",
    ),
    "library show": (
        'nai library show "The Quiet Harbour"',
        'nai library show "The Quiet" --text',
    ),
    "library export": (
        "nai library export exported",
        'nai library export exported --only "The Quiet Harbour" --force',
    ),
    "library import": (
        "nai library import exported --dry-run",
        "nai library import draft.story notes.txt --yes",
    ),
    "library backup": (
        "nai library backup backups",
        "nai library backup backups --json",
    ),
    "library verify": (
        "nai library verify backups",
        "nai library verify backups --json",
    ),
    "library restore": (
        "nai library restore backups --dry-run",
        'nai library restore backups "The Quiet Harbour" --yes',
        "nai library restore backups --run 1 --dry-run",
    ),
    "sanity-check": (
        "nai sanity-check",
        "nai sanity-check --json",
    ),
    "image": (
        'nai image "a lighthouse at dusk, sea" --size landscape',
        'nai image "a lighthouse at dusk" --number 3 --model "V4.5 Full" --price',
        'nai image "a lighthouse in fog" --image sea.png --strength 0.6 -o fog/',
    ),
    "director": (
        "nai director lineart sea.png",
        "nai director emotion sea.png --emotion happy --prompt smile -o happy.png",
    ),
    "upscale": (
        "nai upscale sea.png --yes",
        "nai upscale sea.png --max-anlas 1 --yes -o large.jpg",
    ),
    "vibe": (
        'nai vibe sea.png --model "V4.5 Full" --yes',
        "nai vibe sea.png --information 0.5 --yes -o soft.naiv4vibe",
    ),
    "image-info": (
        "nai image-info sea.png",
        "nai image-info sea.png --json",
    ),
    "tags": (
        "nai tags cat",
        "nai tags 猫 --lang jp",
    ),
    "speak": (
        'nai speak "The lamp went out at nine."',
        'nai speak "The lamp went out." --voice Aini --opus -o lamp.webm',
    ),
    "demo": (
        "nai demo",
        "nai demo --json",
    ),
    "login": (
        "nai login",
        "nai login --profile work --email mira@example.com",
        "nai login --with-token < token.txt",
    ),
    "logout": (
        "nai logout",
        "nai logout --profile work",
    ),
    "whoami": (
        "nai whoami",
        "nai whoami --json",
    ),
    "doctor": (
        "nai doctor",
        "nai doctor --json",
    ),
    "completion": (
        "nai completion bash",
        "nai completion fish",
    ),
    "health": (
        "nai health",
        "nai health --json",
    ),
}
