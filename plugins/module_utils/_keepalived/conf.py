# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived.conf, read and written: the syntax, what a configuration says, what is refused, what a template prints.

Pure, and on the nodes too with the tool of `node/`, so standard library only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

DEFAULT_PRIORITY = 100
OWNER_PRIORITY = 255
FAULT_VALUE = -254
CHECK_HTTP = "/usr/local/lib/evenkeel/check_http"

# What keepalived itself expands before it keeps its copy of the configuration.
EXPANDED = re.compile(r"^\s*(\$|@|~|include)", re.MULTILINE)
BARE_WORD = re.compile(r"[^\s\"'#!{}\\]+\Z")


class ConfError(ValueError):
    """The text is not a keepalived.conf; says on which line."""


@dataclass(frozen=True)
class Directive:
    """One line and, where it ends in a brace, the lines inside. Where it stood does not matter when comparing."""

    words: tuple[str, ...]
    body: tuple[Directive, ...] | None = None
    line: int = field(default=0, compare=False)

    @property
    def keyword(self) -> str:
        return self.words[0]

    @property
    def value(self) -> str:
        return self.words[1] if len(self.words) > 1 else ""

    def all(self, keyword: str) -> list[Directive]:
        return [inner for inner in self.body or () if inner.keyword == keyword]

    def first(self, keyword: str) -> Directive | None:
        found = self.all(keyword)
        return found[0] if found else None

    def get(self, keyword: str, default: str = "") -> str:
        found = self.first(keyword)
        return found.value if found else default

    def has(self, keyword: str) -> bool:
        return self.first(keyword) is not None

    def lines(self, keyword: str) -> list[tuple[str, ...]]:
        """The lines of a block inside, one tuple of words each."""
        return [inner.words for block in self.all(keyword) for inner in block.body or ()]


# ---------------------------------------------------------------------------------------------------------- syntax


