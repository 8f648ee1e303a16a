# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that survive a crash: whole at any moment, the old one or the new.

Texts are bytes in another coat: what is not UTF-8, a NUL or a carriage return is read and written as it is.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import glob
import os
import stat
import sys

_GET_FLAGS = 0x80086601 if sys.maxsize > 2**32 else 0x80046601  # FS_IOC_GETFLAGS
_APPEND_ONLY = 0x20  # FS_APPEND_FL
TEMPORARY = ".egress-allowlist"  # how the name of a file ends before it takes its own
# Modes of our folders, whatever the umask is. Whoever may open a lock may hold it: nobody but root below /run.
FOLDERS = {"/etc/egress-allowlist": 0o755, "/run/egress-allowlist": 0o700, "/var/lib/egress-allowlist": 0o700}
_FOLDER = 0o755  # of all others that we make


def encode(text):
    """Return the bytes of a text that C{read} returned or that we made."""
    return text.encode("utf-8", "surrogateescape")


def decode(data):
    """Return bytes as a text from which C{encode} makes the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def readable(value):
    """Return texts, also those in lists and dictionaries, as what anybody can print: other bytes as C{\\xe9}."""
    if isinstance(value, str):
        return encode(value).decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {readable(name): readable(each) for name, each in value.items()}
    return [readable(each) for each in value] if isinstance(value, (list, tuple)) else value


def write(path, text):
    """Write a file of ours so that after a crash the old or the new one is there whole; OSError names the file.

    It is for root only.
    """
    write_all({path: text}, own=True)


def write_all(files, mode=0o600, own=False, modes=None):
    """Write several files as C{write} does, C{{path: text}}; a text of None removes the file.

    All are on the disk before the first takes its name, so that a full disk changes none of them. C{mode} is that of
    new files, whatever the umask; a file that is there keeps its owner and mode unless it is our C{own} or its mode
    is among C{modes}, C{{path: mode}}, and a link stays one.
    """
    staged = []
    try:
        for given, text in files.items():
            path = os.path.realpath(given)
            if text is not None:
                staged.append((path, temporary_of(path)))
                _stage(path, text, mode, own, (modes or {}).get(given))
        for path, temporary in staged:
            os.replace(temporary, path)
    except OSError as error:
        remove(*(temporary for dummy, temporary in staged))
        raise OSError(error.errno, error.strerror, path) from error
    remove(*(path for path, text in files.items() if text is None))
    for folder in sorted({os.path.dirname(os.path.realpath(path)) for path in files}):
        if os.path.isdir(folder):
            sync_folder(folder)


def check_writable(*paths):
    """Raise OSError, which names the file, where one of these could not be written or removed; writes nothing."""
    for path in map(os.path.realpath, paths):
        folder = os.path.dirname(path)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        for found in filter(os.path.exists, (path, folder)):
            # Root may write all that is no read-only or immutable file; to append alone is not to write.
            if not os.access(found, os.W_OK) or _attributes(found) & _APPEND_ONLY:
                raise OSError(errno.EPERM, "cannot be changed: see 'lsattr -d' and 'findmnt -T' of it", found)


def _attributes(path):
    """Return the flags of a file as lsattr(1) shows them, 0 where its file system has none."""
    answer = array.array("i", [0])
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        fcntl.ioctl(handle, _GET_FLAGS, answer)
    except OSError:
        return 0
    finally:
        os.close(handle)
    return answer[0]


def _stage(path, text, mode, own, changed):
    """Write what shall become C{path} beside it, with that file's owner and mode, or a C{changed} mode."""
    make_folder(os.path.dirname(path))
    temporary = temporary_of(path)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        with contextlib.suppress(FileNotFoundError):
            former = os.stat(path)
            if not stat.S_ISREG(former.st_mode):  # a link to /dev/null is how an administrator switches a file off
                raise OSError(errno.EINVAL, "not a regular file")
            if not own:
                os.fchown(stream.fileno(), former.st_uid, former.st_gid)
                os.fchmod(stream.fileno(), former.st_mode & 0o7777 if changed is None else changed)
        stream.write(encode(text))
        stream.flush()
        os.fsync(stream.fileno())


def make_folder(path):
    """Make a folder, and those above it, with our modes; one of ours that is there gets its mode back."""
    if not os.path.isdir(path):
        above = os.path.dirname(path)
        if above != path:
            make_folder(above)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
            os.chmod(path, FOLDERS.get(path, _FOLDER))
    elif path in FOLDERS and wrong_modes({path: FOLDERS[path]}):
        os.chmod(path, FOLDERS[path])


def wrong_modes(modes):
    """Return those of our paths C{{path: mode}} that are there with another mode, C{{path: mode}}; no links."""
    found = {}
    for path, mode in modes.items():
        with contextlib.suppress(OSError):
            is_now = os.lstat(path).st_mode
            if not stat.S_ISLNK(is_now) and stat.S_IMODE(is_now) != mode:
                found[path] = stat.S_IMODE(is_now)
    return found


def mode_lines(modes):
    """Return in words which of our paths C{{path: mode}} have another mode."""
    found = wrong_modes(modes)
    return [f"~ {path}: mode {found[path]:04o} -> {modes[path]:04o}" for path in sorted(found)]


def alone_in(path):
    """Return C{{folder: mode}} of the folder of a file of ours where nothing else is in it, else {}."""
    folder, name = os.path.split(path)
    with contextlib.suppress(OSError):
        if os.listdir(folder) == [name]:
            return {folder: _FOLDER}
    return {}


def set_modes(modes):
    """Give our paths C{{path: mode}} that are there their modes back."""
    for path in wrong_modes(modes):
        os.chmod(path, modes[path])


def temporary_of(path):
    """Return where a file is written before it takes its name: the same place each time, so that C{sweep} knows it."""
    folder, name = os.path.split(os.path.realpath(path))
    return os.path.join(folder, f".{name}{TEMPORARY}")


def sync_folder(folder):
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path, missing=""):
    """Return a file's text, C{missing} where there is none."""
    try:
        with open(path, "rb") as handle:
            return decode(handle.read())
    except FileNotFoundError:
        return missing


def read_all(patterns):
    """Yield the texts of all regular files whose paths match; those that cannot be read are passed over."""
    for pattern in patterns:
        for path in filter(os.path.isfile, sorted(glob.glob(pattern))):
            try:
                with open(path, "rb") as handle:
                    yield decode(handle.read())
            except OSError:
                continue


def remove(*paths):
    """Remove files, and folders that are empty; harmless where there are none."""
    for path in paths:
        if os.path.isdir(path):
            with contextlib.suppress(OSError):
                os.rmdir(path)
        elif os.path.lexists(path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
