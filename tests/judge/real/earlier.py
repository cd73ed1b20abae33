"""Changes of 20.09, in which packages stand in no pkgs/by-name yet."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

import re

from tests.judge.real.case import (
    ALIASES,
    ALL,
    CALL_RG,
    COPY,
    CROSS,
    DOCKER_OLD,
    LYNX,
    NATIVE,
    POSTGRES_OLD,
    SCDOC,
    UNDMG_OLD,
    VIM_OLD,
    Case,
    both,
    moved,
    sri,
    sub,
    to,
)

CASES: tuple[Case, ...] = (
    Case(
        "no rec",
        {SCDOC: both(to("mkDerivation rec {", "mkDerivation {"), to("${version}", "1.11.0"))},
        "seen pkgs.scdoc",
    ),
    Case(
        "stdenv.lib to lib",
        {LYNX: both(to("{ stdenv, buildPackages", "{ stdenv, lib, buildPackages"), to("stdenv.lib.", "lib."))},
        'removeAttrs (seen pkgs.lynx) [ "arguments" ]',
    ),
    Case("sha256 to hash", {UNDMG_OLD: sri}, "[ pkgs.undmg.outPath pkgs.undmg.meta.license ]"),
    Case(
        "a package becomes a file",
        {
            SCDOC: None,
            SCDOC.replace("/default", ""): COPY,
            ALL: to("../tools/typesetting/scdoc {", "../tools/typesetting/scdoc.nix {"),
        },
        "seen pkgs.scdoc",
    ),
    Case(
        "a call line is moved",
        {ALL: moved(r"^  scdoc = .*?\n", "  unpaper = callPackage ../tools/graphics/unpaper { };\n")},
        "map seen [ pkgs.scdoc pkgs.unpaper ]",
    ),
    Case(
        "no literal path",
        {ALL: to("callPackage ../tools/typesetting/scdoc { }", 'callPackage (../tools/typesetting + "/scdoc") { }')},
        "seen pkgs.scdoc",
    ),
    Case(
        "an argument is inherited in another way",
        {
            ALL: to(
                CALL_RG,
                "callPackage ../tools/text/ripgrep {\n    Security = darwin.apple_sdk.frameworks.Security;\n  }",
            )
        },
        "seen pkgs.ripgrep",
    ),
    Case(
        "a variable of a shared file",
        {POSTGRES_OLD: lambda text: re.sub(r"\bicuEnabled\b", "withIcu", text)},
        "map seen [ pkgs.postgresql_10 pkgs.postgresql_12 ]",
    ),
    # Damages.
    Case(
        "changelog with lib.version",
        {SCDOC: to("refs/${version}", "refs/${stdenv.lib.version}")},
        "pkgs.scdoc.meta.changelog",
        ("meta", "scdoc"),
    ),
    Case(
        "a platform of the host",
        {LYNX: to("buildPackages.stdenv.cc", "stdenv.cc")},
        "pkgs.lynx.drvPath",
        ("derivation", "lynx"),
        CROSS,
        (NATIVE, CROSS),
    ),
    Case(
        "a sibling of a shared file",
        {POSTGRES_OLD: to('atLeast "10"', 'atLeast "11"')},
        "pkgs.postgresql_10.drvPath",
        ("derivation", "postgresql_10"),
    ),
    Case(
        "a kernel",
        {"pkgs/os-specific/linux/kernel/linux-4.19.nix": to("4.19.134", "4.19.135")},
        "pkgs.linux_4_19.drvPath",
        ("derivation|fixed-output", "linux_4_19"),
    ),
    Case("an alias gone", {ALIASES: sub(r"^  ag = silver-searcher;[^\n]*\n", "")}, "pkgs ? ag", ("alias", "ag")),
    Case(
        "a parameter of a shared file",
        {DOCKER_OLD: to("      , tiniRev, tiniSha256\n", "      , tiniRev, tiniSha256, more\n")},
        "pkgs.docker.drvPath",
        ("evaluation", "docker"),
    ),
    Case(
        "a file gone, its call there",
        {"pkgs/tools/text/mawk/default.nix": None},
        "pkgs.mawk.drvPath",
        ("evaluation", "mawk"),
    ),
    Case(
        "an argument gone, of what all use",
        {
            "pkgs/tools/text/gawk/default.nix": both(
                to(", interactive ? false, readline", ", readline"),
                to("doCheck ? (interactive && stdenv.isLinux)", "doCheck ? false"),
                to("let\n", "let\n  interactive = false;\n"),
            )
        },
        "pkgs.gawk.override.__functionArgs",
        ("arguments|evaluation", "gawk"),
    ),
    Case(
        "an input on Darwin alone, of a package in a set",
        {
            "pkgs/desktops/gnome-3/apps/ghex/default.nix": to(
                "    glib\n  ];\n", "    glib\n  ] ++ stdenv.lib.optional stdenv.isDarwin libxml2;\n"
            )
        },
        "pkgs.gnome3.ghex.drvPath",
        ("derivation", "gnome3.ghex"),
        "x86_64-darwin",
        (NATIVE, "aarch64-darwin"),
    ),
    Case(
        "an input gone on Darwin, of a package with a reader there",
        {
            "pkgs/applications/networking/cluster/minikube/default.nix": to(
                "if stdenv.isDarwin then [ vmnet ] else if stdenv.isLinux then [ libvirt ] else null",
                "stdenv.lib.optional stdenv.isLinux libvirt",
            )
        },
        "pkgs.minikube.drvPath",
        ("derivation", "docker-machine-hyperkit"),
        "x86_64-darwin",
        (NATIVE, "aarch64-darwin"),
    ),
    Case(
        "a comment in a directory that a test is made from",
        {VIM_OLD + "overrides.nix": lambda text: text + "# The end.\n"},
        "pkgs.vimUtils.test_vim_with_vim_nix.drvPath",
        ("passthru", "vimUtils"),
    ),
    Case(
        "a function of a set, for one of its packages",
        {
            "pkgs/top-level/perl-packages.nix": to(
                "    buildPerlPackage ({\n      buildPhase = ''\n",
                '    buildPerlPackage ({\n      doCheck = (args.pname or "") != "Alien-Tidyp";\n      buildPhase = \'\'\n',
            )
        },
        "pkgs.perlPackages.AlienTidyp.drvPath",
        ("derivation", "perlPackages.AlienTidyp"),
    ),
    Case(
        "a tool that stdenv is made with",
        {"pkgs/build-support/nuke-references/builder.sh": lambda text: text + "# done\n"},
        "pkgs.stdenv.drvPath",
        ("unknown|derivation", "stdenv"),
    ),
)
