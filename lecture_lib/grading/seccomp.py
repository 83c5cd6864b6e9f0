"""A filter for system calls, as the bytes of the BPF program that `bwrap --seccomp` loads.

Namespaces hide the rest of the machine. The filter closes two other kinds of holes: memory that is counted in no
process's size, so that the watcher of `processes` would not see it, and parts of the kernel that a student's code has
no use for and that have been a way out of sandboxes before. A refused call fails with EPERM; Python goes on.
"""

import errno
import platform
import struct

# name: (x86-64, 64-bit ARM); None where a machine lacks the call
REFUSED = {
    # Memory outside every process's size: nameless files, System V and POSIX message queues and segments, pages lent
    # to a pipe, rings and keys in the kernel.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "vmsplice": (278, 75),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # Into other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # Another view of the file system, other namespaces.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "unshare": (272, 97),
    "setns": (308, 268),
    # The machine itself, and large or rarely used parts of the kernel.
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "fanotify_init": (300, 262),
    "inotify_init": (253, None),  # their number is limited by user: the grader's own would run out
    "inotify_init1": (294, 26),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
}
CLONE, CLONE3, SOCKET, MMAP = (56, 220), (435, 435), (41, 198), (9, 222)
NEW_NAMESPACES = 0x7E020000  # CLONE_NEW* as flags of clone
AF_UNIX = 1
SHARED_ANONYMOUS = 0x21  # MAP_SHARED | MAP_ANONYMOUS
X32 = 0x40000000

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH

LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; an argument has 8 bytes, low half first
ALLOW, KILL = 0x7FFF0000, 0x80000000


def _refuse(error: int) -> int:
    return 0x00050000 | error


def program(machine: str | None = None) -> bytes | None:
    """The filter for a machine (this one), as struct sock_filter[]; None where the numbers are not known."""
    if (machine or platform.machine()) not in MACHINES:
        return None
    column, architecture = MACHINES[machine or platform.machine()]
    # (code, operand, skipped if true, skipped if false). A process may speak another architecture's numbers: killed.
    steps = [(LOAD, ARCHITECTURE, 0, 0), (EQUAL, architecture, 1, 0), (RETURN, KILL, 0, 0), (LOAD, NUMBER, 0, 0)]
    if architecture == MACHINES["x86_64"][1]:
        steps += [(AT_LEAST, X32, 0, 1), (RETURN, KILL, 0, 0)]
    for numbers in REFUSED.values():
        if numbers[column] is not None:
            steps += [(EQUAL, numbers[column], 0, 1), (RETURN, _refuse(errno.EPERM), 0, 0)]
    # The flags of clone3 lie in memory, where no filter sees them; told that there is none, the C library uses clone.
    steps += [(EQUAL, CLONE3[column], 0, 1), (RETURN, _refuse(errno.ENOSYS), 0, 0)]
    steps += _by_argument(CLONE[column], 0, [(ANY_BIT, NEW_NAMESPACES, 0, 1)], errno.EPERM)
    # No network is there; TCP within the sandbox would buffer megabytes a connection.
    steps += _by_argument(SOCKET[column], 0, [(EQUAL, AF_UNIX, 1, 0)], errno.EPERM)
    # Pages of shared memory without a file can be dropped from a process's size and stay in use.
    shared = [(AND, SHARED_ANONYMOUS, 0, 0), (EQUAL, SHARED_ANONYMOUS, 0, 1)]
    steps += _by_argument(MMAP[column], 3, shared, errno.EPERM)
    steps.append((RETURN, ALLOW, 0, 0))
    return b"".join(struct.pack("=HBBI", code, yes, no, operand) for code, operand, yes, no in steps)


def _by_argument(number: int, position: int, test: list[tuple], error: int) -> list[tuple]:
    """Steps that refuse call `number` where `test` of an argument does not skip the next step."""
    test = [(LOAD, ARGUMENTS + 8 * position, 0, 0), *test, (RETURN, _refuse(error), 0, 0), (RETURN, ALLOW, 0, 0)]
    return [(EQUAL, number, 0, len(test)), *test]
