from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests import specimens
from toolkit.docker import series
from toolkit.docker.claims.catalogue import CLAIMS
from toolkit.docker.rewrite.layout import file_of
from toolkit.docker.rewrite.reasons import catalogue, explain
from toolkit.docker.steps import DEMOTE, DESIGNS, LIFT, Demotion, Extra, steps
from toolkit.errors import LayoutError, NixSyntaxError
from toolkit.lift.plan import Design
from toolkit.model import FileChange, Step

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


def rewrite(text: str, strategy: Design = Design.MOVE, demotion: Demotion = Demotion.SUFFIX) -> tuple[str, str]:
    file = file_of(text, name="default.nix")
    lifted, demoted = series.rewrite(file, steps(strategy, demotion))
    return lifted, demoted


def diff(before: str, after: str, path: PurePosixPath = TARGET, algorithm: str = "histogram") -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        for side, text in (("a", before), ("b", after)):
            file = Path(directory, side, path)
            file.parent.mkdir(parents=True)
            file.write_text(text)
        command = ["git", "diff", "--no-index", "--no-prefix", f"--diff-algorithm={algorithm}", "a", "b"]
        return subprocess.run(command, cwd=directory, capture_output=True, check=False).stdout


def changed(before: str | None, after: str, path: PurePosixPath = TARGET) -> list[FileChange]:
    return [FileChange(path=path, before=before.encode() if before is not None else None, after=after.encode())]


def hunks(before: str, after: str, step: Step, algorithm: str = "histogram") -> tuple[ExplainedHunk, ...]:
    explained = explain(diff(before, after, algorithm=algorithm), changed(before, after), maker=step)
    assert explained
    return explained


def lifted_by(strategy: Design = Design.MOVE) -> Step:
    return Step(name=LIFT, design=strategy)


def demoted_by(demotion: Demotion = Demotion.SUFFIX) -> Step:
    return Step(name=DEMOTE, design=demotion)


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


ELEMENTS = r"lib\.makeBinPath \[\s+rootlesskit\s+slirp4netns\s+fuse-overlayfs\s+\]"


def with_condition() -> str:
    """Return a file in which a term of the list goes with its only element."""
    condition = "lib.makeBinPath ([ slirp4netns ] ++ lib.optional stdenv.isLinux rootlesskit)"
    return re.sub(ELEMENTS, condition, text_of("29.6"))


def with_one_set() -> str:
    """Return a file in which docker's attributes are one set without parentheses, and inherit others beside ours."""
    text = text_of("29.6")
    head, _, rest = text.rpartition("    buildGoModule (\n      {")
    attributes, _, rest = rest.partition("      }\n      // lib.optionalAttrs (!clientOnly) {")
    own = "        inherit docker-runc lib;\n        inherit docker-containerd moby docker-tini;\n"
    other = "        passthru.both = { inherit moby lib; };\n"
    return f"{head}    buildGoModule {{{attributes}{own}{other}      }};\n" + rest.partition("    );\n")[2]


def with_remark() -> str:
    """Return a file with a comment above the first definition."""
    return change(text_of("29.6"), "      docker-meta = {", "      # remark\n      docker-meta = {")


TEXTS = {
    **{name: text_of(name) for name in LAYOUTS},
    "with a condition": with_condition(),
    "with one set": with_one_set(),
    "with a remark": with_remark(),
}


@pytest.mark.parametrize("strategy", DESIGNS)
@pytest.mark.parametrize("layout", TEXTS)
def test_every_line_of_every_commit_has_a_reason(layout: str, strategy: Design) -> None:
    before = TEXTS[layout]
    lifted, _ = rewrite(before, strategy)
    for demotion in Demotion:
        _, demoted = rewrite(before, strategy, demotion)
        assert unknown(hunks(lifted, demoted, demoted_by(demotion))) == []
    for algorithm in ALGORITHMS if layout == "29.6" else ALGORITHMS[:1]:
        assert unknown(hunks(before, lifted, lifted_by(strategy), algorithm)) == []


def test_series_is_explained_hunk_by_hunk() -> None:
    before = text_of("29.6")
    lifted, demoted = rewrite(before)
    assert starts(hunks(before, lifted, lifted_by())) == [
        ["docker-runc, docker-containerd,"],
        ["moby: moved", "docker-containerd, docker-runc,"],
        ["docker-runc, docker-containerd,", "docker's attributes", "the set", "docker-containerd, docker-runc,"],
        ["moby: taken"],
        ["the set", "the TODO"],
    ]
    assert starts(hunks(lifted, demoted, demoted_by())) == [["rootlesskit: comes"], ["rootlesskit: removed"]]


OWN = {
    Design.MOVE: {
        "to docker's own attributes",
        "a function of the final attributes",
        "taken from the final attributes",
    },
    Design.HIDDEN: {"override sets and callPackage does not fill", "callPackage without the new parameters"},
}


@pytest.mark.parametrize("strategy", DESIGNS)
def test_strategies_have_reasons_of_their_own(strategy: Design) -> None:
    before = text_of("29.6")
    lifted = rewrite(before, strategy)[0]
    # Of what git finds to be in its place no reason need be given; here all of it is removed and added.
    whole = diff(before, lifted).split(b"@@", 1)[0] + _whole_diff(before, lifted)
    explained = explain(whole, changed(before, lifted), maker=lifted_by(strategy))
    said = "\n".join(reason.text for hunk in explained for reason in hunk.reasons)
    for each, texts in OWN.items():
        assert {text for text in texts if text in said} == (texts if each is strategy else set())


