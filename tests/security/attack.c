// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Runs in place of a guest's kernel and so has all of the process that a guest's root could ever get hold of.
//
// It answers on the control line as an agent does.  A request whose script has a line "attack NAME ARGUMENT..." is an attack: exit
// status 0 says that it succeeded, 1 that it was refused, with the reason on standard output.  Every other request is told an empty network.
// Each attack is harmless where it succeeds: it looks, writes what was there before, or undoes what it did; and of what the host shares it
// takes no more than shows that nobody counts.  With the arguments "attack NAME ARGUMENT..." it is not a guest: it attacks, and ends.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sched.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/fanotify.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// What a kernel is known by.
const char banner[] __attribute__((used)) = "\0User Mode Linux v7\0Linux version 7.1.0 (attack) #1\0";
static const char nothing[] = "[]\n--dumm--\n[]\n--dumm--\n[]\n--dumm--\n[]\n--dumm--\n--dumm--\nevil\n";

#include "attack.h"

#define DEPTH 3000
#define FORKS 3000

static int opened(const char *path, int flags)
{
    int fd = open(path, flags | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return REFUSED;
    close(fd);
    return REACHED;
}

// Files

static int a_read(char **arg)
{
    char data[16];
    int fd = open(arg[0], O_RDONLY | O_NONBLOCK);
    return fd >= 0 && read(fd, data, sizeof data) > 0 ? REACHED : REFUSED;
}
static int a_open(char **arg) { return opened(arg[0], O_RDONLY); }
static int a_open_to_write(char **arg) { return opened(arg[0], O_WRONLY); }
static int a_put(char **arg)
{
    int fd = open(arg[0], O_WRONLY | O_APPEND);
    return fd >= 0 && write(fd, arg[1], strlen(arg[1])) > 0 ? REACHED : REFUSED;
}
static int a_put_back(char **arg)
{
    char data[256];
    int fd = open(arg[0], O_RDWR);
    ssize_t size = fd < 0 ? -1 : read(fd, data, sizeof data);
    return size > 0 && pwrite(fd, data, size, 0) == size ? REACHED : REFUSED;
}
static int a_list(char **arg)
{
    DIR *directory = opendir(arg[0]);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            return REACHED;
    return REFUSED;
}
static int a_stat(char **arg) { struct stat status; return lstat(arg[0], &status); }
static int a_create(char **arg)
{
    int fd = open(arg[0], O_WRONLY | O_CREAT | O_EXCL, 0600);
    return fd < 0 ? REFUSED : unlink(arg[0]);
}
static int a_chown(char **arg)
{
    close(open(arg[0], O_WRONLY | O_CREAT, 0600));
    int result = chown(arg[0], number(arg[1]), -1), why = errno;
    unlink(arg[0]);
    errno = why;
    return result;
}
static int a_setxattr(char **arg)
{
    // A file's capabilities: version 2, CAP_SYS_ADMIN, effective.
    static const uint32_t capability[5] = { 0x02000001, 1 << 21, 0, 0, 0 };
    close(open(arg[0], O_WRONLY | O_CREAT, 0700));
    int result = setxattr(arg[0], arg[1], capability, sizeof capability, 0), why = errno;
    unlink(arg[0]);
    errno = why;
    return result;
}
static int a_resize(char **arg)
{
    struct stat status;
    return stat(arg[0], &status) ? REFUSED : truncate(arg[0], status.st_size);
}
static int a_mode(char **arg)
{
    struct stat status;
    return stat(arg[0], &status) ? REFUSED : chmod(arg[0], status.st_mode & 07777);
}
static int a_touch(char **arg) { return utimensat(AT_FDCWD, arg[0], NULL, 0); }
static int a_own(char **arg)
{
    struct stat status;
    return stat(arg[0], &status) ? REFUSED : chown(arg[0], status.st_uid, status.st_gid);
}
static int a_lease(char **arg)
{
    int fd = open(arg[0], O_RDONLY);
    return fd < 0 ? REFUSED : fcntl(fd, F_SETLEASE, F_RDLCK);
}
static int a_removable(char **arg)
{
    // Away and back again.
    char away[128];
    snprintf(away, sizeof away, "%s.away", arg[0]);
    return rename(arg[0], away) ? REFUSED : rename(away, arg[0]);
}
static int a_exchange(char **arg)
{
    // By another that is a copy of it.
    char copy[128], data[4096];
    snprintf(copy, sizeof copy, "%s.copy", arg[0]);
    int from = open(arg[0], O_RDONLY), to = open(copy, O_WRONLY | O_CREAT, 0644);
    ssize_t size = from < 0 || to < 0 ? -1 : read(from, data, sizeof data);
    return size < 0 || write(to, data, size) != size || rename(copy, arg[0]) ? REFUSED : REACHED;
}
static int a_immutable(char **arg)
{
    int fd = open(arg[0], O_RDWR | O_CREAT, 0600), flags = 0;
    int result = ioctl(fd, FS_IOC_GETFLAGS, &flags);
    flags |= FS_IMMUTABLE_FL;
    result = result ? result : ioctl(fd, FS_IOC_SETFLAGS, &flags);
    int why = errno;
    flags &= ~FS_IMMUTABLE_FL;
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
    unlink(arg[0]);
    errno = why;
    return result;
}
static int a_make_group(char **arg) { return mkdir(arg[0], 0755) ? REFUSED : rmdir(arg[0]); }
static int a_by_handle(char **arg)
{
    struct { struct file_handle head; unsigned char more[MAX_HANDLE_SZ]; } handle = { .head.handle_bytes = MAX_HANDLE_SZ };
    int mount;
    if (name_to_handle_at(AT_FDCWD, arg[0], &handle.head, &mount, 0))
        return REFUSED;
    int at = open(arg[0], O_RDONLY | O_DIRECTORY);
    return open_by_handle_at(at, &handle.head, O_RDONLY) >= 0 ? REACHED : REFUSED;
}

// Devices

static int a_mknod(char **arg)
{
    // The kernel's own source of zeros, and a loop device that nobody has.
    int block = !strcmp(arg[1], "block");
    int result = mknod(arg[0], 0600 | (block ? S_IFBLK : S_IFCHR), block ? makedev(7, 200) : makedev(1, 5)), why = errno;
    if (!result)
        unlink(arg[0]);
    errno = why;
    return result;
}
static int a_use_made_node(char **arg)
{
    if (mknod(arg[0], 0600 | S_IFCHR, makedev(1, 5)))
        return REFUSED;
    int result = opened(arg[0], O_RDONLY), why = errno;
    unlink(arg[0]);
    errno = why;
    return result;
}
static int a_tap(char **arg)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    strncpy(request.ifr_name, arg[0], IFNAMSIZ - 1);
    int fd = open("/dev/net/tun", O_RDWR);
    return fd < 0 ? REFUSED : ioctl(fd, TUNSETIFF, &request);
}

