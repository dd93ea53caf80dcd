"""Sanity check of a library: it finds what the existing command finds, and more.

See docs/protocol/content.md#9-sanity-check-of-the-existing-command-line.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.keystore import Keystore
from nai_proto.codecs.msgpackr import Value, packb
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject, open_object, seal_object
from nai_proto.errors import StatusError
from nai_proto.library import (
    Finding,
    FindingKind,
    Library,
    SanityReport,
    Severity,
    Suspicion,
    TypeCount,
    check,
    link_stories,
)
from nai_proto.library.story_problems import find_document_problem, find_history_problem, find_text_problem
from nai_proto.limits import Limits
from nai_proto.objects import TYPES
from tests.cases import for_each
from tests.protocol_data import DATA
from tests.test_document_check import document as a_document

VECTORS = json.loads((DATA / "content_vectors.json").read_text())["vectors"]
SANITY = [vector for vector in VECTORS if vector["kind"] == "sanity_check"]


def packed(document: Value) -> str:
    return binascii.b2a_base64(packb(document), newline=False).decode()


DOCUMENT = packed(a_document())
STORY = {
    "fragments": [{"data": "Once", "origin": "user"}],
    "datablocks": [{"nextBlock": [1], "prevBlock": -1}, {"nextBlock": [], "prevBlock": 0}],
    "currentBlock": 1,
}
K = FindingKind


def item(type: str, id: str, meta: str | None, content: Mapping[str, Any] | None) -> OpenedObject:  # noqa: A002
    """Return an object that opened; with None as its content, one that did not."""
    stored = StoredObject(id=id, type=type, meta=meta, data="?")
    if content is None:
        return OpenedObject(stored, OpenedState.DAMAGED, "bad base64", "object: base64 was expected")
    return OpenedObject(stored, OpenedState.OPENED, source=json.dumps(content).encode())


def card(named: str, meta: str, content: str, **more: Any) -> OpenedObject:
    return item("stories", named, meta, {"id": meta, "remoteId": named, "remoteStoryId": content, **more})


def content(named: str, meta: str, **more: Any) -> OpenedObject:
    return item("storycontent", named, meta, {"story": STORY, **more})


def library(*items: OpenedObject, **more: Any) -> Library:
    """Return a library of these objects, with a key for each meta."""
    by_type = {type_: [each for each in items if each.stored.type == type_] for type_ in TYPES}
    stories, orphans = link_stories(by_type.pop("stories"), by_type.pop("storycontent"))
    keys = {each.stored.meta: bytes(32) for each in items if each.stored.meta}
    others = {type_: tuple(kinds_and_ids) for type_, kinds_and_ids in by_type.items()}
    return replace(Library(Keystore(keys), stories, orphans, others), **more)


def kinds_and_ids(report: SanityReport) -> list[tuple[FindingKind, str]]:
    return [(finding.kind, finding.id) for finding in report.findings]


SOUND = (card("s1", "m1", "c1"), content("c1", "m1"), card("s2", "m2", "c2"), content("c2", "m2", document=DOCUMENT))


def test_a_consistent_library_has_no_findings() -> None:
    report = check(library(*SOUND, item("presets", "p", "", {}), item("shelf", "f", "", {"id": "m3"})))
    assert report.findings == ()
    assert report.is_clean
    assert report.keys == 2
    counts = {"stories": (2, 2), "storycontent": (2, 2), "aimodules": (0, 0), "presets": (1, 1), "shelf": (1, 1)}
    assert report.counts == tuple(TypeCount(each, *counts.get(each, (0, 0))) for each in TYPES)


# ---- findings of the existing command


@for_each("vector", SANITY, ids=lambda vector: vector["id"])
def test_the_vectors_have_their_expected_findings(vector: dict[str, Any]) -> None:
    contents = {each["meta"]: each["id"] for each in vector["items"]["storycontent"]}
    items: list[OpenedObject] = []
    for type_, listed in vector["items"].items():
        for each in listed:
            inside: dict[str, Any] = {"story": STORY} if type_ == "storycontent" else {"id": each["meta"]}
            inside |= {"remoteId": each["id"], "remoteStoryId": contents.get(each["meta"])}
            items.append(item(type_, each["id"], each["meta"], inside if each["decrypted"] else None))
    report, expected = check(library(*items)), vector["expected"]
    named = [(finding.type, finding.id) for finding in report.of(K.NOT_OPENED)]
    assert named == [(each["type"], each["id"]) for each in expected["not_decrypted"]]
    named = [(finding.type, finding.id) for finding in report.of(K.CONTENT_WITHOUT_STORY)]
    assert named == [(each["type"], each["id"]) for each in expected["content_without_story"]]
    groups = [
        (finding.meta, [(finding.type, finding.id), *((each.type, each.id) for each in finding.others)])
        for finding in report.of(K.SHARED_META)
    ]
    assert groups == [
        (group["meta"], [(each["type"], each["id"]) for each in group["items"]]) for group in expected["duplicate_meta"]
    ]
    lost = [each for each in items if each.stored.type == "stories" and each.stored.meta not in contents]
    assert [finding.id for finding in report.of(K.STORY_WITHOUT_CONTENT)] == [each.stored.id for each in lost]


@st.composite
def libraries(draw: st.DrawFn) -> Library:
    """Draw a library whose objects share a few metas and ids."""
    metas, ids = st.sampled_from([None, "", "m1", "m2", "m3"]), st.sampled_from(["a", "b", "c", "d", "e"])
    inside = st.none() | st.fixed_dictionaries(
        {},
        optional={"id": metas, "remoteId": st.none() | ids, "remoteStoryId": st.none() | ids, "story": st.just(STORY)},
    )
    items = draw(st.lists(st.builds(item, st.sampled_from(TYPES), ids, metas, inside), max_size=8))
    return library(*items)


@given(libraries())
def test_everything_that_the_existing_command_finds_is_found(checked: Library) -> None:
    report, items = check(checked), [*checked.items]
    named = {(finding.kind, name) for finding in report.findings for name in names_of(finding)}
    for each in items:
        name = (each.stored.type, each.stored.id, each.stored.meta)
        assert each.ok or (K.NOT_OPENED, name) in named
    stories = {each.stored.meta for each in items if each.stored.type == "stories"}
    for each in items:
        name = (each.stored.type, each.stored.id, each.stored.meta)
        if each.stored.type == "storycontent" and each.stored.meta not in stories:
            assert {(K.CONTENT_WITHOUT_STORY, name), (K.METAS_DIFFER, name)} & named
    shared = {finding.meta: sorted(names_of(finding), key=str) for finding in report.of(K.SHARED_META)}
    groups: dict[str, list[Any]] = {}
    for each in items:
        groups.setdefault(each.stored.meta or "", []).append((each.stored.type, each.stored.id, each.stored.meta))
    for meta, group in groups.items():
        normal = len(group) < 2 or sorted(type_ for type_, _, _ in group) == ["stories", "storycontent"]
        assert shared.get(meta) == (None if normal or not meta else sorted(group, key=str))


def names_of(finding: Finding) -> list[tuple[str, str, str | None]]:
    return [(finding.type, finding.id, finding.meta), *((each.type, each.id, each.meta) for each in finding.others)]


# ---- further findings


@for_each(
    "items, expected",
    [
        ([card("s", "m", "c", id="other"), content("c", "m")], [(K.WRONG_ID, "s")]),
        ([item("shelf", "f", "m", {"id": "other"})], [(K.WRONG_ID, "f"), (K.UNUSED_KEY, "")]),
        ([item("shelf", "f", "", {"id": "other"})], []),
        ([card("s", "m", "c", remoteId="gone"), content("c", "m")], [(K.WRONG_REMOTE_ID, "s")]),
        ([card("s", "m", "c", remoteId="c"), content("c", "m")], [(K.WRONG_REMOTE_ID, "s")]),
        ([card("s", "m", "c", remoteId=None), content("c", "m")], [(K.WRONG_REMOTE_ID, "s")]),
        ([card("s", "m", "gone"), content("c", "m")], [(K.WRONG_REMOTE_STORY_ID, "s")]),
        ([card("s", "m", "s"), content("c", "m")], [(K.WRONG_REMOTE_STORY_ID, "s")]),
        ([card("s", "m", "c", remoteStoryId=[]), content("c", "m")], [(K.WRONG_REMOTE_STORY_ID, "s")]),
        ([card("s", "m", "c"), content("c", "n")], [(K.METAS_DIFFER, "s")]),
        (
            [card("s", "m", "c"), content("c", "n"), content("d", "m")],
            [(K.CONTENT_WITHOUT_STORY, "d"), (K.METAS_DIFFER, "s"), (K.WRONG_REMOTE_STORY_ID, "s")],
        ),
        ([card("s", "m", "c")], [(K.STORY_WITHOUT_CONTENT, "s"), (K.WRONG_REMOTE_STORY_ID, "s")]),
        ([content("c", "m")], [(K.CONTENT_WITHOUT_STORY, "c")]),
        ([card("s", "m", "c"), content("c", "m", story=None)], [(K.NO_TEXT, "c")]),
        ([card("s", "m", "c"), content("c", "m", document="?")], [(K.UNREADABLE_DOCUMENT, "c")]),
        ([card("s", "m", "c"), content("c", "m", story=[])], [(K.BROKEN_TEXT, "c"), (K.BROKEN_HISTORY, "c")]),
        ([card("s", "m", "c"), content("c", "m", story={"fragments": []})], [(K.BROKEN_HISTORY, "c")]),
        ([card("s", "m", "c"), content("c", "m", story=STORY, lorebook={"entries": {}})], [(K.UNREAD_FIELD, "c")]),
        ([card("s", "m", "c"), item("storycontent", "c", "m", None)], [(K.NOT_OPENED, "c")]),
    ],
)
def test_each_problem_is_found(items: Iterable[OpenedObject], expected: list[tuple[FindingKind, str]]) -> None:
    assert kinds_and_ids(check(library(*items))) == expected


def test_a_field_that_is_not_read_is_named_and_not_quoted() -> None:
    broken = content("c", "m", story=STORY, lorebook={"entries": [{"keys": "SECRET"}, 5]})
    (finding,) = check(library(card("s", "m", "c"), broken)).findings
    assert finding.sentence == (
        "A field is not read: its lorebook.entries[0].keys is a text, and a list was expected (and 1 more)."
    )


def test_keys_are_checked() -> None:
    keys = Keystore({"m1": bytes(32), "m2": bytes(24), "m3": bytes(32)}, repaired=True)
    report = check(library(*SOUND, item("presets", "p", "m3", {}), keystore=keys))
    assert [(finding.kind, finding.type, finding.meta) for finding in report.findings] == [
        (K.UNUSABLE_KEY, "keystore", "m2"),
        (K.REPAIRED_KEYSTORE, "keystore", None),
        (K.UNUSED_KEY, "keystore", "m3"),  # presets are not sealed
    ]
    assert [name.id for name in report.findings[0].others] == ["s2", "c2"]
    assert [finding.severity for finding in report.findings] == [Severity.FAULT, Severity.FAULT, Severity.NOTE]
    assert "24 bytes" in report.findings[0].sentence


def test_no_key_is_unused_if_a_type_that_may_use_it_was_not_listed() -> None:
    keys = Keystore({"m1": bytes(32), "m2": bytes(32), "m3": bytes(32)})
    whole = library(*SOUND, keystore=keys)
    assert [finding.kind for finding in check(whole).findings] == [K.UNUSED_KEY]
    error = StatusError(502, "Bad Gateway")
    partly = replace(whole, others=dict.fromkeys(TYPES[2:-1], ()), unread={"promptmacros": error})
    report = check(partly)
    assert [(finding.kind, finding.type) for finding in report.findings] == [(K.NOT_LISTED, "promptmacros")]
    assert "502 Bad Gateway" in report.findings[0].sentence
    assert [count.type for count in report.counts] == [*TYPES[:-1]]


def test_an_object_that_does_not_open_has_a_category_and_a_suspicion() -> None:
    closed = OpenedObject(
        StoredObject(id="x", type="stories", meta="m3"),
        OpenedState.NOT_AUTHENTIC,
        "authentication failed",
        "object: the box does not open (wrong key, or altered)",
    )
    damaged = item("storycontent", "y", "m3", None)
    (first, second) = check(library(closed, *SOUND, damaged)).findings
    assert (first.kind, first.id, first.category) == (K.NOT_OPENED, "x", "authentication failed")
    assert (first.suspicion, second.suspicion, second.category) == (Suspicion.DAMAGED, None, "bad base64")
    assert first.sentence == (
        "It does not open: the box does not open (wrong key, or altered); other objects open, so probably this one "
        "is damaged."
    )
    (only,) = check(library(closed)).of(K.NOT_OPENED)
    assert only.suspicion is Suspicion.WRONG_KEY
    assert "keys are wrong" in only.sentence


# ---- texts


@st.composite
def trees(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw the blocks of a consistent history: each is the child of an earlier one."""
    blocks: list[dict[str, Any]] = [{"nextBlock": [], "prevBlock": -1}]
    for number in range(1, draw(st.integers(1, 12))):
        parent = draw(st.integers(0, number - 1))
        blocks[parent]["nextBlock"].append(number)
        blocks.append({"nextBlock": [], "prevBlock": draw(st.sampled_from([parent, float(parent)]))})
    return blocks


