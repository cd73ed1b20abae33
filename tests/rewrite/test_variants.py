"""Files that differ from nixpkgs' in one thing: each is rewritten as it should be, or refused with its place."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from toolkit import specimen
from toolkit.errors import LayoutError, RefusalError
from toolkit.model import Demotion, Strategy
from toolkit.rewrite import layout, series
from toolkit.rewrite.layout import DockerFile
from toolkit.rewrite.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = "pkgs/applications/virtualization/docker/default.nix"
COMPONENTS = ("docker-runc", "docker-containerd", "docker-tini", "moby")
KIT = re.compile(r"lib\.makeBinPath \[\s+rootlesskit\s+slirp4netns\s+fuse-overlayfs\s+\]")
WRAPPER = re.compile(r'makeWrapper (\S+dockerd-rootless\.sh) (\S+) \\\n( +)--prefix PATH : "([^"]*)"')
TODO = re.compile(r"^( +)# TODO: move packages.*\n", re.MULTILINE)
ALL = pytest.mark.parametrize("strategy", Strategy)


def text_of(name: str = "29.6") -> str:
    return (specimen.path(name) / TARGET).read_text()


def sub(pattern: str | re.Pattern[str], new: str | Callable[[re.Match[str]], str], text: str | None = None) -> str:
    changed, count = re.subn(pattern, new, text_of() if text is None else text, count=1, flags=re.MULTILINE)
    assert count == 1, pattern
    return changed


def kit(new: str) -> str:
    return sub(KIT.pattern, lambda _: new)


def command(new: str) -> str:
    """Return a file whose wrapper is made by `new`, where {0} to {3} are the program, the wrapper, a margin, PATH."""
    return sub(WRAPPER.pattern, lambda match: new.format(*match.groups()))


def todo(new: str) -> str:
    """Return a file with another comment in place of upstream's."""
    return sub(TODO.pattern, lambda match: new.replace("@", match[1]))


def rewrite(text: str, strategy: Strategy = Strategy.SENTINEL, demotion: Demotion = Demotion.SUFFIX) -> tuple[str, str]:
    file = DockerFile(text, name="x.nix")
    lifted, demoted = series.rewrite(
        file, components=COMPONENTS, entry="rootlesskit", strategy=strategy, demotion=demotion
    )
    for made in (lifted, demoted):
        said = subprocess.run(
            ["nix-instantiate", "--parse", "-"], input=made, capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stderr
    return lifted, demoted


def refusal(text: str, strategy: Strategy = Strategy.SENTINEL, demotion: Demotion = Demotion.SUFFIX) -> str:
    with pytest.raises(RefusalError) as caught:
        rewrite(text, strategy, demotion)
    assert "\n" not in caught.value.message
    return caught.value.message


def place(text: str, needle: str) -> str:
    """Return `x.nix:line:column` of a text that is there once."""
    assert text.count(needle) == 1
    start = text.index(needle)
    return f"x.nix:{text.count(chr(10), 0, start) + 1}:{start - text.rfind(chr(10), 0, start)}"


# Where the TODO stands


@ALL
def test_code_on_the_line_of_the_todo_stays(strategy: Strategy) -> None:
    text = sub(r'^( +outputs = \[ "out" \];)$', r"\1 # TODO: move packages out of the let...in", todo(""))
    assert 'outputs = [ "out" ];\n' in rewrite(text, strategy)[0]
    assert "TODO: move" not in rewrite(text, strategy)[0]


def test_code_behind_the_todo_stays() -> None:
    lifted, _ = rewrite(sub(TODO.pattern + " +", r"\1/* TODO: move packages out of the let */ "))
    assert re.search(r"^ +# for those who replace a part\n +inherit$", lifted, re.MULTILINE)


def test_todo_in_the_first_line_goes() -> None:
    text = "# TODO: move packages out of the let...in\n" + todo("")
    assert rewrite(text)[0].startswith("{ lib, callPackage }:")


def test_every_todo_goes() -> None:
    line = "@# TODO: move packages out of the let...in into top-level\n"
    assert "TODO: move" not in rewrite(todo(line + line))[0]


@pytest.mark.parametrize(
    "comment",
    [
        "@# Note this. TODO: move packages out of the let\n",
        "@# TODO: move packages out of the let\n@# and more\n",
        "@/* TODO: move packages out of the let\n@   and more */\n",
    ],
)
def test_comment_that_says_more_than_the_todo_is_not_dropped(comment: str) -> None:
    assert "this comment says more than the TODO" in refusal(todo(comment))


# Comments


@ALL
@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"^( +)docker-tini =", r"\1# remark\n\1docker-tini ="),
        (r"^( +)docker-tini =", r"\1/* remark */\n\n\1docker-tini ="),
        (r"^( +)docker-tini =", r"\1/* remark */ docker-tini ="),
        (r"^( +)docker-meta =", r"\1# remark\n\n\1docker-meta ="),
        (r"^( +\}\);)\n\n( +docker-tini)", r"\1 # remark\n\n\2"),
        (r"^( +\}\);)\n\n( +docker-tini)", r"\1 /* remark */\n\n\2"),
        (r"^    let$", r"    let # remark"),
        (r"^    let$", r"    # remark\n    let"),
        (r"^    \}:$", r"    }: # remark"),
        (r"dockerGen =$", r"dockerGen = # remark"),
        (r"^( +)rootlesskit$", r"\1# remark\n\1rootlesskit"),
        (r"^( +)slirp4netns$", r"\1# remark\n\1slirp4netns"),
    ],
)
def test_comment_stays_once(pattern: str, new: str, strategy: Strategy, demotion: Demotion) -> None:
    lifted, demoted = rewrite(sub(pattern, new), strategy, demotion)
    assert (lifted.count("remark"), demoted.count("remark")) == (1, 1)


