# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The layers of the guests: what the suite has for its hosts, and what stock packages and a lean guest need beside.  Goes between
# host/files/locks.sh and make-suite.sh on a shell's input.
#
# No test is edited.  What differs from upstream's image, and why, is at each function.

HOSTS=(alice bob carol dave moon sun venus winnetou)

# What an isolated guest that lives for minutes has no use for.  It starts three times as fast without.
MASKED=(
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
    cryptsetup.target dev-hugepages.mount dev-mqueue.mount getty.target getty@tty1.service getty-static.service
    hwclock.service integritysetup.target ipsec.service keyboard-setup.service kmod-static-nodes.service modprobe@configfs.service
    networking.service proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount syslog.socket systemd-ask-password-console.path
    systemd-ask-password-wall.path systemd-binfmt.service systemd-firstboot.service systemd-initctl.socket
    systemd-journal-flush.service systemd-journald-audit.socket systemd-journald-dev-log.socket systemd-logind.service
    systemd-machine-id-commit.service systemd-modules-load.service systemd-pcrphase.service systemd-pcrphase-sysinit.service
    systemd-pstore.service systemd-random-seed.service systemd-repart.service systemd-sysusers.service
    systemd-tmpfiles-clean.timer systemd-tmpfiles-setup-dev.service systemd-udev-trigger.service systemd-udevd.service
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-update-utmp.service systemd-update-utmp-runlevel.service
    systemd-user-sessions.service veritysetup.target
)

# baseline TESTING NEW: NEW/swan-default and NEW/swan-<host>.
baseline() {
    local testing=$1 new=$2 host
    mkdir -p "$new/swan-default"
    for host in "${HOSTS[@]}"; do
        mkdir -p "$new/swan-$host/etc"
        cp -r --no-preserve=ownership "$testing/hosts/$host/etc" "$new/swan-$host/"
        # An empty one would be made anew at each start.
        printf '%s' "$host.strongswan.org" | md5sum | cut -c -32 >"$new/swan-$host/etc/machine-id"
    done
    shared "$testing/hosts/default" "$new/swan-default"
    secure_shell "$new/swan-default"
    lean "$new/swan-default"
    logs "$new/swan-default"
    daemon "$new/swan-default"
    winnetou "$new/swan-winnetou"
    alice "$testing" "$new/swan-alice"
    chmod -R u=rwX,go=rX "$new"
    private "$new"
}

# shared HOSTS/DEFAULT LAYER: without what is for upstream's own disks, init and builds.
shared() {
    local left
    cp -r --no-preserve=ownership "$1/." "$2/"
    for left in etc/fstab etc/inittab etc/init.d etc/rsyslog.conf etc/ld.so.conf.d etc/security etc/profile.d \
        usr/local/bin/service usr/local/bin/systemctl usr/local/bin/init_collector usr/local/bin/init_tnc; do
        rm -r "${2:?}/$left"
    done
}

# secure_shell: OpenSSH 9 exchanges keys in packets that are too large for a tunnel, and the suite's firewalls drop the ICMP that says so.
secure_shell() {
    echo 'KexAlgorithms curve25519-sha256' >>"$1/etc/ssh/sshd_config"
}

lean() {
    local unit units=$1/etc/systemd/system
    mkdir -p "$units/multi-user.target.wants" "$units.conf.d"
    for unit in "${MASKED[@]}"; do ln -s /dev/null "$units/$unit"; done
    # Some tests go through the tunnel with ssh.
    ln -s /lib/systemd/system/ssh.service "$units/multi-user.target.wants/ssh.service"
    printf '[Manager]\nDefaultTimeoutStopSec=10s\n' >"$units.conf.d/dumm.conf"
}