@given(trees(), st.data())
def test_a_history_is_consistent_until_one_of_its_numbers_is_wrong(
    tree: list[dict[str, Any]], data: st.DataObject
) -> None:
    story = {**STORY, "datablocks": tree, "currentBlock": data.draw(st.sampled_from(range(len(tree))))}
    assert find_history_problem(story) is None
    nowhere: Any = data.draw(st.sampled_from([-2, len(tree), 0.5, True, None, "0", [], 1e999]))
    block = tree[data.draw(st.sampled_from(range(len(tree))))]
    match data.draw(st.sampled_from(["currentBlock", "prevBlock", "nextBlock"])):
        case "currentBlock":
            story["currentBlock"] = nowhere
        case "prevBlock":
            block["prevBlock"] = nowhere
        case _:
            block["nextBlock"].append(nowhere)
    assert find_history_problem(story)


@for_each(
    "blocks, problem",
    [
        (None, "it has no list of blocks"),
        ([], "the current block is missing"),
        ([{"prevBlock": 0, "nextBlock": []}], "the root has a parent (and 1 more)"),
        ([{"prevBlock": -1, "nextBlock": None}], "block 0 has no list of children"),
        ([{"prevBlock": -1, "nextBlock": [7]}], "a child of block 0 is missing"),
        (
            [{"prevBlock": -1, "nextBlock": []}, {"prevBlock": -1, "nextBlock": []}],
            "the parent of block 1 is missing",
        ),
        (
            [{"prevBlock": -1, "nextBlock": [2]}, {"prevBlock": 0, "nextBlock": []}, {"prevBlock": 1, "nextBlock": []}],
            "a child of block 0 has another parent",
        ),
        (
            [
                {"prevBlock": -1, "nextBlock": []},
                {"prevBlock": 2, "nextBlock": [2]},
                {"prevBlock": 1, "nextBlock": [1]},
            ],
            "block 1 is its own ancestor",
        ),
    ],
)
def test_each_problem_of_a_history_is_described(blocks: Any, problem: str) -> None:
    assert find_history_problem({"datablocks": blocks, "currentBlock": 0}) == problem


