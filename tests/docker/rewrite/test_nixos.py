from __future__ import annotations

import pytest

from tests import specimens
from toolkit.docker.rewrite.nixos import (
    SERVICE,
    WRAPPER,
    Form,
    add_option,
    in_form,
    publish,
    register,
    registration,
)
from toolkit.docker.steps import ports_test
from toolkit.errors import LayoutError, NixSyntaxError
from toolkit.nix import program

MODULE = "docker-rootless.nix"
OPTION = "exposePrivilegedPorts"
DESCRIPTION = "Whether {command}`docker` may do `more`.\nOnly then."


def module(layout: str) -> str:
    return (specimens.path(layout) / "nixos/modules/virtualisation" / MODULE).read_text()


def rewritten(text: str) -> str:
    """Rewrite a module, and return the lines that came, after a look at the others."""
    after = add_option(text, name=MODULE, option=OPTION, description=DESCRIPTION)
    program.parse_text(after.encode(), name=MODULE)
    old, new, added = text.splitlines(), after.splitlines(), list[str]()
    for line in new:
        if old and line == old[0]:
            old.pop(0)
        else:
            added.append(line)
    assert old == []
    return "\n".join(added)


def test_option_and_wrapper_look_like_those_around_them() -> None:
    assert (
        rewritten(module("29.6"))
        == f"""\
    {OPTION} = lib.mkOption {{
      type = lib.types.bool;
      default = false;
      description = ''
        Whether {{command}}`docker` may do `more`.
        Only then.
      '';
    }};

    # dockerd-rootless looks for a program of this name before it takes
    # rootlesskit, which the package may have in front of PATH.
    security.wrappers.{WRAPPER} = lib.mkIf cfg.{OPTION} {{
      owner = "root";
      group = "root";
      # Two definitions would be joined by a comma, which setcap rejects.
      capabilities = lib.mkDefault "cap_net_bind_service+ep";
      source = lib.getExe' pkgs.rootlesskit "rootlesskit";
    }};
"""
    )


def test_module_of_an_older_style_gets_that() -> None:
    text = module("24.0")
    after = add_option(text, name=MODULE, option=OPTION, description=DESCRIPTION)
    assert f"\n\n      {OPTION} = mkOption {{\n        type = types.bool;\n" in after
    assert "        description = lib.mdDoc ''\n          Whether {command}`docker` may do `more`.\n" in after
    # In front of the service, and of the comment about that.
    assert f"    security.wrappers.{WRAPPER} = mkIf cfg.{OPTION} {{\n" in after
    assert "      capabilities = mkDefault " in after
    assert '      source = "${pkgs.rootlesskit}/bin/rootlesskit";\n' in after
    assert after.index("security.wrappers") < after.index("# The programs that may") < after.index("systemd.user")
    assert rewritten(text)


def test_order_of_the_fields_is_that_of_the_other_options() -> None:
    old = "      type = lib.types.bool;\n      default = false;\n"
    text = module("29.6")
    sorted_text = text.replace(old, "      default = false;\n\n      type = lib.types.bool;\n\n")
    assert sorted_text.count("\n\n      type = lib.types.bool;\n\n") == 2
    assert f"{OPTION} = lib.mkOption {{\n      default = false;\n\n      type =" in rewritten(sorted_text)


def test_description_is_docbook_where_the_others_are() -> None:
    text = module("29.6").replace("{command}`docker`", "<command>docker</command>")
    assert "Whether <command>docker</command> may do <literal>more</literal>." in rewritten(text)


