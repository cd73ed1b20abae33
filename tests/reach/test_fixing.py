"""`reach --fix`: the form that reaches, in the user's own file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reach.conftest import NIXPKGS, SYSTEM
from toolkit.errors import ToolkitError
from toolkit.git import calls
from toolkit.model import Silence, SourceRequest
from toolkit.reach import fixing
from toolkit.reach.effects import Outcome
from toolkit.reach.fixing import Fixes
from toolkit.reach.reaching import ReachRequest
from toolkit.report import mending

NOTE = "# replace this fake hash with the one that Nix reports"
REACHED = {Outcome.REACHES, Outcome.NEW}

Fix = Callable[..., Fixes]


@pytest.fixture
def fix(tmp_path: Path) -> Fix:
    """Return what finds the changes of files in a directory, by default of overlay.nix."""

    def run(text: str | None = None, *paths: str) -> Fixes:
        if text is not None:
            (tmp_path / "overlay.nix").write_text(text)
        request = ReachRequest(
            paths=tuple(tmp_path / path for path in paths or ("overlay.nix",)),
            source=SourceRequest(nixpkgs=str(NIXPKGS)),
            systems=(SYSTEM,),
        )
        return fixing.fixes(request, progress=Silence())

    return run


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "plain = prev.plain.overrideAttrs { withColour = true; }; # yes",
            "plain = prev.plain.override { withColour = true; }; # yes",
        ),
        (
            "app = prev.app.overrideAttrs (_: {\n    # none\n    doCheck = false;\n  });",
            (
                "app = prev.app.overridePythonAttrs (_: {\n    # none\n    doCheck = false;"
                "\n  });"
            ),
        ),
        (
            "editor = prev.editor.overrideAttrs (old: { src = prev.spare; });",
            (
                "editor = prev.editor.override { editor-unwrapped = "
                "prev.editor-unwrapped.overrideAttrs (old: { src = prev.spare; }); };"
            ),
        ),
        (
            'crate = prev.crate.overrideAttrs {\n    version = "1.1.0"; # new\n  };',
            (
                'crate = prev.crate.overrideAttrs (old: rec {\n    version = "1.1.0"; # new'
                f'\n    {NOTE}\n    src = old.src.override {{ tag = "v${{version}}"; hash = '
                f"final.lib.fakeHash; }};\n    {NOTE}\n    cargoDeps = "
                "final.rustPlatform.fetchCargoVendor { inherit src; name = "
                '"crate-vendor"; hash = final.lib.fakeHash; };\n  });'
            ),
        ),
        (
            (
                "python39Packages = prev.python39Packages.extend (self: super: { "
                "base = super.base.overrideAttrs { a = 1; }; });"
            ),
            (
                "pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [ (self: super: "
                "{ base = super.base.overrideAttrs { a = 1; }; }) ];"
            ),
        ),
        (
            "kernel = prev.kernel.overrideAttrs { a = 1; };",
            "kernel = prev.kernel.overrideAttrs { a = 1; };",
        ),
    ],
)
def test_the_form_that_reaches_is_written_and_nothing_else(
    fix: Fix, tmp_path: Path, before: str, after: str
) -> None:
    around = "# Mine.\nfinal: prev: {{\n  tool = prev.spare;\n  {}\n\n}}\n"
    found = fix(around.format(before))
    fixing.write(found)
    assert (tmp_path / "overlay.nix").read_text() == around.format(after)
    assert {override.status for override in found.after.overrides} <= REACHED
    again = fix()
    assert (again.mended, again.refused) == ((), ())


def test_a_refusal_has_its_place_and_the_others_are_mended(
    fix: Fix, tmp_path: Path
) -> None:
    text = """final: prev: {
  plain = prev.plain.overrideAttrs (old: old // { withColour = true; });
  open = let own = prev.plain.overrideAttrs { withColour = true; }; in own;
  editor = prev.editor.overrideAttrs { src = prev.spare; };
}
"""
    found = fix(text)
    assert [change.attributes for change in found.mended] == [("editor",)]
    (refused,) = (each for each in found.refused if each.attribute == "plain")
    assert refused.reason.startswith(f"{tmp_path}/overlay.nix:2:")


def test_another_override_keeps_its_status(fix: Fix) -> None:
    text = """final: prev: {
  plain = prev.plain.overrideAttrs { withColour = true; };
  tool = prev.tool.overrideAttrs { version = final.plain.flags + "1"; };
}
"""
    found = fix(text)
    statuses = [
        {row.attribute: row.status for row in reach.overrides}
        for reach in (found.reach, found.after)
    ]
    assert statuses[0]["tool"] == statuses[1]["tool"]


def test_a_file_that_changed_meanwhile_is_not_written(fix: Fix, tmp_path: Path) -> None:
    found = fix(
        "final: prev: { plain = prev.plain.overrideAttrs { withColour = true; }; }"
    )
    assert found.mended
    (tmp_path / "overlay.nix").write_text("final: prev: { }")
    with pytest.raises(
        ToolkitError, match="has changed while unlet was running; nothing was written"
    ):
        fixing.write(found)
    assert (tmp_path / "overlay.nix").read_text() == "final: prev: { }"


PLAIN = "final: prev: { plain = prev.plain.overrideAttrs { withColour = true; }; }"
MENDED = PLAIN.replace("overrideAttrs", "override")


def test_a_read_only_file_is_not_written(fix: Fix, tmp_path: Path) -> None:
    found = fix(PLAIN)
    (tmp_path / "overlay.nix").chmod(0o444)
    with pytest.raises(ToolkitError, match="is read-only; nothing was written"):
        fixing.write(found)
    assert (tmp_path / "overlay.nix").read_text() == PLAIN


def test_a_link_stays_one_and_git_is_named(fix: Fix, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles/overlay.nix"
    real.parent.mkdir()
    real.write_text(PLAIN)
    calls.run_contributing(real.parent, "init", "--quiet")
    (tmp_path / "overlay.nix").symlink_to(real)
    found = fix()
    fixing.write(found)
    assert (tmp_path / "overlay.nix").is_symlink()
    assert real.read_text() == MENDED
    lines = [*mending.sentences(found.mended, found.refused, is_written=True)]
    assert lines[1:] == [
        f"{tmp_path}/overlay.nix: is a link to {real}",
        f"{real}: has uncommitted changes in Git",
    ]


def test_changes_of_other_files_in_git_are_not_named(fix: Fix, tmp_path: Path) -> None:
    for arguments in (("init", "--quiet"), ("add", "."), ("commit", "-qm", "one")):
        (tmp_path / "overlay.nix").write_text(PLAIN)
        calls.run_contributing(tmp_path, *arguments)
    (tmp_path / "my-overlay.nix").write_text(PLAIN)
    assert [change.is_changed for change in fix().mended] == [False]


def test_files_of_a_flake_and_of_a_directory_are_changed_each(
    fix: Fix, tmp_path: Path
) -> None:
    flake = tmp_path / "flake/flake.nix"
    flake.parent.mkdir()
    outputs = "{ outputs = _: { overlays.one = import ./own.nix; }; }"
    flake.write_text(outputs)
    (flake.parent / "own.nix").write_text(PLAIN)
    fixing.write(fix(None, "flake"))
    assert (flake.parent / "own.nix").read_text() == MENDED
    assert flake.read_text() == outputs
    (tmp_path / "several").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"several/{name}.nix").write_text(
            PLAIN.replace("plain", "plain" if name == "a" else "double")
        )
    fixing.write(fix(None, "several"))
    assert (tmp_path / "several/a.nix").read_text() == MENDED


def test_paths_in_a_file_lead_where_they_led(fix: Fix, tmp_path: Path) -> None:
    (tmp_path / "a.patch").write_text("")
    text = PLAIN.replace(
        "withColour = true;",
        "withColour = true; }; tool = "
        "prev.tool.overrideAttrs { patches = [ ./a.patch ];",
    )
    found = fix(text)
    assert found.mended[0].after == text.replace("overrideAttrs", "override", 1)
    computed = text.replace("./a.patch", './${"a"}.patch')
    with pytest.raises(
        ToolkitError, match=r"overlay.nix:1:\d+: unlet cannot try the file elsewhere"
    ):
        fix(computed)


def test_standard_input_cannot_be_written() -> None:
    request = ReachRequest(paths=(Path("-"),), source=SourceRequest(nixpkgs="x"))
    with pytest.raises(ToolkitError, match="--fix can only write to a file"):
        fixing.fixes(request, progress=Silence())