// Mounts and namespaces

static int a_mount(char **arg)
{
    int result = mount("none", arg[0], "tmpfs", 0, "size=4k"), why = errno;
    if (!result)
        umount2(arg[0], MNT_DETACH);
    errno = why;
    return result;
}
static int a_bind(char **arg)
{
    int result = mount(arg[0], arg[1], NULL, MS_BIND, NULL), why = errno;
    if (!result)
        umount2(arg[1], MNT_DETACH);
    errno = why;
    return result;
}
static int a_remount(char **arg)
{
    int result = mount("none", arg[0], NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL), why = errno;
    if (!result)
        mount("none", arg[0], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
    errno = why;
    return result;
}
static int a_umount(char **arg) { return privileged(umount2(arg[0], 0)); }
static int a_pivot_root(char **arg) { (void)arg; return privileged(syscall(SYS_pivot_root, "/no", "/no")); }
static int a_chroot(char **arg) { return chroot(arg[0]); }
static int a_fsopen(char **arg) { return syscall(SYS_fsopen, arg[0], 0) >= 0 ? REACHED : REFUSED; }
static int a_open_tree(char **arg) { return syscall(SYS_open_tree, AT_FDCWD, arg[0], OPEN_TREE_CLONE) >= 0 ? REACHED : REFUSED; }
static int a_setns(char **arg)
{
    int fd = open(arg[0], O_RDONLY);
    return fd < 0 ? REFUSED : setns(fd, 0);
}
static int a_unshare(char **arg) { return unshare(number(arg[0])); }
static int a_clone(char **arg)
{
    long pid = syscall(SYS_clone, number(arg[0]) | SIGCHLD, 0, 0, 0, 0);
    if (!pid)
        _exit(0);
    return pid > 0 ? REACHED : REFUSED;
}
static int a_clone3(char **arg)
{
    struct clone_args how = { .flags = number(arg[0]), .exit_signal = SIGCHLD };
    long pid = syscall(SYS_clone3, &how, sizeof how);
    if (!pid)
        _exit(0);
    return pid > 0 ? REACHED : REFUSED;
}

// The host's kernel

static int a_capability(char **arg)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct have[2];
    if (syscall(SYS_capget, &head, have))
        return REFUSED;
    errno = EPERM;
    return have[number(arg[0]) / 32].permitted >> number(arg[0]) % 32 & 1 ? REACHED : REFUSED;
}
static int a_init_module(char **arg) { (void)arg; return privileged(syscall(SYS_init_module, "x", 1, "")); }
static int a_delete_module(char **arg) { (void)arg; return privileged(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK)); }
static int a_kexec(char **arg) { (void)arg; return privileged(syscall(SYS_kexec_load, 0, 999999L, NULL, 0)); }
static int a_reboot(char **arg) { (void)arg; return privileged(syscall(SYS_reboot, 1, 2, 3, NULL)); }
static int a_bpf(char **arg)
{
    (void)arg;
    struct { uint32_t type, key, value, entries, flags; char more[100]; } map = { .type = 2, .key = 4, .value = 4, .entries = 1 };
    return syscall(SYS_bpf, 0, &map, sizeof map) >= 0 ? REACHED : REFUSED;
}
static int a_perf(char **arg)
{
    (void)arg;
    // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, of the whole machine.
    struct { uint32_t type, size; uint64_t config; char more[96]; } event = { .type = 1, .size = 112 };
    return syscall(SYS_perf_event_open, &event, -1, 0, -1, 0) >= 0 ? REACHED : REFUSED;
}
static int a_key(char **arg)
{
    (void)arg;
    // Into a keyring of this process's own.
    return syscall(SYS_add_key, "user", "dumm-attack", "x", 1L, -2) >= 0 ? REACHED : REFUSED;
}
static int a_keyctl(char **arg) { (void)arg; return syscall(SYS_keyctl, 0, -4, 0) >= 0 ? REACHED : REFUSED; }
static int a_io_uring(char **arg)
{
    (void)arg;
    char parameters[120] = "";
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0 ? REACHED : REFUSED;
}
static int a_userfaultfd(char **arg) { (void)arg; return syscall(SYS_userfaultfd, O_CLOEXEC) >= 0 ? REACHED : REFUSED; }
static int a_fanotify(char **arg) { (void)arg; return fanotify_init(FAN_CLASS_CONTENT, O_RDONLY) >= 0 ? REACHED : REFUSED; }
static int a_syslog(char **arg)
{
    (void)arg;
    char text[64];
    return klogctl(3, text, sizeof text) >= 0 ? REACHED : REFUSED;
}
static int a_swapon(char **arg) { return privileged(swapon(arg[0], 0)); }
static int a_acct(char **arg) { return privileged(acct(arg[0])); }
static int a_quotactl(char **arg) { return privileged(syscall(SYS_quotactl, 0x80000700, arg[0], 0, NULL)); }
static int a_hostname(char **arg)
{
    (void)arg;
    struct utsname name;
    uname(&name);
    return sethostname(name.nodename, strlen(name.nodename));
}
static int a_iopl(char **arg) { (void)arg; return iopl(3); }
static int a_ioperm(char **arg) { (void)arg; return ioperm(0x80, 1, 1); }
static int a_realtime(char **arg)
{
    (void)arg;
    struct sched_param one = { .sched_priority = 1 };
    return sched_setscheduler(0, SCHED_FIFO, &one);
}
static int a_nice(char **arg) { (void)arg; return setpriority(PRIO_PROCESS, 0, -20); }
static int a_core_limit(char **arg)
{
    (void)arg;
    struct rlimit more = { 1, 1 };
    return setrlimit(RLIMIT_CORE, &more);
}
static int a_setuid(char **arg) { return setresuid(number(arg[0]), number(arg[0]), number(arg[0])); }
static int a_setgid(char **arg) { return setresgid(number(arg[0]), number(arg[0]), number(arg[0])); }
static int a_setgroups(char **arg)
{
    gid_t group = number(arg[0]);
    return syscall(SYS_setgroups, 1, &group);
}

