#!/bin/sh
# Submits tasks to a node, half of them with CSV files that it makes, half with a picture: sh examples/cluster/submit.sh URL [COUNT]
# It prints an ID when a task is acknowledged. What is refused, or not answered, is tried again with the same key, so that no
# task is submitted twice.
set -eu
url=${1:?"give the address of a node, such as http://127.0.0.1:8002"} count=${2:-60}
here=$(cd "$(dirname "$0")" && pwd)
csv=$(mktemp) run=$$-$(date +%s)
trap 'rm -f "$csv"' EXIT

# send CURL-ARGUMENTS…: prints the first field of the answer, the ID.
send() {
	answer=$(curl -sSf --retry 30 --retry-delay 1 --retry-connrefused --max-time 60 "$@") || exit
	echo "$answer" | cut -d '"' -f 4
}

picture=$(send "$url/api/files" -F "file=@$here/../data/shapes.png")
i=0
while [ $i -lt "$count" ]; do
	i=$((i + 1))
	if [ $((i % 2)) -eq 0 ]; then
		body='{"task_type":"IMAGE_PROCESSING","parameters":{"files":["'$picture'"],"operation":"resize","target_size":"'$((100 + i))x$((100 + i))'"}}'
	else
		awk -v seed=$i 'BEGIN { srand(seed); print "day,town,sold"; for (r = 1; r <= 20000; r++) print r ",town " int(rand() * 9) "," int(rand() * 1000) }' >"$csv"
		file=$(send "$url/api/files" -F "file=@$csv;filename=sales-$i.csv;type=text/csv")
		body='{"task_type":"DATA_PROCESSING","parameters":{"file":"'$file'"}}'
	fi
	send "$url/api/tasks/submit" -H 'Content-Type: application/json' -H "Idempotency-Key: $run-$i" -d "$body"
done
