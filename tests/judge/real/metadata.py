"""Changes of meta and of its position in 26.11."""

# What a lambda in a union takes is not inferred.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from tests.judge.real.case import (
    ADNS,
    CTAGS,
    GPERF,
    PERL,
    VIM,
    VOMS,
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
        "a licence that is none",
        {VOMS: to("lib.licenses.asl20;", "lib.licenses.asl2000;")},
        "pkgs.voms.meta.license",
        ("meta|evaluation", "voms"),
    ),
    Case(
        "broken",
        {VOMS: to("    platforms =", "    broken = true;\n    platforms =")},
        "pkgs.voms.meta.broken",
        ("evaluation", "voms"),
    ),
    Case(
        "fewer platforms",
        {CTAGS: to("lib.platforms.all", "lib.platforms.darwin")},
        "pkgs.universal-ctags.meta.platforms",
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
        "one of two tests",
        {
            "pkgs/by-name/pl/plutosvg/package.nix": sub(r"    cmake-config = .*?\n    };\n(?=  };)", ""),
        },
        "builtins.attrNames pkgs.plutosvg.tests",
        ("passthru", "plutosvg"),
    ),
)
