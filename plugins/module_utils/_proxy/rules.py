# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the models of every proxy need: the rules that several check, walking a model, certificates and the files that they become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable

from .._core.findings import WARNING, Finding, fault
from .._core.register import define
from . import pem
from .listeners import Listener

Place = tuple[str, Mapping[str, Any]]

# Each proxy checks these in a model of its own.
SOCKETS = define("F1", "Addresses to listen on are literal, and no two sockets overlap.")
HEALTH = define("F1-health", "Where a proxy answers for itself, only its own host asks.")
REFERENCES = define("F4", "What is named exists.")
NAMES = define("F4-name", "Names are unique, and the daemon and a file system take them.")
ONE_OF = define(
    "F4-one-of", "Of keys that exclude each other exactly one is set, and a header that is set has a value."
)
RAW = define("F4-raw", "Raw lines are whole, and begin no section.")
WAYS = define("F4-way", "Something listens, and each place where clients come in has an address and leads somewhere.")
SERVERS = define("F4-server", "The servers of a backend are told apart, and each can be reached.")
CERTIFICATES = define("F5", "A certificate comes with its chain and its key, and the daemon can read them.")
ENDED = define("F5-ended", "A certificate has not ended.", WARNING)
PASSWORDS = define(
    "F6", "Pages about the daemon itself are for those who are named or know a password that nobody guesses."
)
PERIODS = define("F7", "A period is a number and its unit.")
NUMBERS = define("F7-number", "Numbers and sizes are within the daemon's bounds.")
BY_NAME = define("F8", "A server is given by its address, or something follows its name.", WARNING)
MODES = define("F10", "What needs HTTP stands where HTTP is spoken, and both ends of a way speak the same.")
LOOPS = define("F20", "A proxy does not send its traffic to itself.")
CANNOT = define("F22", "A backend asks nothing that its proxy cannot do.")


