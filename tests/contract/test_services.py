# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new service is one record in _core/services.py, its own package and its role: who else names a service is listed here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from ansible_collections.evenkeel.lb.plugins.module_utils._core.services import NAMES, SERVICES

from tools.docs import ROOT

RECORD = "plugins/module_utils/_core/services.py"
# Files outside a service's own package, role and shells that name it, and why they may.
MAY: dict[str, set[str]] = {
    # The cluster is keepalived's: its variables are planned, its state decides the order of a rollout and what status says.
    "plugins/module_utils/_cluster/*.py": {"keepalived"},
    "plugins/plugin_utils/specification.py": {"keepalived"},
    "plugins/module_utils/_rollout/*.py": {"keepalived"},
    "plugins/module_utils/_report/status.py": {"keepalived", "haproxy"},
    "plugins/modules/drain.py": {"keepalived"},
    # The one look at a node brings what keepalived says, and what these two roles ask of a host beside their packages.
    "plugins/modules/node_info.py": {"keepalived", "traefik", "wireguard"},
    "plugins/modules/vrrp_info.py": {"keepalived"},
    "playbooks/tasks/*able.yml": {"keepalived"},
    "playbooks/tasks/roll_back.yml": {"keepalived"},
    # An answer of a service's own: its backends and tunnels in status, its keys and servers, how its clients are told to close.
    "playbooks/status.yml": {"haproxy", "wireguard"},
    "plugins/filter/status.py": {"haproxy", "wireguard"},
    "playbooks/member.yml": {"wireguard"},
    "playbooks/tasks/begin.yml": {"wireguard"},
    "playbooks/tasks/*server.yml": {"haproxy"},
    "plugins/filter/servers.py": {"haproxy"},
    "plugins/modules/close_kept.py": {"haproxy", "nginx"},
    "roles/keepalived/tasks/absent.yml": {"nginx"},
    # Old versions of it cut kept connections at a reload, so that its VIPs are moved away first.
    "playbooks/vars/engine.yml": {"nginx"},
    "plugins/module_utils/_rollout/decide.py": {"nginx"},
    # A remedy that names who can do what this one cannot, or an example.
    "plugins/module_utils/_commit/model.py": {"haproxy"},
    "plugins/module_utils/_nginx/rules.py": {"keepalived"},
    "plugins/module_utils/_proxy/backends.py": {"haproxy", "nginx"},
    "plugins/module_utils/_traefik/services.py": {"haproxy", "keepalived", "nginx"},
    # Its peers' addresses are those that VRRP uses; what a proxy asks through a tunnel has to be somebody's there.
    "plugins/module_utils/_haproxy/model.py": {"keepalived"},
    "plugins/module_utils/_wireguard/*.py": {"haproxy", "keepalived"},
}
NAMED = re.compile(rf"(?<![a-z])({'|'.join(NAMES)})(?![a-z])", re.IGNORECASE)
PROSE = {"DOCUMENTATION", "EXAMPLES", "RETURN"}


def code() -> list[Path]:
    """Everything that runs: plugins, playbooks, and of roles all but their documentation."""
    found = [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/*/*")]
    return sorted(path for path in found if path.is_file() and path.parent.name != "meta")


def own(path: Path) -> set[str]:
    """The services whose file it is: their package, their role, or a shell that begins with their name."""
    parts = path.relative_to(ROOT).parts
    role = parts[1] if parts[0] == "roles" else ""
    return {
        one.name
        for one in SERVICES
        if one.room in parts or one.name == role or (parts[0] == "plugins" and path.stem.startswith(f"{one.name}_"))
    }


def words(path: Path) -> Iterator[str]:
    """What a file is made of, without comments and documentation."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _python(ast.parse(text))
    elif path.suffix == ".yml":
        yield from _values(yaml.safe_load(text))
    else:
        yield from (line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _python(tree: ast.Module) -> Iterator[str]:
    prose = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            prose.add(body[0].value)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in PROSE:
            prose.add(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module} {' '.join(alias.name for alias in node.names)}"
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name


def _values(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        # A name is what people read while it runs.
        for key, inner in value.items():
            if key != "name" or not isinstance(inner, str) or " " not in inner:
                yield str(key)
                yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    else:
        yield str(value)


def named(path: Path) -> set[str]:
    found = {name.lower() for text in words(path) for name in NAMED.findall(text)}
    return found - own(path)


def test_who_names_a_service_outside_its_own_package_and_role() -> None:
    """Another file that has to be touched for a new service is a cost for every service to come: rather extend the record."""
    strangers, used = {}, set()
    for path in code():
        name = path.relative_to(ROOT).as_posix()
        allowed = {
            (pattern, one) for pattern, services in MAY.items() if fnmatchcase(name, pattern) for one in services
        }
        found = named(path) if name != RECORD else set()
        used |= {(pattern, one) for pattern, one in allowed if one in found}
        if found - {one for _pattern, one in allowed}:
            strangers[name] = sorted(found - {one for _pattern, one in allowed})
    assert strangers == {}
    stale = {(pattern, one) for pattern, services in MAY.items() for one in services} - used
    assert stale == set(), "these no longer name it"


def test_a_file_that_names_a_service_is_found(tmp_path: Path) -> None:
    python, tasks = tmp_path / "a.py", tmp_path / "a.yml"
    python.write_text(
        '"""About haproxy."""\nDOCUMENTATION = "nginx"\n# traefik\nTHERE = ["wireguard_state"]\n', encoding="utf-8"
    )
    tasks.write_text("# haproxy\n- name: Look at nginx\n  when: \"'traefik' in there\"\n", encoding="utf-8")
    assert set(NAMED.findall(" ".join(words(python)))) == {"wireguard"}
    assert set(NAMED.findall(" ".join(words(tasks)))) == {"traefik"}


def test_documented_choices_are_the_services() -> None:
    text = (ROOT / "plugins" / "modules" / "role_model.py").read_text(encoding="utf-8")
    assert f"choices: [{', '.join(sorted(NAMES))}]" in text
