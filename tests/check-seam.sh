#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check-seam.sh REAL_OBJDIR [OBJDIR...] - the rules that keep the datapath one program in every world.
#
#   1. each models/datapath/*.c has an object in each of the folders given (searched in depth)
#   2. the objects in the first folder, the real build's, refer to no allocator, printf, thread,
#      GLib or simulator
#   3. models/datapath holds no conditional compilation but include guards
#   4. models/datapath includes plat.h, addr.h, xxh3.h, itself and freestanding standard headers
#
# Prints each offence with its place; exits 1 if there is one, 2 if used wrongly.
# SEAM_SOURCES names another folder of sources, for the test of this script. SEAM_FILES names sources
# of one's own policies: they may include the datapath's headers, and headers of theirs beside them.
set -u

[ $# -ge 1 ] || { echo "usage: $0 REAL_OBJDIR [OBJDIR...]" >&2; exit 2; }
sources=${SEAM_SOURCES:-$(dirname "$0")/../models/datapath}
files=${SEAM_FILES:-$(ls "$sources"/*.[ch])}
bad=0

offend() {
	echo "check-seam: $*" >&2
	bad=1
}

# The object of source $2 in folder $1: the one in a datapath/ folder if there are several.
object() {
	find "$1" -path "*datapath/$2.o" -print | head -n 1 | grep . ||
		find "$1" -name "$2.o" -print | head -n 1
}

banned='^(g_[a-z].*|malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|memalign|free'
banned="$banned|strdup|strndup|_*v?[fsd]?n?printf(_chk)?|_*v?asprintf(_chk)?|puts|putchar|putc|fputs"
banned="$banned|fputc|fwrite|perror|pthread_.*|sim_.*|evq_.*)\$"

real=$1
for dir in "$@"; do
	for c in $files; do
		case $c in *.h) continue ;; esac
		name=$(basename "$c" .c)
		o=$(object "$dir" "$name")
		if [ -z "$o" ]; then
			offend "$c has no object in $dir"
		elif [ "$dir" = "$real" ]; then
			hits=$(nm -u "$o" | awk '{ print $NF }' | sed 's/@.*//' | grep -E "$banned")
			for symbol in $hits; do
				offend "$o refers to $symbol"
			done
		fi
	done
done

# The guard is a header's first directive: #ifndef NAME, #define NAME, and one #endif.
lines=$(for f in $files; do
	awk -v f="$f" '
		!/^[ \t]*#/ { next }
		{ n++; line = $0; sub(/^[ \t]*#[ \t]*/, "", line); split(line, w, /[ \t(]+/) }
		f ~ /\.h$/ && n == 1 && w[1] == "ifndef" { guard = w[2]; next }
		guard != "" && n == 2 && w[1] == "define" && w[2] == guard { open = 1; next }
		open && w[1] == "endif" { open = 0; next }
		w[1] ~ /^(if|ifdef|ifndef|elif|else|endif)$/ { print f ":" FNR ": " $0 }
	' "$f"
done)
[ -z "$lines" ] || offend "conditional compilation:
$lines"

std=' assert.h limits.h stdalign.h stdbool.h stddef.h stdint.h string.h '
lines=$(for f in $files; do
	grep -nE '^[[:space:]]*#[[:space:]]*include' "$f" | while IFS= read -r line; do
		name=$(printf '%s\n' "$line" | sed -n 's/.*include[[:space:]]*[<"]\([^>"]*\)[>"].*/\1/p')
		case $line in
		*'<'*'>'*)
			case $std in *" $name "*) continue ;; esac
			;;
		*)
			case $name in
			plat.h | addr.h | xxh3.h) continue ;;
			*/* | '') ;;
			*) [ -f "$sources/$name" ] || [ -f "$(dirname "$f")/$name" ] && continue ;;
			esac
			;;
		esac
		echo "$f:$line"
	done
done)
[ -z "$lines" ] || offend "include beyond the seam:
$lines"

[ $bad -eq 0 ] && echo "check-seam: $# object folder(s) in order"
exit $bad
