"""Data that a task publishes while it runs."""


def publish_data(data: dict) -> None:
    """Update ``ar.data`` of the task that calls this.

    Parameters
    ----------
    data : dict
        By names; later values take the place of earlier ones.
    """
    from mpirepl import _engine

    _engine.publish("data", dict(data))


def publish(**data: object) -> None:
    """Publish keyword arguments as data."""
    publish_data(data)
