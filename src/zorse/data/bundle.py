"""A task on disk, open to every tool: one ``.npz`` without pickle, or a folder of Parquet files."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from zorse.core.classes import ClassTable
from zorse.core.errors import InputError
from zorse.core.files import atomic_path
from zorse.core.graph import ClassGraph
from zorse.data.defects import SETS, Parts, defects, shown, views
from zorse.data.parquet import MANIFEST, read_folder, write_folder
from zorse.data.task import ZeroShotTask

FORMAT = "zorse-bundle/1"


def load_bundle(path: str | Path) -> ZeroShotTask:
    """The task that :func:`save_bundle` wrote.

    Raises
    ------
    InputError
        If the file cannot be read or has a defect; ``zorse datasets check`` names every one.
    """
    found = defects(*(read := read_bundle(path)))
    if found:
        more = f" ({len(found) - 1} more; zorse datasets check {path} names them)" if found[1:] else ""
        raise InputError(f"{path}: {found[0]}{more}")
    parts, graph = read[0], None
    if "graph_nodes" in parts:
        nodes = tuple(parts["graph_nodes"].tolist())
        graph = ClassGraph(nodes, parts["graph_vectors"], parts["graph_edges"], parts.get("graph_relations"))
    table = ClassTable(
        parts["class_labels"],
        parts["class_vectors"],
        tuple(parts["class_names"].tolist()) if "class_names" in parts else None,
        _prompts(parts),
        tuple(parts[view] for view in views(parts)) or None,
        parents={node: tuple(above) for node, above in parts["parents"].items()} if "parents" in parts else None,
        graph=graph,
    )
    return ZeroShotTask(
        parts["features"],
        parts["labels"],
        table,
        parts["train_index"],
        parts.get("test_seen_index", np.zeros(0, dtype=np.intp)),
        parts["test_unseen_index"],
        parts.get("name", ""),
    )


def save_bundle(task: ZeroShotTask, path: str | Path) -> Path:
    """Write a task to a file ``*.npz``, or to a folder of Parquet files under any other name; nothing is lost.

    Parameters
    ----------
    task : ZeroShotTask
    path : path
        Where a bundle is replaced; anything else that is there stays.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If a label is neither a number nor text, or the path is taken by something else.
    NotAvailableError
        If it cannot be written.

    Notes
    -----
    The ``.npz`` holds ``features`` (n, d) or (n, gh, gw, d), ``labels`` (n,), ``train_index``, ``test_seen_index``,
    ``test_unseen_index`` (rows from 0), ``class_labels`` (c,), ``class_vectors`` (c, k) and, where the task has them,
    ``class_names``, ``class_view_1``, ..., ``class_prompts`` with ``class_prompt_counts``, ``parents`` (JSON) and
    ``graph_nodes``, ``graph_vectors``, ``graph_edges``, ``graph_relations``.

    The folder holds ``samples.parquet`` (``label``, ``split``, ``position`` within the split, ``features``),
    ``classes.parquet`` (``label``, ``name``, ``vectors``, ``view_1``, ..., ``prompts``), ``bundle.json`` and, for a
    graph, ``graph_nodes.parquet`` and ``graph_edges.parquet``.
    """
    path, parts = Path(path), parts_of(task)
    if path.suffix.lower() == ".npz":
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the name of a file")
        with atomic_path(path) as scratch, scratch.open("wb") as file:
            told = {"format": FORMAT, "name": parts["name"]}
            told |= {"parents": json.dumps(parts["parents"])} if "parents" in parts else {}
            np.savez(file, **(parts | {key: np.array(text) for key, text in told.items()}))
        return path
    if path.exists() and not (path / MANIFEST).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} is there and is no bundle; a bundle is a new folder or a name that ends in .npz")
    write_folder(parts | {"format": FORMAT}, path)
    return path


def read_bundle(path: str | Path) -> tuple[Parts, list[str]]:
    """The arrays of a bundle as they stand, unchecked, and what kept some from being read.

    Raises
    ------
    InputError
        If there is no bundle at ``path``.
    """
    path = Path(path)
    try:
        parts, found = read_folder(path) if path.is_dir() else _read_npz(path)
    except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"{path} cannot be read: {reason or error}") from error
    version = parts.pop("format", FORMAT)
    if version != FORMAT:
        raise InputError(f"{path} is of format {version!r}; this version of Zorse reads {FORMAT!r}")
    return parts, found


def is_bundle(path: Path) -> bool:
    """Whether it is an ``.npz`` file or a folder with ``bundle.json``."""
    return (path.is_file() and path.suffix.lower() == ".npz") or (path / MANIFEST).is_file()


def parts_of(task: ZeroShotTask) -> Parts:
    """A task as the arrays of its bundle."""
    table = task.classes
    parts: Parts = {
        "name": task.name,
        "features": task.X,
        "labels": _plain(task.y, "labels"),
        "class_labels": _plain(table.labels, "labels of classes"),
        "class_vectors": table.vectors,
    }
    parts |= {f"{part}_index": getattr(task, f"{part}_index") for part in SETS}
    if table.names is not None:
        parts["class_names"] = np.array(table.names, dtype=str)
    parts |= {f"class_view_{i}": view for i, view in enumerate(table.views or (), 1)}
    if table.prompts is not None:
        parts["class_prompts"] = np.concatenate(table.prompts)
        parts["class_prompt_counts"] = np.array([len(p) for p in table.prompts])
    if table.parents is not None:
        parts["parents"] = {node: list(above) for node, above in table.parents.items()}
    if (graph := table.graph) is not None:
        parts |= {"graph_vectors": graph.vectors, "graph_edges": graph.edges}
        parts["graph_nodes"] = np.array(graph.nodes, dtype=str)
        parts |= {} if graph.relations is None else {"graph_relations": graph.relations}
    return parts


def _plain(labels: np.ndarray, what: str) -> np.ndarray:
    if labels.dtype.kind == "O":
        labels = np.array(labels.tolist()) if {type(label) for label in labels.tolist()} <= {str} else labels
    if labels.dtype.kind not in "biufU":
        raise InputError(f"{what} must be numbers or text to be written; got {shown(labels[:1])} ({labels.dtype})")
    return labels


def _prompts(parts: Parts) -> tuple[np.ndarray, ...] | None:
    if "class_prompts" not in parts:
        return None
    return tuple(np.split(parts["class_prompts"], np.cumsum(parts["class_prompt_counts"])[:-1]))


def _read_npz(path: Path) -> tuple[Parts, list[str]]:
    found: list[str] = []
    parts: Parts = {}
    with path.open("rb") as file:
        try:
            held = np.load(file, allow_pickle=False)
        except ValueError as error:
            raise InputError(f"{path} is no .npz file ({error})") from error
        if not isinstance(held, np.lib.npyio.NpzFile):
            raise InputError(f"{path} holds one array; a bundle is an .npz file")
        for key in held:
            try:
                parts[key] = held[key]
            except ValueError as error:
                pickled = "pickle" in str(error)
                found.append(f"{key}: {'pickled objects, which are never opened' if pickled else error}")
    for key in ("format", "name", "parents"):
        if key in parts:
            parts[key] = str(parts[key])
    _parse_parents(parts, found)
    return parts, found


def _parse_parents(parts: Parts, found: list[str]) -> None:
    try:
        if "parents" in parts:
            parts["parents"] = json.loads(parts["parents"])
    except ValueError as error:
        del parts["parents"]
        found.append(f"parents: no JSON ({error})")
