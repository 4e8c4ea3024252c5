"""The four errors people can catch.

Each message is one line that names the value, the rule, the place and the fix; the CLI prints it
and exits 2 without a traceback. `assert` is kept for our own bugs.
"""


class AltiplanoError(Exception):
    """Base of the errors that are the input's or the machine's fault, not the program's."""


class ConfigError(AltiplanoError):
    """A configuration key, type or value that cannot be used."""


class DataError(AltiplanoError):
    """An input or a stage's output that is missing, damaged, or not what its manifest says."""


class ShardError(AltiplanoError):
    """A token shard that is missing, damaged, or of another tokenizer."""


class CheckpointError(AltiplanoError):
    """A checkpoint that is missing, incomplete, or of another model."""
