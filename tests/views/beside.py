"""A module beside the program, which engines import by its name."""

count = 0


def by_reference(x):
    """Double a number."""
    return 2 * x


def counter():
    """Count the calls in this process."""
    global count
    count += 1
    return count


class Vector:
    """Something of a module that is pickled by reference to its class."""

    def __init__(self, *items):
        self.items = items

    def __eq__(self, other):
        return self.items == other.items


def refuse(*arguments):
    """Fail while an object is unpickled."""
    raise ValueError("it cannot be unpickled")


class Refuses:
    """An object that can be pickled but not unpickled."""

    def __reduce__(self):
        return refuse, (1,)


def negative(x):
    """Change the sign."""
    return -x
