import json
import shutil
from collections.abc import Hashable, Sequence
from pathlib import Path, PurePosixPath

import pytest

from tests.clones import commit_all
from tests.progress import Steps
from tests.proposal.nixpkgs import BOARD, NOTES, SETS, Nixpkgs, run, statuses
from toolkit import specimen
from toolkit.errors import LayoutError, LimitError, RefusalError, ToolkitError, only
from toolkit.lift.locating import locate
from toolkit.lift.plan import Design
from toolkit.model import Depth, Silence, Status
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.process import Command, Completed
from toolkit.proposal.choosing import choose
from toolkit.proposal.lifting import Lifts
from toolkit.proposal.proposing import overlay, propose
from toolkit.proposal.target import find_target


@pytest.mark.parametrize(
    ("target", "design"), [("notes-server", "stay"), ("status-board", "move")]
)
def test_a_package_of_the_specimen_is_lifted_and_proven(
    tmp_path: Path, target: str, design: str
) -> None:
    report = run(tmp_path / "out", target, design=design, depth=Depth())
    found = statuses(report)
    for program in ("format", "lint"):
        found.pop(program)
    # None of these has a part that follows.
    assert found.pop("follows") is Status.NOT_RUN
    assert set(found.values()) == {Status.PASSED}
    assert (tmp_path / "out/overlay/default.nix").is_file()


def test_a_part_that_shares_source_and_version_follows_the_package(
    tmp_path: Path,
) -> None:
    report = run(tmp_path / "out", str(NOTES), bindings=("web-ui",))
    (commit,) = report.proposal.commits
    assert b"inherit (finalAttrs) src version;" in commit.after
    assert (
        commit.subject == "notes-server: let overrides of src and version reach web-ui"
    )
    assert commit.whole == (
        "Overriding src and version with overrideAttrs leaves web-ui as before.\n"
        "Move its definition into passthru, and take src and version from\n"
        "finalAttrs there. A new version also needs a new hash for src. Move\n"
        "version and src out of the let.\n\n"
        "No rebuilds."
    )
    assert not report.failed
    document = json.loads((tmp_path / "out/report.json").read_text())
    assert (document["target"], document["file"], document["bindings"]) == (
        "notes-server",
        str(NOTES),
        ["web-ui"],
    )
    assert document["steps"] == [{"design": "move", "name": "lift", "reason": None}]
    template = (specimen.path() / ".github/PULL_REQUEST_TEMPLATE.md").read_text()
    assert (tmp_path / "out/pull-request.md").read_text().endswith(template)


def test_an_inner_let_follows_and_the_text_says_that_replacing_its_part_has_no_effect(
    tmp_path: Path,
) -> None:
    report = run(tmp_path / "out", design="inner")
    (commit,) = report.proposal.commits
    assert b"stdenv.mkDerivation (\n  finalAttrs:\n  let\n    web-ui = " in commit.after
    assert " ".join(commit.body.split()) == (
        "Overriding src and version with overrideAttrs leaves web-ui as before. Move "
        "its definition into the function "
        "of finalAttrs, and take src and version from finalAttrs there. A new version "
        "also needs a new hash for src. "
        "Move version and src out of the let. Show web-ui in passthru; replacing it "
        "there has no effect."
    )
    assert (
        "replacing it there has no effect"
        in (tmp_path / "out/pull-request.md").read_text()
    )
    found = statuses(report)
    assert {name for name, status in found.items() if status is not Status.PASSED} <= {
        "format",
        "lint",
        "overridable",
    }
    assert found["overridable"] is Status.NOT_RUN
    (proof,) = (proof for proof in report.proofs if proof.name == "follows")
    fact = (
        "web-ui: a replacement of what passthru.web-ui follows arrives in the "
        "build, and did not before"
    )
    assert any(line.startswith(fact) for line in proof.evidence)


