import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forge.server import Fault, Forge
from tests.track.conftest import Nixpkgs, layout
from toolkit.errors import ToolkitError
from toolkit.track.answer import TrackAnswer

Ask = Callable[..., TrackAnswer]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def test_change_of_meaning_is_told_once_and_a_new_docker_is_none(
    nixpkgs: Nixpkgs, ask: Ask, file: Path
) -> None:
    ask(nixpkgs, state=file)
    # It holds no dates.
    document = json.loads(file.read_bytes().decode("ascii"))
    assert set(document) == {"schema", "kind", "facts", "package"}
    assert document["facts"]["master"]["state"] == "not fixed"
    nixpkgs.commit("docker: bump", layout("29.6").replace("29.6.1", "29.6.2"))
    assert ask(nixpkgs, state=file).changes == ()
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    answer = ask(nixpkgs, state=file)
    assert [(c.subject, c.field, c.before, c.after) for c in answer.changes] == [
        ("master", "state", "not fixed", "fixed"),
        ("master", "overridable", "no", "yes"),
        ("master", "rootlesskit", "prefix", "suffix"),
        ("master", "TODO", "there", "none"),
    ]
    assert answer.exit_code == 1
    assert ask(nixpkgs, state=file).exit_code == 0


def test_silence_is_no_change_and_is_remembered_over(
    forge: Forge, ask: Ask, file: Path
) -> None:
    ask(forge, "master", state=file)
    forge.faults["/raw/"] = [Fault(status=500)] * 9
    silent = ask(forge, "master", state=file)
    assert (silent.changes, silent.exit_code) == ((), 11)
    forge.faults.clear()
    assert ask(forge, "master", state=file).changes == ()


@pytest.mark.parametrize("damage", ["cut", "list", "other"])
def test_damaged_file_is_one_line_and_stays(
    nixpkgs: Nixpkgs, ask: Ask, file: Path, damage: str
) -> None:
    ask(nixpkgs, state=file)
    text = file.read_text()
    spoilt = {
        "cut": text[: len(text) // 2],
        "list": "[]",
        "other": text.replace("unlet track", "unlet other"),
    }[damage]
    file.write_text(spoilt)
    with pytest.raises(ToolkitError, match=rf"\A{file}: [^\n]*\Z"):
        ask(nixpkgs, state=file)
    assert file.read_text() == spoilt
