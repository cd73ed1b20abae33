import re

import pytest

from tests.docker.rewrite.conftest import (
    EVERY_STRATEGY,
    command,
    demoted,
    file_of,
    kit,
    place,
    refusal,
    rewrite,
    sub,
    text_of,
)
from toolkit.docker.rewrite import demote
from toolkit.docker.steps import Demotion
from toolkit.errors import LayoutError
from toolkit.lift.plan import Design

SUFFIX = r'--suffix PATH : "\$\{lib\.makeBinPath \[ rootlesskit \]\}"'
OTHERWISE = "the script does not get rootlesskit from a list"
BESIDE = "this comment belongs to rootlesskit, which the change removes from the list"
EMPTY = (
    "this list would become empty, and an empty PATH entry means the current directory"
)
TWICE = "the prefix contains rootlesskit more than once"
UNKNOWN = "this list is not an argument of makeBinPath"


# The list


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[ rootlesskit slirp4netns ]", "[ slirp4netns ]"),
        ("[ slirp4netns rootlesskit ]", "[ slirp4netns ]"),
        ("[ slirp4netns rootlesskit runc ]", "[ slirp4netns runc ]"),
        ("[rootlesskit slirp4netns]", "[slirp4netns]"),
        ("[\n rootlesskit\n slirp4netns\n]", "[\n slirp4netns\n]"),
        ("[\n slirp4netns\n rootlesskit ]", "[\n slirp4netns ]"),
        ("[ rootlesskit\n slirp4netns ]", "[ slirp4netns ]"),
        (
            "[\n slirp4netns\n # remark\n rootlesskit ]",
            "[\n slirp4netns\n # remark\n ]",
        ),
        (
            "[ /* remark */\n rootlesskit slirp4netns ]",
            "[ /* remark */\n slirp4netns ]",
        ),
        ("[ rootlesskit\n # remark\n slirp4netns ]", "[ # remark\n slirp4netns ]"),
        (
            "[\n slirp4netns\n # remark\n rootlesskit\n]",
            "[\n slirp4netns\n # remark\n]",
        ),
        ("([ rootlesskit slirp4netns ])", "([ slirp4netns ])"),
    ],
)
def test_only_the_element_leaves_the_list(before: str, after: str) -> None:
    assert f"lib.makeBinPath {after}\n" in demoted(kit(f"lib.makeBinPath {before}"))


@pytest.mark.parametrize(
    ("path", "needle", "said"),
    [
        (
            "lib.makeBinPath [\n rootlesskit # remark\n slirp4netns\n]",
            "# remark",
            BESIDE,
        ),
        (
            "lib.makeBinPath [\n /* remark */ rootlesskit\n slirp4netns\n]",
            "/* remark */",
            BESIDE,
        ),
        (
            "lib.makeBinPath [ slirp4netns rootlesskit /* remark */ ]",
            "/* remark */",
            BESIDE,
        ),
        # It is refused before anything is lifted.
        ("lib.makeBinPath [ rootlesskit ]", "rootlesskit ]", EMPTY),
        (
            "lib.makeBinPath [ rootlesskit slirp4netns rootlesskit ]",
            "rootlesskit ]",
            TWICE,
        ),
        (
            "lib.makeBinPath [ (lib.getBin rootlesskit) slirp4netns ]",
            "rootlesskit) slirp",
            OTHERWISE,
        ),
        (
            "lib.makeBinPath [ rootlesskit.bin slirp4netns ]",
            "rootlesskit.bin",
            OTHERWISE,
        ),
        (
            "lib.makeBinPath [ runc.rootlesskit slirp4netns ]",
            "rootlesskit slirp",
            OTHERWISE,
        ),
        (
            '"${rootlesskit}/bin:${lib.makeBinPath [ slirp4netns ]}"',
            "rootlesskit}/bin",
            OTHERWISE,
        ),
        (
            (
                "lib.makeBinPath (builtins.attrValues { inherit rootlesskit slirp4netns; "
                "})"
            ),
            "rootlesskit slirp",
            OTHERWISE,
        ),
        (
            'lib.concatStringsSep ":" [ rootlesskit slirp4netns ]',
            "rootlesskit slirp",
            UNKNOWN,
        ),
        (
            "lib.makeBinPath (map lib.id [ rootlesskit slirp4netns ])",
            "rootlesskit slirp",
            UNKNOWN,
        ),
    ],
)
def test_list_from_which_it_cannot_leave_is_refused(
    path: str, needle: str, said: str
) -> None:
    text = kit(path)
    assert refusal(text) == f"{place(text, needle)}: {said}"


