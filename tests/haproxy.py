# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the role haproxy have in common: its options, and throw-away certificates."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from typing import Any, NamedTuple

from ansible_collections.evenkeel.lb.plugins.plugin_utils.specification import ROLES, specification

ROLE = ROLES / "haproxy"


class Certificate(NamedTuple):
    """Two PEM texts, the second of them the certificate's key."""

    certificate: str
    key: str


@functools.cache
def options() -> dict[str, Any]:
    """The role's argument_specs."""
    return specification("haproxy")


@functools.cache
def self_signed(name: str = "example.com", days: int = 2) -> Certificate:
    """A certificate that openssl makes, the same all through one run of the tests."""
    return _certificate("-subj", f"/CN={name}", "-days", str(days))


@functools.cache
def issued(issuer: Certificate, name: str = "example.com") -> Certificate:
    """A certificate that another one has issued."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
        both.write(issuer.key + issuer.certificate)
        both.flush()
        return _certificate("-subj", f"/CN={name}", "-days", "2", "-CA", both.name, "-CAkey", both.name)


def _certificate(*options: str) -> Certificate:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += [*options, "-keyout", "-", "-out", "-"]
    made = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    key, begins, rest = made.partition("-----BEGIN CERTIFICATE-----")
    return Certificate(begins + rest, key)
