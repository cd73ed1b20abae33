import re
from collections.abc import Callable

import pytest

from tests.docker.conftest import Draft
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.claims.building import commands, is_in_command, is_rootlesskit, other_changes
from toolkit.docker.steps import Demotion
from toolkit.model import Status


@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("layout", ["24.0", "29.6"])
def test_wrapper_of_the_rewrites_has_the_path_that_was_meant(
    draft: Callable[..., Draft], layout: str, demotion: Demotion
) -> None:
    assert draft(layout, demotion=demotion).passes("builds")


def test_proof_shows_path_before_and_after(draft: Callable[..., Draft]) -> None:
    proof = draft().prove("builds")
    head = "moby/libexec/docker:iproute2/bin:iptables/bin:xfsprogs/bin:util-linuxMinimal/bin:"
    assert proof.covers == "docker_29, 3 builds"
    assert proof.evidence == (
        f"before: {head}rootlesskit/bin:slirp4netns/bin:fuse-overlayfs/bin:<PATH>",
        f"after: {head}slirp4netns/bin:fuse-overlayfs/bin:<PATH>:rootlesskit/bin",
    )
    assert "nix-build " in proof.commands[0]
    assert proof.commands[1].startswith("cat /")


@pytest.mark.parametrize(
    ("layout", "name", "reason"),
    [
        ("20.10.14", "dockerd-rootless", "because the file makes no dockerd-rootless wrapper"),
        (
            "29.6",
            "bin/dockerd-rootless",
            r"because /.*-moby-29\.6\.1/bin/dockerd-rootless: no such file or directory",
        ),
    ],
)
def test_file_without_the_wrapper_has_not_failed(
    draft: Callable[..., Draft], layout: str, name: str, reason: str
) -> None:
    series = draft(layout)
    for stage in (BEFORE, LIFTED, DEMOTED):
        series = series.rewritten(stage, lambda text: text.replace(name, "bin/other"))
    proof = series.prove("builds", without={"demote"}, demotion=None)
    assert proof.status is Status.NOT_RUN
    assert re.fullmatch(reason, proof.reason or "")


STORE = "/nix/store/00000000000000000000000000000000"
KIT = f"{STORE}-rootlesskit-2.0/bin"
STEPS = """\
mkdir $out

# a comment
makeWrapper x $out/bin/dockerd --prefix PATH : "$extraPath"
makeWrapper y $out/bin/dockerd-rootless \\
  --prefix PATH : "$extraPath"
"""


def changed(*, to: str, what: str = '"$extraPath"\n', kept: bool = True) -> list[str]:
    head, found, tail = STEPS.rpartition(what)
    assert found
    return list(other_changes(STEPS, f"{head}{to}{tail}", kept=kept))


def test_two_changed_commands_are_named() -> None:
    after = STEPS.replace('"$extraPath"', f'"$extraPath" --suffix PATH : {KIT}')
    (fact,) = other_changes(STEPS, after, kept=True)
    assert fact == "moby's installPhase changed in more than the command that makes bin/dockerd-rootless"


@pytest.mark.parametrize(
    "to",
    [
        f'"$extraPath" \\\n  --suffix PATH : "{KIT}"\n',
        f'"$extraPath" --suffix PATH : {KIT}\n',
        f"\"$extraPath\" \\\n  --suffix PATH ':' '{KIT}'\n",
    ],
)
def test_suffix_may_be_written_in_any_way(to: str) -> None:
    assert changed(to=to) == []


def test_suffix_may_stand_before_the_prefix_and_under_a_comment() -> None:
    what = "makeWrapper y $out/bin/dockerd-rootless \\\n"
    assert changed(what=what, to=f"\n# why\n{what}  --suffix PATH : {KIT} \\\n") == []