static int a_bounding_set(char **arg) { (void)arg; return prctl(PR_CAPBSET_DROP, CAP_WAKE_ALARM, 0, 0, 0); }
static int a_secure_bits(char **arg) { (void)arg; return prctl(PR_SET_SECUREBITS, 0, 0, 0, 0); }
static int a_alarm_clock(char **arg)
{
    int timer;
    (void)arg;
    return syscall(SYS_timer_create, CLOCK_BOOTTIME_ALARM, NULL, &timer) ? REFUSED : REACHED;
}
static int a_map_users(char **arg)
{
    (void)arg;
    int result = unshare(CLONE_NEWUSER), why = errno, fd = open("/proc/self/uid_map", O_WRONLY);
    if (!result && write(fd, "0 0 1", 5) == 5)
        return REACHED;
    errno = result ? why : errno;
    return REFUSED;
}

// Other processes

static int a_kill(char **arg) { return kill(number(arg[0]), SIGCONT); }
static int a_pidfd(char **arg)
{
    int fd = syscall(SYS_pidfd_open, number(arg[0]), 0);
    return fd < 0 ? REFUSED : (int)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
}
static int a_steal_descriptor(char **arg)
{
    int fd = syscall(SYS_pidfd_open, number(arg[0]), 0);
    return fd >= 0 && syscall(SYS_pidfd_getfd, fd, 0, 0) >= 0 ? REACHED : REFUSED;
}
static int a_ptrace(char **arg)
{
    // Ends with this child, and stops nobody.
    return ptrace(PTRACE_SEIZE, number(arg[0]), NULL, NULL) ? REFUSED : REACHED;
}
static int a_memory(char **arg)
{
    char data;
    struct iovec here = { &data, 1 }, there = { (void *)8, 1 };
    return privileged(process_vm_readv(number(arg[0]), &here, 1, &there, 1, 0)) == REACHED && errno != ESRCH ? REACHED : REFUSED;
}
static int a_prlimit(char **arg)
{
    struct rlimit limit;
    return prlimit(number(arg[0]), RLIMIT_NOFILE, NULL, &limit);
}
static int a_affinity(char **arg)
{
    cpu_set_t set;
    return sched_getaffinity(number(arg[0]), sizeof set, &set) ? REFUSED : sched_setaffinity(number(arg[0]), sizeof set, &set);
}
static int a_priority(char **arg) { return setpriority(PRIO_PROCESS, number(arg[0]), 0); }

