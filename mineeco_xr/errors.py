"""The errors that mineeco_xr raises, one class a remedy.

Every message names the variable, what was found, what was expected and the call that mends it.
"""


class MineecoError(Exception):
    """Base of every error that mineeco_xr raises on purpose."""


class GridMismatch(MineecoError, ValueError):
    """Layers do not share one grid, or have none: warp them onto one."""


class UnitError(MineecoError, ValueError):
    """A unit is missing, unknown or of the wrong kind: set ``attrs["units"]``."""


class SchemaError(MineecoError, ValueError):
    """A variable, band, date, column or class code is missing or stands twice."""


class ParameterError(MineecoError, ValueError):
    """A parameter is out of its range, or a configuration key is unknown."""


class ConvergenceError(MineecoError, RuntimeError):
    """An iterative solve ended without reaching its fixed point."""


class DataError(MineecoError, OSError):
    """A file or store cannot be read: it is absent, truncated or damaged."""


class IncompleteStore(DataError):
    """A cube was never written to its end: run the write again with ``resume=True``."""


class MineecoWarning(UserWarning):
    """Something was assumed on the user's behalf, and is said once."""
