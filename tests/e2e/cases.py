# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option of every module, once with its effect.  A new option is a new line here; the suite fails without it.

Say which module with which options, and for each option that the case is about where its effect is seen:

    Case("guest", {"name": "g-mem", "mem": 96}, {"mem": inside("g-mem", "...").shows("...")}),

* ``host(...)`` runs a script on the lab host, ``inside(GUEST, ...)`` in a guest; ``shows(...)`` is a regular expression for all that it
  prints. ``returns(PATH, ...)`` looks into the module's result, for modules that only tell.
* On the lab host there are ``$W``, the working directory, ``$N``, the lab's network namespace, and ``pid GUEST``. In options ``$W``
  and ``$N`` are filled in.
* An option with choices wants a case for each of them, a suboption its own look (``faults.path``).
* Each case runs twice and has to report no change the second time, unless ``again=False``; one with ``fails`` has to fail.
* ``before`` makes what has to be there. Take a guest of your own, named after the case; the end of the lab takes it away. Guests that
  only have to be defined are cheap (``"state": "present"``).
* Try one: ``make e2e`` prints the command; ``-k guest-mem`` runs that case alone.

All run by the action plugin in the controller, and by SSH as a module under the lab host's own Python.
"""

from __future__ import annotations

from case import Call, Case, Look, Script, call, controller, host, inside, returns

# A guest that has nothing to do needs no more.
_SMALL = {"mem": 64}
_HANG = "init=/bin/cat"
_LAYER = host("mkdir -p $W/layer/srv && echo layered >$W/layer/srv/word && chmod -R go+rX $W/layer")
_HOLD_LOCK = host(
    "(trap '' HUP; exec 9>>$W/lock; flock 9; exec sleep 3000) </dev/null >/dev/null 2>&1 & echo $! >$W/holder\n"
    "while flock -n $W/lock true; do sleep 0.1; done"
)
_LET_LOCK_GO = host("kill $(cat $W/holder); rm $W/holder")
_LOCKED = "another run still held its lock after 1 s"
# Each of the operations that may be made to fail.
_MET = "cd /root; touch create; cat open; cat read; rm remove; dd if=/dev/zero of=write bs=4k count=1 conv=notrunc,fsync status=none"
# How many processes there are of a guest that had one: a zombie is none, and another process may have its number by now.
_WAS = "cat /proc/$(cat $W/was)/cmdline 2>/dev/null | grep -c umid={0}"
_TO_CLEAN = {"defaults": {"mem": 64}, "guests": {"s-clean": None}}
_TICK = "(while :; do date +%N >/root/tick; sleep 0.05; done) </dev/null >/dev/null 2>&1 &"
_TICKS = (
    "tick() {{ cat $W/guests/{0}/diff/root/tick; }}; a=$(tick)\n"
    'for i in $(seq 20); do sleep 0.1; [ "$a" = "$(tick)" ] || {{ echo goes; exit; }}; done; echo still'
)


# Writes a word when the guest's init ends all processes.
_SAY_SHUTDOWN = inside(
    "g-stop",
    "rm -f /root/shutdown; setsid sh -c 'trap \"echo asked >/root/shutdown; exit\" TERM; echo $$ >/run/says; while :; do sleep 1; done'"
    " </dev/null >/dev/null 2>&1 & until [ -s /run/says ]; do sleep 0.1; done",
)


def _defined(name: str, **options: object) -> Call:
    return call("guest", name=name, state="present", **{**_SMALL, **options})


def _running(name: str, **options: object) -> Call:
    return call("guest", name=name, **{**_SMALL, **options})


def _memory(guest: str, least: int, most: int) -> Look:
    """That a guest's kernel has so many MB, and no more."""
    found = f"awk '/^MemTotal/ {{m = $2 / 1024; print (m > {least} && m <= {most}) ? \"fits\" : m}}' /proc/meminfo"
    return inside(guest, found).shows("fits")


