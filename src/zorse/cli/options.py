"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import typer

SOURCES = typer.Argument(
    ..., metavar="SOURCE", help="Images: files, folders, globs, .tar(.gz) shards, .parquet, or .txt lists of paths."
)
MODEL = typer.Option("mini", "--model", "-m", help="mini, a hub id, a folder, or open_clip:...; see zorse models.")
STORE = typer.Option(None, "--store", help="Folder that keeps embeddings, so that no image is encoded twice.")
JOBS = typer.Option(None, "--jobs", "-j", help="Threads that read and decode images; as many as cores.")
BATCH_SIZE = typer.Option(32, "--batch-size", "-b", help="Images encoded at a time.")
DEVICE = typer.Option("auto", "--device", help="auto, cpu, cuda, cuda:1, mps.")
ENGINE = typer.Option("local", "--engine", help="local, or ray: the devices of a Ray cluster.")
ADDRESS = typer.Option(None, "--address", help="Of a Ray cluster; without it Ray starts on this machine.")
WORKERS = typer.Option(None, "--workers", help="Processes of the engine ray; one a GPU, else one a core.")
JSON = typer.Option(False, "--json", help="Print one JSON object on stdout.")
INDEX = typer.Option(..., "--index", help="Folder of an index (zorse index makes it), or its address, s3://... .")
