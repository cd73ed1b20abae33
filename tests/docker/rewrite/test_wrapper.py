import itertools

import pytest

from tests.docker.rewrite.conftest import (
    command,
    file_of,
    kit,
    place,
    refusal,
    sub,
    text_of,
)
from toolkit.docker import meaning
from toolkit.docker.meaning import sentence
from toolkit.docker.rewrite import wrapper

UNKNOWN = (
    "x.nix: unknown layout: the code at {} makes bin/dockerd-rootless, or adds "
    "rootlesskit to it, in an unknown way"
)
SCRIPT = "''\n            runHook preInstall\n\n            for"
"""The beginning of moby's install phase."""
FORMS = ("make", "makeBinary", "makeShell")
SETUP = "bin/dockerd-rootless-setup"


def unknown(at: str) -> str:
    return UNKNOWN.format(at.removeprefix("x.nix:"))


def where(text: str) -> str:
    return wrapper.placement(file_of(text)).where


@pytest.mark.parametrize(
    ("new", "needle"),
    [
        ('cp {0} {1}\n{2}wrapProgram {1} --prefix PATH : "{3}"', SCRIPT),
        ('if true; then makeWrapper {0} {1} --prefix PATH : "{3}"; fi', SCRIPT),
        ('makeWrapper {0} $bin/dockerd-rootless --prefix PATH : "{3}"', SCRIPT),
        ("${{\"makeWrapper {0} {1} --prefix PATH : '{3}'\"}}", '"makeWrapper'),
        ('${{"makeWrapper {0} {1}"}}', '"makeWrapper'),
        ('makeWrapper {0} {1} --set PATH "{3}"', "rootlesskit\n"),
        ('makeWrapper {0} {1} --prefix-each PATH : "{3}"', "rootlesskit\n"),
        ('path="{3}"\n{2}makeWrapper {0} {1} --prefix PATH : "$path"', "rootlesskit\n"),
        ("makeWrapper {0} {1} --run 'export PATH=\"{3}:$PATH\"'", "rootlesskit\n"),
    ],
)
def test_wrapper_that_is_made_otherwise_is_neither_missing_nor_fixed(
    new: str, needle: str
) -> None:
    text = command(new)
    at = place(text, needle)
    found = meaning.reading(file_of(text))
    assert meaning.place_of(found) == "unknown"
    assert f"x.nix: {sentence(found)}" == unknown(at) == refusal(text)


def test_package_in_the_command_itself_is_unknown_outside_of_path() -> None:
    text = kit(
        "lib.makeBinPath [ slirp4netns ]",
        command(
            'makeWrapper {0} {1} --set KIT "${{rootlesskit}}" --prefix PATH : "{3}"'
        ),
    )
    assert refusal(text) == unknown(place(text, "rootlesskit}"))


OWN = sub(
    r"^( +)extraUserPath =",
    r"\1inherit rootlesskit;\n\g<0>",
    kit("lib.makeBinPath [ slirp4netns ]"),
)
QUOTED = sub(
    r"extraUserPath =",
    '"extraUserPath" =',
    kit('lib.makeBinPath (lib.attrValues { inherit "rootlesskit"; })'),
)
LINKED = r"\1ln -s ${rootlesskit}/bin/rootlesskit $out/libexec/docker/\n\g<0>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (kit("lib.makeBinPath (lib.optional true rootlesskit)"), "prefix"),
        (kit('"${rootlesskit}/bin"'), "prefix"),
        (kit("lib.makeBinPath [ runc.rootlesskit ]"), "prefix"),
        (
            kit("lib.makeBinPath (builtins.attrValues { inherit rootlesskit; })"),
            "prefix",
        ),
        (kit("let kit = [ rootlesskit ]; in lib.makeBinPath kit"), "unknown"),
        (kit("lib.makeBinPath [ slirp4netns ]"), "absent"),
        (QUOTED, "prefix"),
        (sub(r"clientOnly \? ", "clientOnly ? rootlesskit == null || "), "unknown"),
        (sub(r"^( +)runHook postInstall$", LINKED), "unknown"),
        # A variable of the package's own name.
        (OWN, "absent"),
        (sub(r":\$extraUserPath", ":$rootlesskit/bin", OWN), "prefix"),
        (
            command(
                'makeWrapper {0} {1} --prefix PATH : "{3}" --suffix PATH : "${{rootlesskit}}/bin"'
            ),
            "prefix and suffix",
        ),
        # A comment is no command and no flag, and another program is not taken for it.
        (command('# makeWrapper {0} {1} --prefix PATH : "{3}"'), "no wrapper"),
        (command('makeWrapper {0} {1} \\\n{2}# --prefix PATH : "{3}"'), "absent"),
        (text_of("states/no-wrapper"), "no wrapper"),
        *(
            (command(f"makeWrapper {{0}} $out/{name}"), "no wrapper")
            for name in ("dockerd-rootless.sh", SETUP)
        ),
        *(
            (text_of().replace("makeWrapper $out", f"{form}Wrapper $out"), "prefix")
            for form in FORMS
        ),
    ],
    ids=itertools.count(),
)
def test_place_of_the_package_is_found(text: str, expected: str) -> None:
    assert where(text) == expected


@pytest.mark.parametrize(
    "line", ["kit=${lib.makeBinPath [ rootlesskit ]}", "kit=${rootlesskit}/bin"]
)
def test_variable_that_the_script_sets_is_unknown(line: str) -> None:
    text = command('@\n{2}makeWrapper {0} {1} --prefix PATH : "$kit"').replace(
        "@", line
    )
    text = kit("lib.makeBinPath [ slirp4netns ]", text)
    assert refusal(text) == unknown(
        place(text, "rootlesskit ]" if "]" in line else "rootlesskit}")
    )
