#!/usr/bin/env bash
# Builds the two recorded programs: static, non-PIE, against musl, from Debian's source packages.
#
#     build-programs.sh DIRECTORY
#
# Needs apt (with deb-src reachable), musl-gcc and tclsh; leaves DIRECTORY/sqlite3 and DIRECTORY/xz.
# Everything in them that is not ours to give is public domain (sqlite3; liblzma and xz), MIT (musl)
# or start-up code under the GCC runtime library exception.
set -euo pipefail

work=${1:?usage: build-programs.sh DIRECTORY}
mkdir -p "$work/apt/lists/partial" "$work/apt/cache"
cd "$work"

for tool in musl-gcc tclsh apt-get; do
    command -v "$tool" >/dev/null || { echo "error: $tool is missing" >&2; exit 4; }
done

# Our own list of sources, so that the machine's configuration stays as it is.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian bookworm main" >apt/sources.list
apt_options=(-o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache")
if ! compgen -G 'sqlite3_*.orig.tar.xz' >/dev/null || ! compgen -G 'xz-utils_*.orig.tar.xz' >/dev/null; then
    apt-get "${apt_options[@]}" -qq update
    apt-get "${apt_options[@]}" -qq source --download-only sqlite3 xz-utils
fi
tar xf sqlite3_*.orig.tar.xz
tar xf xz-utils_*.orig.tar.xz

flags=(-O2 -fno-pie -no-pie -static -fno-stack-protector -fcf-protection=none)

(
    cd sqlite3-*/
    if [ ! -e sqlite3.c ]; then
        ./configure --disable-readline >/dev/null
        make -s sqlite3.c shell.c >/dev/null
    fi
    musl-gcc "${flags[@]}" -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DHAVE_READLINE=0 \
        -o ../sqlite3 shell.c sqlite3.c
)
(
    cd xz-*/
    if [ ! -e Makefile ]; then
        CC=musl-gcc CFLAGS="${flags[*]}" ./configure --quiet --disable-shared --disable-nls \
            --disable-threads --disable-scripts --disable-doc --disable-lzmadec \
            --disable-lzmainfo --disable-xzdec
    fi
    make -s -C src/liblzma >/dev/null
    make -s -C src/xz LDFLAGS="-all-static -no-pie" >/dev/null
    cp src/xz/xz ../xz
)
strip sqlite3 xz
file -b sqlite3 xz