def walk(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path, mappings before what is in them."""
    yield where, value
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from walk(inner, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{where}[{index}]")


def indexed(where: str, items: Iterable[Mapping[str, Any]]) -> list[Place]:
    return [(f"{where}[{index}]", item) for index, item in enumerate(items)]


def exactly_one(where: str, item: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Finding]:
    given = [key for key in keys if item[key] not in (None, False, "")]
    if len(given) != 1:
        listed = ", ".join(keys[:-1]) + " and " + keys[-1]
        yield ONE_OF.finding(
            where,
            f"Exactly one of {listed} is needed.",
            " and ".join(given) or "none of them",
            "Keep one of them." if given else "Add one of them.",
        )


def unique(where: str, key: str, kind: str, items: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item["name"] in seen:
            yield NAMES.finding(
                f"{where}.{key}[{index}].name",
                f"Two {kind}s have the same name.",
                item["name"],
                "Rename one of them.",
            )
        seen.add(item["name"])


def missing(where: str, kind: str, name: str, accepted: Sequence[str]) -> Finding:
    return REFERENCES.finding(
        where,
        f"There is no {kind} of this name.",
        name,
        "Correct the name or add it.",
        ", ".join(sorted(set(accepted))) or "none is defined",
    )


def not_a_period(where: str, value: str) -> Finding:
    return PERIODS.finding(
        where,
        "This is not a period.",
        repr(value),
        "Write a whole number and its unit.",
        "750ms, 30s, 5m, 1h, 1d",
    )


def within(where: str, value: Any, bounds: Mapping[str, tuple[int, int]]) -> Iterator[Finding]:
    """A number whose key is among `bounds` lies between them."""
    key = where.rpartition(".")[2]
    if key in bounds and isinstance(value, int) and not isinstance(value, bool):
        low, high = bounds[key]
        if not low <= value <= high:
            yield NUMBERS.finding(where, "The number is out of range.", str(value), "Correct it.", f"{low} to {high}")


def private_health(found: Iterable[Listener], variable: str) -> Iterator[Finding]:
    """Where a proxy answers for itself, only its own host asks."""
    for one in found:
        if one.where == variable and not one.is_loopback():
            yield fault(
                one.where,
                "Health is nobody's affair but this host's.",
                one.text,
                "Use a loopback address.",
                "127.0.0.1:PORT or [::1]:PORT",
            )


def certificates(items: Iterable[Place]) -> Iterator[Finding]:
    """A certificate comes with its key, and a daemon can read both."""
    for where, item in items:
        yield from exactly_one(where, item, ("content", "src", "remote_src"))
        keys = [name for name in ("key", "key_src", "key_remote_src") if item[name]]
        if len(keys) > 1:
            yield fault(where, "The private key is given more than once.", " and ".join(keys), "Keep one of them.")
        size = f"a value of {len(item['content'] or '')} characters"
        apart = any(item[name] for name in ("key", "key_src", "key_remote_src"))
        if item["content"] and not pem.has_certificate(item["content"]):
            yield fault(
                f"{where}.content",
                "There is no certificate in it.",
                size,
                "Give the certificate and its chain as PEM blocks.",
            )
        if item["content"] and not apart and not pem.has_key(item["content"]):
            yield fault(
                f"{where}.content",
                "There is no private key in it, nor is one given apart.",
                size,
                "Add the key, or set key, key_src or key_remote_src.",
            )
        if item["content"] and apart and pem.has_key(item["content"]):
            yield fault(
                f"{where}.content",
                "It holds a private key, and another one is given apart.",
                size,
                "Keep one of them.",
            )
        yield from chain(f"{where}.content", item["content"])
        if item["key"] and not pem.has_key(item["key"]):
            yield fault(
                f"{where}.key",
                "There is no private key in it.",
                f"a value of {len(item['key'])} characters",
                "Give the key as a PEM block.",
            )
        for name in ("content", "key"):
            if item[name] and pem.is_encrypted(item[name]):
                yield fault(
                    f"{where}.{name}",
                    "The private key asks for a passphrase, which nobody can type in here.",
                    f"a value of {len(item[name])} characters",
                    "Decrypt it (openssl pkey) and keep it in a vault.",
                )


def chain(where: str, content: str | None) -> Iterator[Finding]:
    """Each certificate after the server's issued the one before it, as clients expect (RFC 5246, 7.4.2)."""
    number = pem.stranger(content or "")
    if number is not None:
        yield fault(
            where,
            "The certificates are no chain.",
            f"certificate {number} did not issue certificate {number - 1}",
            "Give the server's certificate first, then the one that issued it, and so on.",
        )


def expiry(items: Iterable[Place], now: float | None) -> Iterator[Finding]:
    """A certificate that has ended is served all the same: say so."""
    if now is None:
        return
    for where, item in items:
        end = pem.ends(item["content"] or "")
        if end is not None and end <= now:
            yield fault(
                f"{where}.content", "The certificate has ended.", f"{int((now - end) // 86400)} days ago", "Renew it."
            )


def proxy_file(path: str, mode: str, secret: bool = False, **source: str | None) -> dict[str, Any]:
    given = {name: value for name, value in source.items() if value is not None}
    if "content" in given and not given["content"].endswith("\n"):
        given["content"] += "\n"
    return {"path": path, "mode": mode, **({"secret": True} if secret else {}), **given}


def certificate_files(items: Iterable[Mapping[str, Any]], path_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """Certificates as `commit` takes them; a key that is given apart lies beside its certificate."""
    found: list[dict[str, Any]] = []
    for item in items:
        path = path_of(item["name"])
        found.append(
            proxy_file(
                path, "0600", secret=True, content=item["content"], src=item["src"], remote_src=item["remote_src"]
            )
        )
        if any(item[name] for name in ("key", "key_src", "key_remote_src")):
            found.append(
                proxy_file(
                    f"{path}.key",
                    "0600",
                    secret=True,
                    content=item["key"],
                    src=item["key_src"],
                    remote_src=item["key_remote_src"],
                )
            )
    return found
