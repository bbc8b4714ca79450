#!/usr/bin/env bash
# Compress and restore every recording with the real executables, one file at a time, as the challenge does.
#   bash eval.sh
#   CODEC=zstd DATA=path/to/wavs JOBS=4 bash eval.sh
#   ENCODE=./mine DECODE=./theirs bash eval.sh        programs that take IN OUT
# CODEC reaches the encoder as $N1_CODEC. DATA is a folder, a WAV file or a zip archive; without it the recordings in
# data/ are used, else those in the archive $N1_DATA_ZIP, else a synthetic set.
set -u

# xargs starts this script again for each file. What goes wrong first is left in $N1_EVAL_TMP/why;
# exit code 255 keeps xargs from starting more.
if [ "${1:-}" = --one ]; then
    file=$2
    fail() {
        # A link is there whole or not at all, and only the first can be made.
        { cat "$work/said"; echo "eval.sh: $file: $1"; } >"$work/why" 2>/dev/null
        ln "$work/why" "$N1_EVAL_TMP/why" 2>/dev/null
        exit 255
    }
    [ -e "$N1_EVAL_TMP/why" ] && exit 255
    work=$(mktemp -d "$N1_EVAL_TMP/file.XXXXXX") || exit 255
    copy=$work/$(basename "$file")
    packed=$work/packed.n1c
    restored=$work/restored.wav
    # The encoder gets a copy, so that the original is safe; the decoder never sees it.
    cp "$file" "$copy" 2>"$work/said" || fail "cannot be copied"
    "$N1_EVAL_ENCODE" "$copy" "$packed" >"$work/said" 2>&1 </dev/null || fail "$N1_EVAL_ENCODE failed with exit code $?"
    [ -f "$packed" ] || fail "$N1_EVAL_ENCODE wrote no output"
    rm -f "$copy"
    # A .n1c file names no programs to run: our decoder is told which they are.
    set --
    case ${DECODE:-}${N1_CODEC:-} in exec:*) set -- --codec "$N1_CODEC" ;; esac
    "$N1_EVAL_DECODE" "$@" "$packed" "$restored" >"$work/said" 2>&1 </dev/null ||
        fail "$N1_EVAL_DECODE failed with exit code $?"
    [ -f "$restored" ] || fail "$N1_EVAL_DECODE wrote no output"
    cmp "$file" "$restored" >"$work/said" 2>&1 || fail "what was restored is not what was compressed"
    before=$(($(wc -c <"$file")))
    after=$(($(wc -c <"$packed")))
    echo "$before $after" >>"$N1_EVAL_TMP/sizes"
    printf '%s losslessly compressed from %s to %s bytes\n' "$file" "$before" "$after"
    rm -rf "$work"
    exit 0
fi

stop() {
    echo "eval.sh: $1" >&2
    exit 1
}

# Print the absolute path of a program that is given by path, or by name in this folder or on the PATH.
program() {
    case $1 in
    */*) found=$1 ;;
    *) if [ -f "$1" ]; then found=./$1; else found=$(command -v "$1"); fi ;;
    esac
    [ -f "$found" ] && [ -x "$found" ] || return 1
    echo "$(cd "$(dirname "$found")" && pwd)/$(basename "$found")"
}

here=$(cd "$(dirname "$0")" && pwd)
self=$here/$(basename "$0")
encode=${ENCODE:-$here/encode}
decode=${DECODE:-$here/decode}
N1_EVAL_ENCODE=$(program "$encode") || stop "$encode: there is no such program (run make encode decode, or set ENCODE)"
N1_EVAL_DECODE=$(program "$decode") || stop "$decode: there is no such program (run make encode decode, or set DECODE)"
[ -n "${CODEC:-}" ] && export N1_CODEC="$CODEC"

jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
case $jobs in
'' | *[!0-9]* | 0) stop "JOBS=$jobs: it is not a number above 0" ;;
esac

# n1codec knows where the recordings are and what the set is called; without it a folder of WAV files will do.
n1codec=$here/.venv/bin/n1codec
[ -x "$n1codec" ] || n1codec=$(command -v n1codec)
if [ -n "$n1codec" ]; then
    found=$("$n1codec" data path --dir "$here/data" -- ${DATA:+"$DATA"}) || exit 1
    data=$(printf '%s\n' "$found" | sed '$d')
    name=$(printf '%s\n' "$found" | sed -n '$p')
else
    data=${DATA:-$here/data}
    name=$(basename "$data" .wav)
fi
if [ -d "$data" ]; then
    set -- "$data"/*.[wW][aA][vV]
else
    set -- "$data"
fi
[ -f "$1" ] || stop "$data: there are no WAV files (name a folder of some with DATA, or run make data)"
echo "Data set: $name ($# files), codec: ${N1_CODEC:-the default of $(basename "$N1_EVAL_ENCODE")}, $jobs at a time"

N1_EVAL_TMP=$(mktemp -d "${TMPDIR:-/tmp}/n1-eval.XXXXXX") || exit 1
export N1_EVAL_TMP N1_EVAL_ENCODE N1_EVAL_DECODE
workers=
trap 'rm -rf "$N1_EVAL_TMP"' EXIT
# The workers are a process group of their own, so that all of them can be stopped at once.
trap '[ -n "$workers" ] && kill -TERM -- "-$workers" && wait "$workers"; exit 130' HUP INT TERM
set -m
printf '%s\0' "$@" >"$N1_EVAL_TMP/files"
xargs -0 -n 1 -P "$jobs" bash "$self" --one <"$N1_EVAL_TMP/files" 2>/dev/null &
workers=$!
wait "$workers"
status=$?
workers=
if [ -e "$N1_EVAL_TMP/why" ]; then
    cat "$N1_EVAL_TMP/why" >&2
    exit 1
fi
done=0
[ -f "$N1_EVAL_TMP/sizes" ] && done=$(($(wc -l <"$N1_EVAL_TMP/sizes")))
[ "$status" -eq 0 ] && [ "$done" -eq $# ] || stop "only $done of $# files were finished"

echo "All recordings successfully compressed."
LC_ALL=C awk -v encode="$(($(wc -c <"$N1_EVAL_ENCODE")))" -v decode="$(($(wc -c <"$N1_EVAL_DECODE")))" '
    { before += $1; after += $2 }
    END {
        both = after + encode + decode
        printf "Original size (bytes): %.0f\n", before
        printf "Compressed size (bytes): %.0f\n", both
        printf "Compression ratio: %.9g\n", before / both
        printf "Without the executables (%.0f and %.0f bytes):\n", encode, decode
        printf "Compressed recordings (bytes): %.0f\n", after
        printf "Compression ratio of the recordings: %.9g\n", after ? before / after : 0
    }' "$N1_EVAL_TMP/sizes"
echo "Data set: $name ($# files)"
