#!/bin/sh
# How the seeds change a running pair: lb-1 is edited and its daemons restart, then a script copies the files to lb-2 and restarts
# them there. Kinder than theirs: it stops at the first error.
# usage: propagate.sh SSH_CONFIG FOLDER   (FOLDER/NODE/ has the files of each node)
set -eu
for node in lb-1 lb-2; do
    tar -C "$2/$node" -c ./etc/haproxy/haproxy.cfg ./etc/keepalived/keepalived.conf ./etc/evenkeel/vrrp.json |
        ssh -F "$1" "$node" 'sudo tar -C / -x && sudo systemctl restart haproxy keepalived'
done