GUEST = (
    Case(
        "guest",
        {"name": "g-name", "mem": 64},
        {"name": inside("g-name", "cat /proc/sys/kernel/hostname").shows("g-name")},
        core=True,
    ),
    Case(
        "guest",
        {"workdir": "$W-other", "netns": "$N-own", "name": "g-elsewhere", "mem": 64},
        {
            "workdir": host("ls $W-other/guests").shows("g-elsewhere"),
            "netns": host("ip netns pids $N-own | grep -cx $(cat $W-other/guests/g-elsewhere/*/pid)").shows("1"),
        },
        before=(host("mkdir -m 700 $W-other; cp -a $W/kernels $W/masters $W-other"),),
        after=(call("guest", workdir="$W-other", name="g-elsewhere", state="absent"),),
    ),
    Case(
        "guest",
        {"name": "g-lock", "lock_timeout": 1},
        {"lock_timeout": host("ls $W/guests | grep -c g-lock").shows("0")},
        before=(_HOLD_LOCK,),
        after=(_LET_LOCK_GO,),
        fails=_LOCKED,
    ),
    Case(
        "guest",
        {"name": "g-present", "state": "present"},
        {"state": host("ls $W/guests/g-present/*/pid").shows("(?s).*No such file.*")},
    ),
    Case(
        "guest",
        {"name": "g-started", "state": "started", "mem": 64},
        {"state": host("tr '\\0' ' ' </proc/$(pid g-started)/cmdline").shows("linux mem=64M .*")},
    ),
    Case(
        "guest",
        {"name": "g-paused", "state": "paused"},
        {"state": host(_TICKS.format("g-paused")).shows("still")},
        before=(_running("g-paused"), inside("g-paused", _TICK)),
    ),
    Case(
        "guest",
        {"name": "g-paused", "state": "started"},
        {"state": host(_TICKS.format("g-paused")).shows("goes")},
        after=(call("guest", name="g-paused", state="absent"),),
    ),
    Case(
        "guest",
        {"name": "g-stopped", "state": "stopped"},
        {"state": host(_WAS.format("g-stopped")).shows("0")},
        before=(_running("g-stopped"), host("pid g-stopped >$W/was")),
    ),
    Case(
        "guest",
        {"name": "g-restarted", "state": "restarted"},
        {"state": host("[ $(pid g-restarted) = $(cat $W/was) ] && echo same || echo another").shows("another")},
        before=(_running("g-restarted"), host("pid g-restarted >$W/was")),
        again=False,
    ),
    Case(
        "guest",
        {"name": "g-absent", "state": "absent"},
        {"state": host(f"ls $W/guests | grep -c g-absent; {_WAS.format('g-absent')}").shows(r"0\s+0")},
        before=(_running("g-absent"), host("pid g-absent >$W/was")),
    ),
    Case(
        "guest",
        {
            "name": "g-many",
            "kernel": "scripts",
            "master": "systemd",
            "init": "minimal",
            "mem": 96,
            "cmdline": "e2e.word=1 loglevel=3",
            "cpu": "0",
            "disk": 64,
            "layers": ["$W/layer"],
        },
        {
            "kernel": host(
                "[ $W/guests/g-many/linux -ef $W/kernels/scripts/linux ] && [ ! -e $W/kernels/scripts/agent ] && echo it"
            ).shows("it"),
            "master": inside("g-many", "readlink /sbin/init").shows(".*systemd"),
            "init": inside("g-many", "tr '\\0' ' ' </proc/1/cmdline; ls -d /run/systemd/system").shows(
                "(?s).*/.dumm/.*No such file.*"
            ),
            "mem": _memory("g-many", 70, 96),
            "cmdline": inside("g-many", "grep -o 'e2e.word=1 loglevel=3' /proc/cmdline").shows("e2e.word=1 loglevel=3"),
            "cpu": host("awk '/^Cpus_allowed_list/ {print $2}' /proc/$(pid g-many)/status").shows("0"),
            "disk": host("grep -F \" $W/guests/g-many \" /proc/self/mountinfo | grep -o 'ext4 /dev/loop[0-9]*'").shows(
                "ext4 /dev/loop[0-9]+"
            ),
            "layers": inside("g-many", "cat /srv/word").shows("layered"),
        },
        before=(_LAYER,),
        core=True,
    ),
    Case(
        "guest",
        {"name": "g-root", "confine": False, "mem": 64},
        {"confine": host("awk '/^Uid/ {print $2}' /proc/$(pid g-root)/status").shows("0")},
    ),
    *(
        Case(
            "guest",
            {"name": f"g-{way}", "userspace": way, "mem": 64},
            {
                "userspace": host(
                    f'grep -l "^TracerPid:.$(pid g-{way})$" /proc/[0-9]*/status 2>/dev/null | wc -l'
                ).shows(traced)
            },
        )
        for way, traced in (("seccomp", "0"), ("ptrace", "[1-9].*"), ("auto", "0"))
    ),
    Case(
        "guest",
        {"name": "g-overlay", "union": "overlay", "mem": 64},
        {"union": host("awk '$2 == \"/fs\" {print $3}' /proc/$(pid g-overlay)/mounts").shows("overlay")},
    ),
    Case(
        "guest",
        {"name": "g-picked", "union": "auto", "mem": 64},
        {"union": host("awk '$2 == \"/fs\" {print $3}' /proc/$(pid g-picked)/mounts").shows("overlay")},
    ),
    Case(
        "guest",
        {"name": "g-cowfs", "union": "cowfs", "mem": 64},
        {"union": host("awk '$2 == \"/fs\" {print $3}' /proc/$(pid g-cowfs)/mounts").shows("fuse.*")},
        core=True,
    ),
    Case(
        "guest",
        {
            "name": "g-cowfs",
            "faults": [
                {"path": "/root/create", "during": ["create"], "error": "ENOSPC"},
                {"path": "/root/open", "during": ["open"], "error": "EACCES"},
                {"path": "/root/read", "during": ["read"], "error": "EIO"},
                {"path": "/root/remove", "during": ["remove"], "error": "EROFS"},
                {"path": "/root/write", "during": ["write"], "error": "EDQUOT"},
                {"path": "/root/slow", "delay": 1000},
            ],
        },
        {
            "faults": inside("g-cowfs", "cat /root/read; cat /root/fine").shows(
                "cat: /root/read: Input/output error\\s+word"
            ),
            "faults.path": inside("g-cowfs", "touch /root/other && echo made").shows("made"),
            "faults.during": inside("g-cowfs", _MET).shows(
                "(?s).*create.*No space.*open.*denied.*read.*Input/output.*remove.*Read-only.*write.*quota.*"
            ),
            "faults.error": inside("g-cowfs", _MET).shows("(?s).*No space.*denied.*Input/output.*Read-only.*quota.*"),
            "faults.delay": inside(
                "g-cowfs", "a=$(date +%s%3N); cat /root/slow; b=$(date +%s%3N); [ $((b - a)) -ge 900 ] && echo late"
            ).shows(r"word\s+late"),
        },
        before=(
            inside(
                "g-cowfs",
                "for f in open read remove write slow fine; do echo word >/root/$f; done; sync; echo 3 >/proc/sys/vm/drop_caches",
            ),
        ),
    ),
    Case(
        "guest",
        {"name": "g-cowfs", "faults": []},
        {"faults": inside("g-cowfs", "cat /root/read").shows("word")},
    ),
    # What the guest wrote
    Case(
        "guest",
        {"name": "g-saved", "state": "stopped", "save": "one"},
        {"save": host("cat $W/guests/g-saved/saves/one/root/word").shows("first")},
        before=(_running("g-saved"), inside("g-saved", "echo first >/root/word")),
    ),
    Case(
        "guest",
        {"name": "g-saved", "state": "stopped", "restore": "one"},
        {"restore": host("cat $W/guests/g-saved/diff/root/word").shows("first")},
        before=(_running("g-saved"), inside("g-saved", "echo second >/root/word")),
    ),
    Case(
        "guest",
        {"name": "g-saved", "state": "stopped", "remove_save": "one"},
        {"remove_save": host("ls -A $W/guests/g-saved/saves").shows("")},
    ),
    Case(
        "guest",
        {"name": "g-saved", "state": "stopped", "reset": True},
        {"reset": host("ls $W/guests/g-saved/diff/root/word").shows("(?s).*No such file.*")},
    ),
    Case(
        "guest",
        {"name": "g-grown", "mem": 160, "restart": True},
        {"restart": _memory("g-grown", 120, 160)},
        before=(_running("g-grown"),),
    ),
    Case(
        "guest",
        {"name": "g-busy", "layers": [], "in_use": "refuse"},
        {"in_use": inside("g-busy", "cat /srv/word").shows("layered")},
        before=(
            _LAYER,
            _running("g-busy", layers=["layer"]),
            inside("g-busy", "exec 3</srv/word; (trap '' HUP; exec sleep 1000) <&3 >/dev/null 2>&1 &"),
        ),
        fails="/srv/word",
    ),
    Case(
        "guest",
        {"name": "g-busy", "layers": [], "in_use": "force"},
        {"in_use": inside("g-busy", "cat /srv/word").shows("(?s).*No such file.*")},
    ),
    Case(
        "guest",
        {
            "name": "g-ready",
            "ready": {"run": "echo try >>/root/tries; [ $(wc -l </root/tries) -ge 3 ]", "within": "60s"},
            "mem": 64,
        },
        {"ready": host("wc -l <$W/guests/g-ready/diff/root/tries").shows("[3-9]")},
    ),
    *(
        Case(
            "guest",
            {"name": "g-stop", "state": "stopped", "stop": stop, **_SMALL},
            {"stop": host("cat $W/guests/g-stop/diff/root/shutdown 2>&1 | tail -n 1").shows(found)},
            before=(_running("g-stop", **({} if stop == "clean" else {"stop": "clean"})), _SAY_SHUTDOWN),
        )
        for stop, found in (("clean", "asked"), ("halt", ".*No such file.*"))
    ),
    Case(
        "guest",
        {"name": "g-hangs", "cmdline": _HANG, "mem": 64, "wait_timeout": 2},
        {"wait_timeout": host("ls $W/guests | grep g-hangs").shows("g-hangs")},
        after=(call("guest", name="g-hangs", state="absent", wait_timeout=1),),
        fails="within 2 s",
    ),
)

