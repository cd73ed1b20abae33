"""Lifts that are spoiled by hand: each claim names its fault, and nothing else."""

import shutil
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.proposal.cases import lift_case
from tests.proposal.nixpkgs import Nixpkgs
from toolkit.asking.trials import FOLLOW, LiftQuestion
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.model import Depth, SourceRequest, Tier
from toolkit.proposal.choosing import LiftCase
from toolkit.proposal.claims import CLAIMS, of_builds
from toolkit.proposal.judged import Judging
from toolkit.proposal.lifted import Asking
from toolkit.proposal.prove import Stage
from toolkit.sources import changes
from toolkit.sources.trees import NixpkgsTree

NOTES = PurePosixPath("pkgs/by-name/no/notes-server/package.nix")
KIOSK = """\
{ stdenv, notes-server }:

stdenv.mkDerivation {
  pname = "notes-kiosk";
  version = "1";
  installPhase = "echo ${notes-server.overrideAttrs { more = 1; }} \
${toString notes-server.updateScript} > $out";
}
"""
ASKED = (
    "no-rebuild",
    "overridable",
    "follows",
    "capture-safe",
    "passthru",
    "meta",
    "overrides",
    "readers",
    "parse",
)
UI = "${finalAttrs.passthru.web-ui}"


@pytest.fixture
def tree(nixpkgs: Nixpkgs) -> Path:
    """A copy of the specimen with an unused argument, and a reader of notes-server."""
    nixpkgs.edit("  curl,\n", "  curl,\n  extra ? 1,\n")
    nixpkgs.write(Path("pkgs/by-name/no/notes-kiosk/package.nix"), KIOSK)
    return nixpkgs.root


def case(tree: Path, made: Lifted, after: str) -> LiftCase:
    spoiled = tree.with_name("spoiled")
    shutil.copytree(tree, spoiled)
    (spoiled / NOTES).write_text(after)
    stages = [
        Stage(name=root.name, content=(root / NOTES).read_bytes(), path=root / NOTES)
        for root in (tree, spoiled)
    ]
    systems = ("x86_64-linux",)
    methods = {
        name: (FOLLOW, *path) if made.let.inner else path
        for name, path in made.methods.items()
    }
    question = LiftQuestion(
        package="notes-server", methods=methods, follows=made.follows
    )
    change = changes.one_file(
        NixpkgsTree(root=tree, key="of-a-test"),
        NOTES,
        after.encode(),
        source=SourceRequest(),
    )
    return lift_case(
        NOTES,
        stages,
        lifted=made,
        asking=Asking(trees=(tree, spoiled), own=question, systems=systems),
        judging=Judging(change=change, systems=systems),
    )


