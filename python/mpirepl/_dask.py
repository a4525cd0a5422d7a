"""dask's scheduler on rank 0 and its workers in the engines."""

import asyncio
import threading

from mpirepl import serialize

_NAME = "distributed_worker"  # the worker among the names of its engine, as ipyparallel has it
_PATIENCE = 60  # seconds

_scheduler = None
_loop: asyncio.AbstractEventLoop | None = None  # in which this engine's worker lives


def _start_worker(address: str) -> None:
    """Start a worker in a thread of this engine."""
    global _loop
    if _loop is not None:
        return
    started: threading.Event = threading.Event()
    names = serialize.namespace()

    async def serve() -> None:
        global _loop
        from distributed import Worker

        async with Worker(address, nthreads=1, dashboard=False) as worker:
            _loop = asyncio.get_running_loop()
            names[_NAME] = worker
            started.set()
            await worker.finished()

    threading.Thread(target=asyncio.run, args=(serve(),), daemon=True, name="dask-worker").start()
    if not started.wait(_PATIENCE):
        raise RuntimeError(f"dask's worker has not reached its scheduler at {address}")


def _stop_worker() -> None:
    global _loop
    worker = serialize.namespace().pop(_NAME, None)
    if _loop is not None and worker is not None:
        asyncio.run_coroutine_threadsafe(worker.close(), _loop).result(_PATIENCE)
    _loop = None


def become(client: object, targets: object, **options: object) -> object:
    """Start scheduler and workers, and return dask's client, which takes the options."""
    global _scheduler
    try:
        import distributed
    except ImportError:
        raise ImportError("dask is not installed: pip install 'dask[distributed]'") from None
    if _scheduler is None:
        _scheduler = distributed.LocalCluster(
            n_workers=0, processes=False, protocol="tcp://", dashboard_address=None
        )
    client.direct_view(targets).apply_sync(_start_worker, _scheduler.scheduler_address)
    return distributed.Client(_scheduler, **options)


def stop(client: object, targets: object) -> None:
    """End them."""
    global _scheduler
    client.direct_view(targets).apply_sync(_stop_worker)
    if _scheduler is not None:
        _scheduler.close()
        _scheduler = None