@pytest.mark.parametrize(
    "added",
    [
        f"--suffix PATH : {STORE}-slirp4netns-1.0/bin",
        f"--suffix PATH : {STORE}-rootlesskit-docker-proxy-2.0/bin",
        f"--suffix PATH : {KIT}:{STORE}-slirp4netns-1.0/bin",
        f"--suffix PATH : {KIT}:",
        '--suffix PATH : ""',
        f"--suffix PATH ; {KIT}",
        f"--prefix PATH : {KIT}",
        f"--suffix LD_LIBRARY_PATH : {KIT}",
        f"--suffix PATH : {KIT} --set X y",
        f"--suffix PATH : '{KIT}",
        "--suffix",
    ],
)
def test_any_other_flag_is_named(added: str) -> None:
    (fact,) = changed(to=f'"$extraPath" {added}\n')
    assert fact == f"the wrapper's command changed by more than a PATH suffix of rootlesskit: {added}"


def test_changed_prefix_beside_the_suffix_is_named() -> None:
    (fact,) = changed(to=f'"$other" --suffix PATH : {KIT}\n')
    command = f'makeWrapper y $out/bin/dockerd-rootless --prefix PATH : "$other" --suffix PATH : {KIT}'
    assert fact == f"the wrapper's command changed by more than a PATH suffix of rootlesskit: {command}"


@pytest.mark.parametrize(
    ("what", "to", "fact"),
    [
        ("x $out", f"x --suffix PATH : {KIT} $out", "moby's installPhase changed in another command: makeWrapper"),
        ("mkdir $out\n", "", "moby's installPhase changed in more than the command that makes bin/dockerd-rootless"),
        ("mkdir $out\n", "mkdir $out\ntrue\n", "moby's installPhase changed in more than the command"),
        ('"$extraPath"\n', '"$extraPath"\ntrue\n', "moby's installPhase changed in more than the command"),
        ("# a comment\n", "# another\n", "moby's installPhase is not changed"),
    ],
)
def test_change_elsewhere_is_named(what: str, to: str, fact: str) -> None:
    (said,) = changed(what=what, to=to)
    assert said.startswith(fact)


def test_drop_leaves_the_install_phase_alone() -> None:
    assert changed(to='"$extraPath"\n', kept=False) == []
    (fact,) = changed(to=f'"$extraPath" --suffix PATH : {KIT}\n', kept=False)
    assert fact == "moby's installPhase changed by more than the loss of rootlesskit in the prefix of PATH"


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(
    ("prefix", "left"),
    [
        (f'"$a:{KIT}:{STORE}-runc-1/bin"', f'"$a:{STORE}-runc-1/bin"'),
        (f"'{KIT}:$a' --prefix PATH : \"$b\"", "'$a' --prefix PATH : \"$b\""),
        (f'"$b" --prefix PATH : {STORE}-runc-1/bin:{KIT}', f'"$b" --prefix PATH : {STORE}-runc-1/bin'),
    ],
)
def test_prefix_in_the_command_loses_the_entry_and_nothing_else(prefix: str, left: str, *, kept: bool) -> None:
    def said(new: str) -> list[str]:
        old, changed = (
            STEPS.replace('rootless \\\n  --prefix PATH : "$extraPath"', f"rootless {x}")
            for x in (f"--prefix PATH : {prefix}", f"--prefix PATH : {new}{f' --suffix PATH : {KIT}' if kept else ''}")
        )
        assert is_in_command(old)
        return list(other_changes(old, changed, kept=kept))

    assert said(left) == []
    for wrong in (prefix, left.replace("$b", ""), left.replace("$a:", "").replace("$a", "")):
        assert wrong == left or len(said(wrong)) == 1


def test_commands_end_where_the_shell_ends_them() -> None:
    assert commands("a \\\n\n# c \\\nb\n  \nc \\\n# d") == [["a"], ["b"], ["c", "#", "d"]]
    assert commands("a \\") == [["a"]]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (f"{STORE}-rootlesskit-2.0/bin", True),
        (f"{STORE}-rootlesskit/bin", True),
        (f"{STORE}-rootlesskit-docker-proxy-2.0/bin", False),
        (f"{STORE}-xrootlesskit-2.0/bin", False),
        ("/path/of-rootlesskit", False),
        ("", False),
    ],
)
def test_path_entry_belongs_to_the_package_of_its_name(entry: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_rootlesskit(entry) is expected
