"""A measured pull: one request timed, a registry spoken to, sources in order, rows to keep.

``transport`` sends one request; ``fetch`` makes a verified document of hops and repetitions; ``auth`` and
``distribution`` speak the registry's protocol; ``timing`` walks a resolution and makes a :class:`Pull`;
``records`` and ``journal`` keep it.
"""
