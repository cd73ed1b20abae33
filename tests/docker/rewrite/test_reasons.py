from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests import specimens
from toolkit.docker.claims.registry import CLAIMS
from toolkit.docker.plan import Demotion, Extra, Strategy, steps
from toolkit.docker.rewrite import leftovers, series
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.docker.rewrite.reasons import catalogue, explain
from toolkit.docker.rewrite.regions import Cause, Move, Regions
from toolkit.errors import LayoutError, NixSyntaxError
from toolkit.model import FileChange, TreeCommit
from toolkit.nix.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.contribution import ExplainedHunk

TARGET = PurePosixPath("pkgs/applications/virtualization/docker/default.nix")
COMPONENTS = ("docker-runc", "docker-containerd", "docker-tini", "moby")
ENTRY = "rootlesskit"
LAYOUTS = [name for name in specimens.LAYOUTS if name != "19.03"]
ALGORITHMS = ("histogram", "myers")


def text_of(name: str) -> str:
    return (specimens.path(name) / TARGET).read_text()


def rewrite(
    text: str, strategy: Strategy = Strategy.ATTRS_FIRST, demotion: Demotion = Demotion.SUFFIX
) -> tuple[str, str]:
    file = DockerFile(text, name="default.nix")
    lifted, demoted = series.rewrite(file, components=COMPONENTS, entry=ENTRY, steps=steps(strategy, demotion))
    return lifted, demoted


def diff(before: str, after: str, path: PurePosixPath = TARGET, algorithm: str = "histogram") -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        for side, text in (("a", before), ("b", after)):
            file = Path(directory, side, path)
            file.parent.mkdir(parents=True)
            file.write_text(text)
        command = ["git", "diff", "--no-index", "--no-prefix", f"--diff-algorithm={algorithm}", "a", "b"]
        return subprocess.run(command, cwd=directory, capture_output=True, check=False).stdout


def commit_of(before: str | None, after: str, path: PurePosixPath = TARGET) -> TreeCommit:
    old = before.encode() if before is not None else None
    return TreeCommit(subject="docker: x", body="", files=(FileChange(path=path, before=old, after=after.encode()),))


def hunks(before: str, after: str, algorithm: str = "histogram") -> tuple[ExplainedHunk, ...]:
    made = diff(before, after, algorithm=algorithm)
    explained = explain(commit_of(before, after), made, target=TARGET, components=COMPONENTS, entry=ENTRY)
    assert explained.hunks
    return explained.hunks


def is_known(hunk: ExplainedHunk) -> bool:
    return bool(hunk.reasons) and all(reason.proofs for reason in hunk.reasons)


def unknown(found: Sequence[ExplainedHunk]) -> list[ExplainedHunk]:
    return [hunk for hunk in found if not is_known(hunk)]


def starts(found: Sequence[ExplainedHunk]) -> list[list[str]]:
    """Return the first words of each hunk's reasons."""
    return [[" ".join(reason.text.split()[:2]) for reason in hunk.reasons] for hunk in found]


