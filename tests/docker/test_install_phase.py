import pytest

from toolkit.docker import PathPlace
from toolkit.docker.install_phase import (
    commands,
    is_moby,
    is_rootlesskit,
    path_place,
    without_kit,
)

STORE = "/nix/store/00000000000000000000000000000000"
KIT = f"{STORE}-rootlesskit-2.0/bin"
WRAPPER = "makeWrapper y $out/bin/dockerd-rootless"
PREFIX = '--prefix PATH : "$extraPath"'


@pytest.mark.parametrize(
    ("flags", "place"),
    [
        ('--prefix PATH : "$out/x:$more"', PathPlace.PREFIX),
        ("--prefix PATH : /x --suffix PATH : ${more}", PathPlace.SUFFIX),
        ("--prefix PATH : $more --suffix PATH : $more", PathPlace.BOTH),
        ("--prefix PATH : /x", PathPlace.ABSENT),
    ],
)
def test_path_of_the_wrapper_is_read_through_variables(
    flags: str, place: PathPlace
) -> None:
    variables = {
        "installPhase": "mkdir x\nmakeWrapper $out/a.sh $out/bin/dockerd-rootless "
        f"\\\n  {flags}\n",
        "more": f"{KIT}:{STORE}-slirp4netns-1/bin",
    }
    assert path_place(variables) is place
    assert path_place({"installPhase": "echo dockerd-rootless"}) is None


@pytest.mark.parametrize(
    "script",
    [
        f'{WRAPPER} \\\n  {PREFIX} \\\n  --suffix PATH : "{KIT}"\n',
        f"\n# why\n{WRAPPER} --suffix PATH ':' '{KIT}' {PREFIX}",
        f"{WRAPPER} {PREFIX} --prefix PATH : {KIT}",
        f'{WRAPPER} --prefix PATH : "{KIT}:$extraPath"',
    ],
)
def test_flags_for_rootlesskit_alone_are_left_out(script: str) -> None:
    assert without_kit(script) == [f"{WRAPPER} {PREFIX}"]


OTHER_FLAGS = (
    f"--suffix PATH : {STORE}-slirp4netns-1.0/bin",
    f"--suffix PATH : {STORE}-rootlesskit-docker-proxy-2.0/bin",
    f"--suffix PATH : {KIT}:{STORE}-slirp4netns-1.0/bin",
    f"--suffix PATH : {KIT}:",
    '--suffix PATH : ""',
    f"--suffix PATH ; {KIT}",
    f"--suffix LD_LIBRARY_PATH : {KIT}",
    f"--suffix PATH : {KIT} --set X y",
    f"--suffix PATH : '{KIT}",
    "--suffix",
)


def test_other_flags_and_commands_are_left_as_they_are() -> None:
    for added in OTHER_FLAGS:
        assert without_kit(f"{WRAPPER} {PREFIX} {added}") != [f"{WRAPPER} {PREFIX}"]
    other = f"makeWrapper x $out/bin/dockerd --suffix PATH : {KIT}"
    assert without_kit(f"{other}\n{WRAPPER}") == [other, WRAPPER]
    assert commands("a \\\n\n# c \\\nb\n  \nc \\\n# d") == ["a", "b", "c # d"]
    assert commands("a \\") == ["a"]


def test_package_is_known_by_its_name_for_any_platform() -> None:
    for entry, expected in {
        f"{STORE}-rootlesskit-2.0/bin": True,
        f"{STORE}-rootlesskit/bin": True,
        f"{STORE}-rootlesskit-aarch64-unknown-linux-gnu-2.0.drv": True,
        f"{STORE}-rootlesskit-docker-proxy-2.0/bin": False,
        f"{STORE}-xrootlesskit-2.0/bin": False,
        "/path/of-rootlesskit": False,
        "": False,
    }.items():
        assert is_rootlesskit(entry) is expected
    names = (
        "moby-29.6.1.drv",
        "moby-aarch64-unknown-linux-gnu-29.6.1.drv",
        "moby-src-1.drv",
        "moby.drv",
        "x-moby-1",
    )
    assert [is_moby(f"{STORE}-{name}") for name in names] == [
        True,
        True,
        False,
        False,
        False,
    ]