def test_a_long_history_is_checked_in_linear_time() -> None:
    many = 50_000
    blocks = [{"prevBlock": number - 1, "nextBlock": [number + 1]} for number in range(many)]
    blocks[-1]["nextBlock"] = []
    assert find_history_problem({"datablocks": blocks, "currentBlock": many - 1}) is None
    blocks[1]["prevBlock"] = many - 1
    assert find_history_problem({"datablocks": blocks, "currentBlock": 0}) == (
        "a child of block 0 has another parent (and 1 more)"
    )


def test_a_text_needs_a_list_of_fragments() -> None:
    assert find_text_problem(STORY) is None
    assert find_text_problem({"fragments": []}) is None
    assert find_text_problem(None) == "it has no list of fragments"
    assert find_text_problem({"fragments": [{"data": ""}, {"data": 1}]}) == "fragment 1 has no text"


def test_a_document_is_decoded_and_needs_the_sections_that_it_lists() -> None:
    assert find_document_problem(DOCUMENT) is None
    assert find_document_problem(packed(a_document(order=[5, 9, 8]))) == (
        "`order` names section 9, which is missing (and 1 more)"
    )
    for other in (None, 7, DOCUMENT[:-1], DOCUMENT + "\n"):
        assert find_document_problem(other) == "base64 of the standard alphabet, with padding, was expected"
    assert find_document_problem("") == "it ends too early"
    assert find_document_problem("AAAA") == "2 bytes follow its end"
    assert "at most 1 are allowed" in (find_document_problem(DOCUMENT, Limits(unpacked=1)) or "")


