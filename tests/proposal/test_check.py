from collections.abc import Generator
from pathlib import Path, PurePosixPath

import pytest

from tests.clones import commit_all, git
from tests.diffs import diff
from tests.forge.server import NAME, Forge, serving
from tests.progress import Steps
from tests.proposal.nixpkgs import ALONE, NOTES, Nixpkgs, statuses
from toolkit import specimen
from toolkit.errors import LayoutError, ToolkitError
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.model import Depth, Report, Server, Silence, SourceRequest, Status, Tier
from toolkit.proposal.checking import check, completed
from toolkit.proposal.lifting import Lifts
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest, PullRef

BEFORE = (specimen.path() / NOTES).read_text()


def change(tmp_path: Path, after: str, file: Path = NOTES) -> ChangeRequest:
    """Return a patch of a file of the specimen."""
    patch = tmp_path / "theirs.diff"
    patch.write_text(diff(file, (specimen.path() / file).read_text(), after))
    return ChangeRequest(patch=patch, source=SourceRequest(nixpkgs="specimen"))


def judged(
    tmp_path: Path, after: str, *proofs: str, file: Path = NOTES, **asked: object
) -> Report:
    given = {
        "target": "notes-server",
        "depth": ALONE,
        **asked,
        "change": change(tmp_path, after, file),
        "proofs": proofs,
    }
    return check(CheckRequest(**given), progress=Silence())  # type: ignore[arg-type]


@pytest.mark.parametrize("design", [Design.MOVE, Design.LAYER])
def test_any_method_that_works_counts(tmp_path: Path, design: Design) -> None:
    report = judged(
        tmp_path, lift(BEFORE, LiftWay(design=design), name="package.nix").text
    )
    assert not report.failed
    assert statuses(report)["overridable"] is Status.PASSED
    assert report.proposal.bindings == ("web-ui",)
    assert report.proposal.target == PurePosixPath(NOTES)


@pytest.fixture
def forge(tmp_path: Path) -> Generator[Forge]:
    git(tmp_path, "init", "--quiet", "served")
    git(tmp_path / "served", "commit", "--quiet", "--allow-empty", "--message=first")
    yield from serving(tmp_path / "served")


def test_a_server_says_what_a_pull_request_is_of(forge: Forge) -> None:
    base = git(forge.repository, "rev-parse", "HEAD")
    git(forge.repository, "checkout", "--quiet", "-b", "theirs")
    git(forge.repository, "commit", "--quiet", "--allow-empty", "--message=theirs")
    forge.pull(7, head="theirs", title="drop platforms")
    asked = ChangeRequest(
        pull=PullRef(number=7), source=SourceRequest(nixpkgs="specimen")
    )
    progress = Steps()
    server = Server(repository=NAME, api_url=forge.api, raw_url=forge.raw)
    found = completed(asked, server, progress=progress).pull
    assert found is not None
    assert (found.title, found.base, found.head) == (
        "drop platforms",
        base,
        git(forge.repository, "rev-parse", "theirs"),
    )
    assert progress.steps == ["asking for #7"]
    # A clone knows the commits itself.
    assert completed(asked, None, progress=progress) == asked


def test_somebodys_change_is_built(tmp_path: Path) -> None:
    depth = Depth(tier=Tier.BUILD, systems=("x86_64-linux",))
    after = lift(BEFORE, LiftWay(design=Design.STAY), name="package.nix").text
    report = judged(tmp_path, after, "built-x86_64-linux", depth=depth)
    assert statuses(report) == {"built-x86_64-linux": Status.PASSED}


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "  passthru = { web-ui = own-ui; };\n\n",
        "  passthru.tests.web-ui = own-ui;\n\n",
    ],
)
def test_an_argument_with_the_definition_as_its_default_is_a_method(
    tmp_path: Path, shown: str
) -> None:
    before, _, rest = BEFORE.partition("}:\n")
    after = f"{before}  web-ui ? null,\n}}:\n{rest}".replace(
        "  web-ui = ", "  own-ui = ", 1
    )
    after = after.replace("${web-ui}", "${if web-ui == null then own-ui else web-ui}")
    after = after.replace("  meta = {", f"{shown}  meta = {{")
    kept, proof = judged(tmp_path, after, "no-rebuild", "overridable").proofs
    assert kept.status is Status.PASSED
    assert proof.status is Status.PASSED, (proof.reason, proof.evidence)
    assert proof.evidence[0] == "by override { NAME = …; } (before: none)"
    assert proof.evidence[1].startswith(
        "web-ui: a replacement of web-ui arrives in the build, and did not before"
    )


@pytest.mark.parametrize(
    "shown", ["{ inherit web-ui; }", "{ ui = web-ui; }", "{ tests = web-ui; }"]
)
def test_attribute_without_effect_is_no_method(tmp_path: Path, shown: str) -> None:
    after = BEFORE.replace("  meta = {", f"  passthru = {shown};\n\n  meta = {{")
    found = statuses(judged(tmp_path, after, "no-rebuild", "overridable"))
    assert found == {"no-rebuild": Status.PASSED, "overridable": Status.FAILED}


def rerouted(uses: str) -> str:
    """Return the package with final attributes, one for web-ui, and its use."""
    after = BEFORE.replace(
        'stdenv.mkDerivation {\n  pname = "notes-server"',
        'stdenv.mkDerivation (finalAttrs: {\n  pname = "notes-server"',
    )
    after = (
        after.replace("passthru = {", "passthru = {\n    inherit web-ui;").removesuffix(
            "}\n"
        )
        + "})\n"
    )
    return after.replace("    ln -s ${web-ui} $out/share/web\n", uses)


