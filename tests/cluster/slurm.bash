# A Slurm of two nodes on this machine, in a private folder; needs root and no services.
# shellcheck shell=bash

# slurm_start FOLDER: munged, slurmctld and two slurmd; SLURM_CONF is exported. 77: cannot run here.
slurm_start()
{
    local folder=$1 node port
    port=$((20000 + $$ % 20000))
    for command in munged slurmctld slurmd sbatch; do
        PATH=$PATH:/usr/sbin command -v "$command" >/dev/null || {
            echo "skipped: $command is not installed"
            exit 77
        }
    done
    [ "$(id -u)" = 0 ] || {
        echo "skipped: Slurm's daemons need root here"
        exit 77
    }
    PATH=$PATH:/usr/sbin
    mkdir -m 0755 "$folder" "$folder/state" "$folder/n1" "$folder/n2"
    head -c 128 /dev/urandom >"$folder/key"
    chmod 0600 "$folder/key"
    munged --key-file="$folder/key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
    cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
CredType=cred/munge
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
SlurmdTimeout=5
MpiDefault=none
KillWait=2
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((port + 2))-$((port + 3))] CPUs=1 RealMemory=256
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF=$folder/slurm.conf
    slurmctld -c
    for node in n1 n2; do
        slurmd -N "$node"
    done
    for _ in $(seq 100); do
        [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 2 ] && return 0
        sleep 0.1
    done
    tail -n 5 "$folder"/*.log >&2
    return 1
}

slurm_stop() # FOLDER
{
    local pid
    scontrol shutdown >/dev/null 2>&1 || true
    sleep 0.5
    for pid in "$1"/*.pid; do
        [ -s "$pid" ] && kill "$(cat "$pid")" 2>/dev/null
    done
    return 0
}
