# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A warm Python in a guest: takes the control line over from the shell that started it, and runs what is asked for there.

This file is a program for the guest (``/.dumm/warm``), for Python 3.8 and later with nothing but its standard library; on the host it
is only read.  It does what ``agent`` does, only faster: a command is a vfork(2) and an execve(2), and a Python script, which is
what an Ansible module is, runs in a fork of this process, in which the usual modules are imported already.

A script must not notice.  All that it can change is its own process's; what it finds (``__main__``, arguments, environment, working
directory, umask, signals, descriptors) is what a Python that reads it from its standard input finds.  Where that cannot be had (another
interpreter, a locale or an option of Python in the environment) it is run as the command that it was asked for as.

A module's time is mostly Python's, which compiles and executes Ansible's own library, sent as sources with each of them.  Code that a
script imported from a zip file is kept by the hash of its source for the next.  And of the library's core, modules are kept that are
executed already, together with the sources that they came from (:class:`Core`): a script whose zip file has the very same sources finds
them imported, any other imports its own.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import copy
import errno
import fcntl
import gc
import hashlib
import importlib
import importlib.machinery
import json
import marshal
import os
import re
import select
import signal
import site
import subprocess
import sys
import time
import traceback
import types
import zipfile
import zipimport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    # What scripts leave may hold a zip file, too.
    Code = dict[bytes, Any]

SPOOL = "/.dumm/spool"
# What modules and Ansible's own code import; one that is missing is no harm.
_USUAL = [
    "__future__",
    "ast",
    "base64",
    "codecs",
    "collections.abc",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "ctypes",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "errno",
    "fileinput",
    "fnmatch",
    "functools",
    "getpass",
    "glob",
    "grp",
    "hashlib",
    "hmac",
    "inspect",
    "io",
    "itertools",
    "json",
    "locale",
    "logging",
    "math",
    "operator",
    "pathlib",
    "pkgutil",
    "platform",
    "pwd",
    "queue",
    "random",
    "re",
    "runpy",
    "selectors",
    "shlex",
    "shutil",
    "socket",
    "stat",
    "string",
    "struct",
    "subprocess",
    "syslog",
    "tarfile",
    "tempfile",
    "textwrap",
    "threading",
    "traceback",
    "types",
    "typing",
    "typing_extensions",
    "unicodedata",
    "urllib.parse",
    "urllib.request",
    "uuid",
    "warnings",
    "weakref",
    "xml.etree.ElementTree",
    "zipfile",
    "zipimport",
    "zlib",
    "bz2",
    "lzma",
    "email.utils",
    "http.client",
    "http.cookiejar",
    "ssl",
]
# They count when an interpreter starts.
_AT_START = ("LC_", "LANG", "PYTHON", "LD_", "MALLOC_", "GLIBC_")
# What channel.write_request begins each command with; and what a shell would take as it is, or as one word in quotes.
_PRELUDE = b"cd /root 2>/dev/null || cd /\n"
_WORDS = re.compile(rb"/[\w./+-]+(?: [\w./:@%+,=-]+)*")
_QUOTED = re.compile(rb"/bin/sh -c '([^']*)'")
_LONGEST_ARGUMENT = 100_000
# A long literal in a script, and what is compiled in its stead.
_DATA = re.compile(rb"(?<!\w)'([A-Za-z0-9+/=]{20000,})'")
_IN_PLACE = b"'what dumm.lab puts in afterwards'"
_ARCHIVE = b"archive"
# Where a script leaves what it compiled, in its request.
_FOUND = "found"
# What each module imports while it runs, if its zip file has it.
_LATER = ("ansible/module_utils/_internal/_ansiballz/_loader.py", "ansible/module_utils/_internal/_json/_profiles/_")
# How often the library is imported here.
_MOST_LEARNED = 3
# Bytes of kept code, as marshalled; a guest may have 64 MB in all.
_MOST_CODE = 6 << 20


