"""What a terminal shows: the bytes that a program writes, made into lines."""

import re
from collections.abc import Callable

import pyte

CONTINUATION = re.compile(r"^ +(\.\.\.:|⋮) ")
BRACKETED_PASTE = 2004 << 5  # as pyte numbers private modes
USUAL_MODES = {pyte.modes.DECAWM, pyte.modes.DECTCEM}


class Screen(pyte.Screen):
    """The screen, the lines that have scrolled off it, and a terminal's answers to questions.

    Parameters
    ----------
    answer
        Takes what the terminal answers when it is asked for its cursor's position.
    """

    def __init__(self, columns: int, lines: int, answer: Callable[[str], None]):
        self._gone: list[str] = []
        super().__init__(columns, lines)
        self.write_process_input = answer

    def index(self) -> None:
        """Go down a line, and keep the one that leaves the screen at its top."""
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0:
            self._gone.append(self._line(0, self.columns).rstrip())
        super().index()

    def visible(self) -> str:
        """Return the lines on the screen."""
        return "\n".join(self._line(y, self.columns).rstrip() for y in range(self.lines))

    def text(self) -> str:
        """Return all lines that have come, those that have scrolled off first."""
        return "\n".join([*self._gone, self.visible()])

    def before_cursor(self) -> str:
        """Return what stands before the cursor in its line."""
        return self._line(self.cursor.y, self.cursor.x)

    def before_cursor_since(self, begin: str) -> str:
        """Return that with the lines above, up from the nearest one that begins so.

        What IPython puts in front of a line that goes on is left out.
        """
        y = self.cursor.y
        text = self.before_cursor()
        while y > 0 and not text.startswith(begin):
            y -= 1
            text = self._line(y, self.columns) + CONTINUATION.sub("", text)
        return text

    def colour(self, text: str) -> str | None:
        """Return the colour of the lowest line that begins so."""
        for y in reversed(range(self.lines)):
            if self._line(y, self.columns).startswith(text):
                return self.buffer[y][0].fg
        return None

    def is_usual(self) -> bool:
        """Tell whether lines wrap, the cursor is seen and all the rest is as at the beginning."""
        return self.mode == USUAL_MODES and self.margins is None

    def pastes_in_brackets(self) -> bool:
        """Tell whether the program has asked for brackets around what is pasted."""
        return BRACKETED_PASTE in self.mode

    def _line(self, y: int, columns: int) -> str:
        line = self.buffer[y]
        return "".join(line[x].data for x in range(columns))
