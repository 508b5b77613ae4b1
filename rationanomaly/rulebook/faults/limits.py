"""What these failures take away is room or a limit, or else speed and reserves."""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, sense, unable

FAULTS: tuple[Sign, ...] = (
    Sign(
        "exhausted",
        "capacity",
        (
            sense(
                "the supply is at an end",
                "this is used up completely",
                words="exhausted",
                phrases="exhaustion",
            ),
            sense(
                "memory has run out",
                "no more memory is available",
                words="oom",
                phrases="out of memory",
            ),
            sense(
                "more memory was needed than was free",
                "the memory available does not suffice",
                words="enomem",
                phrases="no memory, not enough memory, insufficient memory",
            ),
            sense(
                "all available space is taken",
                "nothing more can be stored there",
                words="enospc",
                phrases="out of space, no space, no space left",
            ),
            sense(
                "the disk is filled up entirely",
                "no more data can be written to the disk",
                phrases="disk full, out of disk space",
            ),
            sense(
                "more room is needed than is free",
                "the free space is too small for it",
                phrases="not enough space, insufficient space",
            ),
            sense(
                "there is no room left in it",
                "it can't take in anything more",
                phrases="is full",
            ),
            sense(
                "the table can take no further entries",
                "every slot of the table is occupied",
                phrases="table full",
            ),
            sense(
                "every inode is in use",
                "no more files can be created there",
                phrases="out of inodes",
            ),
            sense(
                "the swap area is completely used",
                "there is nowhere left to swap to",
                phrases="out of swap",
            ),
            sense(
                "all descriptors are in use",
                "there is no further descriptor to hand out",
                phrases="out of descriptors",
            ),
            sense(
                "nothing is held in reserve",
                "there is no replacement in store",
                phrases="no spare",
            ),
            sense(
                "all of them are taken already",
                "there is none left to hand out",
                phrases="no free",
            ),
            sense(
                "it can't be obtained right now",
                "it is out of reach for the moment",
                phrases="resource temporarily unavailable",
            ),
            sense(
                "the request for it was not granted",
                "none of it could be reserved",
                others=unable("allocate"),
            ),
        ),
        sources=(
            "errno(3): ENOSPC, ENOMEM, EAGAIN",
            "Linux mm/oom_kill.c",
            "nf_conntrack: table full",
            "mdadm(8): spares",
        ),
        risks=(
            "new jobs or logins are refused until some of it is freed",
            "running programs crash because they can't get any more of it",
            "results that were about to be saved are lost",
        ),
        benign=(
            "a short peak in demand took the rest and soon released it",
            "a low quota was set on purpose and one job used it all",
            "the program waits until some of it is free and goes on",
        ),
        checks=(
            "see how much is left and who is using the most",
            "see which resource ran short and free some of it",
            "check whether usage has been climbing over the past days",
        ),
    ),
    Sign(
        "overheated",
        "degradation",
        (
            sense(
                "it is hotter than it should be",
                "its temperature is above the safe range",
                words="overheat overheated overheating overtemp overtemperature",
                phrases="over temperature, too hot, temperature too high",
            ),
            sense(
                "the temperature has passed its limit",
                "it has become warmer than the bound set for it",
                phrases="temperature above threshold, temperature exceeded",
            ),
            sense(
                "a temperature this high endangers the hardware",
                "this degree of heat counts as dangerous",
                phrases="critical temperature",
            ),
            sense(
                "it is running hot",
                "a lot of heat has built up",
                phrases="high temperature",
            ),
            sense(
                "heat has set off a protective cutoff",
                "the protection against overheating responded",
                phrases="thermal trip",
            ),
            sense(
                "heat is the reason for switching off",
                "it powers down to protect itself from heat",
                phrases="thermal shutdown",
            ),
            sense(
                "the fan is not working properly",
                "a fan fails to do its job",
                phrases="fan failed, fan failure, fan fault",
            ),
        ),
        sources=(
            "Linux therm_throt.c: temperature above threshold",
            "Linux thermal: critical temperature reached",
            "IPMI 2.0",
        ),
        risks=(
            "the hardware shuts itself down and the jobs on it are lost",
            "the processor lowers its clock and computations take longer",
            "boards and disks age early in the heat",
        ),
        benign=(
            "a sensor misread the value for an instant",
            "a technician had the cooling open for service",
            "the alarm limit is set well short of any danger",
        ),
        checks=(
            "read the current temperatures and fan speeds",
            "look for blocked air inlets and dusty filters",
            "see whether other machines in the rack are hot too",
        ),
    ),
    Sign(
        "throttled",
        "degradation",
        (
            sense(
                "it is kept below its full speed",
                "its pace is held down deliberately",
                words="throttled throttling throttle",
            ),
            sense(
                "its rate is capped",
                "only so much is let through at a time",
                phrases="rate limited",
            ),
            sense(
                "it comes faster than the rate allowed",
                "the permitted rate was overstepped",
                phrases="rate limit exceeded",
            ),
            sense(
                "more requests were sent than are accepted",
                "the number of requests is over the allowed limit",
                phrases="too many requests",
            ),
            sense(
                "it runs slower than before",
                "its speed has dropped",
                phrases="slowed down",
            ),
        ),
        sources=("Linux therm_throt.c: cpu clock throttled", "cgroups(7): cpu throttling", "HTTP status 429"),
        risks=(
            "jobs run into their time limit at the lower speed",
            "clients have their requests rejected until they back off",
            "a backlog builds up faster than it is cleared",
        ),
        benign=(
            "a limiter protects a shared service from one busy client",
            "the brake is part of the design and releases by itself",
            "a load test demanded a great deal for a short while",
        ),
        checks=(
            "find out which limit applied and who ran into it",
            "compare the current demand with the rate granted",
            "see whether full speed has returned since",
        ),
    ),
    Sign(
        "wearing",
        "degradation",
        (
            sense(
                "it is an early sign of a possible breakdown",
                "it helps to predict when a device will fail",
                words="prefailure prefail",
            ),
            sense(
                "it is breaking down or not succeeding",
                "it does not achieve what it should",
                words="failing",
            ),
            sense(
                "it has suffered from long use",
                "use has left its mark on it",
                words="worn",
            ),
            sense(
                "it ages through use",
                "use takes away from its remaining life",
                phrases="media wearout, wear out, wearout indicator",
            ),
            sense(
                "it is expected to break down",
                "signs point to a coming breakdown",
                phrases="predictive failure, predicted failure, failure predicted",
            ),
            sense(
                "some sectors wait to be reread or replaced",
                "at least one doubtful sector has yet to be dealt with",
                phrases="pending sectors, pending sector",
            ),
            sense(
                "a spare sector took the place of a bad one",
                "data of a faulty sector now goes to a spare",
                phrases="reallocated sectors, reallocated sector",
            ),
            sense(
                "flaws have developed since it was made",
                "new flaws came up while it was in use",
                phrases="grown defect, grown defects",
            ),
            sense(
                "part of the disk can't hold data safely",
                "a sector can't be read or written reliably",
                phrases="bad sector, bad sectors",
            ),
            sense(
                "at least one block is unusable",
                "a block there can't be used safely",
                phrases="bad block, bad blocks",
            ),
            sense(
                "its time in service ends or has ended",
                "it is at or near the end of its use",
                phrases="end of life",
            ),
            sense(
                "it is expected to fail very soon",
                "a breakdown is close at hand",
                phrases="failure imminent, impending failure",
            ),
            sense(
                "errors in some sectors could not be repaired",
                "certain sectors are beyond repair",
                phrases="offline uncorrectable sectors",
            ),
        ),
        sources=(
            "smartd(8), smartctl(8): attributes 5, 197, 198, 233",
            "badblocks(8)",
            "SCSI: failure prediction threshold",
        ),
        risks=(
            "stored files become unreadable before they are copied",
            "the device dies suddenly and takes its jobs along",
            "flaws spread and the unit has to be replaced in a hurry",
        ),
        benign=(
            "a periodic health report repeats a state long known",
            "the warning comes from a self-test of the monitoring",
            "the replacement is already scheduled",
        ),
        checks=(
            "read the health counters twice and see whether they grow",
            "make sure there is a recent backup of its data",
            "order a spare unit and plan the swap",
        ),
    ),
    Sign(
        "flapping",
        "degradation",
        (
            sense(
                "its state switches back and forth",
                "it does not stay in one state",
                words="flapping flap flaps flapped",
            ),
            sense(
                "the link drops and comes back",
                "the link alternates between up and down",
                phrases="link flap",
            ),
            sense(
                "it comes and goes",
                "it occurs only at times",
                words="intermittent",
            ),
            sense(
                "it fails at times and works at others",
                "it goes wrong now and then",
                phrases="intermittent failure, intermittently fails",
            ),
            sense(
                "it crashes again after each restart",
                "every start ends in another crash",
                phrases="crash loop",
            ),
            sense(
                "it has to be restarted repeatedly",
                "one restart follows another",
                phrases="restart loop",
            ),
            sense(
                "it keeps crashing and has to wait for its next start",
                "after repeated crashes its restart is delayed",
                words="crashloopbackoff",
                phrases="crashloop backoff",
            ),
            sense(
                "the restart is held back for a while",
                "it has to wait before it is started again",
                phrases="back off restarting",
            ),
        ),
        sources=("Nagios: flapping", "bonding and switch manuals: link flap", "Kubernetes: CrashLoopBackOff"),
        risks=(
            "clients lose their sessions each time it drops",
            "every change triggers a failover and unsettles other nodes",
            "the service is available only for short spells",
        ),
        benign=(
            "someone toggled it while working on it",
            "a partner rebooted several times during an upgrade",
            "a service that it depends on was still starting up",
        ),
        checks=(
            "find out what triggers each drop or restart",
            "look up the exit code or link error behind it",
            "see whether it has been running steadily since",
        ),
    ),
    Sign(
        "desynchronised",
        "degradation",
        (
            sense(
                "it does not match its source or partner",
                "it is out of step with its counterpart",
                words="unsynchronized unsynchronised desynchronized desynchronised desync desynced",
                phrases="out of sync, not synchronized, not in sync",
            ),
            sense(
                "it no longer keeps in step",
                "the sides have drifted apart",
                phrases="lost sync, loss of sync, loss of synchronization, lost synchronization, synchronization lost",
            ),
            sense(
                "it is off from where it should be",
                "what should line up does not",
                words="skew",
            ),
            sense(
                "the clocks show different times",
                "one clock is ahead of another",
                phrases="clock skew",
            ),
            sense(
                "the clocks differ by more than is tolerated",
                "the time difference is too large to accept",
                phrases="clock skew too great",
            ),
            sense(
                "the clock follows no time source",
                "the clock is not matched to a reference",
                phrases="clock unsynchronized",
            ),
            sense(
                "the clock leapt forward or back",
                "the time changed in one leap",
                phrases="time jump",
            ),
            sense(
                "the members no longer act as one",
                "each side acts as if it were in charge",
                phrases="split brain",
            ),
            sense(
                "the copy lacks the latest changes",
                "this replica is older than its original",
                phrases="out of date replica",
            ),
            sense(
                "there is no usable server to follow",
                "none of the servers is fit to synchronise with",
                phrases="no server suitable for synchronization",
            ),
            sense(
                "it could not be brought in step",
                "the attempt at a match had no success",
                others=unable("synchronize synchronise"),
            ),
        ),
        sources=(
            "ntpd(8), chronyd(8)",
            "Kerberos: clock skew too great",
            "DRBD: split-brain",
            "md(4): resync",
        ),
        risks=(
            "changes made on one side are missing on the other",
            "the order of events on different machines becomes unclear",
            "logins or updates are refused because the two sides disagree",
        ),
        benign=(
            "it has just started and is still catching up",
            "a virtual machine was paused and needs a moment to adjust",
            "the partner was offline during planned maintenance",
        ),
        checks=(
            "compare the data and clocks of both sides",
            "check that the peers reach each other over the network",
            "see whether the gap is shrinking by itself",
        ),
    ),
    Sign(
        "exceeded",
        "capacity",
        (
            sense(
                "it went beyond what is allowed",
                "an allowed maximum was passed",
                words="exceeded exceeds exceeding",
                phrases="maximum exceeded",
            ),
            sense(
                "it went past its limit",
                "the limit set for it was not kept",
                phrases="limit exceeded, over limit",
            ),
            sense(
                "the limit leaves no room for more",
                "it has used all that the limit permits",
                phrases="limit reached",
            ),
            sense(
                "the value is over the level set for it",
                "it has risen past its threshold",
                phrases="above threshold, threshold exceeded",
            ),
            sense(
                "more was used than the quota grants",
                "usage went past the amount granted",
                phrases="over quota, quota exceeded",
            ),
            sense(
                "more came in than would fit",
                "it could not hold all that came in",
                words="overflow overflowed overflows",
            ),
            sense(
                "the buffer was too small for its data",
                "there was more data than the buffer holds",
                phrases="buffer overflow",
            ),
            sense(
                "it fell below its lower bound",
                "there was less than the minimum",
                words="underflow",
            ),
            sense(
                "it went past the space or time allotted",
                "more room or time was needed than it had",
                words="overrun overruns",
            ),
            sense(
                "it has more to carry than it can handle",
                "the load on it is too heavy",
                words="overload overloaded",
            ),
            sense(
                "the queue accepts nothing further",
                "the queue has no place left",
                phrases="queue full",
            ),
            sense(
                "more of these turned up than are accepted",
                "their count is over what is tolerated",
                phrases="too many",
            ),
            sense(
                "no further file can be opened now",
                "the limit on open files has been hit",
                phrases="too many open files",
            ),
            sense(
                "it was repeated more often than allowed",
                "the permitted repeats did not suffice",
                phrases="retries exceeded, too many retries",
            ),
            sense(
                "only a set number of retries is allowed",
                "repeated tries are subject to a cap",
                phrases="retry limit",
            ),
            sense(
                "it is bigger than is accepted here",
                "its size is over the maximum",
                phrases="too large, too big",
            ),
            sense(
                "it is smaller than required",
                "it does not reach the minimum size",
                phrases="too small",
            ),
            sense(
                "the name has more characters than allowed",
                "a shorter name is needed here",
                phrases="name too long",
            ),
            sense(
                "the line runs past its maximum length",
                "the line has to be shorter to be accepted",
                phrases="line too long",
            ),
            sense(
                "the arguments take up more room than is allowed",
                "fewer or shorter arguments are needed",
                phrases="argument list too long",
            ),
            sense(
                "it lies outside the valid range",
                "it is beyond the accepted bounds",
                phrases="out of range, out of bounds",
            ),
        ),
        sources=(
            "errno(3): EMFILE, E2BIG, ERANGE, EDQUOT, EOVERFLOW",
            "getrlimit(2)",
            "netdevice: rx overruns (ifconfig(8))",
        ),
        risks=(
            "the request is rejected and its sender gets an error",
            "data is dropped or cut off because it does not fit",
            "the program that ran into the limit aborts",
        ),
        benign=(
            "the limit is kept tight on purpose and did its job",
            "a single unusual input or peak was to blame",
            "a test tried an extreme case deliberately",
        ),
        checks=(
            "compare the reported value with the configured limit",
            "trace the cause back to a user or program",
            "decide whether the bound still suits the workload",
        ),
    ),
    Sign(
        "leaking",
        "capacity",
        (
            sense(
                "more of it goes out than comes back",
                "it escapes or is never given back",
                words="leak leaks leaked leaking",
            ),
            sense(
                "memory is taken and never freed",
                "memory stays allocated after its use",
                phrases="memory leak, leaked memory",
            ),
            sense(
                "a resource is not released after use",
                "its user holds on to a resource for too long",
                phrases="resource leak",
            ),
            sense(
                "descriptors are opened and never closed",
                "unused descriptors are left open",
                phrases="descriptor leak",
            ),
            sense(
                "it was taken and not let go",
                "whoever acquired it still holds it",
                phrases="never released",
            ),
        ),
        sources=(
            "Linux kmemleak",
            "Valgrind memcheck: definitely lost",
            "Netty: LEAK: ByteBuf.release() was not called",
        ),
        risks=(
            "the process grows until the system kills it",
            "free resources shrink until new work is refused",
            "the service slows down and needs regular restarts",
        ),
        benign=(
            "the program ends soon and the system reclaims everything",
            "a debugging tool lists whatever is still held at exit",
            "a cache or pool keeps it for later use",
        ),
        checks=(
            "watch whether memory and open handles keep growing",
            "search the release notes for a known leak",
            "restart the culprit at a quiet time and observe it",
        ),
    ),
    Sign(
        "retried",
        "degradation",
        (
            sense(
                "it is sent once more",
                "the same data goes out again",
                words="retransmission retransmissions retransmit retransmits retransmitted retransmitting",
            ),
            sense(
                "there is a pause before trying again",
                "the next try is held off for a while",
                words="backoff",
            ),
            sense(
                "trying again did not help",
                "the repeat brought no success",
                phrases="retry failed, retries failed",
            ),
            sense(
                "it has not succeeded yet and goes on trying",
                "the attempts continue",
                phrases="still trying",
            ),
            sense(
                "the wait is not over",
                "what it waits for has not come yet",
                phrases="still waiting",
            ),
            sense(
                "another attempt is planned for later",
                "it will be tried again after some time",
                phrases="will retry later",
            ),
            sense(
                "every retry allowed has been used",
                "there are no retries left",
                phrases="retries exhausted",
            ),
            sense(
                "it is repeated only up to a maximum",
                "repeats are limited in number",
                phrases="max retries, maximum retries",
            ),
            sense(
                "it was tried more often than is accepted",
                "the number of tries is too high",
                phrases="too many attempts",
            ),
            sense(
                "it failed more than once",
                "it has gone wrong several times",
                phrases="repeated failures",
            ),
        ),
        sources=("netstat(8): segments retransmitted", "nfs(5): still trying", "dhclient(8), postfix qmgr(8)"),
        risks=(
            "the operation gives up and the user sees an error",
            "the repeats put extra load on a link that others share",
            "messages or jobs arrive late or twice",
        ),
        benign=(
            "the target was restarting or being upgraded just then",
            "a brief network hiccup got in the way",
            "it started before a service that it needs was up",
        ),
        checks=(
            "check whether it has succeeded in the meantime",
            "contact the target by hand to see if it responds",
            "look at what the other side logged at that moment",
        ),
    ),
    Sign(
        "delayed",
        "degradation",
        (
            sense(
                "it does not keep pace",
                "its progress is behind schedule",
                words="lagging",
                phrases="running behind",
            ),
            sense(
                "it is slow to react",
                "its reactions take a while",
                words="sluggish",
            ),
            sense(
                "it is not as fast as needed",
                "its speed is below what is required",
                phrases="too slow",
            ),
            sense(
                "it needed more time than is acceptable",
                "it went on for too long",
                phrases="took too long",
            ),
            sense(
                "it is not finished in the time planned",
                "it was thought to need less time",
                phrases="taking longer than expected",
            ),
            sense(
                "the answer is slow to come",
                "it takes long to respond",
                phrases="slow response",
            ),
            sense(
                "the answer took longer than its limit",
                "no answer came before the limit was up",
                phrases="response time exceeded",
            ),
            sense(
                "the query takes long to run",
                "results of the query are slow to arrive",
                phrases="slow query",
            ),
            sense(
                "at least one request takes long",
                "requests are not served quickly",
                phrases="slow request, slow requests",
            ),
            sense(
                "there is a long delay in the exchange",
                "data or answers need long to arrive",
                phrases="high latency",
            ),
            sense(
                "the replica is behind its source",
                "changes reach the copy late",
                phrases="replication lag",
            ),
            sense(
                "the program stood still while memory was cleaned up",
                "garbage collection held up the program for long",
                phrases="long gc pause",
            ),
            sense(
                "it has a lot of work to do",
                "it is under heavy demand",
                phrases="high load",
            ),
        ),
        sources=("Ceph: slow requests", "MySQL: slow query log", "etcd: took too long", "ZooKeeper: fsync took"),
        risks=(
            "users wait and their programs run into timeouts",
            "jobs finish after their deadline",
            "a queue builds up behind the slow step",
        ),
        benign=(
            "a backup or scan kept the disks busy at that time",
            "caches were still empty after a fresh start",
            "one large job was running that simply takes its time",
        ),
        checks=(
            "look at processor, disk and network load at that time",
            "compare the duration with that of earlier runs",
            "find the slowest step and what it waits for",
        ),
    ),
    Sign(
        "degraded",
        "degradation",
        (
            sense(
                "it works less well than it should",
                "it has lost some of its performance or reliability",
                words="degraded degrading degradation impaired",
            ),
            sense(
                "it suffers from a flaw",
                "it is flawed and not fully sound",
                words="defect defective",
            ),
            sense(
                "it is not working correctly",
                "it does not behave as intended",
                words="faulty fault faults faulted",
            ),
            sense(
                "it does not do its job properly",
                "its function is disturbed",
                words="malfunction",
            ),
            sense(
                "it is damaged or no longer usable",
                "it is in pieces or out of order",
                words="broken",
            ),
            sense(
                "this is rated as a serious matter",
                "this ranks as serious",
                words="severe",
            ),
            sense(
                "a safeguard or alarm was triggered",
                "its trigger point was reached",
                words="tripped",
            ),
            sense(
                "two or more got in each other's way",
                "several ended up in the same place",
                words="collisions",
            ),
            sense(
                "two senders clashed later than the protocol permits",
                "the clash happened too late in the frame",
                phrases="late collision",
            ),
            sense(
                "it is in poor condition",
                "it is not in good shape",
                words="unhealthy",
                phrases="not healthy",
            ),
            sense(
                "it can't be relied on to stay as it is",
                "its behaviour is not steady",
                words="unstable",
            ),
            sense(
                "it is only slight or just sufficient",
                words="marginal",
            ),
            sense(
                "a second choice is used instead",
                "an alternative replaces the first choice",
                phrases="falling back, fell back",
            ),
            sense(
                "it can't be used at the moment",
                "it is not prepared for work",
                phrases="not ready",
            ),
            sense(
                "it falls short of the best state",
                "its state leaves room for improvement",
                phrases="not optimal",
            ),
            sense(
                "there is no backup left to take over",
                "the protection by a second unit is gone",
                phrases="redundancy lost",
            ),
            sense(
                "nothing stands by to replace it on failure",
                "it runs without a backup",
                phrases="non redundant",
            ),
        ),
        sources=(
            "mdadm(8): degraded array",
            "zpool(8): DEGRADED, FAULTED",
            "ethtool(8)",
            "Kubernetes: node not ready",
            "IPMI 2.0",
        ),
        risks=(
            "a second failure brings the whole service down",
            "what still works has to carry all the load and slows down",
            "requests sent there fail or return wrong results",
        ),
        benign=(
            "an operator took part of it out of service for maintenance",
            "it is still starting up and settles by itself",
            "the weakness is known and too small to matter",
        ),
        checks=(
            "find out which part is affected and whether it still works",
            "see whether a repair or rebuild is under way",
            "check what is left to take over if another part fails",
        ),
    ),
)
