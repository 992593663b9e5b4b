"""podman and skopeo pull instead of the built-in client, in storage of their own."""
