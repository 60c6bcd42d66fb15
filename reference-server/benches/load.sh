#!/usr/bin/env bash
# Drives the server over HTTP and gRPC with perf_analyzer 2.41 (from PyPI) and wrk, and prints one table:
# rates, latencies, processor time of the server per inference, start-up time and memory.
#
#   reference-server/benches/load.sh [ROUNDS]
#
# Needs wrk and the libraries that perf_analyzer links (Debian: wrk, libb64-0d). Client and server
# share this machine; run it while nothing else does. Figures of one run compare with each other,
# figures of two runs only within the machine's noise, which the rounds show.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-3}
cache=${CUSTOM_OP_HARNESS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/custom-op-harness}
tools=$cache/load-tools
scratch=$(mktemp -d)
trap 'kill "${server:-0}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

command -v wrk >/dev/null || { echo "wrk is missing: install the package wrk" >&2; exit 3; }
if [ ! -x "$tools/perf_analyzer" ]; then
  mkdir -p "$tools"
  python3 -m pip download --quiet --no-deps --only-binary=:all: --platform manylinux1_x86_64 \
    --dest "$scratch" tritonclient==2.41.0
  python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$scratch" \
    nvidia-cuda-runtime-cu12==12.4.127
  for wheel in "$scratch"/*.whl; do python3 -m zipfile -e "$wheel" "$scratch/wheels"; done
  find "$scratch/wheels" -name 'libcudart.so.12' -exec cp {} "$tools/" \;
  find "$scratch/wheels" -name perf_analyzer -exec install -m 755 {} "$tools/perf_analyzer" \;
fi
perf_analyzer() { LD_LIBRARY_PATH=$tools "$tools/perf_analyzer" "$@"; }
perf_analyzer --version >/dev/null 2>&1 || { echo "perf_analyzer does not start: install libb64-0d" >&2; exit 3; }

cargo build --quiet --release --package reference-server
cargo run --quiet --release --package test-ops --example sample_repository -- "$scratch/models" --copies >/dev/null
target=${CARGO_TARGET_DIR:-target}/release/reference-server

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ready() {
  local status
  { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
  printf 'GET /v2/health/ready HTTP/1.0\r\n\r\n' >&3
  read -r _ status _ <&3 2>/dev/null || status=
  exec 3>&-
  [ "$status" = 200 ]
}
start() { # start MODEL…: leaves $server, $port and $grpc, prints milliseconds from spawn to ready
  port=$(free_port)
  grpc=$(free_port)
  local metrics loads=() model
  metrics=$(free_port)
  for model in "$@"; do loads+=(--load-model "$model"); done
  local begin=${EPOCHREALTIME/./}
  "$target" --model-repository "$scratch/models" --model-control-mode explicit "${loads[@]}" \
    --http-port "$port" --grpc-port "$grpc" --metrics-port "$metrics" --log-verbose 0 2>"$scratch/log" &
  server=$!
  until ready; do
    ((${EPOCHREALTIME/./} - begin < 30000000)) || { cat "$scratch/log" >&2; exit 1; }
    sleep 0.001
  done
  echo "$(((${EPOCHREALTIME/./} - begin) / 1000))"
}
stop() { kill "$server"; wait "$server" || true; }
resident() { awk '/VmRSS/ {printf "%.1f MiB", $2 / 1024}' "/proc/$1/status"; }
ticks() { cat "/proc/$server/stat" $(pgrep -P "$server" | sed 's|.*|/proc/&/stat|') | awk '{s += $14 + $15} END {print s}'; }

python3 - "$scratch" <<'PYTHON'
import json, sys
folder, count = sys.argv[1], 16
header = json.dumps({
    "inputs": [{"name": "x", "shape": [1, count], "datatype": "FP32",
                "parameters": {"binary_data_size": 4 * count}}],
    "parameters": {"binary_data_output": True},
}).encode()
open(f"{folder}/body", "wb").write(header + b"\0\0\x80\x3f" * count)
open(f"{folder}/request.lua", "w").write(f"""
local file = io.open("{folder}/body", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.headers["Inference-Header-Content-Length"] = "{len(header)}"
""")
PYTHON

analyze() { # analyze PROTOCOL MODEL CONCURRENCY MEMORY, this one of `none` and `system`
  local at=$port
  [ "$1" = http ] || at=$grpc
  perf_analyzer -i "$1" --input-data zero -m "$2" -u "127.0.0.1:$at" --concurrency-range "$3" -p 2000 -s 30 -r 10 \
    --shared-memory "$4" --output-shared-memory-size 1048576 2>&1 |
    awk -v protocol="$1" -v model="$2" -v concurrency="$3" -v memory="$4" '
      /p50 latency:/ {p50 = $3}
      /^Concurrency:.*throughput:/ {rate = $4}
      END {printf "  perf_analyzer, %s, %s tensor, shared memory %s, concurrency %s: p50 %s us, %s/s\n", protocol, model, memory, concurrency, p50, rate}'
}
inferences() {
  python3 - "$port" <<'PYTHON'
import json, sys, urllib.request
statistics = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/v2/models/small/stats")
print(json.load(statistics)["model_stats"][0]["inference_count"])
PYTHON
}

for round in $(seq "$rounds"); do
  echo "round $round of $rounds"
  start small large >"$scratch/ready"
  echo "  spawn to ready, two models: $(cat "$scratch/ready") ms"
  for connections in 1 4 16; do
    rate=$(wrk -t1 -c"$connections" -d3 -s "$scratch/request.lua" "http://127.0.0.1:$port/v2/models/small/infer" |
      awk '/Requests\/sec/ {print $2} /Non-2xx/ {print "with errors"}')
    echo "  wrk, $connections connections: $rate/s"
  done
  for protocol in http grpc; do
    for concurrency in 1 4 16; do analyze "$protocol" small "$concurrency" none; done
  done
  served=$(inferences)
  spent=$(ticks)
  # Its exit status only tells whether its own windows settled; what the server counted is what counts.
  perf_analyzer --input-data zero -m small -u "127.0.0.1:$port" --concurrency-range 16 -p 2000 -s 30 -r 3 >"$scratch/analyzer" 2>&1 ||
    echo "  perf_analyzer ended with status $?: $(tail -n 1 "$scratch/analyzer")"
  served=$(($(inferences) - served))
  [ "$served" -gt 0 ] || { cat "$scratch/analyzer" >&2; exit 1; }
  spent=$((($(ticks) - spent) * 1000000 / $(getconf CLK_TCK)))
  echo "  server processor time per small inference at 16: $((spent / served)) us"
  for protocol in http grpc; do
    for memory in none system; do
      for concurrency in 1 16; do analyze "$protocol" large "$concurrency" "$memory"; done
    done
  done
  echo "  resident after the load: front $(resident "$server"), worker $(resident "$(pgrep -P "$server" | head -1)")"
  stop
done
start $(seq -f 'copies_%02.0f' 0 63) >"$scratch/ready"
echo "64 small models: ready in $(cat "$scratch/ready") ms, front $(resident "$server"), worker $(resident "$(pgrep -P "$server" | head -1)")"
stop
