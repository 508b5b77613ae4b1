"""Two rationales of the built-in teacher for each fault domain, as Markdown; `docs/distill.md` holds its output.

python -m benchmarks.distill_examples
"""

from __future__ import annotations

from pathlib import Path

from rationanomaly.distill.teachers import Question
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.params import load_params
from rationanomaly.records import Label, template_id
from rationanomaly.text import prompt

ROOT = Path(__file__).resolve().parents[1]

#: Made up for this page.
LOGS: dict[str, tuple[tuple[str, Label], tuple[str, Label]]] = {
    "memory": (
        ("uncorrectable ECC error on DIMM <*>, row <*> steered to spare", "abnormal"),
        ("edac: memory controller <*> has <*> DIMM ranks", "normal"),
    ),
    "virtual memory": (
        ("kswapd: out of swap, page allocation of order <*> failed", "abnormal"),
        ("<*> hugepages reserved, overcommit is off", "normal"),
    ),
    "cache": (
        ("icache parity error, way <*> of L2 cache is out of use", "abnormal"),
        ("dcache flush done in <*> cycles", "normal"),
    ),
    "processor": (
        ("machine check on cpu <*>: illegal instruction in core <*>", "abnormal"),
        ("floating point registers of cpu <*> saved", "normal"),
    ),
    "accelerator": (
        ("nvidia: xid <*>, gpu memory is corrupted", "abnormal"),
        ("cuda <*> found <*> gpus with nvlink", "normal"),
    ),
    "hardware": (
        ("board in chassis <*> does not answer, inventory unknown", "abnormal"),
        ("adapter card in slot <*> found, led is green", "normal"),
    ),
    "power": (
        ("voltage of power rail <*> is out of range", "abnormal"),
        ("ups battery at <*> volts, power supply on mains", "normal"),
    ),
    "cooling": (
        ("fan <*> failed, temperature is <*> degrees", "abnormal"),
        ("thermal sensor reads <*> degrees celsius", "normal"),
    ),
    "bus": (
        ("pcie bridge <*>: device lost, dma aborted", "abnormal"),
        ("usb hub with <*> lanes on pci bus <*>", "normal"),
    ),
    "controller": (
        ("jtag scan of asic <*> timed out, ecid is not known", "abnormal"),
        ("nodecard <*> and linkcard <*> initialized over jtag", "normal"),
    ),
    "firmware": (
        ("bios image is corrupt, uefi boot aborted", "abnormal"),
        ("grub loads initrd <*> for booting", "normal"),
    ),
    "disk": (
        ("scsi disk <*>: medium error, sector <*> unreadable", "abnormal"),
        ("sata drive <*> attached with ncq", "normal"),
    ),
    "raid": (
        ("raid array <*> degraded, no spare for the rebuild", "abnormal"),
        ("mdadm: resync of array <*> completed", "normal"),
    ),
    "storage": (
        ("quota exceeded for directory <*>, files not saved", "abnormal"),
        ("snapshot and backup of volume <*> done", "normal"),
    ),
    "storage network": (
        ("multipath: path to lun <*> lost, iscsi target unreachable", "abnormal"),
        ("fibre initiator <*> sees <*> luns in zone <*>", "normal"),
    ),
    "filesystem": (
        ("ext4 journal aborted, inode <*> is corrupt", "abnormal"),
        ("mounted filesystem <*> with journal", "normal"),
    ),
    "parallel filesystem": (
        ("lustre ost <*> evicted this client, export is stale", "abnormal"),
        ("gpfs: mmfsd serves <*> exports", "normal"),
    ),
    "network": (
        ("ethernet interface <*> lost its carrier, packets dropped", "abnormal"),
        ("eth0: link is up at <*> mbps, full duplex", "normal"),
    ),
    "interconnect": (
        ("torus link <*> failed, retransmission on cable <*> stuck", "abnormal"),
        ("infiniband hca <*> joined fabric with lid <*>", "normal"),
    ),
    "name service": (
        ("named: lookup of <*> timed out, no nameserver reachable", "abnormal"),
        ("dns zone <*> loaded with <*> records", "normal"),
    ),
    "web": (
        ("nginx: upstream timed out on http request <*>", "abnormal"),
        ("apache httpd <*> serves vhost <*>", "normal"),
    ),
    "mail": (
        ("postfix: mailbox of recipient unavailable, message bounced", "abnormal"),
        ("smtp relay <*> delivered mail for <*> recipients", "normal"),
    ),
    "tls": (
        ("ssl handshake failed: certificate <*> expired", "abnormal"),
        ("tls session uses cipher <*>", "normal"),
    ),
    "security": (
        ("authentication failure for user root from <*>", "abnormal"),
        ("sshd: session opened for user <*>", "normal"),
    ),
    "scheduler": (
        ("job <*> could not be dispatched: queue is stalled", "abnormal"),
        ("job <*> submitted to batch queue <*>", "normal"),
    ),
    "mpi": (
        ("mpirun: rank <*> aborted, communicator is invalid", "abnormal"),
        ("openmpi: <*> ranks use transport ucx", "normal"),
    ),
    "io daemon": (
        ("ciod: stream to ionode <*> failed", "abnormal"),
        ("iod on ionode <*> opened <*> streams", "normal"),
    ),
    "cron": (
        ("crond: weekly anacron run failed", "abnormal"),
        ("crontab <*> loaded for hourly runs", "normal"),
    ),
    "container": (
        ("containerd: overlay layer of image <*> is missing", "abnormal"),
        ("docker container <*> created in namespace <*>", "normal"),
    ),
    "kubernetes": (
        ("kubelet: liveness of pod <*> failed, eviction follows", "abnormal"),
        ("pod <*> of deployment <*> scheduled", "normal"),
    ),
    "virtualisation": (
        ("libvirt: migration of guest <*> failed, qemu is stuck", "abnormal"),
        ("hypervisor runs <*> guests with <*> vcpu", "normal"),
    ),
    "kernel": (
        ("kernel panic: oops in interrupt handler", "abnormal"),
        ("kernel module <*> loaded by modprobe", "normal"),
    ),
    "software": (
        ("process <*> exited: segmentation fault, core dumped", "abnormal"),
        ("program forked child process <*>", "normal"),
    ),
    "loader": (
        ("shared library <*> not found, undefined symbol <*>", "abnormal"),
        ("ldconfig linked <*> libraries", "normal"),
    ),
    "jvm": (
        ("java heap exhausted, gc of metaspace takes <*> s", "abnormal"),
        ("jvm <*> started with hotspot <*>", "normal"),
    ),
    "configuration": (
        ("invalid option <*> in configuration, setting not used", "abnormal"),
        ("parameter <*> set to value <*>", "normal"),
    ),
    "database": (
        ("transaction rolled back: table <*> is corrupted", "abnormal"),
        ("query returned <*> rows from database <*>", "normal"),
    ),
    "message queue": (
        ("kafka broker <*> lost its leader, topic <*> is offline", "abnormal"),
        ("rabbitmq: consumer <*> subscribed to topic <*>", "normal"),
    ),
    "distributed data": (
        ("namenode: block <*> is corrupt, no replicas left", "abnormal"),
        ("datanode <*> finished replication of block <*>", "normal"),
    ),
    "time": (
        ("ntpd: clock drift of <*> seconds, no stratum reachable", "abnormal"),
        ("ntp: clock synchronized to stratum <*>", "normal"),
    ),
    "service": (
        ("xinetd: no response to client, server is hung", "abnormal"),
        ("systemd started service <*>", "normal"),
    ),
    "monitoring": (
        ("heartbeat missing, alarm threshold exceeded on <*> counters", "abnormal"),
        ("health check: status of <*> counters is good", "normal"),
    ),
    "logging": (
        ("rsyslogd: messages lost, logfile is full", "abnormal"),
        ("syslogd <*>: log rotated", "normal"),
    ),
    "packages": (
        ("yum: dependency of package <*> not found in repository", "abnormal"),
        ("rpm: package <*> installed", "normal"),
    ),
    "general": (
        ("gave up after <*> rounds", "abnormal"),
        ("<*> of <*> done", "normal"),
    ),
    "no words": (
        ("<*> 0x<*> 17", "abnormal"),
        ("0x1f 0x2f <*>", "normal"),
    ),
}


def examples() -> str:
    """The Markdown."""
    params = load_params(ROOT / "params.yaml")
    teacher, lines = BuiltinTeacher(params.run.seed), []
    for domain, logs in LOGS.items():
        lines += ["", f"**{domain}**", ""]
        for log, label in logs:
            question = Question(template_id(log), log, prompt.show(log, params.prompt), label)
            rationale = prompt.parse_response(teacher.answers([question])[0].text).rationale
            lines += [f"- `{log}`, {label}:", f"  {rationale}"]
    return "\n".join(lines[1:]) + "\n"


if __name__ == "__main__":
    print(examples(), end="")
