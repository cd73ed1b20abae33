import json
import shutil
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

import pytest
from msgspec.structs import replace

from tests.clones import commit_all
from tests.progress import Steps
from toolkit import specimen
from toolkit.errors import LayoutError, LimitError, RefusalError, ToolkitError, UsageError, only
from toolkit.lift.locating import locate
from toolkit.lift.plan import ASKED, Design
from toolkit.model import Progress, Report, Silence, SourceRequest, Status
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.process import Command, Completed
from toolkit.proposal.choosing import LiftCase, choose
from toolkit.proposal.lifting import Lifts
from toolkit.proposal.proposing import overlay, propose
from toolkit.proposal.requests import Request
from toolkit.proposal.target import find_target

NOTES = Path("pkgs/by-name/no/notes-server/package.nix")


def run(out: Path, target: str, nixpkgs: str = "specimen", **choices: object) -> Report:
    design = choices.pop("design", None)
    designs = {"lift": design} if design is not None else {}
    progress = cast("Progress", choices.pop("progress", Silence()))
    source = SourceRequest(nixpkgs=nixpkgs)
    request = Request(target=target, source=source, out=out, designs=designs, **choices)  # type: ignore[arg-type]
    (attempt,) = propose([request], progress=progress)
    return only(attempt.result)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "nixpkgs"
    shutil.copytree(specimen.path(), root)
    return root


@pytest.fixture
def changed(tree: Path) -> Callable[[str, str], None]:
    def change(before: str, after: str) -> None:
        text = (tree / NOTES).read_text()
        assert before in text
        (tree / NOTES).write_text(text.replace(before, after))

    return change


def statuses(report: Report) -> dict[str, Status]:
    return {proof.name: proof.status for proof in report.proofs}


@pytest.mark.parametrize("target", ["notes-server", "status-board"])
@pytest.mark.parametrize("design", ASKED)
def test_a_package_of_the_specimen_is_lifted_and_proven(tmp_path: Path, target: str, design: Design) -> None:
    report = run(tmp_path / "out", target, design=design)
    found = statuses(report)
    for program in ("format", "lint"):
        found.pop(program)
    # None of these has a part that follows.
    assert found.pop("follows") is Status.NOT_RUN
    assert set(found.values()) == {Status.PASSED}
    assert (tmp_path / "out/overlay/default.nix").is_file()


def test_the_report_names_target_file_and_bindings(tmp_path: Path) -> None:
    run(tmp_path / "out", str(NOTES), bindings=("web-ui",))
    document = json.loads((tmp_path / "out/report.json").read_text())
    assert (document["target"], document["file"], document["bindings"]) == ("notes-server", str(NOTES), ["web-ui"])
    assert document["steps"] == [{"design": "move", "name": "lift", "reason": None}]


def test_the_commit_has_upstreams_form_and_says_what_was_proven(tmp_path: Path) -> None:
    assert run(tmp_path / "reasons", "status-board").proposal.bindings == ("theme",)
    report = run(tmp_path / "out", "status-board", bindings=("checker", "theme"))
    (commit,) = report.proposal.commits
    assert commit.subject == "status-board: let overrideAttrs replace checker and theme"
    assert commit.whole == (
        "checker is bound in a let, so an override has to repeat all that uses\n"
        "it. Expose it in passthru, and take it from finalAttrs. Replacing theme\n"
        "with overrideAttrs changes only some uses, since others take it from the\n"
        "let. Take it from finalAttrs. Define path in passthru, too, where\n"
        "overrides reach it. Use finalAttrs instead of rec, so that src follows\n"
        "overrides of version.\n\n"
        "No rebuilds."
    )
    text = (tmp_path / "out/pull-request.md").read_text()
    assert text.startswith("checker is bound in a let, so an override has to repeat all that uses it.")
    assert "Let overrides of theme take effect, too." in text
    assert "docker" not in text
    assert "No rebuilds: `nix-instantiate -A status-board` prints the same on HEAD~1 and HEAD." in text


def test_the_text_ends_with_the_template_of_the_nixpkgs(tmp_path: Path) -> None:
    run(tmp_path / "out", "notes-server")
    template = (specimen.path() / ".github/PULL_REQUEST_TEMPLATE.md").read_text()
    assert (tmp_path / "out/pull-request.md").read_text().endswith(template)


