# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line of our playbooks may say of the hosts and of tags."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .._core.findings import CoreError, Finding

GROUP = "balancers"
# What Molecule skips in every run of its own. No task of ours has a tag, so nothing is left out by these.
MOLECULE = ("molecule-notest", "notest", "molecule-idempotence-notest")


def require_balancers(
    balancers: Sequence[str], hosts: Collection[str], limit: str, run_tags: Collection[str], skip_tags: Collection[str]
) -> str:
    """The group that the playbooks work on. A play over it would be skipped, and end well, where a limit leaves none of it; tags
    would skip the tasks, and end well with nothing done."""
    tags = [f"--tags {','.join(sorted(run_tags))}"] if list(run_tags) != ["all"] else []
    skipped = sorted(set(skip_tags) - set(MOLECULE))
    tags += [f"--skip-tags {','.join(skipped)}"] if skipped else []
    if tags:
        raise CoreError(
            [
                Finding(
                    rule="tags",
                    where="ansible-playbook",
                    what="A run is whole or not at all: its tasks have no tags, so nothing was done.",
                    got=" ".join(tags),
                    accepted="no tags",
                    remedy="For some of the hosts use --limit; for a part of the work one of the playbooks evenkeel.lb.plan, status, "
                    "drift, propagate, drain, undrain, rollback or member, or the role in a playbook of your own.",
                )
            ]
        )
    # Without any host Ansible says so itself, and linters check the syntax without an inventory.
    if hosts and not set(balancers) & set(hosts):
        raise CoreError(
            [
                Finding(
                    rule="limit",
                    where="ansible-playbook",
                    what="No balancer is in this run, so nothing was done.",
                    got=f"--limit {limit or '(none)'}",
                    accepted=", ".join(balancers) or f"hosts in the group {GROUP}",
                    remedy="Correct the limit.",
                )
            ]
        )
    return GROUP
