import pytest

from tests import specimens
from toolkit.docker.rewrite.nixos import WRAPPER, add_option, publish
from toolkit.errors import LayoutError, NixSyntaxError
from toolkit.nix import program

MODULE = "docker-rootless.nix"
OPTION = "exposePrivilegedPorts"
DESCRIPTION = "Whether {command}`docker` may do `more`.\nOnly then."


def module(layout: str) -> str:
    return (
        specimens.path(layout) / "nixos/modules/virtualisation" / MODULE
    ).read_text()


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
    assert (
        "        description = lib.mdDoc ''\n          Whether {command}`docker` may "
        "do `more`.\n" in after
    )
    # In front of the service, and of the comment about that.
    assert f"    security.wrappers.{WRAPPER} = mkIf cfg.{OPTION} {{\n" in after
    assert "      capabilities = mkDefault " in after
    assert '      source = "${pkgs.rootlesskit}/bin/rootlesskit";\n' in after
    assert (
        after.index("security.wrappers")
        < after.index("# The programs that may")
        < after.index("systemd.user")
    )
    assert rewritten(text)


def test_order_of_the_fields_is_that_of_the_other_options() -> None:
    old = "      type = lib.types.bool;\n      default = false;\n"
    text = module("29.6")
    sorted_text = text.replace(
        old, "      default = false;\n\n      type = lib.types.bool;\n\n"
    )
    assert sorted_text.count("\n\n      type = lib.types.bool;\n\n") == 2
    assert (
        f"{OPTION} = lib.mkOption {{\n      default = false;\n\n      type ="
        in rewritten(sorted_text)
    )


def test_option_stands_after_enable_where_there_is_no_other_boolean() -> None:
    text = module("24.0")
    after = add_option(text, name=MODULE, option=OPTION, description=DESCRIPTION)
    assert (
        after.index("enable = mkOption")
        < after.index(f"{OPTION} =")
        < after.index("package = mkOption")
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "package = ",
            "privilegedPorts = ",
            "LINE: the option 'privilegedPorts' already exists",
        ),
        (
            "    environment.systemPackages",
            "    security.wrappers.rootlesskit = { };\n    environment.systemPackages",
            "LINE: a security wrapper for rootlesskit already exists",
        ),
        (
            "    environment.systemPackages",
            (
                "    security.wrappers = { dockerd = pkgs.rootlesskit; };\n    "
                "environment.systemPackages"
            ),
            "LINE: a security wrapper for rootlesskit already exists",
        ),
        (
            "config = lib.mkIf cfg.enable {",
            "config = lib.mkIf (cfg.enable) {",
            "LINE: 'config' is not of the form",
        ),
        (
            "config = lib.mkIf cfg.enable {",
            "config = lib.optionalAttrs cfg.enable {",
            "LINE: 'config' is not of the form",
        ),
        (
            "  config = lib.mkIf",
            "  configuration = lib.mkIf",
            " does not define 'config'",
        ),
        (
            "options.virtualisation.docker.rootless",
            "options.docker",
            " contains no attribute set 'options.virtualisation",
        ),
        ("  pkgs,\n", "", "1: is not a NixOS module that takes 'pkgs'"),
    ],
)
def test_unknown_or_existing_module_code_is_refused_in_one_line(
    old: str, new: str, message: str
) -> None:
    text = module("29.6")
    assert text.count(old) == 1
    with pytest.raises(LayoutError) as caught:
        add_option(
            text.replace(old, new), name=MODULE, option=OPTION, description=DESCRIPTION
        )
    line = text[: text.index(old)].count("\n") + 1
    assert caught.value.message.startswith(
        f"{MODULE}:{message.replace('LINE', str(line))}"
    )


@pytest.mark.parametrize(
    "change",
    [("default = false;", "default = true;"), ("types.bool", "types.str"), ("''", '"')],
)
def test_option_that_is_no_model_is_not_copied(change: tuple[str, str]) -> None:
    with pytest.raises((LayoutError, NixSyntaxError)):
        add_option(
            module("29.6").replace(*change),
            name=MODULE,
            option=OPTION,
            description=DESCRIPTION,
        )


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
    new = [
        line.strip()
        for line in after.splitlines()
        if line not in MODULE_TEST.splitlines()
    ]
    assert [line for line in new if line] == [
        "virtualisation.docker.rootless.ports = true;",
        "# Ports below 1024 need the security wrapper.",
        '"docker run -d --name=privileged --publish=80:80 empty sleep 10"',
    ]
    assert after.endswith("empty sleep 10\"\n    )\n  '';\n}\n")
    program.parse_text(after.encode(), name="docker-rootless.nix")


@pytest.mark.parametrize("lost", ["docker run", "--name=idle", "rootless."])
def test_a_test_of_another_kind_stays_as_it_is(lost: str) -> None:
    assert (
        publish(
            MODULE_TEST.replace(lost, ""), name="docker-rootless.nix", option="ports"
        )
        is None
    )


def test_a_test_whose_option_is_not_alone_on_its_line_stays_as_it_is() -> None:
    text = MODULE_TEST.replace(
        "    virtualisation.", "    imports = [ ]; virtualisation."
    )
    assert publish(text, name="docker-rootless.nix", option="ports") is None
