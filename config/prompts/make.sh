#!/usr/bin/env bash
# Makes the prompts: speech from prompts.tsv by espeak-ng, music and beeps by sox, all as 8 kHz
# A-law mono WAV. Run by `cargo xtask prompts`; the results are committed, so a build needs no voice.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# -D: no dither and -R: no random numbers, so that the same input gives the same file.
alaw() { sox -D -R "$1" -r 8000 -c 1 -e a-law "$2" "${@:3}"; }

grep -v '^#' prompts.tsv | while IFS=$'\t' read -r id text; do
  espeak-ng -v cmn -s 150 -p 45 -a 120 -w "$folder/$id.wav" "$text" </dev/null
  alaw "$folder/$id.wav" "$id.wav" gain -6 highpass 150 gain -n -4 pad 0.2 0.2
  echo "$id.wav: $text"
done

# Beeps: a feature code was obeyed (rising), or refused (low, twice).
sox -n -r 8000 "$folder/one.wav" synth 0.12 sine 660 fade t 0.01 0.12 0.02 gain -8
sox -n -r 8000 "$folder/two.wav" synth 0.18 sine 880 fade t 0.01 0.18 0.05 gain -8
sox -n -r 8000 "$folder/low.wav" synth 0.22 sine 330 fade t 0.01 0.22 0.05 gain -6
sox "$folder/one.wav" "$folder/two.wav" "$folder/done.wav" pad 0.1 0.3
sox "$folder/low.wav" "$folder/low.wav" "$folder/refused.wav" pad 0.1 0.3
alaw "$folder/done.wav" done.wav
alaw "$folder/refused.wav" refused.wav

# Music of our own: plucked broken chords, four bars, low enough for a telephone to carry. A bar is
# eight notes of its chord, up and down.
bar() { # file, seconds for a note, notes
  local file=$1 length=$2 index=0 files=()
  shift 2
  for note in "$@"; do
    sox -n -r 8000 "$folder/n$index.wav" synth "$length" pluck "$note" fade t 0.005 "$length" 0.04
    files+=("$folder/n$index.wav")
    index=$((index + 1))
  done
  sox "${files[@]}" "$folder/$file.wav"
}
music() { # file, seconds for a note, then four chords of four notes each
  local file=$1 length=$2 number=0 bars=()
  shift 2
  while (($#)); do
    bar "bar$number" "$length" "$1" "$2" "$3" "$4" "$3" "$4" "$3" "$2"
    bars+=("$folder/bar$number.wav")
    number=$((number + 1))
    shift 4
  done
  sox "${bars[@]}" "$folder/$file.wav" gain -n -12
  alaw "$folder/$file.wav" "$file.wav" reverb 30 remix - gain -n -10 \
    fade t 0.05 reverse fade t 0.3 reverse
  echo "$file.wav"
}
music queue-music 0.42 C4 E4 G4 C5  A3 C4 E4 A4  F3 A3 C4 F4  G3 B3 D4 G4
music hold-music 0.5 D4 F#4 A4 D5  B3 D4 F#4 B4  G3 B3 D4 G4  A3 C#4 E4 A4
