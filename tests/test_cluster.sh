#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_cluster.sh - the points of a study by GNU Parallel over ssh, and by a Slurm job array, as
# docs/studies.md shows both. All daemons are the test's own: configuration, keys and ports of their
# own, in its folder; they are ended by their process ids. B is the build folder. Prints TAP.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

cd "$tmp" || exit 1
chmod 711 "$tmp" # munged wants to pass through
PATH=$PATH:/usr/sbin
pids=()
made_run_sshd=

end_all()
{
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	[ -z "$made_run_sshd" ] || rmdir /run/sshd 2>/dev/null
	rm -rf "$tmp"
}
trap end_all EXIT

cat >web.ini <<-'END'
	[scenario]
	seed = 3
	repeat = 2
	[nic eth0]
	[guest vm1]
	[traffic bulk]
	to = vm1
	source = poisson
	rate = 1Gbit/s
	packets = 500
	[sweep]
	guest.policy = copy, single-copy, zero-copy
	bulk.size = 100B, 500B, 1500B
END

same() { diff "$1" "$2" >.diff || { head -n 10 .diff; return 1; }; }

# all_of FOLDER: collected, it is what one process makes.
all_of()
{
	local file
	exits 0 "$vnicsim" sweep -q web.ini --out "$1" --collect || return 1
	for file in results.csv wide.csv summary.csv summary.json study.json; do
		same "alone/$file" "$1/$file" || return 1
	done
}

points_of() { "$vnicsim" sweep web.ini --out "$1" --points; }

