import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from unidiff.patch import PatchSet

from tests import designs, specimens
from tests.asking import docker, propose
from tests.docker.conftest import Draft
from tests.progress import Steps
from toolkit.cache import VARIABLE
from toolkit.docker import COMPONENTS, TARGET
from toolkit.docker.case import BEFORE, LIFTED
from toolkit.docker.foreign import DROP_WARNING
from toolkit.docker.rewrite.layout import file_of
from toolkit.docker.steps import DESIGNS, Demotion
from toolkit.errors import LayoutError, ToolkitError
from toolkit.git import patching
from toolkit.lift.plan import Design
from toolkit.model import Report, SourceRequest, Status

ROOT = Path(__file__).parents[2]
LAYOUTS = [name for name in specimens.LAYOUTS if name != "19.03"]
MOVED = ("--color-moved-ws=allow-indentation-change",)
SPECIMEN = SourceRequest(nixpkgs="specimen")

# The same for every run with the same source; the rest tells of one run.
REPRODUCIBLE = ("series", "overlay", "upstream.diff")


def run_git(directory: Path, *arguments: str | Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, encoding="utf-8")
    return done.stdout


def repository(directory: Path, content: str) -> Path:
    """Make the repository of somebody who has the file, and nothing else."""
    target = directory / TARGET
    target.parent.mkdir(parents=True)
    target.write_text(content)
    run_git(directory, "init", "--quiet", "--initial-branch=master")
    run_git(directory, "add", "--all")
    run_git(directory, "commit", "--quiet", "--message=base")
    return target


