"""Gives up a process's rights to write, to read and to connect, for good: Linux's own means.

- A mount namespace in which everything is read-only but one folder: nothing outside it can be
  written, cut short, or have its mode, owner, times or attributes changed.
- Landlock: what may be read. Its first version is enough; where it knows more, more is denied.
- A filter of system calls: no socket of any family (a socket file, as a container engine's, is
  outside every network namespace), nor io_uring, which opens them too; no mounts, no namespaces,
  no looking into other processes.

A script of the sandbox's inside, next to it: imports the standard library alone.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Callable
from functools import partial

_libc = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD, _AT_RECURSIVE, _MS_BIND = -100, 0x8000, 4096
_READ_ONLY, _NO_SUID, _MS_PRIVATE = 1, 2, 1 << 18
_MOUNT_SETATTR = 442
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
_CAPABILITIES_VERSION = 0x20080522
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # Landlock's system calls
_O_PATH = 0o10000000
# Landlock's rights: to execute, read and list; to write, remove and make files.
_READS, _WRITES, _OF_A_FILE = 0xD, 0x1FF2, 0x7
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15  # since versions 2, 3 and 5
_READABLE = (
    *("/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types"),
    *("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
)

# Numbers of system calls by machine; from 424 on they are the same on all.
_CALLS = {  # audit's name of the machine; socket, ptrace, mount, umount2, pivot_root, unshare,
    # setns, keyctl, add_key, request_key, perf_event_open, bpf, userfaultfd, process_vm_readv,
    # process_vm_writev, open_by_handle_at
    "x86_64": (
        0xC000003E,
        (41, 101, 165, 166, 155, 272, 308, 250, 248, 249, 298, 321, 323, 310, 311, 304),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 117, 40, 39, 41, 97, 268, 219, 217, 218, 241, 280, 282, 270, 271, 265),
    ),
}
# io_uring_setup, _enter, _register; open_tree to fspick; pidfd_getfd; mount_setattr; open_tree_attr
_CALLS_OF_ALL = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 467)
_X32 = 0x40000000  # numbers from here on are a second table of x86_64's


class DeniedError(OSError):
    """A right could not be given up."""


def write_only_in(folder: str) -> None:
    """Makes all that is mounted read-only but a folder; in a mount namespace of its own."""
    _mount_attributes(b"/", propagation=_MS_PRIVATE, recursive=True)
    place = os.fsencode(folder)
    _require(lambda: _libc.mount(place, place, None, _MS_BIND, None), "mounts")
    _mount_attributes(b"/", on=_READ_ONLY | _NO_SUID, recursive=True)
    _mount_attributes(place, off=_READ_ONLY)
    os.chdir(folder)  # the mount above it, not what it covers


def confine_to(folder: str) -> None:
    """Lets the process and its children read the system's and Python's files and a folder."""
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    _require(lambda: min(version, 0), "Landlock")
    newer = ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE))
    writes = _WRITES | sum(right for since, right in newer if version >= since)
    handled = ctypes.create_string_buffer(struct.pack("Q", _READS | writes), 8)
    ruleset = _libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(8), 0)
    _require(lambda: min(ruleset, 0), "Landlock")
    allowed = {**dict.fromkeys(_READABLE, _READS), folder: _READS | writes, os.devnull: 0x6}
    for path, rights in allowed.items():
        if os.path.exists(path):
            rights &= ~0 if os.path.isdir(path) else _OF_A_FILE
            beneath = struct.pack("=Qi", rights, os.open(path, _O_PATH))
            rule = ctypes.create_string_buffer(beneath, len(beneath))
            _require(partial(_libc.syscall, _ADD_RULE, ruleset, 1, rule, 0), "Landlock")
    _require(lambda: _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _require(lambda: _libc.syscall(_RESTRICT_SELF, ruleset, 0), "Landlock")


def keep_capabilities(kept: int) -> None:
    """Drops all of root's rights, or of a user namespace's root, but those in the mask."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept)  # in effect, permitted
    _require(lambda: _libc.capset(header, sets), "capabilities")


def filter_calls() -> None:
    """Refuses system calls from here on, with EPERM; the process must have no new privileges."""
    if platform.machine() not in _CALLS:
        raise DeniedError(f"no filter of system calls is known for {platform.machine()}")
    machine, numbers = _CALLS[platform.machine()]
    refused = [*numbers, *_CALLS_OF_ALL]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    kill, refuse, allow = 0x80000000, 0x00050000 | errno.EPERM, 0x7FFF0000
    code = [(load, 0, 0, 4), (equal, 1, 0, machine), (give, 0, 0, kill), (load, 0, 0, 0)]
    code += [(at_least, len(refused) + 1, 0, _X32)]
    code += [(equal, len(refused) - at, 0, number) for at, number in enumerate(refused)]
    code += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    packed = b"".join(struct.pack("=HBBI", *one) for one in code)
    block = ctypes.create_string_buffer(packed, len(packed))
    program = ctypes.create_string_buffer(struct.pack("HP", len(code), ctypes.addressof(block)))
    _require(lambda: _libc.prctl(_PR_SET_SECCOMP, 2, program, 0, 0), "filter of system calls")


def _mount_attributes(
    path: bytes, on: int = 0, off: int = 0, propagation: int = 0, recursive: bool = False
) -> None:
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", on, off, propagation, 0), 32)
    flags, size = _AT_RECURSIVE if recursive else 0, ctypes.c_size_t(32)
    _require(
        lambda: _libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path, flags, attributes, size), "mounts"
    )


def _require(call: Callable[[], int], what: str) -> None:
    if call():
        raise DeniedError(f"no {what}: {os.strerror(ctypes.get_errno())}")