def test_the_commit_has_upstreams_form_and_says_what_was_proven(
    nixpkgs: Nixpkgs,
) -> None:
    assert nixpkgs.chosen("status-board").bindings == ("theme",)
    report = nixpkgs.propose("status-board", bindings=("checker", "theme"))
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
    text = (nixpkgs.out / "pull-request.md").read_text()
    assert text.startswith(
        "checker is bound in a let, so an override has to repeat all that uses it."
    )
    assert "Let overrides of theme take effect, too." in text
    assert "docker" not in text
    assert (
        "No rebuilds: `nix-instantiate -A status-board` prints the same on HEAD~1 and "
        "HEAD." in text
    )


def test_a_part_that_an_override_of_the_version_does_not_reach_gets_the_next_design(
    nixpkgs: Nixpkgs,
) -> None:
    tag = "builtins.substring 0 0 version"
    source = (
        f'src = fetchFromGitHub {{ owner = "a"; repo = "b"; tag = {tag}; hash = '
        f'"sha256-fake/ui"; }};'
    )
    own = f"version = builtins.substring 0 3 version;\n    {source}\n\n    source"
    nixpkgs.edit("inherit src version;\n\n    source", own)
    (step,) = nixpkgs.chosen().steps
    assert step.design == "stay"
    assert (
        step.reason
        == f"{NOTES}: an override of src or version does not reach the part that "
        "uses it"
    )


def test_a_part_with_final_attributes_of_its_own_is_lifted_and_proven(
    nixpkgs: Nixpkgs,
) -> None:
    nixpkgs.edit(
        "web-ui = stdenv.mkDerivation {", "web-ui = stdenv.mkDerivation (finalAttrs: {"
    )
    nixpkgs.edit('sourceRoot = "web";', "sourceRoot = finalAttrs.pname;")
    nixpkgs.edit("    '';\n  };\nin\n", "    '';\n  });\nin\n")
    report = nixpkgs.propose()
    assert not report.failed
    assert statuses(report)["capture-safe"] is Status.PASSED
    assert b"sourceRoot = uiAttrs.pname;" in report.proposal.commits[0].after


def test_packages_of_one_file_stand_in_the_subject(nixpkgs: Nixpkgs) -> None:
    nixpkgs.edit("final: _:\n", "final: _:\nwith final;\n", SETS)
    nixpkgs.add(
        "  notes-lts = callPackage ../by-name/no/notes-server/package.nix { };\n  "
        "notes-new = notes-lts;\n"
    )
    report = nixpkgs.propose(depth=Depth())
    assert report.proposal.commits[0].subject.startswith("notes-lts, notes-server: ")
    proof = next(proof for proof in report.proofs if proof.name == "no-rebuild")
    assert proof.covers.startswith(
        "notes-lts, notes-new, notes-server on x86_64-linux, "
    )


def test_a_package_of_the_file_that_changes_fails_no_rebuild(nixpkgs: Nixpkgs) -> None:
    call = "callPackage ../by-name/no/notes-server/package.nix { }"
    nixpkgs.add(
        f"  notes-lts = ({call}).overrideAttrs (old: {{ ui = old.passthru ? web-ui; "
        f"}});\n"
    )
    report = nixpkgs.propose()
    proof = next(proof for proof in report.proofs if proof.name == "no-rebuild")
    assert proof.status is Status.FAILED
    assert (proof.reason or "").startswith(
        "notes-lts: is built differently: /nix/store/"
    )
    assert "No rebuilds." not in report.proposal.commits[0].whole


def test_a_change_of_too_many_lines_is_made_on_request_alone(nixpkgs: Nixpkgs) -> None:
    nixpkgs.edit(
        "echo notes > $out/index.html\n", "echo notes > $out/index.html\n" * 200
    )
    (step,) = nixpkgs.chosen().steps
    assert (step.design, "at most 300" in (step.reason or "")) == ("stay", True)
    assert nixpkgs.chosen(designs={"lift": Design.MOVE}).steps[0].design == "move"