class Core:
    """Ansible's own library, imported once.

    :ivar modules: by name, without any of a script's doings; never in ``sys.modules`` here.
    :ivar places: their files in a zip file.
    :ivar sources: hash of each one's source as it is in a zip file, compressed.
    """

    def __init__(self) -> None:
        self.modules: dict[str, types.ModuleType] = {}
        self.places: dict[str, str] = {}
        self.sources: dict[str, bytes] = {}
        self.finders: list[Any] = []
        self.left = _MOST_LEARNED

    def learn(self, archive: str, code: Code) -> None:
        """Import what each module needs from a script's zip file; not for ever, where one Ansible takes turns with another."""
        self.left -= 1
        before, path, finders = set(sys.modules), list(sys.path), list(sys.meta_path)
        original = _compile_from(code, {})
        sys.path.insert(0, archive)
        try:
            importlib.import_module("ansible.module_utils.basic")
            for place in sorted(_sources(archive)):
                if place.startswith(_LATER):
                    importlib.import_module(place[: -len(".py")].replace("/", "."))
        except Exception:
            # One of another kind; its modules import all they need themselves.
            names = []
        else:
            names = [name for name in set(sys.modules) - before if name.split(".")[0] == "ansible"]
        finally:
            sys.path[:] = path
            # The library's copy of six has one of its own.
            added = [finder for finder in sys.meta_path if finder not in finders]
            sys.meta_path[:] = finders
            zipimport._compile_source = original  # type: ignore[attr-defined]
            found = {
                name: sys.modules.pop(name) for name in set(sys.modules) - before if name.split(".")[0] == "ansible"
            }
            sys.path_importer_cache.clear()
            zipimport._zip_directory_cache.clear()  # type: ignore[attr-defined]
        if names:
            sources = _sources(archive)
            # Others under such a name are made by code, or are Python's own.
            places = {name: place for name in names if (place := _place(name, found[name])) in sources}
            self.modules = {name: found[name] for name in names}
            self.places, self.finders = places, added
            self.sources = {place: sources[place] for place in places.values()}

    def fits(self, archive: str) -> bool:
        """Whether a zip file has the very sources that these modules came from."""
        if not self.modules:
            return False
        sources = _sources(archive)
        return all(sources.get(place) == digest for place, digest in self.sources.items())

    def install(self, archive: str) -> None:
        """Let these modules be what was imported from a zip file."""
        root = zipimport.zipimporter(archive)
        sys.meta_path.extend(finder for finder in self.finders if finder not in sys.meta_path)
        sys.modules.update(self.modules)
        for name, place in self.places.items():
            module = self.modules[name]
            parent = place.rpartition("/")[0]
            package = place.endswith("/__init__.py")
            loader = copy.copy(root)
            folder = parent.rpartition("/")[0] if package else parent
            loader.prefix = folder + os.sep if folder else ""
            origin = os.path.join(archive, place)
            spec = importlib.machinery.ModuleSpec(name, loader, origin=origin, is_package=package)  # type: ignore[arg-type]
            spec.has_location = True
            if package:
                spec.submodule_search_locations = module.__path__ = [os.path.join(archive, parent)]
            module.__spec__, module.__loader__, module.__file__ = spec, loader, origin


class Finder:
    """Comes before all others, until Ansible's library is asked for the first time."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.archive = ""
        self.missed = b""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """Never finds anything but the library's root."""
        if name != "ansible":
            return None
        sys.meta_path.remove(self)
        archive = sys.path[0]
        if not archive.endswith(".zip") or not os.path.isfile(archive):
            return None
        if not self.core.fits(archive):
            if self.core.left > 0:
                with open(archive, "rb") as file:
                    self.missed = file.read()
            return None
        self.archive = archive
        return importlib.machinery.ModuleSpec(name, self, origin=archive, is_package=True)  # type: ignore[arg-type]

    def create_module(self, _spec: object) -> types.ModuleType:
        """The one that is there."""
        return self.core.modules["ansible"]

    def exec_module(self, _module: object) -> None:
        """Has been done; only what is known of where it came from changes, of it and all others."""
        self.core.install(self.archive)