IFACE = (
    Case(
        "iface",
        {"workdir": "$W-other", "netns": "$N-own", "guest": "i-elsewhere", "name": "eth0"},
        {
            "workdir": host("cat $W-other/guests/i-elsewhere/guest.json").shows("(?s).*eth0.*"),
            "netns": host("ip -n $N-own link show i-elsewhere-eth0").shows("(?s).*i-elsewhere-eth0.*"),
        },
        before=(call("guest", workdir="$W-other", netns="$N-own", name="i-elsewhere", mem=64),),
        after=(call("guest", workdir="$W-other", name="i-elsewhere", state="absent"),),
    ),
    Case(
        "iface",
        {"guest": "i-lock", "name": "eth0", "lock_timeout": 1},
        {"lock_timeout": host("grep -c eth0 $W/guests/i-lock/guest.json").shows("0")},
        before=(_defined("i-lock"), _HOLD_LOCK),
        after=(_LET_LOCK_GO,),
        fails=_LOCKED,
    ),
    Case(
        "iface",
        {
            "guest": "i-one",
            "name": "net7",
            "state": "present",
            "bridge": "i-br",
            "mac": "02:00:00:00:07:07",
            "mtu": 1400,
            "address": ["10.7.0.1/24", "fd00:7::1/64"],
            "up": True,
        },
        {
            "guest": inside("i-one", "ls /sys/class/net").shows(r"(?s).*\bnet7\b.*"),
            "name": host("ip -n $N -o link show i-one-net7").shows("(?s).*i-one-net7.*"),
            "state": inside("i-one", "test -d /sys/class/net/net7 && echo there").shows("there"),
            "bridge": host("ip -n $N -o link show master i-br").shows(".*i-one-net7.*"),
            "mac": inside("i-one", "cat /sys/class/net/net7/address").shows("02:00:00:00:07:07"),
            "mtu": inside("i-one", "cat /sys/class/net/net7/mtu").shows("1400"),
            "address": inside(
                "i-one", "ip -o addr show dev net7 scope global | awk '{print $4}' | sort | tr '\\n' ' '"
            ).shows("10.7.0.1/24 fd00:7::1/64 ?"),
            "up": inside("i-one", "ip -o link show up dev net7").shows(".*net7.*"),
        },
        before=(call("bridge", name="i-br"), _running("i-one")),
        core=True,
    ),
    Case(
        "iface",
        {"guest": "i-one", "name": "net7", "up": False},
        {"up": inside("i-one", "ip -o link show up dev net7").shows("")},
    ),
    Case(
        "iface",
        {"guest": "i-one", "name": "net7", "bridge": "", "mac": "", "address": []},
        {
            "bridge": host("ip -n $N -o link show master i-br").shows(""),
            "mac": inside("i-one", "cat /sys/class/net/net7/address").shows("(?!02:00:00:00:07:07).*:.*"),
            "address": inside("i-one", "ip -o addr show dev net7 scope global").shows(""),
        },
    ),
    Case(
        "iface",
        {"guest": "i-one", "name": "net7", "state": "absent"},
        {"state": inside("i-one", "ls /sys/class/net | grep -c net7").shows("0")},
    ),
)

