"""Other programs' indexes over the same embeddings: how quickly they answer, and how rightly."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["peers"]

Vectors = NDArray[np.float32]
Search = Callable[[Vectors], NDArray[np.int64]]

_QUESTIONS = 50
_THREADS = 2


def peers(embeddings: Vectors, k: int) -> dict[str, float]:
    """For each index that is installed: seconds to make it, milliseconds of a question, and the
    share of the true first ten among its first ten.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length.
    """
    rows = np.random.default_rng(3).integers(len(embeddings), size=_QUESTIONS)
    truth = [np.argsort(-(embeddings @ embeddings[row]), kind="stable")[:10] for row in rows]
    found: dict[str, float] = {}
    for name, make in _kinds():
        try:
            began = time.perf_counter()
            search = make(embeddings, k)
        except ImportError:
            continue
        found[f"{name}: made, s"] = time.perf_counter() - began
        times, hits = [], 0
        for row, right in zip(rows, truth, strict=True):
            began = time.perf_counter()
            answer = search(embeddings[row])
            times.append(1000 * (time.perf_counter() - began))
            hits += len(set(answer[:10].tolist()) & set(right.tolist()))
        found[f"{name}: median, ms"] = float(np.median(times))
        found[f"{name}: p99, ms"] = float(np.percentile(times, 99))
        found[f"{name}: index recall@10"] = hits / (10 * _QUESTIONS)
        del search
    return found


def _kinds() -> Iterator[tuple[str, Callable[[Vectors, int], Search]]]:
    yield "numpy", _numpy
    yield "faiss flat", lambda rows, k: _faiss(rows, k, "Flat")
    yield "faiss SQ8", lambda rows, k: _faiss(rows, k, "SQ8")
    yield "faiss HNSW32", lambda rows, k: _faiss(rows, k, "HNSW32")
    yield "hnswlib", _hnswlib
    yield "voyager", _voyager
    yield "usearch exact i8", _usearch_exact
    yield "usearch HNSW", _usearch
    yield "sqlite-vec", _sqlite_vec


def _numpy(rows: Vectors, k: int) -> Search:
    def search(query: Vectors) -> NDArray[np.int64]:
        scores = rows @ query
        best = np.argpartition(-scores, k)[:k]
        return best[np.argsort(-scores[best], kind="stable")]

    return search


def _faiss(rows: Vectors, k: int, kind: str) -> Search:
    faiss: Any = importlib.import_module("faiss")
    faiss.omp_set_num_threads(_THREADS)
    index = faiss.index_factory(rows.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(rows)
    index.add(rows)
    return lambda query: np.asarray(index.search(query[None], k)[1][0])


def _hnswlib(rows: Vectors, k: int) -> Search:
    hnswlib: Any = importlib.import_module("hnswlib")
    index = hnswlib.Index("ip", rows.shape[1])
    index.init_index(len(rows), ef_construction=100, M=16)
    index.add_items(rows, num_threads=_THREADS)
    index.set_ef(100)
    return lambda query: np.asarray(index.knn_query(query, k, num_threads=1)[0][0].astype(np.int64))


def _voyager(rows: Vectors, k: int) -> Search:
    voyager: Any = importlib.import_module("voyager")
    index = voyager.Index(voyager.Space.InnerProduct, rows.shape[1], M=16, ef_construction=100)
    index.add_items(rows, num_threads=_THREADS)
    return lambda query: np.asarray(index.query(query, k, query_ef=100)[0].astype(np.int64))


def _usearch_exact(rows: Vectors, k: int) -> Search:
    usearch: Any = importlib.import_module("usearch.index")
    codes = np.rint(rows / np.abs(rows).max() * 127).astype(np.int8)
    scale = 127 / np.abs(rows).max()

    def search(query: Vectors) -> NDArray[np.int64]:
        asked = np.clip(np.rint(query * scale), -127, 127).astype(np.int8)[None]
        metric = usearch.MetricKind.IP
        found = usearch.search(codes, asked, k, metric, exact=True, threads=_THREADS)
        return np.asarray(found.keys.reshape(-1).astype(np.int64))

    return search


def _usearch(rows: Vectors, k: int) -> Search:
    usearch: Any = importlib.import_module("usearch.index")
    index = usearch.Index(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=16)
    index.add(np.arange(len(rows)), rows, threads=_THREADS)
    return lambda query: np.asarray(index.search(query, k).keys.astype(np.int64))


def _sqlite_vec(rows: Vectors, k: int) -> Search:
    sqlite_vec: Any = importlib.import_module("sqlite_vec")
    import sqlite3

    database = sqlite3.connect(":memory:")
    database.enable_load_extension(True)
    sqlite_vec.load(database)
    kind = f"float[{rows.shape[1]}] distance_metric=cosine"
    database.execute(f"CREATE VIRTUAL TABLE rows USING vec0(embedding {kind})")
    pairs = ((row, vector.tobytes()) for row, vector in enumerate(rows))
    database.executemany("INSERT INTO rows(rowid, embedding) VALUES (?, ?)", pairs)
    asked = "SELECT rowid FROM rows WHERE embedding MATCH ? AND k = ? ORDER BY distance"

    def search(query: Vectors) -> NDArray[np.int64]:
        found = database.execute(asked, (query.tobytes(), k)).fetchall()
        return np.array([row for (row,) in found], np.int64)

    return search