def test_a_part_that_no_override_is_for_is_refused_and_nothing_is_written(
    nixpkgs: Nixpkgs,
) -> None:
    other = nixpkgs.copy("other")
    other.edit("${web-ui}", '${if version == "" then web-ui else version}')
    with pytest.raises(
        RefusalError, match="replacing a part has no effect on the build"
    ):
        other.propose()
    nixpkgs.edit(
        "changed = toFunction change old;",
        "changed = { };",
        Path("pkgs/stdenv/generic/make-derivation.nix"),
    )
    with pytest.raises(
        RefusalError, match="replacing a part has no effect on the build"
    ):
        nixpkgs.propose()
    assert not nixpkgs.out.exists()


HEAD = '    description = "Keeps notes'


def test_variable_that_nix_requires_is_named_and_a_broken_package_has_no_place_upstream(
    nixpkgs: Nixpkgs,
) -> None:
    nixpkgs.edit(HEAD, f"    unfree = true;\n{HEAD}")
    chosen = nixpkgs.chosen()
    assert Lifts().texts(chosen).permits == ("NIXPKGS_ALLOW_UNFREE",)
    Lifts().require_upstream(chosen)
    nixpkgs.edit(HEAD, f"    broken = true;\n{HEAD}")
    is_not_wanted(
        nixpkgs,
        "notes-server: is marked as broken; nixpkgs wants that fixed first",
    )


def is_not_wanted(nixpkgs: Nixpkgs, fact: str) -> None:
    (refusal,) = choose([nixpkgs.request()], progress=Silence())
    assert isinstance(refusal, RefusalError)
    assert (refusal.message, refusal.hint) == (
        fact,
        "--binding NAME lifts one part nevertheless",
    )
    with pytest.raises(ToolkitError) as caught:
        Lifts().require_upstream(nixpkgs.chosen(bindings=("web-ui",)))
    assert caught.value.message == fact


def test_package_that_is_broken_on_one_system_needs_no_variable(
    nixpkgs: Nixpkgs,
) -> None:
    broken = "    broken = stdenv.hostPlatform.isAarch64;\n"
    nixpkgs.edit(HEAD, f"{broken}{HEAD}")
    chosen = nixpkgs.chosen()
    assert {answer.marks for answer in chosen.asking.answers().values()} == {
        (),
        ("broken",),
    }
    assert Lifts().texts(chosen).permits == ()
    Lifts().require_upstream(chosen)
    # A system on which it does not evaluate says nothing of the others.
    there = (
        'broken = if stdenv.hostPlatform.isAarch64 then abort "not here" else false;'
    )
    nixpkgs.edit(broken, f"    unfree = true;\n    {there}\n")
    chosen = nixpkgs.chosen()
    assert None in {answer.before for answer in chosen.asking.answers().values()}
    assert (Lifts().texts(chosen).permits, Lifts().texts(chosen).system) == (
        ("NIXPKGS_ALLOW_UNFREE",),
        "",
    )


def test_a_package_for_one_system_alone_is_asked_about_there(nixpkgs: Nixpkgs) -> None:
    nixpkgs.edit("platforms = lib.platforms.all;", 'platforms = [ "aarch64-darwin" ];')
    assert not nixpkgs.propose(depth=Depth()).failed
    text = (nixpkgs.out / "pull-request.md").read_text()
    assert (
        "No rebuilds: `nix-instantiate --argstr system aarch64-darwin -A "
        "notes-server` prints the same" in text
    )


def test_a_package_that_upstream_builds_nowhere_has_no_place_there(
    nixpkgs: Nixpkgs,
) -> None:
    nixpkgs.edit("platforms = lib.platforms.all;", 'platforms = [ "x86_64-darwin" ];')
    is_not_wanted(
        nixpkgs,
        "notes-server: does not support any of x86_64-linux, aarch64-linux, aarch64-darwin",
    )
    assert nixpkgs.chosen(depth=Depth(systems=("x86_64-darwin",))).bindings == (
        "web-ui",
    )