BRIDGE = (
    Case(
        "bridge",
        {"workdir": "$W-other", "netns": "$N-own", "name": "b-elsewhere"},
        {
            "workdir": host("ls $W-other/bridges").shows("b-elsewhere.*"),
            "netns": host("ip -n $N-own -o link show b-elsewhere").shows(".*b-elsewhere.*"),
        },
        after=(call("bridge", workdir="$W-other", name="b-elsewhere", state="absent"),),
    ),
    Case(
        "bridge",
        {"name": "b-lock", "lock_timeout": 1},
        {"lock_timeout": host("ip -n $N -o link 2>/dev/null | grep -c b-lock").shows("0")},
        before=(call("bridge", name="b-first"), _HOLD_LOCK),
        after=(_LET_LOCK_GO,),
        fails=_LOCKED,
    ),
    Case(
        "bridge",
        {
            "name": "b-one",
            "state": "present",
            "interfaces": ["b-guest:eth0"],
            "address": ["10.8.0.254/24"],
            "mtu": 1300,
            "stp": True,
            "group_fwd_mask": 16384,
        },
        {
            "name": host("ip -n $N -o link show type bridge | grep -o b-one:").shows("b-one:"),
            "state": host("ip -n $N -o link show up dev b-one").shows(".*b-one.*"),
            "interfaces": host("ip -n $N -o link show master b-one").shows(".*b-guest-eth0.*"),
            "address": host("ip -n $N -o -4 addr show dev b-one | awk '{print $4}'").shows("10.8.0.254/24"),
            "mtu": host("ip -n $N -o link show dev b-one").shows(".* mtu 1300 .*"),
            "stp": host("ip -n $N -d link show dev b-one | grep -o 'stp_state 1'").shows("stp_state 1"),
            "group_fwd_mask": host("ip -n $N -d link show dev b-one | grep -o 'group_fwd_mask [0-9a-fx]*'").shows(
                "group_fwd_mask (16384|0x4000)"
            ),
        },
        before=(
            _running("b-guest"),
            call("iface", guest="b-guest", name="eth0"),
            call("iface", guest="b-guest", name="eth1"),
        ),
        core=True,
    ),
    Case(
        "bridge",
        {"name": "b-one", "interfaces": ["b-guest:eth1"], "purge_interfaces": True},
        {"purge_interfaces": host("ip -n $N -o link show master b-one").shows(".*b-guest-eth1.*")},
    ),
    Case(
        "bridge",
        {"name": "b-one", "multicast_snooping": False},
        {
            "multicast_snooping": host("ip -n $N -d link show dev b-one | grep -o 'mcast_snooping [01]'").shows(
                "mcast_snooping 0"
            )
        },
    ),
    # About other namespaces that are on their way out ip complains, too.
    Case(
        "bridge",
        {
            "name": "b-span",
            # Its own address may be among its peers'. Each lab takes a number of its own, since several may run at once.
            "span": {
                "vni": "{{ 9999999 | random(start=5000, seed='$N') }}",
                "local": "192.0.2.1",
                "peers": ["192.0.2.1"],
                "port": 24789,
                "mtu": 1600,
            },
        },
        {
            "span": host("ip -n $N -o link show master b-span 2>/dev/null").shows(".*b-span-span.*"),
            "span.vni": host("ip -n $N -d link show dev b-span-span 2>/dev/null").shows("(?s).*vxlan id [0-9]{4,7} .*"),
            "span.local": host("ip -n $N -d link show dev b-span-span 2>/dev/null").shows("(?s).* local 192.0.2.1 .*"),
            "span.peers": host("bridge -n $N fdb show dev b-span-span 2>/dev/null | grep -c dst").shows("0"),
            "span.port": host("ip -n $N -d link show dev b-span-span 2>/dev/null").shows("(?s).* dstport 24789 .*"),
            "span.mtu": returns("bridge.span.mtu", "1600"),
        },
    ),
    Case(
        "bridge",
        {"name": "b-nowhere", "span": {"vni": 4711, "local": "192.0.2.1", "peers": ["192.0.2.2"]}},
        {"span.peers": host("ip -n $N -o link 2>/dev/null | grep -c b-nowhere").shows("0")},
        fails="bridge b-nowhere: 192.0.2.1 is no address of this host",
    ),
    Case(
        "bridge",
        {"name": "b-one", "state": "absent"},
        {"state": host("ip -n $N -o link 2>/dev/null | grep -c b-one").shows("0")},
    ),
)

