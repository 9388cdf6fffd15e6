"""What the role can do beyond seed 0, as variables for the standby; written for the lab's usual addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.hosts import Lab

# operator, "only-for-the-lab"
STAFF = "operator:$apr1$evenkeel$2WDCK5XQg9204h4rN7Ox61"


def webs(lab: Lab, port: int = 8080, *names: str, **more: Any) -> list[dict[str, Any]]:
    chosen = names or ("web-1", "web-2", "web-3")
    return [{"name": name, "address": lab.address(name), "port": port, **more} for name in chosen]


def features(lab: Lab) -> dict[str, Any]:
    """Every feature that a request can show."""
    tls = Path(lab.state) / "tls"
    own = lab.address("lb-2")
    return {
        "traefik_access_log": {"path": "/var/log/traefik/access.log", "format": "json"},
        "traefik_entry_points": [
            {"name": "web", "bind": [f"{lab.vip}:80", f"[{lab.vip6}]:80"]},
            {"name": "file", "bind": [f"{own}:8000", f"[{lab.address6('lb-2')}]:8000"],
             "default": False, "trusted_proxies": [lab.address("client")]},
            {"name": "tls", "bind": [f"{own}:8443"], "tls": {}, "default": False},
            {"name": "away", "bind": [f"{own}:8001"], "redirect_to": "tls", "default": False},
            {"name": "proxied", "bind": [f"{own}:8002"], "default": False, "proxy_protocol": [f"{own}/32"]},
            {"name": "chain", "bind": [f"{own}:8007"], "default": False},
            {"name": "stream", "bind": [f"{own}:8003"], "default": False},
            {"name": "secure", "bind": [f"{own}:8004"], "default": False},
            {"name": "datagrams", "bind": [f"{own}:8005"], "protocol": "udp"},
            {"name": "staff", "bind": [f"{own}:8006"], "middlewares": ["staff"], "default": False},
        ],
        "traefik_certificates": [
            {"name": "example.com", "src": str(tls / "example.com.crt"), "key_src": str(tls / "example.com.key"),
             "default": True},
            {"name": "www.example.com", "content": (tls / "www.example.com.crt").read_text(),
             "key": (tls / "www.example.com.key").read_text()},
        ],
        "traefik_tls_options": [{"name": "new", "min_version": "VersionTLS13"}],
        "traefik_middlewares": [
            {"name": "staff", "type": "basicAuth", "options": {"users": [STAFF]}},
            {"name": "prefix", "type": "stripPrefix", "options": {"prefixes": ["/api"]}},
            {"name": "few", "type": "rateLimit", "options": {"average": 1, "period": "1m", "burst": 3}},
            {"name": "mark", "type": "headers", "options": {"customResponseHeaders": {"X-Way": "file"}}},
            {"name": "both", "type": "chain", "options": {"middlewares": ["prefix", "mark"]}},
        ],
        "traefik_tcp_middlewares": [
            {"name": "client-only", "type": "ipAllowList", "options": {"sourceRange": [lab.address("client")]}},
        ],
        "traefik_routers": [
            {"name": "all", "rule": "PathPrefix(`/`)", "service": "app", "priority": 1,
             "entry_points": ["file", "tls", "proxied", "staff"]},
            {"name": "api", "rule": "PathPrefix(`/api`)", "service": "app", "middlewares": ["both"],
             "entry_points": ["file"]},
            {"name": "limited", "rule": "Path(`/limited`)", "service": "app", "middlewares": ["few"],
             "entry_points": ["file"]},
            {"name": "new", "rule": "Host(`www.example.com`)", "service": "app", "tls": {"options": "new"},
             "entry_points": ["tls"]},
            *[
                {"name": name, "rule": f"Host(`{name}.example.com`)", "service": name, "entry_points": ["file"]}
                for name in ("weighted", "sticky", "canary", "spare", "mirrored", "source", "hangup", "nobody",
                             "spared", "reserve", "failing")
            ],
            {"name": "by-label", "rule": "Host(`label.example.com`)", "service": "myapp@docker",
             "entry_points": ["file"]},
        ],
        "traefik_services": [
            {"name": "canary", "weighted": [{"name": "one", "weight": 3}, {"name": "two"}],
             "sticky": {"name": "CANARY"}},
            {"name": "reserve", "failover": {"service": "gone", "fallback": "two"}},
            {"name": "mirrored", "mirroring": {"service": "one", "mirrors": [{"name": "two"}]}},
        ],
        "traefik_backends": [
            {"name": "app", "critical": True, "check": {"http": "/health"}, "servers": webs(lab)},
            {"name": "one", "check": {"http": "/health"}, "servers": webs(lab, 8080, "web-1")},
            {"name": "two", "servers": webs(lab, 8080, "web-2")},
            {"name": "weighted", "servers": [*webs(lab, 8080, "web-1", weight=3), *webs(lab, 8080, "web-2", weight=1)]},
            {"name": "sticky", "cookie": {"name": "SRV"}, "servers": webs(lab)},
            {"name": "source", "balance": "source", "servers": webs(lab)},
            {"name": "spare", "check": {"http": "/health", "interval": "200ms"},
             "servers": [*webs(lab, 9, "web-1"), {**webs(lab, 8080, "web-2")[0], "backup": True}]},
            {"name": "spared", "servers": [{**webs(lab, 8080, "web-1")[0], "disabled": True}, *webs(lab, 8080, "web-3")]},
            {"name": "gone", "check": {"http": "/health", "interval": "200ms"}, "servers": webs(lab, 9, "web-1")},
            {"name": "chain", "mode": "tcp", "default_server": {"send_proxy": "v2"},
             "servers": [{"name": "self", "address": own, "port": 8002}]},
            {"name": "nobody", "timeouts": {"connect": "50ms"}, "servers": webs(lab, 9)},
            {"name": "hangup", "servers": webs(lab, 9000, "web-1")},
            {"name": "failing", "servers": webs(lab, 9002, "web-1", "web-2")},
            {"name": "raw", "mode": "tcp", "default_server": {"port": 8080},
             "servers": [{"name": name, "address": lab.address(name)} for name in ("web-1", "web-2", "web-3")]},
            {"name": "raw-weighted", "mode": "tcp",
             "servers": [*webs(lab, 8080, "web-1", weight=3), *webs(lab, 8080, "web-2", weight=1)]},
            {"name": "echo", "mode": "udp", "servers": [{"name": "web-1", "address": lab.address("web-1"), "port": 9001}]},
        ],
        "traefik_tcp_routers": [
            {"name": "chain", "entry_points": ["chain"], "service": "chain"},
            {"name": "raw", "entry_points": ["stream"], "service": "raw", "middlewares": ["client-only"]},
            {"name": "secure", "entry_points": ["secure"], "rule": "HostSNI(`www.example.com`)",
             "service": "raw-weighted", "tls": {}},
        ],
        "traefik_udp_routers": [{"name": "echo", "entry_points": ["datagrams"], "service": "echo"}],
    }  # fmt: skip