@given(st.binary(max_size=40))
def test_any_document_is_read_or_its_problem_is_described(data: bytes) -> None:
    for each in (data, b"\xd4\x14\x00" + data, packb(a_document())[:-1] + data):
        problem = find_document_problem(binascii.b2a_base64(each, newline=False).decode())
        assert problem is None or problem


# ---- any content


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NUMBERS = st.integers(-2, 4) | JSON
BLOCKS = st.fixed_dictionaries({}, optional={"prevBlock": NUMBERS, "nextBlock": st.lists(NUMBERS, max_size=3) | JSON})
STORIES = st.fixed_dictionaries(
    {},
    optional={
        "fragments": st.lists(st.fixed_dictionaries({}, optional={"data": JSON}) | JSON, max_size=3) | JSON,
        "datablocks": st.lists(BLOCKS | JSON, max_size=5) | JSON,
        "currentBlock": NUMBERS,
    },
)
NAMES = st.sampled_from(["", "a", "b", "m"])
INSIDE = JSON | st.fixed_dictionaries(
    {},
    optional={
        "id": NAMES | JSON,
        "remoteId": NAMES | JSON,
        "remoteStoryId": NAMES | JSON,
        "story": STORIES | JSON,
        "document": JSON,
        "title": JSON,
    },
)


