"""Charts of measured pulls, and of where a name leads: matplotlib, each gives the Axes that it drew on.

Readable in grey and without telling colours apart: phases differ in lightness and hatching, places in
marker and dash. Raw points are always there, with the median; means never. Without ``ax`` a chart makes a
figure of its own, 1152 pixels wide.
"""

# Cheap: matplotlib and pandas are loaded when a chart is drawn.
from .names import resolution
from .one_pull import throughput, waterfall
from .panels import small_multiples
from .parts import failover, phases
from .spread import ecdf, slopes

__all__ = [
    "ecdf",
    "failover",
    "phases",
    "resolution",
    "slopes",
    "small_multiples",
    "throughput",
    "waterfall",
]
