"""The command that changes the code to see whether tests notice, and the list of the changes that may stay unnoticed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutation import __main__ as command
from tests.mutation.subjects import SUBJECTS
from tests.mutation.survivors import Mutant, parse_diff, parse_name, read_accepted

ROOT = Path(__file__).parent.parent
DIFF = """\
--- nai_proto/codecs/sse.py
+++ nai_proto/codecs/sse.py
@@ -1,4 +1,4 @@
 def f(self):
-    if a < b:
+    if a <= b:
         return 1
"""
CHANGE = "- if a < b:\n+ if a <= b:"
SURVIVOR = Mutant("nai_proto.codecs.sse", "SSEDecoder.f", CHANGE)
NAME = "nai_proto.codecs.sse.xǁSSEDecoderǁf__mutmut_12"


def functions(module: str) -> Iterator[tuple[str, str]]:
    """The functions of a module with their text, methods as ``Class.method``."""
    text = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
    for node in ast.parse(text).body:
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                yield owner + each.name, "\n".join(text.splitlines()[each.lineno - 1 : each.end_lineno])


def test_a_subject_names_modules_and_tests_that_exist() -> None:
    paths = [path for subject in SUBJECTS.values() for path in (*subject.modules, *subject.tests)]
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_no_module_belongs_to_two_subjects() -> None:
    modules = [module for subject in SUBJECTS.values() for module in subject.modules]
    assert len({*modules}) == len(modules)


def test_what_is_accepted_has_a_reason_and_is_a_change_of_todays_code() -> None:
    modules = {module.removesuffix(".py").replace("/", ".") for each in SUBJECTS.values() for module in each.modules}
    for mutant, why in read_accepted().items():
        assert mutant.module in modules, mutant
        assert len(why.split()) > 3, mutant
        text = [line.strip() for line in dict(functions(mutant.module))[mutant.function].splitlines()]
        for line in mutant.change.splitlines():
            assert line[:2] in ("- ", "+ "), mutant
            assert line[0] == "+" or line[2:] in text, mutant


def test_a_mutant_is_known_by_its_function_and_change_wherever_its_line_is() -> None:
    assert parse_diff(DIFF) == parse_diff(DIFF.replace("-1,4", "-7,4").replace("    ", "        ")) == CHANGE
    assert parse_name(NAME) == ("nai_proto.codecs.sse", "SSEDecoder.f")
    assert parse_name("nai_proto.codecs.sse.x__utf8__mutmut_1") == ("nai_proto.codecs.sse", "_utf8")


@pytest.fixture
def mutmut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What mutmut prints for each of its commands, and how the command here is called."""
    printed = {
        "run": "much",
        "results": f"    {NAME}: survived\n    {NAME}3: killed\n    {NAME}4: timeout\n",
        "show": DIFF,
    }
    monkeypatch.setattr(command, "_mutmut", lambda directory, name, *_: printed[name])
    monkeypatch.setattr(command, "_check_installed", lambda: None)
    monkeypatch.setattr(command, "read_accepted", dict)
    return printed


def run(tmp_path: Path) -> int:
    return command.main(["sse", "--directory", str(tmp_path)])


def test_a_survivor_that_nobody_accepted_is_told_and_ends_with_1(
    tmp_path: Path, mutmut: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 1
    printed = capsys.readouterr().out
    assert re.search(r"^sse +1 +1 +1 +0 ", printed, re.M)
    assert str(SURVIVOR) in printed


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ('- a = b.decode("utf-8", "replace")\n+ a = b.decode("UTF-8", "replace")', 1),
        ('- a = b.encode("ascii")\n+ a = b.encode("ASCII")', 1),
        ("- self.a = False  # why\n+ self.a = None  # why", 1),
        ("- a = f(b, c=False)\n+ a = f(b, c=None)", 1),
        ('- a = cast("list[int]", b)\n+ a = cast(None, b)', 1),
        ('- a = cast("list[int]", b)\n+ a = cast("list[int]", None)', 0),
        ("- a = b.decode(c)\n+ a = b.decode(None)", 0),
        ("- self.a = True\n+ self.a = None", 0),
    ],
    ids=[
        "codec in capitals",
        "another codec in capitals",
        "None for False",
        "None for a flag",
        "None for a type",
        "no value",
        "None for a name",
        "None for True",
    ],
)
def test_a_survivor_that_is_always_equivalent_is_counted_only(
    change: str, accepted: int, tmp_path: Path, mutmut: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    mutmut["show"] = "---\n+++\n@@ -1 +1 @@\n" + change.replace("- ", "-    ").replace("+ ", "+    ")
    assert run(tmp_path) == 1 - accepted
    assert re.search(rf"^sse +1 +1 +1 +{accepted} ", capsys.readouterr().out, re.M)


def test_again_tries_only_what_survived_the_last_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutmut: dict[str, str]
) -> None:
    calls: list[tuple[str, ...]] = []

    def run_mutmut(_directory: Path, *arguments: str) -> str:
        calls.append(arguments)
        return mutmut[arguments[0]]

    monkeypatch.setattr(command, "_mutmut", run_mutmut)
    monkeypatch.setattr(command, "_prepare", None)
    assert command.main(["sse", "--again", "--directory", str(tmp_path)]) == 1
    assert calls[1] == ("run", "--max-children", "1", NAME)


def test_again_after_a_change_of_the_code_asks_for_a_whole_run(
    tmp_path: Path, mutmut: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    mutmut["results"] = f"    {NAME}: killed\n    {NAME}3: not checked\n"
    assert command.main(["sse", "--again", "--directory", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "sse: the code has changed since its mutants were tried; run it without --again" in printed
    assert str(SURVIVOR) not in printed


def test_an_accepted_survivor_is_counted_only(
    tmp_path: Path, mutmut: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "read_accepted", lambda: {SURVIVOR: "it is the same"})
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^sse +1 +1 +1 +1 ", printed, re.M)
    assert str(SURVIVOR) not in printed


def test_an_accepted_mutant_that_no_longer_survives_is_told(
    tmp_path: Path, mutmut: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Mutant("nai_proto.http.wire", "f", "- a\n+ b")
    monkeypatch.setattr(command, "read_accepted", lambda: {SURVIVOR: "it is the same", other: "of another subject"})
    mutmut["results"] = f"    {NAME}: killed\n"
    assert run(tmp_path) == 1
    printed = capsys.readouterr().out
    assert f"no longer survives, but is in accepted.toml: {SURVIVOR}" in printed
    assert str(other) not in printed


def test_an_unknown_subject_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(["nothing"])
    assert end.value.code == 2
    assert "nothing" in capsys.readouterr().err