@pytest.mark.parametrize(
    ("meta", "permits", "fact"),
    [
        (
            'knownVulnerabilities = [ "old" ]',
            "NIXPKGS_ALLOW_INSECURE",
            "notes-server: it, or a part of it, is marked as insecure; nixpkgs wants",
        ),
        ("license.free = false", "NIXPKGS_ALLOW_UNFREE", None),
    ],
)
def test_a_part_asks_for_a_variable_as_well(
    nixpkgs: Nixpkgs, meta: str, permits: str, fact: str | None
) -> None:
    nixpkgs.edit(
        '    sourceRoot = "web";', f'    sourceRoot = "web";\n    meta.{meta};'
    )
    chosen = nixpkgs.chosen()
    assert Lifts().texts(chosen).permits == (permits,)
    if fact is None:
        Lifts().require_upstream(chosen)
    else:
        with pytest.raises(ToolkitError, match=fact):
            Lifts().require_upstream(chosen)


def test_a_part_that_some_systems_lack_is_lifted(nixpkgs: Nixpkgs) -> None:
    only_there = "if !stdenv.hostPlatform.isLinux then null else stdenv.mkDerivation {"
    nixpkgs.edit("  web-ui = stdenv.mkDerivation {", f"  web-ui = {only_there}")
    report = nixpkgs.propose(depth=Depth())
    assert not report.failed
    assert b"finalAttrs.passthru.web-ui" in report.proposal.commits[-1].after


HASH = 'outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";'
DEPS = f"""npmDeps = stdenv.mkDerivation {{
      name = "deps";
      inherit src;
      {HASH}
    }};
"""
# As buildNpmPackage does, it downloads for the src of its arguments.
BUILDER = f"""buildNpm = function: stdenv.mkDerivation (final: let
    given = if builtins.isFunction function then function final else function;
  in given // {{
    npmDeps = stdenv.mkDerivation {{
      name = "own-deps"; inherit (given) src; {HASH.replace("E=", "I=")} }};
  }});"""
REHASHED = (
    "a new version with new hashes of npmDeps, passthru.web-ui.npmDeps, "
    "src arrives in the build"
)


@pytest.mark.parametrize(
    ("deps", "found"),
    [
        (DEPS, REHASHED),
        (DEPS.replace(HASH, "inherit (hashes) outputHash;"), REHASHED),
        (HASH, REHASHED.replace("ui.npmDeps", "ui.outputHash")),
        (
            f"{DEPS}    kept = (stdenv.mkDerivation (final: {{ {DEPS} }})).npmDeps;",
            (
                "a new hash of passthru.web-ui.npmDeps does not arrive in the build by "
                "overrideAttrs"
            ),
        ),
        (
            DEPS.replace(
                "npmDeps = ", "npmDeps = (x: x // { overrideAttrs = abort x.name; }) ("
            ).replace("};", "});"),
            "",
        ),
    ],
)
def test_the_whole_update_by_an_override_is_shown_if_it_reaches_the_build(
    nixpkgs: Nixpkgs, deps: str, found: str
) -> None:
    nixpkgs.edit('    sourceRoot = "web";', f'    sourceRoot = "web";\n    {deps}')
    nixpkgs.edit('[ "update-notes-server" ]', "nix-update-script { }")
    script = 'nix-update-script = { extraArgs ? [ ] }: [ "nix-update" ] ++ extraArgs;'
    nixpkgs.edit(
        'let\n  version = "4.2.0";',
        f'let\n  {script}\n  {BUILDER}\n  hashes.{HASH}\n  version = "4.2.0";',
    )
    nixpkgs.edit("in\nstdenv.mkDerivation {", 'in\nbuildNpm {\n  npmDepsHash = "";')
    report = nixpkgs.propose()
    assert not report.failed
    proofs = {proof.name: proof for proof in report.proofs}
    updates = [line for line in proofs["follows"].evidence if "a new " in line]
    assert updates == ([found] if found else [])
    text = (nixpkgs.out / "pull-request.md").read_text()
    assert ("web-ui = old.passthru.web-ui.overrideAttrs (" in text) is found.startswith(
        "a new version"
    )
    intended = "notes-server: updateScript names web-ui with --subpackage, as intended"
    assert any(line.startswith(intended) for line in proofs["passthru"].evidence)
    assert (
        "Name web-ui in updateScript, so that nix-update updates its hash, too." in text
    )


