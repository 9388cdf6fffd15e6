# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are masked in everything that a commit says: diffs, what a daemon printed, quoted lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import Match

MASK = "********"
# A shorter value would mask every "1" of a configuration.
SHORTEST = 4
SHORTEST_LEARNT = 6

_PEM = re.compile(r"(-----BEGIN [A-Z0-9 ]+-----)(.*?)(-----END [A-Z0-9 ]+-----|\Z)", re.S)
_BASE64_LINE = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{60,}={0,2}(?![A-Za-z0-9+/=])")
_TOKEN = r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|(?:\\.|[^\s\\;])+)"""
_WORD = (
    r"(?:[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|preshared[_-]?key|credentials?)"
    r"|auth_pass|auth_hmac|basicauth)"
)
# key = value, key: value: to the end of the line.
_ASSIGNED = re.compile(
    rf"""(?im)(?P<head>(?<![\w-])(?:{_WORD}|pass)["']?[ \t]*[=:][ \t]*)"""
    r"""(?P<value>(?!//)[^\s"'\[{][^\n]*|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
)
# key value: one word.
_FOLLOWED = re.compile(rf"(?im)(?P<head>(?<![\w/.-]){_WORD}[ \t]+)(?P<value>(?![=:#]){_TOKEN})")
# stats auth user:pass, Authorization: Basic ..., proto://user:pass@host
_STATS_AUTH = re.compile(r"(?im)(?P<head>\bauth[ \t]+[^\s:]+:)(?P<value>(?:\\.|[^\s\\])+)")
_HEADER = re.compile(
    r"(?i)(?P<head>\bauthorization[\"']?[ \t:]+[\"']?(?:(?:basic|bearer|digest)(?:[ \t]|\\ )+)?)(?P<value>[^\s\"']+)"
)
_URL = re.compile(r"(?i)(?P<head>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)(?P<value>[^\s@/]+)(?=@)")
# user:$apr1$..., user:{SHA}... and bare crypt(3) hashes
_HASH = re.compile(r"(?P<head>)(?P<value>(?:\$(?:apr1|2[abxy]?|1|5|6|7|y|argon2\w*)\$|\{S?SHA\})[^\s\"',;]+)")

# Only lines in which one of these occurs are looked at closely.
_HINT = re.compile(r"(?i)pass|secret|token|key|cred|auth|\$|://|\{S")

_PATTERNS = (_ASSIGNED, _FOLLOWED, _STATS_AUTH, _HEADER, _URL, _HASH)


def _pem(block: Match[str]) -> str:
    return f"{block[1]}\n{MASK}\n{block[3]}" if block[3] else f"{block[1]}\n{MASK}"


class Masker:
    """Knows values that must not be seen, and the words that such values follow."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        for secret in secrets:
            self._add(secret, SHORTEST)

    def _add(self, value: str, shortest: int) -> None:
        for line in [value, *value.splitlines()]:
            line = line.strip()
            if len(line) >= shortest:
                self._values.add(line)

    def learn(self, text: str) -> None:
        """Remembers the values that follow known words, so that they are masked where a daemon quotes them alone."""
        for line in text.splitlines():
            if _HINT.search(line) and not line.lstrip().startswith(("#", ";", "//")):
                for match in (match for pattern in _PATTERNS for match in pattern.finditer(line)):
                    self._add(match["value"].strip().strip("\"'"), SHORTEST_LEARNT)

    def learn_whole(self, text: str) -> None:
        """Remembers every line of a secret file."""
        for line in text.splitlines():
            if not line.startswith("-----"):
                self._add(line, 8)
        self.learn(text)

    def mask(self, text: str) -> str:
        text = _PEM.sub(_pem, text)
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, MASK)
        text = "\n".join(_mask_line(line) if _HINT.search(line) else line for line in text.split("\n"))
        return _BASE64_LINE.sub(MASK, text)


def _mask_line(line: str) -> str:
    for pattern in _PATTERNS:
        line = pattern.sub(lambda match: match["head"] + MASK, line)
    return line