def test_a_part_that_shares_source_and_version_follows_the_package(tmp_path: Path) -> None:
    report = run(tmp_path / "out", "notes-server")
    (commit,) = report.proposal.commits
    assert b"inherit (finalAttrs) src version;" in commit.after
    assert commit.subject == "notes-server: let overrides of src and version reach web-ui"
    assert commit.whole == (
        "Overriding src and version with overrideAttrs leaves web-ui as before.\n"
        "Move its definition into passthru, and take src and version from\n"
        "finalAttrs there. A new version also needs a new hash for src. Move\n"
        "version and src out of the let.\n\n"
        "No rebuilds."
    )
    assert not report.failed


def test_a_part_that_an_override_of_the_version_does_not_reach_gets_the_next_design(
    tmp_path: Path, tree: Path, changed: Callable[[str, str], None]
) -> None:
    tag = "builtins.substring 0 0 version"
    source = f'src = fetchFromGitHub {{ owner = "a"; repo = "b"; tag = {tag}; hash = "sha256-fake/ui"; }};'
    changed(
        "inherit src version;\n\n    source", f"version = builtins.substring 0 3 version;\n    {source}\n\n    source"
    )
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    (step,) = report.proposal.steps
    assert step.design == "stay"
    assert step.reason == f"{NOTES}: an override of src or version does not reach what takes it from the package"


def test_a_part_with_final_attributes_of_its_own_is_lifted_and_proven(
    tmp_path: Path, tree: Path, changed: Callable[[str, str], None]
) -> None:
    changed("web-ui = stdenv.mkDerivation {", "web-ui = stdenv.mkDerivation (finalAttrs: {")
    changed('sourceRoot = "web";', "sourceRoot = finalAttrs.pname;")
    changed("    '';\n  };\nin\n", "    '';\n  });\nin\n")
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert not report.failed
    assert statuses(report)["capture-safe"] is Status.PASSED
    assert b"sourceRoot = uiAttrs.pname;" in report.proposal.commits[0].after


def test_packages_of_one_file_stand_in_the_subject(tmp_path: Path, tree: Path) -> None:
    packages = tree / "pkgs/top-level/all-packages.nix"
    text = packages.read_text()
    more = "  notes-lts = callPackage ../by-name/no/notes-server/package.nix { };\n  notes-new = notes-lts;\n"
    text = text.replace("final: _:\n", "final: _:\nwith final;\n")
    packages.write_text(f"{text[: text.rstrip().rindex('}')]}{more}}}\n")
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert report.proposal.commits[0].subject.startswith("notes-lts, notes-server: ")
    proof = next(proof for proof in report.proofs if proof.name == "no-rebuild")
    assert proof.covers.startswith("notes-lts, notes-new, notes-server on x86_64-linux, ")


def test_a_package_of_the_file_that_changes_fails_no_rebuild(tmp_path: Path, tree: Path) -> None:
    packages = tree / "pkgs/top-level/all-packages.nix"
    text = packages.read_text()
    call = "callPackage ../by-name/no/notes-server/package.nix { }"
    more = f"  notes-lts = ({call}).overrideAttrs (old: {{ ui = old.passthru ? web-ui; }});\n"
    packages.write_text(f"{text[: text.rstrip().rindex('}')]}{more}}}\n")
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    proof = next(proof for proof in report.proofs if proof.name == "no-rebuild")
    assert proof.status is Status.FAILED
    assert (proof.reason or "").startswith("notes-lts: is built differently: /nix/store/")
    assert "No rebuilds." not in report.proposal.commits[0].whole


