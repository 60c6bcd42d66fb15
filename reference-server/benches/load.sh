#!/usr/bin/env bash
# Drives the server over HTTP and gRPC with perf_analyzer 2.41 (from PyPI) and wrk, and prints one table:
# rates, latencies, processor time of the server per inference, start-up time and memory. A Triton (from
# PyPI, in the package nvidia-pytriton) is driven beside it, in turns: with a backend that calls the kernel
# of the same op, built from benches/triton/modulo.c, while this server runs the op in another process.
#
#   reference-server/benches/load.sh [ROUNDS]
#
# Needs wrk (Debian: wrk); perf_analyzer is installed as the tests install it. Client and server share
# this machine; run it while nothing else does. Figures of one run compare with each other, figures of
# two runs only within the machine's noise, which the rounds show.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-3}
cache=${CUSTOM_OP_HARNESS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/custom-op-harness}
tools=$cache/load-tools
scratch=$(mktemp -d)
trap 'kill ${server:-} ${triton:-} 2>/dev/null || true; rm -rf "$scratch"' EXIT

command -v wrk >/dev/null || { echo "wrk is missing: install the package wrk" >&2; exit 3; }
analyzer=$(reference-server/tests/tritonclient/perf_analyzer.sh)
perf_analyzer() { LD_LIBRARY_PATH=$analyzer "$analyzer/perf_analyzer" "$@"; }

triton_server=$tools/triton/pytriton/tritonserver/bin/tritonserver
[ -x "$triton_server" ] ||
  python3 -m pip install --quiet --no-deps --only-binary=:all: --target "$tools/triton" nvidia-pytriton==0.7.0
cargo rustc --quiet --release --package op-kernels-c --crate-type staticlib
mkdir -p "$scratch/backends/modulo" "$scratch/triton"/{small,large}/1
cc -O2 -shared -fPIC -I test-ops/kernels-c/include -o "$scratch/backends/modulo/libtriton_modulo.so" \
  reference-server/benches/triton/modulo.c "${CARGO_TARGET_DIR:-target}/release/libop_kernels_c.a"
for model in small:16 large:262144; do
  cat >"$scratch/triton/${model%:*}/config.pbtxt" <<CONFIGURATION
backend: "modulo"
input [ { name: "x" data_type: TYPE_FP32 dims: [ 1, ${model#*:} ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 1, ${model#*:} ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
CONFIGURATION
done

cargo build --quiet --release --package reference-server
cargo run --quiet --release --package test-ops --example sample_repository -- "$scratch/models" --copies >/dev/null
target=${CARGO_TARGET_DIR:-target}/release/reference-server

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ready() { # ready PORT
  local status
  { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
  printf 'GET /v2/health/ready HTTP/1.0\r\n\r\n' >&3
  read -r _ status _ <&3 2>/dev/null || status=
  exec 3>&-
  [ "$status" = 200 ]
}
await() { # await PORT LOG: prints milliseconds until ready
  local begin=${EPOCHREALTIME/./}
  until ready "$1"; do
    ((${EPOCHREALTIME/./} - begin < 30000000)) || { cat "$2" >&2; exit 1; }
    sleep 0.001
  done
  echo "$(((${EPOCHREALTIME/./} - begin) / 1000))"
}
start() { # start MODEL…: leaves $server, $port and $grpc, prints milliseconds from spawn to ready
  port=$(free_port)
  grpc=$(free_port)
  local metrics loads=() model
  metrics=$(free_port)
  for model in "$@"; do loads+=(--load-model "$model"); done
  "$target" --model-repository "$scratch/models" --model-control-mode explicit "${loads[@]}" \
    --http-port "$port" --grpc-port "$grpc" --metrics-port "$metrics" --log-verbose 0 2>"$scratch/log" &
  server=$!
  await "$port" "$scratch/log"
}
start_triton() { # leaves $triton, $triton_http and $triton_grpc
  triton_http=$(free_port)
  triton_grpc=$(free_port)
  "$triton_server" --model-repository "$scratch/triton" --backend-directory "$scratch/backends" \
    --disable-auto-complete-config --allow-metrics false --http-address 127.0.0.1 --grpc-address 127.0.0.1 \
    --http-port "$triton_http" --grpc-port "$triton_grpc" >"$scratch/triton.log" 2>&1 &
  triton=$!
  await "$triton_http" "$scratch/triton.log" >/dev/null
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

analyze() { # analyze PROTOCOL MODEL CONCURRENCY MEMORY, this one of `none` and `system`: here, then Triton
  local at here=$port there=$triton_http measured
  [ "$1" = http ] || { here=$grpc there=$triton_grpc; }
  echo "  perf_analyzer, $1, $2 tensor, shared memory $4, concurrency $3:"
  for at in "$here" "$there"; do
    # Its exit status only tells whether its own windows settled: what it prints then is no result.
    measured=$(perf_analyzer -i "$1" --input-data zero -m "$2" -u "127.0.0.1:$at" --concurrency-range "$3" -p 2000 \
      -s 30 -r 10 --shared-memory "$4" --output-shared-memory-size 1048576 2>&1) || true
    awk -v who="$([ "$at" = "$here" ] && echo here || echo Triton)" '
      /p50 latency:/ {p50 = $3}
      /^Concurrency:.*throughput:/ {rate = $4}
      {last = $0}
      END {if (rate) printf "    %-6s p50 %s us, %s/s\n", who, p50, rate; else printf "    %-6s none: %s\n", who, last}' <<<"$measured"
  done
}
wrk_rate() { # wrk_rate PORT CONNECTIONS
  wrk -t1 -c"$2" -d3 -s "$scratch/request.lua" "http://127.0.0.1:$1/v2/models/small/infer" |
    awk '/Requests\/sec/ {printf "%s/s", $2} /Non-2xx/ {printf " with errors"}'
}
inferences() {
  python3 - "$port" <<'PYTHON'
import json, sys, urllib.request
statistics = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/v2/models/small/stats")
print(json.load(statistics)["model_stats"][0]["inference_count"])
PYTHON
}

start_triton
for round in $(seq "$rounds"); do
  echo "round $round of $rounds"
  start small large >"$scratch/ready"
  echo "  spawn to ready, two models: $(cat "$scratch/ready") ms"
  for connections in 1 4 16; do
    echo "  wrk, $connections connections: here $(wrk_rate "$port" "$connections"), Triton $(wrk_rate "$triton_http" "$connections")"
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
