#!/usr/bin/env python3
"""Holds `harness bench` against perf_analyzer: requests a second, and processor time for each.

    harness/benches/perf_analyzer.py --harness target/release/harness --perf-analyzer PATH \
        --http 127.0.0.1:8000 --grpc 127.0.0.1:8001 --model small

The server runs already and keeps statistics, which count the requests of both in the same way. The
tools take turns, so that a machine that gets slower gets slower for both; medians are printed. The
processor time is user and system time in /proc/PID/stat over a stretch in the middle of the load, to
ten milliseconds. reference-server/tests/tritonclient/perf_analyzer.sh installs perf_analyzer and prints
its folder, which has to be in LD_LIBRARY_PATH.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("harness", "perf-analyzer", "http", "grpc", "model"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--protocol", nargs="+", default=["http", "grpc"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=3.0)
    return parser.parse_args()


def answered(options):
    address = f"http://{options.http}/v2/models/{options.model}/stats"
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)["model_stats"][0]["inference_count"]


def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def command(tool, protocol, concurrency, options, folder):
    at = options.http if protocol == "http" else options.grpc
    if tool == "perf_analyzer":
        return [options.perf_analyzer, "-i", protocol, "-u", at, "-m", options.model,
                "--input-data", "zero", "--concurrency-range", str(concurrency),
                "-p", "60000", "-s", "30", "-r", "3"]
    return [options.harness, "bench", "--url", f"{protocol}://{at}", "--model", options.model,
            "--input-data", "zero", "--concurrency", str(concurrency),
            "--duration", "60s", "--results-dir", folder]


def measure(tool, protocol, concurrency, options):
    """Requests a second, and microseconds of processor time for each."""
    with tempfile.TemporaryDirectory() as folder:
        line = command(tool, protocol, concurrency, options, folder)
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(2.5)
            begin, spent, requests = time.monotonic(), processor_seconds(process), answered(options)
            time.sleep(options.seconds)
            seconds = time.monotonic() - begin
            spent = processor_seconds(process) - spent
            requests = answered(options) - requests
        finally:
            process.kill()
            process.wait()
    if requests == 0:
        raise SystemExit(f"no request was answered; the command was: {' '.join(line)}")
    return requests / seconds, spent * 1e6 / requests


def main():
    options = arguments()
    tools = ("perf_analyzer", "harness")
    for protocol in options.protocol:
        for concurrency in options.concurrency:
            rounds = [[measure(tool, protocol, concurrency, options) for tool in tools]
                      for _ in range(options.rounds)]
            print(f"{protocol}, concurrency {concurrency}", flush=True)
            for tool, results in zip(tools, zip(*rounds)):
                rate, cost = (statistics.median(values) for values in zip(*results))
                print(f"  {tool:<14} {rate:8.0f}/s  {cost:6.1f} us of processor time each", flush=True)
            ratios = [statistics.median(pair[1][index] / pair[0][index] for pair in rounds)
                      for index in (0, 1)]
            print(f"  harness / perf_analyzer: rate {ratios[0]:.2f}, time {ratios[1]:.2f}", flush=True)


main()
