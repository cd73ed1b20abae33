"""The engine and the command line know no package: what is docker's stands in toolkit/docker and toolkit/doctor."""

import ast
import re
import tomllib
from pathlib import Path

from msgspec import Struct

from tests import cases

ROOT = Path(__file__).parents[1] / "toolkit"
NAMES = re.compile(r"docker|moby|containerd|rootlesskit", re.IGNORECASE)
OF_DOCKER = ("docker", "doctor", "specimen", "cli/doctor.py", "cli/commands.py")
"""Folders of docker's, and modules that name the command doctor."""
SUFFIXES = {".py", ".nix", ".sh", ".c", ".css"}


def code() -> list[Path]:
    """Return the files of the package that may not know docker."""
    files = (path for path in ROOT.rglob("*") if path.suffix in SUFFIXES)
    own = [ROOT / name for name in OF_DOCKER]
    return sorted(path for path in files if not any(map(path.is_relative_to, own)))


def test_nothing_outside_of_docker_names_it() -> None:
    assert len(code()) > 40
    lines = [
        (path, line)
        for path in code()
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert [
        f"{path.relative_to(ROOT)}: {line}"
        for path, line in lines
        if NAMES.search(line)
    ] == []


class Changing(Struct, frozen=True):
    methods: list[str]
    of_os: list[str]
    own: dict[str, str]


class Readers(Struct, frozen=True):
    reading: list[str]
    folders: list[str]
    own: dict[str, str]
    changing: Changing


READERS = cases.read(__file__, Readers)


def reads(path: Path) -> list[str]:
    """Return where a module reads a file or a directory without `toolkit.inside`."""
    calls = [
        node.func
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    named = [
        (
            call,
            call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", ""),
        )
        for call in calls
    ]
    # What a lift adds to a set can be opened, too.
    return [
        f"{call.lineno}: {name}"
        for call, name in named
        if name in READERS.reading and not _is_of_a_set(call)
    ]


def _is_of_a_set(call: ast.expr) -> bool:
    return ast.unparse(call) in {"additions.open", "self.open"}


def test_what_stands_below_a_strangers_root_has_one_reader() -> None:
    modules = [
        path
        for folder in READERS.folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    assert len(modules) > 80
    found = {
        str(path.relative_to(ROOT)): places
        for path in modules
        if (places := reads(path))
    }
    assert {
        name: places for name, places in found.items() if name not in READERS.own
    } == {}
    assert set(READERS.own) - set(found) == set()


def changes(path: Path) -> list[str]:
    """Return where a module deletes, moves or links by a path, or changes a mode."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call for call in calls if _is_change(call)]
    imports = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "shutil" in ast.unparse(node)
    ]
    places = [f"{call.lineno}: {ast.unparse(call.func)}" for call in named]
    return places + [f"{node.lineno}: {ast.unparse(node)}" for node in imports]


def _is_change(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    name, owner = call.func.attr, ast.unparse(call.func.value)
    if owner == "os":
        return name in READERS.changing.of_os
    # Of a text there are two: what goes, and what comes.
    is_path = name == "replace" and len(call.args) == 1 and not call.keywords
    return is_path or name in READERS.changing.methods


def test_files_are_deleted_moved_and_linked_in_one_place() -> None:
    found = {
        str(path.relative_to(ROOT)): places
        for path in sorted(ROOT.rglob("*.py"))
        if (places := changes(path))
    }
    allowed = READERS.changing.own
    assert {name: found[name] for name in found if name not in allowed} == {}
    assert set(allowed) - set(found) == set()


def test_every_folder_is_held_to_have_no_circle_of_imports() -> None:
    """The linter counts imports for types, too, as long as its settings leave them in."""
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"][
        "importlinter"
    ]
    assert not settings.get("exclude_type_checking_imports", False)
    (circles,) = (
        each for each in settings["contracts"] if each["type"] == "acyclic_siblings"
    )
    folders = {
        path.parent for path in ROOT.rglob("*.py") if path.name != "__init__.py"
    } - {ROOT}
    several = (place for place in folders if len(list(place.glob("*.py"))) > 2)
    assert {
        ".".join(("toolkit", *place.relative_to(ROOT).parts)) for place in several
    } <= set(circles["ancestors"])
