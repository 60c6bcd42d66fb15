#!/bin/sh
# Compiles kernels.cu to kernels.ptx.h, with any nvcc from 11.0 on. To be run when kernels.cu
# changes.
#
# The PTX is for GPUs from compute capability 7.5 on. Nothing in it needs a newer version of the
# language than 7.0, so that drivers from 450 on take it: newer compilers write their own newest.
set -eu
cd "$(dirname "$0")"
ptx=$(mktemp)
trap 'rm -f "$ptx"' EXIT
"${NVCC:-nvcc}" -std=c++17 -O3 -ptx -arch=compute_75 -o "$ptx" kernels.cu
{
    echo '// kernels.cu as PTX; written by compile.sh.'
    echo 'R"ptx('
    sed -e 's/^\.version .*/.version 7.0/' -e '/^[[:space:]]*\/\//d' -e '/^[[:space:]]*$/d' "$ptx"
    echo ')ptx"'
} >kernels.ptx.h
