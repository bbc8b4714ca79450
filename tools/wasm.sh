#!/bin/sh
# Builds the decoder of js/: n1c.wasm, and n1c_max.wasm, which has n1_max beside all else. It needs emcc.
set -eu
command -v emcc >/dev/null || {
    echo "wasm: emcc is not there (Debian: apt-get install emscripten)" >&2
    exit 1
}
work=build/wasm
mkdir -p "$work"

# Floating point is never fused, so that samples are those of every other build. Most of the code is small rather than fast.
flags="-std=c99 -ffp-contract=off -Inative/include -Inative/src -Inative/file"
fast=" n1_lanes n1_model n1_multi_fast n1_multi_plain n1_implant n1_max "
objects=
for source in native/wasm/module.c native/file/reader.c native/file/format.c native/src/*.c; do
    unit=$(basename "$source" .c)
    case $fast in *" $unit "*) level=-O2 ;; *) level=-Os ;; esac
    emcc $flags $level -c "$source" -o "$work/$unit.o"
    objects="$objects $work/$unit.o"
done

# The stack stands at the beginning of memory: one that overflows is a trap, and overwrites nothing.
build() {
    target=$1
    shift
    emcc $flags -Os "$@" -c native/file/payload.c -o "$work/payload.o"
    emcc -Os $objects "$work/payload.o" --no-entry -o "$work/$target" -sSTANDALONE_WASM -sALLOW_MEMORY_GROWTH \
        -sMALLOC=emmalloc -sTOTAL_STACK=131072 -Wl,--stack-first \
        -sERROR_ON_UNDEFINED_SYMBOLS=0 -sWARN_ON_UNDEFINED_SYMBOLS=0
    mv "$work/$target" "js/$target"
}
build n1c.wasm -DN1C_WITHOUT_MAX
build n1c_max.wasm
cp LICENSE NOTICE js/
wc -c js/n1c.wasm js/n1c_max.wasm
