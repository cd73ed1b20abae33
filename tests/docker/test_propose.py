import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import designs, specimens
from tests.clones import commit_all, git
from tests.dockers import docker, propose
from tests.progress import Steps
from toolkit.docker import TARGET
from toolkit.docker.proposals import DROP_WARNING
from toolkit.docker.steps import DEMOTE, Demotion
from toolkit.errors import LayoutError
from toolkit.lift.plan import Design
from toolkit.model import Report, SourceRequest, Status

ROOT = Path(__file__).parents[2]

# The same for every run with the same source; the rest tells of one run.
REPRODUCIBLE = ("series", "overlay", "upstream.diff")


def tree_of(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def text_of(layout: str) -> str:
    return (specimens.path(layout) / TARGET).read_text()


def test_files_are_those_that_the_report_lists_and_nothing_of_this_machine_is_in_them(
    proposals: Callable[..., tuple[Path, Report]], sealed: Path
) -> None:
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
    for name, content in tree_of(out).items():
        if name.startswith(REPRODUCIBLE):
            for place in (str(out), str(sealed), str(ROOT), "/tmp"):  # noqa: S108 - a text, not a file
                assert place.encode() not in content, (name, place)


def test_lone_file_is_proposed_without_what_is_not_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "docker.nix"
    file.write_text(text_of("29.6"))
    request = docker(
        source=SourceRequest(file=file), out=tmp_path / "out", only=(DEMOTE,)
    )
    report = propose(request, progress=Steps())
    (warning,) = report.warnings
    assert warning.startswith("these files are not beside the package's file: ")
    assert {"update.sh", "cli-plugin-dirs-from-environment.patch"} <= set(
        re.findall(r"[\w.-]+", warning)
    )
    assert report.failed == ()
    (overlay,) = (proof for proof in report.proofs if proof.name == "overlay")
    assert overlay.status is Status.NOT_RUN


# Every layout is rewritten by every strategy in tests/docker/rewrite, and proven by
# `fuzz`.
@pytest.mark.parametrize(
    ("layout", "asked", "design"),
    [
        ("20.10.21", None, Design.HIDDEN),
        ("27.5-alejandra", Design.HIDDEN, Design.HIDDEN),
        ("29.6", None, Design.MOVE),
    ],
)
def test_layouts_and_strategies_are_proven(
    proposals: Callable[..., tuple[Path, Report]],
    layout: str,
    asked: Design | None,
    design: Design,
) -> None:
    demotion = Demotion.DROP if layout == "27.5-alejandra" else Demotion.SUFFIX
    _, report = proposals(layout, strategy=asked, demotion=demotion)
    assert report.failed == (), [proof.reason for proof in report.failed]
    others = {
        proof.name: proof.reason
        for proof in report.proofs
        if proof.status is Status.NOT_RUN
    }
    assert (
        others.pop("format")
        == "because nixfmt is not installed; 'nix-shell -p nixfmt' has it"
    )
    assert layout != "29.6" or others == {}
    assert {step.name: step.design for step in report.proposal.steps}["lift"] == design
    assert (DROP_WARNING in report.warnings) == (demotion is Demotion.DROP)


def test_strategy_that_a_builder_does_not_take_fails(
    proposals: Callable[..., tuple[Path, Report]],
) -> None:
    _, report = proposals("20.10.14", strategy=Design.MOVE)
    assert (
        "no longer evaluates"
        in {proof.name: proof.reason or "" for proof in report.failed}["no-rebuild"]
    )


def test_commit_of_a_clone_is_proposed_on_that_commit(tmp_path: Path) -> None:
    (tmp_path / "nixpkgs" / TARGET).parent.mkdir(parents=True)
    (tmp_path / "nixpkgs" / TARGET).write_text(text_of("24.0"))
    commit = git(commit_all(tmp_path / "nixpkgs"), "rev-parse", "HEAD")
    source = SourceRequest(nixpkgs=str(tmp_path / "nixpkgs"))
    request = docker(source=source, out=tmp_path / "out", only=(DEMOTE,))
    before = tree_of(tmp_path / "nixpkgs")
    report = propose(request, progress=Steps())
    assert report.failed == ()
    assert str(report.proposal.source.commit) == commit
    assert tree_of(tmp_path / "nixpkgs") == before
    # The date of the mails is that of the commit, which is the same for everybody.
    mails = "".join(
        path.read_text() for path in (tmp_path / "out" / "series").iterdir()
    )
    assert mails.count("\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n") == 1
    assert (
        f"for nixpkgs at commit {commit}."
        in (tmp_path / "out" / "overlay" / "default.nix").read_text()
    )


def test_components_that_stayed_in_the_let_are_known_to_be_overridable(
    tmp_path: Path,
) -> None:
    path = tmp_path / "default.nix"
    path.write_text(designs.final_small(text_of("29.6")))
    with pytest.raises(
        LayoutError,
        match=rf"^{re.escape(str(path))}: half fixed: components overridable: yes by ",
    ) as caught:
        propose(
            docker(source=SourceRequest(file=path), out=tmp_path / "out"),
            progress=Steps(),
        )
    assert caught.value.hint == "only the step '--only demote' still changes something"
    assert designs.METHODS["final-small"]("moby")[0] in caught.value.message
    assert not (tmp_path / "out").exists()
