# Copyright (c) 2026, the evenkeel.lb authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab: its network, its hosts (containers with systemd as PID 1), its ssh and its copy of an inventory."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from lab import addresses, engine, image
from lab.engine import docker
from lab.shell import LabError, run, say, succeeds

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"
ENGINE_RECORD = STATE / "engine.json"
LABEL = "evenkeel.lab"
DEFAULT_HOSTS = ("lb-1", "lb-2", "web-1", "web-2", "web-3", "client")
DEFAULT_INVENTORY = ROOT / "inventories" / "lab"
# The state directory as inventories write it; a lab's copy of an inventory says its own.
STATE_IN_INVENTORY = f"{{{{ inventory_dir }}}}/../../.lab/{addresses.DEFAULT_NAME}"
USER = "keel"

# What a host does when the lab starts it: wait for its boot, forget what was broken on purpose, let the lab in, say its
# key.
BOOTED = """
until state=$(systemctl is-system-running 2>/dev/null); [ "$state" = running ] || [ "$state" = degraded ]; do
  sleep 0.1
done
"""
WELCOME = f"""{BOOTED}
for unit in $(find /run/systemd/system -maxdepth 1 -lname /dev/null -printf '%f '); do
  systemctl --quiet unmask --runtime "$unit"
done
until [ -s /etc/ssh/ssh_host_ed25519_key.pub ]; do sleep 0.1; done
install -d -m 0700 -o keel -g keel /home/keel/.ssh
cat > /home/keel/.ssh/authorized_keys
chown keel:keel /home/keel/.ssh/authorized_keys
cat /etc/ssh/ssh_host_ed25519_key.pub
"""


