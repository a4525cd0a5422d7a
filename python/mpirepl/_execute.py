"""Code that a view has executed, on both sides."""

import re
import sys

from mpirepl import _compile, _engine, _run, _sources, serialize


def execute(code: str, silent: bool) -> dict:
    """Run code on this engine, as a cell.

    Returns
    -------
    dict
        execution_count and, unless silent, what the value of the last expression looks like.
    """
    global _count
    _engine.method = "execute"
    from mpirepl import _shell

    if _shell.is_needed(code):
        return _shell.execute(code, silent)
    _count += 1
    name = f"<execute {_count}>"
    source = _prepared(code)
    _sources.remember(name, source)
    shown: list = []
    hook, sys.displayhook = sys.displayhook, shown.append
    names = serialize.namespace()
    try:
        shows = "none" if silent else "last_expr"
        _run.execute(_compile.cell(source, name, 0, shows), names)
    finally:
        sys.displayhook = hook
    reply: dict = {"execution_count": _count}
    if shown and shown[-1] is not None:
        _engine.keep(shown[-1])
        data, metadata = _shell.formatted(shown[-1])
        result = {"data": data, "metadata": metadata, "execution_count": _count}
        reply["execute_result"] = result
        _engine.publish("result", result)
    return reply


_count = 0


def _prepared(code: str) -> bytes:
    """Return code as it is compiled: not indented as a whole, and text whatever its cookie says."""
    lines = code.splitlines(True)
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    for i, line in enumerate(lines[:2]):
        lines[i] = re.sub(r"(?<=coding)[:=]", " ", line) if line.lstrip()[:1] == "#" else line
    source = "".join(line.removeprefix(indent) for line in lines).encode()
    return source if source.endswith(b"\n") else source + b"\n"


class ExecuteReply:
    """The result of an execute request."""

    def __init__(self, msg_id: str, content: dict, metadata: dict):
        self.msg_id = msg_id
        self._content = content
        self.metadata = metadata
        self.execution_count = content["execution_count"]
        self.execute_result = content.get("execute_result")

    def __getitem__(self, key: str) -> object:
        return self.metadata[key]

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") or name not in self.__dict__.get("metadata", {}):
            raise AttributeError(name)
        return self.metadata[name]

    @property
    def stdout(self) -> str:
        """What it has printed."""
        return self.metadata["stdout"]

    @property
    def stderr(self) -> str:
        """What it has printed to standard error."""
        return self.metadata["stderr"]

    @property
    def outputs(self) -> list:
        """What it has displayed."""
        return self.metadata["outputs"]

    @property
    def data(self) -> dict:
        """What the value of its last expression looks like, by MIME type."""
        return (self.execute_result or {}).get("data", {})

    @property
    def _text(self) -> str:
        return self.data.get("text/plain", "")

    def display(self) -> None:
        """Display that value here, with IPython."""
        from IPython.display import publish_display_data

        publish_display_data(self.data, (self.execute_result or {}).get("metadata", {}))

    def __repr__(self) -> str:
        text = self._text
        if len(text) > 64:
            text = text[:61] + "..."
        return f"<ExecuteReply[{self.execution_count}]: {text}>"

    def _repr_pretty_(self, p: object, cycle: bool) -> None:
        p.text(f"Out[{self.metadata['engine_id']}:{self.execution_count}]: {self._text}")

    def _mime(self, kind: str) -> object:
        """Return what the value looks like in a format, with what belongs to it."""
        look = self.data.get(kind)
        if look is None:
            return None
        about = self.execute_result.get("metadata", {}).get(kind)
        return (look, about) if about else look

    def _repr_html_(self) -> str | None:
        return self._mime("text/html")

    def _repr_latex_(self) -> str | None:
        return self._mime("text/latex")

    def _repr_json_(self) -> str | None:
        return self._mime("application/json")

    def _repr_javascript_(self) -> str | None:
        return self._mime("application/javascript")

    def _repr_png_(self) -> object:
        return self._mime("image/png")

    def _repr_jpeg_(self) -> object:
        return self._mime("image/jpeg")

    def _repr_svg_(self) -> str | None:
        return self._mime("image/svg+xml")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return self.data
