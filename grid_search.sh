#!/usr/bin/env bash
# Sweep all codecs, or those in CODECS (or the one in CODEC), over all WAV files, and write results/<data set>/.
#   ./grid_search.sh
#   CODEC=zstd ./grid_search.sh
#   CODECS="bz2 delta_zstd remap|flac" DATA=path/to/wavs JOBS=2 ./grid_search.sh [options of n1codec grid]
# RESULTS names another folder than results/. Times are comparable only with JOBS=1.
set -eu
unset CDPATH
root=$(cd -- "$(dirname -- "$0")" && pwd)
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
    echo "grid_search.sh: $python is not there (run make install first)" >&2
    exit 1
fi
codecs=${CODECS:-${CODEC:-}}
exec "$python" -P -m n1codec grid ${DATA:+--data "$DATA"} ${codecs:+--codecs "$codecs"} --jobs "${JOBS:-1}" \
    --results "${RESULTS:-$root/results}" "$@"