def test_comment_on_the_line_of_a_binding_moves_with_it() -> None:
    lifted, _ = rewrite(sub(r"^( +\}\);)\n\n( +docker-tini)", r"\1 /* remark */\n\n\2"))
    assert lifted.index("remark") < lifted.index("dockerGen =")


@pytest.mark.parametrize(
    ("strategy", "pattern", "new"),
    [
        (Strategy.SENTINEL, "callPackage dockerGen", "callPackage /* remark */ dockerGen"),
        (Strategy.PARAMETER, "docker-tini = ", "docker-tini = /* remark */ "),
    ],
)
def test_comment_that_would_be_lost_is_refused(strategy: Strategy, pattern: str, new: str) -> None:
    text = sub(pattern, new)
    assert refusal(text, strategy).startswith(f"{place(text, '/* remark')}: this comment would be lost")


@pytest.mark.parametrize("new", [r"\1rootlesskit # remark", r"\1/* remark */ rootlesskit"])
def test_comment_beside_the_element_that_goes_is_refused(new: str) -> None:
    text = sub(r"^( +)rootlesskit$", new)
    needle = "# remark" if "#" in new else "/* remark"
    assert refusal(text).startswith(f"{place(text, needle)}: this comment stands beside rootlesskit")


def test_comment_above_the_last_element_stays() -> None:
    text = kit("lib.makeBinPath [\n slirp4netns\n # remark\n rootlesskit ]")
    assert "# remark\n" in rewrite(text)[1]


# dockerGen's parameters


@ALL
def test_missing_last_comma_is_added(strategy: Strategy) -> None:
    lifted, _ = rewrite(sub(r",(\n    \}:)$", r"\1"), strategy)
    assert re.search(r"systemd,\n +# components", lifted)


def test_lone_comma_does_not_make_the_style() -> None:
    text = sub(r"^( +)rootlesskit,$", r"\1rootlesskit\n\1# remark\n\1,")
    assert DockerFile(text, name="x.nix").style is Style.NIXFMT
    rewrite(text)


@pytest.mark.parametrize("name", ["29.6", "24.0"])
def test_parameter_goes_into_the_braces_of_a_pattern_with_a_name(name: str) -> None:
    text = sub(r"^( +\}):$", r"\1@all:", text_of(name))
    lifted, _ = rewrite(text, Strategy.PARAMETER)
    assert lifted.index("docker-runc ?") < lifted.index("}@all:")
    assert "already names its argument set" in refusal(text)


