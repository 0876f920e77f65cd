#!/usr/bin/env python3
"""A distance between every two of many feature sets, on threads, Dask or Ray: `many_pairs.py FOLDER [--engine dask|ray|threads] [--metric w2]`.

FOLDER holds .npy files, n × d each. A task is one pair, so it scales with the engine's workers: on a cluster give its address
(--address; workers need the package and the folder). The table is printed as CSV, the same whatever the engine.
"""

import argparse
import itertools
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor


def one(task):
    """One pair: loaded where it is computed, so that no features travel."""
    import numpy as np

    import kd2m

    a, b, metric = task
    return kd2m.distance(np.load(a), np.load(b), metric).value


def on_threads(tasks, _):
    with ThreadPoolExecutor() as pool:
        return list(pool.map(one, tasks))


def on_dask(tasks, address):
    from dask.distributed import Client, LocalCluster

    if address:
        with Client(address) as client:
            return client.gather(client.map(one, tasks, pure=False))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as local, Client(local) as client:
        return client.gather(client.map(one, tasks, pure=False))


def on_ray(tasks, address):
    import ray

    own = {} if address else {"num_cpus": 2, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    ray.init(address=address, logging_level="error", **own)
    try:
        return ray.get([ray.remote(one).remote(task) for task in tasks])
    finally:
        ray.shutdown()


ENGINES = {"threads": on_threads, "dask": on_dask, "ray": on_ray}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--engine", choices=ENGINES, default="threads")
    parser.add_argument("--metric", default="w2")
    parser.add_argument("--address", help="of a running cluster; its own two workers where left out")
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.npy"))
    if len(files) < 2:
        sys.exit(f"{options.folder} holds {len(files)} .npy files: two at least")
    pairs = list(itertools.combinations(files, 2))
    values = ENGINES[options.engine]([(str(a), str(b), options.metric) for a, b in pairs], options.address)
    print(f"a,b,{options.metric}")
    for (a, b), value in zip(pairs, values):
        print(f"{a.stem},{b.stem},{value:.12g}")


if __name__ == "__main__":
    main()
