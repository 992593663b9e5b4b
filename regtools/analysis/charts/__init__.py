"""Charts of measured pulls, and of where a name leads: matplotlib, each gives the Axes that it drew on.

Readable in grey and without telling colours apart: phases differ in lightness and hatching, places in
marker and dash. Raw points are always there, with the median; means never. Without ``ax`` a chart makes a
figure of its own, 1152 pixels wide.
"""

# Cheap: matplotlib and pandas are loaded when a chart is drawn.
from __future__ import annotations

from .phases import failover, phases
from .pull import throughput, waterfall
from .pulls import ecdf, slopes, small_multiples
from .resolution import resolution

__all__ = ["ecdf", "failover", "phases", "resolution", "slopes", "small_multiples", "throughput", "waterfall"]
