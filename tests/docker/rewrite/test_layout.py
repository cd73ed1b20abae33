import re

import pytest

from tests.docker.rewrite.conftest import file_of, place, refusal, sub, text_of
from tests.parsing import assert_parses
from toolkit.docker import meaning
from toolkit.docker.meaning import sentence
from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.layout import (
    DockerFile,
    arguments,
    component,
    docker_file,
    locked,
    newest,
)
from toolkit.docker.series import refuse
from toolkit.docker.steps import DEMOTE, LIFT
from toolkit.errors import LayoutError, NixSyntaxError, ToolkitError
from toolkit.lift.style import Style


def file(name: str) -> DockerFile:
    return file_of(text_of(name))


@pytest.mark.parametrize(
    ("layout", "style"),
    [
        ("20.10.14", Style.OLD),
        ("24.0", Style.OLD),
        ("26.0", Style.NIXFMT),
        ("27.0", Style.OLD),
        ("27.5", Style.NIXFMT),
        ("27.5-alejandra", Style.ALEJANDRA),
        ("28.4", Style.NIXFMT),
        ("29.6", Style.NIXFMT),
    ],
)
def test_style_is_recognised(layout: str, style: Style) -> None:
    assert file(layout).style is style


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("29.6", "prefix"),
        ("20.10.14", "prefix"),
        ("states/fixed", "suffix"),
        ("states/half-demoted", "suffix"),
        ("states/half-lifted", "prefix"),
        ("states/no-wrapper", "no wrapper"),
    ],
)
def test_place_of_rootlesskit_is_found(name: str, where: str) -> None:
    assert wrapper.placement(file(name)).where == where


def test_todo_is_found_by_its_text_and_not_guessed() -> None:
    assert file("29.6").todos()
    assert not file("20.10.14").todos()


def test_releases_and_versions_are_read() -> None:
    releases = file("29.6").releases()
    assert [*releases] == ["docker_25", "docker_29"]
    assert newest(releases.values()) == releases["docker_29"] is not None


def test_surroundings_of_the_components_are_read() -> None:
    read = file("29.6")
    patch = "cli-plugin-dirs-from-environment"
    assert read.paths() == (f"{patch}-25.patch", f"{patch}.patch", "update.sh")
    assert read.by_age() == ["docker_25", "docker_29"]
    assert file_of(text_of().replace('"25.0.16"', '"100.0.0"')).by_age() == [
        "docker_29",
        "docker_25",
    ]
    assert {"buildxSupport", "withSystemd"} < read.optional() < {*read.formals}
    containerd, moby = (component(read, name) for name in ("containerd", "moby"))
    assert (containerd.name, containerd.bound, containerd.line) == (
        "containerd",
        "parameter",
        13,
    )
    assert (moby.name, moby.bound, moby.line) == ("moby", "let", 124)


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"buildxSupport \?", "mobyPackage ? null, buildxSupport ?"),
        (
            r"^        inherit\n          docker-runc",
            "        after = final: final.x; inherit docker-runc",
        ),
    ],
)
def test_a_parameter_or_a_function_may_replace_what_a_let_binds(
    pattern: str, new: str
) -> None:
    assert locked(file("29.6"))
    assert not locked(file_of(sub(pattern, new)))


def test_arguments_that_no_parameter_names_are_read() -> None:
    uses = sub(r"runc\.overrideAttrs", "args.componentOverrides.docker-runc or runc")
    named = sub(r"dockerGen =\n    \{", "dockerGen =\n    args@{", text=uses)
    unnamed = sub(r"^    \}:\n    let", "      ...\n    }:\n    let", text=named)
    moby = {text: arguments(file_of(text))["moby"] for text in (uses, named, unnamed)}
    assert moby == {uses: (), named: (), unnamed: ("moby", "componentOverrides")}
    assert locked(file_of(named))
    assert not locked(file_of(unnamed))


def attributes(text: str) -> list[str]:
    return [*file_of(text).releases()]


def test_quoted_release_is_known_by_its_name_and_one_that_begins_alike_is_none() -> (
    None
):
    text = sub(
        r"\n\}\n*\Z",
        "\n  docker_latest = null;\n}\n",
        sub(r"^  docker_29 =", '  "docker_29" ='),
    )
    assert attributes(text) == ["docker_25", "docker_29"]
    assert list(file_of(text).release_blocks()) == ["docker_25", "docker_29"]


