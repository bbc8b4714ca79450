#!/bin/sh
# Sets up the virtual environment named by $1: pinned versions, the package, its C kernels, what the benchmark needs (the
# extra bench), and the extras in $EXTRAS.
# An extra that does not install is named, with what it would need, and left out; $2 gets the names of those that did.
set -eu
venv=$1
stamp=$2
python=${PYTHON:-python3}

command -v "$python" >/dev/null || {
    echo "install: $python: there is no such program (name another: make install PYTHON=python3.12)" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "install: $python is older than 3.11 (name another: make install PYTHON=python3.12)" >&2
    exit 1
}
echo "install: setting up $venv (the first time takes a minute or two)" >&2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"

# WavPack's package has no wheel, and needs the system's library. Where this may install it, it does.
if [ -r /etc/debian_version ] && [ "$(id -u)" = 0 ] && ! [ -e /usr/include/wavpack/wavpack.h ]; then
    echo "install: adding the system packages wavpack and libwavpack-dev" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y wavpack libwavpack-dev; } >/dev/null 2>&1 || true
fi

# pip splits these at blanks, which the path of this folder may have; what it starts to build packages starts here, too.
export PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1
pip() { "$venv/bin/python" -m pip install -q "$@"; }
requirements() {
    "$venv/bin/python" -c '
import sys, tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' "$1"
}

pip -e '.[bench]'
installed=
for extra in $(echo "${EXTRAS:-}" | tr ',' ' '); do
    log=$(mktemp)
    requirements "$extra" >"$log.txt"
    if ! pip -r "$log.txt" >"$log" 2>&1; then
        case $extra in
            dev) cat "$log" >&2; exit 1 ;;
            wavpack) advice="install the packages wavpack and libwavpack-dev (macOS: brew install wavpack), then make install" ;;
            spikeinterface) advice="it needs numcodecs before 0.16, so give it an environment of its own (docs/recordings.md)" ;;
            *) advice="see $venv/bin/pip install 'n1codec[$extra]'" ;;
        esac
        echo "install: without the codecs of '$extra': $advice" >&2
    else
        installed=$installed${installed:+,}$extra
    fi
    rm -f "$log" "$log.txt"
done
"$venv/bin/python" -m compileall -q n1codec algorithms
echo "$installed" >"$stamp"
