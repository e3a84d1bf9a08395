#!/bin/sh
# Starts three nodes of one cluster on this machine, and stops them on Ctrl-C.
#
#   sh examples/cluster/run.sh        all three: a, b, c
#   sh examples/cluster/run.sh b      only b, which was killed or stopped before
#
# FOLDER (./daybook-cluster) has a data folder, a log and a pid for each node, and the secret that they share. The pages are on
# ports PAGES+1 to PAGES+3 (8001 to 8003), the nodes reach each other on NODES+1 to NODES+3 (7001 to 7003).
# DAYBOOK is the program; without it, it is built into FOLDER.
set -eu
folder=${FOLDER:-$PWD/daybook-cluster} pages=${PAGES:-8000} nodes=${NODES:-7000}
here=$(cd "$(dirname "$0")" && pwd)
umask 077
mkdir -p "$folder"
[ -s "$folder/secret" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/secret"
daybook=${DAYBOOK:-$folder/daybook}
if [ -z "${DAYBOOK:-}" ] && { [ $# -eq 0 ] || [ ! -x "$daybook" ]; }; then
	echo "building daybook"
	(cd "$here/../.." && go build -o "$daybook" ./cmd/daybook)
fi

number() { case $1 in a) echo 1 ;; b) echo 2 ;; c) echo 3 ;; *) echo "there is no node $1: name a, b or c" >&2; exit 2 ;; esac; }
page() { echo "http://127.0.0.1:$((pages + $(number "$1")))"; }

# serve becomes a node.
serve() {
	i=$(number "$1")
	DAYBOOK_CLUSTER_SECRET=$(cat "$folder/secret")
	export DAYBOOK_CLUSTER_SECRET
	exec "$daybook" serve --node "$1" --addr "127.0.0.1:$((pages + i))" --data "$folder/$1" --concurrency 4 \
		--cluster "a=127.0.0.1:$((nodes + 1)),b=127.0.0.1:$((nodes + 2)),c=127.0.0.1:$((nodes + 3))"
}

pids=
stop() {
	trap '' INT TERM HUP
	echo "stopping"
	for pid in $pids; do kill "$pid" 2>/dev/null || :; done
	for pid in $pids; do wait "$pid" 2>/dev/null || :; done
}
set -m 2>/dev/null # Ctrl-C goes to this script alone: a second signal would end the grace of running tasks
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap stop EXIT
for node in ${1:-a b c}; do
	number "$node" >/dev/null
	serve "$node" </dev/null >>"$folder/$node.log" 2>&1 &
	pids="$pids $!"
	echo $! >"$folder/$node.pid"
done
for node in ${1:-a b c}; do
	until curl -sf "$(page "$node")/readyz" >/dev/null; do
		kill -0 "$(cat "$folder/$node.pid")" 2>/dev/null || { tail -n 5 "$folder/$node.log" >&2; exit 1; }
		sleep 0.2
	done
	echo "node $node  page $(page "$node")/  pid $(cat "$folder/$node.pid")  log $folder/$node.log"
done
echo "Ctrl-C stops ${1:-all}"
wait
