"""What the commands make of a lift beside proposing it: an overlay, a branch, reasons, a picture."""

import json
import shutil
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.clones import commit_all
from tests.proposal.test_propose import NOTES, run, statuses
from toolkit import specimen
from toolkit.errors import RefusalError, ToolkitError, UsageError
from toolkit.lift.plan import Design
from toolkit.model import (
    Depth,
    FileChange,
    OverlayReport,
    Silence,
    SourceRequest,
    Status,
    TreeCommit,
)
from toolkit.proposal import proposing
from toolkit.proposal.checking import check
from toolkit.proposal.choosing import LiftCase
from toolkit.proposal.inspection import PackageInspection, Part, graph, lines
from toolkit.proposal.lifting import Lifts
from toolkit.proposal.requests import CheckRequest, Request

SYSTEM = "x86_64-linux"


def request(target: str = "notes-server", nixpkgs: str = "specimen", **more: object) -> Request:
    return Request(target=target, source=SourceRequest(nixpkgs=nixpkgs), **more)  # type: ignore[arg-type]


def overlaid(out: Path, target: str = "notes-server", nixpkgs: str = "specimen", **more: object) -> OverlayReport:
    return proposing.overlay(request(target, nixpkgs, out=out, **more), progress=Silence())


class TestOverlay:
    """An overlay on its own."""

    def test_it_is_written_with_its_report_and_proven_where_it_stands(self, tmp_path: Path) -> None:
        found = overlaid(tmp_path / "out")
        assert (found.target, found.bindings, found.kind, found.warnings) == ("notes-server", ("web-ui",), "move", ())
        assert found.files == ("default.nix", "notes-server/package.nix", "report.json")
        assert {proof.name: proof.status for proof in found.proofs} == {
            "parse": Status.PASSED,
            "no-rebuild": Status.PASSED,
            "capture-safe": Status.PASSED,
            "overridable": Status.PASSED,
            "passthru": Status.PASSED,
            "meta": Status.PASSED,
            "overrides": Status.PASSED,
            "overlay": Status.PASSED,
        }
        assert {file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.*")} == {
            *found.files
        }
        document = json.loads((tmp_path / "out/report.json").read_text())
        assert (document["target"], document["kind"]) == ("notes-server", "move")
        (again,) = (proof.commands for proof in found.proofs if proof.name == "overlay")
        assert f"{tmp_path}/out" in again[0]
        assert found.tools["nix"]

    def test_it_is_written_before_its_proofs_and_says_so(self, tmp_path: Path) -> None:
        out, told = tmp_path / "out", dict[str, list[str]]()

        class Watch(Silence):
            def step(self, what: str) -> None:
                if (out / "report.json").is_file():
                    told[what] = json.loads((out / "report.json").read_text())["warnings"]

        assert proposing.overlay(request(out=out), progress=Watch()).warnings == ()
        assert told[f"{out} is written, and not proven yet"] == [proposing.UNPROVEN]
        assert "proving overridable" in told
        assert json.loads((out / "report.json").read_text())["warnings"] == []

    def test_a_directory_that_holds_something_else_is_refused_and_an_older_one_replaced(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir()
        (out / "mine").write_text("")
        with pytest.raises(ToolkitError, match="is not empty"):
            overlaid(out)
        assert [each.name for each in out.iterdir()] == ["mine"]
        overlaid(tmp_path / "first")
        found = overlaid(tmp_path / "first", designs={"lift": Design.STAY}, force=True)
        assert found.kind == "stay"

    def test_what_does_not_count_is_said(self, tmp_path: Path) -> None:
        clone = commit_all(shutil.copytree(specimen.path(), tmp_path / "clone"))
        (clone / NOTES).write_text(f"# new\n{(clone / NOTES).read_text()}")
        found = overlaid(tmp_path / "out", nixpkgs=str(clone))
        assert found.warnings == (
            f"{clone / NOTES}: has changes that are not committed and do not count; commit them first",
        )

    def test_a_package_that_its_directory_alone_does_not_make_is_refused(self, tmp_path: Path) -> None:
        tree = shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
        packages = tree / "pkgs/top-level/all-packages.nix"
        text = packages.read_text().rstrip()
        (tree / NOTES.parent).rename(tree / "pkgs/notes")
        called = "  notes-server = callPackage ../notes/package.nix { };\n"
        packages.write_text(f"{text[: text.rindex('}')]}{called}}}\n")
        with pytest.raises(RefusalError) as caught:
            overlaid(tmp_path / "out", nixpkgs=str(tree))
        fact = "nixpkgs calls it with arguments, or its file reads other directories"
        assert caught.value.message == f"notes-server: {fact}, so an overlay cannot call it"
        assert caught.value.hint == f"unlet propose notes-server --nixpkgs {tree} writes a patch for your nixpkgs"
        assert not (tmp_path / "out").exists()


class TestBranch:
    """What a branch in a clone is made of."""

    @pytest.fixture
    def chosen(self) -> LiftCase:
        chosen = proposing.choose(request(), progress=Silence())
        assert isinstance(chosen, LiftCase)
        return chosen

    def test_the_request_keeps_what_follows(self, chosen: LiftCase) -> None:
        exact = Lifts().exact_request(chosen)
        assert exact == request(follow=("src", "version"))
        assert proposing.choose(exact, progress=Silence()).commits == chosen.commits

    def test_a_commit_has_the_packages_file(self, chosen: LiftCase) -> None:
        (commit,) = chosen.commits
        change = FileChange(path=PurePosixPath(NOTES), before=chosen.source.content, after=commit.after)
        assert proposing.tree_commits(chosen, chosen.commits) == (
            TreeCommit(subject=commit.subject, body=commit.whole, files=(change,)),
        )

    def test_the_contributors_file_takes_the_place_of_ours(self, chosen: LiftCase) -> None:
        (commit,) = chosen.commits
        theirs = commit.after.replace(b"  meta =", b"  # mine\n  meta =")
        assert theirs != commit.after
        changed = Lifts().changed(chosen, theirs, progress=Silence())
        assert (changed.commits, changed.steps) == ((replace(commit, after=theirs),), chosen.steps)
        proofs = proposing.judge(changed, progress=Silence())
        assert not [proof for proof in proofs if proof.status is Status.FAILED]
        spoiled = Lifts().changed(chosen, theirs.replace(b'version = "', b'version = "9'), progress=Silence())
        proofs = proposing.judge(spoiled, progress=Silence())
        assert "no-rebuild" in {proof.name for proof in proofs if proof.status is Status.FAILED}


class TestNixpkgsThatIsGone:
    """A proposal of a target whose nixpkgs is no longer there."""

    @pytest.fixture
    def proposal(self, tmp_path: Path) -> Path:
        tree = shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
        run(tmp_path / "out", "docker", str(tree))
        shutil.rmtree(tree)
        return tmp_path / "out"

    def test_the_file_is_that_of_the_overlay_without_the_change(self, proposal: Path) -> None:
        found = check(CheckRequest(target="", directory=proposal), progress=Silence())
        assert not found.failed
        path = "pkgs/applications/virtualization/docker/default.nix"
        assert found.proposal.source.content == (specimen.path() / path).read_bytes()
        assert found.warnings[0].startswith("the source is not available: the file comes from the proposal")
        assert "tree" not in statuses(found)

    def test_the_whole_nixpkgs_that_is_asked_for_is_named(self, proposal: Path) -> None:
        request = CheckRequest(target="", directory=proposal, depth=Depth(whole=True))
        with pytest.raises(UsageError, match="is a file, not a whole nixpkgs"):
            check(request, progress=Silence())

    def test_a_file_that_does_not_belong_to_the_report_is_named(self, proposal: Path) -> None:
        for file in (proposal / "overlay").rglob("default.nix"):
            file.write_text(file.read_text().replace("dockerGen", "dockerMake"))
        with pytest.raises(ToolkitError):
            check(CheckRequest(target="", directory=proposal), progress=Silence())


def inspection(*parts: Part, system: str | None = SYSTEM) -> PackageInspection:
    return PackageInspection(
        package="app",
        file=PurePosixPath("pkgs/app.nix"),
        version="1",
        parts=parts,
        system=system,
        reason=None if system is not None else "it does not evaluate",
    )


HIDDEN = Part(name="ui", bound="let", builder="buildUi", line=7, state="hidden", reached=False, methods=())
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
        "  no let of the file binds a package, and nothing is taken from finalAttrs.passthru"
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
