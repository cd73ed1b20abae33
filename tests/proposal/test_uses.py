"""Further uses of a lift: an overlay, a branch, reasons, a picture."""

import json
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.clones import commit_all
from tests.proposal.nixpkgs import NOTES, Nixpkgs
from toolkit.errors import RefusalError, ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import (
    FileChange,
    OverlayReport,
    Silence,
    SourceRequest,
    Status,
    TreeCommit,
)
from toolkit.proposal import proposing
from toolkit.proposal.choosing import LiftCase
from toolkit.proposal.inspection import PackageInspection, Part, graph, lines
from toolkit.proposal.lifting import Lifts
from toolkit.proposal.requests import Request

SYSTEM = "x86_64-linux"


def request(nixpkgs: str = "specimen", **more: object) -> Request:
    return Request(target="notes-server", source=SourceRequest(nixpkgs=nixpkgs), **more)  # type: ignore[arg-type]


def overlaid(out: Path, nixpkgs: str = "specimen", **more: object) -> OverlayReport:
    return proposing.overlay(request(nixpkgs, out=out, **more), progress=Silence())


class TestOverlay:
    """An overlay on its own."""

    def test_it_is_written_before_its_proofs_and_proven_where_it_stands(
        self, tmp_path: Path
    ) -> None:
        out, told = tmp_path / "out", dict[str, list[str]]()

        class Watch(Silence):
            def step(self, what: str) -> None:
                if (out / "report.json").is_file():
                    told[what] = json.loads((out / "report.json").read_text())[
                        "warnings"
                    ]

        found = proposing.overlay(request(out=out), progress=Watch())
        assert told[f"{out} is written; its proofs still run"] == [proposing.UNPROVEN]
        assert "proving overridable" in told
        assert (found.target, found.bindings, found.kind, found.warnings) == (
            "notes-server",
            ("web-ui",),
            "move",
            (),
        )
        assert found.files == ("default.nix", "notes-server/package.nix", "report.json")
        names = (
            "parse",
            "no-rebuild",
            "capture-safe",
            "overridable",
            "passthru",
            "meta",
            "overrides",
            "overlay",
        )
        assert {proof.name: proof.status for proof in found.proofs} == dict.fromkeys(
            names, Status.PASSED
        )
        assert {file.relative_to(out).as_posix() for file in out.rglob("*.*")} == {
            *found.files
        }
        document = json.loads((out / "report.json").read_text())
        assert (document["target"], document["kind"], document["warnings"]) == (
            "notes-server",
            "move",
            [],
        )
        (again,) = (proof.commands for proof in found.proofs if proof.name == "overlay")
        assert str(out) in again[0]
        assert found.tools["nix"]

    def test_what_is_not_committed_is_said_and_only_an_older_overlay_replaced(
        self, nixpkgs: Nixpkgs
    ) -> None:
        clone, out = commit_all(nixpkgs.root), nixpkgs.out
        nixpkgs.write(NOTES, f"# new\n{nixpkgs.text()}")
        out.mkdir()
        (out / "mine").write_text("")
        with pytest.raises(ToolkitError, match="is not empty"):
            overlaid(out)
        assert [each.name for each in out.iterdir()] == ["mine"]
        (out / "mine").rename(out / "report.json")
        (out / "report.json").write_text('{"unlet": "0.1.0"}')
        found = overlaid(out, str(clone), designs={"lift": Design.STAY}, force=True)
        fact = (
            f"{clone / NOTES}: has uncommitted changes, which unlet ignores; commit "
            f"them to include them"
        )
        assert (found.kind, found.warnings) == ("stay", (fact,))

    def test_a_package_that_its_directory_alone_does_not_make_is_refused(
        self, nixpkgs: Nixpkgs
    ) -> None:
        (nixpkgs.root / NOTES.parent).rename(nixpkgs.root / "pkgs/notes")
        nixpkgs.add("  notes-server = callPackage ../notes/package.nix { };\n")
        with pytest.raises(RefusalError) as caught:
            overlaid(nixpkgs.out, str(nixpkgs.root))
        fact = "nixpkgs passes arguments to it, or its file reads other directories"
        assert (
            caught.value.message
            == f"notes-server: {fact}, so an overlay cannot call it"
        )
        hint = (
            f"unlet propose notes-server --nixpkgs {nixpkgs.root} writes a patch "
            "for your nixpkgs instead"
        )
        assert caught.value.hint == hint
        assert not nixpkgs.out.exists()


