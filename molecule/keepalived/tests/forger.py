"""Runs on a stranger: adverts of priority 254, ten a second for three seconds, from its own address, to the nodes and to the
group; meanwhile it asks the VIP a hundred times a second. Prints requests sent and lost."""

import socket
import struct
import threading
import time
import urllib.request


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def advert(vrid, address, source, target):
    """A VRRPv3 advert (RFC 9568): type 1, priority 254, one address, 0.2 s."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    body = struct.pack("!BBBBHH", 0x31, vrid, 254, 1, 20, 0) + socket.inet_pton(family, address)
    if family == socket.AF_INET:
        pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 112, len(body))
        body = body[:6] + struct.pack("!H", checksum(pseudo + body)) + body[8:]
    return body


def own(target):
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((target, 9))
        return probe.getsockname()[0]


def forge(vip, six, targets, end):
    four = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    sixes = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 112)
    sixes.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
    sixes.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 6)
    while time.monotonic() < end:
        for target in targets:
            if ":" in target:
                sixes.sendto(advert(56, six, own(target), target), (target, 0))
            else:
                four.sendto(advert(55, vip, own(target), target), (target, 0))
        four.sendto(advert(55, vip, own(targets[0]), "224.0.0.18"), ("224.0.0.18", 0))
        time.sleep(0.1)


def main(vip, vip6, six, targets):
    end = time.monotonic() + 3
    forger = threading.Thread(target=forge, args=(vip, six, targets, end))
    forger.start()
    sent = lost = 0
    while time.monotonic() < end + 1:
        for url in (f"http://{vip}/", f"http://[{vip6}]/"):
            sent += 1
            try:
                urllib.request.urlopen(url, timeout=1).read()
            except OSError:
                lost += 1
        time.sleep(0.01)
    forger.join()
    print(sent, lost)
