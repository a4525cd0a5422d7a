"""What IPython's editor does otherwise in a session than alone."""

from collections.abc import Callable, Iterator

from IPython.core.completer import Completion
from IPython.terminal.prompts import Prompts
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from pygments.token import Token

from mpirepl import _terminal


class SessionPrompts(Prompts):
    """IPython's prompts, with the targets when they are not all ranks."""

    def in_prompt_tokens(self) -> list:
        before, number, after = _terminal.prompt_of(self.shell.front.session)
        return [
            (Token.Prompt, self.vi_mode() + before),
            (Token.PromptNum, number),
            (Token.Prompt, after),
        ]

    def _width(self) -> int:
        return sum(len(text) for _, text in self.in_prompt_tokens())


class Hidden(Processor):
    """Shows nothing of what is typed, as Python's getpass."""

    def apply_transformation(self, line: TransformationInput) -> Transformation:
        """Return an empty line, in which the cursor stands at the beginning."""
        return Transformation([], lambda position: 0, lambda position: 0)


def knowing_values(completions: Callable) -> Callable:
    """Complete what stands behind a magic of the session, all else as IPython does."""

    def completing(text: str, offset: int) -> Iterator[Completion]:
        from mpirepl import _completion

        line = text[:offset].rpartition("\n")[2]
        found = _completion.values_of_magic(line)
        if found is None:
            yield from completions(text, offset)
            return
        begin, values = found
        for value in values:
            yield Completion(offset - len(line) + begin, offset, value, type="value")

    return completing


def in_front(open_in_editor: Callable) -> Callable:
    """Give the terminal to the program in which a line is edited meanwhile."""

    def opening(buffer: Buffer, filename: str) -> bool:
        with _terminal.away_from(_terminal.PROMPT), _terminal.on_terminal():
            return open_in_editor(buffer, filename)

    return opening
