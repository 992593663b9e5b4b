"""Registries for the tests of this room."""

from tests.support.registries import certificate, registry, secure_server, server, trusted

__all__ = ["certificate", "registry", "secure_server", "server", "trusted"]
