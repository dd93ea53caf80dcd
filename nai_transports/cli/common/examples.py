"""The examples of the help pages, by command.

Each is a line for a shell that works as it stands, for a person whose account is in the environment, and who has the files
and the stories that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["EXAMPLES"]

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    # ---- write
    "generate": (
        'nai generate "The keeper lit the lamp, and"',
        'nai generate "The keeper lit the lamp, and" --preset Carefree --max-tokens 60',
        "nai generate --file opening.txt --set top_p=0.9 --number 2",
    ),
    "chat": (
        'nai chat "Name three lighthouses."',
        "nai chat --save talk.json",
        "nai chat --load talk.json",
    ),
    "complete": (
        'nai complete "The keeper lit the lamp, and" --max-tokens 40',
        'nai complete "The keeper" --seed 7 --stop "."',
    ),
    "story": (
        "nai story list",
        'nai story show "The Quiet Harbour"',
        'nai story continue "The Quiet Harbour"',
    ),
    "story list": (
        "nai story list",
        "nai story list --json",
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
        'nai story continue "The Quiet Harbour" --max-tokens 60',
        'nai story continue "The Quiet Harbour" --no-store --json',
    ),
    "story create": (
        'nai story create "The Lighthouse" --text "The lamp went out at nine."',
        'nai story create "Notes" --file notes.txt --memory "A small harbour town."',
    ),
    "story import": (
        "nai story import draft.story notes.txt",
        "nai story import quest.scenario --answer hero=Mira",
        'nai story import harbour.lorebook --into "The Quiet Harbour"',
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
    "lorebook": (
        'nai lorebook test harbour.lorebook --text "The keeper rang the bell."',
        'nai lorebook test "The Quiet Harbour"',
    ),
    "lorebook test": (
        'nai lorebook test harbour.lorebook --text "The keeper rang the bell."',
        'nai lorebook test "The Quiet Harbour"',
    ),
    "presets": (
        "nai presets list --model kayra",
        "nai presets show Carefree --model kayra",
    ),
    "presets list": (
        "nai presets list",
        "nai presets list --model erato --json",
    ),
    "presets show": (
        "nai presets show Carefree --model kayra",
        "nai presets show Carefree --model kayra --json > mine.preset",
    ),
    "module": (
        "nai module train notes.txt --name Notes --steps 100 --learning-rate 0.001",
        "nai module list",
    ),
    "module train": (
        "nai module train notes.txt --name Notes --steps 100 --learning-rate 0.001",
        "nai module train notes.txt --name Notes --steps 50 --learning-rate 1e-4 --wait",
    ),
    "module list": (
        "nai module list",
        "nai module list --json",
    ),
    "module show": (
        "nai module show 1f0c2a",
        "nai module show 1f0c2a --json",
    ),
    "module save": (
        "nai module save 1f0c2a",
        "nai module save 1f0c2a --timeout 20",
    ),
    "module delete": (
        "nai module delete 1f0c2a",
        "nai module delete 1f0c2a --yes",
    ),
    "module buy-steps": (
        "nai module buy-steps 2000",
        "nai module buy-steps 2000 --yes",
    ),
    "speak": (
        'nai speak "The lamp went out at nine."',
        'nai speak "The lamp went out." --voice Aini --opus -o lamp.webm',
        'nai speak "The lamp went out." --seed "an old keeper"',
    ),
    # ---- pictures
    "image": (
        'nai image "a lighthouse at dusk, sea" --size landscape',
        'nai image "a lighthouse at dusk" --number 3 --model "V4.5 Full" --price',
        'nai image "a lighthouse in fog" --image picture.png --strength 0.6 -o fog/',
    ),
    "director": (
        "nai director lineart picture.png",
        "nai director emotion picture.png --emotion happy --prompt smile -o happy.png",
    ),
    "upscale": (
        "nai upscale picture.png --price",
        "nai upscale picture.png --yes",
        "nai upscale picture.png --max-anlas 1 --yes -o large.jpg",
    ),
    "vibe": (
        'nai vibe picture.png --model "V4.5 Full" --yes',
        "nai vibe picture.png --information 0.5 --yes -o soft.naiv4vibe",
    ),
    "image-info": (
        "nai image-info picture.png",
        "nai image-info picture.png --json",
    ),
    "tags": (
        "nai tags cat",
        "nai tags 猫 --lang jp",
    ),
    # ---- library
    "library": (
        "nai library list",
        "nai library backup backups",
        'nai library show "The Quiet Harbour"',
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
    # ---- account
    "login": (
        "nai login --email writer@example.com --keep password",
        "nai login --with-token < token.txt",
        "nai login --profile work --email writer@example.com --keep token",
    ),
    "logout": (
        "nai logout",
        "nai logout --profile work",
    ),
    "whoami": (
        "nai whoami",
        "nai whoami --json",
    ),
    "account": (
        "nai account",
        "nai account gift-keys",
        "nai account change-password",
    ),
    "account show": (
        "nai account show",
        "nai account show --json",
    ),
    "account priority": (
        "nai account priority",
        "nai account priority --json",
    ),
    "account settings": (
        "nai account settings",
        "nai account settings > settings.json",
    ),
    "account gift-keys": (
        "nai account gift-keys",
        "nai account gift-keys --json",
    ),
    "account change-password": (
        "nai account change-password",
        "nai account change-password --email writer@example.com",
    ),
    "account verify": (
        "nai account verify",
        "nai account verify --email writer@example.com",
    ),
    "account delete": (
        "nai account delete",
        "nai account delete --email writer@example.com",
    ),
    "subscription": (
        "nai subscription",
        "nai subscription --json",
    ),
    "access-key": (
        "nai access-key",
        "nai access-key writer@example.com --json",
    ),
    "access-token": (
        "nai access-token",
        "nai access-token writer@example.com --persistent --overwrite",
    ),
    # ---- tools
    "models": (
        "nai models",
        "nai models kayra",
        "nai models --json",
    ),
    "tokens": (
        'nai tokens count "The keeper lit the lamp."',
        'nai tokens encode "The keeper lit the lamp." --model erato',
    ),
    "tokens encode": (
        'nai tokens encode "The keeper lit the lamp."',
        "nai tokens encode --file opening.txt --model erato",
    ),
    "tokens decode": (
        "nai tokens decode 3 4 5",
        "nai tokens decode [3,4,5] --model erato",
    ),
    "tokens count": (
        'nai tokens count "The keeper lit the lamp."',
        "nai tokens count --file opening.txt",
        "nai tokens count --model glm-4-6 --remote < opening.txt",
    ),
    "decode": (
        "nai decode kayra-v1 AwAEAA==",
        "nai decode llama-3-erato-v1 AwAAAAQAAAA=",
    ),
    "health": (
        "nai health",
        "nai health --json",
    ),
    "doctor": (
        "nai doctor",
        "nai doctor --json",
    ),
    "completion": (
        "nai completion bash",
        "nai completion fish",
    ),
    # ---- develop
    "demo": (
        "nai demo",
        "nai demo --json",
    ),
    "emulate": (
        "nai emulate",
        "nai emulate --port 8901 --console --tier scroll",
        "nai emulate -- nai library list",
    ),
    "record": (
        "nai record session.jsonl",
        "nai record session.jsonl --contents --port 8902",
        "nai record session.jsonl -- nai subscription",
    ),
    "replay": (
        "nai replay session.jsonl",
        "nai replay session.jsonl --as-recorded --port 8903",
        "nai replay session.jsonl -- nai subscription",
    ),
}