@pytest.mark.parametrize("dots", ["...", "... # any"])
def test_open_pattern_is_refused(dots: str) -> None:
    assert "takes any argument" in refusal(sub(r"^(    \}:)$", f"      {dots}\n" + r"\1"))


# Names


@pytest.mark.parametrize("name", ["args", "components", "componentsGen", "callDocker", "release"])
def test_quoted_name_is_taken_too(name: str) -> None:
    text = sub(r"^( +)docker-runc =", rf'\1"{name}" = 1;\n\1docker-runc =')
    assert f"the name '{name}', which the rewrite would introduce" in refusal(text)


@ALL
def test_operator_that_is_shadowed_is_refused(strategy: Strategy) -> None:
    text = sub(r"^( +)docker-runc =", r"\1__sub = a: b: 7;\n\1docker-runc =")
    assert refusal(text, strategy).startswith(f"{place(text, '__sub')}: '__sub'")


def test_quoted_release_is_known_by_its_name() -> None:
    text = sub(r"^  docker_29 =", '  "docker_29" =')
    assert [release.attr for release in DockerFile(text, name="x.nix").releases()] == ["docker_25", "docker_29"]


def test_alias_is_no_release() -> None:
    text = sub(r"\n\}\n*\Z", "\n  docker_latest = null;\n}\n")
    assert [release.attr for release in DockerFile(text, name="x.nix").releases()] == ["docker_25", "docker_29"]


# Layouts that are named for what they are


def test_releases_in_another_set_are_not_guessed() -> None:
    text = sub(r"^in\n\{((?:.|\n)*)\}\n*\Z", r"in\n{\n  versions = {\1};\n}\n")
    assert refusal(text) == "x.nix: unknown layout: no 'docker_NN = …' beside or below dockerGen"


def test_moby_in_a_second_let_is_not_taken_for_an_old_file() -> None:
    text = sub(r"^    let$", "    let\n      a = 1;\n    in\n    let")
    assert re.fullmatch(r"x\.nix: unknown layout: moby is bound at \d+:7, not in the 'let' .*", refusal(text))


@ALL
@pytest.mark.parametrize("where", [r"^    let$", r"^let$"])
def test_assert_is_no_obstacle(where: str, strategy: Strategy) -> None:
    lifted, _ = rewrite(sub(where, r"assert 1 == 1;\n\g<0>"), strategy)
    assert lifted.count("assert 1") == 1


def test_generator_that_is_written_otherwise_is_named_with_its_place() -> None:
    text = sub("dockerGen =$", "dockerGen = with lib;")
    with pytest.raises(LayoutError, match=r"^x\.nix:4:3: unknown layout: dockerGen is not a function"):
        DockerFile(text, name="x.nix")


def test_places_of_the_second_change_are_those_of_the_file() -> None:
    text = kit("lib.makeBinPath [ rootlesskit ]")
    assert refusal(text).startswith(f"{place(text, 'rootlesskit ]')}: nothing would be left")


# rootlesskit in the list


@pytest.mark.parametrize(
    "path",
    [
        "lib.makeBinPath (lib.optional true rootlesskit ++ [ slirp4netns ])",
        "lib.makeBinPath [ (lib.getBin rootlesskit) slirp4netns ]",
        '"${rootlesskit}/bin:${lib.makeBinPath [ slirp4netns ]}"',
        "lib.makeBinPath (builtins.attrValues { inherit rootlesskit slirp4netns; })",
    ],
)
def test_rootlesskit_in_the_prefix_other_than_in_a_list_is_seen_and_refused(path: str) -> None:
    text = kit(path)
    assert "rootlesskit gets into the prefix other than by a list in a variable" in refusal(text)
    assert layout.inspect(DockerFile(text, name="x.nix"), COMPONENTS, "rootlesskit").rootlesskit == "prefix"


@ALL
def test_list_that_the_strategy_moves_is_found_again(strategy: Strategy) -> None:
    text = sub(r"^( +)moby =", r"\1kitPath = lib.makeBinPath [ rootlesskit slirp4netns ];\n\n\1moby =", kit("kitPath"))
    assert "lib.makeBinPath [ slirp4netns ]" in rewrite(text, strategy)[1]


