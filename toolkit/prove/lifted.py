"""Ask a whole tree about lifted packages: whether their derivations are the same, and what an override of each reaches.

Many packages are asked about in one evaluation. An error that Nix cannot catch ends it; the package that it came from is
then left out, and the others are asked again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import nix, process
from toolkit.errors import CommandError
from toolkit.record import Record
from toolkit.shipped import expression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