@dataclass(frozen=True)
class Lab:
    """What a lab is: enough to make it again. Kept in .lab/NAME/lab.json."""

    name: str
    subnet: IPv4Network
    subnet6: IPv6Network
    release: str = "bookworm"
    hosts: tuple[str, ...] = DEFAULT_HOSTS
    # Whether balancers may talk to this machine's docker engine, for what finds containers by their labels.
    docker: bool = False

    @property
    def state(self) -> Path:
        return STATE / self.name

    @property
    def inventory(self) -> Path:
        return self.state / "inventory"

    @property
    def vip(self) -> str:
        return addresses.address(self.subnet, "vip")

    @property
    def vip6(self) -> str:
        return addresses.address6(self.subnet6, "vip")

    def container(self, host: str) -> str:
        return f"{self.name}-{host}"

    def address(self, host: str) -> str:
        return addresses.address(self.subnet, host)

    def address6(self, host: str) -> str:
        return addresses.address6(self.subnet6, host)

    def save(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self._file.write_text(
            json.dumps(
                {
                    "name": self.name,
                    "subnet": str(self.subnet),
                    "subnet6": str(self.subnet6),
                    "release": self.release,
                    "hosts": list(self.hosts),
                    "docker": self.docker,
                },
                indent=1,
            )
            + "\n"
        )

    @property
    def _file(self) -> Path:
        return self.state / "lab.json"

    @classmethod
    def load(cls, name: str) -> Lab:
        """The lab of that name, as it was last made from this clone."""
        try:
            known = json.loads((STATE / name / "lab.json").read_text())
        except FileNotFoundError:
            raise LabError(f"There is no lab {name} in {STATE}. Remedy: lab/lab up --name {name}") from None
        return cls(
            known["name"],
            IPv4Network(known["subnet"]),
            IPv6Network(known["subnet6"]),
            known["release"],
            tuple(known["hosts"]),
            known.get("docker", False),
        )

    def run(self, host: str, argv: Sequence[str], *, stdin: str | None = None, timeout: float | None = 300) -> str:
        """Output of a command run as root on a host, by way of the engine (no ssh: it works whatever ssh does)."""
        interactive = ["-i"] if stdin is not None else []
        return docker("exec", *interactive, self.container(host), *argv, stdin=stdin, timeout=timeout)


def up(lab: Lab, inventory: Path = DEFAULT_INVENTORY) -> None:
    """Make what is missing and mend what is half there; what is as it should be is left alone."""
    _check(lab)
    with _alone():
        engine.ensure(ENGINE_RECORD)
        image.ensure(lab.release)
    others = [record for record in containers(lab.name) if record["root"] != str(ROOT)]
    if others:
        raise LabError(
            f"Lab {lab.name} was made by another clone, {others[0]['root']}.\n"
            f"  Remedy: another --name and --subnet here, or lab/lab down --name {lab.name} --force"
        )
    lab.save()
    _make_key(lab)
    _make_network(lab)
    state = {record["host"]: record for record in containers(lab.name)}
    say(f"- Hosts of {lab.name} ({lab.release}, {lab.subnet}, {lab.subnet6}): {' '.join(lab.hosts)}")
    _each(lab.hosts, lambda host: _make_host(lab, host, state.get(host)))
    keys = dict(_each(lab.hosts, lambda host: (host, _welcome(lab, host))))
    _write_ssh(lab, keys)
    _each(lab.hosts, lambda host: _check_ssh(lab, host))
    write_inventory(lab, inventory)


def down(name: str, *, force: bool = False) -> None:
    """Remove the hosts of a lab and the network between them; its keys and images stay for the next `up`."""
    if not engine.answers():
        say("- No docker engine answers: no hosts to remove")
        return
    found = containers(name)
    others = {record["root"] for record in found} - {str(ROOT)}
    if others and not force:
        raise LabError(
            f"The hosts of {name} were made by {', '.join(sorted(others))}.\n  Remedy: run this there, or add --force"
        )
    running = [record["id"] for record in found if record["state"] == "running"]
    # Sessions are closed in good order, so that nobody's shared ssh connection waits for a host that is gone.
    _each(running, lambda identity: succeeds(["docker", "exec", identity, "pkill", "-x", "sshd"], timeout=10))
    if found:
        docker("rm", "--force", "--volumes", *[record["id"] for record in found])
    _remove_network(name)
    say(f"- Removed {len(found)} hosts of {name}")


def purge(name: str, *, force: bool = False) -> None:
    """Remove what else the lab made; and when no lab of this clone has hosts, what all of them shared."""
    down(name, force=force)
    labs = {name} | {path.parent.name for path in STATE.glob("*/lab.json")}
    alive = {record["lab"] for record in containers()} if engine.answers() else set()
    for each in sorted(labs if not alive else {name}):
        _forget(each)
    if alive:
        say(f"- The images stay: there are hosts of {', '.join(sorted(alive))}")
    elif engine.answers():
        image.remove_all()
        engine.release(ENGINE_RECORD)


def _forget(name: str) -> None:
    """A lab's network and state."""
    if engine.answers():
        _remove_network(name)
    shutil.rmtree(STATE / name, ignore_errors=True)


def _remove_network(name: str) -> None:
    """So that another lab can have its addresses. It stays while it holds containers that are not ours."""
    listed = docker("network", "ls", "--filter", f"label={LABEL}={name}", "--format", "{{.Name}}").split()
    for network in listed:
        if not json.loads(docker("network", "inspect", network))[0]["Containers"]:
            docker("network", "rm", network)


def containers(name: str | None = None) -> list[dict[str, str]]:
    """The hosts of one lab, or of all labs on this machine: id, host, state, lab, root (the clone), spec."""
    lab = f"label={LABEL}={name}" if name else f"label={LABEL}"
    found = docker(
        "ps", "--all", "--no-trunc", "--filter", lab, "--filter", f"label={LABEL}.host", "--format", "{{.ID}}"
    ).split()
    if not found:
        return []
    records = []
    for record in json.loads(docker("inspect", "--type", "container", *found)):
        labels = record["Config"]["Labels"]
        records.append(
            {
                "id": record["Id"],
                "state": record["State"]["Status"],
                "lab": labels[LABEL],
                **{key: labels.get(f"{LABEL}.{key}", "") for key in ("host", "root", "spec")},
            }
        )
    return records


def container_state(lab: Lab, host: str) -> str:
    """As docker names it: running, paused, exited, ..."""
    return docker("inspect", "--type", "container", "--format", "{{.State.Status}}", lab.container(host)).strip()


def wait_for_boot(lab: Lab, host: str) -> None:
    lab.run(host, ["timeout", "180", "sh", "-c", BOOTED], timeout=200)


def set_link(lab: Lab, host: str, state: str) -> None:
    """The machine's end of a host's veth: up or down."""
    index = int(lab.run(host, ["cat", "/sys/class/net/eth0/iflink"]))
    names = [path.parent.name for path in Path("/sys/class/net").glob("*/ifindex") if int(path.read_text()) == index]
    if not names:
        raise LabError(f"{host}: its cable's other end is not on this machine; is the docker engine elsewhere?")
    command = ["ip", "link", "set", names[0], state]
    if os.geteuid() == 0:
        run(command)
    else:  # whoever may use the engine may borrow its rights
        docker("run", "--rm", "--network", "host", "--cap-add", "NET_ADMIN", image.tag(lab.release, "host"), *command)


def _each(items: Iterable[Any], do: Callable[[Any], Any]) -> list[Any]:
    """`do` for all items side by side; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(do, items))


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time: what all labs share is made once, however many come up side by side."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check(lab: Lab) -> None:
    unknown = [host for host in lab.hosts if host not in addresses.HOSTS]
    if unknown:
        raise LabError(f"--hosts: {', '.join(unknown)} not known; there are {', '.join(addresses.HOSTS)}.")
    if lab.subnet.prefixlen > 27:
        raise LabError(f"--subnet {lab.subnet}: too small, a lab needs a /27 or larger.")
    for link in json.loads(run(["ip", "-j", "address"])) if shutil.which("ip") else []:
        for found in link["addr_info"]:
            own = ip_address(found["local"])
            if own in (lab.subnet if own.version == 4 else lab.subnet6) and link["ifname"] != _bridge(lab):
                raise LabError(
                    f"--subnet {lab.subnet}: {own} in it is already this machine's ({link['ifname']}): "
                    "the two would clash.\n  Remedy: another --subnet"
                )
    for route in json.loads(run(["ip", "-j", "route", "show", "default"])) if shutil.which("ip") else []:
        if ip_address(route.get("gateway", "0.0.0.0")) in lab.subnet:
            raise LabError(
                f"--subnet {lab.subnet} holds this machine's gateway {route['gateway']}: the lab would cut "
                "it off.\n  Remedy: another --subnet"
            )


def _make_key(lab: Lab) -> None:
    key = lab.state / "key"
    if not key.exists():
        if not shutil.which("ssh-keygen"):
            engine.install("openssh-client")
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {lab.name}", "-f", str(key)])


def _bridge(lab: Lab) -> str:
    """The bridge is called as the lab is, as far as the kernel's 15 characters go."""
    if len(lab.name) <= 15:
        return lab.name
    return lab.name[:10] + hashlib.sha256(lab.name.encode()).hexdigest()[:5]


def _make_network(lab: Lab) -> None:
    listing = docker("network", "ls", "--filter", f"name=^{lab.name}$", "--format", "{{.ID}}").split()
    wanted = {str(lab.subnet), str(lab.subnet6)}
    if listing:
        network = json.loads(docker("network", "inspect", listing[0]))[0]
        if {pool["Subnet"] for pool in network["IPAM"]["Config"]} == wanted:
            return
        if network["Labels"].get(LABEL) != lab.name:
            raise LabError(f"A docker network {lab.name} is there that the lab did not make.\n  Remedy: another --name")
        if network["Containers"]:
            raise LabError(f"Lab {lab.name} has other subnets. Remedy: lab/lab down --name {lab.name} first")
        docker("network", "rm", lab.name)
    # fmt: off
    try:
        docker("network", "create", "--driver", "bridge", "--ipv6",
               "--subnet", str(lab.subnet), "--gateway", str(lab.subnet[1]),
               "--subnet", str(lab.subnet6), "--gateway", str(lab.subnet6[1]),
               "--opt", f"com.docker.network.bridge.name={_bridge(lab)}",
               "--label", f"{LABEL}={lab.name}", lab.name)
    # fmt: on
    except LabError as error:
        if "overlaps" in str(error):
            raise LabError(
                f"--subnet {lab.subnet} or --subnet6 {lab.subnet6}: another docker network has it.\n"
                "  Remedy: other subnets, or remove that network (docker network ls)"
            ) from None
        raise


def _options(lab: Lab, host: str) -> list[str]:
    """What `docker run` is told: systemd wants its cgroup tree and two tmpfs; VRRP, nftables, overlays the rights."""
    # fmt: off
    options = ["--hostname", host, "--network", lab.name, "--ip", lab.address(host), "--ip6", lab.address6(host),
               "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW",
               "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
               "--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
               "--tmpfs", "/run", "--tmpfs", "/run/lock",
               "--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    # fmt: on
    if lab.docker and image.kind_of(host) == "host":
        options += ["--volume", f"{engine.SOCKET}:{engine.SOCKET}"]
    if Path("/dev/net/tun").exists():
        options += ["--device", "/dev/net/tun"]
    if cmdline := image.cmdline(lab.release):
        options += ["--env", f"SYSTEMD_PROC_CMDLINE={cmdline}"]
    return options


def _make_host(lab: Lab, host: str, found: dict[str, str] | None) -> None:
    argv = [*_options(lab, host), image.tag(lab.release, image.kind_of(host))]
    spec = hashlib.sha256("\0".join(argv).encode()).hexdigest()[:12]
    if found and found["spec"] == spec:
        if found["state"] == "paused":
            docker("unpause", lab.container(host))
        elif found["state"] != "running":
            docker("start", lab.container(host))
        set_link(lab, host, "up")
        return
    if found:
        docker("rm", "--force", "--volumes", found["id"])
    labels = {LABEL: lab.name, f"{LABEL}.host": host, f"{LABEL}.root": str(ROOT), f"{LABEL}.spec": spec}
    for key, value in labels.items():
        argv[:0] = ["--label", f"{key}={value}"]
    docker("run", "--detach", "--name", lab.container(host), *argv)


def _welcome(lab: Lab, host: str) -> str:
    public = (lab.state / "key.pub").read_text()
    try:
        said = lab.run(host, ["timeout", "180", "sh", "-ec", WELCOME], stdin=public, timeout=200)
    except LabError as error:
        jobs = f"docker exec {lab.container(host)} systemctl list-jobs"
        raise LabError(f"{host} does not come up: {error}\n  See: docker logs {lab.container(host)}; {jobs}") from None
    kind, key = said.split()[:2]
    return f"{kind} {key}"


def _write_ssh(lab: Lab, keys: dict[str, str]) -> None:
    """Host keys, learnt from the engine and not from the network, and a configuration for `ssh -F`."""
    known = lab.state / "known_hosts"
    old = dict(line.split(" ", 1) for line in known.read_text().splitlines()) if known.exists() else {}
    old.update({f"{lab.address(host)},{lab.address6(host)}": key for host, key in keys.items()})
    known.write_text("".join(f"{names} {key}\n" for names, key in sorted(old.items())))
    blocks = [f"Host {host}\n  HostName {lab.address(host)}\n" for host in addresses.HOSTS]
    (lab.state / "ssh_config").write_text(
        "".join(blocks) + f'Host *\n  User {USER}\n  IdentityFile "{lab.state}/key"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{known}"\n  StrictHostKeyChecking yes\n'
    )


def _check_ssh(lab: Lab, host: str) -> None:
    run(
        [
            "ssh",
            "-F",
            str(lab.state / "ssh_config"),
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=20",
            "-o",
            "ConnectionAttempts=5",
            host,
            "sudo",
            "-n",
            "true",
        ],
        timeout=150,
    )


def write_inventory(lab: Lab, source: Path, target: Path | None = None) -> None:
    """The inventory directory, moved into the lab's subnets and told how this lab is reached."""
    if not source.is_dir():
        say(f"- No inventory written: {source} is not a directory")
        return
    target = target or lab.inventory
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy.write_text(
                addresses.move(path.read_text().replace(STATE_IN_INVENTORY, str(lab.state)), lab.subnet, lab.subnet6)
            )
        except ValueError as error:
            raise LabError(f"{path}: {error}") from None
    settings = {
        "ansible_user": USER,
        "ansible_become": True,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": f"{lab.state}/key",
        "ansible_ssh_common_args": f'-o UserKnownHostsFile="{lab.state}/known_hosts" -o IdentitiesOnly=yes',
    }
    target.mkdir(parents=True, exist_ok=True)
    extra: dict[str, Any] = {"all": {"vars": settings}}
    if "client" in lab.hosts:
        extra["clients"] = {"hosts": {"client": {"ansible_host": lab.address("client")}}}
    (target / "zz-lab.json").write_text(json.dumps(extra, indent=1) + "\n")
