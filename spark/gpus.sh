#!/bin/sh
# The GPUs of this machine, as spark.executor.resource.gpu.discoveryScript wants them:
# {"name": "gpu", "addresses": ["0", "1"]}, by nvidia-smi's numbers, which follow the PCI bus.
set -e
indexes=$(nvidia-smi --query-gpu=index --format=csv,noheader)
addresses=
for index in $indexes; do
  addresses="$addresses${addresses:+, }\"$index\""
done
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"
