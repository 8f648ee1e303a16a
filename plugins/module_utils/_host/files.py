# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that survive a crash: whole at any moment, the old one or the new."""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import glob
import os
import sys

_GET_FLAGS = 0x80086601 if sys.maxsize > 2**32 else 0x80046601  # FS_IOC_GETFLAGS
_APPEND_ONLY = 0x20  # FS_APPEND_FL
TEMPORARY = ".egress-allowlist"  # how the name of a file ends before it takes its own


def write(path, text):
    """Write a file so that after a crash either the old or the new one is there whole; OSError names the file.

    A file that is there keeps its owner and mode, a link stays one; a new file is for root only.
    """
    write_all({path: text})


def write_all(files, mode=0o600):
    """Write several files as C{write} does, C{{path: text}}; a text of None removes the file.

    All are on the disk before the first takes its name, so that a full disk changes none of them. C{mode} is that of
    new files.
    """
    staged = []
    try:
        for path, text in files.items():
            path = os.path.realpath(path)
            if text is not None:
                staged.append((path, temporary_of(path)))
                _stage(path, text, mode)
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


def _stage(path, text, mode):
    """Write what shall become C{path} beside it, with that file's owner and mode."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = temporary_of(path)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    with contextlib.suppress(FileNotFoundError):
        former = os.stat(path)
        os.chown(temporary, former.st_uid, former.st_gid)
        os.chmod(temporary, former.st_mode & 0o7777)


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
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return missing


def read_all(patterns):
    """Yield the texts of all files whose paths match; those that cannot be read are passed over."""
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            try:
                with open(path, encoding="utf-8", errors="replace") as handle:
                    yield handle.read()
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