class Running:
    """A request under way."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid


class Server:
    """All that is kept from one request to the next."""

    def __init__(self) -> None:
        self.parent = os.getppid()
        self.running: dict[int, Running] = {}
        self.popen: dict[int, subprocess.Popen[bytes]] = {}
        self.code: Code = {}
        self.core = Core()
        self.kept = 0
        self.rest = b""
        self.environ = _inherited()
        self.python = _real(sys.executable)
        self.world = _world()
        self.line = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 10)

    def serve(self, first: str) -> Callable[[], None] | None:
        """Run the first request and then all that the line asks for.

        :return: in a fork, what it is to run; never anything here.
        """
        wake, woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_arguments: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.close(nothing)
        task = self.begin(first)
        if task:
            return task
        poller = select.poll()
        poller.register(self.line, select.POLLIN)
        poller.register(wake, select.POLLIN)
        while True:
            for fd, _events in poller.poll():
                if fd == wake:
                    os.read(wake, 4096)
                    self.collect()
                    continue
                if os.getppid() != self.parent:
                    # The shell is gone, and the line another's.
                    self.leave(1)
                for name in self.heard():
                    task = self.begin(name)
                    if task:
                        return task

    def heard(self) -> list[str]:
        """Whole lines; an end of the line ends this process."""
        data = os.read(self.line, 4096)
        if not data:
            self.leave(0)
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()[-100:]
        return [text.decode("ascii", "replace") for text in lines]

    def leave(self, code: int) -> NoReturn:
        """End, and with this process all that it runs; the shell tells those who wait."""
        for pid in self.running:
            _kill(pid)
        os._exit(code)

    def begin(self, text: str) -> Callable[[], None] | None:
        """Begin what a line asks for."""
        name = text[1:] if text.startswith(("!", "+")) else text
        if not (name.isalnum() and name.isascii() and name == name.lower()):
            return None
        if text.startswith("!"):
            self.end(name)
            return None
        if text.startswith("+"):
            self.poke(name)
            return None
        place = os.path.join(SPOOL, name)
        try:
            ack = os.open(place + "/ack", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            return None
        os.write(ack, b"warm\n")
        os.close(ack)
        try:
            return self.start(name, place)
        except FileNotFoundError:
            # Given up; that it was heard is all that counts.
            return None
        except (OSError, ValueError, MemoryError) as exc:
            _write(place + "/err", (f"dumm: cannot run it: {exc}\n").encode())
            _tell(place, "126")
            return None

    def start(self, name: str, place: str) -> Callable[[], None] | None:
        """Begin a request: a script here in a fork, anything else as a process of its own."""
        wanted = self.suits(place)
        with open(place + "/cmd", "rb") as file:
            command = file.read()
        streams = [os.open(place + "/in", os.O_RDONLY | os.O_CLOEXEC)]
        try:
            for output in ("/out", "/err"):
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
                streams.append(os.open(place + output, flags, 0o600))
            if wanted is not None:
                return self.fork(name, streams, wanted)
            self.spawn(name, place, command, streams)
        finally:
            for fd in streams:
                os.close(fd)
        return None

    def spawn(self, name: str, place: str, command: bytes, streams: list[int]) -> None:
        """Run a command under sh, or without one where that is the same."""
        arguments, where = _arguments(place, command)
        # Descriptors are closed on exec, all of them, which spares a walk through /proc/self/fd.
        process = subprocess.Popen(
            arguments,
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            start_new_session=True,
            close_fds=False,
            cwd=where,
            env=self.environ,
        )
        self.popen[process.pid] = process
        self.running[process.pid] = Running(name, process.pid)
        _write(place + "/pid", b"%d\n" % process.pid)

    def suits(self, place: str) -> dict[str, str] | None:
        """The environment for a script that can run here; ``None`` for all else."""
        try:
            with open(place + "/warm", encoding="utf-8") as file:
                python = file.readline().rstrip("\n")
                environment = file.readline()
        except FileNotFoundError:
            return None
        if not environment:
            return None
        added: dict[str, str] = json.loads(environment)
        if _real(python) != self.python or any(name.startswith(_AT_START) for name in added):
            return None
        if _world() != self.world:
            # Something was installed: another Python finds it, this one might not.
            if not self.running:
                os.unlink(place + "/ack")
                os.dup2(self.line, 0)
                os.execv(sys.executable, [sys.executable, sys.argv[0], os.path.basename(place)])
            return None
        return added

    def fork(self, name: str, streams: list[int], added: dict[str, str]) -> Callable[[], None] | None:
        """Run a script in a fork of this process."""
        pid = os.fork()
        if pid:
            self.running[pid] = Running(name, pid)
            _write(os.path.join(SPOOL, name, "pid"), b"%d\n" % pid)
            return None
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with open(streams[0], "rb", buffering=0, closefd=False) as file:
            source = file.read()
        # The standard streams' objects have done nothing yet, so they are as good as new ones.
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
        # All of them: those of the line and of other requests, too.
        streams.clear()
        os.closerange(3, 4096)
        return lambda: _run(source, added, self, os.path.join(SPOOL, name, _FOUND))

    def end(self, name: str) -> None:
        """Kill a request, with all of its session's group."""
        pid = self.leader(name)
        if pid is not None:
            _kill(pid)

    def poke(self, name: str) -> None:
        """Tell a request that there is something for it in its directory."""
        pid = self.leader(name)
        if pid is not None:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGUSR1)

    def leader(self, name: str) -> int | None:
        """The process that leads a request's session."""
        for running in self.running.values():
            if running.name == name:
                return running.pid
        # Begun by the shell, before it handed over.
        try:
            with open(os.path.join(SPOOL, name, "pid"), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def collect(self) -> None:
        """Tell what became of those that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            process = self.popen.pop(pid, None)
            if process is not None:
                # It must not wait for what is gone.
                process.returncode = 0
            running = self.running.pop(pid, None)
            if running is None:
                continue
            told = f"{128 + os.WTERMSIG(status)} signal" if os.WIFSIGNALED(status) else str(os.WEXITSTATUS(status))
            place = os.path.join(SPOOL, running.name)
            found = _read(os.path.join(place, _FOUND))
            _tell(place, told)
            if found:
                self.keep(found)

    def keep(self, found: bytes) -> None:
        """Take over the code that a script compiled."""
        try:
            size = len(found)
            if size < _MOST_CODE:
                if self.kept + size > _MOST_CODE:
                    self.code.clear()
                    self.kept = 0
                fresh = marshal.loads(found)
                archive = fresh.pop(_ARCHIVE, None)
                self.code.update(fresh)
                self.kept += size
                if archive is not None:
                    self.learn(archive)
                # What does not change need not be looked at, and so not copied, in each fork.
                gc.freeze()
        except (OSError, EOFError, ValueError, TypeError):
            # It was killed in the middle of writing.
            return

    def learn(self, archive: bytes) -> None:
        """Take the library from the zip file of a script that had another, or none."""
        fd = os.memfd_create("archive.zip")
        try:
            os.write(fd, archive)
            self.core.learn(f"/proc/self/fd/{fd}", self.code)
        finally:
            os.close(fd)


def _sources(archive: str) -> dict[str, bytes]:
    """Hashes of the files of a zip file as they are in it."""
    found = {}
    with zipfile.ZipFile(archive) as file, open(archive, "rb") as raw:
        for info in file.infolist():
            raw.seek(info.header_offset + 26)
            name, extra = raw.read(2), raw.read(2)
            raw.seek(int.from_bytes(name, "little") + int.from_bytes(extra, "little"), os.SEEK_CUR)
            data = raw.read(info.compress_size)
            found[info.filename] = hashlib.sha256(b"%d " % info.compress_type + data).digest()
    return found


def _place(name: str, module: types.ModuleType) -> str:
    """Name of a module's file in its zip file."""
    path = name.replace(".", "/")
    return path + ("/__init__.py" if hasattr(module, "__path__") else ".py")


def _arguments(place: str, command: bytes) -> tuple[list[Any], str]:
    """What to execute, and where."""
    home = "/root" if os.access("/root", os.X_OK) else "/"
    short = len(command) < _LONGEST_ARGUMENT and b"\0" not in command
    if not short or not command.startswith(_PRELUDE):
        return ["/bin/sh", "-c", command] if short else ["/bin/sh", place + "/cmd"], place
    text = command[len(_PRELUDE) :].rstrip(b"\n")
    if _WORDS.fullmatch(text):
        words: list[Any] = text.split(b" ")
        # Any complaint is to be the shell's.
        if os.access(words[0], os.X_OK) and os.path.isfile(words[0]):
            return words, home
    quoted = _QUOTED.fullmatch(text)
    return ["/bin/sh", "-c", quoted[1] if quoted else text], home


def _run(source: bytes, added: dict[str, str], server: Server, found: str) -> NoReturn:
    """Be the Python that reads a script from its standard input."""
    try:
        os.chdir("/root")
    except OSError:
        os.chdir("/")
    os.environ.update(added)
    os.environ["PWD"] = os.getcwd()
    if "TZ" in added:
        time.tzset()
    importlib.invalidate_caches()
    fresh: Code = {}
    _compile_from(server.code, fresh)
    finder = Finder(server.core)
    sys.meta_path.insert(0, finder)
    main = types.ModuleType("__main__")
    vars(main).update(__annotations__={}, __file__="<stdin>", __cached__=None)
    sys.modules["__main__"] = main
    sys.argv[:] = [""]
    sys.path[0] = ""
    pid = os.getpid()
    status = 0
    try:
        exec(_compiled(source), main.__dict__)
    except SystemExit as exc:
        status = _status(exc.code)
    except BaseException:
        _complain()
        status = 1
    if os.getpid() != pid:
        # A fork of its own came back here.
        fresh = {}
    elif finder.missed:
        fresh[_ARCHIVE] = finder.missed
    _finish(status, main, fresh, found)


def _compiled(source: bytes) -> types.CodeType:
    """The code of a script; one that is mostly a literal, as a zip file in base64, is compiled without that, which is put in afterwards.

    Memory that is touched for the first time costs a guest more than what is done with it.
    """
    data = _DATA.search(source)
    if data is not None and _IN_PLACE not in source:
        place = ast.literal_eval(_IN_PLACE.decode())
        code = compile(source[: data.start()] + _IN_PLACE + source[data.end() :], "<stdin>", "exec", dont_inherit=True)
        filled, count = _filled(code, place, data[1].decode("ascii"))
        if count == 1:
            return filled
    return compile(source, "<stdin>", "exec", dont_inherit=True)


def _filled(code: types.CodeType, place: str, text: str) -> tuple[types.CodeType, int]:
    """Code with another constant in the place of one, and how often that was there."""
    count = 0
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            constant, inner = _filled(constant, place, text)
            count += inner
        elif constant == place:
            constant = text
            count += 1
        elif _holds(constant, place):
            # Python has folded it into another constant.
            count += 2
        constants.append(constant)
    return (code.replace(co_consts=tuple(constants)) if count else code), count


def _holds(constant: object, place: str) -> bool:
    return isinstance(constant, (tuple, frozenset)) and any(item == place or _holds(item, place) for item in constant)


def _complain() -> None:
    """Print the traceback as it would be without this program."""
    kind, value, trace = sys.exc_info()
    if kind is not None and value is not None:
        sys.excepthook(kind, value, trace.tb_next if trace else None)


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _finish(status: int, main: types.ModuleType, fresh: Code, found: str) -> NoReturn:
    """What an interpreter does at its end; but no object of this process's is taken down, that would only copy memory."""
    threading = sys.modules.get("threading")
    try:
        if threading is not None:
            threading._shutdown()
        atexit._run_exitfuncs()
        main.__dict__.clear()
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            status = status or 120
    if fresh:
        with contextlib.suppress(OSError, ValueError):
            _write(found, marshal.dumps(fresh))
    os._exit(status)


def _compile_from(code: Code, fresh: Code) -> Any:
    """Let imports from zip files take code that is there already."""
    original = getattr(zipimport, "_compile_source", None)
    if original is None:
        return None

    def compile_source(path: str, source: bytes) -> Any:
        key = hashlib.sha256(source).digest()
        known = code.get(key)
        if known is None:
            known = fresh[key] = original(path, source)
        else:
            _rename(known, path)
        return known

    zipimport._compile_source = compile_source  # type: ignore[attr-defined]
    return original


def _rename(code: types.CodeType, path: str) -> None:
    """Tracebacks name the file that this script came in."""
    import _imp

    _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]


