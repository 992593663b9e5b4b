"""Measure pulls: send and time requests, speak to a registry, try sources in order, and keep the rows.

:mod:`.timing` and :mod:`.failover` try the sources of a resolution, :mod:`.repository` and :mod:`.manifests`
speak the registry's protocol, :mod:`.http` sends the requests, and :mod:`.recorder` and :mod:`.records` make
a :class:`~.records.Pull` of them. :mod:`.engines` measures podman and skopeo instead.
"""
