import pytest

from tests.docker.rewrite.conftest import command, file_of, kit, place, refusal, sub, text_of
from toolkit.docker import meaning
from toolkit.docker.meaning import sentence
from toolkit.docker.rewrite import wrapper

UNKNOWN = "x.nix: unknown layout: at {} bin/dockerd-rootless is made, or gets rootlesskit, in an unknown way"
SCRIPT = "''\n            runHook preInstall\n\n            for"
"""The beginning of moby's install phase."""


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
def test_wrapper_that_is_made_otherwise_is_neither_missing_nor_fixed(new: str, needle: str) -> None:
    text = command(new)
    at = place(text, needle)
    found = meaning.of(file_of(text))
    assert meaning.place_of(found) == "unknown"
    assert f"x.nix: {sentence(found)}" == unknown(at) == refusal(text)


def test_package_in_the_command_itself_is_unknown_outside_of_path() -> None:
    text = kit(
        "lib.makeBinPath [ slirp4netns ]",
        command('makeWrapper {0} {1} --set KIT "${{rootlesskit}}" --prefix PATH : "{3}"'),
    )
    assert refusal(text) == unknown(place(text, "rootlesskit}"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("lib.makeBinPath (lib.optional true rootlesskit)", "prefix"),
        ('"${rootlesskit}/bin"', "prefix"),
        ("lib.makeBinPath [ runc.rootlesskit ]", "prefix"),
        ("lib.makeBinPath (builtins.attrValues { inherit rootlesskit; })", "prefix"),
        ("let kit = [ rootlesskit ]; in lib.makeBinPath kit", "unknown"),
        ("lib.makeBinPath [ slirp4netns ]", "absent"),
    ],
)
def test_package_is_followed_into_the_prefix(path: str, expected: str) -> None:
    assert where(kit(path)) == expected


def test_package_is_followed_through_names_that_are_quoted() -> None:
    text = sub(
        r"extraUserPath =", '"extraUserPath" =', kit('lib.makeBinPath (lib.attrValues { inherit "rootlesskit"; })')
    )
    assert where(text) == "prefix"


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"clientOnly \? ", "clientOnly ? rootlesskit == null || "),
        (r"^( +)runHook postInstall$", r"\1ln -s ${rootlesskit}/bin/rootlesskit $out/libexec/docker/\n\g<0>"),
    ],
)
def test_package_that_gets_there_in_another_way_is_unknown(pattern: str, new: str) -> None:
    assert where(sub(pattern, new)) == "unknown"


def test_variable_of_the_packages_own_name_is_followed() -> None:
    text = sub(r"^( +)extraUserPath =", r"\1inherit rootlesskit;\n\g<0>", kit("lib.makeBinPath [ slirp4netns ]"))
    assert where(text) == "absent"
    assert where(sub(r":\$extraUserPath", ":$rootlesskit/bin", text)) == "prefix"


@pytest.mark.parametrize("line", ["kit=${lib.makeBinPath [ rootlesskit ]}", "kit=${rootlesskit}/bin"])
def test_variable_that_the_script_sets_is_unknown(line: str) -> None:
    text = command('@\n{2}makeWrapper {0} {1} --prefix PATH : "$kit"').replace("@", line)
    text = kit("lib.makeBinPath [ slirp4netns ]", text)
    assert refusal(text) == unknown(place(text, "rootlesskit ]" if "]" in line else "rootlesskit}"))


def test_both_flags_are_named() -> None:
    text = command('makeWrapper {0} {1} --prefix PATH : "{3}" --suffix PATH : "${{rootlesskit}}/bin"')
    assert where(text) == "prefix and suffix"


def test_comment_is_no_command_and_no_flag() -> None:
    assert where(command('# makeWrapper {0} {1} --prefix PATH : "{3}"')) == "no wrapper"
    assert where(command('makeWrapper {0} {1} \\\n{2}# --prefix PATH : "{3}"')) == "absent"


@pytest.mark.parametrize("name", ["make", "makeBinary", "makeShell"])
def test_every_form_of_makewrapper_is_known(name: str) -> None:
    assert where(text_of().replace("makeWrapper $out", f"{name.removesuffix('Wrapper')}Wrapper $out")) == "prefix"


@pytest.mark.parametrize("text", ["dockerd-rootless.sh", "bin/dockerd-rootless-setup"])
def test_other_program_is_not_taken_for_it(text: str) -> None:
    assert where(text_of("states/no-wrapper")) == "no wrapper"
    assert where(command(f"makeWrapper {{0}} $out/{text}")) == "no wrapper"
