"""Changes of what others use in 26.11: overrides, passthru, names, whether it evaluates."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from tests.judge.real.case import (
    ADB,
    AFTERSHIP,
    AIODNS,
    ALIASES,
    ALL,
    COPY,
    PYTHON_ALIASES,
    QC,
    RIPGREP,
    UNIFI,
    VOMS,
    VORBIS,
    Case,
    both,
    by_name,
    sub,
    to,
    wrapped,
)

CASES: tuple[Case, ...] = (
    # Overrides.
    Case(
        "an argument gone",
        {RIPGREP: both(to("  withPCRE2 ? true,\n", ""), to("let\n", "let\n  withPCRE2 = true;\n"))},
        "pkgs.ripgrep.override.__functionArgs",
        ("arguments", "ripgrep"),
    ),
    Case(
        "an argument without effect",
        {RIPGREP: to("lib.optional withPCRE2", "lib.optional true")},
        "(pkgs.ripgrep.override { withPCRE2 = false; }).drvPath",
        ("override", "ripgrep"),
    ),
    Case(
        "a package taken from the set",
        {RIPGREP: both(to("{\n  lib,", "{\n  pkgs,\n  lib,"), to("withPCRE2 pcre2", "withPCRE2 pkgs.pcre2"))},
        '(pkgs.ripgrep.override (old: { pcre2 = old.pcre2.overrideAttrs { x = "1"; }; })).drvPath',
        ("override", "ripgrep"),
    ),
    Case(
        "a default gone",
        {
            "pkgs/tools/security/pass/default.nix": to("waylandSupport ? false", "waylandSupport"),
            ALL: to(
                "pass = callPackage ../tools/security/pass { };",
                "pass = callPackage ../tools/security/pass { waylandSupport = false; };",
            ),
        },
        "pkgs.pass.override.__functionArgs",
        ("arguments", "pass"),
    ),
    Case(
        "repo by pname",
        {QC: to('repo = "qc"', "repo = finalAttrs.pname")},
        '(pkgs.qc.overrideAttrs { pname = "x"; }).src.url',
        ("override", "qc"),
    ),
    Case(
        "a version that reaches no src",
        {QC: to('rev = "v${finalAttrs.version}"', 'rev = "v0.6.2"')},
        '(pkgs.qc.overrideAttrs { version = "x"; }).src.url',
        ("override", "qc"),
    ),
    Case(
        "overrideAttrs loses a name",
        {VOMS: lambda text: text.rstrip() + " // { extra = 1; }\n"},
        "pkgs.voms ? extra && !((pkgs.voms.overrideAttrs { }) ? extra)",
        ("override", "voms"),
    ),
    Case(
        "override gone",
        {QC: wrapped("removeAttrs (", ') [ "overrideAttrs" ]')},
        "pkgs.qc ? overrideAttrs",
        ("override|passthru", "qc"),
    ),
    Case(
        "overridePythonAttrs gone",
        {AFTERSHIP: wrapped('(x: removeAttrs x [ "overridePythonAttrs" ]) (', ")")},
        "pkgs.python3Packages.pyaftership ? overridePythonAttrs",
        ("override|passthru", "python3Packages.pyaftership"),
    ),
    Case(
        "overridePythonAttrs drops a layer",
        {AIODNS: wrapped("(x: x.overrideAttrs (_: { LAYER = 1; }) // { inherit (x) overridePythonAttrs; }) (", ")")},
        "(pkgs.python3Packages.aiodns.overridePythonAttrs { doCheck = false; }) ? LAYER == (pkgs.python3Packages.aiodns ? LAYER)",
        ("override|derivation", "python3Packages.aiodns"),
    ),
    Case(
        "dependencies under another name",
        {AFTERSHIP: to("propagatedBuildInputs = ", "dependencies = ")},
        "(pkgs.python3Packages.pyaftership.overridePythonAttrs (old: { passthru.was = old ? propagatedBuildInputs; })).was",
        ("override", "python3Packages.pyaftership"),
    ),
    Case(
        "a list becomes a text",
        {VORBIS: to('[ "CFLAGS=-std=gnu17" ]', '"CFLAGS=-std=gnu17"')},
        "builtins.typeOf pkgs.vorbis-tools.configureFlags",
        ("evaluation|passthru|override", "vorbis-tools"),
    ),
    Case(
        "a call without callPackage",
        {
            ALL: sub(
                r"^  pgbadger = perlPackages.callPackage ../tools/misc/pgbadger \{ *\};",
                "  pgbadger = import ../tools/misc/pgbadger (lib.getAttrs (lib.attrNames (lib.functionArgs (import ../tools/misc/pgbadger))) (pkgs // pkgs.perlPackages));",
            )
        },
        "pkgs.pgbadger ? override",
        ("override|passthru|arguments", "pgbadger"),
    ),
    # Passthru.
    Case(
        "updateScript gone",
        {by_name("gweather-locations"): sub(r"  passthru = \{.*?\n  \};\n", "")},
        "pkgs.gweather-locations ? updateScript",
        ("passthru", "gweather-locations"),
    ),
    Case(
        "a test that is none",
        {UNIFI: to("inherit (nixosTests) unifi", "inherit (nixosTests) unify")},
        "builtins.attrNames pkgs.unifi.tests",
        ("evaluation|passthru", "unifi"),
    ),
    Case(
        "a value of passthru",
        {UNIFI: to("jrePackage = jdk25_headless", "jrePackage = systemd")},
        "pkgs.unifi.jrePackage.drvPath",
        ("passthru", "unifi"),
    ),
    Case(
        "an extra gone",
        {ADB: to("    usb = [ libusb1 ];\n", "")},
        "pkgs.python3Packages.adb-shell.optional-dependencies",
        ("passthru|derivation", "python3Packages.adb-shell"),
    ),
    # Names.
    Case("an alias gone", {ALIASES: sub(r"^  banking = saldo;[^\n]*\n", "")}, "pkgs ? banking", ("alias", "banking")),
    Case(
        "a set not recursed into",
        {ALL: sub(r"coolercontrol = recurseIntoAttrs \((callPackage [^)]*)\);", r"coolercontrol = \1;")},
        "pkgs.coolercontrol.recurseForDerivations or false",
        ("passthru", "coolercontrol"),
    ),
    Case("a package gone", {QC: None}, "pkgs ? qc", ("removed", "qc")),
    Case("a new name", {QC: None, by_name("qd"): COPY}, "[ (pkgs ? qc) (pkgs ? qd) ]", ("removed", "qc")),
    Case("a new package", {by_name("qd"): COPY}, "pkgs ? qd", ("added", "qd")),
    Case(
        "another package under the name",
        {ALL: sub(r"^  ntfsprogs = pkgs.ntfs3g;", "  ntfsprogs = pkgs.qc;")},
        "pkgs.ntfsprogs.drvPath",
        ("derivation", "ntfsprogs"),
    ),
    Case(
        "an alias of the Python set gone",
        {PYTHON_ALIASES: sub(r"^  hijri-converter = [^\n]*\n", "")},
        "pkgs.python3Packages ? hijri-converter",
        ("alias|removed", "python3Packages.hijri-converter"),
    ),
    # Evaluation.
    Case(
        "a name that is none, below a with",
        {UNIFI: to("jrePackage = jdk25_headless;", "jrePackage = with lib; jdk99;")},
        "pkgs.unifi.jrePackage.drvPath",
        ("evaluation|passthru", "unifi"),
    ),
    Case(
        "a loop",
        {VOMS: to('version = "2.1.3"', "version = finalAttrs.version")},
        "pkgs.voms.drvPath",
        ("evaluation", "voms"),
    ),
    Case(
        "import from derivation",
        {QC: to('homepage = "https://github.com/qownnotes/qc"', "homepage = builtins.readFile finalAttrs.src.outPath")},
        "pkgs.qc.meta.homepage",
        ("meta|evaluation", "qc"),
    ),
    # What reaches all.
    Case(
        "a function of the library",
        {"lib/strings.nix": to("  concatMapStringsSep =", "  concatMapStringsSepX = 1;\n  concatMapStringsSep =")},
        "pkgs.lib.strings ? concatMapStringsSepX",
        ("unknown", ""),
    ),
    Case(
        "stdenv",
        {"pkgs/stdenv/generic/setup.sh": lambda text: text + "\ntrue\n"},
        "pkgs.hello.drvPath",
        ("unknown|derivation", "hello"),
    ),
    Case(
        "a maintainer's address",
        {"maintainers/maintainer-list.nix": sub(r"(\n  veprbl = \{.*?email = \")", r"\1x")},
        "pkgs.voms.meta.maintainers",
        ("unknown|meta", "voms"),
    ),
    Case(
        "a fetcher",
        {"pkgs/build-support/fetchgit/builder.sh": lambda text: text + "\ntrue\n"},
        "pkgs.volume_key.src.drvPath",
        ("unknown|fixed-output", "volume_key"),
    ),
    Case(
        "a Python that is not for it any more, and readers of the package",
        {
            "pkgs/development/python-modules/boilerpy3/default.nix": both(
                to("  fetchFromGitHub,\n}:", "  fetchFromGitHub,\n  pythonAtLeast,\n}:"),
                to('  format = "setuptools";\n', '  format = "setuptools";\n\n  disabled = pythonAtLeast "3.14";\n'),
            )
        },
        "pkgs.python314Packages.haystack-ai.drvPath",
        ("evaluation", "python314Packages.haystack-ai"),
    ),
)
