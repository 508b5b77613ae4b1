"""Failures that take away an answer or a connection."""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, sense, unable

FAULTS: tuple[Sign, ...] = (
    Sign(
        "powerless",
        "availability",
        (
            sense(
                "electrical power was cut off",
                "the electricity supply was interrupted",
                phrases="power loss, power lost, loss of power, lost power, power outage",
            ),
            sense(
                "power was no longer delivered",
                phrases="power failure, power failed",
            ),
            sense(
                "a problem with the electrical power was detected",
                "a fault was found in the power",
                phrases="power fault",
            ),
            sense(
                "the supply voltage sagged",
                words="brownout",
            ),
            sense(
                "the voltage is too low",
                words="undervoltage",
                phrases="under voltage, low voltage",
            ),
            sense(
                "the voltage exceeds its upper limit",
                words="overvoltage",
                phrases="over voltage",
            ),
            sense(
                "more current flows than the limit allows",
                "too much current flows",
                words="overcurrent",
                phrases="over current",
            ),
            sense(
                "the battery charge is running low",
                "little charge remains in the battery",
                phrases="low battery",
            ),
            sense(
                "battery power is in use",
                "the power comes from a battery",
                phrases="on battery",
            ),
            sense(
                "the battery no longer works properly",
                phrases="battery failed, battery failure",
            ),
            sense(
                "the power supply has broken down",
                phrases="power supply failed, power supply failure",
            ),
            sense(
                "the voltage has left its permitted range",
                "the voltage lies outside its limits",
                phrases="voltage out of range",
            ),
        ),
        sources=(
            "IPMI 2.0: power supply and voltage sensors",
            "apcupsd(8): power failure, on battery",
            "upsmon(8)",
        ),
        risks=(
            "machines without backup power switch off while working",
            "unsaved work is gone once the power goes",
            "poor power crashes machines or harms their components",
        ),
        benign=(
            "planned maintenance of the power was being done",
            "a sensor gave a wrong reading for a moment",
            "a second power source carried the load meanwhile",
        ),
        checks=(
            "see whether power is steady again",
            "look over the power supply, its cabling and its batteries",
            "find out whether neighbouring machines had power trouble too",
        ),
    ),
    Sign(
        "stuck",
        "availability",
        (
            sense(
                "work has stopped halfway",
                words="hung hang hangs hanging",
            ),
            sense(
                "a task waits and makes no headway",
                phrases="hung task",
            ),
            sense(
                "a part can't move on",
                words="stuck",
            ),
            sense(
                "a part stays fixed in its present state",
                words="frozen",
            ),
            sense(
                "progress has come to a standstill",
                "the operation makes no progress",
                words="stalled stall",
                phrases="not making progress",
            ),
            sense(
                "the stalled part noticed its own standstill",
                phrases="self detected stall",
            ),
            sense(
                "tasks wait for each other and none can proceed",
                "the waiting sides block one another",
                words="deadlock deadlocked",
            ),
            sense(
                "tasks are perhaps waiting for one another forever",
                "a circular wait is suspected",
                phrases="possible deadlock",
            ),
            sense(
                "a part locked up and no longer reacts",
                words="lockup",
            ),
            sense(
                "a processor did not get round to other tasks",
                "one processor ran the same code for too long",
                words="softlockup",
                phrases="soft lockup",
            ),
            sense(
                "a processor stopped reacting even to interrupts",
                phrases="hard lockup",
            ),
            sense(
                "a block stands in the way",
                words="blocked",
            ),
            sense(
                "the block has lasted longer than the stated time",
                phrases="blocked for more than",
            ),
            sense(
                "tasks keep busy without getting anything done",
                words="livelock",
            ),
            sense(
                "the watchdog timer ran out",
                phrases="watchdog expired",
            ),
            sense(
                "the period of a watchdog is reported",
                phrases="watchdog timeout",
            ),
        ),
        sources=(
            "Linux kernel/hung_task.c, kernel/watchdog.c",
            "RCU CPU stall warnings",
            "pthread_mutex_lock(3): EDEADLK",
        ),
        risks=(
            "everyone who waits for the same resource is held up",
            "waiting tasks pile up and slow the machine down",
            "a forced restart becomes necessary and costs unsaved work",
        ),
        benign=(
            "heavy load slowed progress for a while",
            "an administrator set the pause or block on purpose",
            "a slow operation got to its end after all",
        ),
        checks=(
            "find out which lock or resource is being waited for",
            "see whether there is progress again some minutes later",
            "see how busy the machine was at that moment",
        ),
    ),
    Sign(
        "reset",
        "availability",
        (
            sense(
                "the connection was cut off abruptly",
                "the connection ended without a proper close",
                phrases="connection reset",
            ),
            sense(
                "the other end tore the connection down",
                "the peer dropped the connection abruptly",
                words="econnreset",
                phrases="reset by peer, connection reset by peer",
            ),
            sense(
                "the other side closed the connection",
                "the remote end hung up",
                phrases="closed by peer",
            ),
            sense(
                "the receiving end was already closed",
                "the reader of the data had already left",
                words="epipe",
                phrases="broken pipe",
            ),
            sense(
                "the bus is returned to its initial state",
                phrases="bus reset",
            ),
            sense(
                "the link is started anew",
                phrases="link reset, resetting link",
            ),
            sense(
                "the link gets a full reset",
                phrases="hard resetting link",
            ),
            sense(
                "a full reset is carried out",
                phrases="hard reset, hard resetting",
            ),
            sense(
                "a milder kind of reset is under way",
                phrases="soft resetting",
            ),
            sense(
                "the device begins anew",
                phrases="device reset",
            ),
            sense(
                "the controller begins again from scratch",
                phrases="controller reset",
            ),
            sense(
                "the adapter is put back to its first state",
                phrases="resetting adapter, reset adapter",
            ),
            sense(
                "the reset was not expected",
                phrases="unexpected reset",
            ),
            sense(
                "a restart came that nobody had expected",
                phrases="unexpected restart, unexpectedly restarted",
            ),
        ),
        sources=(
            "errno(3): ECONNRESET, EPIPE",
            "Linux libata: hard resetting link",
            "Linux SCSI error handling: bus reset",
        ),
        risks=(
            "operations under way fail and have to be repeated",
            "users of the connection or device are interrupted",
            "transfers break off and data arrives incomplete",
        ),
        benign=(
            "one side was restarted for planned maintenance",
            "a brief glitch was over after a new start",
            "the connection or device was back at once",
        ),
        checks=(
            "see whether the interrupted operation was repeated with success",
            "determine which end gave up before the other",
            "find out whether a machine or service was restarted then",
        ),
    ),
    Sign(
        "refused",
        "availability",
        (
            sense(
                "an attempt was turned down",
                words="refused",
            ),
            sense(
                "the connection was rejected",
                "the other side accepted no connection",
                words="econnrefused",
                phrases="connection refused, refused connection, connections refused, refuses connections",
            ),
            sense(
                "a wish for a connection was declined",
                phrases="refused to connect",
            ),
        ),
        sources=("errno(3): ECONNREFUSED", "connect(2)", "hosts_access(5): refused connect"),
        risks=(
            "callers go without the service that they asked for",
            "the caller retries in vain and then gives up",
            "rightful callers are turned away as well",
        ),
        benign=(
            "a later attempt of the caller was accepted",
            "a rule turned an unwanted caller away as intended",
            "the caller simply asked in the wrong place",
        ),
        checks=(
            "see whether the service runs on the host that was called",
            "review the rules that decide who gets in",
            "find out who called and whether the caller is welcome",
        ),
    ),
    Sign(
        "silent",
        "availability",
        (
            sense(
                "the time allowed ran out",
                "the allowed waiting time was exceeded",
                words="timedout etimedout",
                phrases="timed out",
            ),
            sense(
                "a time limit comes into play",
                words="timeout timeouts",
                phrases="time out",
            ),
            sense(
                "the set deadline was missed",
                "the work took longer than the deadline allows",
                phrases="deadline exceeded, deadline has elapsed",
            ),
            sense(
                "an expected reaction did not come",
                "a request stays unanswered",
                words="unresponsive",
                phrases="not responding, did not respond, does not respond",
                others=unable("respond"),
            ),
            sense(
                "the other side did not answer",
                phrases="no response, no reply, no answer, not answer, does not answer",
            ),
            sense(
                "there is no way through to the target",
                words="unreachable",
                phrases="not reachable",
            ),
            sense(
                "no traffic gets through to the host",
                words="ehostunreach",
                phrases="host unreachable",
            ),
            sense(
                "the network can't be reached from here",
                words="enetunreach",
                phrases="network is unreachable",
            ),
            sense(
                "no network path to the destination is known",
                phrases="no route, no route to host",
            ),
            sense(
                "access is not possible",
                words="inaccessible",
            ),
            sense(
                "an expected sign of life did not arrive",
                "a heartbeat did not arrive when due",
                phrases="missed heartbeat, missed heartbeats",
            ),
            sense(
                "there is no sign of life",
                phrases="heartbeat lost, no heartbeat",
            ),
            sense(
                "no signal is present on the line",
                phrases="no carrier",
            ),
            sense(
                "no contact was made",
                others=unable("contact"),
            ),
            sense(
                "the target was not reached",
                others=unable("reach"),
            ),
            sense(
                "the connection could not be set up",
                others=unable("connect"),
            ),
            sense(
                "no messages could be exchanged",
                others=unable("communicate"),
            ),
            sense(
                "the ping brought no result",
                others=unable("ping"),
            ),
        ),
        sources=(
            "errno(3): ETIMEDOUT, EHOSTUNREACH",
            "nfs(5): server not responding",
            "ping(8)",
            "gRPC: deadline exceeded",
        ),
        risks=(
            "whoever waits for the answer is held up as well",
            "the silent side has crashed or is cut off",
            "nobody knows whether the operation took effect",
        ),
        benign=(
            "the other side was busy and answered late",
            "a message got lost and was sent once more",
            "the silent side was switched off on purpose",
        ),
        checks=(
            "see whether the other side answers now",
            "test the network between the two sides",
            "see whether the operation was carried out all the same",
        ),
    ),
    Sign(
        "disconnected",
        "availability",
        (
            sense(
                "there is no connection any more",
                words="disconnected",
            ),
            sense(
                "no connection exists",
                words="enotconn",
                phrases="not connected",
            ),
            sense(
                "a plug is not in its socket",
                words="unplugged",
                phrases="cable unplugged",
            ),
            sense(
                "the connection went away",
                phrases="connection lost, lost connection",
            ),
            sense(
                "contact with the other side broke off",
                phrases="lost contact",
            ),
            sense(
                "the peer is gone",
                phrases="lost its peer",
            ),
            sense(
                "the connection ended sooner than expected",
                phrases="connection closed unexpectedly",
            ),
            sense(
                "the connection broke off",
                phrases="connection dropped, connection broken, connection aborted",
            ),
            sense(
                "a part is out of operation",
                phrases="is down, down state",
            ),
            sense(
                "a part that was up no longer is",
                phrases="went down, gone down",
            ),
            sense(
                "the node is out of service",
                phrases="node down",
            ),
            sense(
                "the interface passes no traffic",
                phrases="interface down",
            ),
            sense(
                "the link carries no data",
                phrases="link down, link is down",
            ),
            sense(
                "the link has stopped working",
                phrases="link failure",
            ),
            sense(
                "the link is gone",
                phrases="link lost, lost link",
            ),
            sense(
                "the signal on the line went away",
                phrases="carrier lost, loss of carrier, lost carrier",
            ),
        ),
        sources=(
            "Linux net drivers: NIC Link is Down",
            "errno(3): ENOTCONN, ECONNABORTED",
            "Linux USB: USB disconnect",
        ),
        risks=(
            "the remaining paths or machines carry more load",
            "users are cut off in the middle of their work",
            "work that needs the connection or part stops",
        ),
        benign=(
            "a user logged off or pulled the plug on purpose",
            "the far side was shut down for planned work",
            "the connection or part was not needed any more",
        ),
        checks=(
            "watch whether the connection or part comes back",
            "look for the cause at both ends, cables included",
            "find out whether someone worked on either end",
        ),
    ),
    Sign(
        "killed",
        "availability",
        (
            sense(
                "work was ended by force",
                words="killed",
                phrases="was killed, forcibly terminated",
            ),
            sense(
                "a process was forced to end",
                phrases="killed process",
            ),
            sense(
                "a process is to be ended",
                phrases="kill process, killing process",
            ),
            sense(
                "a signal ended the process",
                phrases="killed by signal, terminated by signal, exited on signal, terminated with signal",
            ),
            sense(
                "the signal ends a process at once",
                words="sigkill",
            ),
            sense(
                "a lack of memory forced the end",
                words="oomkilled",
                phrases="out of memory killed",
            ),
            sense(
                "processes are ended to free memory",
                phrases="oom killer",
            ),
            sense(
                "a forced removal took place",
                phrases="was evicted",
            ),
        ),
        sources=(
            "signal(7)",
            "Linux mm/oom_kill.c: Killed process",
            "systemd.service(5): killed",
            "Kubernetes: OOMKilled",
        ),
        risks=(
            "results not yet saved are gone",
            "whoever used the ended process is left without service",
            "work is left half done and has to be repeated",
        ),
        benign=(
            "a limit was exceeded and enforced as intended",
            "the ended work was started anew right away",
            "a user or operator ended the work on purpose",
        ),
        checks=(
            "find out who or what forced the end",
            "see whether a limit was exceeded before the end",
            "see whether a new run has been started",
        ),
    ),
    Sign(
        "stopped",
        "availability",
        (
            sense(
                "the operation has ended",
                words="terminated",
            ),
            sense(
                "an error left no safe way to go on",
                words="panic panicked panicking",
            ),
            sense(
                "the kernel hit an error that it can't survive",
                phrases="kernel panic",
            ),
            sense(
                "the operation was broken off early",
                words="aborted",
            ),
            sense(
                "work breaks off before its end",
                words="abort aborting aborts",
            ),
            sense(
                "a part broke down suddenly",
                words="crash crashed crashes crashing",
            ),
            sense(
                "a part was made to stop",
                words="halted",
                phrases="system halted",
            ),
            sense(
                "operation is coming to a stop",
                words="halting",
            ),
            sense(
                "what happened was out of the ordinary",
                words="abnormally",
            ),
            sense(
                "a run ended in an irregular manner",
                phrases="exited abnormally, terminated abnormally",
            ),
            sense(
                "what happened was not expected",
                words="unexpectedly",
            ),
            sense(
                "an end came that was not planned",
                phrases="terminated unexpectedly, exited unexpectedly",
            ),
            sense(
                "the problem is too severe to go on",
                words="fatal",
            ),
            sense(
                "a part stopped working",
                words="died",
            ),
            sense(
                "a part is not alive",
                words="dead",
            ),
            sense(
                "no further attempt is made",
                phrases="giving up, gave up",
            ),
            sense(
                "a part is inactive",
                phrases="not running",
            ),
            sense(
                "a shutdown is made at once to avoid harm",
                phrases="emergency shutdown",
            ),
            sense(
                "too many starts were requested in quick succession",
                phrases="start request repeated too quickly",
            ),
            sense(
                "the start was not successful",
                others=unable("start"),
            ),
            sense(
                "the system did not boot",
                others=unable("boot"),
            ),
            sense(
                "the launch was unsuccessful",
                others=unable("launch"),
            ),
            sense(
                "execution was not possible",
                others=unable("run"),
            ),
            sense(
                "the work can't go on",
                others=unable("continue"),
            ),
            sense(
                "a renewed start did not work",
                others=unable("restart"),
            ),
            sense(
                "a part was not made ready to work",
                "the setup was not completed",
                others=unable("initialize initialise init"),
            ),
        ),
        sources=(
            "Linux kernel/panic.c",
            "abort(3)",
            "systemd: failed with result, start-limit",
            "LSB: program is not running",
        ),
        risks=(
            "users can't work with the program or part named",
            "work under way ends without a result",
            "other parts that depend on the failed one stop too",
        ),
        benign=(
            "an operator stopped or tested the part on purpose",
            "an automatic restart put matters right",
            "a standby was ready and stepped in",
        ),
        checks=(
            "test whether the part named is running",
            "start the part again and watch its first messages",
            "see which services went down along with the part",
        ),
    ),
    Sign(
        "lost",
        "availability",
        (
            sense(
                "an item went missing",
                words="lost",
            ),
            sense(
                "a loss is recorded",
                words="loss",
            ),
            sense(
                "an item was not kept",
                words="dropped",
            ),
            sense(
                "a drop occurs",
                words="drops",
            ),
            sense(
                "some packets never arrive",
                "packets get lost on their way",
                phrases="packet loss",
            ),
            sense(
                "packets were discarded",
                phrases="packets dropped",
            ),
            sense(
                "some messages are missing",
                phrases="messages lost",
            ),
            sense(
                "data goes missing",
                phrases="data loss",
            ),
            sense(
                "an interrupt signal never arrived",
                phrases="lost interrupt, interrupts lost",
            ),
            sense(
                "a part is not online",
                words="offline",
                phrases="is offline",
            ),
            sense(
                "a part left the online state",
                phrases="went offline",
            ),
            sense(
                "a part was removed from service",
                phrases="taken offline",
            ),
            sense(
                "a service is not available",
                words="outage",
            ),
            sense(
                "a part is absent that was there before",
                words="disappeared vanished gone",
                phrases="has gone away",
            ),
            sense(
                "an item was thrown away",
                words="discarded",
            ),
        ),
        sources=(
            "netdevice statistics: dropped (ip-link(8))",
            "MySQL: server has gone away",
            "lpadmin, sinfo(1): offline, down",
        ),
        risks=(
            "whoever relies on the missing item waits in vain",
            "the loss goes unnoticed until the lost item is needed",
            "the lost item has to be restored or supplied again",
        ),
        benign=(
            "a brief overload was soon over and left no harm",
            "a spare or a repetition made up for the loss",
            "the missing item was no longer needed",
        ),
        checks=(
            "list what is missing and look for a copy",
            "see how great the load was during the loss",
            "see whether what went missing is back",
        ),
    ),
)
