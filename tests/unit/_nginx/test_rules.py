# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role nginx refuses or warns of: every message by its words, and all of them at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.lb.plugins.module_utils._nginx.model import build
from ansible_collections.evenkeel.lb.plugins.module_utils._proxy import backends

from tests.nginx import options
from tests.unit.findings import each_case, each_kind, said, silent, unpinned

WEB = {"name": "web", "bind": ["198.51.100.28:80"], "default_backend": "app"}
APP = {"name": "app", "servers": [{"name": "web-1", "address": "198.51.100.21", "port": 8080}]}


def found(kind: str = "errors", names: list[str] | None = None, **variables: Any) -> list[str]:
    """Findings of one kind about a sound model with these variables laid over it."""
    given = {"nginx_servers": [WEB], "nginx_backends": [APP], **variables}
    model = build(given, options(), names=names or [], now=1_800_000_000)
    return said(model, kind)


@each_kind
def test_a_sound_model_has_none(kind: str) -> None:
    assert found(kind) == []


@each_case("nginx")
def test_finding(kind: str, case: dict[str, Any]) -> None:
    assert found(kind, case.get("names"), **case.get("variables", {})) == case["expected"]


def test_every_rule_has_a_case() -> None:
    assert silent("nginx") == set()


def test_every_rule_of_the_core_is_pinned() -> None:
    """Each sentence that a rule can say is said by a case."""
    assert (
        unpinned("nginx", "_nginx/rules.py", "_nginx/text.py", "_proxy/backends.py", "_nginx/model.py", least=90) == []
    )


@pytest.mark.parametrize("word", backends.NGINX)
def test_each_word_that_nginx_cannot_do_is_refused_with_a_remedy(word: str) -> None:
    """haproxy's other words of a backend, at their place."""
    *path, last = word.split(".")
    item: dict[str, Any] = {"name": "app", "servers": [{"name": "a", "address": "198.51.100.21", "port": 80}]}
    inner = item
    for name in path:
        inner = inner["servers"][0] if name == "servers" else inner.setdefault(name, {})
    inner[last] = "x"
    if word.startswith("cookie."):
        item["cookie"]["name"] = "SRV"
    place = "nginx_backends[0]." + word.replace("servers.", "servers[0].")
    assert found(nginx_backends=[item]) == [
        f"{place}: nginx cannot do this. Found: {last}. {backends.NGINX[word]} [F22]"
    ]


def test_everything_is_said_at_once() -> None:
    wrong = {
        "name": "web",
        "bind": ["198.51.100.28:80", "198.51.100.28:8406"],
        "default_backend": "nowhere",
        "error_pages": "none",
    }
    assert len(found(nginx_servers=[wrong, {**wrong, "name": "two"}])) > 5


def test_secrets_are_in_no_message() -> None:
    canary = "canary\nsecret"
    for certificates in (
        [{"name": "a", "content": canary, "key": canary}],
        [{"name": "b", "content": ["canary"]}],
    ):
        messages = found(nginx_certificates=certificates)
        assert messages
        assert "canary" not in "".join(messages)


def test_a_limit_holds_where_only_the_root_is_redirected() -> None:
    limit = {"requests": 5, "period": "1s"}
    proxied = {"path": "/.well-known/acme-challenge/", "backend": "app"}
    server = {**WEB, "default_backend": None, "redirect": {"https": True}, "rate_limit": limit, "locations": [proxied]}
    assert found(nginx_servers=[server]) == []


def test_a_backend_whose_name_is_the_servers_may_be_verified() -> None:
    servers = [{"name": "web-1", "address": "198.51.100.21", "port": 8443}]
    named = {"name": "app.example.com", "default_server": {"tls": {}}, "servers": servers}
    assert found(nginx_backends=[APP, named]) == []
