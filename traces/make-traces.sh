#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make-traces.sh - makes the captures of this folder again, from real programs over a veth pair.
#
#   peer namespace                          guest namespace
#   ab, redis-benchmark, dig, iperf3 -c     nginx, redis-server, dnsmasq, iperf3 -s
#   peer0 192.0.2.2 52:54:00:00:00:02 ----- guest0 192.0.2.1 52:54:00:00:00:01
#                                           tcpdump: nanoseconds, whole frames
#
# What the guest sees is captured at the guest's end, both ways. Nothing outside the two namespaces
# is touched; they, their processes and the temporary folder go away however the script ends. A
# capture takes its name only after it was checked, so a failed run leaves the old file.
#
# Rejected: a fixed payload in place of real programs (no real mix of sizes, acknowledgements and
# reply times), and editing captures afterwards (their bytes and stamps would be ours).
set -euo pipefail

usage()
{
	cat <<-END
		Usage: $0 [DIR]          makes web-kv-dns.pcap and segmented.pcap in DIR (default: here)
		       $0 --large DIR    makes large.pcap, at least a million packets, in DIR
		Needs root and: iproute2 ethtool tcpdump nginx redis-server redis-tools dnsmasq
		bind9-dnsutils apache2-utils iperf3.
	END
}

fail()
{
	echo "make-traces: $*" >&2
	exit 1
}

readonly GUEST_IP=192.0.2.1 PEER_IP=192.0.2.2
readonly GUEST_MAC=52:54:00:00:00:01 PEER_MAC=52:54:00:00:00:02
readonly GUEST=vnicsim-guest-$$ PEER=vnicsim-peer-$$
readonly OFFLOADS=(tso gso gro lro tx rx sg)
readonly LARGE_PACKETS=1000000
tmp=
dumper=

in_guest() { ip netns exec "$GUEST" "$@"; }
in_peer() { ip netns exec "$PEER" "$@"; }

# Ends exactly the processes that live in our two namespaces, then the namespaces.
cleanup()
{
	local ns pid
	for ns in "$GUEST" "$PEER"; do
		[ -e "/run/netns/$ns" ] || continue
		for pid in $(ip netns pids "$ns"); do
			kill "$pid" 2>/dev/null || true
		done
	done
	wait 2>/dev/null || true
	for ns in "$GUEST" "$PEER"; do
		[ ! -e "/run/netns/$ns" ] || ip netns del "$ns" || true
	done
	[ -z "$tmp" ] || rm -rf "$tmp"
}

check_environment()
{
	local tool
	[ "$(id -u)" = 0 ] || fail "needs root, to make network namespaces"
	for tool in ip ss ethtool tcpdump nginx redis-server redis-benchmark dnsmasq dig ab iperf3; do
		command -v "$tool" >/dev/null || fail "$tool is missing (see --help for packages)"
	done
}

# make_end NAMESPACE DEVICE ADDRESS: an end that says nothing of its own but ARP.
make_end()
{
	ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 2>/dev/null || true
	ip netns exec "$1" sysctl -qw net.ipv4.ip_local_port_range="10000 65000"
	ip -n "$1" address add "$3/24" dev "$2"
	ip -n "$1" link set lo up
	ip -n "$1" link set "$2" up
}

make_world()
{
	ip netns add "$GUEST"
	ip netns add "$PEER"
	ip -n "$GUEST" link add name guest0 address "$GUEST_MAC" type veth \
		peer name peer0 address "$PEER_MAC" netns "$PEER"
	make_end "$GUEST" guest0 "$GUEST_IP"
	make_end "$PEER" peer0 "$PEER_IP"
}

# set_offloads on|off, at both ends, one by one: some are fixed on some kernels (lro).
set_offloads()
{
	local feature
	for feature in "${OFFLOADS[@]}"; do
		in_guest ethtool -K guest0 "$feature" "$1" >/dev/null 2>&1 || true
		in_peer ethtool -K peer0 "$feature" "$1" >/dev/null 2>&1 || true
	done
}

