"""Charts of measured pulls, and of what a name resolves to; each returns the matplotlib Axes it drew on.

They are readable in grey: phases differ in lightness and hatching, places in marker and dash. They show the
raw points with the median, never a mean alone. Without ``ax`` a chart makes a figure, 1152 pixels wide.
"""

from .phases import failover, phases
from .pull import throughput, waterfall
from .pulls import ecdf, slopes, small_multiples
from .resolution import resolution

__all__ = ["ecdf", "failover", "phases", "resolution", "slopes", "small_multiples", "throughput", "waterfall"]
