#!/usr/bin/env bash
# Prints the folder that holds perf_analyzer 2.41 and those of its libraries that the machine lacks; it
# starts with this folder in LD_LIBRARY_PATH. What is missing is installed into the cache folder, without
# root: the program and CUDA's runtime library from PyPI, libb64 from the system's package archive.
#
#   reference-server/tests/tritonclient/perf_analyzer.sh
#
# Ends with status 3 where this machine cannot have it, with the reason on standard error.
set -euo pipefail

version=2.41.0
cuda=12.4.127 # any release of CUDA 12: the program wants libcudart.so.12
longest=300   # seconds that a download may take
tools=${CUSTOM_OP_HARNESS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/custom-op-harness}/load-tools
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
folder=$tools/perf_analyzer-$version

missing() {
  echo "perf_analyzer $version: $*" >&2
  exit 3
}
starts() { said=$(LD_LIBRARY_PATH=$folder "$folder/perf_analyzer" --version 2>&1); }

# Several may come at the same time. The system drops the lock with the process.
exec 9>"$tools/.lock"
flock --wait $((4 * longest)) 9
scratch=$(mktemp -d "$tools/.install-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

if [ ! -d "$folder" ]; then
  python3 -m pip --version >/dev/null 2>&1 ||
    missing "python3 with pip, which downloads it, is missing (on Debian: apt-get install python3-pip)"
  fetch() {
    timeout "$longest" python3 -m pip download --quiet --no-input --disable-pip-version-check --no-deps \
      --only-binary=:all: --dest "$scratch" "$@" >&2
  }
  # Of this version's wheels only those for one platform hold the program.
  fetch "tritonclient==$version" --platform manylinux1_x86_64
  fetch "nvidia-cuda-runtime-cu12==$cuda"
  for wheel in "$scratch"/*.whl; do python3 -m zipfile -e "$wheel" "$scratch/wheels"; done
  mkdir "$scratch/whole"
  find "$scratch/wheels" -name libcudart.so.12 -exec mv {} "$scratch/whole/" \;
  find "$scratch/wheels" -name perf_analyzer -exec install -m 755 {} "$scratch/whole/" \;
  # In one step, so that an interrupted installation leaves nothing half-made.
  mv "$scratch/whole" "$folder"
fi

if ! starts && [[ $said == *libb64.so.0d* ]]; then
  for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || missing "its library libb64.so.0d is missing, and so is $tool, which would fetch it"
  done
  # With package lists of its own: the machine's may be missing or old, and only root may renew them.
  mkdir -p "$scratch/apt"/{lists,cache}/partial
  apt=(apt-get -qq -o "Dir::State::lists=$scratch/apt/lists" -o "Dir::Cache=$scratch/apt/cache"
    -o APT::Sandbox::User= -o Acquire::Languages=none)
  (
    cd "$scratch"
    timeout "$longest" "${apt[@]}" update >&2 && timeout "$longest" "${apt[@]}" download libb64-0d >&2 &&
      dpkg-deb -x libb64-0d_*.deb libb64
  ) || missing "its library libb64.so.0d is missing and could not be fetched (on Debian: apt-get install libb64-0d)"
  find "$scratch/libb64" -name 'libb64.so.0d' -exec cp -L {} "$scratch/" \;
  mv "$scratch/libb64.so.0d" "$folder/"
fi
starts || missing "it does not start: $said"
echo "$folder"
