from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

import pytest

from tests.docker.rewrite.conftest import COMPONENTS, place, refusal, rewrite, sub, text_of
from toolkit import specimen
from toolkit.docker.choices import Demotion, Strategy
from toolkit.docker.rewrite.layout import DockerFile, component
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError

LAYOUTS = [name for name in specimen.names() if name != "19.03"]


@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_can_be_rewritten_by_every_strategy(layout: str, strategy: Strategy, demotion: Demotion) -> None:
    _, demoted = rewrite(text_of(layout), strategy, demotion)
    file = DockerFile(demoted, name="x.nix")
    assert {component(file, name).bound for name in COMPONENTS} == {"parameter"}
    assert file.todo() is None
    with pytest.raises(LayoutError, match="fixed: components overridable"):
        rewrite(demoted)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sentinel_moves_the_definitions_byte_for_byte(layout: str) -> None:
    before = text_of(layout)
    lifted, _ = rewrite(before)
    file = DockerFile(before, name="x.nix")
    for name in COMPONENTS:
        assert file.bindings[name].text in lifted


@pytest.mark.parametrize("layout", LAYOUTS)
def test_in_place_changes_only_names_pattern_todo_and_calls(layout: str) -> None:
    before = text_of(layout)
    lifted, _ = rewrite(before, Strategy.IN_PLACE)
    changes = difflib.unified_diff(before.splitlines(), lifted.splitlines(), n=0, lineterm="")
    removed = [line[1:].strip() for line in changes if line.startswith("-") and not line.startswith("---")]
    names = [line for line in removed if line.partition(" = ")[0] in COMPONENTS]
    calls = [line for line in removed if "callPackage dockerGen" in line]
    others = [line for line in removed if line not in names + calls]
    assert len(names) == len(COMPONENTS)
    assert all(line.startswith(("}:", "} :", "# TODO")) for line in others if line), others


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_lines_outside_of_the_edit_never_change(layout: str, strategy: Strategy) -> None:
    before = text_of(layout)
    after = rewrite(before, strategy)[1]
    file = DockerFile(before, name="x.nix")
    for block in file.release_blocks().values():
        assert block.replace("callPackage dockerGen", "callDocker") in after or block in after
    assert before.splitlines()[:2] == after.splitlines()[:2]
    assert not re.search(r"[ \t]+$", after, re.MULTILINE)
    assert after.endswith(before[-2:])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_suffix_keeps_rootlesskit_and_drop_leaves_no_trace_of_it(layout: str) -> None:
    suffix = rewrite(text_of(layout))[1]
    assert len(re.findall(r'--suffix PATH : "\$\{(lib\.)?makeBinPath \[ ?rootlesskit ?\]\}"', suffix)) == 1
    assert "comes last, so that a security wrapper" in suffix
    assert "rootlesskit" not in rewrite(text_of(layout), demotion=Demotion.DROP)[1].replace("rootlesskit.sh", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("19.03", "older than 20.10"),
        ("states/fixed", "fixed: components overridable, rootlesskit in the PATH suffix"),
        ("states/half-demoted", "half fixed: components bound in dockerGen's let, rootlesskit in the PATH suffix"),
        ("states/half-lifted", "half fixed: only some components can be overridden"),
        ("states/no-wrapper", "no dockerd-rootless wrapper"),
        ("states/unknown", "unknown layout: no function dockerGen"),
    ],
)
def test_other_files_are_named_for_what_they_are(name: str, said: str) -> None:
    with pytest.raises(LayoutError) as caught:
        rewrite(text_of(name))
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def change(layout: str, old: str, new: str) -> str:
    before = text_of(layout)
    assert old in before
    return before.replace(old, new, 1)


def test_name_that_the_rewrite_would_introduce_is_not_captured() -> None:
    text = change("29.6", "plugins =", "componentsGen = null;\n      plugins =")
    with pytest.raises(RefusalError, match=r"x\.nix:\d+:7: the name 'componentsGen'"):
        rewrite(text)


def test_with_around_the_let_would_be_lost() -> None:
    text = text_of("29.6")
    file = DockerFile(text, name="x.nix")
    assert file.let is not None
    moved = f"{text[: file.let.start]}with lib;\n    {text[file.let.start :]}".replace(
        "lib.optionals withSeccomp", "optionals withSeccomp", 1
    )
    with pytest.raises(RefusalError, match=r"'optionals' comes from the 'with' at \d+:\d+"):
        rewrite(moved)


@pytest.mark.parametrize(("bad", "what"), [("\t", "tab"), ("\r", "carriage return")])
@pytest.mark.parametrize("strategy", [Strategy.SENTINEL, Strategy.PARAMETER])
def test_tab_in_a_string_that_has_to_move_is_refused(strategy: Strategy, bad: str, what: str) -> None:
    text = change("29.6", "runHook preInstall\n", f"runHook preInstall{bad}# x\n")
    said = f"a {what} inside of an indented string that has to move"
    assert refusal(text, strategy) == f"{place(text, f'{bad}# x')}: {said}"


@pytest.mark.parametrize("strategy", Strategy)
def test_tab_in_a_plain_string_is_no_obstacle(strategy: Strategy) -> None:
    rewrite(change("29.6", 'pname = "moby";', 'pname = "mo\tby";'), strategy)


def test_tab_in_a_string_that_stays_is_no_obstacle() -> None:
    text = change("29.6", "runHook preInstall\n", "runHook preInstall\t# x\n")
    rewrite(text, Strategy.IN_PLACE)


def test_merge_markers_are_refused_with_their_line() -> None:
    text = change("29.6", "      plugins =", "<<<<<<< HEAD\n      plugins =")
    with pytest.raises(NixSyntaxError, match=r"x\.nix:\d+:1: merge conflict marker"):
        rewrite(text)


def test_dockergen_used_in_another_way_is_refused() -> None:
    text = text_of("24.0").rstrip().removesuffix("}") + "\n  other = dockerGen { };\n}\n"
    with pytest.raises(LayoutError, match="is used other than by 'callPackage dockerGen'"):
        rewrite(text)


def test_empty_path_entry_is_never_written() -> None:
    text = re.sub(r"rootlesskit\s+slirp4netns\s+fuse-overlayfs", "rootlesskit", text_of("29.6"))
    with pytest.raises(RefusalError, match="an empty PATH entry"):
        rewrite(text)


def test_what_only_the_lifted_file_has_is_told_from_what_is_in_the_file() -> None:
    text = sub("  dockerGen =", "  # TODO: move packages out of the let\n  dockerGen =")
    fact = "this comment says more than the TODO that goes"
    assert refusal(text) == f"x.nix: strategy 'sentinel' cannot move what is in this file ({fact})"
    assert "TODO" not in rewrite(text, Strategy.IN_PLACE)[0]


CORPUS = os.environ.get("UNLET_CORPUS")


@pytest.mark.skipif(CORPUS is None, reason="UNLET_CORPUS is not set: no real upstream files to try")
@pytest.mark.parametrize("strategy", Strategy)
def test_real_files_are_rewritten_or_named(strategy: Strategy) -> None:
    for path in sorted(Path(CORPUS or "").glob("*.nix")):
        named = re.compile(r"older than|no dockerd-rootless|fixed|unknown layout")
        try:
            rewrite(path.read_text(), strategy)
        except LayoutError as error:
            message = error.message
        else:
            message = "fixed"
        assert named.search(message), (path, message)
