"""`unlet reach` as a process, on the specimen."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from msgspec import Struct

from tests import cases
from tests.cli.conftest import Unlet
from tests.clones import edit
from toolkit import specimen

BEHIND = (
    f"# behind the overlay that 'unlet overlay {{}} --nixpkgs "
    f"{specimen.path()}{{}}' writes"
)
PATCHED = BEHIND.format("docker", " --kind patched")


class Behind(Struct, frozen=True, kw_only=True):
    override: str
    instead: str | None = None
    sealed: bool = False


class Natural(Struct, frozen=True, kw_only=True):
    override: str
    reason: str
    written: str
    value: str


class Table(Struct, frozen=True):
    behind: list[Behind]
    natural: list[Natural]


TABLE = cases.read(__file__, Table)


@pytest.mark.parametrize("case", TABLE.behind)
def test_overlay_of_a_package_is_named_if_the_override_reaches_behind_it(
    unlet: Unlet, case: Behind
) -> None:
    (unlet.cwd / "overlay.nix").write_text(f"final: prev: {{ {case.override} }}")
    sealed = ("--sealed",) if case.sealed else ()
    done = unlet(
        "reach", "overlay.nix", "--nixpkgs", specimen.path(), "--json", *sealed
    )
    (found,) = json.loads(done.stdout)["overrides"]
    instead = case.instead
    if instead is not None:
        instead = instead.replace("{patched}", PATCHED).replace(
            "{moved}", BEHIND.format("notes-server", "")
        )
    assert (done.returncode, found["status"], found["instead"]) == (
        1,
        "in part",
        instead,
    )


@pytest.mark.parametrize("shown", ["", "inherit (web-ui) npmDeps; "])
def test_behind_the_overlay_what_is_downloaded_gets_another_hash(
    unlet: Unlet, tree: Path, shown: str
) -> None:
    deps = """npmDeps = stdenv.mkDerivation {
      pname = "notes-server-deps";
      inherit version src;
      outputHash = "sha256-BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      outputHashAlgo = "sha256";
      outputHashMode = "recursive";
    };
    sourceRoot"""
    own = (
        deps.replace("npmDeps", "pnpmDeps")
        .replace("BAAA", "CAAA")
        .replace("sourceRoot", "buildInputs")
    )
    edit(tree, "sourceRoot", deps)
    edit(tree, "buildInputs", own)
    # What passthru only shows is no attribute of the derivation.
    edit(tree, "updateScript =", f"{shown}updateScript =")
    source = (
        'prev.notes-server.src.overrideAttrs { name = "new"; outputHash = '
        "prev.lib.fakeHash; }"
    )
    override = (
        f'notes-server = prev.notes-server.overrideAttrs {{ version = "5.0.0"; '
        f"src = {source}; }};"
    )
    (unlet.cwd / "overlay.nix").write_text(f"final: prev: {{ {override} }}")
    (found,) = json.loads(
        unlet("reach", "overlay.nix", "--nixpkgs", tree, "--json").stdout
    )["overrides"]
    assert found["status"] == "in part"
    assert found["instead"].startswith(
        f"# behind the overlay that 'unlet overlay notes-server --nixpkgs {tree}' "
        "writes"
    )
    for holder, name in (("old", "pnpmDeps"), ("part", "npmDeps")):
        assert (
            f" {name} = {holder}.{name}.overrideAttrs (_: {{ outputHash = "
            f"final.lib.fakeHash; }});" in found["instead"]
        )


def test_places_are_named_as_from_here_or_standard_input(unlet: Unlet) -> None:
    (unlet.cwd / "overlay.nix").write_text(
        "final: prev: {\n  notes-server = prev.notes-server;\n}\n"
    )
    done = unlet("reach", "overlay.nix", "--nixpkgs", specimen.path())
    assert done.stdout.splitlines()[0].split() == [
        "notes-server",
        "no",
        "effect",
        "overlay.nix:2",
    ]
    (unlet.cwd / "one.patch").write_text("")
    text = (
        "final: prev: {\n  notes-server = prev.notes-server.overrideAttrs { "
        "patches = [ ./one.patch ]; };\n}\n"
    )
    argv = [*unlet.argv, "reach", "-", "--nixpkgs", str(specimen.path())]
    done = subprocess.run(
        argv,
        cwd=unlet.cwd,
        env=unlet.env,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[0].split() == ["notes-server", "reaches", "-:2"]


@pytest.mark.parametrize("words", [("notes-server",), ("docker", "--kind", "patched")])
def test_an_overlay_of_our_own_reaches_and_says_if_it_steps_aside(
    unlet: Unlet, tree: Path, words: tuple[str, ...]
) -> None:
    assert unlet("overlay", *words, "--nixpkgs", specimen.path(), "-q").returncode == 0
    done = unlet("reach", "overlay", "--nixpkgs", specimen.path(), "--json")
    told = json.loads(done.stdout)
    assert {each["status"] for each in told["overrides"]} == {"reaches"}
    assert (done.returncode, told["warnings"]) == (0, [])
    for file in tree.glob(f"pkgs/*/*/{words[0]}/*.nix"):
        file.write_text(f"{file.read_text()}\n")
    done = unlet("reach", "overlay", "--nixpkgs", tree)
    assert (
        f"warning: unlet overlay: {words[0]} in this nixpkgs differs from the one "
        "that the overlay was made for" in done.stdout
    )


@pytest.mark.parametrize("case", TABLE.natural)
def test_the_natural_overrides_of_moby_name_the_form_that_works(
    unlet: Unlet, case: Natural
) -> None:
    (unlet.cwd / "overlay.nix").write_text(f"self: super: {{ {case.override} }}")
    done = unlet("reach", "overlay.nix", "--nixpkgs", specimen.path(), "--json")
    (found,) = json.loads(done.stdout)["overrides"]
    assert (found["status"], found["reason"].endswith(case.reason)) == (
        "does not evaluate",
        True,
    )
    assert found["instead"] == f"{PATCHED}:\n{case.written}"
    # As it is printed, it works.
    assert (
        unlet(
            "overlay", "docker", "--kind", "patched", "--nixpkgs", specimen.path(), "-q"
        ).returncode
        == 0
    )
    (unlet.cwd / "mine.nix").write_text(
        f"self: super: {{ {case.written.replace('…', case.value)} }}"
    )
    done = unlet(
        "reach", "overlay", "mine.nix", "--nixpkgs", specimen.path(), "--only", "docker"
    )
    assert done.stdout.splitlines()[0].split()[:2] == ["docker", "reaches"]


def test_verbose_prints_the_derivations_that_nix_instantiate_writes(
    unlet: Unlet,
) -> None:
    """The commands are those of docs/tools.md, before nix-diff."""
    (unlet.cwd / "overlay.nix").write_text(
        'final: prev: { notes-server = prev.notes-server.overrideAttrs { A = "1"; }; }'
    )
    done = unlet("reach", "overlay.nix", "--nixpkgs", specimen.path(), "--verbose")
    (line,) = re.findall(r"^    derivations: (\S+) (\S+)$", done.stdout, re.MULTILINE)
    overlays = f"[ (import {unlet.cwd}/overlay.nix) ]"
    commands: list[list[str]] = [[], ["--arg", "overlays", overlays]]
    written = [
        subprocess.run(
            ["nix-instantiate", specimen.path(), *options, "-A", "notes-server"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        for options in commands
    ]
    assert [*line] == written
    assert all(Path(path).is_file() for path in line)


def test_the_summary_counts_in_plain_english(unlet: Unlet) -> None:
    (unlet.cwd / "overlay.nix").write_text(
        "final: prev: { curl = prev.nope; tini = prev.nope2; runc = prev.runc; }\n"
    )
    done = unlet("reach", "overlay.nix", "--nixpkgs", specimen.path())
    assert done.stdout.splitlines()[-1] == (
        "3 overrides: 1 no effect, 2 do not evaluate"
    )


def test_fix_prints_a_diff_on_a_pipe_and_writes_nothing(unlet: Unlet) -> None:
    text = 'final: prev: {\n  notes-server = prev.notes-server.overrideAttrs { version = "5"; };\n}\n'
    (unlet.cwd / "overlay.nix").write_text(text)
    done = unlet(
        "reach", "overlay.nix", "--fix", "--nixpkgs", specimen.path(), "--json"
    )
    document = json.loads(done.stdout)
    assert document["fix"]["written"] is False
    assert (unlet.cwd / "overlay.nix").read_text() == text
    assert not (unlet.cwd / "notes-server-overlay").exists()
    (line,) = document["fix"]["needed"]
    assert "notes-server-overlay" in line
    assert "put unlet's overlay before yours" in done.stderr


def test_unlets_overlay_stands_first_in_the_list_of_the_file(unlet: Unlet) -> None:
    text = """[
  (final: prev: {
    notes-server = prev.notes-server.overrideAttrs { version = "5"; };
  })
]
"""
    (unlet.cwd / "list.nix").write_text(text)
    done = unlet("reach", "list.nix", "--fix", "--nixpkgs", specimen.path())
    lines = [line for line in done.stdout.splitlines() if line.startswith("+")]
    assert lines[1:] == ["+  (import ./notes-server-overlay)"]
    assert done.returncode == 0