# Pages of numbered lines: ours, of known sizes.
make_pages()
{
	local size
	mkdir -p "$tmp/www"
	for size in 180 900 3000 9000 24000; do
		awk -v size="$size" 'BEGIN {
			while (length(text) < size)
				text = text sprintf("vnicsim sample page, line %d\n", ++line)
			printf "%s", substr(text, 1, size)
		}' >"$tmp/www/$size.txt"
	done
	cat >"$tmp/nginx.conf" <<-END
		user root;
		daemon off;
		master_process off;
		pid $tmp/nginx.pid;
		error_log stderr;
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path $tmp/body;
			proxy_temp_path $tmp/proxy;
			fastcgi_temp_path $tmp/fastcgi;
			uwsgi_temp_path $tmp/uwsgi;
			scgi_temp_path $tmp/scgi;
			server { listen $GUEST_IP:80; root $tmp/www; }
		}
	END
}

# wait_listening t|u PORT: until the guest listens there.
wait_listening()
{
	local try
	for ((try = 0; try < 100; try++)); do
		[ -z "$(in_guest ss -Hln"$1" "sport = :$2")" ] || return 0
		sleep 0.05
	done
	fail "no server came up on port $2: $(tail -n 3 "$tmp"/*.log)"
}

start_servers()
{
	make_pages
	in_guest nginx -p "$tmp" -e stderr -c "$tmp/nginx.conf" 2>"$tmp/nginx.log" &
	in_guest redis-server --bind "$GUEST_IP" --protected-mode no --save "" --appendonly no \
		--dir "$tmp" >"$tmp/redis.log" &
	in_guest dnsmasq --keep-in-foreground --user=root --conf-file=/dev/null --pid-file= \
		--no-resolv --no-hosts --listen-address="$GUEST_IP" --bind-interfaces \
		--address=/sample.test/"$GUEST_IP" --local=/test/ \
		--txt-record=note.test,"a text record of the vnicsim sample captures" \
		2>"$tmp/dnsmasq.log" &
	in_guest iperf3 -s -p 5201 >"$tmp/iperf-in.log" 2>&1 &
	in_guest iperf3 -s -p 5202 >"$tmp/iperf-out.log" 2>&1 &
	wait_listening t 80
	wait_listening t 6379
	wait_listening u 53
	wait_listening t 5201
	wait_listening t 5202
}

# The clients, each one kind of traffic. web PAGE REQUESTS CONCURRENCY [OPTION...]
web()
{
	local page=$1 requests=$2 concurrency=$3
	shift 3
	in_peer ab -q -n "$requests" -c "$concurrency" "$@" "http://$GUEST_IP/$page.txt" >/dev/null
}

# kv VALUE_BYTES REQUESTS CLIENTS: this many SETs, then as many GETs.
kv()
{
	in_peer redis-benchmark -h "$GUEST_IP" -t set,get -d "$1" -n "$2" -c "$3" -r 1000 -q >/dev/null
}

# dns FIRST COUNT: names that exist, some that do not, and a text record, one after the other.
dns()
{
	local i
	for ((i = $1; i < $1 + $2; i++)); do
		case $((i % 5)) in
		0) echo "absent$i.test A" ;;
		1) echo "note.test TXT" ;;
		*) echo "host$i.sample.test A" ;;
		esac
	done >"$tmp/names.$1"
	in_peer dig "@$GUEST_IP" -f "$tmp/names.$1" >/dev/null
}

# bulk PORT BYTES RATE [-R]: one TCP stream into the guest, with -R out of it.
bulk()
{
	in_peer iperf3 -c "$GUEST_IP" -p "$1" -n "$2" -b "$3" -l 4K "${@:4}" >/dev/null
}

start_capture()
{
	local try
	# The capture shall open as a conversation does, with ARP.
	ip -n "$GUEST" neighbour flush all
	ip -n "$PEER" neighbour flush all
	ip netns exec "$GUEST" tcpdump -i guest0 -n -s 0 -B 131072 -Z root --time-stamp-precision=nano \
		-w "$tmp/$1" 2>"$tmp/tcpdump.log" &
	dumper=$!
	for ((try = 0; try < 100; try++)); do
		! grep -q "listening on" "$tmp/tcpdump.log" || return 0
		sleep 0.05
	done
	fail "tcpdump did not start: $(cat "$tmp/tcpdump.log")"
}

stop_capture()
{
	sleep 0.5
	kill "$dumper"
	wait "$dumper" || true
	grep -q "^0 packets dropped by kernel" "$tmp/tcpdump.log" ||
		fail "tcpdump lost packets: $(cat "$tmp/tcpdump.log")"
}