@ALL
def test_rootlesskit_among_the_build_inputs_is_no_obstacle(strategy: Strategy) -> None:
    _, demoted = rewrite(sub(r"buildInputs = \[\n +sqlite", r"\g<0> rootlesskit"), strategy)
    assert "sqlite rootlesskit\n" in demoted


@pytest.mark.parametrize(
    ("pattern", "more"),
    [
        (r'(dockerd \\\n +--prefix PATH : "\$out/libexec/docker:\$extraPath)"', r'\1:$extraUserPath"'),
        (r"( +runHook postInstall)", r"echo $extraUserPath\n\1"),
    ],
)
def test_list_that_another_command_uses_is_not_changed(pattern: str, more: str) -> None:
    text = sub(pattern, more)
    said = "'extraUserPath', which has rootlesskit from here, is used in the script"
    assert refusal(text).startswith(f"{place(text, 'rootlesskit' + chr(10))}: {said}")


# The wrapper's command


@ALL
@pytest.mark.parametrize(
    "new",
    [
        'makeWrapper {0} {1} --prefix PATH : "{3}"',
        'makeWrapper \\\n{2}{0} \\\n{2}{1} \\\n{2}--prefix PATH : \\\n{2}"{3}"',
        'makeWrapper "{0}" "{1}" \\\n{2}--prefix PATH \\\n{2}: "{3}"',
        'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" && echo',
        'makeWrapper {0} {1} --prefix PATH : "{3}" > log',
        'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" # users\' own',
        'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" \\\n',
        "makeWrapper {0} {1} \\\n{2}--prefix PATH ':' {3}",
    ],
)
def test_suffix_stands_behind_the_prefix_in_the_same_command(new: str, strategy: Strategy) -> None:
    _, demoted = rewrite(command(new), strategy)
    assert re.search(
        r'extraUserPath"? \\\n +--suffix PATH : "\$\{lib\.makeBinPath \[ rootlesskit \]\}"(?:$|[ ;])',
        demoted,
        re.MULTILINE,
    )


def test_suffix_stands_behind_the_other_flags() -> None:
    text = command('makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" \\\n{2}--suffix A : "b c"')
    assert re.search(
        r'"b c" \\\n +--suffix PATH : "\$\{lib\.makeBinPath \[ rootlesskit \]\}"$', rewrite(text)[1], re.MULTILINE
    )


def test_command_that_ends_within_its_line_is_refused() -> None:
    text = command('makeWrapper {0} {1} --prefix PATH : "{3}"; echo')
    assert refusal(text) == f"{place(text, '; echo')}: the wrapper's command ends within its line"


def test_suffix_stands_before_the_end_of_the_string() -> None:
    text = sub(r'(extraUserPath")\n\s*runHook postInstall\n\s*\'\'', r"\1''")
    assert "[ rootlesskit ]}\"'';" in rewrite(text)[1]


@pytest.mark.parametrize(
    "new",
    [
        'cp {0} {1}\n{2}wrapProgram {1} --prefix PATH : "{3}"',
        'if true; then makeWrapper {0} {1} --prefix PATH : "{3}"; fi',
        'makeWrapper {0} {1} --set PATH "{3}"',
        'makeWrapper {0} {1} --prefix-each PATH : "{3}"',
        'path="{3}"\n{2}makeWrapper {0} {1} --prefix PATH : "$path"',
        "makeWrapper {0} {1} --run 'export PATH=\"{3}:$PATH\"'",
        'makeWrapper {0} $bin/dockerd-rootless --prefix PATH : "{3}"',
    ],
)
def test_wrapper_that_is_made_otherwise_is_neither_missing_nor_fixed(new: str) -> None:
    text = command(new)
    assert re.match(r"x\.nix:\d+:\d+: unknown layout: bin/dockerd-rootless is made, or gets", refusal(text))
    found = layout.inspect(DockerFile(text, name="x.nix"), COMPONENTS, "rootlesskit")
    assert found.rootlesskit == "unknown"
    assert found.state.startswith("unknown layout: at ")


def test_wrapper_that_is_made_twice_is_refused() -> None:
    once = 'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}"'
    assert "bin/dockerd-rootless is made a second time" in refusal(command(f"{once}\n{{2}}{once}"))
