#!/bin/bash
# Builds handler/image/codec/*.wasm.gz from the sources of Debian 12. Needs: apt-get install clang lld wasi-libc
# libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 libc++abi-14-dev-wasm32 dpkg-dev, and a deb-src line for
# bookworm in apt's sources. usage: build.sh FOLDER; what is in FOLDER already is not fetched again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../handler/image/codec
mkdir -p "$1"
cd "$1"
for source in libjpeg-turbo tiff lcms2 libwebp zlib libheif libde265 aom; do
  ls -d "$source"-[0-9]*/ >/dev/null 2>&1 || apt-get source "$source"
done
jpeg=$(echo libjpeg-turbo-*/) tiff=$(echo tiff-*/libtiff) lcms=$(echo lcms2-*/) webp=$(echo libwebp-*/) zlib=$(echo zlib-*/)
common="--target=wasm32-wasi -O3 -DNDEBUG -I$here -I$here/include -D_WASI_EMULATED_SIGNAL -ffile-prefix-map=$PWD=. -fno-ident"
jobs=$(nproc)

# compile FOLDER FLAGS… -- FILES…: each file to FOLDER/NAME.o
compile() {
  local folder=$1 flags=()
  shift
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  shift
  mkdir -p "$folder"
  printf '%s\n' "$@" | xargs -P "$jobs" -I{} sh -c 'o=$1/$(echo "$2" | tr / _).o; shift; f=$1; shift
    [ -f "$o" ] && [ "$o" -nt "$f" ] || case $f in
      *.c) clang "$@" -w -c "$f" -o "$o" ;;
      *) clang++ "$@" -w -c "$f" -o "$o" ;;
    esac' sh "$folder" {} $common "${flags[@]}"
}

link() {
  local name=$1
  shift
  "${linker:-clang}" --target=wasm32-wasi -O3 -mexec-model=reactor -Wl,--strip-all -Wl,-z,stack-size=1048576 -Wl,--stack-first -o "$name.wasm" "$@" -lwasi-emulated-signal
  gzip -9nc "$name.wasm" >"$out/$name.wasm.gz"
  ls -l "$out/$name.wasm.gz"
}

jpeg_files=$(cd "$jpeg" && ls jcomapi.c jdapimin.c jdapistd.c jdatasrc.c jdcoefct.c jdcolor.c jddctmgr.c jdhuff.c jdicc.c \
  jdinput.c jdmainct.c jdmarker.c jdmaster.c jdmerge.c jdphuff.c jdpostct.c jdsample.c jerror.c jidctflt.c jidctfst.c \
  jidctint.c jidctred.c jquant1.c jquant2.c jutils.c jmemmgr.c jmemnobs.c jaricom.c jdarith.c jsimd_none.c jdtrans.c)
# libtiff refers to the compressor and to the manager of another format of JPEG, which reading never calls.
jpeg_files="$jpeg_files $(cd "$jpeg" && ls jcapimin.c jcapistd.c jccoefct.c jccolor.c jcdctmgr.c jchuff.c jcinit.c jcmainct.c \
  jcmarker.c jcmaster.c jcparam.c jcphuff.c jcprepct.c jcsample.c jfdctflt.c jfdctfst.c jfdctint.c)"
compile o/jpeg -I"$jpeg" -- $(printf "$jpeg%s\n" $jpeg_files)
compile o/zlib -I"$zlib" -- $(ls "$zlib"{adler32,crc32,inflate,inffast,inftrees,trees,deflate,zutil}.c)
compile o/tiff -I"$tiff" -I"$jpeg" -I"$zlib" -- \
  $(ls "$tiff"/tif_*.c | grep -vE '_(unix|win32|webp|jbig|jpeg_12|lerc|lzma|zstd|fax3sm)\.c') "$tiff/tif_fax3sm.c"
compile o/lcms -I"$lcms/include" -DCMS_NO_PTHREADS -DCMS_NO_REGISTER_KEYWORD -- $(ls "$lcms"/src/*.c)
compile o/webp -I"$webp" -- $(ls "$webp"/src/{dec,demux,utils}/*.c "$webp"/src/dsp/*.c | grep -vE '_(neon|sse2|sse41|msa|mips32|mips_dsp_r2)\.c')
compile o/own -I"$jpeg" -I"$tiff" -I"$lcms/include" -I"$webp/src" -- "$here/codecs.c"
link codecs o/own/*codecs.c.o o/jpeg/*.o o/zlib/*.o o/tiff/*.o o/lcms/*.o o/webp/*.o

# libaom makes its own configuration; its decoder alone is built, in plain C.
aom=$PWD/$(echo aom-*/)
[ -f o/aom/libaom.a ] || {
  cmake -S "$aom" -B o/aom -DCMAKE_SYSTEM_NAME=Generic -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
    -DCMAKE_C_FLAGS="$common -w" -DCMAKE_CXX_FLAGS="$common -w" -DCMAKE_BUILD_TYPE=None -DCMAKE_AR="$(command -v llvm-ar-14)" \
    -DCMAKE_RANLIB="$(command -v llvm-ranlib-14)" -DAOM_TARGET_CPU=generic -DCONFIG_AV1_ENCODER=0 -DCONFIG_MULTITHREAD=0 \
    -DCONFIG_RUNTIME_CPU_DETECT=0 -DCONFIG_OS_SUPPORT=0 -DENABLE_EXAMPLES=0 -DENABLE_TESTS=0 -DENABLE_TOOLS=0 -DENABLE_DOCS=0 \
    -DCONFIG_WEBM_IO=0 -DCONFIG_LIBYUV=0 >o/aom.log
  make -C o/aom -j"$jobs" aom >>o/aom.log
}

heif=$(echo libheif-*/) de265=$(echo libde265-*/)
cpp="-std=c++11 -fno-exceptions -fno-rtti -include $here/include/one_thread.hh"
compile o/de265 $cpp -fno-strict-aliasing -I"$de265" -DHAVE_STDINT_H -DHAVE_POSIX_MEMALIGN -- \
  $(ls "$de265"/libde265/*.cc | grep -vE '/(en265|image-io|encoder.*|configparam|quality|visualize)\.cc')
sed 's/@PROJECT_VERSION_MAJOR@/1/; s/@PROJECT_VERSION_MINOR@/15/; s/@PROJECT_VERSION_PATCH@/1/; s/@NUMERIC_VERSION@/0x010f0100/; s/@PACKAGE_VERSION@/1.15.1/' \
  "$heif/libheif/heif_version.h.in" >"$heif/libheif/heif_version.h"
compile o/heif ${cpp/-fno-rtti/} '-Dtry=if(true)' '-Dcatch(e)=else' -Dde265_start_worker_threads=no_worker_threads -I"$heif" -I"$heif/libheif" -I"$de265" -I"$aom" -DHAVE_LIBDE265=1 -DHAVE_AOM_DECODER=1 -DHAVE_UNISTD_H -- \
  $(ls "$heif"/libheif/*.cc "$heif"/libheif/plugins/heif_decoder_{libde265,aom}.cc | grep -vE '_fuzzer\.cc|plugins_(unix|windows)\.cc')
compile o/own -I"$heif" -I"$heif/libheif" -- "$here/heif.c"
compile o/own ${cpp/-fno-rtti/} -I"$heif" -I"$heif/libheif" -- "$here/turned.cc"
linker=clang++ link heif o/own/*heif.c.o o/own/*turned.cc.o o/heif/*.o o/de265/*.o o/aom/libaom.a
