# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mozilla's guidelines 6.0, intermediate: what every proxy of ours speaks over TLS."""

from __future__ import annotations

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
CIPHERSUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
CURVES = ("X25519", "prime256v1", "secp384r1")
# The hybrid group against recorded traffic; an older library refuses the whole list for its sake.
HYBRID, HYBRID_SINCE = "X25519MLKEM768", (3, 5)


def curves(library: tuple[int, ...]) -> tuple[str, ...]:
    """The groups that this version of OpenSSL knows."""
    return CURVES if library < HYBRID_SINCE else (HYBRID, *CURVES)