def test_parts_in_a_set_of_passthru_are_lifted_where_they_are(nixpkgs: Nixpkgs) -> None:
    nixpkgs.edit(
        "  passthru = {\n",
        "  passthru = {\n    parts = {\n      inherit web-ui;\n    };\n",
    )
    report = nixpkgs.propose()
    assert set(statuses(report).values()) <= {Status.PASSED, Status.NOT_RUN}
    assert statuses(report)["overridable"] is Status.PASSED
    text = (nixpkgs.out / "upstream.diff").read_text()
    assert "+    ln -s ${finalAttrs.passthru.parts.web-ui} $out/share/web" in text
    assert "+      web-ui = stdenv.mkDerivation {" in text


def test_a_part_that_an_override_reaches_already_is_not_lifted(
    nixpkgs: Nixpkgs,
) -> None:
    own = "    inherit src version;\n\n    sourceRoot"
    apart = (
        'version = "1";\n    src = fetchFromGitHub { owner = "o"; repo = "r"; '
        'tag = "1"; hash = "sha256-a"; };'
    )
    nixpkgs.edit(own, own.replace("inherit src version;", apart))
    nixpkgs.edit(
        'mkDerivation {\n  pname = "notes-server"',
        'mkDerivation (finalAttrs: {\n  pname = "notes-server"',
    )
    nixpkgs.edit(
        "platforms.all;\n  };\n}",
        "platforms.all;\n    homepage = web-ui.pname;\n  };\n})",
    )
    nixpkgs.edit("${web-ui}", "${lib.head (lib.attrValues finalAttrs.passthru.parts)}")
    nixpkgs.edit(
        "  passthru = {\n",
        "  passthru = {\n    parts = {\n      inherit web-ui;\n    };\n",
    )
    with pytest.raises(
        RefusalError, match="an override of 'web-ui' already works"
    ) as caught:
        nixpkgs.propose()
    assert caught.value.hint == "nothing needs to change"


def test_a_part_that_only_other_attributes_have_is_lifted_by_its_name_alone(
    nixpkgs: Nixpkgs,
) -> None:
    shown = (
        '    tests.web = stdenv.mkDerivation { name = "t"; src = web-ui; };\n    '
        "inherit web-ui;\n"
    )
    nixpkgs.edit("ln -s ${web-ui} $out/share/web", "")
    nixpkgs.edit("  passthru = {\n", f"  passthru = {{\n{shown}")
    with pytest.raises(RefusalError, match="the build does not use 'web-ui'") as caught:
        nixpkgs.propose()
    assert caught.value.hint == "--binding web-ui lifts it nevertheless"
    assert nixpkgs.chosen(bindings=("web-ui",)).bindings == ("web-ui",)


@pytest.mark.parametrize(
    ("source", "inputs"), [("curl.out", "curl"), ("null", "curl web-ui")]
)
def test_part_that_an_override_replaces_already_has_no_place_upstream(
    nixpkgs: Nixpkgs, source: str, inputs: str
) -> None:
    own = f'version = "1";\n\n    src = {source};\n\n    sourceRoot'
    nixpkgs.edit("inherit src version;\n\n    sourceRoot", own)
    nixpkgs.edit("buildInputs = [ curl ];", f"buildInputs = [ {inputs} ];")
    if source == "null":
        nixpkgs.edit("ln -s ${web-ui} $out/share/web", "")
        fact = "overrideAttrs already replaces web-ui, through buildInputs"
    else:
        fact = "override already replaces what web-ui is made of, through curl"
    with pytest.raises(ToolkitError, match=fact) as caught:
        Lifts().require_upstream(nixpkgs.chosen(bindings=("web-ui",)))
    command = f"unlet propose notes-server --nixpkgs {nixpkgs.root} --binding web-ui"
    assert (
        caught.value.hint
        == f"this already works, so nixpkgs needs no second way; {command} writes the change nevertheless"
    )