class TestBranch:
    """What a branch in a clone is made of."""

    @pytest.fixture
    def chosen(self) -> LiftCase:
        chosen = proposing.choose(request(), progress=Silence())
        assert isinstance(chosen, LiftCase)
        return chosen

    def test_the_request_keeps_what_follows_and_a_commit_has_the_packages_file(
        self, chosen: LiftCase
    ) -> None:
        exact = Lifts().exact_request(chosen)
        assert exact == request(follow=("src", "version"))
        assert proposing.choose(exact, progress=Silence()).commits == chosen.commits
        (commit,) = chosen.commits
        change = FileChange(
            path=PurePosixPath(NOTES), before=chosen.source.content, after=commit.after
        )
        assert proposing.tree_commits(chosen, chosen.commits) == (
            TreeCommit(subject=commit.subject, body=commit.whole, files=(change,)),
        )

    def test_the_contributors_file_takes_the_place_of_ours(
        self, chosen: LiftCase
    ) -> None:
        (commit,) = chosen.commits
        theirs = commit.after.replace(b"  meta =", b"  # mine\n  meta =")
        assert theirs != commit.after
        changed = Lifts().changed(chosen, theirs)
        assert (changed.commits, changed.steps) == (
            (replace(commit, after=theirs),),
            chosen.steps,
        )
        proofs = proposing.own_proofs(changed, progress=Silence())
        assert not [proof for proof in proofs if proof.status is Status.FAILED]
        spoiled = Lifts().changed(
            chosen, theirs.replace(b'version = "', b'version = "9')
        )
        proofs = proposing.own_proofs(spoiled, progress=Silence())
        assert "no-rebuild" in {
            proof.name for proof in proofs if proof.status is Status.FAILED
        }


def inspection(*parts: Part, system: str | None = SYSTEM) -> PackageInspection:
    return PackageInspection(
        package="app",
        file=PurePosixPath("pkgs/app.nix"),
        version="1",
        parts=parts,
        system=system,
        reason=None if system is not None else "it does not evaluate",
    )


HIDDEN = Part(
    name="ui",
    bound="let",
    builder="buildUi",
    line=7,
    state="hidden",
    reached=False,
    methods=(),
)
ROUTED = Part(
    name="cli",
    bound="attribute",
    builder=None,
    line=None,
    state=None,
    reached=True,
    methods=("overrideAttrs { cli = …; }",),
    partly=("override { cli = …; }",),
)


def test_an_inspection_has_a_line_for_each_part_and_for_its_overrides() -> None:
    assert [*lines(inspection(HIDDEN, ROUTED))] == [
        "app: pkgs/app.nix, 1",
        "  ui   let, line 7  buildUi  hidden",
        "  cli  attribute, taken from the final attributes",
        "  overrides that have an effect on the build:",
        "    ui   none",
        "    cli  overrideAttrs { cli = …; }; in part: override { cli = …; }",
        "  decided by Nix's evaluation for x86_64-linux",
    ]
    assert [*lines(inspection(HIDDEN, system=None))][3:] == [
        "    ui  unknown",
        "  decided by the syntax: it does not evaluate",
    ]
    assert [*lines(inspection())][1:] == [
        (
            "  the file defines no package in a let, and takes none from "
            "finalAttrs.passthru"
        )
    ]


def test_a_picture_has_the_parts_by_their_reach_and_the_overrides() -> None:
    unclear = replace(HIDDEN, name='"<x>', reached=None, line=None)
    assert graph(inspection(HIDDEN, ROUTED, unclear)).decode() == (
        "%% app: pkgs/app.nix\n"
        "flowchart LR\n"
        '  package["app"]\n'
        '  subgraph g0["overridable"]\n'
        '    p1["cli (attribute)"]\n'
        "  end\n"
        '  subgraph g1["not overridable"]\n'
        '    p0["ui (let, line 7)"]\n'
        "  end\n"
        '  subgraph g2["unknown"]\n'
        '    p2["&quot;&lt;x&gt; (let)"]\n'
        "  end\n"
        "  p0 --> package\n"
        "  p1 --> package\n"
        "  p2 --> package\n"
        '  p1d0(["overrideAttrs { cli = …; }"]) -.-> p1\n'
    )
    assert b"subgraph g0" not in graph(inspection(HIDDEN))
