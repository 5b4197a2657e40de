"""A task as a folder of Parquet files and a ``bundle.json``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from zorse.core.errors import InputError, NotAvailableError
from zorse.core.files import scratch_beside
from zorse.data.defects import SETS, Parts, views

MANIFEST = "bundle.json"


def write_folder(parts: Parts, path: Path) -> None:
    """Write the parts of a task; what is at ``path`` is replaced once the new folder is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    scratch = scratch_beside(path)
    tables = {"samples": _samples(parts, pa), "classes": _classes(parts, pa)}
    if "graph_nodes" in parts:
        nodes = {"node": pa.array(parts["graph_nodes"].tolist()), "vectors": _rows(parts["graph_vectors"], pa)}
        edges = {"source": pa.array(parts["graph_edges"][:, 0]), "target": pa.array(parts["graph_edges"][:, 1])}
        if "graph_relations" in parts:
            edges["relation"] = pa.array(parts["graph_relations"])
        tables |= {"graph_nodes": pa.table(nodes), "graph_edges": pa.table(edges)}
    try:
        scratch.mkdir()
        for name, table in tables.items():
            pq.write_table(table, scratch / f"{name}.parquet")
        manifest: Parts = {key: parts[key] for key in ("format", "name", "parents") if key in parts}
        manifest |= {"grid": parts["features"].shape[1:3]} if parts["features"].ndim == 4 else {}
        (scratch / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", "utf-8")
        if path.exists():
            shutil.rmtree(path)
        scratch.replace(path)
    except OSError as error:
        raise NotAvailableError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _rows(matrix: np.ndarray, pa: Any) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])


def _samples(parts: Parts, pa: Any) -> Any:
    n = len(parts["labels"])
    split, position = np.full(n, None, dtype=object), np.full(n, -1)
    for part in SETS:
        index = parts[f"{part}_index"]
        split[index], position[index] = part, np.arange(len(index))
    return pa.table(
        {
            "label": pa.array(parts["labels"].tolist() if parts["labels"].dtype.kind == "U" else parts["labels"]),
            "split": pa.array(split.tolist(), pa.string()),
            "position": pa.array(position, mask=position < 0),
            "features": _rows(parts["features"].reshape(n, -1), pa),
        }
    )


def _classes(parts: Parts, pa: Any) -> Any:
    labels = parts["class_labels"]
    columns = {"label": pa.array(labels.tolist() if labels.dtype.kind == "U" else labels)}
    if "class_names" in parts:
        columns["name"] = pa.array(parts["class_names"].tolist(), pa.string())
    columns["vectors"] = _rows(parts["class_vectors"], pa)
    columns |= {view.removeprefix("class_"): _rows(parts[view], pa) for view in views(parts)}
    if "class_prompts" in parts:
        ends = np.concatenate([[0], np.cumsum(parts["class_prompt_counts"])]).astype(np.int32)
        columns["prompts"] = pa.ListArray.from_arrays(pa.array(ends), _rows(parts["class_prompts"], pa))
    return pa.table(columns)


def read_folder(path: Path) -> tuple[Parts, list[str]]:
    """The parts as they stand, and what kept some from being read."""
    found: list[str] = []
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is no bundle: it has no {MANIFEST}") from error
    except ValueError as error:
        raise InputError(f"{path / MANIFEST} is no JSON ({error})") from error
    if not isinstance(manifest, dict):
        raise InputError(f"{path / MANIFEST} holds no JSON object")
    parts: Parts = {key: manifest[key] for key in ("format", "name", "parents") if key in manifest}
    samples = _columns(path / "samples.parquet", found)
    classes = _columns(path / "classes.parquet", found)
    parts |= {name: samples[key] for name, key in (("features", "features"), ("labels", "label")) if key in samples}
    named = {"label": "class_labels", "name": "class_names", "vectors": "class_vectors", "prompts": "class_prompts"}
    for key, column in classes.items():
        parts[named.get(key, f"class_{key}")] = column
    if isinstance(parts.get("class_prompts"), list):
        prompts = parts["class_prompts"]
        parts["class_prompt_counts"] = np.array([len(p) for p in prompts])
        parts["class_prompts"] = np.concatenate(prompts) if prompts else np.zeros((0, 0))
    if "grid" in manifest and getattr(parts.get("features"), "ndim", 0) == 2:
        try:
            gh, gw = manifest["grid"]
            parts["features"] = parts["features"].reshape(len(parts["features"]), gh, gw, -1)
        except (TypeError, ValueError):
            found.append(f"features: {parts['features'].shape[1]} numbers a row are no grid of {manifest['grid']}")
    if "split" in samples:
        split = samples["split"]
        for part in SETS:
            index = np.flatnonzero(split == part)
            if "position" in samples:
                index = index[np.argsort(samples["position"][index], kind="stable")]
            parts[f"{part}_index"] = index
        strange = sorted({str(s) for s in split if s is not None} - set(SETS))
        if strange:
            found.append(f"samples.parquet: split must be {', '.join(SETS)} or empty; got {', '.join(strange)}")
    if (path / "graph_nodes.parquet").exists():
        nodes = _columns(path / "graph_nodes.parquet", found)
        edges = _columns(path / "graph_edges.parquet", found)
        parts |= {
            f"graph_{new}": nodes[old] for old, new in (("node", "nodes"), ("vectors", "vectors")) if old in nodes
        }
        if "source" in edges and "target" in edges:
            parts["graph_edges"] = np.stack([edges["source"], edges["target"]], axis=1)
        parts |= {"graph_relations": edges["relation"]} if "relation" in edges else {}
    return parts, found


def _columns(path: Path, found: list[str]) -> dict[str, Any]:
    """Columns of a table as arrays; what cannot be one is left out and told in ``found``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except FileNotFoundError:
        found.append(f"{path.name}: is not there")
        return {}
    except (pa.ArrowException, OSError, ValueError) as error:
        found.append(f"{path.name}: no Parquet file ({str(error).splitlines()[0]})")
        return {}
    columns = {}
    for name in table.column_names:
        try:
            columns[name] = _array(table[name].combine_chunks(), pa)
        except (pa.ArrowException, ValueError, KeyError) as error:
            found.append(f"{path.name}: column {name} {error}")
    return columns


def _array(column: Any, pa: Any) -> Any:
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        if column.null_count:
            raise ValueError("has empty rows")
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        rows = [np.array(row or []) for row in column.to_pylist()]
        if pa.types.is_list(kind.value_type) or pa.types.is_fixed_size_list(kind.value_type):
            return rows
        if len({len(row) for row in rows}) > 1:
            raise ValueError("has rows of different lengths")
        return np.stack(rows) if rows else np.zeros((0, 0))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = column.to_pylist()
        return np.array(values, dtype=object if None in values else str)
    return column.to_numpy(zero_copy_only=False)
