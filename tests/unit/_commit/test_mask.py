# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is seen, and what is no secret still is."""

from __future__ import annotations

import time

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._commit.mask import MASK, Masker

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (f"    auth_pass {SECRET}", f"    auth_pass {MASK}"),
        ("    auth_pass 1111", f"    auth_pass {MASK}"),
        (f"user bob insecure-password {SECRET} groups x", f"user bob insecure-password {MASK} groups x"),
        ("user bob password $6$salt$abcdef groups x", f"user bob password {MASK} groups x"),
        (f"PrivateKey = {SECRET}=", f"PrivateKey = {MASK}"),
        (f"PresharedKey={SECRET}", f"PresharedKey={MASK}"),
        (f"    stats auth admin:{SECRET}", f"    stats auth admin:{MASK}"),
        ('  password: "my secret phrase"', f"  password: {MASK}"),
        ("  password: my secret phrase", f"  password: {MASK}"),
        (f'{{"api_key": "{SECRET}", "x": 1}}', f'{{"api_key": {MASK}, "x": 1}}'),
        (f"DB_PASSWORD={SECRET}", f"DB_PASSWORD={MASK}"),
        (f"server http://admin:{SECRET}@192.0.2.1/", f"server http://admin:{MASK}@192.0.2.1/"),
        (f"Authorization: Basic {SECRET}", f"Authorization: Basic {MASK}"),
        ("admin:$apr1$abcdefgh$0123456789", f"admin:{MASK}"),
        ("admin:{SHA}0123456789=", f"admin:{MASK}"),
    ],
)
def test_what_follows_a_known_word_is_masked(line: str, masked: str) -> None:
    assert Masker().mask(line) == masked


@pytest.mark.parametrize(
    "line",
    [
        "    server web-1 192.0.2.1:8080 check inter 2s",
        "    auth_type PASS",
        "    proxy_pass http://app;",
        "    server_tokens off;",
        "    ssl_certificate_key /etc/ssl/private/www.pem;",
        "    bind :443 ssl crt /etc/haproxy/certs/www.pem alpn h2,http/1.1",
        "    stats uri /stats",
        "    http-request redirect scheme https code 301",
        "listen http://192.0.2.1:8080/path@x",
        "    virtual_router_id 55",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert Masker([SECRET]).mask(line) == line


def test_named_values_are_masked_wherever_they_are() -> None:
    assert (
        Masker([SECRET]).mask(f"parsing: unknown keyword '{SECRET}' in x") == f"parsing: unknown keyword '{MASK}' in x"
    )


def test_lines_of_a_named_value_are_masked_one_by_one() -> None:
    assert Masker(["first line\nsecond line"]).mask("see: second line") == f"see: {MASK}"


def test_a_short_value_would_mask_everything_and_is_left() -> None:
    assert Masker(["1", "abc"]).mask("priority 111 abc") == "priority 111 abc"


def test_a_value_that_is_learnt_is_masked_where_a_daemon_quotes_it_alone() -> None:
    masker = Masker()
    masker.learn(f"  auth_pass {SECRET}\n# password policy is elsewhere\n")
    assert masker.mask(f"Unknown keyword '{SECRET}'") == f"Unknown keyword '{MASK}'"
    assert masker.mask("policy") == "policy"


def test_every_line_of_a_secret_file_is_masked() -> None:
    masker = Masker()
    masker.learn_whole("MIIBlineline\nshort\n")
    assert masker.mask("bad base64: MIIBlineline") == f"bad base64: {MASK}"


@pytest.mark.parametrize("end", ["\n-----END PRIVATE KEY-----\nrest", ""])
def test_a_pem_block_is_masked_also_when_it_is_cut_off(end: str) -> None:
    masked = Masker().mask(f"x\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B{end}")
    assert "MII" not in masked and "Bgkq" not in masked
    assert masked.startswith("x\n-----BEGIN PRIVATE KEY-----\n" + MASK)
    assert masked.endswith("rest") or not end


def test_a_single_line_of_base64_is_masked_without_its_frame() -> None:
    assert Masker().mask("error in: " + "QUJD" * 16) == f"error in: {MASK}"


@pytest.mark.clock
def test_long_texts_are_masked_in_little_time() -> None:
    text = "server web-%d 192.0.2.1:80 check cookie-password-less weight 1 # comment, nothing secret\n" * 10_000
    begun = time.process_time()
    Masker([SECRET]).mask(text)
    assert time.process_time() - begun < 3
