# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures as a person reads them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown, its columns aligned: the first to the left, the others, figures, to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *texts]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(list(head)), line(rule), *(line(row) for row in texts)])


def medians(runs: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The median of each figure over some runs; None where a run has none."""
    found: dict[str, float | None] = {}
    for key in runs[0]:
        values = [run[key] for run in runs]
        known = [value for value in values if value is not None]
        found[key] = statistics.median(known) if len(known) == len(values) else None
    return found


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 1 else f"{cell:.3g}"
    return str(cell)