def _world() -> tuple[object, ...]:
    """Changes whenever an interpreter that starts now might find something else than this one did."""
    places = [sys.executable, os.__file__, *site.getsitepackages(), *sys.path[1:]]
    if site.ENABLE_USER_SITE:
        places.append(site.getusersitepackages())
    return tuple(_look_of(place) for place in places)


def _look_of(path: str) -> object:
    try:
        found = os.stat(path)
    except OSError as exc:
        return exc.errno
    return found.st_ino, found.st_mtime_ns, found.st_size


def _real(python: str) -> str:
    """An interpreter by any of its names; one of a virtual environment is another."""
    return os.path.join(os.path.realpath(os.path.dirname(python)), os.path.basename(os.path.realpath(python)))


def _inherited() -> dict[bytes, bytes]:
    """The environment that this process was given; Python itself may have added to it (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:
        words = [word.partition(b"=") for word in file.read().split(b"\0")]
    return {name: value for name, equals, value in words if equals}


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError as exc:
        if exc.errno == errno.ESRCH:
            # It has not come to its setsid(2) yet.
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _write(path: str, data: bytes, flags: int = os.O_CREAT) -> int:
    """:return: why the file could not be opened; 0 where it was."""
    try:
        fd = os.open(path, os.O_WRONLY | flags, 0o600)
    except OSError as exc:
        return exc.errno or 0
    os.write(fd, data)
    os.close(fd)
    return 0


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST_CODE)
    except OSError:
        return b""


def _tell(place: str, what: str) -> None:
    line = what.encode() + b"\n"
    # The host takes a request away as soon as it is told, so nothing else may be made there.
    if _write(place + "/exit", line) in (errno.ENOSPC, errno.EDQUOT):
        # No inode is left, as on a full disk: the host has made a file for that.
        _write(place + "/.exit", line, flags=0)
        with contextlib.suppress(OSError):
            os.link(place + "/.exit", place + "/exit")


def main() -> Callable[[], None] | None:
    """Serve the line."""
    first = sys.argv[1]
    for name in _USUAL:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    server = Server()
    gc.collect()
    gc.freeze()
    return server.serve(first)


if __name__ == "__main__":
    _task = main()
    if _task is not None:
        _task()
