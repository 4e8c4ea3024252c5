#!/usr/bin/env bash
# Builds kenlm's lmplz and build_binary (the Python package has only the query side) from the
# checksummed source package on PyPI.
#
#   kenlm.sh PYTHON FOLDER     PYTHON has pip and setuptools; the tools go to FOLDER/bin
set -euo pipefail

version=0.3.0
sha256=c4628bb9fb63c8a6f9240035b8b037385cfc404cb72e933cf48878291edac1e8
python=$1
folder=$2
jobs=${ALTIPLANO_JOBS:-$(nproc)}

if [ "$(cat "$folder/version" 2>/dev/null)" = "$sha256" ] &&
    [ -x "$folder/bin/lmplz" ] && [ -x "$folder/bin/build_binary" ]; then
    exit 0
fi

work=$folder/work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

# Without isolation: pip would otherwise build this package's whole build environment from source.
"$python" -m pip --disable-pip-version-check --no-input download --no-deps --no-build-isolation \
    --no-binary kenlm --dest "$work" "kenlm==$version"
archive=$work/kenlm-$version.tar.gz
echo "$sha256  $archive" | sha256sum --check --quiet || {
    echo "$archive is not the kenlm $version this project was tested with;" \
        "see the pin in jobs/setup/kenlm.sh" >&2
    exit 1
}
tar -xzf "$archive" -C "$work"
source=$work/kenlm-$version

# Boost's unit test library is asked for though no target built here uses it.
sed -i '/^  unit_test_framework$/d' "$source/CMakeLists.txt"

cmake -S "$source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release
cmake --build "$work/build" --target lmplz build_binary -j "$jobs"
mkdir -p "$folder/bin"
for tool in lmplz build_binary; do
    install "$work/build/bin/$tool" "$folder/bin/.$tool"
    mv "$folder/bin/.$tool" "$folder/bin/$tool"
done
echo "$sha256" >"$folder/version"
