#!/bin/sh
# Starts the cache @name in containers. `regtools cache up` runs this very file.
# It starts again after a crash. After a reboot it does so with podman 6.1 and `systemctl enable podman-restart.service`
# (older releases heed that service for --restart always alone), and with the units in quadlet/.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)

# A network of their own, in which containers find each other by name.
podman network exists @name || podman network create @name
#[!storage]
# A volume, so that the blobs outlive the containers.
podman volume exists @name || podman volume create --label "@label=$folder" @name
#[/]

#[redis]
# Redis: no port is published, so that only the registry reaches it.
podman run --detach --replace --name @name-redis --label "@label=$folder" \
    --network @name \
    --restart unless-stopped \
    --security-opt no-new-privileges \
    --volume "$folder/redis.conf:/usr/local/etc/redis/redis.conf:ro,Z" \
    @redis_image redis-server /usr/local/etc/redis/redis.conf

#[/]
#[open_to_others]
# The registry: everybody who reaches @bind may pull from it; its counters (5001) on loopback only.
#[/]
#[!open_to_others]
# The registry: this machine alone reaches it; its counters (5001) on loopback only.
#[/]
# It needs no capability, and writes nowhere but to its storage.
podman run --detach --replace --name @name --label "@label=$folder" \
    --network @name \
    --restart unless-stopped \
    --read-only \
    --cap-drop all \
    --security-opt no-new-privileges \
    --publish @bind:@port:5000 \
    --publish @debug_address:5001 \
    --volume "$folder/config.yml:@config_path:ro,Z" \
#[storage]
    --volume @shell_storage:/var/lib/registry:Z \
#[/]
#[!storage]
    --volume @name:/var/lib/registry \
#[/]
#[release_3]
    --env OTEL_TRACES_EXPORTER=none \
#[/]
#[private]
    --env-file "$folder/secrets.env" \
#[/]
    @image
