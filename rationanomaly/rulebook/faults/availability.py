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
                "the supply of electricity went away",
                phrases="power loss, power lost, loss of power, lost power, power outage",
            ),
            sense(
                "power was no longer delivered properly",
                phrases="power failure, power failed",
            ),
            sense(
                "a problem with the electrical power was detected",
                "the electrical feed has a defect",
                phrases="power fault",
            ),
            sense(
                "the supply voltage sagged without dropping out entirely",
                words="brownout",
            ),
            sense(
                "the voltage is below its allowed minimum",
                words="undervoltage",
                phrases="under voltage, low voltage",
            ),
            sense(
                "the voltage is above its allowed maximum",
                words="overvoltage",
                phrases="over voltage",
            ),
            sense(
                "more current flows than the limit allows",
                "the current is stronger than permitted",
                words="overcurrent",
                phrases="over current",
            ),
            sense(
                "the battery charge is running low",
                "little charge remains in the battery",
                phrases="low battery",
            ),
            sense(
                "battery power keeps it running",
                "a battery provides the energy",
                phrases="on battery",
            ),
            sense(
                "the battery has stopped doing its job",
                phrases="battery failed, battery failure",
            ),
            sense(
                "the power supply has broken down",
                phrases="power supply failed, power supply failure",
            ),
            sense(
                "the voltage has left its permitted range",
                "the measured voltage is too high or too low",
                phrases="voltage out of range",
            ),
        ),
        sources=(
            "IPMI 2.0: power supply and voltage sensors",
            "apcupsd(8): power failure, on battery",
            "upsmon(8)",
        ),
        risks=(
            "machines on the same feed switch off in the middle of work",
            "writes still held in memory never reach the disk",
            "unstable power crashes the machine or damages its components",
        ),
        benign=(
            "power maintenance or a battery test was under way",
            "a sensor reported a wrong reading for a moment",
            "redundant power kept everything running in the meantime",
        ),
        checks=(
            "read voltages and supply states from the management controller",
            "inspect the power cords, the breakers and the UPS",
            "find out whether neighbouring machines had power trouble too",
        ),
    ),
    Sign(
        "stuck",
        "availability",
        (
            sense(
                "it gets no further and does not finish",
                words="hung hang hangs hanging",
            ),
            sense(
                "this task waits and makes no headway",
                phrases="hung task",
            ),
            sense(
                "it can't move on from where it is",
                words="stuck",
            ),
            sense(
                "its state is held and does not change",
                "it stays fixed as it is",
                words="frozen",
            ),
            sense(
                "progress has come to a standstill",
                "it makes no further advance",
                words="stalled stall",
                phrases="not making progress",
            ),
            sense(
                "the stalled part itself noticed the standstill",
                phrases="self detected stall",
            ),
            sense(
                "each side waits for the other and none can proceed",
                "tasks have locked one another out",
                words="deadlock deadlocked",
            ),
            sense(
                "tasks are perhaps waiting for one another forever",
                "a circular wait is suspected",
                phrases="possible deadlock",
            ),
            sense(
                "it locked up and reacts to nothing",
                words="lockup",
            ),
            sense(
                "a processor was hogged without letting other tasks run",
                "one processor ran the same code for too long",
                words="softlockup",
                phrases="soft lockup",
            ),
            sense(
                "a processor stopped reacting even to interrupts",
                phrases="hard lockup",
            ),
            sense(
                "it is prevented from going ahead",
                "it is kept from passing through",
                words="blocked",
            ),
            sense(
                "the block has lasted longer than the stated time",
                phrases="blocked for more than",
            ),
            sense(
                "work keeps circling without getting anything done",
                words="livelock",
            ),
            sense(
                "the watchdog was not served soon enough",
                phrases="watchdog expired",
            ),
            sense(
                "the period of the watchdog is stated or over",
                phrases="watchdog timeout",
            ),
        ),
        sources=(
            "Linux kernel/hung_task.c, kernel/watchdog.c",
            "RCU CPU stall warnings",
            "pthread_mutex_lock(3): EDEADLK",
        ),
        risks=(
            "jobs that wait on it never finish and hold their nodes",
            "requests queue up behind it until the clients turn away",
            "only a forced restart frees it and unsaved work is gone",
        ),
        benign=(
            "heavy load held it up briefly and it then moved on",
            "an administrator paused or barred it on purpose",
            "the work was merely slow and finished in the end",
        ),
        checks=(
            "find out what it is waiting for and who holds that",
            "see whether it has moved on a few minutes later",
            "see how busy processor, memory and storage were just then",
        ),
    ),
    Sign(
        "reset",
        "availability",
        (
            sense(
                "the connection was cut off abruptly",
                "this connection ended without a proper close",
                phrases="connection reset",
            ),
            sense(
                "the other end tore the connection down",
                "the peer dropped it abruptly",
                words="econnreset",
                phrases="reset by peer, connection reset by peer",
            ),
            sense(
                "the other side closed it",
                "the remote end ended the exchange",
                phrases="closed by peer",
            ),
            sense(
                "the receiving end was already closed",
                "it wrote to a reader that had already left",
                words="epipe",
                phrases="broken pipe",
            ),
            sense(
                "the bus returns to its initial state",
                phrases="bus reset",
            ),
            sense(
                "the link is being brought up anew",
                phrases="link reset, resetting link",
            ),
            sense(
                "a full reset is performed on the link",
                phrases="hard resetting link",
            ),
            sense(
                "it gets a full rather than a gentle reset",
                phrases="hard reset, hard resetting",
            ),
            sense(
                "a reset of the milder kind is under way",
                phrases="soft resetting",
            ),
            sense(
                "the device starts over as if just switched on",
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
                "the reset was not planned",
                phrases="unexpected reset",
            ),
            sense(
                "it started over without being scheduled to",
                phrases="unexpected restart, unexpectedly restarted",
            ),
        ),
        sources=(
            "errno(3): ECONNRESET, EPIPE",
            "Linux libata: hard resetting link",
            "Linux SCSI error handling: bus reset",
        ),
        risks=(
            "requests in flight fail and have to be sent again",
            "repeated resets slow down everyone who uses it",
            "transfers break off and leave partial files behind",
        ),
        benign=(
            "someone restarted one side for planned maintenance",
            "a short glitch was cleared by starting over",
            "the client or driver came back at once and carried on",
        ),
        checks=(
            "see whether the connection or device came back afterwards",
            "open the log of the peer or device for the same moment",
            "check whether the other end crashed or was restarted then",
        ),
    ),
    Sign(
        "refused",
        "availability",
        (
            sense(
                "this was turned down instead of carried out",
                words="refused",
            ),
            sense(
                "connection attempts are turned away",
                "the other side takes no connection",
                words="econnrefused",
                phrases="connection refused, refused connection, connections refused, refuses connections",
            ),
            sense(
                "it declined to make a connection",
                phrases="refused to connect",
            ),
        ),
        sources=("errno(3): ECONNREFUSED", "connect(2)", "hosts_access(5): refused connect"),
        risks=(
            "clients go without the service until it accepts them again",
            "programs that depend on it use up their retries and quit",
            "legitimate users are kept out",
        ),
        benign=(
            "the service was just restarting and not yet ready",
            "an access rule turns unknown callers away as intended",
            "a client simply used the wrong address or port",
        ),
        checks=(
            "verify that the target service runs and listens on its port",
            "review firewall rules and access lists along the way",
            "repeat the same request by hand from the calling host",
        ),
    ),
    Sign(
        "silent",
        "availability",
        (
            sense(
                "it took longer than the time allowed",
                "the wait for it lasted too long",
                words="timedout etimedout",
                phrases="timed out",
            ),
            sense(
                "a time limit for it is given or was reached",
                words="timeout timeouts",
                phrases="time out",
            ),
            sense(
                "the set deadline was missed",
                "it was not finished by the latest permitted moment",
                phrases="deadline exceeded, deadline has elapsed",
            ),
            sense(
                "it does not react when asked",
                "it leaves requests unanswered",
                words="unresponsive",
                phrases="not responding, did not respond, does not respond",
                others=unable("respond"),
            ),
            sense(
                "nothing comes back from the other side",
                phrases="no response, no reply, no answer, not answer, does not answer",
            ),
            sense(
                "traffic or requests can't get through to it",
                words="unreachable",
                phrases="not reachable",
            ),
            sense(
                "no traffic gets through to that host",
                words="ehostunreach",
                phrases="host unreachable",
            ),
            sense(
                "that whole network is out of reach",
                words="enetunreach",
                phrases="network is unreachable",
            ),
            sense(
                "no network path to the destination is known",
                phrases="no route, no route to host",
            ),
            sense(
                "there is no access to it",
                words="inaccessible",
            ),
            sense(
                "an expected sign of life did not arrive",
                "a due keep-alive signal was missing",
                phrases="missed heartbeat, missed heartbeats",
            ),
            sense(
                "no sign of life is coming in",
                phrases="heartbeat lost, no heartbeat",
            ),
            sense(
                "no signal is present on the line",
                phrases="no carrier",
            ),
            sense(
                "no contact with the other side came about",
                others=unable("contact"),
            ),
            sense(
                "it did not get as far as its target",
                others=unable("reach"),
            ),
            sense(
                "the connection could not be set up",
                others=unable("connect"),
            ),
            sense(
                "no messages could be exchanged with it",
                others=unable("communicate"),
            ),
            sense(
                "no ping got through and back",
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
            "callers block while they wait, and their own users feel it",
            "a cluster declares the member dead and moves its work elsewhere",
            "nobody knows how much of the request was carried out",
        ),
        benign=(
            "the other side was restarting or busy for a moment",
            "a packet got lost and the next try went through",
            "the far end was switched off for planned work",
        ),
        checks=(
            "test from the same host whether the remote side answers now",
            "compare load and packet loss on both ends for that minute",
            "verify that address, port and time limit are set properly",
        ),
    ),
    Sign(
        "disconnected",
        "availability",
        (
            sense(
                "it is not attached or linked any more",
                words="disconnected",
            ),
            sense(
                "no connection exists at present",
                words="enotconn",
                phrases="not connected",
            ),
            sense(
                "the plug is not in its socket",
                words="unplugged",
                phrases="cable unplugged",
            ),
            sense(
                "the existing connection went away",
                phrases="connection lost, lost connection",
            ),
            sense(
                "it is out of touch with the other side",
                phrases="lost contact",
            ),
            sense(
                "its partner on the other side is gone",
                phrases="lost its peer",
            ),
            sense(
                "the connection ended sooner than planned",
                phrases="connection closed unexpectedly",
            ),
            sense(
                "the connection broke off",
                phrases="connection dropped, connection broken, connection aborted",
            ),
            sense(
                "it is out of operation",
                phrases="is down, down state",
            ),
            sense(
                "it was up and no longer is",
                phrases="went down, gone down",
            ),
            sense(
                "the node is out of service",
                phrases="node down",
            ),
            sense(
                "the interface is inactive and passes no traffic",
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
                "the former link is gone",
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
            "traffic is left with fewer paths or none at all",
            "open sessions break and users have to log in again",
            "running jobs lose a node or resource that they need",
        ),
        benign=(
            "a user logged off or pulled it out on purpose",
            "the far side was shut down for planned work",
            "nobody depended on it at that time",
        ),
        checks=(
            "see whether it came back up and how long it was away",
            "examine the cable, the plug and the port lights at both ends",
            "find out whether someone worked on the far side",
        ),
    ),
    Sign(
        "killed",
        "availability",
        (
            sense(
                "it was ended by force",
                "it did not finish by itself",
                words="killed",
                phrases="was killed, forcibly terminated",
            ),
            sense(
                "a running process was forced to end",
                phrases="killed process",
            ),
            sense(
                "a process is being put to an end",
                phrases="kill process, killing process",
            ),
            sense(
                "a signal made it end",
                phrases="killed by signal, terminated by signal, exited on signal, terminated with signal",
            ),
            sense(
                "this signal ends a process at once and can't be caught",
                words="sigkill",
            ),
            sense(
                "it had to end because memory ran short",
                words="oomkilled",
                phrases="out of memory killed",
            ),
            sense(
                "this mechanism ends processes to free memory",
                phrases="oom killer",
            ),
            sense(
                "it had to give up its place",
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
            "results that were not yet saved have to be computed again",
            "clients of the process go unserved until it runs again",
            "files are left half written or locked",
        ),
        benign=(
            "it exceeded a limit that was set on purpose",
            "a supervisor replaced it with a fresh copy",
            "it was a runaway program that had to go",
        ),
        checks=(
            "find out who or what ended it, and why",
            "compare its memory use with the limit before the end",
            "confirm that the service or job runs again",
        ),
    ),
    Sign(
        "stopped",
        "availability",
        (
            sense(
                "it has stopped running",
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
                "it was broken off before it was complete",
                words="aborted",
            ),
            sense(
                "its work gets broken off",
                words="abort aborting aborts",
            ),
            sense(
                "it broke down suddenly",
                words="crash crashed crashes crashing",
            ),
            sense(
                "it was brought to a standstill",
                words="halted",
                phrases="system halted",
            ),
            sense(
                "it is being brought to a stop",
                words="halting",
            ),
            sense(
                "this was out of the ordinary",
                words="abnormally",
            ),
            sense(
                "it ended in an irregular manner",
                phrases="exited abnormally, terminated abnormally",
            ),
            sense(
                "nobody had foreseen this",
                words="unexpectedly",
            ),
            sense(
                "it ended although it should have kept running",
                phrases="terminated unexpectedly, exited unexpectedly",
            ),
            sense(
                "the problem is too severe to carry on",
                words="fatal",
            ),
            sense(
                "it stopped and no longer works",
                words="died",
            ),
            sense(
                "it is no longer alive or active",
                words="dead",
            ),
            sense(
                "no further attempt is made",
                phrases="giving up, gave up",
            ),
            sense(
                "it is inactive at the moment",
                phrases="not running",
            ),
            sense(
                "it is switched off at once to prevent harm",
                phrases="emergency shutdown",
            ),
            sense(
                "it was started again and again in quick succession",
                phrases="start request repeated too quickly",
            ),
            sense(
                "it did not get going",
                others=unable("start"),
            ),
            sense(
                "it did not get through booting",
                others=unable("boot"),
            ),
            sense(
                "the launch was unsuccessful",
                others=unable("launch"),
            ),
            sense(
                "this could not be executed properly",
                others=unable("run"),
            ),
            sense(
                "there is no way to go on from here",
                others=unable("continue"),
            ),
            sense(
                "it could not be brought back up",
                others=unable("restart"),
            ),
            sense(
                "it was not made ready to work",
                "its setup was not completed",
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
            "the service stays down until someone brings it up by hand",
            "a node drops out and its jobs end without results",
            "open requests and half-done transactions are dropped",
        ),
        benign=(
            "someone was trying out a change on a test machine",
            "automatic recovery brought it up again a moment later",
            "a second instance took over in the meantime",
        ),
        checks=(
            "look for a core dump or crash report of that time",
            "start it again by hand and watch its output",
            "see whether a supervisor has already brought it back",
        ),
    ),
    Sign(
        "lost",
        "availability",
        (
            sense(
                "this went missing",
                words="lost",
            ),
            sense(
                "a loss of this is reported or measured",
                words="loss",
            ),
            sense(
                "it was let go instead of being kept",
                words="dropped",
            ),
            sense(
                "it falls off or gets thrown away",
                words="drops",
            ),
            sense(
                "some packets never arrive",
                "not all packets reach their destination",
                phrases="packet loss",
            ),
            sense(
                "packets were thrown away, not passed on",
                phrases="packets dropped",
            ),
            sense(
                "not all messages got through",
                phrases="messages lost",
            ),
            sense(
                "data is missing or may go missing",
                phrases="data loss",
            ),
            sense(
                "an interrupt signal never arrived",
                phrases="lost interrupt, interrupts lost",
            ),
            sense(
                "it is not online for now",
                words="offline",
                phrases="is offline",
            ),
            sense(
                "it was online and then left",
                phrases="went offline",
            ),
            sense(
                "it was removed from service",
                phrases="taken offline",
            ),
            sense(
                "the service is not available for a time",
                words="outage",
            ),
            sense(
                "it was there before but is not any more",
                words="disappeared vanished gone",
                phrases="has gone away",
            ),
            sense(
                "it was thrown away unused",
                words="discarded",
            ),
        ),
        sources=(
            "netdevice statistics: dropped (ip-link(8))",
            "MySQL: server has gone away",
            "lpadmin, sinfo(1): offline, down",
        ),
        risks=(
            "whoever relies on it waits in vain for data or service",
            "the rest of the system has to carry more load",
            "gaps remain in the data or the records",
        ),
        benign=(
            "a short overload passed and left no lasting harm",
            "a spare or a repeat made up for it at once",
            "the missing part was outdated or no longer needed",
        ),
        checks=(
            "determine what is missing and whether a copy exists",
            "look for an overload or an outage at that moment",
            "see whether it is back or whether losses go on",
        ),
    ),
)
