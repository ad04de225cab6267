#!/usr/bin/env bash
# Makes the Debian package and tries it where nothing of this project is: installs it in a clean root,
# starts the daemon, proofreads a sentence, and removes it again.
# usage: make_and_try.sh OUTPUT_FOLDER   (inside the environment, as root for the trial)
set -euo pipefail
mkdir -p "$1"
output=$(realpath "$1")

# The release build's paths name the build tree; a package wants /usr. Compiled with the same flags
# at the same depth below the sources, so that the compiler cache has nearly all of it.
build=build/release-usr
cmake --preset release -B "$build" -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_SYSCONFDIR=/etc \
  -DINTELLIGENCED_TESTS=OFF -DINTELLIGENCED_BENCHMARKS=OFF >"$output/configure.log" 2>&1 ||
  { tail -n 20 "$output/configure.log" >&2; exit 1; }
cmake --build "$build" -- --quiet
(cd "$build" && cpack -B "$output" >"$output/cpack.log" 2>&1) || { tail -n 20 "$output/cpack.log" >&2; exit 1; }
package=$(ls -t "$output"/intelligenced_*.deb | head -n 1)
dpkg-deb --info "$package" | sed -n '/Package:/,$p'
echo "made $package ($(du -h "$package" | cut -f1))"

if [ "$(id -u)" != 0 ]; then
  echo "not root: the trial in a clean root is left out"
  exit 0
fi
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
# The mirror is the one this system uses, in either form of apt's source lists.
sources() { find /etc/apt/sources.list /etc/apt/sources.list.d -name "$1" -exec cat {} + 2>/dev/null || true; }
mirror=$(sources '*.list' | sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | head -n 1)
[ -n "$mirror" ] || mirror=$(sources '*.sources' | sed -n 's/^URIs: *//p' | head -n 1)
echo "== a clean root"
mmdebstrap --mode=root --variant=apt --include=procps \
  --aptopt="Acquire::Check-Valid-Until \"$(apt-config dump Acquire::Check-Valid-Until | sed -n 's/.*"\(.*\)".*/\1/p')\"" \
  "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" ${mirror:+"$mirror"} >"$output/root.log" 2>&1 || { tail -n 5 "$output/root.log" >&2; exit 1; }
cp "$package" "$root/tmp/package.deb"
cp packaging/tour/ticket.png "$root/tmp/"
# y = x + x, for worker-onnx.
PYTHONPATH=tests/support python3 -B - "$root/tmp/own.onnx" <<'NETWORK'
import sys
import onnx_file as onnx
open(sys.argv[1], "wb").write(onnx.model([onnx.node("Add", ["x", "x"], ["y"])], [onnx.port("x", [1])],
                                         [onnx.port("y", [1])]))
NETWORK
# A process table of its own: the daemon finds its workers, and they their sandbox, through /proc.
in_root() { unshare --mount --pid --fork --mount-proc="$root/proc" chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
find "$root/usr" "$root/etc" "$root/var/lib" -path '*/dpkg/*' -prune -o -path '*/apt/*' -prune -o -type f -print | sort >"$output/before"
echo "== install"
in_root apt-get update -qq
in_root apt-get install -y -qq --no-install-recommends /tmp/package.deb >"$output/install.log" 2>&1 || { tail -n 20 "$output/install.log" >&2; exit 1; }
echo "== start and use"
cat >"$root/tmp/try.sh" <<'TRY'
set -e
mkdir -p /run/user-try && chmod 700 /run/user-try
export XDG_RUNTIME_DIR=/run/user-try
intelligenced --config /etc/intelligenced/intelligenced.toml >/tmp/daemon.log 2>&1 &
daemon=$!
trap 'kill -TERM $daemon 2>/dev/null' EXIT
for _ in $(seq 100); do mlctl status >/dev/null 2>&1 && break; sleep 0.1; done
mlctl status
corrected=$(echo "Their is a eror in this sentance." | mlctl proofread)
echo "proofread: $corrected"
test "$corrected" = "There is an error in this sentence."
mlctl generate --model tiny-prose --seed 1 --max-output-tokens 20 "The sea"
mlctl vision /tmp/ticket.png --text --barcodes
mlctl models import /tmp/own.onnx --name own
echo '{"inputs": [{"name": "x", "values": [21]}]}' | mlctl tensor run own --json | grep -q 42
mlctl doctor || true
trap - EXIT
kill -TERM $daemon
wait $daemon
rm -r /run/user-try
TRY
mkdir -p "$root/proc"
status=0
in_root bash /tmp/try.sh || status=$?
[ $status = 0 ] || { tail -n 20 "$root/tmp/daemon.log"; }
echo "== remove"
in_root apt-get purge -y -qq intelligenced >"$output/remove.log" 2>&1 || status=1
# A person's own models stay, as a purge never touches a home.
left=$(find "$root" -xdev -name '*intelligenced*' -not -path "$root/tmp/*" -not -path "$root/root/*" | grep -v -E '/var/(cache|log)/' || true)
if [ -n "$left" ]; then echo "left behind: $left"; status=1; else echo "nothing left behind"; fi
exit $status
