"""Models and presets of a profile stand in for options that are not given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nai_proto.emulator import Emulator
from nai_transports.cli.app import app
from nai_transports.cli.common.profile_defaults import DEFAULTS
from nai_transports.servers.serve import serve_in_thread
from tests.support import an_emulator
from tests.test_continue_story import load_byte_tokenizer

SETTINGS = """
[default]
text_model = "clio-v1"
preset = "Vingt-Un"
chat_model = "xialong-v1"
image_model = "nai-diffusion-3"
"""


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, config: Path) -> Iterator[Emulator]:
    """An emulator that the commands ask, and a profile."""
    emulator, owner = an_emulator(tokenizers=load_byte_tokenizer)
    config.mkdir()
    (config / "profiles.toml").write_text(SETTINGS, "utf-8")
    monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
    monkeypatch.chdir(config)
    with serve_in_thread(emulator) as url:
        monkeypatch.setenv("NAI_URL", url)
        yield emulator


def find_model(emulator: Emulator, *arguments: str) -> str:
    """Return the model that a command asks for."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return str([each.model for each in emulator.requests if each.model is not None][-1])


def test_the_models_of_the_profile_are_used(emulator: Emulator) -> None:
    assert find_model(emulator, "generate", "Once") == "clio-v1"
    assert find_model(emulator, "chat", "hello") == "xialong-v1"
    assert find_model(emulator, "complete", "Once") == "xialong-v1"
    assert find_model(emulator, "image", "a harbour", "--yes") == "nai-diffusion-3"


def test_options_win_over_the_profile(emulator: Emulator) -> None:
    assert find_model(emulator, "generate", "Once", "--model", "kayra-v1") == "kayra-v1"
    assert find_model(emulator, "generate", "Once", "--preset", "Carefree") == "kayra-v1"
    assert find_model(emulator, "chat", "hello", "--model", "glm-4-6") == "glm-4-6"
    assert (
        find_model(emulator, "image", "a harbour", "--yes", "--model", "nai-diffusion-4-full") == "nai-diffusion-4-full"
    )


@pytest.mark.usefixtures("emulator")
def test_a_wrong_name_in_the_profile_is_an_error_that_says_where_it_is(config: Path) -> None:
    path = config / "profiles.toml"
    path.write_text('[default]\ntext_model = "kaira"\n', "utf-8")
    done = CliRunner().invoke(app, ["generate", "Once"])
    assert done.exit_code == 2
    assert f"text_model of the profile default in {path}: correct the file" in done.stderr
    path.write_text('[default]\ntext_model = "kayra-v1"\npreset = "Carfree"\n', "utf-8")
    done = CliRunner().invoke(app, ["generate", "Once"])
    assert f"preset of the profile default in {path}: correct the file" in done.stderr
    path.write_text('[default]\ntext_model = "kayra-v1"\n', "utf-8")
    done = CliRunner().invoke(app, ["generate"])  # no prompt, which is not the profile's fault
    assert "profile" not in done.stderr


def test_each_command_has_the_parameters_that_the_table_names() -> None:
    from nai_transports.cli.common.parameters import list_parameters
    from tests.test_help_pages import _COMMANDS

    for path, defaults in DEFAULTS.items():
        names = {each.name for each in list_parameters(_COMMANDS[tuple(path.split()[1:])].callback)}
        assert {*defaults.keys, *defaults.unless} <= names