// Sockets

static int a_socket(char **arg) { return socket(number(arg[0]), number(arg[1]), number(arg[2])) >= 0 ? REACHED : REFUSED; }
static int a_socketpair(char **arg)
{
    int end[2];
    return socketpair(number(arg[0]), SOCK_STREAM, 0, end);
}
static int a_tcp(char **arg)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(number(arg[1])) };
    inet_pton(AF_INET, arg[0], &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? REFUSED : connect(fd, (struct sockaddr *)&address, sizeof address);
}
static int a_bind_port(char **arg)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(number(arg[0])) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? REFUSED : bind(fd, (struct sockaddr *)&address, sizeof address);
}
static int a_unix(char **arg)
{
    // An abstract address begins with @ here.
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(arg[1]);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return REFUSED;
    }
    memcpy(address.sun_path, arg[1], length);
    if (arg[1][0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, strcmp(arg[0], "stream") ? SOCK_DGRAM : SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + length);
}

// What was inherited, and what is too much

static int a_descriptors(char **arg)
{
    (void)arg;
    // Up to 6 is what a kernel is given; what this program itself has open for an attack is closed on exec.
    for (int fd = 7; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC)) {
            printf("descriptor %d\n", fd);
            return REACHED;
        }
    errno = EBADF;
    return REFUSED;
}
static int a_linger(char **arg)
{
    (void)arg;
    pid_t pid = fork();
    if (!pid) {
        setsid();
        prctl(PR_SET_PDEATHSIG, 0);
        while (1)
            pause();
    }
    return pid > 0 ? REACHED : REFUSED;
}
static int a_forks(char **arg)
{
    (void)arg;
    static pid_t children[FORKS];
    int made = 0, why = 0;
    while (made < FORKS) {
        pid_t pid = fork();
        if (!pid) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            pause();
            _exit(0);
        }
        if (pid < 0) {
            why = errno;
            break;
        }
        children[made++] = pid;
    }
    for (int each = 0; each < made; each++)
        kill(children[each], SIGKILL);
    for (int each = 0; each < made; each++)
        waitpid(children[each], NULL, 0);
    printf("%d processes\n", made);
    errno = why;
    return why ? REFUSED : REACHED;
}
static int a_fill(char **arg)
{
    static char block[1 << 20];
    int fd = open(arg[0], O_WRONLY | O_CREAT | O_TRUNC, 0600), result = fd < 0 ? REFUSED : REACHED, why = errno;
    for (int left = number(arg[1]); !result && left; left--)
        if (write(fd, block, sizeof block) < (ssize_t)sizeof block) {
            why = errno ? errno : ENOSPC;
            result = REFUSED;
        }
    unlink(arg[0]);
    errno = why;
    return result;
}

