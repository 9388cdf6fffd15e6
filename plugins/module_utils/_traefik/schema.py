# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What middlewares take, in Traefik's own words (3.7): kinds, their settings and the types of these.

Traefik itself finds an unknown setting only when it loads the file, and then drops the whole file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXT: dict[str, Any] = {"type": "str"}
NUMBER: dict[str, Any] = {"type": "int"}
SWITCH: dict[str, Any] = {"type": "bool"}
TEXTS: dict[str, Any] = {"type": "list", "elements": "str"}
# Names are the user's, values are texts or numbers.
TABLE: dict[str, Any] = {"type": "dict"}


def _of(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "dict", "options": options}


def _all(kind: dict[str, Any], *names: str) -> dict[str, Any]:
    return dict.fromkeys(names, kind)


_IP_STRATEGY = _of({"depth": NUMBER, "excludedIPs": TEXTS, "ipv6Subnet": NUMBER})
_SOURCE = _of({"ipStrategy": _IP_STRATEGY, "requestHeaderName": TEXT, "requestHost": SWITCH})
_CLIENT_TLS = {**_all(TEXT, "ca", "cert", "key"), "insecureSkipVerify": SWITCH}
_AUTH = {"users": TEXTS, "usersFile": TEXT, "realm": TEXT, "removeHeader": SWITCH, "headerField": TEXT}
_NAMES = (
    "country",
    "province",
    "locality",
    "organization",
    "organizationalUnit",
    "commonName",
    "serialNumber",
    "domainComponent",
)
_REDIS = {
    "endpoints": TEXTS,
    "tls": _of(_CLIENT_TLS),
    **_all(TEXT, "username", "password", "readTimeout", "writeTimeout", "dialTimeout"),
    **_all(NUMBER, "db", "poolSize", "minIdleConns", "maxActiveConns"),
}

HTTP: dict[str, dict[str, Any]] = {
    "addPrefix": {"prefix": TEXT},
    "basicAuth": _AUTH,
    "buffering": {
        **_all(NUMBER, "maxRequestBodyBytes", "memRequestBodyBytes", "maxResponseBodyBytes", "memResponseBodyBytes"),
        "retryExpression": TEXT,
    },
    "chain": {"middlewares": TEXTS},
    "circuitBreaker": {
        **_all(TEXT, "expression", "checkPeriod", "fallbackDuration", "recoveryDuration"),
        "responseCode": NUMBER,
    },
    "compress": {
        **_all(TEXTS, "excludedContentTypes", "includedContentTypes", "encodings"),
        "minResponseBodyBytes": NUMBER,
        "defaultEncoding": TEXT,
    },
    "contentType": {"autoDetect": SWITCH},
    "digestAuth": _AUTH,
    "errors": {"status": TEXTS, "statusRewrites": TABLE, "service": TEXT, "query": TEXT},
    "forwardAuth": {
        **_all(TEXT, "address", "authResponseHeadersRegex", "addAuthCookiesToResponseRegex", "headerField"),
        **_all(TEXTS, "authResponseHeaders", "authRequestHeaders", "addAuthCookiesToResponse"),
        **_all(SWITCH, "trustForwardHeader", "forwardBody", "preserveLocationHeader", "preserveRequestMethod"),
        **_all(NUMBER, "maxBodySize", "maxResponseBodySize"),
        "tls": _of({**_CLIENT_TLS, "caOptional": SWITCH}),
    },
    "grpcWeb": {"allowOrigins": TEXTS},
    "headers": {
        **_all(TABLE, "customRequestHeaders", "customResponseHeaders", "sslProxyHeaders"),
        **_all(
            TEXTS,
            "accessControlAllowHeaders",
            "accessControlAllowMethods",
            "accessControlAllowOriginList",
            "accessControlAllowOriginListRegex",
            "accessControlExposeHeaders",
            "allowedHosts",
            "hostsProxyHeaders",
        ),
        **_all(NUMBER, "accessControlMaxAge", "stsSeconds"),
        **_all(
            SWITCH,
            "accessControlAllowCredentials",
            "addVaryHeader",
            "stsIncludeSubdomains",
            "stsPreload",
            "forceSTSHeader",
            "frameDeny",
            "contentTypeNosniff",
            "browserXssFilter",
            "isDevelopment",
        ),
        **_all(
            TEXT,
            "customFrameOptionsValue",
            "customBrowserXSSValue",
            "contentSecurityPolicy",
            "contentSecurityPolicyReportOnly",
            "publicKey",
            "referrerPolicy",
            "permissionsPolicy",
        ),
    },
    "ipAllowList": {"sourceRange": TEXTS, "ipStrategy": _IP_STRATEGY, "rejectStatusCode": NUMBER},
    "inFlightReq": {"amount": NUMBER, "sourceCriterion": _SOURCE},
    "passTLSClientCert": {
        "pem": SWITCH,
        "info": _of(
            {
                **_all(SWITCH, "notAfter", "notBefore", "sans", "serialNumber"),
                "subject": _of(_all(SWITCH, *_NAMES)),
                "issuer": _of(_all(SWITCH, *(name for name in _NAMES if name != "organizationalUnit"))),
            }
        ),
    },
    # What a plugin takes is the plugin's affair.
    "plugin": {},
    "rateLimit": {
        "average": NUMBER,
        "period": TEXT,
        "burst": NUMBER,
        "sourceCriterion": _SOURCE,
        "redis": _of(_REDIS),
    },
    "redirectRegex": {"regex": TEXT, "replacement": TEXT, "permanent": SWITCH},
    "redirectScheme": {"scheme": TEXT, "port": TEXT, "permanent": SWITCH},
    "replacePath": {"path": TEXT},
    "replacePathRegex": {"regex": TEXT, "replacement": TEXT},
    "retry": {
        **_all(NUMBER, "attempts", "maxRequestBodyBytes"),
        **_all(TEXT, "initialInterval", "timeout"),
        "status": TEXTS,
        **_all(SWITCH, "disableRetryOnNetworkError", "retryNonIdempotentMethod"),
    },
    "stripPrefix": {"prefixes": TEXTS, "forceSlash": SWITCH},
    "stripPrefixRegex": {"regex": TEXTS},
}
TCP: dict[str, dict[str, Any]] = {
    "ipAllowList": {"sourceRange": TEXTS},
    "inFlightConn": {"amount": NUMBER},
}
# Sections of the static configuration.
STATIC = (
    "accessLog",
    "api",
    "certificatesResolvers",
    "core",
    "entryPoints",
    "experimental",
    "global",
    "hostResolver",
    "hub",
    "log",
    "metrics",
    "ocsp",
    "ping",
    "providers",
    "serversTransport",
    "spiffe",
    "tcpServersTransport",
    "tracing",
)
