from __future__ import annotations

import pytest

from tests import specimens
from toolkit.docker.plan import ports_test
from toolkit.docker.rewrite.nixos_test import SERVICE, Form, content, register, registration
from toolkit.errors import LayoutError
from toolkit.nix import program

NAME = "all-tests.nix"
TEST = "docker-rootless-ports"


def all_tests(layout: str) -> str:
    return (specimens.path(layout) / "nixos/tests" / NAME).read_text()


def registered(text: str) -> str:
    """Register the test, and return the lines that came."""
    after = register(text, name=NAME, test=TEST)
    program.parse_text(after.encode(), name=NAME)
    lines = after.splitlines()
    kept = iter(lines)
    assert all(line in kept for line in text.splitlines()), "a line is missing or has moved"
    start = next(index for index, line in enumerate(lines) if f"{TEST} =" in line)
    assert lines[start - 1].lstrip().startswith(("docker-rootless =", "]"))
    return "\n".join(lines[start : start + len(lines) - len(text.splitlines())])


@pytest.mark.parametrize(
    ("layout", "line", "form"),
    [
        ("29.6", 'runTestOn [ "aarch64-linux" "x86_64-linux" ] ./docker-rootless-ports.nix', Form.MODULE),
        ("24.0", 'handleTestOn ["aarch64-linux" "x86_64-linux"] ./docker-rootless-ports.nix {}', Form.FUNCTION),
    ],
)
def test_test_is_registered_beside_the_other_and_as_that_is(layout: str, line: str, form: Form) -> None:
    assert registered(all_tests(layout)) == f"  {TEST} = {line};"
    found = registration(register(all_tests(layout), name=NAME, test=TEST), name=NAME, test=TEST)
    assert (found.value, found.form) == (line, form)


@pytest.mark.parametrize("call", ["runTest ./docker-rootless.nix", "handleTest ./docker-rootless.nix { }"])
def test_call_for_all_systems_is_taken_over(call: str) -> None:
    text = f"{{ runTest, handleTest }}:\n{{\n  docker-rootless = {call};\n}}\n"
    assert registered(text) == f"  {TEST} = {call.replace('rootless', 'rootless-ports')};"


def test_line_that_gets_too_long_is_broken_as_nixfmt_breaks_it() -> None:
    call = 'handleTestOn [ "aarch64-linux" "x86_64-linux" ] ./docker-rootless.nix { }'
    text = f"{{ handleTestOn }}:\n{{\n  docker-rootless = {call};\n}}\n"
    assert registered(text).splitlines() == [
        f"  {TEST} = handleTestOn [",
        '    "aarch64-linux"',
        '    "x86_64-linux"',
        "  ] ./docker-rootless-ports.nix { };",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{ docker = runTest ./docker.nix; }",
            "all-tests.nix: has no test 'docker-rootless' to put the new one beside",
        ),
        (
            "{\n  docker-rootless = discoverTests ./docker-rootless.nix;\n}",
            "all-tests.nix:2: 'docker-rootless' is tested",
        ),
        ("{\n  docker-rootless = runTest { imports = [ ./docker-rootless.nix ]; };\n}", "all-tests.nix:2: "),
        ("{\n  docker-rootless = handleTest ./docker-rootless.nix { fast = true; };\n}", "all-tests.nix:2: "),
        ("{\n  docker-rootless = handleTest ./docker-rootless.nix;\n}", "all-tests.nix:2: "),
        ("{\n  docker-rootless = runTest ./rootless.nix;\n}", "all-tests.nix:2: "),
        ("{ docker-rootless = runTest ./docker-rootless.nix; }", "all-tests.nix:1: 'docker-rootless' is not alone"),
        (
            "{\n  docker-rootless = runTest ./docker-rootless.nix;\n  docker-rootless-ports = { };\n}",
            "all-tests.nix:3: the test 'docker-rootless-ports' is already there",
        ),
        (
            "{\n  docker-rootless = runTest ./docker-rootless.nix;\n\n  b = { docker-rootless = 2; };\n}",
            "all-tests.nix:4: a second 'docker-rootless'",
        ),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(LayoutError) as caught:
        register(text, name=NAME, test=TEST)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("brought", [True, False])
def test_test_is_the_same_in_each_form(form: Form, *, brought: bool) -> None:
    module = ports_test().read_text()
    written = content(module, form, brought=brought)
    program.parse_text(written.encode(), name=TEST)
    assert (SERVICE in written) is not brought
    assert ("import ./make-test-python.nix (\n  { lib, pkgs, ... }:\n" in written) is (form is Form.FUNCTION)
    assert written.splitlines()[:2] == module.splitlines()[:2]
    words = written.replace("import ./make-test-python.nix (", "").removesuffix(")\n").split()
    assert [word for word in words if word in module.split()] == module.split() or not brought
