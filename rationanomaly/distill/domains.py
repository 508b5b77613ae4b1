"""What the built-in teacher knows: fault domains, and words that speak of failure or of its absence.

General knowledge of system operations; nothing here was chosen by looking at test data. A domain is found by
whole lower-case words, so a log is read in one pass whatever it holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: What the words of a log say by themselves: a failure, a failure that was coped with, or neither.
Tone = Literal["fault", "eased", "plain"]


@dataclass(frozen=True)
class Domain:
    """A part of a computer system in which faults have their own causes and effects.

    Attributes:
        name: short, for documentation and tests.
        topic: a singular noun phrase.
        roles: what the part does: predicates that follow "which".
        harms: what a fault there leads to: clauses that follow "so".
        words: lower-case words that belong to it.
    """

    name: str
    topic: str
    roles: tuple[str, ...]
    harms: tuple[str, ...]
    words: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _domain(name: str, topic: str, roles: tuple[str, ...], harms: tuple[str, ...], words: str) -> Domain:
    return Domain(name, topic, roles, harms, _words(words))


GENERAL = _domain(
    "general",
    "this part of the system",
    ("does its share of the work", "supports other parts", "serves the rest of the node"),
    ("work that depends on it may stop", "other parts may wait for it in vain", "its task may remain undone"),
    "",
)

DOMAINS: tuple[Domain, ...] = (
    _domain(
        "memory",
        "the memory",
        ("holds what programs work on", "feeds the processors with data", "keeps the state of every program"),
        ("programs may read wrong data", "a program may be stopped for want of room", "results may be silently wrong"),
        "memory mem ram ddr ddr2 ddr3 ddr4 dimm sdram edram dram ecc oom swap swapping page pages paging heap malloc "
        "alloc allocation allocate buffer buffers cache dcache icache tlb parity scrub chipkill address addresses "
        "alignment segment slab hugepage numa sram",
    ),
    _domain(
        "network",
        "the network",
        ("carries messages between nodes", "links the nodes to each other", "lets remote parts talk"),
        ("nodes may lose sight of each other", "messages may come late or never", "remote calls may hang"),
        "network net ethernet eth link links socket tcp udp ip ipv4 ipv6 icmp dns dhcp arp route router routing packet "
        "packets port ports connection connections connect connected disconnect disconnected torus tree infiniband ib "
        "ibv hca opensm subnet myrinet gm mpi rdma nic interface bond vlan switch gateway hostname host hosts peer "
        "remote rpc http https ssl tls firewall proxy broadcast collective retransmission retransmit fabric lid guid "
        "wire wires cable cables receiver sender transmit",
    ),
    _domain(
        "storage",
        "the storage",
        ("keeps files and their contents", "holds data beyond the life of a program", "serves reads and writes"),
        ("files may be lost or unreadable", "reads and writes may fail", "data may not reach the disk"),
        "storage disk disks drive drives scsi sata sas ata ide raid lun sector sectors block blocks inode inodes mount "
        "mounted unmount umount filesystem filesystems fs ext2 ext3 ext4 xfs nfs gpfs lustre ost mds mdt quota file "
        "files directory directories read reading write writing volume partition superblock journal tape cd cdrom "
        "dvd fsck datanode namenode hdfs replica replication backup lvm seek eof cciss hda hdb sda sdb megaraid",
    ),
    _domain(
        "scheduler",
        "the job scheduler",
        ("hands work to the nodes", "decides which job runs where", "starts and ends jobs"),
        ("jobs may never start or never end", "nodes may stand idle", "a job may be killed before it is done"),
        "scheduler job jobs queue queues queued batch pbs torque mom moab maui slurm slurmd slurmctld sge lsf "
        "submit submitted dispatch dispatched cron crond crontab task tasks stage executor allocation reservation "
        "mmcs partitioning walltime prologue epilogue pbsmom mpirun qsub sched",
    ),
    _domain(
        "power",
        "the power supply",
        ("feeds the boards with current", "keeps voltages in their range", "brings each node its power"),
        ("boards may lose power without warning", "nodes may switch off", "voltages may leave their range"),
        "power voltage volt volts current amp ups psu battery supply supplies rail pgood dcdc dc ac outage brownout "
        "wattage watt acpi apc fuse breaker regulator",
    ),
    _domain(
        "cooling",
        "the cooling",
        ("keeps the boards from heating up", "carries heat away", "holds temperatures in their range"),
        ("parts may overheat and switch off", "processors may slow down", "hot parts may wear out early"),
        "temperature temp thermal heat overheat overheating cooling cool fan fans rpm degrees celsius throttle "
        "throttled throttling airflow coolant",
    ),
    _domain(
        "security",
        "access control",
        ("decides who may enter", "checks users and their rights", "guards accounts and keys"),
        ("a stranger may get in", "a rightful user may be shut out", "rights may be misused"),
        "auth authentication authenticate authenticated authorization authorized unauthorized login logins logon "
        "logout password passwd user users uid gid sshd ssh sudo su root pam pam_unix krb kerberos ldap nis "
        "permission permissions denied privilege privileges attack attacker breakin intrusion certificate cert key "
        "keys session sessions account accounts selinux audit publickey rhost ruser tty credential credentials",
    ),
    _domain(
        "kernel",
        "the kernel",
        ("runs the processors and devices", "stands between programs and hardware", "serves every program"),
        ("the whole node may stop", "every program on the node may suffer", "the node may have to restart"),
        "kernel panic oops bug irq interrupt interrupts trap syscall module modules driver drivers boot booting booted "
        "reboot rebooting bios grub initrd stack trace backtrace softlockup lockup watchdog nmi hypervisor vm kthread "
        "rts linux bogomips cpufreq pci pcie acpi agp apic ioapic usb hub ehci uhci ohci msr",
    ),
    _domain(
        "processor",
        "the processor",
        ("carries out every instruction", "does the computing", "runs the programs of a node"),
        ("computations may go wrong", "the node may halt at once", "results may no longer be trusted"),
        "cpu cpus processor processors core cores register registers instruction instructions exception fpu fpr gpr lr "
        "cr xer ctr iar dear esr msr dbcr mcsr tsr tcr pc sp floating arithmetic fp machine smp mce ppc ppc440 "
        "prefetch load store branch debug breakpoint lcache l1 l2 l3 snoop plb plbv unit",
    ),
    _domain(
        "hardware",
        "the hardware",
        ("carries everything else", "makes up the node", "holds processors, links and memory"),
        ("a board may have to be replaced", "the node may drop out", "the machine may lose a part of its capacity"),
        "hardware hw board boards card cards nodecard linkcard servicecard midplane rack chip chips asic jtag ido "
        "vpd eeprom fpga firmware sensor sensors chassis slot slots device devices clock clocks serial ipmi bmc ecid "
        "component assembly connector pin pins node nodes bulk palomino controller adapter console fru led",
    ),
    _domain(
        "software",
        "a program",
        ("does what users or the system asked for", "runs as a process of its own", "works through its task"),
        ("its task may remain undone", "what waits for it may wait in vain", "its results may be missing"),
        "program process processes application app daemon ciod pid thread threads signal sigsegv sigterm sigkill "
        "segmentation segfault core dumped dump exit exited abort aborted assertion assert java exception null "
        "pointer library libraries image executable binary script shell perl python version package install "
        "installed update child children parent function call stacktrace runtime mmap fork exec",
    ),
    _domain(
        "configuration",
        "the configuration",
        ("tells each part how to work", "sets names, sizes and limits", "is read when a part starts"),
        ("a service may start wrongly or not at all", "a setting may be ignored", "parts may disagree on their set-up"),
        "config configuration configure configured conf parameter parameters option options setting settings argument "
        "arguments syntax parse parsing unknown unrecognized unsupported undefined deprecated default property "
        "properties value values environment env variable variables path lookup field format",
    ),
    _domain(
        "database",
        "the database",
        ("keeps records that other parts ask for", "answers queries", "stores the state of the machine"),
        ("records may be missing or out of date", "queries may fail", "parts may act on stale records"),
        "database db db2 sql mysql postgres oracle query queries transaction transactions table tables row rows column "
        "commit rollback schema jdbc insert select record records",
    ),
    _domain(
        "time",
        "the clock service",
        ("gives all nodes the same time", "keeps clocks in step", "lets events be put in order"),
        ("clocks may drift apart", "events may get the wrong time", "tickets and leases may expire too early"),
        "time ntp ntpd clock timer timers synchronized synchronised sync drift stratum date second seconds rtc "
        "timestamp gettimeofday adjusting",
    ),
    _domain(
        "service",
        "a system service",
        ("works in the background", "other programs call on", "starts with the node and stays up"),
        ("programs that call on it may fail", "requests may go unanswered", "users may notice an outage"),
        "service services server servers client clients request requests response xinetd inetd httpd apache nginx "
        "syslog syslogd klogd named bind sendmail postfix smtp mail mailer snmp snmpd ftp ftpd vsftpd telnet nscd "
        "portmap cups tftp tftpd rsync daemon listener startup shutdown restart restarted start started stop stopped",
    ),
    _domain(
        "monitoring",
        "the monitoring",
        ("watches the state of the machine", "collects figures from the nodes", "tells operators what happens"),
        ("operators may be blind to other faults", "figures may be missing", "a fault may go unseen"),
        "monitor monitoring monitored health healthcheck heartbeat ganglia gmond gmetad nagios status statistics stats "
        "counter counters threshold alert alerts alarm event events poll polling probe ping smartd smart check checks "
        "report log logs logging logger message messages",
    ),
)

#: Words that tell of a failure by themselves.
FAULT_WORDS = _words(
    "error errors err fail fails failed failing failure failures fatal panic abort aborted aborting crash crashed "
    "segfault exception corrupt corrupted corruption timeout timedout expired unreachable denied refused rejected "
    "invalid illegal missing lost dead died broken bad severe critical emergency uncorrectable unrecoverable "
    "uncorrected unable cannot cant overflow underflow overrun exceeded exhausted unavailable inaccessible "
    "inconsistent mismatch fault faulty faults defect degraded offline disconnected killed terminated abnormally "
    "abnormal unexpected unexpectedly unknown undefined violation deadlock hang hung stuck stalled lockup oops bug "
    "problem problems wrong incorrect malformed damaged halted rebooting panicked dropped outage no not"
)

#: Words that say that a failure was coped with, or is only feared.
EASING_WORDS = _words(
    "corrected correctable recovered recovering recoverable retry retrying retried retries restored repaired resumed "
    "reconnected reconnecting fallback ignored ignoring warning warn info notice detected masked harmless test "
    "tests testing debug"
)

#: Words that carry no meaning of their own; never quoted alone.
STOP_WORDS = _words(
    "a about after all also an and any are as at be been but by can could did do does due for from had has have he "
    "her his if in into is it its let may more most my no nor not of off on only or other our out over own per so "
    "some such than that the their them then there these they this those through to too under up upon us via was we "
    "were what when where which while who will with would yes you your"
)

_WEAK_FAULT_WORDS = frozenset({"no", "not"})


def domain_of(words: Iterable[str]) -> Domain:
    """The domain that most of the lower-case ``words`` belong to; the earlier one of `DOMAINS` on a tie."""
    votes: Counter[str] = Counter()
    for word in words:
        for domain in DOMAINS:
            if word in domain.words:
                votes[domain.name] += 1
    most = max(votes.values(), default=0)
    return next((domain for domain in DOMAINS if most and votes[domain.name] == most), GENERAL)


def tone_of(words: Iterable[str]) -> Tone:
    """What the lower-case ``words`` say by themselves."""
    found = set(words)
    if not found & FAULT_WORDS:
        return "plain"
    return "eased" if found & EASING_WORDS else "fault"


def weight(word: str, domain: Domain) -> int:
    """How much a lower-case word tells about a log: 0 for nothing to 4 for a failure stated outright."""
    if word in _WEAK_FAULT_WORDS or word in STOP_WORDS or len(word) < 2:
        return 0
    if word in FAULT_WORDS:
        return 4
    if word in EASING_WORDS or word in domain.words:
        return 3
    return 2 if len(word) > 3 else 1
