"""The last lines of a judgement: labels, and the command that builds."""

import pytest
from msgspec.structs import replace

from toolkit.judge.differences import BuildPlan, Judgement, Rebuilt
from toolkit.judge.rebuilding import NextSteps, labels
from toolkit.report.next_steps import BuildPlace, command, lines

LINUX, ARM, DARWIN = SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin")


def plan(system: str = LINUX, names: tuple[str, ...] = ("a",)) -> BuildPlan:
    packages = tuple(Rebuilt(attribute=name, named_by=7) for name in names[:10])
    return BuildPlan(system=system, packages=packages, built={system: names})


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (0, ["0"]),
        (1, ["1", "1-10"]),
        (10, ["1-10"]),
        (100, ["11-100"]),
        (101, ["101-500"]),
        (700, ["501-1000", "501+"]),
        (1001, ["501+", "1001-2500"]),
        (5001, ["501+", "5001+"]),
    ],
)
def test_labels_are_those_of_upstream(count: int, names: list[str]) -> None:
    packages = tuple(f"p{number}" for number in range(count))
    built = {LINUX: packages, ARM: packages[:1], "static": ("other",)}
    found = labels(BuildPlan(system=LINUX, packages=(), built=built), SYSTEMS[:2])
    assert found == tuple(f"10.rebuild-linux: {name}" for name in names)
    assert labels(None, [DARWIN]) == ("10.rebuild-darwin: 0",)


@pytest.mark.parametrize(
    ("system", "attribute", "tree", "words"),
    [
        (LINUX, "nnn", ("/x y",), "--keep-going '/x y' -A nnn"),
        ("static", "nnn", ("/x",), "--keep-going /x -A pkgsStatic.nnn"),
        (
            "cross",
            "nnn",
            ("/x",),
            "--keep-going /x -A pkgsCross.aarch64-multiplatform.nnn",
        ),
        (DARWIN, "a.b", ("/x",), f"--keep-going /x --argstr system {DARWIN} -A a.b"),
        (LINUX, "a.7zz", ("/x",), "--keep-going /x -A 'a.\"7zz\"'"),
    ],
)
def test_command_builds_on_the_system_of_the_plan(
    system: str, attribute: str, tree: tuple[str, ...], words: str
) -> None:
    place = BuildPlace(tree=tree, here=LINUX)
    assert command(plan(system, (attribute,)), place) == f"nix-build {words}"


def test_a_tree_in_no_place_is_built_by_unlet_and_many_packages_have_their_uses() -> (
    None
):
    names = tuple(f"p{number}" for number in range(12))
    judgement = Judgement(
        files=1, systems=(LINUX,), asked=12, same=0, differ=12, differences=()
    )
    judgement = replace(judgement, plan=plan(names=names))
    place = BuildPlace(again="unlet check --patch x.diff")
    found = [line.text for line in lines(judgement, NextSteps(), place)]
    assert found[-2].startswith("most used, by this many files  p0 (7), p1 (7), ")
    assert found[-2].endswith(", p9 (7)")
    assert found[-1] == "next      unlet check --patch x.diff --build"