@pytest.mark.parametrize(
    "new",
    [
        "in\n{{{0}}} // {{{1}}}\n",
        "in\n{{{0}}} // lib.optionalAttrs (1 == 1) {{{1}}}\n",
        "in\nlib.mapAttrs (_: package: package) (rec {{{0}{1}}})\n",
        'in\nassert true;\nlib.mergeAttrs {{{0}}} {{{1}}} // {{ docker_24 = throw "removed"; }}\n',
    ],
)
def test_releases_are_found_in_the_sets_that_the_value_is_made_of(new: str) -> None:
    def joined(match: re.Match[str]) -> str:
        return new.format(*match.groups())

    text = sub(
        r"^in\n\{((?:.|\n)*\n)((?:  #.*\n)*  docker_29 =(?:.|\n)*)\}\n*\Z", joined
    )
    assert_parses(text)
    assert attributes(text) == ["docker_25", "docker_29"]


def test_releases_in_another_set_are_not_guessed() -> None:
    text = sub(r"^in\n\{((?:.|\n)*)\}\n*\Z", r"in\n{\n  versions = {\1};\n}\n")
    assert (
        refusal(text)
        == "x.nix: unknown layout: the file's set defines no 'docker_NN = …'"
    )


def test_moby_in_a_second_let_is_not_taken_for_an_old_file() -> None:
    text = sub(r"^    let$", "    let\n      a = 1;\n    in\n    let")
    at = place(text, "moby = build").removeprefix("x.nix:")
    said = (
        f"unknown layout: moby is defined at {at}, not in the 'let' at the start "
        "of dockerGen"
    )
    assert refusal(text) == f"x.nix: {said}"
    assert sentence(meaning.reading(file_of(text))) == said


def test_file_without_moby_is_old_only_by_its_release() -> None:
    text = text_of("19.03")
    assert refusal(text).startswith("x.nix: older than 20.10 (19.03.")
    new = sub(r'version = "19\.03\.\d+"', 'version = "20.10.9"', text)
    said = (
        "x.nix: unknown layout: docker is 20.10.9, but the 'let' of "
        "dockerGen does not define moby"
    )
    assert refusal(new) == said


@pytest.mark.parametrize(
    "written",
    [
        "dockerGen = with lib;",
        "dockerGen = x:",
        "dockerGen = import ./generator.nix; unused =",
    ],
)
def test_generator_that_is_written_otherwise_is_named_with_its_place(
    written: str,
) -> None:
    text = sub("dockerGen =$", written)
    with pytest.raises(LayoutError) as caught:
        file_of(text)
    fact = "unknown layout: dockerGen is not a function with a set pattern"
    assert caught.value.message == f"{place(text, written)}: {fact}"


def test_file_without_the_generator_is_said_to_be_another() -> None:
    with pytest.raises(LayoutError, match="defines a function dockerGen") as caught:
        file_of("{ }")
    assert (
        caught.value.hint
        == "this is not nixpkgs' pkgs/applications/virtualization/docker/default.nix"
    )


def test_hint_tells_what_is_done_from_what_is_not_known() -> None:
    hints: dict[str, str | None] = {}
    for name, text in {
        "fixed": text_of("states/fixed"),
        "half": text_of("states/half-lifted"),
        "unknown": sub(r"^    let$", "    let\n      a = 1;\n    in\n    let"),
    }.items():
        with pytest.raises(LayoutError) as caught:
            refuse(meaning.reading(file_of(text)), {LIFT, DEMOTE}, name="x.nix")
        hints[name] = caught.value.hint
    assert hints == {
        "fixed": "nothing needs to change",
        "half": "only the step '--only demote' still changes something",
        "unknown": None,
    }


@pytest.mark.parametrize(
    ("versions", "highest"),
    [
        (["28.5.2", "28.5.10", "9.10"], "28.5.10"),
        ([None, "28.5.1-fork-1", "27.9"], "28.5.1-fork-1"),
        (["v29.0.0-rc.1", "28.9"], "v29.0.0-rc.1"),
        (["unstable", "1"], "1"),
        ([None], None),
    ],
)
def test_versions_compare_by_their_numbers(
    versions: list[str | None], highest: str | None
) -> None:
    assert newest(versions) == highest


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80{ }: { }\n",
        b"{ }: { a = \0; }\n",
        b"{ }:\r\n{ }\r\n",
        b"#" * (1 << 21),
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes) -> None:
    with pytest.raises(ToolkitError, match=r"^default\.nix:?[\d:]* "):
        docker_file(content, name="default.nix")
    with pytest.raises(NixSyntaxError, match=r"^default\.nix:1:6: "):
        docker_file(b"{ a = ; }\n", name="default.nix")


def test_switches_are_known_by_their_names() -> None:
    more = "withMore, moreSupport ? true, without ? 1, name ? true,"
    text = sub(r"^      version,$", f"      version, {more}")
    assert {*file_of(text).switches()} - {*file("29.6").switches()} == {
        "withMore",
        "moreSupport",
    }