_PAIR = {
    "defaults": _SMALL,
    "guests": {"s-a": {}, "s-b": {}},
    "links": [{"a": "s-a:eth0", "b": "s-b:eth0", "prefix": "10.9.0.0/24"}],
}
_STAMPED = "echo >/root/begin; sleep 1; echo >/root/end"
_BOTH = "for g in s-a s-b; do [ -d /proc/$(pid $g) ] && echo $g; done"
_WRITE_LAYER = host(
    "mkdir -p $W/scenarios/s-layers/diff/s-layered/srv; echo scenario >$W/scenarios/s-layers/diff/s-layered/srv/scenario"
)

SCENARIO = (
    Case(
        "scenario",
        {"workdir": "$W-other", "netns": "$N-own", "name": "s-elsewhere", "config": {"bridges": {"s-lan": None}}},
        {
            "workdir": host("ls $W-other/bridges").shows("s-lan.*"),
            "netns": host("ip -n $N-own -o link show s-lan").shows(".*s-lan.*"),
        },
        after=(call("scenario", workdir="$W-other", name="s-elsewhere", state="absent"),),
    ),
    Case(
        "scenario",
        {"name": "s-lock", "config": {"guests": {"s-lock": None}}, "lock_timeout": 1},
        {"lock_timeout": host("ls $W/guests | grep -c s-lock").shows("0")},
        before=(_HOLD_LOCK,),
        after=(_LET_LOCK_GO,),
        fails=_LOCKED,
    ),
    Case(
        "scenario",
        {"name": "s-pair", "state": "present", "config": _PAIR},
        {
            "name": host("grep -h '\"scenario\"' $W/guests/s-a/guest.json").shows("(?s).*s-pair.*"),
            "state": host(_BOTH).shows(r"s-a\s+s-b"),
            "config": inside("s-a", "ping -c 1 -w 60 10.9.0.2").shows("(?s).* 1 received.*"),
        },
        core=True,
    ),
    Case(
        "scenario",
        {
            "name": "s-shared",
            "config": {"defaults": {"mem": 64}, "guests": {"s-shared": {"interfaces": {"eth0": None}}}},
            "lab_hosts": ["{{ inventory_hostname }}"],
            "lab": "word",
            "move": True,
        },
        {
            "lab_hosts": host("cat $W/placed/s-shared.json").shows(r'(?s).*"s-shared": "(localhost|lab1)".*'),
            # What derives from these names; a playbook over several lab hosts is in tests/hosts.
            "lab": host("grep -o '02:a7:ec:eb:de:81' $W/guests/s-shared/guest.json").shows("02:a7:ec:eb:de:81"),
            "move": returns("scenario.moving", r"\{\}"),
        },
    ),
    Case(
        "scenario",
        {"name": "s-none", "config": {"guests": {}}, "lab_hosts": ["{{ inventory_hostname }}"], "lab_host": "nobody"},
        {"lab_host": host("ls $W/placed 2>&1 | grep -c s-none").shows("0")},
        fails="lab host nobody: it is not one of lab_hosts",
    ),
    Case(
        "scenario",
        {
            "name": "s-none",
            "config": {"guests": {}},
            "lab_hosts": ["{{ inventory_hostname }}"],
            "lost": ["{{ inventory_hostname }}"],
        },
        {"lost": host("ls $W/placed 2>&1 | grep -c s-none").shows("0")},
        fails="it is one of lab_hosts, and lost",
    ),
    Case(
        "scenario",
        {"name": "s-none", "config": {"guests": {}}, "lab_hosts": ["{{ inventory_hostname }}"], "vxlan_port": 70000},
        {"vxlan_port": host("ls $W/placed 2>&1 | grep -c s-none").shows("0")},
        fails="vxlan_port: 70000 is no UDP port",
    ),
    Case(
        "scenario",
        {"name": "s-clean", "config": _TO_CLEAN, "clean": "network"},
        {"clean": inside("s-clean", "cat /proc/sys/net/ipv4/ip_forward /sys/class/net/lo/mtu").shows(r"0\s+65536")},
        before=(
            call("scenario", name="s-clean", config=_TO_CLEAN, clean="network"),
            inside("s-clean", "echo 1 >/proc/sys/net/ipv4/ip_forward; ip link set lo mtu 1500"),
        ),
    ),
    Case(
        "scenario",
        {"name": "s-clean", "config": _TO_CLEAN, "clean": "restart"},
        {"clean": inside("s-clean", "ls /run/before").shows("(?s).*No such file.*")},
        before=(call("scenario", name="s-clean", config=_TO_CLEAN), inside("s-clean", "touch /run/before")),
        again=False,
    ),
    Case(
        "scenario",
        {"name": "s-pair", "config": {**_PAIR, "defaults": {"mem": 160}}, "only": ["s-b"], "restart": True},
        {
            "only": _memory("s-a", 40, 64),
            "restart": _memory("s-b", 120, 160),
        },
    ),
    Case(
        "scenario",
        {
            "name": "s-pair",
            "state": "stopped",
            "config": {"defaults": {"mem": 64}, "guests": {"s-a": None}},
            "prune": False,
        },
        {
            "state": host(_WAS.format("s-a")).shows("0"),
            "prune": host("ls $W/guests | grep s-b").shows("s-b"),
        },
        before=(host("pid s-a >$W/was"),),
    ),
    Case(
        "scenario",
        {
            "name": "s-pair",
            "config": {"defaults": {"mem": 64}, "guests": {"s-a": None}},
            "prune": False,
            "power": "keep",
        },
        {"power": host("[ -e $W/guests/s-a/process.json ] || echo stopped").shows("stopped")},
        changes=False,
    ),
    Case(
        "scenario",
        {
            "name": "s-pair",
            "config": {"defaults": {"mem": 64}, "guests": {"s-a": None}},
            "prune": False,
            "power": "apply",
        },
        {"power": host("[ -e $W/guests/s-a/process.json ] && echo started").shows("started")},
    ),
    Case(
        "scenario",
        {"name": "s-pair", "state": "absent"},
        {"state": host("ls $W/guests | grep -c '^s-[ab]$'").shows("0")},
    ),
    Case(
        "scenario",
        {"name": "s-src", "state": "stopped", "src": "scenario.yml"},
        {"src": host("ls $W/guests | grep s-src").shows("s-src")},
        before=(controller("echo 'guests: {s-src: }' >scenario.yml"),),
        core=True,
    ),
    Case(
        "scenario",
        {"name": "s-there", "state": "stopped", "src": "$W/scenario.yml", "remote_src": True},
        {"remote_src": host("ls $W/guests | grep s-there").shows("s-there")},
        before=(host("echo 'guests: {s-there: }' >$W/scenario.yml"),),
    ),
    Case(
        "scenario",
        {"name": "s-content", "state": "stopped", "content": "guests:\n  s-content:\n"},
        {"content": host("ls $W/guests | grep s-content").shows("s-content")},
    ),
    Case(
        "scenario",
        {"name": "s-layers", "state": "loaded", "config": {"guests": {"s-layered": None}}},
        {"state": inside("s-layered", "cat /srv/scenario").shows("scenario")},
        before=(_running("s-layered"), _WRITE_LAYER),
    ),
    Case(
        "scenario",
        {"name": "s-layers", "state": "unloaded", "in_use": "refuse"},
        {"in_use": inside("s-layered", "cat /srv/scenario").shows("scenario")},
        before=(inside("s-layered", "exec 3</srv/scenario; (trap '' HUP; exec sleep 1000) <&3 >/dev/null 2>&1 &"),),
        fails="/srv/scenario",
    ),
    Case(
        "scenario",
        {"name": "s-layers", "state": "unloaded", "in_use": "force"},
        {
            "state": inside("s-layered", "cat /srv/scenario").shows("(?s).*No such file.*"),
            "in_use": inside("s-layered", "pgrep -c sleep").shows("1"),
        },
    ),
    Case(
        "scenario",
        {
            "name": "s-record",
            "config": {"defaults": _SMALL, "guests": {"s-record": {"run": ["echo recorded >/root/word"]}}},
            "record": True,
        },
        {"record": host("cat $W/scenarios/s-record/diff/s-record/root/word").shows("recorded")},
    ),
    Case(
        "scenario",
        {
            "name": "s-parallel",
            "parallel": 1,
            "config": {
                "defaults": _SMALL,
                "guests": {name: {"run": [_STAMPED]} for name in ("s-p1", "s-p2")},
            },
        },
        {
            "parallel": host(
                # By the host's clock: those of guests differ by what a busy machine lets them wait while they boot.
                "cd $W/guests; at() { ls -d s-p$1/diff/root/$2 s-p$1/scratch/*/root/$2 2>/dev/null; }\n"
                'newer() { [ -n "$(find $1 -newer $2)" ]; }; set -- $(at 1 begin) $(at 1 end) $(at 2 begin) $(at 2 end)\n'
                "[ $# = 4 ] || exit; newer $2 $3 && newer $4 $1 || echo apart"
            ).shows("apart")
        },
    ),
    Case(
        "scenario",
        {"name": "s-hangs", "config": {"guests": {"s-hangs": {**_SMALL, "cmdline": _HANG}}}, "wait_timeout": 2},
        {"wait_timeout": host("ls $W/guests | grep s-hangs").shows("s-hangs")},
        after=(call("guest", name="s-hangs", state="absent", wait_timeout=1),),
        fails="within 2 s",
    ),
)

