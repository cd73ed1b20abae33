"""Faults for the claims about any file: syntax, format, patches that do not apply."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proposal.conftest import TARGET, Draft
from toolkit.errors import ToolkitError
from toolkit.model import Patch
from toolkit.proposal.form import (
    CLAIMS,
    LINT,
    LINTERS,
    applies,
    formatted,
    linted,
    parses,
)
from toolkit.proposal.prove import ANY, Subject

# The real nixfmt is one more compiler to have on each machine that tests. What is
# tested here is how the proof asks a formatter and what it makes of the answer, hence
# any program will do that formats: this one strips spaces at line ends, and refuses a
# file with a tab as nixfmt refuses a syntax error.
FORMATTER = """\
case ${1-} in
  --version) echo 'nixfmt 0 (stand-in)' ;;
  -) awk '/\t/ { print "no tabs" >"/dev/stderr"; exit 1 } { sub(/ +$/, ""); print }' ;;
  *) echo "unknown: $1" >&2 && exit 2 ;;
esac
"""
NEW_FILE = (
    b"diff --git a/other.nix b/other.nix\nnew file mode 100644\n--- "
    b"/dev/null\n+++ b/other.nix\n@@ -0,0 +1 @@\n+x\n"
)


def altered(patch: Patch, old: bytes, new: bytes) -> Patch:
    assert patch.content.count(old) == 1
    return Patch(name=patch.name, content=patch.content.replace(old, new))


def test_every_stage_is_parsed(draft: Draft) -> None:
    finding = parses(draft.case())
    assert (finding.covers, finding.failures, finding.not_run) == ("3 files", (), None)
    assert [line.partition(": ")[0] for line in finding.evidence] == [
        "before",
        "first",
        "second",
    ]
    assert f" --parse {draft.root}/before/" in finding.commands[0]
    assert finding.commands[0].endswith(f"{draft.root}/second/package.nix")


# The grammar accepts both, Nix neither: what the syntax tree says is not enough.
@pytest.mark.parametrize(
    "bad", ['pname = "hello"; pname = "hello";', 'pname = "hello"; x = ({ a, a }: a);']
)
@pytest.mark.parametrize("stage", ["before", "first", "second"])
def test_stage_that_is_no_nix_is_named_with_its_place(
    draft: Draft, stage: str, bad: str
) -> None:
    spoiled = draft.rewritten(stage, lambda text: text.replace('pname = "hello";', bad))
    with pytest.raises(
        ToolkitError, match=r"already defined|duplicate formal"
    ) as caught:
        parses(spoiled.case())
    assert f"/{stage}/package.nix:4:" in str(caught.value)


class TestFormat:
    @pytest.fixture(autouse=True)
    def formatter(self, install: Callable[[str, str], None]) -> None:
        install("nixfmt", FORMATTER)

    def test_formatted_series_passes(self, draft: Draft) -> None:
        case = draft.case()
        finding = formatted(case)
        assert (finding.covers, finding.failures, finding.not_run) == (
            "3 files, nixfmt 0 (stand-in)",
            (),
            None,
        )
        assert finding.commands == (
            f"nixfmt --check {' '.join(str(stage.path) for stage in case.stages)}",
        )
        assert [stage.path.read_bytes() for stage in case.stages] == [
            stage.content for stage in case.stages
        ]

    @pytest.mark.parametrize("stage", ["first", "second"])
    @pytest.mark.parametrize("more", ["  \n", "#\t\n"])
    def test_stage_that_would_be_changed_or_refused_is_named(
        self, draft: Draft, stage: str, more: str
    ) -> None:
        finding = formatted(draft.rewritten(stage, lambda text: f"{text}{more}").case())
        assert finding.failures == (f"{stage}: nixfmt would reformat the file",)

    def test_file_that_was_not_formatted_before_is_not_judged(
        self, draft: Draft
    ) -> None:
        for stage in ("before", "first"):
            draft = draft.rewritten(stage, lambda text: f"{text}  \n")
        finding = formatted(draft.case())
        reason = (
            "because the unchanged file is not in the format of this nixfmt 0 (stand-in) "
            "either"
        )
        assert (finding.covers, finding.failures, finding.not_run) == (
            "nothing",
            (),
            reason,
        )

    def test_formatter_that_cannot_be_run_is_a_failure(
        self, draft: Draft, install: Callable[[str, str], None]
    ) -> None:
        install("nixfmt", "echo 'cannot start' >&2; exit 127")
        with pytest.raises(ToolkitError, match="cannot start"):
            formatted(draft.case())


# A linter that has something to say of a file with its word in it.
LINTER = """\
[ -e "$PWD/package.nix" ] || exit 9
for last; do :; done
grep -q "{word}" "$last" || exit 0
echo "{name}:  {word}
in it" {where}
exit 1
"""


class TestLint:
    @pytest.fixture(autouse=True)
    def no_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/usr/bin:/bin")

    def test_absent_linters_are_not_run_and_one_without_findings_has_its_command(
        self, draft: Draft, install: Callable[[str, str], None]
    ) -> None:
        case = draft.case()
        finding = linted(case)
        reason = "because nixf-diagnose and the other linters are not on PATH"
        assert (finding.covers, finding.not_run, finding.failures) == (
            "nothing",
            reason,
            (),
        )
        install(
            "keep-sorted", LINTER.format(name="keep-sorted", word="no such", where="")
        )
        finding = linted(case)
        assert (finding.covers, finding.failures, finding.gaps) == (
            "keep-sorted",
            (),
            (),
        )
        assert finding.not_run is None
        assert finding.commands == (f"keep-sorted --mode lint {case.after.path}",)

    @pytest.mark.parametrize("where", ["", ">&2"])
    @pytest.mark.parametrize("stage", ["first", "second"])
    def test_what_it_finds_in_a_stage_is_a_failure_in_one_line(
        self, draft: Draft, install: Callable[[str, str], None], stage: str, where: str
    ) -> None:
        install(
            "keep-sorted",
            LINTER.format(name="keep-sorted", word="spoiled", where=where),
        )
        install("nixf-diagnose", "exit 0")
        finding = linted(
            draft.rewritten(stage, lambda text: f"{text}# spoiled\n").case()
        )
        assert (finding.covers, finding.not_run) == ("nixf-diagnose, keep-sorted", None)
        assert finding.failures == ("keep-sorted: keep-sorted: spoiled in it",)
        # Without a word it fails as well.
        install("keep-sorted", 'for last; do :; done; ! grep -q spoiled "$last"')
        finding = linted(
            draft.rewritten(stage, lambda text: f"{text}# spoiled\n").case()
        )
        assert finding.failures == ("keep-sorted: fails",)

    def test_what_it_finds_before_as_well_is_not_judged(
        self, draft: Draft, install: Callable[[str, str], None]
    ) -> None:
        install(
            "keep-sorted", LINTER.format(name="keep-sorted", word="pname", where="")
        )
        finding = linted(draft.case())
        reason = "because keep-sorted already reject the unchanged file"
        assert (finding.covers, finding.not_run, finding.failures) == (
            "nothing",
            reason,
            (),
        )
        install("editorconfig-checker", "exit 0")
        finding = linted(draft.case())
        assert (finding.not_run, finding.failures) == (None, ())
        assert finding.gaps == ("keep-sorted: already rejects the unchanged file",)

    def test_each_gets_the_options_of_nixpkgs_ci(
        self, draft: Draft, install: Callable[[str, str], None], tmp_path: Path
    ) -> None:
        for name in LINTERS:
            install(name, f'echo "$*" >"{tmp_path}/{name}"')
        linted(draft.case())
        for name, options in LINTERS.items():
            assert (tmp_path / name).read_text().split() == [*options, "package.nix"]


def test_formatter_that_is_nowhere_is_named_with_where_to_get_it(draft: Draft) -> None:
    finding = formatted(draft.case())
    reason = "because nixfmt is not installed; 'nix-shell -p nixfmt' has it"
    assert (finding.covers, finding.not_run) == ("nothing", reason)


def test_series_and_diff_apply_with_their_lines_and_commands(draft: Draft) -> None:
    finding = applies(draft.case())
    assert (finding.covers, finding.failures) == (
        "2 patches, 2 lines added, 2 removed",
        (),
    )
    assert finding.evidence == (
        "git apply and git am, each on a commit with the original file",
    )
    assert finding.commands[1:] == (
        "git -C checkout apply --check ../upstream.diff",
        "(cd checkout && git am ../series/*.patch)",
    )
    assert f"{draft.root}/before/package.nix" in finding.commands[0]
    one = Draft(
        root=draft.root,
        texts={name: draft.texts[name] for name in ("before", "second")},
    )
    assert applies(one.case()).covers == "1 patch, 2 lines added, 2 removed"


def test_commands_repeat_it_in_a_shell(draft: Draft, tmp_path: Path) -> None:
    case = draft.case()
    (tmp_path / "series").mkdir()
    for patch in case.patches:
        (tmp_path / "series" / patch.name).write_bytes(patch.content)
    (tmp_path / "upstream.diff").write_bytes(case.upstream_diff)
    script = "\n".join(("set -e", *applies(case).commands))
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "checkout" / TARGET).read_bytes() == case.after.content


def test_patch_that_does_not_apply_is_named_with_gits_words(draft: Draft) -> None:
    case = draft.case()
    first, second = case.patches
    broken = altered(second, b"\n-  b = 1;\n", b"\n-  b = 7;\n")
    (failure,) = applies(draft.case(patches=(first, broken))).failures
    assert failure.startswith("series: ")
    assert "patch does not apply" in failure or "patch failed" in failure
    diff = case.upstream_diff.replace(b"\n-  b = 1;\n", b"\n-  b = 7;\n")
    assert diff != case.upstream_diff
    (failure,) = applies(draft.case(upstream_diff=diff)).failures
    assert failure.startswith("upstream.diff: ")


def test_patch_that_gives_another_file_is_named(draft: Draft) -> None:
    first, second = draft.case().patches
    other = draft.rewritten("first", lambda text: text.replace("a = 2", "a = 3"))
    for patches in (
        (first, altered(second, b"\n+  b = 2;\n", b"\n+  b = 3;\n")),
        other.case().patches,
    ):
        finding = applies(draft.case(patches=patches))
        assert finding.failures == ("the commits and the rewrite give different files",)
    diff = (
        draft.rewritten("second", lambda text: text.replace("b = 2", "b = 3"))
        .case()
        .upstream_diff
    )
    assert applies(draft.case(upstream_diff=diff)).failures == (
        "the diff and the rewrite give different files",
    )


def test_patch_that_changes_another_file_is_named(draft: Draft) -> None:
    case = draft.case()
    finding = applies(draft.case(upstream_diff=case.upstream_diff + NEW_FILE))
    assert finding.failures == (f"the diff touches {TARGET}, other.nix",)
    first, second = case.patches
    more = Patch(name=second.name, content=second.content + NEW_FILE)
    finding = applies(draft.case(patches=(first, more)))
    assert f"{second.name} touches {TARGET}, other.nix" in finding.failures


def test_a_diff_that_is_cut_off_is_named(draft: Draft) -> None:
    with pytest.raises(
        ToolkitError, match=r"^the diff: is not a diff that can be read"
    ):
        applies(draft.case(upstream_diff=draft.case().upstream_diff[:-12]))


@pytest.mark.parametrize("diff", [b"", b"nothing\n"])
def test_diff_without_a_change_is_no_success(draft: Draft, diff: bytes) -> None:
    with pytest.raises(ToolkitError, match="the diff: contains no diff"):
        applies(draft.case(upstream_diff=diff))


def test_a_strangers_patch_is_applied_to_the_file_alone(draft: Draft) -> None:
    diff = draft.case().upstream_diff + NEW_FILE
    finding = applies(draft.case(patches=(), upstream_diff=diff))
    assert (finding.covers, finding.failures) == (
        "package.nix, 2 lines added, 2 removed",
        (),
    )
    assert finding.evidence == ("git apply, on this file alone", "not tried: other.nix")
    other = draft.rewritten("second", lambda text: text.replace("b = 2", "b = 3"))
    finding = applies(other.case(patches=(), upstream_diff=diff))
    assert finding.failures == (
        "the patch gives another file than the one that was judged",
    )


def test_an_overlay_is_no_file_of_nixpkgs() -> None:
    assert [
        claim.name for claim in (*CLAIMS, LINT) if Subject.OVERLAY in claim.applies_to
    ] == ["parse"]
    for subject in ANY - {Subject.OVERLAY}:
        assert [
            claim.name for claim in (*CLAIMS, LINT) if subject in claim.applies_to
        ] == [
            "parse",
            "format",
            "applies",
            "lint",
        ]
