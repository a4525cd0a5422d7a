"""dask's scheduler on rank 0 and its workers in the engines."""

_scheduler = None
_worker = None


def _start_worker(address: str) -> None:
    global _worker
    import asyncio
    import threading

    from distributed import Worker

    started = threading.Event()
    loops: list = []

    def work() -> None:
        async def serve() -> None:
            async with Worker(address, nthreads=1, dashboard=False) as worker:
                loops.append((asyncio.get_running_loop(), worker))
                started.set()
                await worker.finished()

        asyncio.run(serve())

    threading.Thread(target=work, daemon=True, name="dask-worker").start()
    started.wait(60)
    _worker = loops[0] if loops else None


def _stop_worker() -> None:
    global _worker
    if _worker is None:
        return
    import asyncio

    loop, worker = _worker
    _worker = None
    asyncio.run_coroutine_threadsafe(worker.close(), loop).result(30)


def become(client: object, targets: object, **options: object) -> object:
    """Start scheduler and workers, and return dask's client."""
    global _scheduler
    try:
        import distributed
    except ImportError:
        raise ImportError("dask is not installed: pip install 'dask[distributed]'") from None
    if _scheduler is None:
        _scheduler = distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None)
    view = client.direct_view([r for r in client.ids if r != 0] if targets == "all" else targets)
    view.apply_sync(_start_worker, _scheduler.scheduler_address)
    return distributed.Client(_scheduler)


def stop(client: object, targets: object) -> None:
    """End them."""
    global _scheduler
    client.direct_view(targets).apply_sync(_stop_worker)
    if _scheduler is not None:
        _scheduler.close()
        _scheduler = None