def test_list_that_nix_puts_into_the_flag_is_changed_where_it_stands() -> None:
    path = "${{lib.makeBinPath [ rootlesskit slirp4netns ]}}"
    new = command(f'makeWrapper {{0}} {{1}} --prefix PATH : "{path}"')
    made = demoted(kit("lib.makeBinPath [ slirp4netns fuse-overlayfs ]", new))
    assert "lib.makeBinPath [ slirp4netns ]" in made
    assert re.search(SUFFIX, made)


@EVERY_STRATEGY
def test_list_in_a_variable_of_the_environment_is_found(strategy: Design) -> None:
    text = sub(r"extraUserPath =", "env.extraUserPath =")
    assert (
        "rootlesskit\n"
        not in rewrite(text, strategy)[1]
        .partition("env.extraUserPath")[2]
        .partition(";")[0]
    )


@EVERY_STRATEGY
@pytest.mark.parametrize(
    ("pattern", "new", "kept"),
    [
        (r"buildInputs = \[\n +sqlite", r"\g<0> rootlesskit", "sqlite rootlesskit\n"),
        (
            r"^( +)extraUserPath =",
            r"\1passthru = { inherit rootlesskit; };\n\g<0>",
            "{ inherit rootlesskit; }",
        ),
        (
            r"^( +)passthru = \{$",
            r"\g<0> kit = [ rootlesskit ];",
            "kit = [ rootlesskit ];",
        ),
        (
            r"optionalAttrs \(!clientOnly\) \{$",
            r"\g<0> kit = rootlesskit;",
            "kit = rootlesskit;",
        ),
        (
            r"installPhase = ''",
            "installPhase = let kit = [ rootlesskit ]; in ''",
            "let kit = [ rootlesskit ]; in",
        ),
        (
            r"echo \$extraPath|runHook preInstall",
            r"\g<0>\n# $extraUserPath",
            "# $extraUserPath",
        ),
    ],
)
def test_use_that_is_not_in_the_prefix_stays(
    strategy: Design, pattern: str, new: str, kept: str
) -> None:
    assert kept in rewrite(sub(pattern, new), strategy)[1]


def test_file_that_has_it_elsewhere_is_named_for_that() -> None:
    with pytest.raises(LayoutError) as caught:
        demote.rewrite(file_of(text_of("states/fixed")), Demotion.SUFFIX)
    said = (
        "x.nix: no dockerd-rootless wrapper has rootlesskit in its PATH prefix (suffix)"
    )
    assert caught.value.message == said


# Other commands that would lose it


@pytest.mark.parametrize(
    ("pattern", "more"),
    [
        (
            r'(dockerd \\\n +--prefix PATH : "\$out/libexec/docker:\$extraPath)"',
            r'\1:$extraUserPath"',
        ),
        (r"( +runHook postInstall)", r"echo $extraUserPath\n\1"),
        (
            r"^( +)extraUserPath =",
            r"\1postFixup = ''\n\1  echo $extraUserPath\n\1'';\n\g<0>",
        ),
        (r"^( +)extraUserPath =", r'\1postFixup = "echo $extraUserPath";\n\g<0>'),
    ],
)
def test_list_that_another_command_uses_is_refused(pattern: str, more: str) -> None:
    text = sub(pattern, more)
    fact = (
        "the script uses what contains rootlesskit here outside of the "
        "wrapper's PATH flags,"
    )
    assert refusal(text) == f"{place(text, 'rootlesskit' + chr(10))}: {fact} too"


def test_variable_of_the_same_name_in_another_derivation_is_another_one() -> None:
    text = sub(
        r'(docker/docker \$out/bin/docker \\\n +--prefix PATH : "\S+)"',
        r'\1:$extraUserPath"',
    )
    rewrite(text)


# What a name means in the list, and where the command is


