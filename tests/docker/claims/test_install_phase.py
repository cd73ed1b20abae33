from __future__ import annotations

import pytest

from toolkit.docker.claims.install_phase import commands, is_in_command, is_of, other_changes

STORE = "/nix/store/00000000000000000000000000000000"
KIT = f"{STORE}-rootlesskit-2.0/bin"
BEFORE = """\
mkdir $out

# a comment
makeWrapper x $out/bin/dockerd --prefix PATH : "$extraPath"
makeWrapper y $out/bin/dockerd-rootless \\
  --prefix PATH : "$extraPath"
"""


def changed(*, to: str, what: str = '"$extraPath"\n', kept: bool = True) -> list[str]:
    head, found, tail = BEFORE.rpartition(what)
    assert found
    return list(other_changes(BEFORE, f"{head}{to}{tail}", entry="rootlesskit", kept=kept))


def test_two_changed_commands_are_named() -> None:
    after = BEFORE.replace('"$extraPath"', f'"$extraPath" --suffix PATH : {KIT}')
    (fact,) = other_changes(BEFORE, after, entry="rootlesskit", kept=True)
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
            BEFORE.replace('rootless \\\n  --prefix PATH : "$extraPath"', f"rootless {x}")
            for x in (f"--prefix PATH : {prefix}", f"--prefix PATH : {new}{f' --suffix PATH : {KIT}' if kept else ''}")
        )
        assert is_in_command(old, "rootlesskit")
        return list(other_changes(old, changed, entry="rootlesskit", kept=kept))

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
    assert is_of(entry, "rootlesskit") is expected
