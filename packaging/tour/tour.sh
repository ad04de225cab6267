#!/usr/bin/env bash
# What `./dev run` shows: real requests to a private daemon, with mlctl as people use it.
# usage: tour.sh CHECKOUT DAEMON_PID   (INTELLIGENCED_SOCKET names the daemon, mlctl is on the path)
set -euo pipefail
texts="$1/packaging/tour" daemon_pid=$2
work=$(mktemp -d)
# The example app that the daemon starts for actions is the tour's to end.
end_notes() {
  local entry
  for entry in /proc/[0-9]*; do
    if tr '\0' ' ' <"$entry/cmdline" 2>/dev/null | grep -q "^[^ ]*notes-example --folder $work/"; then
      kill "${entry#/proc/}" 2>/dev/null || true
    fi
  done
}
trap 'end_notes; rm -rf "$work"' EXIT

bold() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n## %s\n' "$*"; fi; }
# Shows a command, then runs it.
show() {
  printf '$ %s\n' "$*"
  bash -c "$*" 2>&1 | sed 's/^/  /'
}
cd "$texts"

bold "1. One daemon, nothing loaded yet"
show mlctl status

bold "2. Proofreading, rewriting and summarising, with nothing downloaded"
show mlctl proofread letter.txt
show mlctl rewrite --style concise wordy.txt
show mlctl rewrite --tone more-formal wordy.txt
show mlctl summarize --type key-points article.md
show mlctl summarize --type headline article.md

show "printf 'Guten Morgen\nquelle heure est-il ?\n今日は晴れです\nдякую\nWhere is the station?\n' | mlctl detect --lines"
show mlctl language segment --unit sentence --language en --text '"Mr. Smith left at 5 p.m. He was late."'

bold "3. Twelve requests of several clients at once; the model is loaded once"
start=$(date +%s%N)
for i in 1 2 3 4; do
  mlctl proofread letter.txt >"$work/proofread$i" &
  mlctl rewrite --style concise wordy.txt >"$work/rewrite$i" &
  mlctl summarize article.md >"$work/summary$i" &
done
wait
echo "  12 answers in $((($(date +%s%N) - start) / 1000000)) ms; the same as alone: $(cmp -s "$work/proofread1" "$work/proofread4" && echo yes || echo NO)"
show mlctl ps

bold "4. Eight clients on one language model (tiny-prose, one million parameters, made by this project)"
for i in 1 2 3 4 5 6 7 8; do
  mlctl generate --model tiny-prose --seed "$i" --temperature 0.7 --max-output-tokens 400 "The captain looked at the sea and" >"$work/story$i" &
done
for _ in $(seq 40); do
  mlctl ps >"$work/ps" 2>/dev/null || true
  grep -q '^tiny-prose .* 8 ' "$work/ps" && break
done
wait
sed 's/^/  /' "$work/ps"
echo "  One of the eight: $(tr '\n' ' ' <"$work/story3" | cut -c1-300) …"

bold "5. A worker is killed in the middle of an answer; another app's request does not notice"
mlctl generate --model tiny-prose --seed 1 --max-output-tokens 100000 --stop "no such words" "Once" >"$work/victim" 2>"$work/victim.error" &
victim=$!
worker=""
for _ in $(seq 200); do
  worker=$(mlctl ps --json | sed -n 's/.*"name":"models\/tiny-prose".*"leases":[1-9].*"worker_pid":\([0-9]*\).*/\1/p')
  [ -n "$worker" ] && [ -s "$work/victim" ] && break
done
mlctl summarize --type tldr --length long article.md >"$work/bystander" &
bystander=$!
if [ -n "$worker" ]; then
  kill -KILL "$worker" 2>/dev/null && echo "  \$ kill -KILL $worker   # the worker of tiny-prose"
fi
if wait "$victim"; then echo "  its caller: had finished before"; else echo "  its caller:  $(head -n 1 "$work/victim.error")"; fi
if wait "$bystander"; then echo "  the other:   $(head -c 120 "$work/bystander") …"; fi
start=$(date +%s%N)
mlctl generate --model tiny-prose --seed 1 --max-output-tokens 20 "Once" >/dev/null
echo "  tiny-prose serves again; this answer took $((($(date +%s%N) - start) / 1000000)) ms with the reload"

bold "6. One picture, several questions; it is decoded once"
show mlctl vision ticket.png --text --barcodes --scores
show mlctl vision face.png --faces

bold "7. A picture from words; the same seed draws the same bytes"
picture="$1/build/tour-red-car.png"
if mlctl imagine --styles >"$work/painter" 2>&1; then
  show "mlctl imagine 'a red car under a yellow sun' --seed 7 -o '$picture' --show always --color $([ -t 1 ] && echo always || echo never)"
elif grep -q "image\.generate" "$work/painter"; then
  echo "  (no model is installed that draws; mlctl models list --catalogue names some)"
else
  sed 's/^/  /' "$work/painter"
fi

bold "8. What apps can do; the example app is not running, a sentence starts it"
store=$(tr '\0' '\n' <"/proc/$daemon_pid/cmdline" | sed -n '/^--store$/{n;p}')
mkdir -p "$store/actions"
notes-example --declaration --folder "$work/notes" >"$store/actions/tour-notes.toml"
kill -HUP "$daemon_pid"
for _ in $(seq 50); do mlctl actions list -q 2>/dev/null | grep -q NotesExample && break; done
show mlctl ask --dry-run '"remind me to call Ana tomorrow at 9"'
show 'mlctl ask "add milk to my shopping list"'
show cat "$work/notes/lists/shopping.txt"
echo "  What cannot be undone asks a person, and a flag is none:"
show 'mlctl ask --yes "delete my shopping list"' || true
echo "  Another app has no grant:"
cp "$(command -v mlctl)" "$work/assistant"
show "$work/assistant actions run add-to-list item=spam list=Shopping" || true
show cat "$work/notes/lists/shopping.txt"
rm -f "$store/actions/tour-notes.toml"
kill -HUP "$daemon_pid"

bold "9. Translation, by the language pairs of Apertium that are installed"
if [ -n "$(mlctl languages --from en --to es --available --quiet 2>/dev/null)" ]; then
  show mlctl languages --from en --direct
  show mlctl translate --from en --to es --html --batch strings.jsonl
  show "mlctl translate --from en --to es messages.po | sed -n '8,\$p'"
else
  echo "  (no pair from English to Spanish is installed: the package apertium-eng-spa)"
fi

bold "10. The daemon's own memory"
awk '/VmRSS/ { printf "  %.1f MB resident (the models are in processes of their own)\n", $2 / 1000 }' "/proc/$daemon_pid/status"
show mlctl activity --count 6
echo
echo "Next: echo \"Their is a eror in this sentance.\" | ./dev exec mlctl proofread"
