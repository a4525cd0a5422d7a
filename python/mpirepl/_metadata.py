"""What is known of a task."""

from datetime import UTC, datetime

_DEFAULTS = {
    "msg_id": None,
    "submitted": None,
    "started": None,
    "completed": None,
    "received": None,
    "engine_uuid": None,
    "engine_id": None,
    "follow": None,
    "after": None,
    "status": None,
    "execute_input": None,
    "execute_result": None,
    "error": None,
    "stdout": "",
    "stderr": "",
    "outputs": [],
    "data": {},
    "label": None,
}
KEYS = tuple(_DEFAULTS)


class Metadata(dict):
    """What is known of a task; its items are attributes too."""

    def __init__(self, *args: object, **items: object):
        fresh = {key: type(value)(value) if value == [] or value == {} else value
                 for key, value in _DEFAULTS.items()}  # fmt: skip
        super().__init__(fresh)
        self.update(*args, **items)

    def __getattr__(self, name: str) -> object:
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self:
            raise AttributeError(name)
        self[name] = value

    def __setitem__(self, key: str, value: object) -> None:
        if key not in _DEFAULTS:
            raise KeyError(key)
        super().__setitem__(key, value)


def as_datetime(seconds: float) -> datetime | None:
    """Return a time in the zone of the user, None for 0."""
    return datetime.fromtimestamp(seconds, UTC).astimezone() if seconds else None
