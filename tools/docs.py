# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the generated blocks of every README and of docs/rules.md (`make docs`).

Options are documented once, in roles/*/meta/argument_specs.yml, and rules where they are checked; the inventory that
people copy lives in inventories/lab. A block stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; what is around it is prose
and left alone. tests/contract/test_readme.py fails while a block is out of step.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "docs" / "rules.md"
MARKUP = re.compile(r"\b([BCEFILMOPRUV]|RV)\(((?:[^()\\]|\\.|\([^()]*\))*)\)")


def blocks(readme: Path) -> dict[str, str]:
    """The blocks that this README may have, by name."""
    if readme == RULES:
        return {"rules": rules_block()}
    if readme.parent == ROOT:
        return {"inventory": inventory_block(), "roles": roles_block(), "plugins": plugins_block()}
    return {"options": options_block(readme.parent)}


def render(readme: Path) -> str:
    """The README's text with its blocks as they should be."""
    text = readme.read_text(encoding="utf-8") if readme.exists() else new_role_readme(readme.parent)
    for name, body in blocks(readme).items():
        begin, end = f"<!-- begin {name} (make docs) -->", f"<!-- end {name} -->"
        if begin not in text or end not in text:
            text = f"{text.rstrip()}\n\n{begin}\n{end}\n"
        head, rest = text.split(begin, 1)
        tail = rest.split(end, 1)[1]
        text = f"{head}{begin}\n\n{body.strip()}\n\n{end}{tail}"
    return text


def readmes() -> list[Path]:
    """The pages with generated blocks."""
    return [ROOT / "README.md", RULES, *(role / "README.md" for role in roles())]


def roles() -> list[Path]:
    """The roles that have an interface."""
    return sorted(spec.parent.parent for spec in ROOT.glob("roles/*/meta/argument_specs.yml"))


def specification(role: Path) -> dict[str, Any]:
    """The main entry point of a role's argument_specs."""
    text = (role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["argument_specs"]["main"])


def new_role_readme(role: Path) -> str:
    """How a role's README starts where nobody wrote one."""
    spec = specification(role)
    about = prose(spec.get("description", spec["short_description"]), sep="\n\n")
    return f"# Role `evenkeel.lb.{role.name}`\n\n{about}\n"


def prose(text: str | list[str], sep: str = " ") -> str:
    """Ansible's markup as Markdown."""
    joined = sep.join(text) if isinstance(text, list) else str(text)

    def markdown(match: re.Match[str]) -> str:
        kind, inner = match.groups()
        if kind == "L":
            label, _, target = inner.rpartition(",")
            return f"[{label.strip()}]({target.strip()})"
        inner = inner.replace("\\", "")
        return {"B": f"**{inner}**", "I": f"*{inner}*", "U": inner, "R": inner.split(",")[0]}.get(kind, f"`{inner}`")

    return MARKUP.sub(markdown, joined.strip())


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")


def value(default: Any) -> str:
    """A default as one reads it: strings bare, the rest as JSON."""
    return f"`{default}`" if isinstance(default, str) and default else f"`{json.dumps(default, ensure_ascii=False)}`"


def kind(option: Mapping[str, Any]) -> str:
    """The type, with that of the elements and the choices."""
    name = str(option.get("type", "str"))
    if option.get("elements"):
        name = f"{name} of {option['elements']}"
    if option.get("choices"):
        name = " or ".join(f"`{choice}`" for choice in option["choices"])
    return name


def tables(title: str, options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A table of options, then one for each that has options of its own."""
    if title:
        yield f"### `{title}`\n"
    yield "| name | type | default | what it is |\n|---|---|---|---|"
    for name, option in options.items():
        default = "required" if option.get("required") else value(option["default"]) if "default" in option else ""
        yield f"| `{name}` | {cell(kind(option))} | {cell(default)} | {cell(prose(option.get('description', '')))} |"
    yield ""
    for name, option in options.items():
        if option.get("options"):
            suffix = "[]" if option.get("type") == "list" else ""
            prefix = f"{title}." if title else ""
            yield from tables(f"{prefix}{name}{suffix}", option["options"])


def options_block(role: Path) -> str:
    """Every option of a role."""
    return "## Options\n\n" + "\n".join(tables("", specification(role)["options"]))


def inventory_block() -> str:
    """The files of inventories/lab as they are, but for the one that says how to log in to the lab's hosts."""
    base = ROOT / "inventories" / "lab"
    variables = sorted((base / "group_vars" / "balancers").glob("*.yml"))
    parts = []
    for path in (base / "hosts.yml", *variables):
        text = path.read_text(encoding="utf-8").removeprefix("---\n").strip()
        parts.append(f"# {path.relative_to(ROOT)}\n{text}")
    return "```yaml\n" + "\n\n".join(parts) + "\n```"


def roles_block() -> str:
    """One line per role."""
    rows = []
    for role in roles():
        summary = cell(prose(specification(role)["short_description"]))
        rows.append(f"| [`evenkeel.lb.{role.name}`](roles/{role.name}/README.md) | {summary} |")
    return "\n".join(["| role | what it does |", "|---|---|", *rows])


def plugins_block() -> str:
    """One line per module, filter and lookup."""
    rows = []
    for folder, what in (("modules", "module"), ("filter", "filter"), ("lookup", "lookup")):
        for path in sorted((ROOT / "plugins" / folder).glob("*.py")):
            documentation = plugin_documentation(path)
            if documentation:
                summary = cell(prose(documentation["short_description"]))
                rows.append(f"| `evenkeel.lb.{path.stem}` | {what} | {summary} |")
    return "\n".join(["| name | kind | what it does |", "|---|---|---|", *rows])


def rules_block() -> str:
    """The register of rules."""
    # The register is filled by importing the rooms, from wherever this runs.
    sys.path.insert(0, str(ROOT / ".ansible" / "collections"))
    from ansible_collections.evenkeel.lb.plugins.module_utils._core.register import rooms
    from ansible_collections.evenkeel.lb.plugins.module_utils._plan.rules import known

    rows = [
        f"| {rule.id} | {rule.severity[0].upper()} | {cell(rule.title)} | {', '.join(rooms(rule))} |"
        for rule in known().values()
    ]
    return "\n".join(["| rule | | what it demands | checked by |", "|---|---|---|---|", *rows])


def plugin_documentation(path: Path) -> dict[str, Any] | None:
    """A plugin's DOCUMENTATION, without importing the plugin."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            getattr(target, "id", "") == "DOCUMENTATION" for target in node.targets
        ):
            return dict(yaml.safe_load(ast.literal_eval(node.value)))
    return None


def main() -> None:
    """Bring every README into step."""
    for readme in readmes():
        text = render(readme)
        if not readme.exists() or readme.read_text(encoding="utf-8") != text:
            readme.write_text(text, encoding="utf-8")
            print(f"written: {readme.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