# A guest, a test that passes, and one that fails.
_TESTS = """guests: {{t-{0}: {{mem: 64}}}}
tests:
  good: {{tags: [quick], steps: [{{on: t-{0}, run: echo written >/root/word, code: 0}}]}}
  bad: {{steps: [{{on: t-{0}, run: echo written >/root/word; false, code: 0, within: 0s}}]}}
"""


_BOTH_TESTS = {
    "t-both.yml": "tests: {first: {steps: [{on: t-one, run: hostname, code: 0}]}, "
    "second: {steps: [{on: t-one, run: hostname, code: 0}]}}"
}
_BAD_FIRST = {
    "t-stop.yml": "tests: {first: {steps: [{on: t-one, run: 'false', code: 0, within: 0s}]}, "
    "second: {steps: [{on: t-one, run: hostname, code: 0}]}}"
}


# A suite in strongSwan's format, with one test, and the scenario of its one guest.
_SUITE = """d=$W/t-suite/tests/one/good; mkdir -p $d $W/scenarios/t-swan
printf 'STRONGSWANHOSTS=t-swan\\nHOSTNAMEIPV4="t-swan,192.0.2.1"\\nHOSTNAMEIPV6="t-swan,2001:db8::1"\\n' >$W/t-suite/testing.conf
for each in description.txt test.conf pretest.dat posttest.dat; do : >$d/$each; done
echo 't-swan::echo PH_IP_T-SWAN | sed s/^/is_/::is_192.0.2.1::YES' >$d/evaltest.dat
echo 'guests: {t-swan: {mem: 64}}' >$W/scenarios/t-swan/config"""


