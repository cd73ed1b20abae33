from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from toolkit import limits, process
from toolkit.errors import CommandError
from toolkit.nix import evaluator, program

HOG = "builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000) 1"


def test_available_memory_is_what_the_kernel_says() -> None:
    said = limits.available()
    assert said is not None
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    assert 0 < said <= total


@pytest.mark.parametrize(("most", "jobs"), [(1, 1), (limits.EVALUATION_MIB, 1), (1 << 30, os.cpu_count())])
def test_evaluations_fit_into_the_memory_one_at_least(most: int, jobs: int) -> None:
    assert limits.jobs(most) == jobs


def test_bounded_evaluation_ends_with_a_message_of_its_own(tmp_path: Path) -> None:
    expression = tmp_path / "hog.nix"
    expression.write_text(HOG)
    command = limits.bounded(evaluator.evaluate_command(expression, {}), 64)
    with pytest.raises(CommandError) as caught:
        process.run(command.argv, env=command.env)
    assert program.reason(caught.value) == "out of memory"


def test_command_to_paste_has_the_bound(tmp_path: Path) -> None:
    expression = tmp_path / "small.nix"
    expression.write_text("1 + 1")
    command = limits.bounded(evaluator.evaluate_command(expression, {}), 64)
    assert "GC_MAXIMUM_HEAP_SIZE=67108864 " in command.line
    done = subprocess.run(["sh", "-c", command.line], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "2"


def test_no_bound_changes_nothing() -> None:
    command = evaluator.evaluate_command(Path("x.nix"), {})
    assert limits.bounded(command, None) is command
