"""Archives from elsewhere, unpacked so that nothing lands outside the folder they are meant for."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from zorse.core.errors import InputError, NotAvailableError
from zorse.core.files import scratch_beside
from zorse.data.download import check_room


def unpack(
    archive: str | Path,
    folder: str | Path,
    *,
    wanted: Callable[[PurePosixPath], bool] = lambda name: True,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[Path]:
    """Files of a ``.zip`` or ``.tar`` (compressed or not) whose name is ``wanted``, under their names in ``folder``.

    ``folder`` is new, and is there only when all of it is. An absolute name, a name with ``..``, a link or a device is
    refused before anything is written.

    Raises
    ------
    InputError
        If the archive is damaged, has a member of that kind, or nothing that is wanted.
    NotAvailableError
        If it cannot be written or there is no room.
    """
    archive, folder = Path(archive), Path(folder)
    scratch = scratch_beside(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _opened(archive) as held:
            members = [m for m in _members(held, archive) if wanted(m[0])]
            if not members:
                raise InputError(f"{archive} holds nothing that is wanted")
            total = sum(size for _, size, _ in members)
            check_room(folder.parent, total)
            done = 0
            for name, size, member in members:
                target = scratch.joinpath(*name.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                source = held.open(member) if isinstance(held, zipfile.ZipFile) else held.extractfile(member)
                with source, target.open("wb") as file:  # type: ignore[union-attr]
                    shutil.copyfileobj(source, file, 1 << 20)  # type: ignore[arg-type]
                done += size
                if progress is not None:
                    progress(done, total)
        scratch.replace(folder)
        return [folder.joinpath(*name.parts) for name, _, _ in members]
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
        raise InputError(f"{archive} is damaged: {error}") from error
    except OSError as error:
        raise NotAvailableError(f"cannot unpack {archive} to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _opened(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    if zipfile.is_zipfile(archive):
        return zipfile.ZipFile(archive)
    if archive.is_file() and tarfile.is_tarfile(archive):
        return tarfile.open(archive)
    raise InputError(f"{archive} is no zip or tar archive" if archive.exists() else f"{archive} does not exist")


def _members(held: zipfile.ZipFile | tarfile.TarFile, archive: Path) -> list[tuple[PurePosixPath, int, Any]]:
    """Name, size and entry of every file; folders come with their files."""
    members: list[tuple[PurePosixPath, int, Any]] = []
    if isinstance(held, zipfile.ZipFile):
        for info in held.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            name = _safe(info.filename, plain, archive)
            if not info.is_dir():
                members.append((name, info.file_size, info))
    else:
        for entry in held:
            name = _safe(entry.name, entry.isreg() or entry.isdir(), archive)
            if entry.isreg():
                members.append((name, entry.size, entry))
    return members


def _safe(name: str, plain: bool, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise InputError(f"{archive} is refused: its member {name!r} leads out of the folder")
    if not plain:
        raise InputError(f"{archive} is refused: its member {name!r} is a link or a device")
    return path