def test_around_a_builder_that_takes_no_function_goes_a_layer_in_an_overlay_alone(
    nixpkgs: Nixpkgs,
) -> None:
    nixpkgs.edit(
        'stdenv.mkDerivation {\n  pname = "notes-server"',
        'plainBuilder {\n  pname = "notes-server"',
    )
    nixpkgs.edit("  curl,\n", "  curl,\n  plainBuilder,\n")
    plain = (
        "  plainBuilder = attributes: mkDerivation (attributes // { });\n\n  "
        "symlinkJoin ="
    )
    nixpkgs.edit("  symlinkJoin =", plain, Path("pkgs/stdenv/default.nix"))
    why = "the builder does not accept a function of the final attributes"
    progress = Steps()
    with pytest.raises(RefusalError, match=rf"package.nix: {why}") as caught:
        nixpkgs.propose(progress=progress)
    # No other design can be right.
    assert progress.steps.count("evaluating notes-server") == 1
    command = f"unlet overlay notes-server --nixpkgs {nixpkgs.root}"
    assert caught.value.hint == f"{command} makes it overridable in your nixpkgs"
    assert not nixpkgs.out.exists()
    asked = nixpkgs.request(
        bindings=("web-ui",), called={"web-ui": "ui"}, out=nixpkgs.out
    )
    (refused,) = choose([asked], progress=Silence())
    assert isinstance(refused, RefusalError)
    assert (
        refused.hint
        == f"{command} --binding web-ui --as web-ui=ui makes it overridable in your nixpkgs"
    )
    report = overlay(asked, progress=Silence())
    assert (report.kind, report.failed) == ("layer", ())
    assert "ui" in (nixpkgs.out / "notes-server/package.nix").read_text()


def test_a_package_that_the_change_of_another_one_reaches_is_proven_alone_and_named(
    nixpkgs: Nixpkgs,
) -> None:
    head, _, tail = nixpkgs.text(BOARD).rpartition("  installPhase =")
    reading = (
        "  notes = builtins.readFile ../../no/notes-server/package.nix;\n  "
        "installPhase ="
    )
    nixpkgs.write(BOARD, f"{head}{reading}{tail}")
    requests = [
        nixpkgs.request(name, out=nixpkgs.out)
        for name in ("notes-server", "status-board")
    ]
    notes, board = (
        only(attempt.result) for attempt in propose(requests, progress=Silence())
    )
    assert not board.failed
    (rebuilt,) = notes.failed
    assert rebuilt.name == "no-rebuild"
    assert (rebuilt.reason or "").startswith("status-board: is built differently")


def test_a_package_is_found_by_the_attribute_that_nix_has_for_its_file(
    nixpkgs: Nixpkgs,
) -> None:
    file = "pkgs/servers/notes/main.nix"
    nixpkgs.write(Path(file), nixpkgs.text())
    nixpkgs.add("  notes_2 = callPackage ../servers/notes/main.nix { };\n")
    for name in ("notes_2", file):
        target = find_target(nixpkgs.root, name)
        assert (target.package, str(target.file)) == ("notes_2", file)


def test_the_file_with_the_lets_is_meant_if_another_one_has_the_meta(
    nixpkgs: Nixpkgs,
) -> None:
    written, _, meta = nixpkgs.text().partition("  meta = ")
    nixpkgs.write(
        NOTES, f"{written}  meta = import ./meta.nix {{ inherit lib; }};\n}}\n"
    )
    nixpkgs.write(
        NOTES.with_name("meta.nix"), f"{{ lib }}:\n{meta.rpartition(';')[0]}\n"
    )
    place = '(if attributes ? pname then "pname" else "name") attributes'
    nixpkgs.edit(
        place, '"description" meta', Path("pkgs/stdenv/generic/make-derivation.nix")
    )
    assert (
        locate(nixpkgs.root, ["notes-server"])["notes-server"].file.name == "meta.nix"
    )
    for name in ("notes-server", str(NOTES)):
        target = find_target(nixpkgs.root, name)
        assert (target.package, target.file) == ("notes-server", PurePosixPath(NOTES))


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (
            'platforms = [ "mips-linux" ];',
            "mips-linux, even unchanged: systems: 'mips-linux' is unknown",
        ),
        (
            'platforms = throw "no longer";',
            "x86_64-linux, aarch64-linux, aarch64-darwin, even unchanged: no longer",
        ),
        ("platforms = lib.platforms.none-such;", "attribute 'none-such' missing"),
    ],
)
def test_a_package_that_does_not_evaluate_unchanged_is_refused(
    nixpkgs: Nixpkgs, after: str, why: str
) -> None:
    nixpkgs.edit("platforms = lib.platforms.all;", after)
    with pytest.raises(RefusalError) as raised:
        nixpkgs.propose(bindings=("web-ui",), depth=Depth())
    assert raised.value.message.startswith("notes-server: does not evaluate on ")
    assert raised.value.message.endswith(why)
    assert (
        raised.value.hint
        == "if the package is for another system, name it with --system"
    )
    assert not nixpkgs.out.exists()


