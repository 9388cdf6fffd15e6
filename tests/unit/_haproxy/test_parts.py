# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's text, addresses, PEM files: the small parts that the model is made of."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy import lines as haproxy_lines
from ansible_collections.evenkeel.lb.plugins.module_utils._haproxy.text import (
    Unreadable,
    arrange,
    either,
    neither,
    quote,
    words,
)
from ansible_collections.evenkeel.lb.plugins.module_utils._proxy import pem
from ansible_collections.evenkeel.lb.plugins.module_utils._proxy.listeners import listener
from hypothesis import given
from hypothesis import strategies as st

from tests.haproxy import Certificate, issued, self_signed


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("", "''"),
        ("a b", "'a b'"),
        ("it's", "'it'\\''s'"),
        ("#1", "'#1'"),
        ("$x", "$x"),
        ("a\\b", "'a\\b'"),
        (5, "5"),
        ("é", "é"),
    ],
)
def test_quote(value: object, written: str) -> None:
    assert quote(value) == written


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs"])))
def test_what_is_quoted_is_read_as_one_word(text: str) -> None:
    assert words(quote(text)) == [text]


@given(st.lists(st.text(st.characters(blacklist_categories=["Cc", "Cs"]))))
def test_quoted_words_are_read_back(texts: list[str]) -> None:
    assert words(" ".join(map(quote, texts))) == texts


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", []),
        ("  a\tb ", ["a", "b"]),
        ("'a b'c", ["a bc"]),
        ('"a \\" b"', ['a " b']),
        ("a\\ b", ["a b"]),
        ("{ path_beg /x }", ["{", "path_beg", "/x", "}"]),
    ],
)
def test_words(text: str, read: list[str]) -> None:
    assert words(text) == read


@pytest.mark.parametrize("text", ["a # b", "#", "'a", 'a "b'])
def test_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        words(text)


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        ("", "N"),
        ("a", "N a"),
        ("a b", "N a b"),
        ("a || b", "N a || N b"),
        ("a b or c", "N a b || N c"),
        ("{ path /or }", "N { path /or }"),
        ("{ hdr(x) or wa } || !b", "N { hdr(x) or wa } || N !b"),
    ],
)
def test_a_further_condition_holds_in_every_alternative(condition: str, written: str) -> None:
    assert either(condition, "N") == written


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        ("a", "!a"),
        ("!a", "a"),
        ("! a b", "a || !b"),
        ("a || b", "!a !b"),
        ("a b or !c", "!a c || !b c"),
        ("{ path /or } !{ src 192.0.2.7 } || a", "!{ path /or } !a || { src 192.0.2.7 } !a"),
        ("a || { path_beg /{x} /y }", "!a !{ path_beg /{x} /y }"),
    ],
)
def test_the_opposite_of_a_condition(condition: str, written: str) -> None:
    assert neither(condition) == written


def test_lines_stand_in_the_order_in_which_they_are_evaluated() -> None:
    lines = [
        "server a",
        "use_backend x",
        "http-request deny",
        "bind :80",
        "acl a b",
        "tcp-request content accept",
        "http-request allow",
        "mode http",
    ]
    assert arrange(lines) == [
        "bind :80",
        "mode http",
        "acl a b",
        "tcp-request content accept",
        "http-request deny",
        "http-request allow",
        "use_backend x",
        "server a",
    ]


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("*:80", "198.51.100.1:80", True),
        ("*:80", "[2001:db8::1]:80", False),
        ("[::]:80", "[2001:db8::1]:80", True),
        ("[::]:80", "*:80", False),
        ("*:80", "*:81", False),
        ("198.51.100.1:80", "198.51.100.2:80", False),
        (":80", "0.0.0.0:80", True),
        ("quic4@*:443", "*:443", False),
        ("ipv6@*:80", "[::1]:80", True),
        ("unix@/run/x", "*:80", False),
        ("*:80-90", "127.0.0.1:85", True),
    ],
)
def test_overlap(one: str, other: str, overlap: bool) -> None:
    assert listener(one).overlaps(listener(other)) is listener(other).overlaps(listener(one)) is overlap


@pytest.mark.parametrize(
    ("text", "sockets"),
    [
        ("*:80", ["0.0.0.0:80"]),
        ("[2001:DB8::0:28]:80", ["[2001:db8::28]:80"]),
        ("*:80-82", ["0.0.0.0:80", "0.0.0.0:82"]),
        ("/run/x", []),
        ("quic4@*:443", []),
    ],
)
def test_sockets(text: str, sockets: list[str]) -> None:
    assert listener(text).sockets() == sockets


@pytest.mark.parametrize(("days", "ends"), [(1, 86400), (10000, 864000000), (40000, 3456000000)])
def test_the_end_of_a_certificate_is_read(days: int, ends: int) -> None:
    """UTCTime until 2049, GeneralizedTime from 2050."""
    import time

    text = "".join(self_signed(days=days))
    assert pem.ends(text) == pytest.approx(time.time() + ends, abs=60)
    assert pem.has_key(text) and pem.has_certificate(text) and not pem.is_encrypted(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_has_no_end(text: str) -> None:
    assert pem.ends(text) is None


@given(st.binary(max_size=200))
def test_no_certificate_is_strange_enough_to_fail(data: bytes) -> None:
    import base64

    text = "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(data).decode() + "\n-----END CERTIFICATE-----"
    pem.ends(text)
    pem.stranger(2 * text)


def test_the_first_certificate_that_did_not_issue_the_one_before_it_is_found() -> None:
    root, other = self_signed("Root"), self_signed("Another root")
    between = issued(root, "Intermediate")
    leaf = issued(between)

    def first_stranger(*certificates: Certificate) -> int | None:
        return pem.stranger("".join(one.certificate for one in certificates))

    for whole in ([leaf], [leaf, between], [leaf, between, root]):
        assert first_stranger(*whole) is None
    assert first_stranger(between, leaf) == 2
    assert first_stranger(leaf, root, between) == 2
    assert first_stranger(leaf, between, other) == 3
    assert pem.stranger(leaf.certificate + leaf.key + between.certificate) is None


@pytest.mark.parametrize(
    ("tls", "check", "words"),
    [
        ({"sni": "str(a.example.com)", "alpn": None}, {}, ["check-sni a.example.com"]),
        # A name that depends on the request is none that a check could ask for.
        ({"sni": "req.hdr(host)", "alpn": None}, {"http": "/"}, []),
        ({"sni": None, "alpn": ["h2", "http/1.1"]}, {"http": "/"}, ["check-alpn http/1.1 check-proto h1"]),
        ({"sni": None, "alpn": ["h2"]}, {"http": "/"}, ["check-alpn h2 check-proto h2"]),
        ({"sni": None, "alpn": ["h2"]}, {"tcp": True}, []),
    ],
)
def test_checks_over_tls_speak_what_they_negotiate(
    tls: dict[str, object], check: dict[str, object], words: list[str]
) -> None:
    assert haproxy_lines.check_tls(tls, check) == words