// Tricks on the host's side, which are played in the request's own directory; that they could be played says nothing.

static int t_link(char **arg)
{
    unlink(arg[0]);
    return symlink(arg[1], arg[0]);
}
static int t_fifo(char **arg)
{
    unlink(arg[0]);
    return mkfifo(arg[0], 0600);
}
static int t_huge(char **arg) { return truncate(arg[0], 1L << 40); }
static int t_directory(char **arg)
{
    unlink(arg[0]);
    return mkdir(arg[0], 0700);
}
static int t_deep(char **arg)
{
    if (chdir(arg[0]))
        return REFUSED;
    for (int depth = 0; depth < DEPTH; depth++)
        if (mkdir("d", 0700) || chdir("d"))
            return REFUSED;
    return REACHED;
}
static int t_swap(char **arg)
{
    char name[64], here[128], there[128];
    ssize_t length = readlink("/proc/self/cwd", here, sizeof here - 1);
    here[length < 0 ? 0 : length] = 0;
    strncpy(name, strrchr(here, '/') + 1, sizeof name - 1);
    snprintf(here, sizeof here, "/spool/%s", name);
    snprintf(there, sizeof there, "/spool/swapped%s", name);
    return rename(here, there) || symlink(arg[0], here) ? REFUSED : REACHED;
}
static int t_name(char **arg)
{
    (void)arg;
    return prctl(PR_SET_NAME, "a) Z \xff\xfe(");
}
static int t_console(char **arg)
{
    // In place of the management console: a link to another one, or one that never comes to an end.
    mkdir("/run/evil", 0700);
    unlink("/run/evil/mconsole");
    if (arg[0])
        return symlink(arg[0], "/run/evil/mconsole");
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/evil/mconsole" }, sender;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address))
        return REFUSED;
    if (fork())
        return REACHED;
    // Also where nobody ends it.
    alarm(60);
    for (;;) {
        char request[1024];
        uint32_t reply[4] = { 0, 1, 4, 0x0a5b1b41 };
        socklen_t length = sizeof sender;
        if (recvfrom(fd, request, sizeof request, 0, (struct sockaddr *)&sender, &length) < 0)
            _exit(0);
        while (sendto(fd, reply, sizeof reply, 0, (struct sockaddr *)&sender, length) > 0)
            ;
    }
}

static const struct attack attacks[] = {
    ATTACK(read), ATTACK(open), ATTACK(open_to_write), ATTACK(put), ATTACK(put_back), ATTACK(list), ATTACK(stat),
    ATTACK(create), ATTACK(chown), ATTACK(setxattr), ATTACK(resize), ATTACK(mode), ATTACK(touch), ATTACK(own), ATTACK(lease),
    ATTACK(removable), ATTACK(make_group), ATTACK(exchange), ATTACK(bounding_set), ATTACK(secure_bits), ATTACK(alarm_clock),
    ATTACK(map_users), ATTACK(socketpair), ATTACK(immutable), ATTACK(by_handle), ATTACK(mknod),
    ATTACK(use_made_node), ATTACK(tap), ATTACK(mount), ATTACK(bind), ATTACK(remount), ATTACK(umount), ATTACK(pivot_root),
    ATTACK(chroot), ATTACK(fsopen), ATTACK(open_tree), ATTACK(setns), ATTACK(unshare), ATTACK(clone), ATTACK(clone3),
    ATTACK(capability), ATTACK(init_module), ATTACK(delete_module), ATTACK(kexec), ATTACK(reboot), ATTACK(bpf),
    ATTACK(perf), ATTACK(key), ATTACK(keyctl), ATTACK(io_uring), ATTACK(userfaultfd), ATTACK(fanotify), ATTACK(syslog),
    ATTACK(swapon), ATTACK(acct), ATTACK(quotactl), ATTACK(hostname), ATTACK(iopl), ATTACK(ioperm), ATTACK(realtime),
    ATTACK(nice), ATTACK(core_limit), ATTACK(setuid), ATTACK(setgid), ATTACK(setgroups), ATTACK(kill), ATTACK(pidfd),
    ATTACK(steal_descriptor), ATTACK(ptrace), ATTACK(memory), ATTACK(prlimit), ATTACK(affinity), ATTACK(priority),
    ATTACK(socket), ATTACK(tcp), ATTACK(bind_port), ATTACK(unix), ATTACK(descriptors), ATTACK(forks), ATTACK(fill), ATTACK(linger),
    { "link", t_link, 0 }, { "fifo", t_fifo, 0 }, { "huge", t_huge, 0 }, { "directory", t_directory, 0 },
    { "deep", t_deep, 0 }, { "swap", t_swap, 0 }, { "name", t_name, 1 }, { "console", t_console, 0 },
    { NULL },
};
static const struct attack *const all[] = { attacks, on_shared, on_others, to_stay };

