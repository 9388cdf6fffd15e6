#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: show
short_description: Print lines as they are
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Prints a table or a document for people (or for what reads the output), without the quotes and indents that each way of
    showing results has its own of. Calls no host.
options:
  lines:
    description: What to print. Nothing where there are none.
    type: list
    elements: str
    default: []
  step:
    description: A step of a run that begins now, which RV(steps) notes.
    type: str
  steps:
    description: The steps before it, as an earlier task returned them.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    description: Prints all the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Show where each VIP is
  evenkeel.lb.show:
    lines: "{{ (evenkeel_nodes | evenkeel.lb.cluster(hostvars)).where }}"
  run_once: true
"""

RETURN = r"""
steps:
  description: The steps so far, oldest first.
  type: list
  elements: dict
  returned: with O(step)
  contains:
    what:
      description: Name of the step.
      type: str
    at:
      description: When it began, in seconds since the epoch.
      type: float
"""