def test_a_package_that_has_used_its_time_is_tried_by_no_other_design(
    nixpkgs: Nixpkgs, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[LimitError] = []
    execute = Allowance.execute

    def observed(
        self: Allowance, command: Command, things: Sequence[Hashable], *, mark: str
    ) -> Completed:
        try:
            return execute(self, command, things, mark=mark)
        except LimitError as error:
            late.append(error)
            raise

    monkeypatch.setattr(Allowance, "execute", observed)
    nixpkgs.edit(
        'pname = "notes-server";',
        'pname = let f = n: if n == 0 then "" else f (n - 1) + f (n - 1); in f 60;',
    )
    with (
        limits.allowing(2.0, None),
        pytest.raises(RefusalError, match="raise the limit with"),
    ):
        nixpkgs.propose()
    assert len(late) == 1


def test_unfree_package_is_evaluated_all_the_same(nixpkgs: Nixpkgs) -> None:
    meta = 'broken = true; license.free = false; knownVulnerabilities = [ "one" ];'
    nixpkgs.edit("platforms = lib.platforms.all;", meta)
    report = nixpkgs.propose(bindings=("web-ui",))
    assert not report.failed
    assert statuses(report)["overridable"] is Status.PASSED


RECIPES = (
    "the recipes are fetcher, final-attrs, final-package; the path of a file contains a slash "
    "or ends in .toml"
)


@pytest.mark.parametrize(
    ("target", "asked", "message", "hint"),
    [
        (
            "notes-serve",
            {},
            "notes-serve: this nixpkgs has no package of this name",
            "did you mean notes-server?",
        ),
        ("moby", {}, "moby: is an alias: ", "name the package itself"),
        (
            "log-viewer",
            {},
            "there is no 'let' around the package",
            "'unlet find' lists packages",
        ),
        (
            "pkgs/stdenv/default.nix",
            {},
            "no package is written in this file",
            "",
        ),
        (
            "pkgs/none.nix",
            {},
            "pkgs/none.nix: no such file in ",
            "write the file's path in the tree",
        ),
        (
            "notes-server",
            {"bindings": ("web",)},
            "no let around the package defines 'web'",
            "its let defines the packages web-ui",
        ),
        (
            "notes-server",
            {"design": "stay", "follow": ("src",)},
            "--follow: cannot be combined with --design stay",
            "a definition that stays in the let cannot use finalAttrs",
        ),
        (
            "notes-server",
            {"design": "none"},
            "--design: notes-server has no design 'none'",
            "it has stay, move",
        ),
        (
            "notes-server",
            {"recipe": "none"},
            "--recipe: there is no recipe 'none'",
            RECIPES,
        ),
    ],
)
def test_package_that_cannot_be_lifted_is_named_in_one_line(
    tmp_path: Path, target: str, asked: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(ToolkitError) as caught:
        run(tmp_path / "out", target, "specimen", **asked)
    assert message in caught.value.message
    assert (caught.value.hint or "").startswith(hint)
    assert not (tmp_path / "out").exists()


def test_a_tree_without_by_name_has_its_packages_where_a_set_calls_them(
    nixpkgs: Nixpkgs,
) -> None:
    by_name = nixpkgs.root / "pkgs/by-name"
    calls: list[str] = []
    for directory in sorted(by_name.glob("*/*")):
        directory.rename(nixpkgs.root / "pkgs" / directory.name)
        calls.append(
            f"  {directory.name} = callPackage ../{directory.name}/package.nix {{ }};\n"
        )
    shutil.rmtree(by_name)
    nixpkgs.write(Path("pkgs/top-level/by-name.nix"), "{ lib }: _: _: { }\n")
    nixpkgs.add("".join(calls))
    report = nixpkgs.propose()
    assert not report.failed
    assert report.proposal.target == PurePosixPath("pkgs/notes-server/package.nix")
    assert statuses(report)["overlay"] is Status.NOT_RUN


def test_uncommitted_edit_does_not_count_and_a_warning_names_it(
    nixpkgs: Nixpkgs,
) -> None:
    commit_all(nixpkgs.root)
    text = nixpkgs.text()
    nixpkgs.edit("Keeps notes", "Keeps your notes")
    report = nixpkgs.propose()
    assert report.proposal.commits[0].before.decode() == text
    place = nixpkgs.root / NOTES
    assert (
        f"{place}: has uncommitted changes, which unlet ignores; commit them to include them"
        in report.warnings
    )


def test_nix_chooses_among_several_files_that_bind_packages(
    nixpkgs: Nixpkgs,
) -> None:
    root, other = nixpkgs.root, NOTES.with_name("other.nix")
    nixpkgs.write(other, nixpkgs.text())
    assert find_target(root, "notes-server").file == PurePosixPath(NOTES)
    with pytest.raises(LayoutError) as caught:
        find_target(root, str(other))
    fact = f"no package is written in this file; 'notes-server' is defined in {NOTES}"
    assert (caught.value.message, caught.value.hint) == (
        f"{other}: {fact}",
        "name the package itself",
    )
    nixpkgs.write(NOTES, "{ callPackage }: callPackage ./other.nix { }")
    assert (
        find_target(root, "notes-server").file
        == find_target(root, str(other)).file
        == PurePosixPath(other)
    )
    # If Nix cannot say it, both may be meant.
    one, two = (NOTES.with_name(f"{name}.nix") for name in ("one", "two"))
    (root / other).unlink()
    for name in (one, two):
        nixpkgs.write(
            name,
            (specimen.path() / NOTES)
            .read_text()
            .replace('version = "4.2.0"', "version = throw name"),
        )
    nixpkgs.write(NOTES, "import ./one.nix\n")
    with pytest.raises(ToolkitError) as undecided:
        find_target(root, "notes-server")
    assert (
        undecided.value.message
        == f"notes-server: several files define packages: {one}, {two}"
    )
    assert undecided.value.hint == "name one of these files instead"


def test_the_update_of_a_source_that_is_a_part_has_its_hash_once(
    nixpkgs: Nixpkgs,
) -> None:
    source = f'stdenv.mkDerivation {{ name = "notes-${{version}}.tar"; {HASH} }}'
    unpacked = (
        f'stdenv.mkDerivation {{\n    pname = "unpacked";\n    inherit version;\n '
        f"   src = {source};\n  }};"
    )
    nixpkgs.edit("  web-ui = ", f"  unpacked = {unpacked}\n\n  web-ui = ")
    nixpkgs.edit(
        "inherit src version;\n\n    sourceRoot",
        "inherit version;\n    src = unpacked;\n\n    sourceRoot",
    )
    nixpkgs.edit(
        '"notes-server";\n  inherit src version;',
        '"notes-server";\n  inherit version;\n  src = unpacked;',
    )
    report = nixpkgs.propose()
    (follows,) = (proof for proof in report.proofs if proof.name == "follows")
    assert (
        "a new version with new hashes of src.src arrives in the build"
        in follows.evidence
    )
    assert (nixpkgs.out / "pull-request.md").read_text().count(
        "  src = old.src.overrideAttrs ("
    ) == 1
