"""The service under load: ``python benchmarks/serve.py [--photos SOURCE] [--out benchmarks/results/serve.json]``.

Encoder alone and service are measured in turns on the same machine: the encoder on prepared pixels in batches of 32 and
from the files' bytes, the service with 64 clients that send one photograph a request. Then a queue that is too short,
and thousands of malformed requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import torch

import zorse
from zorse.core.files import atomic_path
from zorse.core.image import open_image
from zorse.data.images import find_images

CLIENTS, REQUESTS, ROUNDS = 64, 1000, 3
LABELS = ["person", "car", "dog", "cat", "boat", "plate of food", "street", "mountain", "train", "bird"]


@contextmanager
def service(*options: str):
    """``zorse serve`` as users start it, on a free port; its process and port."""
    command = [sys.executable, "-m", "zorse.cli", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = int(re.search(r":(\d+) ", process.stderr.readline()).group(1))
        drain = subprocess.Popen(["tail", "-n", "1"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            yield process, port
        finally:
            process.terminate()
            assert process.wait(60) == 0
            drain.wait()


def request(photograph: bytes) -> bytes:
    """One photograph as a browser or curl would send it."""
    body = (
        b'--zorse\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        + photograph
        + b'\r\n--zorse\r\nContent-Disposition: form-data; name="labels"\r\n\r\n'
        + ", ".join(LABELS).encode()
        + b"\r\n--zorse--\r\n"
    )
    head = (
        b"POST /classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=zorse\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    return head + body


async def drive(port: int, requests: list[bytes], clients: int, again: bool = False):
    """Seconds in all, seconds of each answer, statuses, answers by request; ``again``: come back after a 503."""
    turn = iter(range(len(requests)))
    took: list[float] = []
    statuses: Counter[int] = Counter()
    answers: dict[int, str] = {}

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in turn:
            while True:
                began = time.perf_counter()
                writer.write(requests[at])
                head = await reader.readuntil(b"\r\n\r\n")
                status = int(head[9:12])
                body = await reader.readexactly(int(re.search(rb"content-length: (\d+)", head).group(1)))
                statuses[status] += 1
                if status != 503 or not again:
                    break
                if b"connection: close" in head.lower():
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                assert int(re.search(rb"retry-after: (\d+)", head).group(1)) >= 1
                await asyncio.sleep(0.2 + random.random())  # sooner than asked: the queue has to stay full
            took.append(time.perf_counter() - began)
            if status == 200:
                answers[at] = json.loads(body)["results"][0]["label"]
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    return time.perf_counter() - began, sorted(took), statuses, answers


def metric(port: int, name: str) -> float:
    import urllib.request

    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return float(re.search(rf"^{name} (\S+)$", page, re.M).group(1))


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


def processor_seconds(pid: int) -> float:
    """What a process has used of processors; other programs that run beside it don't change it much."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(photographs: list[bytes], times: int) -> dict:
    """Encoder alone and service in turns."""
    encoder = zorse.load_encoder("mini")
    truth = [row.label for row in zorse.classify(photographs, LABELS, encoder)]
    pixels = torch.stack([encoder.preprocess(open_image(p, min_size=encoder.image_size)) for p in photographs])
    requests = [request(photographs[at % len(photographs)]) for at in range(REQUESTS)]

    def alone(n: int = 320) -> tuple[float, float, float, float]:
        """Images a second, and milliseconds of processor an image: on pixels, and on files."""
        began, used = time.perf_counter(), time.process_time()
        for start in range(0, n, 32):
            encoder.encode_pixels(pixels[[at % len(pixels) for at in range(start, start + 32)]])
        middle, used_middle = time.perf_counter(), time.process_time()
        encoder.encode_images([photographs[at % len(photographs)] for at in range(n)], batch_size=32)
        ended, used_all = time.perf_counter(), time.process_time()
        return (
            n / (middle - began),
            n / (ended - middle),
            1e3 * (used_middle - used) / n,
            1e3 * (used_all - used_middle) / n,
        )

    rounds, wrong = [], 0
    with service() as (process, port):
        asyncio.run(drive(port, requests[:128], CLIENTS))
        alone(64)
        for number in range(1, times + 1):
            before = alone()
            images, batches = metric(port, "zorse_images_total"), metric(port, "zorse_batch_images_count")
            used, encoding = processor_seconds(process.pid), metric(port, "zorse_encoding_seconds_total")
            seconds, took, statuses, answers = asyncio.run(drive(port, requests, CLIENTS))
            used, encoding = (
                processor_seconds(process.pid) - used,
                metric(port, "zorse_encoding_seconds_total") - encoding,
            )
            images, batches = (
                metric(port, "zorse_images_total") - images,
                metric(port, "zorse_batch_images_count") - batches,
            )
            after = alone()
            wrong += sum(label != truth[at % len(truth)] for at, label in answers.items())
            pure, whole, cost, whole_cost = ((a + b) / 2 for a, b in zip(before, after))
            rounds.append(
                {
                    "round": number,
                    "encoder_on_pixels_per_s": pure,
                    "encoder_on_files_per_s": whole,
                    "service_per_s": REQUESTS / seconds,
                    "service_of_encoder_on_pixels": REQUESTS / seconds / pure,
                    "service_of_encoder_on_files": REQUESTS / seconds / whole,
                    "cpu_ms_encoder_on_pixels": cost,
                    "cpu_ms_encoder_on_files": whole_cost,
                    "cpu_ms_service": 1e3 * used / REQUESTS,
                    "share_of_time_encoding": encoding / seconds,
                    "load_average": os.getloadavg()[0],
                    "p50_ms": 1e3 * took[len(took) // 2],
                    "p99_ms": 1e3 * took[int(0.99 * len(took))],
                    "images_a_batch": images / batches,
                    "answered_200": statuses[200],
                    "other_statuses": sum(statuses.values()) - statuses[200],
                    "lost": REQUESTS - sum(statuses.values()),
                }
            )
            print(rounds[-1], flush=True)
    with service("--queue", "16") as (_, port):
        _, _, statuses, answers = asyncio.run(drive(port, requests, CLIENTS, again=True))
    short = {
        "answered_200": statuses[200],
        "told_503_and_come_back": statuses[503],
        "other_statuses": sum(n for status, n in statuses.items() if status not in (200, 503)),
        "lost": REQUESTS - statuses[200],
    }
    best = {name: max(r[name] for r in rounds) for name in rounds[0] if name.endswith("_per_s")}
    return {
        "rounds": rounds,
        "labels_that_differ_from_the_library_s": wrong,
        "service_of_encoder_on_pixels": {
            "median": statistics.median(r["service_of_encoder_on_pixels"] for r in rounds),
            "best_of_each": best["service_per_s"] / best["encoder_on_pixels_per_s"],
        },
        "service_of_encoder_on_files": {
            "median": statistics.median(r["service_of_encoder_on_files"] for r in rounds),
            "best_of_each": best["service_per_s"] / best["encoder_on_files_per_s"],
        },
        "queue_of_16": short,
    }


def wrong_requests(n: int) -> dict:
    """Malformed requests, and what the service's memory does meanwhile."""
    sys.path.insert(0, str(Path(__file__).parent))
    import malformed

    statuses: Counter[int] = Counter()
    memory = []
    with service() as (process, port):
        address = f"http://127.0.0.1:{port}"
        malformed.send(address, malformed.damaged(400, random.Random(1)))  # caches fill, modules load
        statuses += malformed.from_document(address, n // 10)
        left = n - sum(statuses.values())
        for part in range(10):
            memory.append(resident(process.pid))
            rng = random.Random(2 + part)
            malformed.send(address, malformed.damaged(left // 10 + (part < left % 10), rng), statuses)
            print(part, statuses, memory, flush=True)
        memory.append(resident(process.pid))
        inside, held = metric(port, "zorse_requests_inside"), metric(port, "zorse_bytes_held")
    return {
        "requests": sum(statuses.values()),
        "from_the_document": n // 10,
        "statuses": {str(status): statuses[status] for status in sorted(statuses)},
        "5xx": sum(count for status, count in statuses.items() if status >= 500),
        "mebibytes_at_each_tenth_of_the_damaged": [round(size / 2**20, 1) for size in memory],
        "growth_in_the_second_half_mib": (memory[-1] - memory[5]) / 2**20,
        "left_inside": [inside, held],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", default=None, help="default: the photographs of zorse demo")
    parser.add_argument("--name", default="photographs of zorse demo")
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--part", choices=["load", "malformed"], help="measure one part and keep the other's figures")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "serve.json")
    options = parser.parse_args()
    if options.photos is None:
        from skimage import data

        photographs = [_jpeg(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    else:
        refs = (ref for ref, _ in zip(find_images(options.photos), range(options.most)))
        photographs = [ref.read() for ref in refs]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    size = statistics.mean(map(len, photographs))
    result = {
        "what": f"Service: {CLIENTS} clients, {REQUESTS:,} requests of one photograph each, mini",
        "note": (
            "One process serves; the clients are another on the same cores. Rounds alternate encoder, service, "
            "encoder; torch has one thread in each. The encoder on pixels is given prepared batches of 32 and "
            "nothing else to do; on files it opens, shrinks and encodes, on one thread. The load average tells how "
            "busy the machine was otherwise; processor time (cpu) hardly depends on it. Malformed requests: a tenth "
            "made by schemathesis from the OpenAPI document, right and wrong ones, the rest damaged pictures, forms "
            "and JSON. Status 0 is a request that the client's own HTTP library would not send, or one the service "
            "hung up on."
        ),
        "photographs": f"{len(photographs)} {options.name}, {size / 1024:.0f} KiB on average",
        **(load(photographs, options.rounds) if options.part != "malformed" else {}),
        "versions": {
            "zorse": zorse.__version__,
            "torch": torch.__version__.partition("+")[0],
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }
    if options.part is not None and options.out.exists():
        result = json.loads(options.out.read_text()) | result
    _write(result, options.out)  # what has been measured is kept whatever comes
    if options.part != "load":
        _write(result | {"malformed": wrong_requests(options.malformed)}, options.out)


def _write(result: dict, out: Path) -> None:
    with atomic_path(out) as path:
        path.write_text(json.dumps(result, indent=1) + "\n")


def _jpeg(pixels) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