# await COMMAND...: until it succeeds, at most some ten seconds.
await()
{
	local i
	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

free_port()
{
	local port
	for _ in {1..50}; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
}

# ---- ssh ----

# Sets why, if there is no ssh to this host.
start_ssh()
{
	local port key
	for key in ssh sshd ssh-keygen parallel; do
		command -v $key >/dev/null || { why="$key is missing"; return; }
	done
	mkdir -m 700 ssh parallel && port=$(free_port)
	for key in host user; do ssh-keygen -q -t ed25519 -N '' -f ssh/$key; done
	cp ssh/user.pub ssh/authorized
	cat >ssh/sshd_config <<-END
		ListenAddress 127.0.0.1:$port
		HostKey $tmp/ssh/host
		AuthorizedKeysFile $tmp/ssh/authorized
		PidFile none
		UsePAM no
		StrictModes no
		PermitRootLogin prohibit-password
		PasswordAuthentication no
	END
	cat >ssh/config <<-END
		Host worker1 worker2
		HostName 127.0.0.1
		Port $port
		User $(id -un)
		IdentityFile $tmp/ssh/user
		IdentitiesOnly yes
		UserKnownHostsFile $tmp/ssh/known
		StrictHostKeyChecking accept-new
		LogLevel ERROR
	END
	if [ "$(id -u)" = 0 ] && [ ! -e /run/sshd ]; then
		mkdir -m 755 /run/sshd && made_run_sshd=1
	fi
	"$(command -v sshd)" -D -e -f "$tmp/ssh/sshd_config" 2>ssh/log &
	pids+=($!)
	await ssh -n -F ssh/config worker1 true || why="no ssh to this host: $(tail -n 1 ssh/log)"
	printf '1/worker1\n1/worker2\n' >hosts
}

# over_ssh FOLDER OPTION...: the missing points, on the two workers.
over_ssh()
{
	local folder=$1
	shift
	points_of "$folder" | PARALLEL_HOME=$tmp/parallel parallel --will-cite --ssh "ssh -F $tmp/ssh/config" \
		--sshloginfile hosts --workdir "$PWD" "$@" \
		"$vnicsim" sweep -q web.ini --out "$folder" --point
}

test_ssh()
{
	local why=
	start_ssh
	if [ -n "$why" ]; then
		skip "GNU Parallel over ssh makes the same bytes as one process" "$why"
		skip "workers that are lost cost only their points" "$why"
		return
	fi
	check "GNU Parallel over ssh makes the same bytes as one process" ssh_alike
	check "workers that are lost cost only their points" ssh_lost
}

ssh_alike() { over_ssh parallel && all_of parallel; }

# The third to end takes the others with it; the same command does what is missing. A worker whose ssh
# is cut may still end its point, so what is missing is what --collect itself counts.
ssh_lost()
{
	over_ssh lost --halt now,done=3
	exits 3 "$vnicsim" sweep -q web.ini --out lost --collect || return 1
	grep -E 'lost: lacks [1-6] of 9 points' "$err" || { head -n 5 "$err"; return 1; }
	over_ssh lost && all_of lost
}

# ---- Slurm ----

start_slurm()
{
	local host daemon ctld_port d_port
	for daemon in munged slurmctld slurmd sbatch scancel sinfo; do
		command -v $daemon >/dev/null || { why="$daemon is missing"; return; }
	done
	[ "$(id -u)" = 0 ] || { why="slurmd needs root"; return; }
	host=$(uname -n) ctld_port=$(free_port) d_port=$(free_port)
	mkdir -m 711 slurm && mkdir -m 755 slurm/munge slurm/state slurm/spool
	head -c 128 /dev/urandom >slurm/munge/key && chmod 600 slurm/munge/key
	munged --foreground --key-file="$tmp/slurm/munge/key" --socket="$tmp/slurm/munge/socket" \
		--pid-file="$tmp/slurm/munge/pid" --seed-file="$tmp/slurm/munge/seed" \
		--log-file="$tmp/slurm/munge/log" >slurm/munged.out 2>&1 &
	pids+=($!)
	await munge -n --socket="$tmp/slurm/munge/socket" || { why="munged: $(tail -n 1 slurm/munged.out)"; return; }
	cat >slurm/slurm.conf <<-END
		ClusterName=test
		SlurmctldHost=$host(127.0.0.1)
		SlurmctldPort=$ctld_port
		SlurmdPort=$d_port
		SlurmUser=root
		AuthType=auth/munge
		AuthInfo=socket=$tmp/slurm/munge/socket
		CredType=cred/munge
		StateSaveLocation=$tmp/slurm/state
		SlurmdSpoolDir=$tmp/slurm/spool
		SlurmctldPidFile=$tmp/slurm/ctld.pid
		SlurmdPidFile=$tmp/slurm/d.pid
		ProctrackType=proctrack/pgid
		TaskPlugin=task/none
		MpiDefault=none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU
		SchedulerParameters=sched_interval=1,batch_sched_delay=0
		JobAcctGatherType=jobacct_gather/none
		AccountingStorageType=accounting_storage/none
		ReturnToService=2
		NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
		PartitionName=all Nodes=node1 Default=YES State=UP
	END
	export SLURM_CONF=$tmp/slurm/slurm.conf
	slurmctld -D -f "$SLURM_CONF" >slurm/ctld.log 2>&1 &
	pids+=($!)
	slurmd -D -f "$SLURM_CONF" -N node1 >slurm/d.log 2>&1 &
	pids+=($!)
	await node_is_idle || why="no Slurm node: $(grep -hm 1 -iE 'error|fatal' slurm/ctld.log slurm/d.log)"
}

node_is_idle() { sinfo -h -o %t | grep -qx idle; }

# job_array FOLDER OPTION...: a task a missing point; waits for the end.
job_array()
{
	local folder=$1
	shift
	sbatch --parsable --array="$(points_of "$folder" | paste -sd,)" --output=/dev/null "$@" \
		--wrap "$vnicsim sweep -q web.ini --out $folder --point \$SLURM_ARRAY_TASK_ID"
}

test_slurm()
{
	local why=
	start_slurm
	if [ -n "$why" ]; then
		skip "a Slurm job array makes the same bytes as one process" "$why"
		skip "tasks that are cancelled cost only their points" "$why"
		return
	fi
	check "a Slurm job array makes the same bytes as one process" slurm_alike
	check "tasks that are cancelled cost only their points" slurm_lost
}

slurm_alike() { job_array array --wait && all_of array; }

some_done() { [ "$(points_of cancelled | wc -l)" -le 7 ]; }
no_jobs() { [ -z "$(squeue -h)" ]; }

slurm_lost()
{
	local job
	job=$(job_array cancelled) && await some_done && scancel "$job" && await no_jobs || return 1
	points_of cancelled >left
	[ -s left ] || echo "all were done before the job could be cancelled"
	[ ! -s left ] || job_array cancelled --wait || return 1
	all_of cancelled
}

check "one process makes the study" exits 0 "$vnicsim" sweep -q web.ini --out alone
test_ssh
test_slurm
finish