def failures(
    tree: Path, design: Design, *edits: tuple[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return by claim what it has against a lift with these edits."""
    follow = ("src", "version") if design is not Design.STAY else ()
    made = lift(
        (tree / NOTES).read_text(),
        LiftWay(design=design, follow=follow),
        name=str(NOTES),
    )
    after = made.text
    for old, new in edits:
        assert after.count(old) == 1, (old, after)
        after = after.replace(old, new)
    judged = case(tree, made, after)
    checks = {claim.name: claim.check for claim in CLAIMS}
    findings = {name: checks[name](judged) for name in ASKED}
    not_run = {
        Design.MOVE: set[str](),
        Design.STAY: {"follows"},
        Design.INNER: {"overridable"},
    }
    assert {name for name, finding in findings.items() if finding.not_run} == not_run[
        design
    ]
    return {
        name: finding.failures for name, finding in findings.items() if finding.failures
    }


@pytest.mark.parametrize("design", [Design.MOVE, Design.STAY, Design.INNER])
def test_no_claim_has_anything_against_a_lift_that_is_right(
    tree: Path, design: Design
) -> None:
    assert failures(tree, design) == {}


def test_changed_build_is_named_with_its_readers(tree: Path) -> None:
    found = failures(tree, Design.MOVE, ("$out/share/web", "$out/share/www"))
    assert {name: facts[0].partition(": /nix")[0] for name, facts in found.items()} == {
        "no-rebuild": "notes-server: is built differently",
        "readers": "notes-kiosk: is built differently",
    }


def test_change_that_no_build_shows_is_named_by_its_own_claim(tree: Path) -> None:
    found = failures(
        tree,
        Design.MOVE,
        ("update-notes-server", "update-notes"),
        ("Keeps notes and", "Keeps a note and"),
        ("  extra ? 1,\n", ""),
        ("inherit (finalAttrs) src version;", "inherit src version;"),
    )
    assert {name: facts[0].partition(": /nix")[0] for name, facts in found.items()} == {
        "follows": "passthru.web-ui: does not change with src",
        "passthru": "notes-server: updateScript \N{MINUS SIGN} update-notes-server, + "
        "update-notes (x86_64-linux)",
        "meta": "notes-server: meta.description differs: Keeps notes and shows them "
        "in a browser → "
        "Keeps a note and shows them in a browser (x86_64-linux)",
        "overrides": "notes-server: the argument extra of override is gone "
        "(x86_64-linux)",
        "readers": "notes-kiosk: is built differently",
    }


def test_a_method_that_is_shut_is_named(tree: Path) -> None:
    found = failures(tree, Design.STAY, (UI, "${web-ui}"))
    assert found == {
        "overridable": (
            "web-ui: an override of passthru.web-ui has no effect on any system",
        )
    }


WEB_UI = "web-ui: an override of what passthru.web-ui follows"
LEFT = (
    f"{WEB_UI} works only in part: the build still contains the replaced package, through "
    "notes-server-4.2.0.1 → "
    "notes-server-web-ui-4.2.0 (x86_64-linux)"
)
OLD = "${web-ui.overrideAttrs { inherit src version; }}"


@pytest.mark.parametrize(
    ("old", "new", "facts"),
    [
        (
            "inherit (finalAttrs) src version;",
            "inherit src version;",
            (
                *(
                    f"passthru.web-ui: does not change with {each}"
                    for each in ("src", "version")
                ),
                LEFT,
            ),
        ),
        (
            "ln -s ${web-ui} ",
            f"ln -s {OLD} ",
            (f"{WEB_UI} has no effect on any system",),
        ),
        ("ln -s ", f"# {OLD}\n      ln -s ", (LEFT,)),
        (
            "inherit web-ui;\n",
            "",
            (
                "passthru.web-ui: does not evaluate on any system",
                f"{WEB_UI} has no effect on any system",
            ),
        ),
    ],
)
def test_a_part_of_an_inner_let_that_does_not_follow_into_the_build_is_named(
    tree: Path, old: str, new: str, facts: tuple[str, ...]
) -> None:
    assert failures(tree, Design.INNER, (old, new))["follows"] == facts


def test_broken_package_is_named_by_each_claim_that_asks(
    tree: Path,
) -> None:
    found = failures(tree, Design.STAY, ("ln -s ", "${throw ''gone''} "))
    assert found["no-rebuild"][0].startswith(
        "notes-server: no longer evaluates: /nix/store/"
    )
    assert found["overridable"] == (
        "notes-server on x86_64-linux: no longer evaluates",
    )


@pytest.mark.parametrize(
    ("end", "said"), [("true", ()), ("false", ("nix-build ended with status 100",))]
)
def test_a_package_that_cannot_be_built_is_named(
    tree: Path, end: str, said: tuple[str, ...]
) -> None:
    text = (tree / NOTES).read_text()
    made = lift(text, name=str(NOTES))
    judged = case(
        tree,
        made,
        made.text.replace("mkdir -p $out/share", f"mkdir -p $out/share; {end}"),
    )
    assert of_builds(judged) == ()
    deep = replace(
        judged, request=replace(judged.request, depth=Depth(tier=Tier.BUILD))
    )
    (claim,) = of_builds(deep)
    finding = claim.check(deep)
    assert tuple(fact.partition(": ")[0] for fact in finding.failures) == said
    assert (claim.tier, finding.covers) == (
        Tier.BUILD,
        f"notes-server, {claim.name.removeprefix('built-')}",
    )
    assert any("/nix/store/" in line for line in finding.evidence)
    for_two = Depth(tier=Tier.BUILD, systems=("x86_64-linux", "aarch64-linux"))
    names = [
        each.name
        for each in of_builds(
            replace(judged, request=replace(judged.request, depth=for_two))
        )
    ]
    assert names == ["built-x86_64-linux", "built-aarch64-linux"]
