"""The engine knows no package: what is docker's stands in toolkit/docker and toolkit/doctor."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1] / "toolkit"
NAMES = re.compile(r"docker|moby|containerd|rootlesskit", re.IGNORECASE)
OF_DOCKER = ("docker", "doctor", "cli", "specimen")
SUFFIXES = {".py", ".nix", ".sh", ".c", ".css"}


def code() -> list[Path]:
    """Return the files of the package that may not know docker."""
    files = (path for path in ROOT.rglob("*") if path.suffix in SUFFIXES)
    return sorted(path for path in files if path.relative_to(ROOT).parts[0] not in OF_DOCKER)


def test_nothing_outside_of_docker_names_it() -> None:
    assert len(code()) > 40
    lines = [(path, line) for path in code() for line in path.read_text(encoding="utf-8").splitlines()]
    assert [f"{path.relative_to(ROOT)}: {line}" for path, line in lines if NAMES.search(line)] == []


READING = {
    "copy2",
    "copyfile",
    "copytree",
    "glob",
    "iterdir",
    "listdir",
    "open",
    "read_bytes",
    "read_text",
    "rglob",
    "scandir",
}
"""The methods and functions by which Python reads a file or a directory."""

BELOW_A_ROOT = ("sources", "lift", "proposal", "reach", "track", "docker", "git")
"""What has a stranger's tree, patch or proposal in its hands, and reads it through `toolkit.inside`."""

OF_OUR_OWN = {
    "docker/claims/building.py": "outputs in the store, which stores.physical has looked at",
    "docker/overlay_kinds.py": "a shipped overlay",
    "git/committing.py": "names of git's objects",
    "git/mailing.py": "mails that git has just written",
    "git/calls.py": "git's own index",
    "git/worktrees.py": "git's own list of worktrees",
    "proposal/proposing.py": "what was just written",
    "proposal/recipes.py": "recipes of the user's and shipped ones",
    "reach/sources.py": "the names in the directory that the user names",
    "sources/trees.py": "a tree is listed, copied and fingerprinted; no link is followed",
    "track/memory.py": "the package's own modules",
}
"""The modules among those that read something else, too, and what that is."""


def reads(path: Path) -> list[str]:
    """Return where a module reads a file or a directory without `toolkit.inside`."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [(call, call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")) for call in calls]
    # What a lift adds to a set can be opened, too.
    return [f"{call.lineno}: {name}" for call, name in named if name in READING and not _is_of_a_set(call)]


def _is_of_a_set(call: ast.expr) -> bool:
    return ast.unparse(call) in {"additions.open", "self.open"}


def test_what_stands_below_a_strangers_root_has_one_reader() -> None:
    modules = [path for folder in BELOW_A_ROOT for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(modules) > 80
    found = {str(path.relative_to(ROOT)): places for path in modules if (places := reads(path))}
    assert {name: places for name, places in found.items() if name not in OF_OUR_OWN} == {}
    assert set(OF_OUR_OWN) - set(found) == set()


def test_every_folder_is_held_to_have_no_circle_of_imports() -> None:
    """The linter counts imports for types, too, as long as its settings leave them in."""
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert not settings.get("exclude_type_checking_imports", False)
    (circles,) = (each for each in settings["contracts"] if each["type"] == "acyclic_siblings")
    folders = {path.parent for path in ROOT.rglob("*.py") if path.name != "__init__.py"} - {ROOT}
    several = (place for place in folders if len(list(place.glob("*.py"))) > 2)
    assert {".".join(("toolkit", *place.relative_to(ROOT).parts)) for place in several} <= set(circles["ancestors"])
