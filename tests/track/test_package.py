"""Any package: a clone whose history binds a part in a let, makes it overridable, and takes that back."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.forge.server import Forge, serving
from tests.track.conftest import Nixpkgs, ref
from toolkit import specimen
from toolkit.errors import ToolkitError
from toolkit.lift.rewriting import lift
from toolkit.nix import limits
from toolkit.proposal.inspection import Methods
from toolkit.track import package
from toolkit.track.answer import Advice, TrackAnswer
from toolkit.track.page import to_html, to_markdown
from toolkit.track.readings import EVALUATION, SYNTAX, State
from toolkit.track.verdict import read_overlay

Ask = Callable[..., TrackAnswer]

PACKAGE = "notes-server"
FILE = f"pkgs/by-name/no/{PACKAGE}/package.nix"
CHANNEL = "nixos-unstable"


@pytest.fixture
def tree(empty: Nixpkgs) -> Nixpkgs:
    """The specimen, in which a let binds web-ui.

    Branches for a release and two channels.
    """
    shutil.copytree(specimen.path(), empty.path, dirs_exist_ok=True)
    empty.commit("specimen")
    for name in (CHANNEL, "release-26.05", "nixos-26.05"):
        empty.git("branch", name)
    return empty


@pytest.fixture
def server(tree: Nixpkgs) -> Generator[Forge]:
    yield from serving(tree.path)


def content(tree: Nixpkgs) -> str:
    return (tree.path / FILE).read_text()


def fix(tree: Nixpkgs) -> str:
    return tree.commit(
        "notes-server: allow overriding web-ui",
        lift(content(tree), name=FILE).text,
        path=FILE,
    )


def run_cli(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "toolkit", *arguments], check=True, capture_output=True
    )


def states(answer: TrackAnswer) -> dict[str, State]:
    return {each.name: each.state for each in answer.refs}


def test_part_that_a_let_binds_is_not_fixed_and_one_within_reach_is(
    tree: Nixpkgs, ask: Ask
) -> None:
    commit = fix(tree)
    answer = ask(tree, target=PACKAGE)
    others = (CHANNEL, "release-26.05", "nixos-26.05")
    assert states(answer) == {
        "master": State.FIXED,
        **dict.fromkeys(others, State.NOT_FIXED),
    }
    found = ref(answer, "master")
    assert found.reading is not None
    assert found.reading.overridable_by == EVALUATION
    (component,) = found.reading.components
    assert (component.name, component.bound, component.overridable) == (
        "web-ui",
        "let",
        True,
    )
    assert component.methods == (
        "overrideAttrs (old: { passthru = old.passthru // { web-ui = …; }; })",
    )
    assert found.fixed_by is not None
    assert str(found.fixed_by.commit) == commit
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.KEEP, 0)
    assert "fixed in master since 20" in answer.verdict.text


def test_version_that_a_file_takes_as_an_argument_is_the_one_that_nix_has(
    tree: Nixpkgs, ask: Ask
) -> None:
    text = content(tree).replace("  curl,\n", '  curl,\n  release ? "4.2." + "1",\n')
    tree.commit(
        "notes-server: 4.2.1",
        text.replace('version = "4.2.0"', "version = release"),
        path=FILE,
    )
    found = ref(ask(tree, "master", target=PACKAGE), "master")
    assert found.reading is not None
    assert (found.reading.newest, found.reading.releases) == (
        "4.2.1",
        {PACKAGE: "4.2.1"},
    )


@pytest.mark.parametrize("shown", ["reverted", "attribute", "forced"])
def test_change_without_a_replacement_is_no_fix(
    tree: Nixpkgs, ask: Ask, shown: str
) -> None:
    """By the syntax an attribute is a method.

    What throws there is noticed, and a replacement does not arrive.
    """
    text = content(tree)
    if shown == "reverted":
        fix(tree)
        # The page is about the package.
        answer = ask(tree, "master", target=PACKAGE)
        page, markdown = to_html(answer).decode(), to_markdown(answer).decode()
        assert "<h1>notes-server in nixpkgs</h1>" in page
        assert markdown.startswith("# notes-server in nixpkgs\n")
        for word in ("docker", "rootlesskit", "TODO"):
            assert word not in page.partition("</style>")[2] + markdown
    else:
        if shown == "forced":
            head, _, tail = text.rpartition("stdenv.mkDerivation {")
            text = f"{head}stdenv.mkDerivation (finalAttrs: {{{tail.rstrip()})\n"
            text = text.replace(
                "[ curl ]", "builtins.seq finalAttrs.passthru.web-ui.name [ curl ]"
            )
        text = text.replace("  passthru = {\n", "  passthru = {\n    inherit web-ui;\n")
    tree.commit("notes-server: web-ui", text, path=FILE)
    assert states(ask(tree, "master", target=PACKAGE)) == {"master": State.NOT_FIXED}


def test_part_that_became_an_argument_is_within_reach(tree: Nixpkgs, ask: Ask) -> None:
    """The name is that of the let in a channel; another file has it in master."""
    before, _, rest = content(tree).partition("  web-ui = stdenv.mkDerivation {")
    _, _, after = rest.partition("  };\n")
    moved = f"{before}{after}".replace(
        "  curl,\n}:", '  curl,\n  web-ui ? stdenv.mkDerivation { name = "ui"; },\n}:'
    )
    tree.commit("notes-server: web-ui is an argument", moved, path=FILE)
    answer = ask(tree, target=PACKAGE)
    assert states(answer)["master"] is State.FIXED
    reading = ref(answer, "master").reading
    assert reading is not None
    assert reading.components[0].methods == ("override { web-ui = …; }",)


def test_package_that_a_ref_lacks_is_absent_and_no_gap(tree: Nixpkgs, ask: Ask) -> None:
    tree.git("rm", "-q", FILE)
    tree.commit("notes-server: remove")
    answer = ask(tree, "master", target=PACKAGE)
    assert states(answer)["master"] is State.ABSENT
    assert answer.verdict.unknown == ()
    assert answer.exit_code == 0


def test_name_that_is_gone_is_not_taken_for_fixed(tree: Nixpkgs, ask: Ask) -> None:
    tree.commit(
        "notes-server: rename", content(tree).replace("web-ui", "interface"), path=FILE
    )
    answer = ask(tree, target=PACKAGE, bindings=("web-ui",))
    found = ref(answer, "master")
    assert found.state is State.UNKNOWN
    assert (
        found.reason
        == "the file does not define web-ui; name other parts with --binding"
    )
    assert answer.exit_code == 11


@pytest.mark.usefixtures("without_nix")
def test_row_that_was_only_read_leads_to_nothing_to_do(tree: Nixpkgs, ask: Ask) -> None:
    fix(tree)
    tree.git("branch", "--force", CHANNEL, "master")
    answer = ask(tree, target=PACKAGE)
    found = ref(answer, CHANNEL)
    assert found.reading is not None
    assert found.reading.overridable_by == SYNTAX
    assert (
        found.reading.reason == "only the text was read, because Nix is not installed"
    )
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.UNKNOWN, 11)


def test_server_without_a_tree_is_read_and_says_so(
    tree: Nixpkgs, server: Forge, ask: Ask
) -> None:
    fix(tree)
    answer = ask(server, CHANNEL, "master", target=PACKAGE)
    assert states(answer) == {CHANNEL: State.NOT_FIXED, "master": State.FIXED}
    for found in answer.refs:
        assert found.reading is not None
        assert (
            found.reading.reason
            == "only the text was read, because Nix needs a clone with the whole tree to evaluate it"
        )
    assert answer.exit_code != 10


def test_overlay_names_package_and_bindings(
    tree: Nixpkgs, ask: Ask, tmp_path: Path
) -> None:
    out = tmp_path / "overlay"
    run_cli("overlay", PACKAGE, "--nixpkgs", "specimen", "--out", str(out))
    used = read_overlay(out)
    assert (used.package, used.bindings) == (PACKAGE, ("web-ui",))
    answer = ask(tree, target=PACKAGE, used=used, nixpkgs=str(tree.path))
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.KEEP, 0)
    fix(tree)
    there = ask(tree, target=PACKAGE, used=used, nixpkgs=str(tree.path))
    assert (there.verdict.judgement, there.exit_code) == (Advice.REMOVE, 10)
    assert [step.text for step in there.verdict.next] == [
        f"Remove the overlay ({out}) from nixpkgs.overlays.",
        "Check whether your other overrides still reach the build.",
    ]
    assert there.verdict.next[-1].command == f"unlet reach FILE --nixpkgs {tree.path}"
    other = replace(used, blob="0" * 40)
    tree.git("reset", "--quiet", "--hard", "HEAD~1")
    stale = ask(tree, target=PACKAGE, used=other, nixpkgs=str(tree.path))
    assert stale.verdict.judgement is Advice.RENEW
    command = f"unlet overlay {PACKAGE} --nixpkgs {tree.path} --out {out} --force"
    assert stale.verdict.next[0].command == command
    assert stale.verdict.text.endswith(
        "than the one the overlay was made for, so the overlay does nothing there: make it again"
    )
    # A file beside the package's is another one.
    head = (out / "default.nix").read_text()
    (out / "default.nix").write_text(
        head.replace("files = {\n", f'files = {{\n    "one.patch" = "{"0" * 64}";\n')
    )
    aside = ask(tree, target=PACKAGE, used=used, nixpkgs=str(tree.path))
    assert aside.verdict.judgement is Advice.RENEW


def test_state_file_is_for_one_package_and_a_ref_that_is_named_for_the_first_time_is_no_change(
    tree: Nixpkgs, ask: Ask, tmp_path: Path
) -> None:
    file = tmp_path / "state.json"
    ask(tree, "master", target=PACKAGE, state=file)
    with pytest.raises(
        ToolkitError, match=r"is not a state file of 'unlet track docker'"
    ):
        ask(tree, "master", state=file)
    assert ask(tree, "master", CHANNEL, target=PACKAGE, state=file).changes == ()
    fix(tree)
    changed = ask(tree, "master", CHANNEL, target=PACKAGE, state=file).changes
    assert {(each.subject, each.field) for each in changed} == {
        ("master", "state"),
        ("master", "overridable"),
    }


def test_channel_of_a_remote_is_found_and_what_is_missing_is_named(
    tree: Nixpkgs, ask: Ask, tmp_path: Path
) -> None:
    """A clone has master, and of a release the channel alone, as a branch of its remote."""
    fix(tree)
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--single-branch", tree.path, clone], check=True
    )
    fetch = [
        "git",
        "-C",
        str(clone),
        "fetch",
        "-q",
        "origin",
        "nixos-26.05:refs/remotes/origin/nixos-26.05",
    ]
    subprocess.run(fetch, check=True)
    answer = ask(tree, target=PACKAGE, git_dir=clone)
    assert states(answer) == {"master": State.FIXED, "nixos-26.05": State.NOT_FIXED}
    assert {CHANNEL, "nixpkgs-unstable", "release-26.05"} <= set(answer.missing)
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.KEEP, 0)
    assert answer.verdict.text.endswith("but not in any channel that unlet checked")


def test_channel_that_npins_pins_is_found_in_the_clone(
    tree: Nixpkgs, ask: Ask, tmp_path: Path
) -> None:
    commit = fix(tree)
    url = f"https://releases.nixos.org/nixos/26.05/nixos-26.05.1234.{commit[:12]}/nixexprs.tar.xz"
    pin = {"type": "Channel", "name": "nixos-26.05", "url": url}
    sources = tmp_path / "sources.json"
    sources.write_text(json.dumps({"version": 5, "pins": {"nixpkgs": pin}}))
    answer = ask(tree, target=PACKAGE, nixpkgs=str(sources))
    assert (answer.refs[-1].state, str(answer.refs[-1].commit)) == (State.FIXED, commit)
    assert answer.verdict.judgement is Advice.REMOVE


def test_versions_that_take_nix_too_long_are_not_asked_about_for_ever(
    tree: Nixpkgs, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def slow(*_: object) -> Methods:
        asked.append(time.monotonic())
        time.sleep(0.7)
        return Methods(methods={}, reason="still running after 1 s", limited=True)

    monkeypatch.setattr(package, "working_methods", slow)
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 2)
    monkeypatch.setattr(package, "_SHARE", 1)
    answer = ask(tree, target=PACKAGE)
    assert {each.state for each in answer.refs} == {State.UNKNOWN}
    reasons = [each.reason or "" for each in answer.refs]
    assert len(reasons) == 4
    named = "Nix could not decide: the time limit was reached before this was evaluated"
    assert "still running" in reasons[0]
    assert reasons[-1] == named
    assert len(asked) < 4
    assert set(answer.verdict.unknown) == {each.name for each in answer.refs}
