"""Which other versions of a package set are asked about, and in which order."""

from toolkit.judge import versions
from toolkit.judge.mapping import AttrPath


def test_releases_come_before_variants_and_two_names_of_one_count_once() -> None:
    names: dict[AttrPath, set[str]] = {
        (): {
            "linuxPackages",
            "linuxPackages_6_6",
            "linuxPackages_zen",
            "linuxPackages_6_6_hardened",
            "linuxPackages_rt_6_x2",
            "hello",
        },
        ("linuxKernel", "packages"): {"linux_6_12", "linux_6_1_hardened", "linux_6_6"},
    }
    assert versions.others(names, ("linuxPackages",)) == [
        ("linuxKernel", "packages", "linux_6_12"),
        ("linuxKernel", "packages", "linux_6_6"),
        ("linuxKernel", "packages", "linux_6_1_hardened"),
        ("linuxPackages_6_6_hardened",),
        ("linuxPackages_zen",),
        ("linuxPackages_rt_6_x2",),
    ]
    servers: dict[AttrPath, set[str]] = {
        (): {
            "postgresqlPackages",
            "postgresql_15",
            "postgresql_16",
            "postgresql16Packages",
        }
    }
    found = versions.others(servers, ("postgresqlPackages",))
    assert {
        ("postgresql_15", "pkgs"),
        ("postgresql_16", "pkgs"),
        ("postgresql16Packages",),
    } <= {*found}


def test_other_implementations_of_a_language_have_its_sets() -> None:
    names: dict[AttrPath, set[str]] = {
        (): {
            "python3Packages",
            "pypy3Packages",
            "pypy310Packages",
            "luaPackages",
            "luajitPackages",
            "hello",
        }
    }
    assert versions.others(names, ("python3Packages", "numpy")) == []
    assert {*versions.others(names, ("python3Packages",))} == {
        ("pypy3Packages",),
        ("pypy310Packages",),
    }
    assert versions.others(names, ("luaPackages",)) == [("luajitPackages",)]
