#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report_page
short_description: Write what a run did to a cluster as one page for a browser
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Writes a file on the controller that needs no network and nothing beside it. It has what changed on which node, where each
    virtual IP is, what clients saw, and what happened when.
  - The playbooks C(evenkeel.lb.site) and C(evenkeel.lb.propagate) use it at their end; it reads what their plays noted.
  - The picture of the time line is drawn with the Python library drawsvg. Where that is missing the page is written without, and
    RV(lines) say how to install it.
  - A page that can't be written is no failure of the run, which is over by then; RV(lines) say why.
options:
  directory:
    description:
      - Where to write it, on the controller. Made if it is missing.
      - The file is named after the cluster and the run, and only its owner may read it.
    type: path
    required: true
  rollout:
    description: The cluster's rollout, as P(evenkeel.lb.rollout#filter) returns it.
    type: dict
    required: true
  cluster:
    description: The cluster's name.
    type: str
    required: true
  run_id:
    description: The run.
    type: str
    required: true
  title:
    description: The headline.
    type: str
    required: true
  began:
    description: When the run began, in seconds since the epoch.
    type: float
    required: true
  clients:
    description: A result of M(evenkeel.lb.probe), with its RV(evenkeel.lb.probe#module:series), or nothing.
    type: dict
attributes:
  check_mode:
    description: Writes all the same; the playbooks do not come here in check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - plugin: evenkeel.lb.report
    plugin_type: filter
  - module: evenkeel.lb.probe
"""

EXAMPLES = r"""
- name: Write the page
  evenkeel.lb.report_page:
    directory: ~/.evenkeel/reports
    rollout: "{{ __evenkeel_rollout }}"
    cluster: edge
    run_id: "{{ evenkeel_run_id }}"
    title: edge, propagate
    began: "{{ evenkeel_began }}"
"""

RETURN = r"""
path:
  description: The file; empty where none was written.
  type: str
  returned: always
lines:
  description: What a person wants to know of it.
  type: list
  elements: str
  returned: always
"""
