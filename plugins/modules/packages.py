#!/usr/bin/python
# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Have the Debian packages and the account that a role needs
version_added: 0.1.0
author: The evenkeel.lb authors (!UNKNOWN)
description:
  - Looks for packages and an account in one remote call and installs what is missing. Nothing that is installed is started before
    its configuration is there (C(policy_rc_d) 101), and no package is upgraded.
  - In check mode says what it would install. Where the playbook has looked at the host already (M(evenkeel.lb.node_info)), a
    task in check mode makes no call at all.
  - Runs on the controller; M(ansible.builtin.apt) and M(ansible.builtin.user) make the changes.
options:
  names:
    description: The packages that have to be there.
    type: list
    elements: str
    default: []
  versions_of:
    description: Other packages that are only asked about.
    type: list
    elements: str
    default: []
  user:
    description: A system account that has to be there.
    type: str
  comment:
    description: What the account is for, if it is made.
    type: str
    default: ""
  home:
    description: The account's home directory. It is not made.
    type: path
    default: /nonexistent
  checksums:
    description:
      - A file of C(sha256sum) beside what comes from no package, such as Traefik's binary. Whether it holds is returned as
        RV(fetch); to bring the files is the caller's.
    type: str
    default: ""
  source:
    description: Where these files come from, for what check mode says.
    type: str
    default: ""
attributes:
  check_mode:
    description: Says what would be installed.
    support: full
  diff_mode:
    description: There are no files to compare.
    support: none
seealso:
  - module: ansible.builtin.apt
  - module: evenkeel.lb.node_info
"""

EXAMPLES = r"""
- name: Have HAProxy, and see what its version and the release's are
  evenkeel.lb.packages:
    names: [haproxy]
    versions_of: [libssl3, base-files]
  register: found
"""

RETURN = r"""
missing:
  description: The packages that were not there.
  type: list
  elements: str
  returned: always
  sample: [haproxy]
fetch:
  description: Whether O(checksums) does not hold and the caller has to bring the files. Never in check mode.
  type: bool
  returned: always
installed:
  description: Name and version of each package that was asked about and is there now.
  type: list
  elements: str
  returned: success
  sample: [haproxy 2.6.12-1+deb12u3, base-files 12.4+deb12u12]
msg:
  description: What would be installed.
  type: str
  returned: in check mode, if anything is missing
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "versions_of": {"type": "list", "elements": "str", "default": []},
            "user": {"type": "str"},
            "comment": {"type": "str", "default": ""},
            "home": {"type": "path", "default": "/nonexistent"},
            "checksums": {"type": "str", "default": ""},
            "source": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="evenkeel.lb.packages runs on the controller: call it as evenkeel.lb.packages from a task.")


if __name__ == "__main__":
    main()