def test_option_stands_after_enable_where_there_is_no_other_boolean() -> None:
    text = module("24.0")
    after = add_option(text, name=MODULE, option=OPTION, description=DESCRIPTION)
    assert after.index("enable = mkOption") < after.index(f"{OPTION} =") < after.index("package = mkOption")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("package = ", "privilegedPorts = ", "LINE: the option 'privilegedPorts' is already there"),
        (
            "    environment.systemPackages",
            "    security.wrappers.rootlesskit = { };\n    environment.systemPackages",
            "LINE: a security wrapper for rootlesskit is already there",
        ),
        (
            "    environment.systemPackages",
            "    security.wrappers = { dockerd = pkgs.rootlesskit; };\n    environment.systemPackages",
            "LINE: a security wrapper for rootlesskit is already there",
        ),
        ("config = lib.mkIf cfg.enable {", "config = lib.mkIf (cfg.enable) {", "LINE: 'config' is not of the form"),
        (
            "config = lib.mkIf cfg.enable {",
            "config = lib.optionalAttrs cfg.enable {",
            "LINE: 'config' is not of the form",
        ),
        ("  config = lib.mkIf", "  configuration = lib.mkIf", " binds no 'config'"),
        ("options.virtualisation.docker.rootless", "options.docker", " has no attribute set 'options.virtualisation"),
        ("  pkgs,\n", "", "1: is not a module that takes 'pkgs'"),
    ],
)
def test_what_is_not_understood_or_there_is_refused_in_one_line(old: str, new: str, message: str) -> None:
    text = module("29.6")
    assert text.count(old) == 1
    with pytest.raises(LayoutError) as caught:
        add_option(text.replace(old, new), name=MODULE, option=OPTION, description=DESCRIPTION)
    line = text[: text.index(old)].count("\n") + 1
    assert caught.value.message.startswith(f"{MODULE}:{message.replace('LINE', str(line))}")


@pytest.mark.parametrize("change", [("default = false;", "default = true;"), ("types.bool", "types.str"), ("''", '"')])
def test_option_that_is_no_model_is_not_copied(change: tuple[str, str]) -> None:
    with pytest.raises((LayoutError, NixSyntaxError)):
        add_option(module("29.6").replace(*change), name=MODULE, option=OPTION, description=DESCRIPTION)


# The test

ALL_TESTS = "all-tests.nix"
TEST = "docker-rootless-ports"


def all_tests(layout: str) -> str:
    return (specimens.path(layout) / "nixos/tests" / ALL_TESTS).read_text()


def registered(text: str) -> str:
    """Register the test, and return the lines that came."""
    after = register(text, name=ALL_TESTS, test=TEST)
    program.parse_text(after.encode(), name=ALL_TESTS)
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
    found = registration(register(all_tests(layout), name=ALL_TESTS, test=TEST), name=ALL_TESTS, test=TEST)
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
        register(text, name=ALL_TESTS, test=TEST)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("brought", [True, False])
def test_test_is_the_same_in_each_form(form: Form, *, brought: bool) -> None:
    module = ports_test().read_text()
    written = in_form(module, form, brought=brought)
    program.parse_text(written.encode(), name=TEST)
    assert (SERVICE in written) is not brought
    assert ("import ./make-test-python.nix (\n  { lib, pkgs, ... }:\n" in written) is (form is Form.FUNCTION)
    assert written.splitlines()[:2] == module.splitlines()[:2]
    words = written.replace("import ./make-test-python.nix (", "").removesuffix(")\n").split()
    assert [word for word in words if word in module.split()] == module.split() or not brought


MODULE_TEST = """\
{
  name = "docker-rootless";

  nodes.machine = {
    virtualisation.docker.rootless.enable = true;
  };

  testScript = ''
    machine.succeed(
        "docker run -d --name=idle empty sleep 10"
    )
    machine.succeed("docker stop idle")
  '';
}
"""


def test_the_modules_test_publishes_a_port_with_the_option_on() -> None:
    after = publish(MODULE_TEST, name="docker-rootless.nix", option="ports")
    assert after is not None
    new = [line.strip() for line in after.splitlines() if line not in MODULE_TEST.splitlines()]
    assert [line for line in new if line] == [
        "virtualisation.docker.rootless.ports = true;",
        "# Ports below 1024 need the security wrapper.",
        '"docker run -d --name=privileged --publish=80:80 empty sleep 10"',
    ]
    assert after.endswith("empty sleep 10\"\n    )\n  '';\n}\n")
    program.parse_text(after.encode(), name="docker-rootless.nix")


@pytest.mark.parametrize("lost", ["docker run", "--name=idle", "rootless."])
def test_a_test_of_another_kind_stays_as_it_is(lost: str) -> None:
    assert publish(MODULE_TEST.replace(lost, ""), name="docker-rootless.nix", option="ports") is None


def test_a_test_whose_option_is_not_alone_on_its_line_stays_as_it_is() -> None:
    text = MODULE_TEST.replace("    virtualisation.", "    imports = [ ]; virtualisation.")
    assert publish(text, name="docker-rootless.nix", option="ports") is None