@st.composite
def anything(draw: st.DrawFn) -> Library:
    """Draw a library with any JSON as any object, sealed and opened again."""
    keys = {"m": bytes(32), "": bytes(32), "short": bytes(3)}
    items: list[OpenedObject] = []
    for type_ in draw(st.lists(st.sampled_from(TYPES), max_size=6)):
        meta = draw(st.sampled_from([None, *keys, "unknown"]))
        plaintext = json.dumps(draw(INSIDE), ensure_ascii=True).encode()
        stored = StoredObject(id=draw(NAMES), type=type_, meta=meta)
        data = (
            "?"
            if meta in (None, "short", "unknown")
            else seal_object(OpenedObject(stored, S.OPENED, source=plaintext), keys)
        )
        items.append(open_object(StoredObject(id=stored.id, type=type_, meta=meta, data=data), keys))
    return library(*items, keystore=Keystore(keys))


S = OpenedState


@given(anything())
def test_the_check_completes_whatever_the_objects_contain(checked: Library) -> None:
    report = check(checked)
    assert sum(count.total for count in report.counts) == len([*checked.items])
    assert sum(count.total - count.opened for count in report.counts) == len(checked.failed)
    assert len(report.of(K.NOT_OPENED)) == len(checked.failed)
    assert list(report.findings) == sorted(report.findings, key=lambda finding: [*K].index(finding.kind))
    assert all(finding.sentence.endswith(".") for finding in report.findings)


def test_no_sentence_quotes_content() -> None:
    secret = "the lighthouse keeper"
    story = {"fragments": [{"data": secret}, {"data": [secret]}], "datablocks": [secret], "currentBlock": secret}
    lost = item("storycontent", "c", "m", {"story": story, "document": secret, secret: secret})
    named = card("s", "m", secret, id=secret, remoteId=secret, title=secret)
    report = check(library(named, lost))
    assert len(report.findings) == 6
    assert secret not in repr(report)