@pytest.mark.parametrize(
    ("around", "path", "name"),
    [
        ("with lib;", "makeBinPath [ rootlesskit slirp4netns ]", "makeBinPath"),
        (
            "let inherit (lib) makeBinPath; in",
            "makeBinPath [ rootlesskit slirp4netns ]",
            "makeBinPath",
        ),
        (
            "let rootlesskit = slirp4netns; in",
            "lib.makeBinPath [ rootlesskit slirp4netns ]",
            "rootlesskit",
        ),
    ],
)
def test_name_that_is_bound_around_the_list_only_is_refused(
    around: str, path: str, name: str
) -> None:
    text = sub(r"extraUserPath = ", rf"extraUserPath = {around} ", kit(path))
    script = place(
        text, "''\n            runHook preInstall\n\n            for"
    ).removeprefix("x.nix:")
    at = (
        place(text, path) if name == "makeBinPath" else place(text, "rootlesskit slirp")
    )
    assert (
        refusal(text)
        == f"{at}: '{name}' has another meaning, or none, at {script}, where the wrapper "
        "is created"
    )


@EVERY_STRATEGY
@pytest.mark.parametrize("around", ["with lib;", "let inherit (lib) makeBinPath; in"])
def test_name_that_is_bound_around_both_is_used_as_it_is(
    strategy: Design, around: str
) -> None:
    text = sub(
        r"^let$", f"{around}\nlet", kit("makeBinPath [ rootlesskit slirp4netns ]")
    )
    assert (
        '--suffix PATH : "${makeBinPath [ rootlesskit ]}"' in rewrite(text, strategy)[1]
    )


# The wrapper's command


@EVERY_STRATEGY
@pytest.mark.parametrize(
    "new",
    [
        'makeWrapper {0} {1} --prefix PATH : "{3}"',
        'makeWrapper \\\n{2}{0} \\\n{2}{1} \\\n{2}--prefix PATH : \\\n{2}"{3}"',
        'makeWrapper "{0}" "{1}" \\\n{2}--prefix PATH \\\n{2}: "{3}"',
        'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" && echo',
        'makeWrapper {0} {1} --prefix PATH : "{3}" > log',
        'makeWrapper {0} {1} --prefix PATH : "{3}"; echo',
        'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" # users\' own',
        'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" \\\n',
        "makeWrapper {0} {1} \\\n{2}--prefix PATH ':' {3}",
        (
            "makeWrapper {0} {1} --prefix PATH : "
            "\"$out/libexec/docker''${{extraUserPath:+:$extraUserPath}}\""
        ),
        '# a comment does not go on \\\n{2}makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}"',
        (
            "${{lib.optionalString true ''\n{2}makeWrapper {0} {1} --prefix PATH : "
            "\"{3}\"\n{2}''}}"
        ),
    ],
)
def test_suffix_stands_behind_the_prefix_in_the_same_command(
    new: str, strategy: Design
) -> None:
    _, made = rewrite(command(new), strategy)
    assert re.search(
        rf'extraUserPath\}}?"? \\\n +{SUFFIX}(?:$|[ ;])', made, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("new", "before", "margin"),
    [
        ('makeWrapper {0} {1} --prefix PATH : "{3}"', 'extraUserPath"', "{14}"),
        (
            'makeWrapper {0} {1} \\\n{2}      --prefix PATH : "{3}"',
            'extraUserPath"',
            "{20}",
        ),
        (
            'makeWrapper {0} {1} \\\n{2}--prefix PATH : "{3}" \\\n{2}--suffix A : "b c"',
            '"b c"',
            "+",
        ),
    ],
)
def test_suffix_stands_below_the_last_flag(new: str, before: str, margin: str) -> None:
    assert re.search(
        rf"{before} \\\n {margin}{SUFFIX}$", demoted(command(new)), re.MULTILINE
    )


def test_second_suffix_is_refused() -> None:
    text = command('makeWrapper {0} {1} --prefix PATH : "{3}" --suffix PATH : /opt/bin')
    script = place(text, "''\n            runHook preInstall\n\n            for")
    assert refusal(text) == f"{script}: the wrapper already has a PATH suffix"


def test_suffix_stands_before_the_end_of_the_string() -> None:
    text = sub(r'(extraUserPath")\n\s*runHook postInstall\n\s*\'\'', r"\1''")
    assert "[ rootlesskit ]}\"'';" in demoted(text)


# The parameter that nothing uses any more


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("      rootlesskit,\n", "      nixosTests,\n      runc,\n"),
        (
            "      rootlesskit, util-linux,\n",
            "      nixosTests,\n      util-linux,\n      runc,\n",
        ),
    ],
)
def test_parameter_is_dropped_and_what_stands_beside_it_is_not(
    written: str, left: str
) -> None:
    assert left in demoted(sub(r"^ +rootlesskit,\n", written), Demotion.DROP)