def parse(text: str) -> tuple[Directive, ...]:
    """Read a configuration. Comments and blanks are dropped, quotes taken off, blocks nested."""
    root: list[Directive] = []
    open_blocks: list[tuple[tuple[str, ...], list[Directive], int]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words: list[str] = []
        for word, quoted in _words(line, number):
            if quoted or word not in "{}":
                words.append(word)
                continue
            if word == "{":
                if not words:
                    siblings = open_blocks[-1][1] if open_blocks else root
                    if not siblings or siblings[-1].body is not None:
                        raise ConfError(f"line {number}: a block needs a name before its brace.")
                    words = list(siblings.pop().words)
                open_blocks.append((tuple(words), [], number))
            else:
                if words:
                    (open_blocks[-1][1] if open_blocks else root).append(Directive(tuple(words), None, number))
                if not open_blocks:
                    raise ConfError(f"line {number}: a closing brace without an open block.")
                head, body, opened = open_blocks.pop()
                (open_blocks[-1][1] if open_blocks else root).append(Directive(head, tuple(body), opened))
            words = []
        if words:
            (open_blocks[-1][1] if open_blocks else root).append(Directive(tuple(words), None, number))
    if open_blocks:
        head, _body, opened = open_blocks[-1]
        raise ConfError(f"line {opened}: the block '{' '.join(head)}' is never closed.")
    return tuple(root)


def _words(line: str, number: int) -> Iterator[tuple[str, bool]]:
    """The words of a line with whether they were quoted; quotes may hold blanks, braces and comment signs."""
    word, quoted, quote, escaped = "", False, "", False
    for char in line:
        if escaped:
            word, escaped = word + char, False
        elif char == "\\":
            escaped = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in "\"'":
            quote, quoted = char, True
        elif char in "#!" or char.isspace() or (char in "{}"):
            if word or quoted:
                yield word, quoted
            word, quoted = "", False
            if char in "#!":
                return
            if char in "{}":
                yield char, False
        else:
            word += char
    if quote:
        raise ConfError(f"line {number}: the quote {quote} is never closed.")
    if word or quoted:
        yield word, quoted


def quote(word: Any) -> str:
    """A word as it may stand in a line; quoted only where it must be."""
    text = str(word)
    if BARE_WORD.match(text):
        return text
    escaped = re.sub(r'([\\"])', r"\\\1", text)
    return f'"{escaped}"'


def render(directives: Iterable[Directive], depth: int = 0) -> str:
    """The text of a configuration; `parse` reads it back."""
    indent = "    " * depth
    lines = []
    for directive in directives:
        head = indent + " ".join(quote(word) for word in directive.words)
        if directive.body is None:
            lines.append(head)
        else:
            lines += [head + " {", render(directive.body, depth + 1), indent + "}"]
    return "\n".join(line for line in lines if line)


def in_force(running: str, file: str) -> bool | None:
    """Whether the configuration that the daemon keeps in memory is that of the file.

    None where it cannot be told, since the file has conditions, definitions or includes, which the daemon resolves.
    """
    if EXPANDED.search(file):
        return None
    try:
        return parse(running) == parse(file)
    except ConfError:
        return False


# --------------------------------------------------------------------------------------------- what a configuration says


def configured(text: str) -> dict[str, Any]:
    """What a configuration says, in the words of the plan. Passwords appear as a short digest only."""
    tree = parse(text)
    globals_ = Directive(
        ("global_defs",), tuple(inner for block in tree if block.keyword == "global_defs" for inner in block.body or ())
    )
    instances = [
        _instance(block, globals_) for block in tree if block.keyword == "vrrp_instance" and block.body is not None
    ]
    groups = [
        {"name": block.value, "instances": [words[0] for words in block.lines("group")]}
        for block in tree
        if block.keyword == "vrrp_sync_group"
    ]
    for instance in instances:
        instance["sync_group"] = next(
            (group["name"] for group in groups if instance["name"] in group["instances"]), None
        )
    return {
        "router_id": globals_.get("router_id"),
        "instances": instances,
        "sync_groups": groups,
        "scripts": [_script(block) for block in tree if block.keyword == "vrrp_script"],
        "track_files": [
            {"name": block.value, "file": block.get("file")}
            for block in tree
            if block.keyword in ("track_file", "vrrp_track_file") and block.body is not None
        ],
    }


def _instance(block: Directive, globals_: Directive) -> dict[str, Any]:
    anchors = [words[0] for words in block.lines("virtual_ipaddress")]
    others = [words[0] for words in block.lines("virtual_ipaddress_excluded")]
    own = block.get("unicast_src_ip") or None
    # A node without peers names itself (keepalived.conf.j2).
    peers = [words[0] for words in block.lines("unicast_peer") if words[0] != own]
    owner = block.get("state", "BACKUP") == "MASTER"
    password = next(
        (words[1] for words in block.lines("authentication") if words[0] == "auth_pass" and len(words) > 1), None
    )
    version = (
        block.get("version")
        or globals_.get("vrrp_version")
        or ("3" if any(":" in address for address in anchors) else "2")
    )
    return {
        "name": block.value,
        "virtual_router_id": _number(block.get("virtual_router_id"), int),
        "version": _number(version, int),
        "interface": block.get("interface"),
        "state": block.get("state", "BACKUP"),
        "priority": _number(block.get("priority"), int, OWNER_PRIORITY if owner else DEFAULT_PRIORITY),
        "advert_interval": _number(block.get("advert_int"), float, 1.0),
        "down_timer_adverts": _number(
            block.get("down_timer_adverts") or globals_.get("vrrp_down_timer_adverts"), int, 3
        ),
        "unicast": bool(peers) or block.has("unicast_src_ip") or block.has("unicast_peer"),
        "unicast_src_ip": own,
        "unicast_peers": peers,
        "anchor": anchors[0] if anchors else None,
        "virtual_ipaddress": anchors,
        "virtual_ipaddress_excluded": others,
        "addresses": anchors + others,
        "nopreempt": block.has("nopreempt"),
        "preempt_delay": _number(block.get("preempt_delay"), float, None),
        "auth_digest": auth_digest(password),
        "track_files": [words[0] for words in block.lines("track_file")],
        "track_scripts": [words[0] for words in block.lines("track_script")],
        "track_interfaces": [words[0] for words in block.lines("track_interface")],
    }


def _script(block: Directive) -> dict[str, Any]:
    return {"name": block.value, "script": block.get("script"), "weight": _number(block.get("weight"), int, 0)}


def _number(text: str, kind: Any, default: Any = None) -> Any:
    try:
        return kind(text)
    except ValueError:
        return default


def auth_digest(password: str | None) -> str | None:
    """Enough to see that a password changed, too little to guess it from: 16 bits."""
    if not password:
        return None
    return hashlib.sha256(password.encode()).hexdigest()[:4]


def refusals(text: str) -> list[str]:
    """What keepalived's own check lets pass and what would make two holders or none."""
    try:
        tree = parse(text)
    except ConfError as error:
        return [str(error)]
    instances = [block for block in tree if block.keyword == "vrrp_instance"]
    if not instances:
        return ["there is no vrrp_instance: keepalived would start, and hold nothing."]
    found = []
    for block in instances:
        where = f"line {block.line}: vrrp_instance {block.value}"
        if block.has("unicast_peer") and not block.lines("unicast_peer"):
            found.append(f"{where}: unicast_peer is empty: the node would hear nobody and take every VIP.")
        if not block.lines("virtual_ipaddress"):
            found.append(f"{where}: virtual_ipaddress is empty: no anchor.")
        if not block.get("virtual_router_id"):
            found.append(f"{where}: virtual_router_id is missing.")
    return found
