# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a program on a node needs, from what it imports."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._core.travel import closure

TREE = {
    "_web/node/ctl.py": "import os\nfrom ..conf import parse\nfrom . import live\nfrom .files import Files as F, number\n",
    "_web/node/live.py": "from __future__ import annotations\n",
    "_web/node/files.py": "def late():\n    try:\n        from ..._node.files import write\n    except OSError:\n        pass\n",
    "_web/conf.py": "from .._core import findings\n",
    "_core/findings.py": "",
    "_node/files.py": "from .._core.findings import Finding\n",
    "_web/rules.py": "from .conf import parse\n",
}


def test_it_takes_along_what_is_imported_at_any_depth_and_nothing_else() -> None:
    assert closure("_web/node/ctl.py", TREE.get) == [
        "_core/findings.py",
        "_node/files.py",
        "_web/conf.py",
        "_web/node/ctl.py",
        "_web/node/files.py",
        "_web/node/live.py",
    ]


def test_each_file_is_read_once() -> None:
    read: list[str] = []

    def reader(path: str) -> str | None:
        read.append(path)
        return TREE.get(path)

    closure("_web/node/ctl.py", reader)
    assert len(read) == len(set(read))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "a/ctl.py: there is no such file"),
        ({"a/ctl.py": "from .gone import x\n"}, "a/ctl.py imports a/gone/x.py, which is no file of ours"),
        ({"a/ctl.py": "from . import gone\n"}, "a/ctl.py imports a/gone.py, which is no file of ours"),
        ({"a/ctl.py": "\nfrom ... import out\n"}, "a/ctl.py, line 2: the import leads out of module_utils"),
    ],
)
def test_an_import_that_leads_nowhere_is_an_error(files: dict[str, str], says: str) -> None:
    with pytest.raises(ImportError) as error:
        closure("a/ctl.py", files.get)
    assert str(error.value) == says
