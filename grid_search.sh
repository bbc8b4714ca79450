#!/usr/bin/env bash
# Sweep all codecs, or those in CODECS (or the one in CODEC), over all WAV files, and write results/<data set>/.
#   ./grid_search.sh
#   CODEC=zstd ./grid_search.sh
#   CODECS="bz2 delta_zstd remap|flac" DATA=path/to/wavs JOBS=2 ./grid_search.sh [options of n1codec grid]
# Times are comparable only with JOBS=1.
set -eu
root=$(cd "$(dirname "$0")" && pwd)
grid="$root/.venv/bin/n1codec"
if [ ! -x "$grid" ]; then
    echo "grid_search.sh: $grid is not there (run make install first)" >&2
    exit 1
fi
codecs=${CODECS:-${CODEC:-}}
exec "$grid" grid ${DATA:+--data "$DATA"} ${codecs:+--codecs "$codecs"} --jobs "${JOBS:-1}" \
    --results "${RESULTS:-$root/results}" "$@"
