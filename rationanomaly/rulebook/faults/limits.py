"""What these failures take away is room or a limit, or else speed and reserves."""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, sense, unable

FAULTS: tuple[Sign, ...] = (
    Sign(
        "exhausted",
        "capacity",
        (
            sense(
                "none of it is left",
                "the supply is used up completely",
                words="exhausted",
                phrases="exhaustion",
            ),
            sense(
                "memory has run out",
                "all the memory is taken",
                words="oom",
                phrases="out of memory",
            ),
            sense(
                "more memory is needed than is available",
                "the memory available does not suffice",
                words="enomem",
                phrases="no memory, not enough memory, insufficient memory",
            ),
            sense(
                "the space there is used up",
                "nothing more fits there",
                words="enospc",
                phrases="out of space, no space, no space left",
            ),
            sense(
                "the disk has no free space left",
                "no more data fits on the disk",
                phrases="disk full, out of disk space",
            ),
            sense(
                "more space is needed than is free",
                "the free space is too small",
                phrases="not enough space, insufficient space",
            ),
            sense(
                "there is no room for more",
                "no further place is free",
                phrases="is full",
            ),
            sense(
                "no more entries fit into the table",
                "every slot of the table is taken",
                phrases="table full",
            ),
            sense(
                "every inode is in use",
                "no inode is left for new files",
                phrases="out of inodes",
            ),
            sense(
                "the swap area is completely used",
                "no swap space remains",
                phrases="out of swap",
            ),
            sense(
                "all descriptors are in use",
                "no descriptor is left to hand out",
                phrases="out of descriptors",
            ),
            sense(
                "no replacement is at hand",
                "nothing is held in reserve",
                phrases="no spare",
            ),
            sense(
                "none is free for use",
                "all of this kind are taken",
                phrases="no free",
            ),
            sense(
                "the resource is not available at the moment",
                "the resource is out of reach for the moment",
                phrases="resource temporarily unavailable",
            ),
            sense(
                "the allocation failed",
                "the amount asked for was not allocated",
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
            "work that needs more of this resource is refused",
            "programs abort because they get no more of it",
            "others who share the resource run short as well",
        ),
        benign=(
            "a short peak in demand used up what was left",
            "the limit was set low on purpose",
            "the program waits and tries again once there is room",
        ),
        checks=(
            "see how much is free now and who uses most",
            "find out which resource ran short and release some",
            "check whether usage has grown over the past days",
        ),
    ),
    Sign(
        "overheated",
        "degradation",
        (
            sense(
                "a part is hotter than it should be",
                "the temperature is above the safe range",
                words="overheat overheated overheating overtemp overtemperature",
                phrases="over temperature, too hot, temperature too high",
            ),
            sense(
                "the temperature has passed its limit",
                "the reading is over the temperature limit",
                phrases="temperature above threshold, temperature exceeded",
            ),
            sense(
                "a temperature this high endangers the hardware",
                "this degree of heat is dangerous",
                phrases="critical temperature",
            ),
            sense(
                "the temperature is high",
                "a part is running hot",
                phrases="high temperature",
            ),
            sense(
                "heat set off a protective cutoff",
                "the protection against overheating responded",
                phrases="thermal trip",
            ),
            sense(
                "heat forces a shutdown",
                "the hardware is switched off because of heat",
                phrases="thermal shutdown",
            ),
            sense(
                "a fan is not working properly",
                "the fan fails to do its job",
                phrases="fan failed, fan failure, fan fault",
            ),
        ),
        sources=(
            "Linux therm_throt.c: temperature above threshold",
            "Linux thermal: critical temperature reached",
            "IPMI 2.0",
        ),
        risks=(
            "the hardware switches itself off in the middle of work",
            "the hardware slows itself down to cool off",
            "parts wear out early in the heat",
        ),
        benign=(
            "the sensor misread the temperature for a moment",
            "somebody had the cooling open for service",
            "the warning level is set well below any danger",
        ),
        checks=(
            "read the current temperatures and fan speeds",
            "look for blocked air inlets and dusty filters",
            "see whether neighbouring machines are hot too",
        ),
    ),
    Sign(
        "throttled",
        "degradation",
        (
            sense(
                "the speed is held down",
                "full speed is not allowed",
                words="throttled throttling throttle",
            ),
            sense(
                "the rate is capped",
                "only so much is let through at a time",
                phrases="rate limited",
            ),
            sense(
                "more came than the rate limit allows",
                "the permitted rate was overstepped",
                phrases="rate limit exceeded",
            ),
            sense(
                "more requests were sent than are accepted",
                "the allowed count of requests was exceeded",
                phrases="too many requests",
            ),
            sense(
                "the speed has dropped",
                "work goes slower than before",
                phrases="slowed down",
            ),
        ),
        sources=("Linux therm_throt.c: cpu clock throttled", "cgroups(7): cpu throttling", "HTTP status 429"),
        risks=(
            "time limits are missed at the lower speed",
            "tasks arrive faster than they get done",
            "users notice the limit as long waits",
        ),
        benign=(
            "a limit protects others from one busy user",
            "slowing down is part of the design and ends by itself",
            "a test caused heavy demand for a short while",
        ),
        checks=(
            "find out which limit holds the speed down",
            "compare the demand with the rate allowed",
            "see whether full speed has returned since",
        ),
    ),
    Sign(
        "wearing",
        "degradation",
        (
            sense(
                "this value serves to predict a failure",
                "this kind of value gives early warning of failures",
                words="prefailure prefail",
            ),
            sense(
                "this is going wrong",
                "failures are occurring there",
                words="failing",
            ),
            sense(
                "use has worn it down",
                "it shows signs of long use",
                words="worn",
            ),
            sense(
                "wear is using up the remaining life",
                "wear reduces the service life",
                phrases="media wearout, wear out, wearout indicator",
            ),
            sense(
                "a failure is predicted",
                "signs point to a coming breakdown",
                phrases="predictive failure, predicted failure, failure predicted",
            ),
            sense(
                "doubtful sectors wait to be rechecked",
                "some sectors have yet to be read again",
                phrases="pending sectors, pending sector",
            ),
            sense(
                "a spare sector took the place of a bad one",
                "bad sectors were replaced by spare ones",
                phrases="reallocated sectors, reallocated sector",
            ),
            sense(
                "defects have developed since it was made",
                "new defects appeared during use",
                phrases="grown defect, grown defects",
            ),
            sense(
                "a sector can't hold data safely",
                "data in a sector is not safe",
                phrases="bad sector, bad sectors",
            ),
            sense(
                "a block can't be used safely",
                "at least one block is unusable",
                phrases="bad block, bad blocks",
            ),
            sense(
                "the planned lifetime is at its end",
                "the time in service is running out",
                phrases="end of life",
            ),
            sense(
                "a failure is expected very soon",
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
            "the part dies for good in the middle of its work",
            "more and more of the part goes bad",
            "a replacement is needed at short notice",
        ),
        benign=(
            "a regular health report repeats what is long known",
            "the warning comes from a planned self-test",
            "the part is already due for replacement",
        ),
        checks=(
            "see whether the health values get worse over time",
            "make sure that a recent backup exists",
            "have a spare ready and plan the swap",
        ),
    ),
    Sign(
        "flapping",
        "degradation",
        (
            sense(
                "the state switches back and forth",
                "no state lasts for long",
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
                "a failure occurs now and then",
                "sometimes there is a failure and sometimes not",
                phrases="intermittent failure, intermittently fails",
            ),
            sense(
                "every start ends in another crash",
                "a crash follows each restart",
                phrases="crash loop",
            ),
            sense(
                "one restart follows another",
                "the restarts do not end",
                phrases="restart loop",
            ),
            sense(
                "after repeated crashes the next start is delayed",
                "crashes hold up the next start",
                words="crashloopbackoff",
                phrases="crashloop backoff",
            ),
            sense(
                "the next restart is held back for a while",
                "there is a pause before another restart",
                phrases="back off restarting",
            ),
        ),
        sources=("Nagios: flapping", "bonding and switch manuals: link flap", "Kubernetes: CrashLoopBackOff"),
        risks=(
            "users lose the service again and again",
            "each change of state disturbs whatever depends on it",
            "the part named works only for short spells",
        ),
        benign=(
            "somebody switched it off and on while working on it",
            "an upgrade caused several restarts in a row",
            "a part that it needs was missing for a moment",
        ),
        checks=(
            "find out what happens just before each change",
            "look up the reason given for the latest drop or crash",
            "see whether the state has been steady since",
        ),
    ),
    Sign(
        "desynchronised",
        "degradation",
        (
            sense(
                "one side does not match the other",
                "two sides are out of step",
                words="unsynchronized unsynchronised desynchronized desynchronised desync desynced",
                phrases="out of sync, not synchronized, not in sync",
            ),
            sense(
                "the sides have drifted apart",
                "the sides no longer keep in step",
                phrases="lost sync, loss of sync, loss of synchronization, lost synchronization, synchronization lost",
            ),
            sense(
                "values that should agree are apart",
                "there is an offset between two values",
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
                "the clock made a leap",
                "the time changed all at once",
                phrases="time jump",
            ),
            sense(
                "the members no longer act as one",
                "both sides act as if in charge",
                phrases="split brain",
            ),
            sense(
                "the replica lacks the latest changes",
                "the replica is older than its original",
                phrases="out of date replica",
            ),
            sense(
                "no server can be used for synchronisation",
                "there is no usable server to follow",
                phrases="no server suitable for synchronization",
            ),
            sense(
                "the synchronisation failed",
                "the attempt to synchronise failed",
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
            "the two sides act on different information",
            "nobody knows any more which side is right",
            "actions are refused because the two sides disagree",
        ),
        benign=(
            "one side has just started and is still catching up",
            "a paused machine needs a moment to adjust",
            "the other side was offline for a while on purpose",
        ),
        checks=(
            "compare both sides and find out which is ahead",
            "check that the two sides can reach each other",
            "see whether the gap is shrinking by itself",
        ),
    ),
    Sign(
        "exceeded",
        "capacity",
        (
            sense(
                "a value went beyond what is allowed",
                "an allowed maximum was passed",
                words="exceeded exceeds exceeding",
                phrases="maximum exceeded",
            ),
            sense(
                "the limit was passed",
                "the limit set was not kept",
                phrases="limit exceeded, over limit",
            ),
            sense(
                "the limit leaves no room for more",
                "all that the limit permits is used",
                phrases="limit reached",
            ),
            sense(
                "the value is over the level set for it",
                "the value has risen past its threshold",
                phrases="above threshold, threshold exceeded",
            ),
            sense(
                "more was used than the quota grants",
                "usage went past the granted amount",
                phrases="over quota, quota exceeded",
            ),
            sense(
                "there was not enough room",
                "the amount was too large to hold",
                words="overflow overflowed overflows",
            ),
            sense(
                "the buffer was too small for its data",
                "more data came than the buffer holds",
                phrases="buffer overflow",
            ),
            sense(
                "the amount fell below its lower bound",
                "there was less than the minimum",
                words="underflow",
            ),
            sense(
                "more was needed than was set aside",
                "the allotted amount did not suffice",
                words="overrun overruns",
            ),
            sense(
                "the load is too heavy",
                "the load is more than can be handled",
                words="overload overloaded",
            ),
            sense(
                "the queue accepts nothing further",
                "the queue has no place left",
                phrases="queue full",
            ),
            sense(
                "the count is higher than allowed",
                "more of these turned up than are accepted",
                phrases="too many",
            ),
            sense(
                "no further file can be opened now",
                "the limit on open files was reached",
                phrases="too many open files",
            ),
            sense(
                "there were more retries than allowed",
                "the permitted number of retries was passed",
                phrases="retries exceeded, too many retries",
            ),
            sense(
                "only a set number of retries is allowed",
                "retrying stops at a set number",
                phrases="retry limit",
            ),
            sense(
                "the size is over the maximum",
                "a smaller size is needed",
                phrases="too large, too big",
            ),
            sense(
                "the size is below the minimum",
                "the required size is not reached",
                phrases="too small",
            ),
            sense(
                "the name has more characters than allowed",
                "a shorter name is needed",
                phrases="name too long",
            ),
            sense(
                "the line is over its maximum length",
                "the line has to be shorter",
                phrases="line too long",
            ),
            sense(
                "the arguments take up more room than is allowed",
                "the list of arguments has to be shorter",
                phrases="argument list too long",
            ),
            sense(
                "the value lies outside the valid range",
                "the value is beyond the accepted bounds",
                phrases="out of range, out of bounds",
            ),
        ),
        sources=(
            "errno(3): EMFILE, E2BIG, ERANGE, EDQUOT, EOVERFLOW",
            "getrlimit(2)",
            "netdevice: rx overruns (ifconfig(8))",
        ),
        risks=(
            "whatever is over the limit is rejected",
            "whatever has no room is lost",
            "a program aborts when it meets the limit",
        ),
        benign=(
            "the limit is kept tight on purpose",
            "a single unusual case was to blame",
            "a test tried out an extreme value",
        ),
        checks=(
            "compare the value reported with the limit set",
            "trace the amount back to its user or program",
            "decide whether the limit still suits the demand",
        ),
    ),
    Sign(
        "leaking",
        "capacity",
        (
            sense(
                "more goes out than comes back",
                "part of it gets lost",
                words="leak leaks leaked leaking",
            ),
            sense(
                "memory is taken and never freed",
                "memory stays allocated after its use",
                phrases="memory leak, leaked memory",
            ),
            sense(
                "the resource is not released after use",
                "a resource is held for too long",
                phrases="resource leak",
            ),
            sense(
                "descriptors are opened and never closed",
                "unused descriptors are left open",
                phrases="descriptor leak",
            ),
            sense(
                "it was taken and not given back",
                "its holder has not let it go",
                phrases="never released",
            ),
        ),
        sources=(
            "Linux kmemleak",
            "Valgrind memcheck: definitely lost",
            "Netty: LEAK: ByteBuf.release() was not called",
        ),
        risks=(
            "the loss grows until nothing is left",
            "new tasks find nothing free any more",
            "regular restarts are needed to stop the loss",
        ),
        benign=(
            "the loss is small and ends with the program",
            "a debugging tool lists what is still held at the end",
            "what looks lost is kept on purpose for later",
        ),
        checks=(
            "watch whether the amount in use keeps growing",
            "look for a known leak in the release notes",
            "find out who took it and did not return it",
        ),
    ),
    Sign(
        "retried",
        "degradation",
        (
            sense(
                "the same data is sent again",
                "data goes out once more",
                words="retransmission retransmissions retransmit retransmits retransmitted retransmitting",
            ),
            sense(
                "there is a pause before the next try",
                "the next try is put off",
                words="backoff",
            ),
            sense(
                "trying again did not help",
                "the repeated attempt brought no success",
                phrases="retry failed, retries failed",
            ),
            sense(
                "the attempts continue",
                "there is no success yet",
                phrases="still trying",
            ),
            sense(
                "the wait is not over",
                "what is awaited has not come yet",
                phrases="still waiting",
            ),
            sense(
                "another attempt is planned for later",
                "a new try is to follow after some time",
                phrases="will retry later",
            ),
            sense(
                "every retry allowed has been used",
                "no retries are left",
                phrases="retries exhausted",
            ),
            sense(
                "the number of retries has a maximum",
                "retries are limited in number",
                phrases="max retries, maximum retries",
            ),
            sense(
                "there were more attempts than are accepted",
                "the number of attempts is too high",
                phrases="too many attempts",
            ),
            sense(
                "there were several failures",
                "the failure occurred more than once",
                phrases="repeated failures",
            ),
        ),
        sources=("netstat(8): segments retransmitted", "nfs(5): still trying", "dhclient(8), postfix qmgr(8)"),
        risks=(
            "the attempts run out without success",
            "the repeats take capacity away from others",
            "the same operation is carried out twice",
        ),
        benign=(
            "the target was restarting or being upgraded just then",
            "a brief disturbance got in the way",
            "the first attempt came before its target was ready",
        ),
        checks=(
            "check whether one of the next tries got through",
            "test whether the target responds now",
            "look up what the target logged at that moment",
        ),
    ),
    Sign(
        "delayed",
        "degradation",
        (
            sense(
                "the progress is behind schedule",
                "the pace is too low to keep up",
                words="lagging",
                phrases="running behind",
            ),
            sense(
                "the reactions are slow",
                "reactions take a while",
                words="sluggish",
            ),
            sense(
                "the speed is below what is required",
                "more speed is needed",
                phrases="too slow",
            ),
            sense(
                "more time was needed than is acceptable",
                "the operation went on for too long",
                phrases="took too long",
            ),
            sense(
                "less time was expected for this",
                "the expected time is already over",
                phrases="taking longer than expected",
            ),
            sense(
                "the answer is slow to come",
                "the response takes long",
                phrases="slow response",
            ),
            sense(
                "the answer took longer than its limit",
                "the time limit for the answer was passed",
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
                "the delays are long",
                "every exchange takes a long time",
                phrases="high latency",
            ),
            sense(
                "the replica is behind its source",
                "changes reach the replica late",
                phrases="replication lag",
            ),
            sense(
                "the program stood still while memory was cleaned up",
                "garbage collection held up the program for long",
                phrases="long gc pause",
            ),
            sense(
                "the demand is heavy",
                "there is a lot of work to do",
                phrases="high load",
            ),
        ),
        sources=("Ceph: slow requests", "MySQL: slow query log", "etcd: took too long", "ZooKeeper: fsync took"),
        risks=(
            "whoever waits for the result runs into a time-out",
            "work is finished after its deadline",
            "a queue builds up behind the slow part",
        ),
        benign=(
            "other work kept the machine busy at that time",
            "first runs after a fresh start are slower",
            "one large piece of work simply takes its time",
        ),
        checks=(
            "look at the load of the machine at that time",
            "compare the time taken with that of earlier runs",
            "find the slowest part and what it waits for",
        ),
    ),
    Sign(
        "degraded",
        "degradation",
        (
            sense(
                "the condition is worse than it should be",
                "full performance is not reached",
                words="degraded degrading degradation impaired",
            ),
            sense(
                "a flaw was found",
                "the part has a flaw",
                words="defect defective",
            ),
            sense(
                "a fault was noticed",
                "a fault disturbs the work",
                words="faulty fault faults faulted",
            ),
            sense(
                "the part does not do its job properly",
                "a function is disturbed",
                words="malfunction",
            ),
            sense(
                "it is out of order",
                "it is no longer in working order",
                words="broken",
            ),
            sense(
                "this is rated as a serious matter",
                "this ranks as serious",
                words="severe",
            ),
            sense(
                "a trigger point was reached",
                "a protective trigger responded",
                words="tripped",
            ),
            sense(
                "several ended up in the same place",
                "two got in each other's way",
                words="collisions",
            ),
            sense(
                "two senders clashed later than the protocol permits",
                "the clash happened too late in the frame",
                phrases="late collision",
            ),
            sense(
                "the condition is poor",
                "the state of health is not good",
                words="unhealthy",
                phrases="not healthy",
            ),
            sense(
                "the behaviour is not steady",
                "a steady state is not kept",
                words="unstable",
            ),
            sense(
                "the margin is small",
                "this is a borderline case",
                words="marginal",
            ),
            sense(
                "a second choice is used instead",
                "an alternative replaces the first choice",
                phrases="falling back, fell back",
            ),
            sense(
                "it is not prepared for work yet",
                "use of it has to wait",
                phrases="not ready",
            ),
            sense(
                "a better state is possible",
                "the state falls short of the best",
                phrases="not optimal",
            ),
            sense(
                "there is no backup left to take over",
                "the protection by a second unit is gone",
                phrases="redundancy lost",
            ),
            sense(
                "no second unit stands by",
                "there is no backup in case of failure",
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
            "a second fault leads to a complete failure",
            "other parts have to carry more of the load",
            "whatever relies on the part works poorly",
        ),
        benign=(
            "somebody took the part out of service for maintenance",
            "the trouble lasts a moment and clears up by itself",
            "the weakness is known and too small to matter",
        ),
        checks=(
            "see how well the part named still does its job",
            "find out whether a repair is under way",
            "check what takes over if another part fails",
        ),
    ),
)