def change(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, (text.count(old), old)
    return text.replace(old, new)


# What the rewrites make


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_line_of_every_commit_has_a_reason(
    layout: str, strategy: Strategy, demotion: Demotion, algorithm: str
) -> None:
    before = text_of(layout)
    lifted, demoted = rewrite(before, strategy, demotion)
    for old, new in ((before, demoted), (before, lifted), (lifted, demoted)):
        assert unknown(hunks(old, new, algorithm)) == []
        if algorithm != "histogram":
            break


def test_series_is_explained_hunk_by_hunk() -> None:
    before = text_of("29.6")
    lifted, demoted = rewrite(before)
    assert starts(hunks(before, lifted)) == [
        ["docker-runc, docker-containerd,"],
        ["moby: moved", "docker-containerd, docker-runc,"],
        ["docker-runc, docker-containerd,", "docker's attributes", "the set", "docker-containerd, docker-runc,"],
        ["moby: taken"],
        ["the set", "the TODO"],
    ]
    assert starts(hunks(lifted, demoted)) == [["rootlesskit: comes"], ["rootlesskit: removed"]]


OWN = {
    Strategy.ATTRS_FIRST: {
        "to docker's own attributes",
        "a function of the final attributes",
        "taken from the final attributes",
    },
    Strategy.HIDDEN: {"override sets and callPackage does not fill", "callPackage without the new parameters"},
    Strategy.PARAMETER: {"becomes the default of a parameter; this is risky"},
}


@pytest.mark.parametrize("strategy", Strategy)
def test_strategies_have_reasons_of_their_own(strategy: Strategy) -> None:
    before = text_of("29.6")
    lifted = rewrite(before, strategy)[0]
    # Of what git finds to be in its place no reason need be given; here all of it is removed and added.
    whole = diff(before, lifted).split(b"@@", 1)[0] + _whole_diff(before, lifted)
    explained = explain(commit_of(before, lifted), whole, target=TARGET, components=COMPONENTS, entry=ENTRY)
    said = "\n".join(reason.text for hunk in explained.hunks for reason in hunk.reasons)
    for each, texts in OWN.items():
        assert {text for text in texts if text in said} == (texts if each is strategy else set())


def _whole_diff(before: str, after: str) -> bytes:
    old, new = before.splitlines(), after.splitlines()
    lines = [f"@@ -1,{len(old)} +1,{len(new)} @@", *(f"-{line}" for line in old), *(f"+{line}" for line in new), ""]
    return "\n".join(lines).encode()


def test_dropped_entry_and_its_parameter_are_explained() -> None:
    lifted, demoted = rewrite(text_of("29.6"), demotion=Demotion.DROP)
    texts = {reason.text for hunk in hunks(lifted, demoted) for reason in hunk.reasons}
    assert {text.partition(",")[0] for text in texts} == {
        "rootlesskit: removed from the prefix of PATH",
        "rootlesskit: removed from the parameters",
    }
    assert any("nothing replaces it" in text for text in texts)


def test_every_proof_that_a_reason_names_exists() -> None:
    known = {claim.name for claim in CLAIMS} | {extra.value for extra in Extra}
    named = {name for reason in catalogue().cause.values() for name in reason.proofs}
    named |= {name for reason in catalogue().place for name in reason.proofs}
    assert named <= known
    assert all(reason.proofs for reason in catalogue().cause.values())


# What somebody else makes


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_changed_word_is_found_wherever_it_stands(layout: str, strategy: Strategy) -> None:
    before = text_of(layout)
    demoted = rewrite(before, strategy)[1]
    kinds = {"identifier", "integer_expression"}
    words = [node for node in Tree(demoted, name="x").nodes if node.kind in kinds]
    for word in words[LAYOUTS.index(layout) :: 151]:
        after = f"{demoted[: word.end]}1{demoted[word.end :]}"
        line = f"line {word.place}: {word.text}"
        assert unknown(hunks(before, after)), line


LIST = "                slirp4netns\n                fuse-overlayfs\n"
EVERYWHERE = [
    ("fake/cli/29/6/1/", "fake/cli/29/6/2/"),
    ('pname = "moby";', 'pname = "another";'),
    ("\nin\n{\n", "\nin\n{\n  docker_30 = callDocker { };\n"),
    ("\nin\n{\n", "\nin\n{\n  # another\n"),
    ("extraUserPath = lib", "extraUserPath =  lib"),
    # the list of the prefix
    (LIST, f"{LIST}                another\n"),
    (LIST, f"{LIST}                fuse-overlayfs\n"),
    (LIST, "                fuse-overlayfs\n                slirp4netns\n"),
    (LIST, "                slirp4netns\n                 fuse-overlayfs\n"),
    (LIST, "                slirp4netns\n                fuse-overlayfs \n"),
    (LIST, "                fuse-overlayfs\n"),
    # what the rewrites wrote
    ("[ rootlesskit ]", "[ rootlesskit another ]"),
    ("lib.makeBinPath [ rootlesskit ]", "lib.makeSbinPath [ rootlesskit ]"),
]
BY_DESIGN = {
    Strategy.ATTRS_FIRST: [
        *EVERYWHERE,
        ("      finalAttrs:\n", "      finalAttrs: another:\n"),
        ("      finalAttrs:\n", "      # another\n      finalAttrs:\n"),
        ("      lib.optionalAttrs (!clientOnly) {", "      lib.optionalAttrs clientOnly {"),
        ("finalAttrs.docker-tini", "finalAttrs.docker-runc"),
        ("finalAttrs.docker-tini", "another.docker-tini"),
        ("      }\n      // {\n", "        another = 1;\n      }\n      // {\n"),
        ("      }\n      // {\n", "      }\n      // another\n      // {\n"),
        ("      plugins =\n", "      another = 1;\n\n      plugins =\n"),
    ],
    Strategy.HIDDEN: [
        ("      # components\n", "      # another\n"),
        ('        "moby"\n', '        "moby"\n        "another"\n'),
        ('        "moby"\n', ""),
        ("lib.setFunctionArgs dockerGen", "lib.setFunctionArgs another"),
        ("    }:\n    let\n", "      another ? 1,\n    }:\n    let\n"),
        ("docker-tini ? tini", "docker-tini ? another"),
    ],
}


@pytest.mark.parametrize(
    ("strategy", "old", "new"),
    [(strategy, *each) for strategy, own in BY_DESIGN.items() for each in own],
)
def test_foreign_change_has_no_reason(strategy: Strategy, old: str, new: str) -> None:
    before = text_of("29.6")
    lifted, demoted = rewrite(before, strategy)
    after = change(demoted, old, new)
    assert [hunk.reasons for hunk in hunks(demoted, after)] == [()]
    for earlier in (before, lifted):
        theirs = {line for hunk in hunks(demoted, after) for line in hunk.lines if line[0] == "+" and line != "+"}
        shown = [hunk for hunk in unknown(hunks(earlier, after)) if theirs.issubset(hunk.lines)]
        assert shown, theirs


def test_mixed_hunk_has_both_kinds_of_reasons_and_names_the_lines() -> None:
    lifted, demoted = rewrite(text_of("29.6"))
    after = change(demoted, "$extraPath:$extraUserPath", "$extraPath:$another")
    mixed = hunks(lifted, after)[0]
    number = 1 + after[: after.index("$another")].count("\n")
    assert [bool(reason.proofs) for reason in mixed.reasons] == [True, False]
    assert mixed.reasons[0].text.startswith("rootlesskit: comes last in PATH")
    assert mixed.reasons[1].text.startswith(f"lines new {number} and old {number - 2}: no reason known")


@pytest.mark.parametrize("strategy", Strategy)
def test_changed_line_of_a_definition_that_moves_is_found_in_it(strategy: Strategy) -> None:
    before = text_of("24.0")
    lifted = rewrite(before, strategy)[0]
    after = change(lifted, "env.NIX_CFLAGS_COMPILE = ", "env.another = ")
    (hunk,) = unknown(hunks(before, after))
    assert any("env.another" in line for line in hunk.lines)


def test_line_of_which_a_part_left_must_keep_its_indentation() -> None:
    lifted, demoted = rewrite(text_of("24.0"))
    after = change(demoted, "      extraUserPath =", "       extraUserPath =")
    (hunk,) = unknown(hunks(lifted, after))
    assert any("extraUserPath =" in line for line in hunk.lines)


def test_comment_that_moves_with_the_first_definition_is_no_new_one() -> None:
    before = change(text_of("29.6"), "      docker-meta = {", "      # remark\n      docker-meta = {")
    for strategy in Strategy:
        assert unknown(hunks(before, rewrite(before, strategy)[0])) == []


def test_line_kept_by_the_diff_is_not_the_same_where_all_lines_are_indented_anew() -> None:
    move = Move(name="moby", cause=Cause.DEFAULTED, before=(0, 8), after=(0, 12), shift=2)
    regions = Regions(moves=(move,))
    before = leftovers.lines("  a\n    a\n", regions, removed=True)
    after = leftovers.lines("    a\n      a\n", regions, removed=False)
    leftovers.mark_foreign(before, after, [(1, 0)])
    assert not any(line.foreign for line in (*before, *after))


def test_removed_line_has_the_reason_of_what_takes_its_place() -> None:
    lifted, demoted = rewrite(text_of("29.6"))
    number = 1 + lifted[: lifted.index(":$extraUserPath")].count("\n")
    file = diff(lifted, demoted).split(b"@@", 1)[0].decode()
    old, new = lifted.splitlines(), demoted.splitlines()
    element = 1 + lifted[: lifted.index("                rootlesskit\n")].count("\n")
    lines = [
        *(f"@@ -{number - 2},0 +{number - 1},2 @@", *(f"+{line}" for line in new[number - 2 : number])),
        *(f"@@ -{number},1 +{number + 1},0 @@", f"-{old[number - 1]}"),
        *(f"@@ -{number},0 +{number + 2},2 @@", *(f"+{line}" for line in new[number + 1 : number + 3])),
        *(f"@@ -{element},1 +{element + 2},0 @@", f"-{old[element - 1]}"),
    ]
    split = (file + "\n".join(lines) + "\n").encode()
    explained = explain(commit_of(lifted, demoted), split, target=TARGET, components=COMPONENTS, entry=ENTRY)
    assert starts(explained.hunks) == [["rootlesskit: comes"]] * 3 + [["rootlesskit: removed"]]


def test_definition_that_moves_with_another_indentation_is_not_taken_for_the_same() -> None:
    before = text_of("29.6")
    lifted = rewrite(before)[0]
    after = change(lifted, '          pname = "docker-tini";', '           pname = "docker-tini";')
    assert unknown(hunks(before, after))


def test_line_that_somebody_moved_is_not_taken_for_one_that_others_moved_past() -> None:
    before = text_of("29.6")
    lifted = rewrite(before)[0]
    line = '        outputs = [ "out" ];\n'
    after = change(lifted, line, "").replace("\nin\n{\n", f"\nin\n{{\n{line.strip()}\n")
    assert any("+outputs" in "".join(hunk.lines) for hunk in unknown(hunks(before, after)))


def test_blank_lines_alone_have_no_reason() -> None:
    text = rewrite(text_of("29.6"))[1]
    assert [hunk.reasons for hunk in hunks(text, change(text, "\nin\n{\n", "\n\n\nin\n{\n"))] == [()]


def test_lost_line_feed_at_the_end_has_no_reason() -> None:
    text = text_of("29.6")
    (hunk,) = hunks(text, text.rstrip("\n"))
    assert hunk.reasons == ()
    assert hunk.lines[-1].startswith("\\ No newline")


@pytest.mark.parametrize("spoiled", ["{ moby", "{ }", "19.03"])
def test_file_that_no_rewrite_makes_has_no_reasons(spoiled: str) -> None:
    before = text_of("29.6")
    after = text_of(spoiled) if spoiled[0].isdigit() else f"{spoiled}\n"
    assert {hunk.reasons for hunk in hunks(before, after)} == {()}
    assert {hunk.reasons for hunk in hunks(after, before)} == {()}


# Around the docker file


@pytest.mark.parametrize(
    ("path", "proof"),
    [
        ("nixos/tests/docker-rootless-ports.nix", "nixos-test"),
        ("nixos/tests/all-tests.nix", "nixos-test"),
        ("nixos/modules/virtualisation/docker-rootless.nix", "nixos-module"),
        ("nixos/doc/manual/release-notes/rl-2611.section.md", "release-note"),
        ("nixos/modules/virtualisation/docker.nix", None),
        ("nixos/tests.nix", None),
        ("pkgs/applications/virtualization/docker/update.sh", None),
    ],
)
def test_other_files_have_the_reason_of_their_place(path: str, proof: str | None) -> None:
    where = PurePosixPath(path)
    explained = explain(
        commit_of("a\n", "b\n", where), diff("a\n", "b\n", where), target=TARGET, components=COMPONENTS, entry=ENTRY
    )
    (hunk,) = explained.hunks
    assert (hunk.path, hunk.header, hunk.lines) == (where, "@@ -1,1 +1,1 @@", ("-a", "+b"))
    assert [reason.proofs for reason in hunk.reasons] == ([(proof,)] if proof is not None else [])


def test_target_that_a_commit_adds_has_no_reason() -> None:
    after = rewrite(text_of("29.6"))[1]
    (hunk,) = explain(commit_of(None, after), diff("", after), target=TARGET, components=COMPONENTS, entry=ENTRY).hunks
    assert hunk.reasons == ()


def test_diff_of_other_contents_is_a_defect_of_the_caller() -> None:
    before = text_of("29.6")
    lifted, demoted = rewrite(before)
    with pytest.raises(ValueError, match="not that of the two files"):
        explain(commit_of(before, demoted), diff(before, lifted), target=TARGET, components=COMPONENTS, entry=ENTRY)


def test_mail_of_format_patch_will_do() -> None:
    before = text_of("29.6")
    lifted = rewrite(before)[0]
    mail = b"From 0 Mon Sep 17 00:00:00 2001\nSubject: docker: x\n\nbody\n---\n 1 file\n\n" + diff(before, lifted)
    plain, wrapped = (
        explain(commit_of(before, lifted), made, target=TARGET, components=COMPONENTS, entry=ENTRY)
        for made in (diff(before, lifted), mail)
    )
    assert wrapped == plain
    assert replace(wrapped, hunks=()).subject == "docker: x"


# Real files


CORPUS = os.environ.get("UNLET_CORPUS")


@pytest.mark.skipif(CORPUS is None, reason="UNLET_CORPUS is not set: no real upstream files to try")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", Strategy)
def test_commits_for_real_files_have_reasons(strategy: Strategy, demotion: Demotion, algorithm: str) -> None:
    for path in sorted(Path(CORPUS or "").glob("*.nix")):
        before = path.read_text()
        try:
            lifted, demoted = rewrite(before, strategy, demotion)
        except (LayoutError, NixSyntaxError):
            continue
        for old, new in ((before, lifted), (lifted, demoted), (before, demoted)):
            assert unknown(hunks(old, new, algorithm)) == [], path.name
