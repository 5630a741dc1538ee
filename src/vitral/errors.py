"""What a person can do wrong, each kind by its name.

Every message is one line that says what, expected, got and cure. A mistake of our own is an ``assert``, never one of these.
"""


class VitralError(Exception):
    """A person can cure this: the command line prints the message alone and ends with exit code 2."""


class SpecError(VitralError):
    """An experiment file that says something impossible: unknown key, wrong type, value out of range."""


class ShapeError(VitralError):
    """Sizes that do not fit one another: a kernel larger than its image, channels that differ."""


class DataError(VitralError):
    """Data that cannot be had or does not hold what it should: no file, wrong checksum, unreadable picture."""


class StoreError(VitralError):
    """Something that should last could not be written or read: full disk, no permission, damaged checkpoint, run in use."""
