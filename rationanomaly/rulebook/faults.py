"""Failures that the words of a log tell of, the more telling ones first.

General knowledge of system operations: every word and phrase stands in the sources that its sign names, or is plain
English for what they describe. Nothing was chosen by looking at labelled data.
"""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, error_in, unable, words_of
from rationanomaly.rulebook.families import Family


def _fault(
    name: str, family: Family, meanings: tuple[str, ...], words: frozenset[str], sources: tuple[str, ...]
) -> Sign:
    return Sign(name, family, meanings, words, sources)


FAULTS: tuple[Sign, ...] = (
    _fault(
        "exhausted",
        "capacity",
        (
            "there is no free space left in {topic}",
            "{topic} has used up all the room it can give out",
            "new requests find no free resource in {topic}",
            "the last reserve of {topic} has been used up",
        ),
        words_of(
            "exhausted oom enospc enomem",
            "out of memory, out of space, out of inodes, no space, no space left, no memory, no spare, no free, disk "
            "full, is full, table full, not enough memory, not enough space, insufficient memory, insufficient "
            "space, resource temporarily unavailable, exhaustion, out of disk space, out of swap, out of descriptors",
        )
        | unable("allocate"),
        ("errno(3): ENOSPC, ENOMEM, EAGAIN", "Linux mm/oom_kill.c", "nf_conntrack: table full", "mdadm(8): spares"),
    ),
    _fault(
        "uncorrected",
        "integrity",
        (
            "{topic} hit an error that correction codes could not undo",
            "wrong data stand in {topic} and cannot be rebuilt",
            "an error in {topic} went beyond what it can correct",
            "some data of {topic} are damaged beyond repair",
        ),
        words_of(
            "uncorrectable uncorrected unrecoverable unrecovered",
            "uncorrectable error, uncorrected error, uncorrectable errors, uncorrected errors, unrecoverable error, "
            "unrecovered read error, medium error, double bit error, multi bit error, multibit error, media error",
        ),
        ("rasdaemon, mcelog: corrected and uncorrected errors", "SCSI SPC: sense key MEDIUM ERROR", "EDAC: UE counts"),
    ),
    _fault(
        "overheated",
        "degradation",
        (
            "{topic} runs hotter than its safe limit",
            "heat builds up at {topic} faster than cooling removes it",
            "the temperature at {topic} has passed its safe limit",
        ),
        words_of(
            "overheat overheated overheating overtemp overtemperature",
            "over temperature, temperature above threshold, temperature exceeded, too hot, critical temperature, "
            "thermal trip, thermal shutdown, temperature too high, fan failed, fan failure, fan fault, high "
            "temperature",
        ),
        ("Linux therm_throt.c: temperature above threshold", "Linux thermal: critical temperature reached", "IPMI 2.0"),
    ),
    _fault(
        "throttled",
        "degradation",
        (
            "{topic} was slowed down on purpose to respect a limit",
            "a limiter holds back {topic} below its full speed",
            "{topic} runs at reduced pace because of a limit",
        ),
        words_of("throttled throttling throttle", "rate limited, rate limit exceeded, too many requests, slowed down"),
        ("Linux therm_throt.c: cpu clock throttled", "cgroups(7): cpu throttling", "HTTP status 429"),
    ),
    _fault(
        "powerless",
        "availability",
        (
            "the power that feeds {topic} failed or left its range",
            "{topic} no longer gets the supply voltage it needs",
            "the power source behind {topic} gave way",
        ),
        words_of(
            "brownout undervoltage overvoltage overcurrent",
            "power failure, power failed, power loss, power lost, power fault, loss of power, lost power, under "
            "voltage, over voltage, over current, low voltage, low battery, on battery, battery failed, battery "
            "failure, power supply failed, power supply failure, power outage, voltage out of range",
        ),
        ("IPMI 2.0: power supply and voltage sensors", "apcupsd(8): power failure, on battery", "upsmon(8)"),
    ),
    _fault(
        "wearing",
        "degradation",
        (
            "{topic} shows signs of wear that precede a breakdown",
            "spare areas of {topic} are being used up by defects",
            "{topic} predicts its own breakdown before long",
        ),
        words_of(
            "prefailure prefail failing worn",
            "predictive failure, predicted failure, failure predicted, pending sectors, pending sector, reallocated "
            "sectors, reallocated sector, grown defect, grown defects, bad sector, bad sectors, bad block, bad "
            "blocks, media wearout, wear out, wearout indicator, end of life, failure imminent, impending failure, "
            "offline uncorrectable sectors",
        ),
        ("smartd(8), smartctl(8): attributes 5, 197, 198, 233", "badblocks(8)", "SCSI: failure prediction threshold"),
    ),
    _fault(
        "attacked",
        "access",
        (
            "somebody without any right tries to break into {topic}",
            "traffic that reaches {topic} looks like an attack",
            "{topic} met a hostile request that no rightful user would make",
        ),
        words_of(
            "attack attacks attacker spoof spoofed spoofing intrusion tampered tampering flooding",
            "break in attempt, port scan, syn flooding, brute force, man in the middle, host key changed, "
            "identification has changed, martian source",
        ),
        ("OpenSSH auth.c, canohost.c: POSSIBLE BREAK-IN ATTEMPT", "Linux tcp_input.c: possible SYN flooding", "ssh(1)"),
    ),
    _fault(
        "unauthenticated",
        "access",
        (
            "somebody failed to prove an identity to {topic}",
            "the credentials that {topic} was given did not verify",
            "{topic} turned away a login with wrong credentials",
        ),
        words_of(
            "unauthenticated",
            "authentication failure, authentication failures, authentication failed, authentication error, failed "
            "authentication, failed password, password failed, failed login, login failed, login failure, login "
            "incorrect, failed publickey, bad password, wrong password, invalid password, incorrect password, "
            "password mismatch, password check failed, invalid credentials, bad credentials, illegal user, invalid "
            "user, not authenticated, preauthentication failed, user unknown, unknown user",
        )
        | unable("authenticate verify login"),
        ("pam_unix(8): authentication failure", "sshd(8): Failed password, Invalid user", "login(1)", "MIT Kerberos"),
    ),
    _fault(
        "expired",
        "access",
        (
            "a credential or lease of {topic} has run out unrenewed",
            "the validity period granted for {topic} is over",
            "{topic} relies on a permit that is out of date",
        ),
        words_of(
            "expired revoked",
            "has expired, certificate expired, certificate has expired, lease expired, password expired, ticket "
            "expired, token expired, session expired, license expired, is expired",
        ),
        ("x509 verify: certificate has expired", "dhclient(8): lease expired", "chage(1), pam_unix(8)", "kinit(1)"),
    ),
    _fault(
        "denied",
        "access",
        (
            "{topic} refused access that was asked for",
            "the caller lacks the rights for what it wanted from {topic}",
            "a rule of {topic} forbids what was requested",
        ),
        words_of(
            "denied rejected unauthorized forbidden violation eacces eperm disallowed prohibited",
            "permission denied, access denied, not permitted, operation not permitted, not allowed, not authorized, "
            "permission violation, access violation, admin prohibited",
        ),
        ("errno(3): EACCES, EPERM", "SELinux: avc: denied", "sudoers(5): user NOT allowed", "HTTP status 401, 403"),
    ),
    _fault(
        "truncated",
        "integrity",
        (
            "data for {topic} ended before they were complete",
            "the end of the input to {topic} is missing",
            "{topic} received fewer bytes than were announced",
        ),
        words_of(
            "truncated truncation",
            "premature end, premature eof, unexpected end, unexpected eof, unexpected end of file, short read, short "
            "write, incomplete read, end of file reached, partial write, ended prematurely",
        ),
        ("OpenSSL: unexpected eof while reading", "gzip(1): unexpected end of file", "Apache: premature end of script"),
    ),
    _fault(
        "corrupt",
        "integrity",
        (
            "data in {topic} can no longer be trusted",
            "the contents of {topic} differ from what was stored there",
            "an integrity check of {topic} found altered data",
            "bits in {topic} have flipped in transit or in place",
        ),
        words_of(
            "corrupt corrupted corruption corrupting parity inconsistent inconsistency damaged malformed misaligned "
            "garbled",
            "parity error, parity errors, data parity error, checksum mismatch, checksum error, checksum errors, bad "
            "checksum, checksum failed, crc error, crc errors, crc mismatch, bad crc, ecc error, ecc errors, single "
            "bit error, bit flip, not aligned, bad magic, bad magic number, bad superblock, hash mismatch, digest "
            "mismatch",
        ),
        (
            "Linux EDAC, mce(8)",
            "e2fsck(8): inconsistency",
            "PCI: parity errors",
            "mmap(2): not aligned",
            "ZFS: checksum",
        ),
    ),
    _fault(
        "mismatch",
        "integrity",
        (
            "two values in {topic} that should agree differ",
            "{topic} found something other than what it expected",
            "versions or parts of {topic} do not fit together",
        ),
        words_of(
            "mismatch mismatched mismatches mismatching conflict conflicts conflicting",
            "does not match, do not match, did not match, not match, version mismatch, type mismatch, size mismatch, "
            "incompatible version, not compatible, differs from, wrong version, not consistent",
        )
        | words_of("incompatible"),
        ("raid: mismatch_cnt (md(4))", "RPC: program/version mismatch (rpc(3))", "OpenSSH: host key does not match"),
    ),
    _fault(
        "stuck",
        "availability",
        (
            "work in {topic} has stopped making progress",
            "{topic} waits for something that does not happen",
            "{topic} has been blocked for longer than is acceptable",
        ),
        words_of(
            "hung hang hangs hanging stuck stalled stall deadlock deadlocked lockup softlockup blocked livelock frozen",
            "soft lockup, hard lockup, blocked for more than, hung task, possible deadlock, self detected stall, "
            "watchdog expired, watchdog timeout, not making progress",
        ),
        ("Linux kernel/hung_task.c, kernel/watchdog.c", "RCU CPU stall warnings", "pthread_mutex_lock(3): EDEADLK"),
    ),
    _fault(
        "reset",
        "availability",
        (
            "the other end cut off its connection to {topic}",
            "{topic} was reset in the middle of its work",
            "an open exchange with {topic} was torn down abruptly",
        ),
        words_of(
            "econnreset epipe",
            "connection reset, reset by peer, connection reset by peer, broken pipe, bus reset, link reset, device "
            "reset, controller reset, unexpected reset, hard reset, hard resetting, hard resetting link, soft "
            "resetting, resetting link, resetting adapter, reset adapter, unexpected restart, unexpectedly "
            "restarted, closed by peer",
        ),
        ("errno(3): ECONNRESET, EPIPE", "Linux libata: hard resetting link", "Linux SCSI error handling: bus reset"),
    ),
    _fault(
        "refused",
        "availability",
        (
            "{topic} turned a connection away because nothing listens there",
            "a call reached {topic} but no listener accepted it",
            "no process at {topic} accepts new connections",
        ),
        words_of(
            "refused econnrefused",
            "connection refused, refused connection, connections refused, refused to connect, refuses connections",
        ),
        ("errno(3): ECONNREFUSED", "connect(2)", "hosts_access(5): refused connect"),
    ),
    _fault(
        "silent",
        "availability",
        (
            "{topic} did not answer within the time allowed",
            "requests to {topic} go out and no reply returns",
            "{topic} cannot be reached or does not respond",
            "the wait for an answer from {topic} ran out",
        ),
        words_of(
            "timeout timeouts timedout unreachable unresponsive inaccessible etimedout ehostunreach enetunreach",
            "timed out, time out, not responding, no response, no reply, no answer, not answer, does not answer, "
            "no route, no "
            "route to host, not reachable, missed heartbeat, missed heartbeats, heartbeat lost, no heartbeat, no "
            "carrier, failed to respond, did not respond, does not respond, host unreachable, network is "
            "unreachable, deadline exceeded, deadline has elapsed",
        )
        | unable("contact reach connect respond communicate ping"),
        ("errno(3): ETIMEDOUT, EHOSTUNREACH", "nfs(5): server not responding", "ping(8)", "gRPC: deadline exceeded"),
    ),
    _fault(
        "exceeded",
        "capacity",
        (
            "a configured limit of {topic} has been exceeded",
            "more was asked of {topic} than its limits allow",
            "{topic} was given a value outside its valid range",
        ),
        words_of(
            "exceeded exceeds exceeding overflow overflowed overflows underflow overrun overruns overload overloaded",
            "too many, too large, name too long, line too long, too big, too small, out of range, out of bounds, "
            "over quota, quota exceeded, limit reached, limit exceeded, over limit, above threshold, buffer "
            "overflow, queue full, too many open files, retry limit, retries exceeded, too many retries, threshold "
            "exceeded, maximum exceeded, argument list too long",
        ),
        ("errno(3): EMFILE, E2BIG, ERANGE, EDQUOT, EOVERFLOW", "getrlimit(2)", "netdevice: rx overruns (ifconfig(8))"),
    ),
    _fault(
        "flapping",
        "degradation",
        (
            "{topic} keeps going down and coming back",
            "the state of {topic} changes too often to be relied on",
            "{topic} does not stay up for long before it drops again",
        ),
        words_of(
            "flapping flap flaps flapped",
            "link flap, intermittent failure, intermittently fails, crash loop, restart loop, crashloop backoff, "
            "back off restarting",
        )
        | words_of("crashloopbackoff intermittent"),
        ("Nagios: flapping", "bonding and switch manuals: link flap", "Kubernetes: CrashLoopBackOff"),
    ),
    _fault(
        "disconnected",
        "availability",
        (
            "the connection between {topic} and its peer is broken",
            "{topic} is cut off since its link went away",
            "contact with {topic} was broken off and not restored",
        ),
        words_of(
            "disconnected unplugged enotconn",
            "connection lost, lost connection, lost contact, connection closed unexpectedly, is down, link down, "
            "link is down, went down, gone down, not connected, link failure, interface down, connection dropped, "
            "connection broken, connection aborted, node down, down state, carrier lost, loss of carrier, lost "
            "carrier, link lost, lost link, lost its peer, cable unplugged",
        ),
        ("Linux net drivers: NIC Link is Down", "errno(3): ENOTCONN, ECONNABORTED", "Linux USB: USB disconnect"),
    ),
    _fault(
        "unresolved",
        "absence",
        (
            "a name used by {topic} could not be resolved",
            "{topic} refers to a name or symbol that nobody defines",
            "the lookup of a name for {topic} gave no result",
        ),
        words_of(
            "unresolved nxdomain servfail",
            "undefined symbol, undefined reference, unresolved symbol, unknown symbol, unknown host, host not found, "
            "name or service not known, name not known, name resolution failure, temporary failure in name "
            "resolution, cannot resolve hostname, no such host, symbol not found, class not found, unresolved "
            "reference, could not be resolved",
        )
        | unable("resolve lookup"),
        (
            "gai_strerror(3): EAI_NONAME, EAI_AGAIN",
            "ld.so(8): undefined symbol",
            "modprobe(8): unknown symbol",
            "named(8)",
        ),
    ),
    _fault(
        "misconfigured",
        "operation",
        (
            "{topic} has a setting that it cannot work with",
            "a parameter of {topic} is wrong or not understood",
            "a mistake in its configuration affects {topic}",
        ),
        words_of(
            "misconfigured misconfiguration",
            "syntax error, parse error, parse errors, parsing error, unknown option, invalid option, bad option, "
            "unrecognized option, invalid configuration, bad configuration, configuration error, config error, "
            "invalid argument, invalid parameter, bad parameter, unknown parameter, unknown directive, unknown key, "
            "unknown keyword, invalid value, bad value, not configured, configuration failed, not defined, not set, "
            "missing parameter, missing argument, invalid setting, badly configured, illegal option",
        )
        | unable("parse"),
        ("getopt(3): invalid option", "errno(3): EINVAL", "sshd_config(5): bad configuration option", "nginx -t"),
    ),
    _fault(
        "duplicated",
        "operation",
        (
            "two parts claim the same address or name in {topic}",
            "an entry that must be unique occurs twice in {topic}",
            "{topic} met an identifier that is already taken",
        ),
        words_of(
            "duplicate duplicated duplicates eaddrinuse",
            "address already in use, already in use, duplicate address, duplicate ip, duplicate entry, duplicate "
            "key, duplicate id, ip conflict, address conflict, name conflict, duplicate uuid",
        ),
        ("errno(3): EADDRINUSE", "arping(8), Linux addrconf.c: duplicate address detected", "MySQL: error 1062"),
    ),
    _fault(
        "desynchronised",
        "degradation",
        (
            "{topic} is out of step with the source it follows",
            "copies or clocks within {topic} no longer agree",
            "{topic} has lost synchronisation with its peers",
        ),
        words_of(
            "unsynchronized unsynchronised desynchronized desynchronised desync skew desynced",
            "out of sync, lost sync, not synchronized, not in sync, clock skew, clock skew too great, loss of sync, "
            "loss of synchronization, lost synchronization, synchronization lost, no server suitable for "
            "synchronization, time jump, split brain, out of date replica, clock unsynchronized",
        )
        | unable("synchronize synchronise"),
        ("ntpd(8), chronyd(8)", "Kerberos: clock skew too great", "DRBD: split-brain", "md(4): resync"),
    ),
    _fault(
        "unreadable",
        "operation",
        (
            "data requested from {topic} could not be read back",
            "a read operation in {topic} returned an error",
            "{topic} failed to load the input it needs",
        ),
        words_of(
            "unreadable",
            "read error, read errors, read failed, read failure, error reading, read io error, not readable, buffer "
            "i o error, input output error",
        )
        | unable("read load fetch receive")
        | error_in("reading loading fetching receiving", "read load receive recv"),
        ("read(2), errno(3): EIO", "Linux block layer: I/O error", "smartctl(8): read failure"),
    ),
    _fault(
        "unwritable",
        "operation",
        (
            "{topic} could not write or send its data",
            "a write operation in {topic} returned an error",
            "output that {topic} should store was not written",
        ),
        words_of(
            "erofs",
            "read only file system, read only filesystem, remounting filesystem read only, remounted read only, "
            "write protected, not writable, lost page write, lost async page write",
        )
        | unable("write save store sync flush commit send transmit")
        | error_in("writing saving storing flushing sending", "write flush commit send transmit fsync"),
        ("write(2), fsync(2), errno(3): EROFS", "Linux fs/buffer.c: lost page write", "ext4(5): errors=remount-ro"),
    ),
    _fault(
        "absent",
        "absence",
        (
            "something that {topic} needs does not exist",
            "{topic} searched for a required item without finding it",
            "a required piece of {topic} is missing",
            "{topic} was pointed to an object that does not exist",
        ),
        words_of(
            "missing unavailable absent enoent nonexistent",
            "not found, no such, no such file, no such device, no such file or directory, not present, does not "
            "exist, do not exist, not exist, no longer exists, no longer available, not registered, not installed, "
            "not available, not detected, was not found, not found, no module named, none found",
        )
        | unable("find locate stat open access detect mount"),
        ("errno(3): ENOENT, ENODEV, ENXIO", "modprobe(8): module not found", "Perl: Can't locate", "systemctl(1)"),
    ),
    _fault(
        "killed",
        "availability",
        (
            "a process of {topic} was killed by a signal",
            "{topic} was ended by force from outside",
            "something terminated part of {topic} without asking",
        ),
        words_of(
            "killed sigkill oomkilled",
            "killed by signal, killed process, kill process, terminated by signal, exited on signal, terminated with "
            "signal, was killed, was evicted, out of memory killed, forcibly terminated, killing process, oom killer",
        ),
        ("signal(7)", "Linux mm/oom_kill.c: Killed process", "systemd.service(5): killed", "Kubernetes: OOMKilled"),
    ),
    _fault(
        "exception",
        "operation",
        (
            "the code of {topic} hit a case it does not handle",
            "{topic} ran into a defect of its own code",
            "an internal check in {topic} was violated during execution",
        ),
        words_of(
            "exception exceptions assertion assert bug oops segfault sigsegv sigbus sigabrt sigill trap backtrace "
            "traceback uncaught unhandled",
            "segmentation fault, bus error, illegal instruction, assertion failed, assertion failure, illegal state "
            "exception, core dumped, stack trace, call trace, null pointer, null pointer exception, general "
            "protection fault, page fault, divide error, machine check, floating point exception, "
            "double free, use after free, unhandled "
            "exception, uncaught exception, internal error, invalid opcode, unaligned access, alignment exception, "
            "program interrupt, stack overflow",
        ),
        (
            "signal(7): SIGSEGV, SIGBUS",
            "assert(3)",
            "Linux BUG(), oops-tracing",
            "java.lang: exceptions",
            "Python docs",
        ),
    ),
    _fault(
        "stopped",
        "availability",
        (
            "{topic} ended its work before it was finished",
            "{topic} gave up and came to a halt",
            "an unplanned stop has ended the work of {topic}",
        ),
        words_of(
            "panic panicked panicking abort aborted aborting aborts crash crashed crashes crashing terminated halted "
            "halting abnormally fatal died dead unexpectedly",
            "giving up, gave up, kernel panic, not running, exited abnormally, terminated abnormally, terminated "
            "unexpectedly, exited unexpectedly, emergency shutdown, system halted, start request repeated too quickly",
        )
        | unable("start boot launch run continue restart initialize initialise init"),
        ("Linux kernel/panic.c", "abort(3)", "systemd: failed with result, start-limit", "LSB: program is not running"),
    ),
    _fault(
        "interrupted",
        "operation",
        (
            "an operation of {topic} was broken off halfway",
            "{topic} was interrupted in the middle of a task",
            "an interruption kept {topic} from completing its step",
        ),
        words_of(
            "interrupted eintr",
            "interrupted system call, operation cancelled, operation canceled, was interrupted, transfer aborted",
        ),
        ("errno(3): EINTR, ECANCELED", "signal(7)", "Slurm: job state CANCELLED"),
    ),
    _fault(
        "leaking",
        "capacity",
        (
            "{topic} takes resources and never returns them",
            "resources that {topic} no longer uses are not released",
            "the share held by {topic} grows without bound",
        ),
        words_of(
            "leak leaks leaked leaking", "memory leak, resource leak, descriptor leak, leaked memory, never released"
        ),
        ("Linux kmemleak", "Valgrind memcheck: definitely lost", "Netty: LEAK: ByteBuf.release() was not called"),
    ),
    _fault(
        "lost",
        "availability",
        (
            "something that {topic} held or carried is lost",
            "{topic} has dropped data or contact it should keep",
            "a part of {topic} is gone without being replaced",
        ),
        words_of(
            "lost dropped drops offline outage disappeared vanished gone discarded loss",
            "packet loss, data loss, packets dropped, taken offline, is offline, went offline, messages lost, lost "
            "interrupt, interrupts lost, has gone away",
        ),
        (
            "netdevice statistics: dropped (ip-link(8))",
            "MySQL: server has gone away",
            "lpadmin, sinfo(1): offline, down",
        ),
    ),
    _fault(
        "retried",
        "degradation",
        (
            "{topic} must repeat an operation that did not succeed",
            "repeated attempts of {topic} have brought no success yet",
            "{topic} needs more attempts than it should",
        ),
        words_of(
            "retransmission retransmissions retransmit retransmits retransmitted retransmitting backoff",
            "retry failed, retries failed, still trying, still waiting, will retry later, retries exhausted, max "
            "retries, maximum retries, too many attempts, repeated failures",
        ),
        ("netstat(8): segments retransmitted", "nfs(5): still trying", "dhclient(8), postfix qmgr(8)"),
    ),
    _fault(
        "delayed",
        "degradation",
        (
            "{topic} takes longer to finish than it should",
            "answers from {topic} arrive later than expected",
            "{topic} falls behind the work it is given",
        ),
        words_of(
            "lagging sluggish",
            "took too long, too slow, slow response, slow query, slow request, slow requests, running behind, high "
            "latency, response time exceeded, taking longer than expected, replication lag, long gc pause, high load",
        ),
        ("Ceph: slow requests", "MySQL: slow query log", "etcd: took too long", "ZooKeeper: fsync took"),
    ),
    _fault(
        "invalid",
        "operation",
        (
            "{topic} received input that it cannot use",
            "a request to {topic} does not have the required form",
            "{topic} met a value that the rules do not allow",
        ),
        words_of(
            "invalid illegal unknown unexpected unsupported undefined bad wrong incorrect incorrectly unrecognized "
            "unrecognised premature spurious ambiguous bogus einval",
            "not supported, not valid, not recognized, not understood, unknown command, invalid packet, invalid "
            "request",
        ),
        (
            "errno(3): EINVAL, ENOTSUP, EBADMSG",
            "Linux: spurious interrupt, bogus packet",
            "bash(1): ambiguous redirect",
        ),
    ),
    _fault(
        "degraded",
        "degradation",
        (
            "only part of {topic} still works as intended",
            "{topic} keeps running with a component out of order",
            "{topic} runs with reduced function or redundancy",
        ),
        words_of(
            "degraded degrading degradation defect defective faulty fault faults faulted broken severe tripped "
            "collisions unhealthy unstable impaired malfunction marginal",
            "falling back, fell back, late collision, not healthy, not ready, not optimal, redundancy lost, non "
            "redundant",
        ),
        (
            "mdadm(8): degraded array",
            "zpool(8): DEGRADED, FAULTED",
            "ethtool(8)",
            "Kubernetes: node not ready",
            "IPMI 2.0",
        ),
    ),
    _fault(
        "failed",
        "operation",
        (
            "an operation of {topic} did not succeed",
            "{topic} attempted an action and could not complete it",
            "a step within {topic} ended with an error",
            "{topic} could not carry out what was requested",
        ),
        words_of(
            "fail fails failed failure failures error errors err unable cannot problem problems unsuccessful "
            "unsuccessfully not eio",
            "could not, can not, unable to, failed to, did not, was not, does not, check condition, hardware error, "
            "returned error, exit status 1, non zero status, nonzero status",
        ),
        ("strerror(3), errno(3)", "syslog(3): LOG_ERR", "SCSI SAM: CHECK CONDITION status", "systemd: Failed to start"),
    ),
)
