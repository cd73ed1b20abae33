"""Bash is the judge of what scripts do to PATH.

What ELF files do is told by the command that they hold.
"""

import re
import shutil
import subprocess

import pytest

from tests import cases
from toolkit.errors import ToolkitError
from toolkit.nix.wrappers import CALLER, PathOrder, Wrapper, read

SCRIPTS = cases.read(__file__, dict[str, str])
BASH = shutil.which("bash") or "bash"
CALLERS = (
    "/usr/bin",
    "/b/bin:/usr/bin",
    "/z/bin",
    "/usr/bin:/a/bin:/b/bin:/z/bin:/a/bin",
    CALLER,
)


def script(text: str) -> Wrapper:
    wrapper = read(f"#! /bin/bash -e\n{text}".encode(), name="wrapper")
    assert wrapper is not None
    return wrapper


class TestScripts:
    @pytest.mark.parametrize("year", SCRIPTS)
    def test_path_is_what_bash_makes_of_it(self, year: str) -> None:
        wrapper = script(SCRIPTS[year])
        assert wrapper.program == "/x/program"
        assert wrapper.order == PathOrder(
            prefix=("/a/bin", "/b/bin"), suffix=("/z/bin",)
        )
        text = re.sub(r"(?m)^exec .*", 'printf %s "$PATH"', SCRIPTS[year])
        for caller in CALLERS:
            done = subprocess.run(
                [BASH, "-c", text],
                env={"PATH": caller},
                capture_output=True,
                text=True,
                check=True,
            )
            assert wrapper.environment({"PATH": caller})["PATH"] == done.stdout

    def test_other_variables_are_set_kept_and_taken_away(self) -> None:
        text = """\
export A='x y'
export B=${B-'default'}
export C=${C-'default'}
unset D
cd '/somewhere'
exec "/x/program" --flag  "$@"
"""
        assert script(text).environment({"B": "mine", "D": "gone"}) == {
            "A": "x y",
            "B": "mine",
            "C": "default",
        }

    def test_line_that_does_more_to_path_is_named(self) -> None:
        with pytest.raises(
            ToolkitError,
            match=r"wrapper:2: unlet cannot tell what this line does: 'PATH=\$\(getconf "
            r"PATH\)'",
        ):
            script('PATH=$(getconf PATH)\nexec "/x/program" "$@"\n')

    def test_wrapper_that_drops_the_callers_path_has_no_order(self) -> None:
        with pytest.raises(ToolkitError, match="occurs 0 times"):
            _ = script('export PATH=\'/a\'\nexec "/x/program" "$@"\n').order

    @pytest.mark.parametrize(
        "text",
        [
            '#!/bin/sh\nexec $rootlesskit --net=$net "$0" "$@"\n',
            "#!/bin/sh\nif true; then\n\texec /x/program\nfi\n",
            "",
            "text",
            "\x7fELF no command",
        ],
    )
    def test_other_file_is_no_wrapper(self, text: str) -> None:
        assert read(text.encode(), name="file") is None


class TestBinaries:
    @pytest.mark.parametrize("program", ["/x/program", "'/x/program'"])
    def test_command_that_it_was_made_with_is_read(self, program: str) -> None:
        command = (
            f"makeCWrapper {program} \\\n    --inherit-argv0 \\\n    --prefix 'PATH' "
            "':' '/a:/b' \\\n"
            "    --set 'A' '--prefix' \\\n    --set-default 'B' 'it'\\''s' \\\n    "
            "--unset 'D' \\\n"
            "    --suffix 'PATH' ':' '/z' \\\n    --prefix 'PATH' ':' '/c'\n\n\n# (…)\n"
        )
        wrapper = read(b"\x7fELF\0\0" + command.encode() + b"\0", name="wrapper")
        assert wrapper is not None
        assert wrapper.program == "/x/program"
        assert wrapper.order == PathOrder(prefix=("/c", "/a", "/b"), suffix=("/z",))
        assert wrapper.environment({"PATH": "/a", "D": ""}) == {
            "PATH": "/c:/a:/b:/a:/z",
            "A": "--prefix",
            "B": "it's",
        }

    @pytest.mark.parametrize(
        "command", ["makeCWrapper 'open", "makeCWrapper '/x' --prefix 'PATH'"]
    )
    def test_cut_off_command_is_named(self, command: str) -> None:
        with pytest.raises(
            ToolkitError,
            match="wrapper: unlet cannot read the command that created this wrapper",
        ):
            read(b"\x7fELF\0" + command.encode() + b"\0", name="wrapper")
