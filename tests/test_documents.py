"""What several threads read at once, in a process of its own, since one that goes wrong ends it."""

import subprocess
import sys

READING = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from msgspec import defstruct

from toolkit import documents

sys.setswitchinterval(1e-6)
fields = [f"f{number}" for number in range(8)]
content = "{" + ",".join(f'"{name}":{{"x":[{{"a":1,"b":[2]}}]}}' for name in fields) + "}"
with ThreadPoolExecutor(4) as threads:
    for number in range(600):
        inner = defstruct(f"Inner{number}", [("a", int), ("b", list[int])])
        outer = defstruct(f"Outer{number}", [(name, dict[str, list[inner]]) for name in fields])
        barrier = Barrier(4)

        def read(_):
            barrier.wait()
            return documents.read(content, outer, document="it").f7["x"][0].a

        print(*threads.map(read, range(4)))
"""


def test_threads_may_read_a_kind_for_the_first_time_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READING], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, {*done.stdout.splitlines()}) == (
        0,
        "",
        {"1 1 1 1"},
    )
