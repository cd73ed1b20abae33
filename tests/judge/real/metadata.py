"""Changes of meta and of its position in 26.11."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from tests.judge.real.case import (
    ACPI,
    ADNS,
    BAT,
    CTAGS,
    GPERF,
    IP4R,
    OBS,
    PERL,
    QC,
    VIM,
    VOMS,
    XSTOW,
    Case,
    both,
    by_name,
    sub,
    to,
)

CASES: tuple[Case, ...] = (
    Case(
        "changelog with lib.version",
        {
            by_name("qc"): to(
                "    mainProgram", '    changelog = "https://example.org/v${lib.version}";\n    mainProgram'
            )
        },
        "pkgs.qc.meta",
        ("meta", "qc"),
    ),
    Case(
        "platforms gone",
        {VOMS: to("    platforms = lib.platforms.unix;\n", "")},
        "pkgs.voms.meta.platforms or null",
        ("meta", "voms"),
    ),
    Case(
        "maintainers gone",
        {XSTOW: sub(r"    maintainers = [^\n]*\n", "")},
        "pkgs.xstow.meta.maintainers or null",
        ("meta", "xstow"),
    ),
    Case(
        "teams gone",
        {by_name("gweather-locations"): to("    teams = [ lib.teams.gnome ];\n", "")},
        "pkgs.gweather-locations.meta.teams or null",
        ("meta", "gweather-locations"),
    ),
    Case(
        "a licence that is none",
        {VOMS: to("lib.licenses.asl20;", "lib.licenses.asl2000;")},
        "pkgs.voms.meta.license",
        ("meta|evaluation", "voms"),
    ),
    Case(
        "broken",
        {VOMS: to("    platforms =", "    broken = true;\n    platforms =")},
        "pkgs.voms.meta.broken",
        ("meta", "voms"),
    ),
    Case(
        "a vulnerability",
        {QC: to("    license =", '    knownVulnerabilities = [ "x" ];\n    license =')},
        "pkgs.qc.meta.knownVulnerabilities or null",
        ("meta", "qc"),
    ),
    Case(
        "unfree becomes free",
        {by_name("volanta"): to("lib.licenses.unfree", "lib.licenses.mit")},
        "pkgs.volanta.meta.license",
        ("meta", "volanta"),
    ),
    Case(
        "fewer platforms",
        {CTAGS: to("lib.platforms.all", "lib.platforms.darwin")},
        "pkgs.universal-ctags.meta.platforms",
        ("meta", "universal-ctags"),
    ),
    Case(
        "a priority gone",
        {CTAGS: sub(r"    priority = 1;[^\n]*\n", "")},
        "pkgs.universal-ctags.meta.priority or null",
        ("meta", "universal-ctags"),
    ),
    Case(
        "a licence in the Perl set",
        {
            PERL: sub(
                r'(pname = "Algorithm-C3";.*?)license = with lib.licenses; \[\n *artistic1\n *gpl1Plus\n *\];',
                r"\1license = lib.licenses.artistic1;",
            )
        },
        "pkgs.perlPackages.AlgorithmC3.meta.license",
        ("meta", "perlPackages.AlgorithmC3"),
    ),
    Case(
        "a licence of a kernel module",
        {ACPI: sub(r"    license = [^\n]*\n", "")},
        "pkgs.linuxPackages.acpi_call.meta.license or null",
        ("meta", "linuxPackages.acpi_call"),
    ),
    Case(
        "a licence of a Vim plugin",
        {
            VIM + "generated.nix": sub(
                r'(pname = "ChatGPT.nvim".*?)meta.license = getLicenseFromSpdxId "Apache-2.0";',
                r"\1meta.license = unfree;",
            )
        },
        "pkgs.vimPlugins.ChatGPT-nvim.meta",
        ("meta", "vimPlugins.ChatGPT-nvim"),
    ),
    Case(
        "position lost",
        {
            VOMS: both(
                to("meta = {", "meta = builtins.fromJSON (builtins.toJSON {"),
                lambda text: text.replace("    ];\n  };\n})", "    ];\n  });\n})"),
            )
        },
        "pkgs.voms.meta.position or null",
        ("position", "voms"),
    ),
    Case(
        "a maintainer gone",
        {BAT: to("      zowoq\n", "")},
        "map (each: each.github) pkgs.bat.meta.maintainers",
        ("meta", "bat"),
    ),
    Case(
        "mainProgram gone",
        {BAT: to('    mainProgram = "bat";\n', "")},
        "pkgs.bat.meta.mainProgram or null",
        ("meta", "bat"),
    ),
    Case(
        "platforms that are bad",
        {ADNS: sub(r"    platforms = ([^;]*);", r"    platforms = \1;\n    badPlatforms = lib.platforms.linux;")},
        "pkgs.adns.meta.badPlatforms or null",
        ("meta", "adns"),
    ),
    Case(
        "the meta of another",
        {
            GPERF: both(
                to("  fetchurl,\n}", "  fetchurl,\n  figlet,\n}"),
                sub(r"  meta = \{.*?\n  \};\n", "  meta = figlet.meta;\n"),
            )
        },
        "pkgs.gperf.meta",
        ("meta|position", "gperf"),
    ),
    Case(
        "a licence of a plugin",
        {OBS: to("lib.licenses.gpl2Plus", "lib.licenses.mit")},
        "pkgs.obs-studio-plugins.obs-3d-effect.meta.license",
        ("meta", "obs-studio-plugins.obs-3d-effect"),
    ),
    Case(
        "a licence of an extension",
        {IP4R: sub(r"    license = [^\n]*\n", "")},
        "pkgs.postgresqlPackages.ip4r.meta.license or null",
        ("meta", "postgresqlPackages.ip4r"),
    ),
    Case(
        "one of two tests",
        {
            "pkgs/by-name/pl/plutosvg/package.nix": sub(r"    cmake-config = .*?\n    };\n(?=  };)", ""),
        },
        "builtins.attrNames pkgs.plutosvg.tests",
        ("passthru", "plutosvg"),
    ),
)