def test_a_change_of_too_many_lines_is_made_on_request_alone(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("echo notes > $out/index.html\n", "echo notes > $out/index.html\n" * 200)
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    (step,) = report.proposal.steps
    assert (step.design, "more than 300" in (step.reason or "")) == ("stay", True)
    moved = run(tmp_path / "moved", "notes-server", nixpkgs=str(tree), design=Design.MOVE)
    assert moved.proposal.steps[0].design == "move"


def test_an_override_without_effect_is_refused_and_nothing_is_written(tmp_path: Path, tree: Path) -> None:
    generic = tree / "pkgs/stdenv/generic/make-derivation.nix"
    text = generic.read_text()
    assert "changed = toFunction change old;" in text
    generic.write_text(text.replace("changed = toFunction change old;", "changed = { };"))
    with pytest.raises(RefusalError, match="its builder does not see what overrideAttrs replaces"):
        run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert not (tmp_path / "out").exists()


def test_a_part_that_is_not_built_by_default_is_refused_for_that(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("${web-ui}", '${if version == "" then web-ui else version}')
    with pytest.raises(RefusalError, match="by default, the package is not built with it on these systems"):
        run(tmp_path / "out", "notes-server", nixpkgs=str(tree))


def test_what_nix_refuses_without_a_variable_is_said_and_what_is_broken_has_no_place_upstream(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    head = '    description = "Keeps notes'
    asked = Request(target="notes-server", source=SourceRequest(nixpkgs=str(tree)), out=tmp_path)
    changed(head, f"    unfree = true;\n{head}")
    (chosen,) = choose([asked], progress=Silence())
    assert isinstance(chosen, LiftCase)
    assert Lifts().texts(chosen).permits == ("NIXPKGS_ALLOW_UNFREE",)
    Lifts().require_upstream(chosen)
    changed(head, f"    broken = true;\n{head}")
    is_not_wanted(asked, "notes-server: is marked as broken; upstream wants that mended before anything else")


def is_not_wanted(asked: Request, fact: str) -> None:
    (refusal,) = choose([asked], progress=Silence())
    assert isinstance(refusal, RefusalError)
    assert (refusal.message, refusal.hint) == (fact, "--binding NAME lifts a part of it all the same")
    (chosen,) = choose([replace(asked, bindings=("web-ui",))], progress=Silence())
    assert isinstance(chosen, LiftCase)
    with pytest.raises(ToolkitError) as caught:
        Lifts().require_upstream(chosen)
    assert caught.value.message == fact


def test_what_is_broken_on_one_system_is_asked_about_without_a_variable(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    head = '    description = "Keeps notes'
    changed(head, f"    broken = stdenv.hostPlatform.isAarch64;\n{head}")
    asked = Request(target="notes-server", source=SourceRequest(nixpkgs=str(tree)), out=tmp_path)
    (chosen,) = choose([asked], progress=Silence())
    assert isinstance(chosen, LiftCase)
    assert {answer.marks for answer in chosen.asking.answers().values()} == {(), ("broken",)}
    assert Lifts().texts(chosen).permits == ()
    Lifts().require_upstream(chosen)
    # A system on which it does not evaluate says nothing of the others.
    there = 'broken = if stdenv.hostPlatform.isAarch64 then abort "not here" else false;'
    changed("    broken = stdenv.hostPlatform.isAarch64;\n", f"    unfree = true;\n    {there}\n")
    (chosen,) = choose([asked], progress=Silence())
    assert isinstance(chosen, LiftCase)
    assert None in {answer.before for answer in chosen.asking.answers().values()}
    assert (Lifts().texts(chosen).permits, Lifts().texts(chosen).system) == (("NIXPKGS_ALLOW_UNFREE",), "")


def test_a_package_for_one_system_alone_is_asked_about_there(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("platforms = lib.platforms.all;", 'platforms = [ "aarch64-darwin" ];')
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert not report.failed
    text = (tmp_path / "out/pull-request.md").read_text()
    assert "No rebuilds: `nix-instantiate --argstr system aarch64-darwin -A notes-server` prints the same" in text


def test_a_package_that_upstream_builds_nowhere_has_no_place_there(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("platforms = lib.platforms.all;", 'platforms = [ "x86_64-darwin" ];')
    asked = Request(target="notes-server", source=SourceRequest(nixpkgs=str(tree)), out=tmp_path)
    is_not_wanted(asked, "notes-server: is for none of x86_64-linux, aarch64-linux, aarch64-darwin")


def test_an_insecure_part_asks_for_a_variable_as_well(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    source = SourceRequest(nixpkgs=str(tree))
    asked = Request(target="notes-server", source=source, out=tmp_path)
    changed('    sourceRoot = "web";', '    sourceRoot = "web";\n    meta.knownVulnerabilities = [ "old" ];')
    (chosen,) = choose([asked], progress=Silence())
    assert isinstance(chosen, LiftCase)
    assert Lifts().texts(chosen).permits == ("NIXPKGS_ALLOW_INSECURE",)
    with pytest.raises(ToolkitError, match="notes-server: is marked as insecure, or a part of it is; upstream wants"):
        Lifts().require_upstream(chosen)


def test_an_unfree_part_asks_for_a_variable_as_well(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    source = SourceRequest(nixpkgs=str(tree))
    changed('    sourceRoot = "web";', '    sourceRoot = "web";\n    meta.license.free = false;')
    (chosen,) = choose([Request(target="notes-server", source=source, out=tmp_path)], progress=Silence())
    assert isinstance(chosen, LiftCase)
    assert Lifts().texts(chosen).permits == ("NIXPKGS_ALLOW_UNFREE",)
    Lifts().require_upstream(chosen)


def test_a_part_that_some_systems_lack_is_lifted(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    changed(
        "  web-ui = stdenv.mkDerivation {",
        "  web-ui = if !stdenv.hostPlatform.isLinux then null else stdenv.mkDerivation {",
    )
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert not report.failed
    assert b"finalAttrs.passthru.web-ui" in report.proposal.commits[-1].after


HASH = 'outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";'
DEPS = f"""npmDeps = stdenv.mkDerivation {{
      name = "deps";
      inherit src;
      {HASH}
    }};
"""
REHASHED = "another version, with other hashes of passthru.web-ui.npmDeps, src, arrives in the build"


@pytest.mark.parametrize(
    ("deps", "found"),
    [
        (DEPS, REHASHED),
        (DEPS.replace(HASH, "inherit (hashes) outputHash;"), REHASHED),
        (HASH, REHASHED.replace("npmDeps", "outputHash")),
        (
            f"{DEPS}    kept = (stdenv.mkDerivation (final: {{ {DEPS} }})).npmDeps;",
            "another hash of passthru.web-ui.npmDeps by overrideAttrs does not arrive in the build",
        ),
        (
            DEPS.replace("npmDeps = ", "npmDeps = (x: x // { overrideAttrs = abort x.name; }) (").replace("};", "});"),
            "",
        ),
    ],
)
def test_the_whole_update_by_an_override_is_shown_if_it_reaches_the_build(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path, deps: str, found: str
) -> None:
    changed('    sourceRoot = "web";', f'    sourceRoot = "web";\n    {deps}')
    changed('[ "update-notes-server" ]', "nix-update-script { }")
    script = 'nix-update-script = { extraArgs ? [ ] }: [ "nix-update" ] ++ extraArgs;'
    changed('let\n  version = "4.2.0";', f'let\n  {script}\n  hashes.{HASH}\n  version = "4.2.0";')
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert not report.failed
    proofs = {proof.name: proof for proof in report.proofs}
    updates = [line for line in proofs["follows"].evidence if "another" in line]
    assert updates == ([found] if found else [])
    text = (tmp_path / "out/pull-request.md").read_text()
    assert ("web-ui = old.passthru.web-ui.overrideAttrs (" in text) is found.startswith("another version")
    intended = "notes-server: updateScript names web-ui by --subpackage, as intended"
    assert any(line.startswith(intended) for line in proofs["passthru"].evidence)
    assert "Name web-ui in updateScript, so that nix-update updates its hash, too." in text


def test_parts_in_a_set_of_passthru_are_lifted_where_they_are(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("  passthru = {\n", "  passthru = {\n    parts = {\n      inherit web-ui;\n    };\n")
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert {proof.status for proof in report.proofs} <= {Status.PASSED, Status.NOT_RUN}
    (method,) = (proof for proof in report.proofs if proof.name == "overridable")
    assert method.status is Status.PASSED
    text = (tmp_path / "out/upstream.diff").read_text()
    assert "+    ln -s ${finalAttrs.passthru.parts.web-ui} $out/share/web" in text
    assert "+      web-ui = stdenv.mkDerivation {" in text


def test_a_part_that_an_override_reaches_already_is_not_lifted(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    own = "    inherit src version;\n\n    sourceRoot"
    apart = 'version = "1";\n    src = fetchFromGitHub { owner = "o"; repo = "r"; tag = "1"; hash = "sha256-a"; };'
    changed(own, own.replace("inherit src version;", apart))
    changed('mkDerivation {\n  pname = "notes-server"', 'mkDerivation (finalAttrs: {\n  pname = "notes-server"')
    changed("platforms.all;\n  };\n}", "platforms.all;\n    homepage = web-ui.pname;\n  };\n})")
    changed("${web-ui}", "${lib.head (lib.attrValues finalAttrs.passthru.parts)}")
    changed("  passthru = {\n", "  passthru = {\n    parts = {\n      inherit web-ui;\n    };\n")
    with pytest.raises(RefusalError, match="an override of 'web-ui' works already") as caught:
        run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert caught.value.hint == "there is nothing to propose"


def test_a_part_that_only_other_attributes_have_is_lifted_by_its_name_alone(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("ln -s ${web-ui} $out/share/web", "")
    changed(
        "  passthru = {\n",
        '  passthru = {\n    tests.web = stdenv.mkDerivation { name = "t"; src = web-ui; };\n    inherit web-ui;\n',
    )
    with pytest.raises(RefusalError, match="the package is not built with 'web-ui'") as caught:
        run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert caught.value.hint == "--binding web-ui lifts it all the same"
    run(tmp_path / "out", "notes-server", nixpkgs=str(tree), bindings=("web-ui",))


def test_what_an_override_of_an_argument_replaces_has_no_place_upstream(
    changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("inherit src version;\n\n    sourceRoot", 'version = "1";\n\n    src = curl.out;\n\n    sourceRoot')
    source = SourceRequest(nixpkgs=str(tree))
    (chosen,) = choose([Request(target="notes-server", source=source, bindings=("web-ui",))], progress=Silence())
    assert isinstance(chosen, LiftCase)
    with pytest.raises(ToolkitError, match="override replaces what web-ui is made of already, by curl") as caught:
        Lifts().require_upstream(chosen)
    command = f"unlet propose notes-server --nixpkgs {tree} --binding web-ui"
    assert caught.value.hint == f"upstream has no use for a second way; {command} writes it"


def test_what_an_attribute_of_the_package_replaces_has_no_place_upstream(
    changed: Callable[[str, str], None], tree: Path
) -> None:
    changed("inherit src version;\n\n    sourceRoot", 'version = "1";\n\n    src = null;\n\n    sourceRoot')
    changed("buildInputs = [ curl ];", "buildInputs = [ curl web-ui ];")
    changed("ln -s ${web-ui} $out/share/web", "")
    source = SourceRequest(nixpkgs=str(tree))
    (chosen,) = choose([Request(target="notes-server", source=source, bindings=("web-ui",))], progress=Silence())
    assert isinstance(chosen, LiftCase)
    with pytest.raises(ToolkitError, match="overrideAttrs replaces web-ui already, by buildInputs"):
        Lifts().require_upstream(chosen)


def test_around_a_builder_that_takes_no_function_goes_a_layer_in_an_overlay_alone(
    tmp_path: Path, tree: Path, changed: Callable[[str, str], None]
) -> None:
    changed('stdenv.mkDerivation {\n  pname = "notes-server"', 'plainBuilder {\n  pname = "notes-server"')
    changed("  curl,\n", "  curl,\n  plainBuilder,\n")
    builders = tree / "pkgs/stdenv/default.nix"
    plain = "  plainBuilder = attributes: mkDerivation (attributes // { });\n\n  symlinkJoin ="
    builders.write_text(builders.read_text().replace("  symlinkJoin =", plain))
    why = "the builder takes no function of the final attributes"
    progress = Steps()
    with pytest.raises(RefusalError, match=rf"package.nix: {why}") as caught:
        run(tmp_path / "out", "notes-server", nixpkgs=str(tree), progress=progress)
    # No other design can be right.
    assert progress.steps.count("asking Nix about notes-server") == 1
    assert caught.value.hint == f"unlet overlay notes-server --nixpkgs {tree} makes it overridable for you"
    assert not (tmp_path / "out").exists()
    source = SourceRequest(nixpkgs=str(tree))
    asked = Request(target="notes-server", source=source, bindings=("web-ui",), called={"web-ui": "ui"})
    (refused,) = choose([asked], progress=Silence())
    assert isinstance(refused, RefusalError)
    command = f"unlet overlay notes-server --nixpkgs {tree} --binding web-ui --as web-ui=ui"
    assert refused.hint == f"{command} makes it overridable for you"
    report = overlay(replace(asked, out=tmp_path / "out"), progress=Silence())
    assert (report.kind, report.failed) == ("layer", ())
    assert "ui" in (tmp_path / "out/notes-server/package.nix").read_text()


def test_a_package_that_the_change_of_another_one_reaches_is_proven_alone_and_named(tmp_path: Path, tree: Path) -> None:
    board = tree / "pkgs/by-name/st/status-board/package.nix"
    reading = "  notes = builtins.readFile ../../no/notes-server/package.nix;\n  installPhase ="
    assert board.read_text().count("  installPhase =")
    head, _, tail = board.read_text().rpartition("  installPhase =")
    board.write_text(f"{head}{reading}{tail}")
    requests = [
        Request(target=name, source=SourceRequest(nixpkgs=str(tree)), out=tmp_path / "out")
        for name in ("notes-server", "status-board")
    ]
    notes, board_report = (only(attempt.result) for attempt in propose(requests, progress=Silence()))
    assert not board_report.failed
    (rebuilt,) = notes.failed
    assert rebuilt.name == "no-rebuild"
    assert (rebuilt.reason or "").startswith("status-board: is built differently")
    covers = [
        next(proof.covers for proof in report.proofs if proof.name == "overridable") for report in (notes, board_report)
    ]
    assert [" in a tree that also has " in cover for cover in covers] == [True, False]


def test_a_package_is_found_by_the_attribute_that_nix_has_for_its_file(tree: Path) -> None:
    packages = tree / "pkgs/top-level/all-packages.nix"
    (tree / "pkgs/servers/notes").mkdir(parents=True)
    shutil.copy(tree / NOTES, tree / "pkgs/servers/notes/main.nix")
    text = packages.read_text()
    last = text.rstrip().rindex("}")
    packages.write_text(f"{text[:last]}  notes_2 = callPackage ../servers/notes/main.nix {{ }};\n}}\n")
    file = "pkgs/servers/notes/main.nix"
    for name in ("notes_2", file):
        target = find_target(tree, name)
        assert (target.package, str(target.file)) == ("notes_2", file)


def test_the_file_with_the_lets_is_meant_if_another_one_has_the_meta(tree: Path) -> None:
    text = (tree / NOTES).read_text()
    written, _, meta = text.partition("  meta = ")
    (tree / NOTES).write_text(f"{written}  meta = import ./meta.nix {{ inherit lib; }};\n}}\n")
    (tree / NOTES).with_name("meta.nix").write_text(f"{{ lib }}:\n{meta.rpartition(';')[0]}\n")
    generic = tree / "pkgs/stdenv/generic/make-derivation.nix"
    place = '(if attributes ? pname then "pname" else "name") attributes'
    assert place in generic.read_text()
    generic.write_text(generic.read_text().replace(place, '"description" meta'))
    assert locate(tree, ["notes-server"])["notes-server"].file.name == "meta.nix"
    for name in ("notes-server", str(NOTES)):
        target = find_target(tree, name)
        assert (target.package, target.file) == ("notes-server", PurePosixPath(NOTES))


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ('platforms = [ "mips-linux" ];', "mips-linux: systems: 'mips-linux' is unknown"),
        ('platforms = throw "no longer";', "no longer"),
        ("platforms = lib.platforms.none-such;", "attribute 'none-such' missing"),
    ],
)
def test_a_package_that_does_not_evaluate_unchanged_is_refused(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path, after: str, why: str
) -> None:
    changed("platforms = lib.platforms.all;", after)
    with pytest.raises(RefusalError) as raised:
        run(tmp_path / "out", "notes-server", nixpkgs=str(tree), bindings=("web-ui",))
    assert raised.value.message.startswith("notes-server: does not evaluate, unchanged, on ")
    assert raised.value.message.endswith(why)
    assert not (tmp_path / "out").exists()


def test_a_package_that_has_used_its_time_is_tried_by_no_other_design(
    tmp_path: Path, changed: Callable[[str, str], None], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[LimitError] = []
    execute = Allowance.execute

    def observed(self: Allowance, command: Command, things: Sequence[Hashable], *, mark: str) -> Completed:
        try:
            return execute(self, command, things, mark=mark)
        except LimitError as error:
            late.append(error)
            raise

    monkeypatch.setattr(Allowance, "execute", observed)
    changed('pname = "notes-server";', 'pname = let f = n: if n == 0 then "" else f (n - 1) + f (n - 1); in f 60;')
    with limits.allowing(3.0, None), pytest.raises(RefusalError, match="raises the limit"):
        run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert len(late) == 1


def test_what_may_not_be_used_is_evaluated_all_the_same(
    tmp_path: Path, tree: Path, changed: Callable[[str, str], None]
) -> None:
    meta = 'broken = true; license.free = false; knownVulnerabilities = [ "one" ];'
    changed("platforms = lib.platforms.all;", meta)
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree), bindings=("web-ui",))
    assert not report.failed
    assert statuses(report)["overridable"] is Status.PASSED


@pytest.mark.parametrize(
    ("target", "error", "message", "hint"),
    [
        ("notes-serve", ToolkitError, "notes-serve: no package of this name in ", "did you mean notes-server?"),
        ("moby", ToolkitError, "moby: is an alias: ", "name the package itself"),
        ("log-viewer", LayoutError, "there is no 'let' around the package", None),
        (
            "pkgs/stdenv/default.nix",
            LayoutError,
            "stdenv/default.nix:52:1: the file does not end in one builder's call",
            None,
        ),
        ("pkgs/none.nix", ToolkitError, "pkgs/none.nix: no such file in ", "a file is named by its path in the tree"),
    ],
)
def test_what_cannot_be_lifted_is_named_in_one_line(
    tmp_path: Path, target: str, error: type[ToolkitError], message: str, hint: str | None
) -> None:
    with pytest.raises(error) as caught:
        run(tmp_path / "out", target)
    assert message in caught.value.message
    assert hint is None or (caught.value.hint or "").startswith(hint)
    assert not (tmp_path / "out").exists()


def test_a_tree_without_by_name_has_its_packages_where_a_set_calls_them(tmp_path: Path, tree: Path) -> None:
    by_name, packages = tree / "pkgs/by-name", tree / "pkgs/top-level/all-packages.nix"
    calls: list[str] = []
    for directory in sorted(by_name.glob("*/*")):
        directory.rename(tree / "pkgs" / directory.name)
        calls.append(f"  {directory.name} = callPackage ../{directory.name}/package.nix {{ }};\n")
    shutil.rmtree(by_name)
    (packages.parent / "by-name.nix").write_text("{ lib }: _: _: { }\n")
    text = packages.read_text().rstrip()
    packages.write_text(f"{text[: text.rindex('}')]}{''.join(calls)}}}\n")
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert not report.failed
    assert report.proposal.target == PurePosixPath("pkgs/notes-server/package.nix")
    assert statuses(report)["overlay"] is Status.NOT_RUN


def test_what_is_not_committed_does_not_count_and_it_is_said(tmp_path: Path, tree: Path) -> None:
    commit_all(tree)
    text = (tree / NOTES).read_text()
    (tree / NOTES).write_text(text.replace("Keeps notes", "Keeps your notes"))
    report = run(tmp_path / "out", "notes-server", nixpkgs=str(tree))
    assert report.proposal.commits[0].before.decode() == text
    fact = f"{tree / NOTES}: has changes that are not committed and do not count; commit them first"
    assert fact in report.warnings


def test_an_unknown_binding_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="no let around the package binds 'web'"):
        run(tmp_path / "out", "notes-server", bindings=("web",))
    assert not (tmp_path / "out").exists()


def test_follow_needs_a_definition_that_moves(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--follow: goes with --design move only"):
        run(tmp_path / "out", "notes-server", design=Design.STAY, follow=("src",))


def test_of_several_files_that_bind_packages_the_one_that_nix_names_is_meant(tree: Path) -> None:
    other = NOTES.with_name("other.nix")
    shutil.copy(tree / NOTES, tree / other)
    assert find_target(tree, "notes-server").file == PurePosixPath(NOTES)
    with pytest.raises(
        LayoutError, match=r"other.nix: no attribute path leads to a package .* 'notes-server' is in"
    ) as caught:
        find_target(tree, str(other))
    assert caught.value.hint == "name the package itself"
    (tree / NOTES).write_text("{ callPackage }: callPackage ./other.nix { }")
    assert find_target(tree, "notes-server").file == find_target(tree, str(other)).file == PurePosixPath(other)