# keep FILE DIR: prints README's row and sum for it, then gives the file its name.
keep()
{
	tcpdump -r "$tmp/$1" -n -e -tt --nano 2>/dev/null | awk -v name="$1" \
		-v hash="$(sha256sum <"$tmp/$1" | cut -d" " -f1)" -v file="$(stat -c %s "$tmp/$1")" '
		{
			match($0, /length [0-9]+/)
			len = substr($0, RSTART + 7, RLENGTH - 7) + 0
			split($1, t, ".")
			now = t[1] % 1000000 + ("0." t[2])
			if (!count++)
				first = now
			back += now < last
			last = now
			bytes += len
			mix[len <= 66 ? 0 : len <= 255 ? 1 : len <= 1023 ? 2 : len <= 1514 ? 3 : 4]++
			most = len > most ? len : most
		}
		END {
			printf "| `%s` | %d | %d | %d | %.3f | %d | %d / %d / %d / %d / %d | %d |\n", name,
				file, count, bytes, last - first, most, mix[0], mix[1], mix[2], mix[3],
				mix[4], back
			printf "%s  %s\n", hash, name
		}'
	mv "$tmp/$1" "$2/$1"
}

make_mixed()
{
	local workers=() worker i
	set_offloads off
	start_capture web-kv-dns.pcap
	for i in 1 2 3 4; do
		web 900 6 2
		web 180 5 2 -k
		web 9000 3 1
		web 24000 1 1
		web 3000 4 4 -k
		sleep 0.05
	done &
	workers+=($!)
	for i in 1 2 3 4 5; do
		kv 48 50 4
		kv 400 25 2
		kv 2000 6 2
		sleep 0.05
	done &
	workers+=($!)
	for i in 0 1 2 3 4 5 6 7; do
		dns $((i * 30)) 30
		sleep 0.08
	done &
	workers+=($!)
	bulk 5201 180K 2M &
	workers+=($!)
	bulk 5202 130K 1500K -R &
	workers+=($!)
	for worker in "${workers[@]}"; do
		wait "$worker" || fail "a client failed"
	done
	stop_capture
	keep web-kv-dns.pcap "$1"
}

make_segmented()
{
	set_offloads on
	start_capture segmented.pcap
	in_peer iperf3 -c "$GUEST_IP" -p 5201 -n 256K -l 64K >/dev/null
	in_peer iperf3 -c "$GUEST_IP" -p 5202 -n 192K -l 64K -R >/dev/null
	web 24000 2 1
	kv 2000 3 1
	stop_capture
	keep segmented.pcap "$1"
}

make_large()
{
	local workers=() worker count
	set_offloads off
	start_capture large.pcap
	{
		web 900 40000 8
		web 3000 10000 8 -k
	} &
	workers+=($!)
	{
		kv 64 100000 8
		kv 1000 30000 8
	} &
	workers+=($!)
	dns 0 8000 &
	workers+=($!)
	bulk 5201 60M 400M &
	workers+=($!)
	bulk 5202 40M 250M -R &
	workers+=($!)
	for worker in "${workers[@]}"; do
		wait "$worker" || fail "a client failed"
	done
	stop_capture
	count=$(tcpdump -r "$tmp/large.pcap" -n 2>/dev/null | wc -l)
	[ "$count" -ge "$LARGE_PACKETS" ] || fail "only $count packets, not $LARGE_PACKETS"
	keep large.pcap "$1"
}

main()
{
	local large=no dir
	case ${1-} in
	-h | --help) usage; exit 0 ;;
	--large) large=yes; shift; [ $# = 1 ] || { usage >&2; exit 2; } ;;
	-*) usage >&2; exit 2 ;;
	esac
	[ $# -le 1 ] || { usage >&2; exit 2; }
	dir=${1:-$(dirname "$0")}
	check_environment
	mkdir -p "$dir"
	trap cleanup EXIT
	trap 'exit 130' INT TERM
	# Beside the result, so that the last step is a rename and not a copy.
	tmp=$(mktemp -d "$dir/.make-traces.XXXXXX")
	tmp=$(realpath "$tmp")
	make_world
	start_servers
	if [ "$large" = yes ]; then
		make_large "$dir"
	else
		make_mixed "$dir"
		make_segmented "$dir"
	fi
}

main "$@"