# logs: the suite reads /var/log/daemon.log.  rsyslogd has the log socket itself, so that a daemon's line passes one process and not two.
# What systemd starts prints by way of journald: swanctl, when it loads credentials.
# /var/log and /tmp are the guest's own memory: files that daemons hold open there do not stand in the way when layers change.
logs() {
    local units=$1/etc/systemd/system
    mkdir -p "$units/multi-user.target.wants" "$1/etc/systemd/journald.conf.d" "$1/etc/tmpfiles.d"
    printf '%s\n' 'tmpfs /tmp tmpfs mode=1777 0 0' 'tmpfs /var/log tmpfs mode=0755 0 0' >"$1/etc/fstab"
    printf '%s\n' '[Journal]' 'Storage=none' 'Audit=no' 'ForwardToSyslog=yes' >"$1/etc/systemd/journald.conf.d/dumm.conf"
    cat >"$1/etc/rsyslog.conf" <<'CONF'
module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
input(type="imuxsock" Socket="/run/systemd/journal/syslog")
$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
$FileCreateMode 0644
auth,authpriv.* /var/log/auth.log
daemon.* /var/log/daemon.log
CONF
    cat >"$units/rsyslog.service" <<'UNIT'
[Unit]
Description=System Logging Service
DefaultDependencies=no
After=var-log.mount systemd-tmpfiles-setup.service
Requires=var-log.mount
Before=basic.target

[Service]
Type=notify
ExecStart=/usr/sbin/rsyslogd -n -iNONE
StandardOutput=null
UNIT
    ln -s ../rsyslog.service "$units/multi-user.target.wants/rsyslog.service"
    printf '%s\n' 'd /var/log/apache2 0755 root root' 'd /var/log/apache2/ocsp 0755 root root' 'd /var/log/freeradius 0755 freerad freerad' \
        'd /run/openldap 0755 openldap openldap' 'd /run/network 0755 root root' >"$1/etc/tmpfiles.d/dumm.conf"
}

# daemon: where upstream's builds have their files and their configuration.
daemon() {
    local directory
    mkdir -p "$1/usr/local/libexec" "$1/etc/profile.d" "$1/etc/systemd/system/strongswan.service.d"
    ln -s /usr/lib/ipsec "$1/usr/local/libexec/ipsec"
    printf '%s\n' '[Service]' 'Environment=STRONGSWAN_CONF=/etc/strongswan.conf.testing' >"$1/etc/systemd/system/strongswan.service.d/dumm.conf"
    printf '%s\n' 'export STRONGSWAN_CONF=/etc/strongswan.conf.testing' >"$1/etc/profile.d/strongswan.sh"
    for directory in bliss conf.d ecdsa pkcs12 pkcs8 private pubkey rsa x509 x509aa x509ac x509ca x509crl x509ocsp; do
        mkdir -p "$1/etc/swanctl/$directory"
    done
    for directory in aacerts acerts cacerts certs crls ocspcerts private; do mkdir -p "$1/etc/ipsec.d/$directory"; done
}

# winnetou: web server, directory and name server, as upstream's build-guestimages has them.  Debian's slapd has no bdb any more.
winnetou() {
    local apache=$1/etc/apache2 module
    mkdir -p "$apache/mods-enabled" "$1/etc/systemd/system/multi-user.target.wants" "$1/var/www"
    for module in cgid.conf cgid.load rewrite.load; do ln -s "../mods-available/$module" "$apache/mods-enabled/$module"; done
    if [ -e "$ROOT/usr/sbin/apache2" ]; then
        ln -s /lib/systemd/system/apache2.service "$1/etc/systemd/system/multi-user.target.wants/apache2.service"
    fi
    if [ -e "$ROOT/usr/sbin/named" ]; then
        ln -s /lib/systemd/system/named.service "$1/etc/systemd/system/multi-user.target.wants/named.service"
    fi
    sed -i 's/back_bdb\.la/back_mdb/; s/^database.*bdb/database mdb/; /^checkpoint/d' "$1/etc/ldap/slapd.conf"
}

# alice: certificates of the RADIUS server are where upstream's own build of it had them.
alice() {
    mkdir -p "$2/etc/raddb/certs"
}

# private LAYERS: what others must not read, or their daemons refuse.
private() {
    find "$1" -type f \( -path '*/private/*' -o -path '*/rsa/*' -o -path '*/ecdsa/*' -o -path '*/pkcs8/*' -o -path '*/pkcs12/*' \
        -o -name ipsec.secrets \) -exec chmod 0600 {} +
}
