"""From measured pulls to the order of mirrors that they support.

::

    pulls, requests
      ── evidence ─▶ the pulls that count, each with the one source that it measured   mirrors
      ── cases ────▶ for each entry its mirrors, and what was measured of each         mirrors
      ── best ─────▶ the order with the least expected time                            choice, expected
      ── decide ───▶ a Choice where the gain is certain, else the reason why not       choice
      ── dropin ───▶ registries.conf text                                              advise

Each step runs once. With many vantage points each has its own cases; its own order and the common one
(:mod:`.vantages`) are chosen from the same cases.
"""