def _whole_diff(before: str, after: str) -> bytes:
    old, new = before.splitlines(), after.splitlines()
    lines = [f"@@ -1,{len(old)} +1,{len(new)} @@", *(f"-{line}" for line in old), *(f"+{line}" for line in new), ""]
    return "\n".join(lines).encode()


def test_dropped_entry_and_its_parameter_are_explained() -> None:
    lifted, demoted = rewrite(text_of("29.6"), demotion=Demotion.DROP)
    texts = {reason.text for hunk in hunks(lifted, demoted, demoted_by(Demotion.DROP)) for reason in hunk.reasons}
    assert {text.partition(",")[0] for text in texts} == {
        "rootlesskit: removed from the prefix of PATH",
        "rootlesskit: removed from the parameters",
    }
    assert any("nothing replaces it" in text for text in texts)


def test_every_proof_that_a_reason_names_exists() -> None:
    known = {claim.name for claim in CLAIMS} | {extra.value for extra in Extra}
    named = {name for reason in catalogue().cause.values() for name in reason.proofs}
    named |= {name for reason in catalogue().extra.values() for name in reason.proofs}
    assert named <= known
    assert all(reason.proofs for reason in catalogue().cause.values())


# What the step did not make


def test_hunk_of_which_a_part_is_not_known_names_the_lines() -> None:
    lifted, demoted = rewrite(text_of("29.6"))
    after = change(demoted, "                fuse-overlayfs\n", "                another\n")
    mixed = hunks(lifted, after, demoted_by())[-1]
    number = 1 + after[: after.index("another")].count("\n")
    assert [bool(reason.proofs) for reason in mixed.reasons] == [True, False]
    assert mixed.reasons[0].text.startswith("rootlesskit: removed from the prefix of PATH")
    assert mixed.reasons[1].text.startswith(f"lines new {number} and old {number - 2}: no reason known")


def test_hunk_of_which_nothing_is_known_has_no_reason() -> None:
    demoted = rewrite(text_of("29.6"))[1]
    after = change(demoted, "\nin\n{\n", "\nin\n{\n  docker_30 = callDocker { };\n")
    assert [hunk.reasons for hunk in hunks(demoted, after, lifted_by(Design.HIDDEN))] == [()]


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
    explained = explain(split, changed(lifted, demoted), maker=demoted_by())
    assert starts(explained) == [["rootlesskit: comes"]] * 3 + [["rootlesskit: removed"]]


def test_blank_lines_alone_have_no_reason() -> None:
    text = rewrite(text_of("29.6"))[1]
    assert [hunk.reasons for hunk in hunks(text, change(text, "\nin\n{\n", "\n\n\nin\n{\n"), lifted_by())] == [()]


def test_lost_line_feed_at_the_end_has_no_reason() -> None:
    text = text_of("29.6")
    (hunk,) = hunks(text, text.rstrip("\n"), lifted_by())
    assert hunk.reasons == ()
    assert hunk.lines[-1].startswith("\\ No newline")


@pytest.mark.parametrize("spoiled", ["{ moby", "{ }", "19.03"])
def test_file_that_no_rewrite_makes_has_no_reasons(spoiled: str) -> None:
    before = text_of("29.6")
    after = text_of(spoiled) if spoiled[0].isdigit() else f"{spoiled}\n"
    assert {hunk.reasons for hunk in hunks(before, after, lifted_by())} == {()}
    assert {hunk.reasons for hunk in hunks(after, before, lifted_by())} == {()}


def test_target_that_a_commit_adds_has_no_reason() -> None:
    after = rewrite(text_of("29.6"))[1]
    (hunk,) = explain(diff("", after), changed(None, after), maker=lifted_by())
    assert hunk.reasons == ()


def test_hunk_of_an_extra_has_its_reason_and_one_of_somebody_else_none() -> None:
    where = PurePosixPath("nixos/tests/all-tests.nix")
    (hunk,) = explain(diff("a\n", "b\n", where), changed("a\n", "b\n", where), maker=Extra.NIXOS_TEST)
    assert (hunk.path, hunk.header, hunk.lines) == (where, "@@ -1,1 +1,1 @@", ("-a", "+b"))
    assert [reason.proofs for reason in hunk.reasons] == [("nixos-test",)]
    (hunk,) = explain(diff("a\n", "b\n", where), changed("a\n", "b\n", where), maker=None)
    assert hunk.reasons == ()


def test_mail_of_format_patch_will_do() -> None:
    before = text_of("29.6")
    lifted = rewrite(before)[0]
    mail = b"From 0 Mon Sep 17 00:00:00 2001\nSubject: docker: x\n\nbody\n---\n 1 file\n\n" + diff(before, lifted)
    plain, wrapped = (
        explain(made, changed(before, lifted), maker=lifted_by()) for made in (diff(before, lifted), mail)
    )
    assert wrapped == plain


# Real files


CORPUS = os.environ.get("UNLET_CORPUS")


@pytest.mark.skipif(CORPUS is None, reason="UNLET_CORPUS is not set: no real upstream files to try")
@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", DESIGNS)
def test_commits_for_real_files_have_reasons(strategy: Design, demotion: Demotion) -> None:
    for path in sorted(Path(CORPUS or "").glob("*.nix")):
        before = path.read_text()
        try:
            lifted, demoted = rewrite(before, strategy, demotion)
        except (LayoutError, NixSyntaxError):
            continue
        assert unknown(hunks(lifted, demoted, demoted_by(demotion))) == [], path.name
        for algorithm in ALGORITHMS:
            assert unknown(hunks(before, lifted, lifted_by(strategy), algorithm)) == [], path.name
