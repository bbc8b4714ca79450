#!/usr/bin/env bash
# Compress and restore every recording with the real executables, one file at a time, as the challenge does.
#   bash eval.sh
#   CODEC=zstd DATA=path/to/wavs JOBS=4 bash eval.sh
#   ENCODE=./mine DECODE=./theirs bash eval.sh        programs that take IN OUT
# CODEC reaches the encoder as $N1_CODEC. DATA is a recording (a file with what belongs to it, such as a .bin with its
# .meta, or a folder), a folder of WAV files or a zip archive; without it the recordings in data/ are used, else those
# in the archive $N1_DATA_ZIP, else a synthetic set. Copies are made in $TMPDIR.
set -u
unset CDPATH

# xargs starts this script again for each file. Exit code 255 keeps it from starting more.
if [ "${1:-}" = --one ]; then
    file=$2
    work=$N1_EVAL_TMP/$$
    # Whoever renames the file "first" is the first that fails, and alone speaks. Renaming takes no space on a full disk.
    # While the file "speaking" is there, nobody stops the worker.
    fail() {
        if mv "$N1_EVAL_TMP/first" "$N1_EVAL_TMP/speaking"; then
            printf '%s\n' ${said:+"$said"} "eval.sh: $file: $1" >&3
            rm "$N1_EVAL_TMP/speaking"
        fi
        exit 255
    }
    said=
    [ -e "$N1_EVAL_TMP/first" ] || exit 255
    mkdir "$work" || fail "no folder for its copy can be made in $N1_EVAL_TMP (is it full? TMPDIR names another)"
    [ -r "$file" ] || fail "it cannot be read (no permission)"
    copy=$work/$(basename "$file")
    packed=$work/packed.n1c
    restored=$work/restored.wav
    # The encoder gets a copy, so that the original is safe; the decoder never sees it.
    # What tells how to read it belongs to it, and comes back with it where the encoder knows that.
    beside=()
    for one in "${file%.bin}.meta" "${file%.cbin}.ch" "$file.json"; do
        if [ -f "$one" ]; then beside+=("$one"); fi
    done
    [ ${#beside[@]} -eq 0 ] || { restored=$work/back/$(basename "$file") && mkdir "$work/back"; }
    whole=
    [ ! -d "$file" ] || whole=-R
    why=$(cp $whole "$file" "$copy" 2>&1) || fail "it cannot be copied to $N1_EVAL_TMP:${why##*:} (TMPDIR names another folder)"
    for one in ${beside[@]+"${beside[@]}"}; do
        cp "$one" "$work/" || fail "$one cannot be copied to $N1_EVAL_TMP (TMPDIR names another folder)"
    done
    said=$("$N1_EVAL_ENCODE" "$copy" "$packed" 2>&1 </dev/null 3>&-) ||
        fail "$N1_EVAL_ENCODE failed with exit code $?"
    [ -f "$packed" ] || fail "$N1_EVAL_ENCODE wrote no output"
    rm -rf "$copy"
    for one in ${beside[@]+"${beside[@]}"}; do rm -f "$work/$(basename "$one")"; done
    # A .n1c file names no programs to run: our decoder is told which they are.
    set --
    case ${DECODE:-}${N1_CODEC:-} in exec:*) set -- --codec "$N1_CODEC" ;; esac
    said=$("$N1_EVAL_DECODE" "$@" "$packed" "$restored" 2>&1 </dev/null 3>&-) ||
        fail "$N1_EVAL_DECODE failed with exit code $?"
    [ -e "$restored" ] || fail "$N1_EVAL_DECODE wrote no output"
    said=
    if [ -d "$file" ]; then
        diff -r "$file" "$restored" >/dev/null || fail "what was restored is not what was compressed"
        before=$(find "$file" -type f \( -name "*.bin" -o -name "*.dat" \) -exec cat {} + | wc -c)
    else
        cmp -s "$file" "$restored" || fail "what was restored is not what was compressed"
        for one in ${beside[@]+"${beside[@]}"}; do
            again=$work/back/$(basename "$one")
            [ ! -e "$again" ] || cmp -s "$one" "$again" || fail "$one is not what was compressed with it"
        done
        before=$(wc -c <"$file")
    fi
    before=$((before))
    after=$(($(wc -c <"$packed")))
    rm -rf "$work"
    echo "$before $after" >>"$N1_EVAL_TMP/sizes" || fail "its size cannot be written to $N1_EVAL_TMP (is it full?)"
    printf '%s losslessly compressed from %s to %s bytes\n' "$file" "$before" "$after" ||
        fail "the line about it cannot be printed"
    exit 0
fi

stop() {
    printf 'eval.sh: %s\n' "$1" >&2
    exit 1
}

for tool in awk basename cmp cp dirname mkdir mktemp mv rm sleep wc xargs; do
    command -v "$tool" >/dev/null || stop "$tool: there is no such program on the PATH, and eval.sh needs it"
done

# Print the absolute path of a program that is given by path, or by name in this folder or on the PATH.
program() {
    case $1 in
    n1enc | n1dec | */n1enc | */n1dec) make=native ;;
    *) make="encode decode" ;;
    esac
    case $1 in
    */*) found=$1 ;;
    *) if [ -f "$1" ]; then found=./$1; else found=$(command -v -- "$1"); fi ;;
    esac
    [ -f "$found" ] || stop "$1: there is no such program (run make $make, or set $2)"
    [ -x "$found" ] || stop "$1: it is not executable (run chmod +x on it, or set $2 to another program)"
    echo "$(cd -- "$(dirname -- "$found")" && pwd)/$(basename -- "$found")"
}

here=$(cd -- "$(dirname -- "$0")" && pwd)
self=$here/$(basename -- "$0")
N1_EVAL_ENCODE=$(program "${ENCODE:-$here/encode}" ENCODE) || exit 1
N1_EVAL_DECODE=$(program "${DECODE:-$here/decode}" DECODE) || exit 1
[ -n "${CODEC:-}" ] && export N1_CODEC="$CODEC"

jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
case $jobs in
'' | *[!0-9]* | 0) stop "JOBS=$jobs: it is not a number above 0" ;;
esac

# n1codec knows where the recordings are and what the set is called; without it a folder of WAV files will do.
if [ -x "$here/.venv/bin/python" ]; then
    set -- "$here/.venv/bin/python" -P -m n1codec
elif command -v n1codec >/dev/null; then
    set -- n1codec
else
    set --
fi
if [ $# -gt 0 ]; then
    found=$("$@" data path --dir "$here/data" ${N1_CODEC:+--codec "$N1_CODEC"} -- ${DATA:+"$DATA"}) || exit $?
    data=${found%$'\n'*}
    name=${found##*$'\n'}
else
    data=${DATA:-$here/data}
    name=$(basename -- "$data" .wav)
fi
case $data in -*) data=./$data ;; esac
recordings=()
if [ -d "$data" ]; then
    [ -r "$data" ] && [ -x "$data" ] || stop "$data: it cannot be read (no permission)"
    for file in "$data"/*.[wW][aA][vV]; do
        if [ -f "$file" ]; then
            recordings+=("$file")
        elif [ -L "$file" ] && ! [ -e "$file" ]; then
            echo "eval.sh: $file: it is left out, a link to nothing" >&2
        fi
    done
    # n1codec has looked: a folder without WAV files is a recording then.
    if [ ${#recordings[@]} -eq 0 ] && [ $# -gt 0 ]; then
        recordings=("$data")
        for tool in diff find; do
            command -v "$tool" >/dev/null || stop "$tool: there is no such program on the PATH, and a folder needs it"
        done
    fi
    [ ${#recordings[@]} -gt 0 ] || stop "$data: there are no WAV files in it (name a folder of some with DATA, or run make data)"
elif [ -f "$data" ]; then
    recordings=("$data")
else
    stop "$data: there is no such file or folder (name the recordings with DATA, or run make data)"
fi
count=${#recordings[@]}
if [ "$count" -eq 1 ]; then files="1 file"; else files="$count files"; fi

N1_EVAL_TMP=$(mktemp -d "${TMPDIR:-/tmp}/n1-eval.XXXXXX" 2>/dev/null) ||
    stop "${TMPDIR:-/tmp}: no temporary folder can be made in it (set TMPDIR to one with room)"
export N1_EVAL_TMP N1_EVAL_ENCODE N1_EVAL_DECODE
workers=
# The workers are a process group of their own, so that all of them can be stopped at once. xargs does not wait for
# those that still run when one of them has failed, and none may run when their folder is removed.
clean() {
    if [ -n "$workers" ] && kill -TERM -- "-$workers" 2>/dev/null; then
        for ((i = 0; i < 50; i++)); do
            kill -0 -- "-$workers" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$workers" 2>/dev/null
    fi
    rm -rf "$N1_EVAL_TMP"
}
trap clean EXIT
trap 'exit 130' HUP INT TERM
{ : >"$N1_EVAL_TMP/first"; } 2>/dev/null || stop "$N1_EVAL_TMP: no file can be written to it (set TMPDIR to another)"
echo "Data set: $name ($files), codec: ${N1_CODEC:-the default of $(basename "$N1_EVAL_ENCODE")}, $jobs at a time" \
    2>/dev/null || stop "standard output: nothing can be written to it (is the disk full?)"
set -m
xargs -0 -n 1 -P "$jobs" bash "$self" --one 3>&2 2>/dev/null < <(printf '%s\0' "${recordings[@]}") &
workers=$!
wait "$workers"
status=$?
while [ -e "$N1_EVAL_TMP/speaking" ] && kill -0 -- "-$workers" 2>/dev/null; do sleep 0.1; done
[ -e "$N1_EVAL_TMP/first" ] || exit 1
done=0
[ -f "$N1_EVAL_TMP/sizes" ] && done=$(($(wc -l <"$N1_EVAL_TMP/sizes")))
[ "$status" -eq 0 ] && [ "$done" -eq "$count" ] || stop "only $done of $files were finished (xargs ended with exit code $status)"

echo "All recordings successfully compressed."
LC_ALL=C awk -v encode="$(($(wc -c <"$N1_EVAL_ENCODE")))" -v decode="$(($(wc -c <"$N1_EVAL_DECODE")))" '
    { before += $1; after += $2 }
    END {
        both = after + encode + decode
        printf "Original size (bytes): %.0f\n", before
        printf "Compressed size (bytes): %.0f\n", both
        printf "Compression ratio: %.9g\n", before / both
        printf "The compressed size is that of the compressed recordings, of the encoder (a file of %.0f bytes) and of the " \
            "decoder (%.0f bytes). Libraries and interpreters that these two load are not counted.\n", encode, decode
        printf "Compressed recordings (bytes): %.0f\n", after
        printf "Compression ratio of the recordings: %.9g\n", after ? before / after : 0
    }' "$N1_EVAL_TMP/sizes"
echo "Data set: $name ($files)"