static int carry_out(const struct attack *attack, char **arg)
{
    errno = 0;
    int result = attack->run(arg), why = errno;
    // Whether the host's kernel has no such thing at all is for the tests to know.
    int absent = why == ENOSYS || why == EAFNOSUPPORT || why == EOPNOTSUPP || why == EPROTONOSUPPORT || why == ESOCKTNOSUPPORT;
    printf(result == REACHED ? "succeeded\n" : absent ? "absent: %s\n" : "refused: %s\n", strerror(why));
    fflush(stdout);
    return result == REACHED ? 0 : absent ? 2 : 1;
}

static const struct attack *found(const char *name)
{
    for (size_t each = 0; each < sizeof all / sizeof *all; each++)
        for (const struct attack *attack = all[each]; attack->name; attack++)
            if (!strcmp(attack->name, name))
                return attack;
    return NULL;
}

static int attacked(char *line)
{
    char *arg[10] = { NULL };
    int count = 0;
    for (char *word = strtok(line, " "); word && count < 9; word = strtok(NULL, " "))
        arg[count++] = word;
    const struct attack *attack = count > 1 ? found(arg[1]) : NULL;
    if (attack && attack->in_main)
        return carry_out(attack, arg + 2);
    if (attack) {
        int status;
        pid_t pid = fork();
        if (!pid) {
            // Not for ever, whatever it runs into.
            alarm(20);
            _exit(carry_out(attack, arg + 2));
        }
        waitpid(pid, &status, 0);
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        printf("refused: signal %d\n", WTERMSIG(status));
        return 1;
    }
    return 127;
}

static void spill(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        dprintf(fd, "%s", text);
        close(fd);
    }
}

// Answers one request, in whose directory this process is then.
static void answer(const char *name)
{
    char path[128], script[8192] = "", *line;
    snprintf(path, sizeof path, "/spool/%s", name);
    int home = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (chdir(path)) {
        close(home);
        return;
    }
    close(open("ack", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    int fd = open("cmd", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, script, sizeof script - 1) < 0)
        script[0] = 0;
    close(fd);
    int code = 0;
    if ((line = strstr(script, "\nattack "))) {
        *strchrnul(++line, '\n') = 0;
        fd = open("out", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int before = fcntl(1, F_DUPFD_CLOEXEC, 100);
        dup2(fd, 1);
        close(fd);
        code = attacked(line);
        fflush(stdout);
        dup2(before, 1);
        close(before);
    } else {
        spill("out", nothing);
    }
    char said[16];
    snprintf(said, sizeof said, "%d\n", code);
    spill("exit", said);
    if (fchdir(home))
        _exit(1);
    close(home);
}

int main(int argc, char **argv)
{
    char line[256];
    if (argc > 2 && !strcmp(argv[1], "attack")) {
        // By nobody's guest: with neither the view nor the network of one.
        const struct attack *attack = found(argv[2]);
        alarm(60);
        int result = attack ? carry_out(attack, argv + 3) : 127;
        // Those that are about staying stay.
        while (!result && argv[argc - 1][0] == '-')
            pause();
        return result;
    }
    signal(SIGPIPE, SIG_IGN);
    answer("boot");
    spill("/spool/hello", "1\n");
    FILE *bell = fdopen(3, "r");
    while (bell && fgets(line, sizeof line, bell)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] != '!')
            answer(line);
    }
    return 0;
}