def tree_of(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def text_of(layout: str) -> str:
    return (specimens.path(layout) / TARGET).read_text()


class TestOutput:
    def test_files_are_those_that_the_report_lists(self, proposals: Callable[..., tuple[Path, Report]]) -> None:
        out, report = proposals()
        assert tuple(sorted(tree_of(out))) == report.files
        series = [name for name in report.files if name.startswith("series/")]
        assert [re.sub(r"(\d{4}-)[a-z0-9-]+", r"\1…", name) for name in series] == [
            "series/0001-….patch",
            "series/0002-….patch",
        ]
        assert {name for name in report.files if not name.startswith("series/")} == {
            "overlay/default.nix",
            "overlay/docker/cli-plugin-dirs-from-environment-25.patch",
            "overlay/docker/cli-plugin-dirs-from-environment.patch",
            "overlay/docker/default.nix",
            "overlay/docker/update.sh",
            "pull-request.md",
            "report.json",
            "report.md",
            "upstream.diff",
        }
        assert os.access(out / "overlay" / "docker" / "update.sh", os.X_OK)

    def test_diff_is_the_series_as_one_and_touches_the_file_alone(
        self, proposals: Callable[..., tuple[Path, Report]]
    ) -> None:
        out, _ = proposals()
        read = PatchSet.from_filename(str(out / "upstream.diff"), encoding="utf-8", newline="\n")
        assert [file.path for file in read] == [str(TARGET)]
        diff = (out / "upstream.diff").read_bytes()
        applied = patching.apply(text_of("29.6").encode(), TARGET, diff)
        assert applied == (out / "overlay" / "docker" / "default.nix").read_bytes()

    def test_default_specimen_is_the_newest_layout(self, tmp_path: Path) -> None:
        report = propose(docker(source=SPECIMEN, out=tmp_path / "out"), progress=Steps())
        assert report.proposal.source.origin == "the embedded specimen"
        assert report.proposal.source.content == text_of(specimens.NEWEST).encode()

    def test_commands_of_the_report_name_the_place_of_the_proposal(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        report = propose(docker(source=SPECIMEN, out=out), progress=Steps())
        (overlay,) = (proof for proof in report.proofs if proof.name == "overlay")
        assert f"--argstr overlay {out}/overlay " in overlay.commands[0]
        assert ".out." not in (out / "report.json").read_text() + (out / "report.md").read_text()

    def test_drop_warns_of_what_does_not_start(self, proposals: Callable[..., tuple[Path, Report]]) -> None:
        assert DROP_WARNING in proposals(demotion=Demotion.DROP)[1].warnings
        assert proposals()[1].warnings == ()

    def test_lone_file_is_proposed_without_what_is_not_beside_it(self, tmp_path: Path) -> None:
        file = tmp_path / "docker.nix"
        file.write_text(text_of("29.6"))
        report = propose(docker(source=SourceRequest(file=file), out=tmp_path / "out"), progress=Steps())
        (warning,) = report.warnings
        assert warning.startswith("not found beside the file: ")
        assert {"update.sh", "cli-plugin-dirs-from-environment.patch"} <= set(re.findall(r"[\w.-]+", warning))
        assert report.failed == ()
        (overlay,) = (proof for proof in report.proofs if proof.name == "overlay")
        assert overlay.status is Status.NOT_RUN


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_proposed_and_proven(proposals: Callable[..., tuple[Path, Report]], layout: str) -> None:
    assert proposals(layout)[1].failed == ()


# Every layout is rewritten by every strategy in tests/docker/rewrite.
@pytest.mark.parametrize("strategy", DESIGNS)
@pytest.mark.parametrize("layout", ["20.10.14", "29.6"])
def test_every_strategy_is_proven(proposals: Callable[..., tuple[Path, Report]], layout: str, strategy: Design) -> None:
    _, report = proposals(layout, strategy=strategy)
    if strategy is Design.MOVE and layout != "29.6":
        assert "evaluation throws" in {proof.name: proof.reason or "" for proof in report.failed}["no-rebuild"]
        return
    assert report.failed == (), [proof.reason for proof in report.failed]
    others = {proof.name: proof.reason for proof in report.proofs if proof.status is Status.NOT_RUN}
    assert others == {"format": "because nixfmt is not installed; 'nix-shell -p nixfmt' has it"}
    assert report.proposal.design("lift") == strategy


@pytest.mark.parametrize("layout", ["20.10.14", "29.6"])
def test_drop_is_proven(proposals: Callable[..., tuple[Path, Report]], layout: str) -> None:
    assert proposals(layout, demotion=Demotion.DROP)[1].failed == ()


class TestReproducible:
    def test_two_runs_from_two_places_give_the_same_bytes(
        self, tmp_path: Path, sealed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs: list[dict[str, bytes]] = []
        for number, name in enumerate(("here", "there")):
            directory = tmp_path / name
            directory.mkdir()
            monkeypatch.chdir(directory)
            if number:
                (sealed / ".gitconfig").write_text(
                    "[diff]\nnoprefix = true\nalgorithm = patience\ncontext = 1\n[core]\nabbrev = 5\nautocrlf = true\n"
                    "[color]\nui = always\n[format]\nsignature = me\nattach = x\n[user]\nname = Author\n"
                )
                monkeypatch.setenv("TZ", "Asia/Tokyo")
                monkeypatch.setenv("GIT_AUTHOR_DATE", "@1 +0000")
                time.sleep(1.1)
            propose(docker(source=SPECIMEN, out=Path("out")), progress=Steps())
            written = tree_of(directory / "out")
            # The specimen has no pin, so that its mails are of today.
            undated = {name: re.sub(rb"(?m)^Date: .*$", b"", content) for name, content in written.items()}
            runs.append({name: content for name, content in undated.items() if name.startswith(REPRODUCIBLE)})
        assert runs[0] == runs[1]
        assert len(runs[0]) == 8

    def test_nothing_of_this_machine_is_in_them(
        self, proposals: Callable[..., tuple[Path, Report]], sealed: Path
    ) -> None:
        out, _ = proposals()
        for name, content in tree_of(out).items():
            if name.startswith(REPRODUCIBLE):
                for place in (str(out), str(sealed), str(ROOT), "/tmp"):  # noqa: S108 - a text, not a file
                    assert place.encode() not in content, (name, place)


class TestForUsers:
    def test_series_applies_with_plain_git_am(
        self, proposals: Callable[..., tuple[Path, Report]], tmp_path: Path
    ) -> None:
        out, report = proposals()
        target = repository(tmp_path / "nixpkgs", text_of("29.6"))
        run_git(tmp_path / "nixpkgs", "am", *sorted((out / "series").iterdir()))
        assert target.read_bytes() == report.proposal.commits[-1].after
        subjects = run_git(tmp_path / "nixpkgs", "log", "--reverse", "--format=%s").splitlines()
        assert subjects == ["base", *(commit.subject for commit in report.proposal.commits)]
        message = run_git(tmp_path / "nixpkgs", "log", "-1", "--format=%B")
        assert message.strip() == report.proposal.commits[-1].message.strip()
        assert run_git(tmp_path / "nixpkgs", "status", "--porcelain") == ""

    def test_diff_applies_with_plain_git_apply(
        self, proposals: Callable[..., tuple[Path, Report]], tmp_path: Path
    ) -> None:
        out, report = proposals("24.0")
        target = repository(tmp_path / "nixpkgs", text_of("24.0"))
        run_git(tmp_path / "nixpkgs", "apply", "--index", "--whitespace=error-all", out / "upstream.diff")
        assert target.read_bytes() == report.proposal.commits[-1].after

    def test_commit_of_a_clone_is_proposed_on_that_commit(self, tmp_path: Path) -> None:
        repository(tmp_path / "nixpkgs", text_of("24.0"))
        commit = run_git(tmp_path / "nixpkgs", "rev-parse", "HEAD").strip()
        request = docker(source=SourceRequest(nixpkgs=str(tmp_path / "nixpkgs")), out=tmp_path / "out")
        before = tree_of(tmp_path / "nixpkgs")
        report = propose(request, progress=Steps())
        assert report.failed == ()
        assert str(report.proposal.source.commit) == commit
        assert tree_of(tmp_path / "nixpkgs") == before
        # The date of the mails is that of the commit, which is the same for everybody.
        mails = "".join(path.read_text() for path in (tmp_path / "out" / "series").iterdir())
        assert mails.count("\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n") == 2
        assert f"for nixpkgs at commit {commit}." in (tmp_path / "out" / "overlay" / "default.nix").read_text()

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_color_moved_shows_the_definitions_as_moved(
        self, draft: Callable[..., Draft], tmp_path: Path, layout: str
    ) -> None:
        series = draft(layout)
        target = repository(tmp_path / "nixpkgs", series.texts[BEFORE])
        target.write_text(series.texts[LIFTED])
        shown = run_git(tmp_path / "nixpkgs", "diff", "--color=always", "--color-moved", *MOVED, "--histogram")
        lines = re.findall(
            r"^((?:\x1b\[[0-9;]*m)+)([+-])(?:\x1b\[[0-9;]*m)*(.*?)(?:\x1b\[[0-9;]*m)*$", shown, re.MULTILINE
        )
        # git's defaults: a line that is new is green, one that is gone red, one that moved neither.
        rewritten = {text.strip() for color, sign, text in lines if color in {"\x1b[32m", "\x1b[31m"} and sign in "+-"}
        file = file_of(series.texts[BEFORE], name=layout)
        components = COMPONENTS
        definitions = [line.strip() for name in components for line in file.bindings[name].text.splitlines()]
        # git takes no notice of a block with fewer than 20 letters and digits.
        named = re.compile("|".join(rf"(^|\$\{{| ){name}\b" for name in components))
        letters = {line: re.findall(r"\w", line) for line in definitions if not named.search(line)}
        assert [line for line, found in letters.items() if line in rewritten and len(found) >= 20] == []


class TestWholeOrNotAtAll:
    @pytest.mark.parametrize("state", ["19.03", *specimens.STATES])
    def test_refusal_leaves_nothing(self, tmp_path: Path, state: str) -> None:
        request = docker(source=SourceRequest(nixpkgs=specimens.nixpkgs(state)), out=tmp_path / "out")
        with pytest.raises(LayoutError):
            propose(request, progress=Steps())
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "step",
        ["reading nixpkgs", "rewriting", "proving parse", "proving no-rebuild", "proving builds", "proving overlay"],
    )
    def test_interrupt_leaves_nothing(self, tmp_path: Path, step: str) -> None:
        with pytest.raises(KeyboardInterrupt):
            propose(docker(source=SPECIMEN, out=tmp_path / "out"), progress=Steps(interrupted_at=step))
        assert list(tmp_path.iterdir()) == []

    def test_what_comes_in_the_way_meanwhile_stays(self, tmp_path: Path) -> None:
        class Meddling(Steps):
            def step(self, what: str) -> None:
                if what == "proving builds":
                    (tmp_path / "out").mkdir()
                    (tmp_path / "out" / "mine").write_text("x")

        with pytest.raises(ToolkitError, match="is not empty"):
            propose(docker(source=SPECIMEN, out=tmp_path / "out"), progress=Meddling())
        assert tree_of(tmp_path) == {"out/mine": b"x"}

    def test_force_never_takes_what_is_no_proposal(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_text("x")
        with pytest.raises(ToolkitError, match="contains files that do not belong to a proposal"):
            propose(docker(source=SPECIMEN, out=tmp_path / "out", force=True), progress=Steps())
        assert tree_of(tmp_path) == {"out/mine": b"x"}

    def test_force_replaces_when_the_new_one_is_whole(
        self, proposals: Callable[..., tuple[Path, Report]], tmp_path: Path
    ) -> None:
        out = shutil.copytree(proposals("24.0")[0], tmp_path / "out")
        old = tree_of(out)
        request = docker(source=SPECIMEN, out=out, force=True)
        for step in ("proving parse", "proving overlay"):
            with pytest.raises(KeyboardInterrupt):
                propose(request, progress=Steps(interrupted_at=step))
            assert tree_of(out) == old
        report = propose(request, progress=Steps())
        assert tuple(sorted(tree_of(out))) == report.files
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_refused_source_leaves_the_old_proposal(
        self, proposals: Callable[..., tuple[Path, Report]], tmp_path: Path
    ) -> None:
        out = shutil.copytree(proposals("24.0")[0], tmp_path / "out")
        old = tree_of(out)
        request = docker(source=SourceRequest(nixpkgs=specimens.nixpkgs("states/fixed")), out=out, force=True)
        with pytest.raises(LayoutError):
            propose(request, progress=Steps())
        assert tree_of(tmp_path / "out") == old

    def test_proof_that_fails_is_in_the_report_and_the_proposal_is_there(
        self, tmp_path: Path, install: Callable[[str, str], None]
    ) -> None:
        version = 'if [ "$1" = --version ]; then echo nixfmt 1; exit; fi\n'
        install(
            "nixfmt",
            version + 'text=$(cat; echo x); case "$text" in *finalAttrs.moby*) exit 1;; esac; printf %s "${text%x}"',
        )
        report = propose(docker(source=SPECIMEN, out=tmp_path / "out"), progress=Steps())
        assert {proof.name: proof.reason for proof in report.failed} == {
            "format": "lifted: nixfmt would change the file"
        }
        assert (tmp_path / "out" / "report.json").is_file()

    def test_messages_do_not_say_what_was_not_proven(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        install: Callable[[str, str], None],
        proposals: Callable[..., tuple[Path, Report]],
    ) -> None:
        whole, _ = proposals()
        # What is known of the same files is not asked again.
        monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
        real = shutil.which("nix-instantiate")
        refuse = "*/evaluate.nix*) echo 'error: no memory' >&2; exit 1;;"
        install("nix-instantiate", f'case "$*" in {refuse} esac; exec {real} "$@"')
        report = propose(docker(source=SPECIMEN, out=tmp_path / "out"), progress=Steps())
        unrun = {proof.name for proof in report.proofs if proof.status is Status.NOT_RUN}
        assert {"no-rebuild", "exact-change"} <= unrun
        proven, unproven = (
            [path.read_text() for path in sorted((place / "series").iterdir())] for place in (whole, tmp_path / "out")
        )
        for number, sentence in enumerate(("No rebuilds.", "that contain it are rebuilt")):
            assert sentence in proven[number]
            assert sentence not in unproven[number]
        assert (tmp_path / "out" / "upstream.diff").read_bytes() == (whole / "upstream.diff").read_bytes()


class TestOtherDesigns:
    @pytest.mark.parametrize("name", [name for name in designs.DESIGNS if name != "parameter"])
    def test_file_that_another_design_has_fixed_is_left_alone(self, tmp_path: Path, name: str) -> None:
        path, out = tmp_path / "default.nix", tmp_path / "out"
        path.write_text(designs.DESIGNS[name](text_of("29.6")))
        with pytest.raises(LayoutError):
            propose(docker(source=SourceRequest(file=path), out=out), progress=Steps())
        assert not out.exists()

    @pytest.mark.parametrize("name", ["override-attrs", "component-overrides", "final-small"])
    def test_components_that_stayed_in_the_let_are_known_to_be_overridable(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / "default.nix"
        path.write_text(designs.DESIGNS[name](text_of("29.6")))
        with pytest.raises(
            LayoutError, match=rf"^{re.escape(str(path))}: half fixed: components overridable by "
        ) as caught:
            propose(docker(source=SourceRequest(file=path), out=tmp_path / "out"), progress=Steps())
        assert caught.value.hint == "only '--only demote' is left to propose"
        assert designs.DOORS[name]("moby")[0] in caught.value.message
        assert not (tmp_path / "out").exists()

    def test_file_of_which_only_one_component_is_fixed_is_half_fixed(self, tmp_path: Path) -> None:
        path, text = tmp_path / "default.nix", text_of("29.6")
        old = designs.value(text, "docker-tini")
        text = designs.replaced(
            text, f" docker-tini = {old};", f" docker-tini = ({old}).overrideAttrs overrideTiniAttrs;"
        )
        path.write_text(designs.with_formals(text, ["overrideTiniAttrs ? { }"]))
        with pytest.raises(
            LayoutError, match=r"half fixed: only some components can be overridden \(docker-tini by override \{ "
        ):
            propose(docker(source=SourceRequest(file=path), out=tmp_path / "out"), progress=Steps())
