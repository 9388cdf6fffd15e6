# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run as one page that needs no network: templates/report.html.j2, which escapes all that is not its own."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.lb.plugins.module_utils._report.lines import client_lines
from ansible_collections.evenkeel.lb.plugins.module_utils._report.page import (
    MOST_ROWS,
    Clock,
    Told,
    losses,
    milliseconds,
    readable,
    seconds,
)
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")


def page(told: Told, zone: tzinfo, picture: Markup | None, lacking: str = "") -> str:
    """The page. Without a picture `lacking` says why; the tables say the same."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            told=told,
            clients=told.clients,
            clock=Clock(zone),
            picture=picture,
            lacking=lacking,
            lines=client_lines(told.clients) if told.clients else [],
            losses=list(losses(told.clients)),
            most=MOST_ROWS,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(seconds=seconds, milliseconds=milliseconds)
    return environment


def _shown(value: Any) -> Any:
    """Whatever a template puts out; the picture is markup already."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else readable(value)
