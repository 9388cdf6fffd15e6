# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the role nginx have in common: its options, and its files as the role renders them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jinja2
from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import ROLES, specification

ROLE = ROLES / "nginx"
HEAD = "#jinja2: trim_blocks: True, lstrip_blocks: True"


@functools.cache
def options() -> dict[str, Any]:
    """The role's argument_specs."""
    return specification("nginx")


def rendered(model: Mapping[str, Any]) -> dict[str, str]:
    """The daemon's own files by their paths."""
    files = {"/etc/nginx/nginx.conf": "nginx.conf.j2", "/etc/nginx/evenkeel/http.conf": "http.conf.j2"}
    if model["stream"]:
        files["/etc/nginx/evenkeel/stream.conf"] = "stream.conf.j2"
    return {path: _template(name).render(__nginx={"model": model}) for path, name in files.items()}


@functools.cache
def _template(name: str) -> jinja2.Template:
    head, _, text = (ROLE / "templates" / name).read_text(encoding="utf-8").partition("\n")
    assert head == HEAD
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(text)