SEEN = "${builtins.seq finalAttrs.passthru.web-ui web-ui}"
BETWEEN = (
    '${stdenv.mkDerivation { name = "between"; installPhase = "cp ${web-ui} $out"; }}'
)
LEFT = (
    "web-ui: an override of passthru.web-ui works only in part: the build "
    "still contains the replaced package, through "
)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("${finalAttrs.passthru.web-ui}", None),
        (SEEN, "web-ui: an override of passthru.web-ui has no effect on any system"),
        (
            "${finalAttrs.passthru.web-ui.name}/${web-ui}",
            "web-ui: an override of passthru.web-ui has no effect on any system",
        ),
        (
            f"${{finalAttrs.passthru.web-ui}}/{SEEN}",
            f"{LEFT}notes-server-4.2.0 → notes-server-web-ui-4.2.0",
        ),
        (
            f"${{finalAttrs.passthru.web-ui}}/{BETWEEN}",
            f"{LEFT}notes-server-4.2.0 → between → notes-server-web-ui-4.2.0",
        ),
    ],
    ids=[
        "all uses",
        "a value that is forced",
        "its name alone",
        "one of two uses",
        "one use by way of another package",
    ],
)
def test_only_a_replacement_that_leaves_nothing_behind_counts(
    tmp_path: Path, use: str, said: str | None
) -> None:
    (proof,) = judged(
        tmp_path, rerouted(f"    ln -s {use} $out/share/web\n"), "overridable"
    ).proofs
    assert (proof.reason or "").partition(" (x86_64-linux")[0] == (said or "")
    assert proof.status is (Status.PASSED if said is None else Status.FAILED)


def test_another_derivation_is_named(tmp_path: Path) -> None:
    after = lift(BEFORE, name="package.nix").text.replace("$out/share/web", "$out/web")
    assert statuses(judged(tmp_path, after, "no-rebuild")) == {
        "no-rebuild": Status.FAILED
    }


def test_a_patch_of_another_file_or_longer_than_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="but not '"):
        judged(
            tmp_path,
            BEFORE.replace("$out/share/web", "$out/web"),
            target="status-board",
        )
    with pytest.raises(
        ToolkitError,
        match=r"theirs\.diff: is too large: 2\.\d MB, more than the limit of 1 MiB$",
    ):
        judged(tmp_path, BEFORE + "#\n" * 700_000)


def test_a_file_that_binds_no_package_needs_a_binding(tmp_path: Path) -> None:
    viewer = Path("pkgs/by-name/lo/log-viewer/package.nix")
    after = f"# new\n{(specimen.path() / viewer).read_text()}"
    with pytest.raises(
        LayoutError, match="no let around the package defines a package"
    ):
        judged(tmp_path, after, file=viewer, target="log-viewer")
    report = judged(
        tmp_path,
        after,
        "no-rebuild",
        file=viewer,
        target="log-viewer",
        bindings=("systemd",),
    )
    assert statuses(report) == {"no-rebuild": Status.PASSED}


def test_commit_of_a_clone_is_judged_as_its_patch_is(
    tmp_path: Path, nixpkgs: Nixpkgs
) -> None:
    clone = commit_all(nixpkgs.root)
    nixpkgs.write(
        NOTES, lift(BEFORE, LiftWay(design=Design.STAY), name="package.nix").text
    )
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: lift")
    request = CheckRequest(
        change=ChangeRequest(rev="HEAD", clone=clone), target="notes-server"
    )
    found = statuses(check(request, progress=Silence()))
    assert found == statuses(judged(tmp_path, nixpkgs.text()))
    assert found["overridable"] is Status.PASSED
    with pytest.raises(ToolkitError, match="HEAD does not change this file"):
        check(
            CheckRequest(change=request.change, target="status-board"),
            progress=Silence(),
        )


def test_a_claim_names_the_systems_that_it_was_narrowed_to(tmp_path: Path) -> None:
    names = (
        "parse",
        "no-rebuild",
        "overridable",
        "passthru",
        "meta",
        "overrides",
        "readers",
    )
    after = lift(BEFORE, name="package.nix").text
    depths = (Depth(systems=("aarch64-linux",)), Depth())
    reports = (judged(tmp_path, after, *names, depth=depth) for depth in depths)
    narrow, wide = (
        {proof.name: proof for proof in report.proofs} for report in reports
    )
    for name in names[1:]:
        assert narrow[name].claim == f"{wide[name].claim} on aarch64-linux"
    for name in ("no-rebuild", "overridable"):
        assert narrow[name].covers.endswith("on aarch64-linux")
        assert wide[name].covers.count("-linux") > 1
    assert narrow["parse"].claim == wide["parse"].claim


@pytest.mark.parametrize("systems", [("x86_64-linux",), ()])
def test_the_judge_asks_on_no_more_systems_than_were_asked_for(
    tmp_path: Path, systems: tuple[str, ...]
) -> None:
    asked = change(tmp_path, lift(BEFORE, name="package.nix").text)
    request = CheckRequest(
        change=asked, target="notes-server", depth=Depth(systems=systems)
    )
    found = Lifts().foreign(request, progress=Silence()).judging.systems
    assert found == systems or (
        not systems and {"x86_64-linux", "cross", "static"} < {*found}
    )