def _tests(name: str) -> dict[str, str]:
    return {f"t-{name}.yml": _TESTS.format(name)}


TEST = (
    Case(
        "test",
        {"workdir": "$W-other", "netns": "$N-own", "content": _tests("elsewhere"), "tests": ["good"]},
        {
            "workdir": host("ls $W-other/results").shows(r"(?s).*junit\.xml.*"),
            "netns": host("ip netns pids $N-own | grep -cx $(cat $W-other/guests/t-elsewhere/*/pid)").shows("1"),
        },
        before=(host("mkdir -p -m 700 $W-other; cp -a $W/kernels $W/masters $W-other"),),
        after=(call("scenario", workdir="$W-other", name="t-elsewhere", state="absent"),),
        again=False,
    ),
    Case(
        "test",
        {"content": _tests("lock"), "tests": ["good"], "lock_timeout": 1},
        {"lock_timeout": host("ls $W/guests | grep -c t-lock").shows("0")},
        before=(_HOLD_LOCK,),
        after=(_LET_LOCK_GO,),
        fails=_LOCKED,
    ),
    Case(
        "test",
        {"src": ["t-src.yml"], "format": "dumm", "tests": ["qui*"], "results": "$W/t-results"},
        {
            "src": returns("tests.good.result", "passed"),
            "format": returns("tests.good.result", "passed"),
            "tests": returns("counts", r"\{'passed': 1\}"),
            "results": host("ls $W/t-results").shows(r"junit\.xml\s+report\.html\s+results\.json"),
        },
        before=(controller(f"cat >t-src.yml <<'END'\n{_TESTS.format('one')}END"),),
        again=False,
        core=True,
    ),
    Case(
        "test",
        {"src": ["$W/t-there.yml"], "remote_src": True, "scenario": "t-src", "tests": ["there"]},
        {
            "remote_src": returns("tests.there.result", "passed"),
            "scenario": host("grep -h '\"scenario\"' $W/guests/t-one/guest.json").shows("(?s).*t-src.*"),
        },
        before=(
            host(
                f"mkdir -p $W/scenarios/t-src; cat >$W/scenarios/t-src/config <<'END'\n{_TESTS.format('one')}END\n"
                "echo 'tests: {there: {steps: [{on: t-one, run: hostname, match: t-one}]}}' >$W/t-there.yml"
            ),
        ),
        again=False,
    ),
    Case(
        "test",
        {
            "content": {
                "t-again.yml": "tests: {twice: {clean: none, steps: [{on: t-one, within: 0s, code: 0, "
                "run: 'echo try >>/root/tries; [ $(wc -l </root/tries) = 2 ]'}]}}"
            },
            "scenario": "t-src",
            "retry": 2,
        },
        {
            "content": returns("tests.twice.group", "t-again"),
            "retry": returns("tests.twice.result", "flaky"),
        },
        again=False,
    ),
    Case(
        "test",
        {"scenario": "t-src", "tests": ["bad"], "keep": "failed", "results": "$W/t-failed"},
        {"keep": inside("t-one", "cat /root/word").shows("written")},
        fails="1 (failed|suspect) in",
    ),
    Case(
        "test",
        {"scenario": "t-src", "tests": ["good"], "keep": "always"},
        {"keep": inside("t-one", "cat /root/word").shows("written")},
        again=False,
    ),
    Case(
        "test",
        {"content": _BOTH_TESTS, "scenario": "t-src", "parallel": 2, "keep": "always"},
        {"parallel": host("ls $W/copies").shows("2")},
        again=False,
    ),
    Case(
        "test",
        {"scenario": "t-src", "tests": ["good"], "keep": "never"},
        {"keep": inside("t-one", "cat /root/word").shows("(?s).*No such file.*")},
        again=False,
    ),
    Case(
        "test",
        {"content": _BAD_FIRST, "scenario": "t-src", "stop_on_failure": True, "results": "$W/t-stop"},
        {"stop_on_failure": host('grep -o \'"result": "skipped"\' $W/t-stop/results.json').shows(".*skipped.*")},
        fails="1 skipped in",
    ),
    Case(
        "test",
        {"src": ["$W/t-suite"], "format": "strongswan", "scenario": "t-swan"},
        {"format": returns("tests.good.result", "passed")},
        before=(host(_SUITE),),
        again=False,
    ),
    Case(
        "test",
        {
            "content": {"t-hangs.yml": _TESTS.format("hangs").replace("mem: 64", f"mem: 64, cmdline: {_HANG}")},
            "tests": ["good"],
            "wait_timeout": 2,
        },
        {"wait_timeout": host("ls $W/guests | grep t-hangs").shows("t-hangs")},
        after=(call("guest", name="t-hangs", state="absent", wait_timeout=1),),
        fails="within 2 s",
    ),
)

