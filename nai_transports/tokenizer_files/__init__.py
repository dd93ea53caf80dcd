"""Tokenizer files: find them on this machine, or download and cache them.

The files are not part of this package, since their licences differ. `load` looks in these places, in this order:

1. the path or URL that the caller passes: a file, or a directory with a file of a known name;
2. the directory whose path or URL is in the environment variable ``NAI_TOKENIZER_DIR``;
3. the user's cache;
4. an installed ``novelai-api`` or ``novelai-python``, which is read without importing it;
5. a download into the cache: from that package's wheel in the package registry, else from NovelAI's website.

The wheel comes before the website because its SHA-256 is known, and its files give the same ids. Llama 3's file is an
exception: it numbers special tokens differently, so the table of tokenizers calls it a *substitute*. The website's own file
is looked for and downloaded first, and a substitute is used only if that fails. Its special tokens are corrected where the
table has them.

Files from the first two places are the caller's own and are used as they are. Files from the other places must have the
SHA-256 that is known, or that was recorded after the download: a damaged file in the cache is downloaded again. Files are
written to the cache completely or not at all.

All functions block: in a flow, use ``yield from compute(partial(load, "kayra-v1"))``.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

from .cache import cache_directory
from .finder import DIRECTORY_VARIABLE, find_file, load
from .progress import Progress
from .website import ORIGIN

__all__ = ["DIRECTORY_VARIABLE", "ORIGIN", "Progress", "cache_directory", "find_file", "load"]


def __dir__() -> list[str]:
    return __all__