INFO = (
    Case(
        "info",
        {"workdir": "$W-other"},
        {"workdir": returns("lab.workdir", ".*-other")},
        changes=False,
    ),
    Case(
        "info",
        {"inside": True, "diff": True},
        {
            "inside": returns("lab.guests.f-told.hostname", "f-told"),
            "diff": returns("lab.guests.f-told.diff.added", r".*/root/word.*"),
        },
        before=(_running("f-told"), inside("f-told", "echo word >/root/word")),
        changes=False,
        core=True,
    ),
    Case(
        "info",
        {"inside": False, "diff": False},
        {
            "inside": returns("lab.guests.f-told.hostname", "<absent>"),
            "diff": returns("lab.guests.f-told.diff", "<absent>"),
        },
        changes=False,
    ),
)

# A guest on a segment with a leg of the host, which sends it packets.
_ON_A_CABLE = (
    call("bridge", name="c-lan", address=["10.209.0.254/24"]),
    _running("c-one"),
    call("iface", guest="c-one", name="eth0", bridge="c-lan", address=["10.209.0.1/24"]),
)


def _captured(name: str) -> tuple[Call, ...]:
    """What has to be there for a capture to be ended."""
    return (*_ON_A_CABLE, call("capture", name=name, interfaces=["c-one:eth0"]))


def _gone(name: str) -> tuple[Call, ...]:
    return (call("capture", name=name, state="absent"),)


def _sends_until_the_end_of(name: str, then: str) -> Script:
    """Echo requests, then datagrams until a capture has ended."""
    return host(
        "ip netns exec $N ping -c 2 -i 0.2 10.209.0.1 >/dev/null\n"
        f"while ! flock -n $W/captures/{name}/lock true; do\n"
        "    ip netns exec $N bash -c 'echo marked >/dev/udp/10.209.0.1/9'; sleep 0.2\ndone\n"
        f"cd $W/captures/{name}; {then}"
    )


_GOES = "flock -n $W/captures/{0}/lock true && echo over || echo goes"

CAPTURE = (
    Case(
        "capture",
        {"name": "c-name", "state": "started", "interfaces": ["c-one:eth0"], "dest": "$W/c-own.pcapng"},
        {
            "name": host("ls -d $W/captures/c-name").shows(".*/c-name"),
            "state": host(_GOES.format("c-name")).shows("goes"),
            "interfaces": returns("capture.interfaces", r"\['c-one:eth0'\]"),
            "dest": host(
                "while [ ! -s $W/c-own.pcapng ]; do sleep 0.1; done; grep -ac c-one:eth0 $W/c-own.pcapng"
            ).shows("1"),
        },
        before=_ON_A_CABLE,
        after=_gone("c-name"),
        core=True,
    ),
    Case(
        "capture",
        {"name": "c-filter", "interfaces": ["c-lan"], "filter": "udp and dst c-one", "packets": 1},
        {
            "filter": _sends_until_the_end_of("c-filter", "grep -ac marked packets.pcapng").shows("1"),
            "packets": host("cat $W/captures/c-filter/state").shows(r'(?s).*"ended": ?"packets".*'),
        },
        before=_ON_A_CABLE,
        after=_gone("c-filter"),
    ),
    Case(
        "capture",
        {"name": "c-bytes", "interfaces": ["c-one"], "bytes": 1500},
        {"bytes": _sends_until_the_end_of("c-bytes", "cat state").shows(r'(?s).*"ended": ?"bytes".*')},
        before=_ON_A_CABLE,
        after=_gone("c-bytes"),
    ),
    Case(
        "capture",
        {"name": "c-seconds", "interfaces": ["c-one"], "seconds": 0.1},
        {"seconds": host("cd $W/captures/c-seconds; flock lock cat state").shows(r'(?s).*"ended": ?"seconds".*')},
        before=_ON_A_CABLE,
        after=_gone("c-seconds"),
        again=False,
    ),
    Case(
        "capture",
        {"name": "c-stopped", "state": "stopped"},
        {"state": host(_GOES.format("c-stopped")).shows("over")},
        before=_captured("c-stopped"),
        after=_gone("c-stopped"),
    ),
    Case(
        "capture",
        {"name": "c-absent", "state": "absent"},
        {"state": host("ls $W/captures | grep -c c-absent").shows("0")},
        before=_captured("c-absent"),
    ),
    Case(
        "capture",
        {"workdir": "$W-other", "name": "c-elsewhere", "interfaces": ["c-one:eth0"]},
        {"workdir": host("ls $W/captures | grep -c c-elsewhere").shows("0")},
        before=_ON_A_CABLE,
        fails="there is no guest c-one",
    ),
)

CASES = (*GUEST, *IFACE, *BRIDGE, *SCENARIO, *TEST, *CAPTURE, *INFO)
