"""The kernel, programs and their runtimes, and what they are set up with."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

KERNEL = domain(
    "kernel",
    "the kernel",
    ("stands between programs and hardware", "runs drivers, schedules tasks and handles interrupts"),
    capacity=(
        ("a kernel table is full and system calls fail", "no process or descriptor can be created"),
        ("compare file-nr and pid_max under /proc/sys", "count threads per user with ps"),
    ),
    integrity=(
        ("kernel structures are damaged and a crash is near", "a corrupted list can take files along"),
        ("read the taint flags and the first trace in dmesg", "boot the node again before it takes work"),
    ),
    availability=(
        ("tasks no longer get the processor", "the node answers neither logins nor pings"),
        ("look for hung task or lockup traces in dmesg", "trigger a crash dump over the console"),
    ),
    access=(
        ("the call is refused to the program", "an unsigned module is kept out"),
        ("check capabilities and seccomp of the process", "look at lockdown mode and module signatures"),
    ),
    absence=(
        ("the driver or symbol it needs is not built in", "a device stays without its driver"),
        ("look for the module with modinfo", "compare uname -r with the installed modules"),
    ),
    operation=(
        ("the node stops at once and its jobs are lost", "every program on the node is affected"),
        ("save the trace or vmcore before the reboot", "search the top function of the trace in known bugs"),
    ),
    degradation=(
        ("the node works on with reduced function", "interrupt storms steal time from jobs"),
        ("watch /proc/interrupts for one racing line", "see in dmesg which feature was switched off"),
    ),
    words="kernel panic oops bug interrupt interrupts trap syscall driver drivers stack backtrace softlockup "
    "lockup watchdog nmi kthread rts linux module modules sysctl tainted kexec kdump vmcore printk dmesg "
    "rcu tasklet ksoftirqd kworker preempt spinlock uname modprobe insmod vmlinux sysrq",
    sources=("Linux kernel documentation, admin-guide", "dmesg(1)", "proc(5)", "crash(8)"),
    broad=True,
)

SOFTWARE = domain(
    "software",
    "the program",
    ("runs as a process with its own resources", "does what its users or other programs asked for"),
    capacity=(
        ("the process hits its limit and gives up work", "internal queues overflow and items are dropped"),
        ("compare ulimit -a with the process's use", "read its own size and queue settings"),
    ),
    integrity=(
        ("its state can't be trusted after this", "results written since then are doubtful"),
        ("compare its output with a known good run", "check the input file that it read last"),
    ),
    availability=(
        ("its users wait for a reply that never comes", "the process is alive but makes no headway"),
        ("attach strace or gdb to see where it waits", "list its threads and locks with pstack"),
    ),
    access=(
        ("the process can't open what it needs", "it stops for lack of rights"),
        ("look at its user and the file's mode", "trace the refused call with strace"),
    ),
    absence=(
        ("it can't start without the file or program", "a feature stays off for lack of a part"),
        ("check the path it names and the package's files", "see which version was installed last"),
    ),
    operation=(
        ("its task remains undone and data may be half written", "the process ended and must be started again"),
        ("open the core file with gdb and take a backtrace", "read its own log just before the end"),
    ),
    degradation=(
        ("it works on with less than its full function", "memory or handles leak until it is restarted"),
        ("watch its resident size over a day", "see which optional part it switched off"),
    ),
    words="program programs process processes application app pid thread threads sigsegv sigterm sigkill "
    "sigabrt sigfpe segmentation segfault core dumped exit exited assertion assert exception null pointer "
    "executable binary shell perl python child children parent stacktrace fork exec traceback abort "
    "aborted handler coredump errno stdin stdout stderr buffers buffer signal",
    sources=("core(5)", "signal(7)", "strace(1)", "gdb(1)"),
    broad=True,
)

LOADER = domain(
    "loader",
    "the program loader",
    ("binds programs to their shared libraries", "maps executables into memory before they run"),
    capacity=(
        ("no static TLS space is left for the library", "the image is too large for its address range"),
        ("read segment sizes with readelf -l", "count loaded libraries with ldd"),
    ),
    integrity=(
        ("the executable is damaged or of another format", "symbols of two library versions are mixed"),
        ("compare the file's checksum with its package", "check type and architecture with the file command"),
    ),
    availability=(
        ("programs hang while libraries come over a dead mount", "start-up waits for a symbol look-up"),
        ("trace the load with LD_DEBUG=libs", "test whether the library's directory answers"),
    ),
    access=(
        ("the binary has no execute permission for the user", "a noexec mount stops the program"),
        ("check mode bits and mount options of the path", "look for denials on the library file"),
    ),
    absence=(
        ("the program can't start without its library", "one of its symbols stays unresolved"),
        ("list unresolved libraries with ldd", "check LD_LIBRARY_PATH and rerun ldconfig"),
    ),
    operation=(
        ("relocation failed before main was reached", "the compile or link step left no binary"),
        ("run it with LD_DEBUG=all and read the end", "compare compiler and library versions of the build"),
    ),
    degradation=(
        ("the program falls back to an older library", "start-up is slow on every node"),
        ("see with ldd which version is bound", "time the load from local and shared disks"),
    ),
    words="library libraries ld ldd ldso elf dlopen dlsym symbol symbols linker relocation rpath glibc libc "
    "libstdc gcc compiler compile compiled linking shared dynamic static ldconfig undefined header "
    "headers preload",
    sources=("ld.so(8)", "ldd(1)", "elf(5)", "ldconfig(8)"),
)

JVM = domain(
    "jvm",
    "the Java virtual machine",
    ("runs Java programs and collects their garbage", "loads classes and compiles hot code"),
    capacity=(
        ("the heap is full and requests fail", "garbage collection takes all the processor time"),
        ("take a heap dump with jmap", "compare Xmx with live data in the GC log"),
    ),
    integrity=(
        ("a class file or serialised object can't be read", "versions of one class disagree"),
        ("look for the same class in two jars", "compare the jar's checksum on all hosts"),
    ),
    availability=(
        ("threads wait for a lock that nobody frees", "long pauses make peers think it dead"),
        ("take three thread dumps with jstack", "look for pauses above one second in the GC log"),
    ),
    access=(
        ("the security manager or module system blocks the call", "the process may not read its keystore"),
        ("read the denied permission in the stack trace", "check the user that the JVM runs as"),
    ),
    absence=(
        ("a class isn't on the class path and start-up ends", "the called method is not in that version"),
        ("print the class path with the verbose class option", "find the jar that should hold the class"),
    ),
    operation=(
        ("the request or thread that threw it is lost", "an uncaught exception ended the worker"),
        ("read the innermost cause of the stack trace", "open hs_err_pid if the machine itself crashed"),
    ),
    degradation=(
        ("collections come often and latency grows", "compiled code is thrown out and runs slowly"),
        ("watch collection times with jstat", "compare heap use after full collections over days"),
    ),
    words="java jvm javax gc garbage heap classloader classpath classnotfoundexception nullpointerexception "
    "hotspot jar jmx jdk jre metaspace permgen noclassdeffounderror outofmemoryerror stackoverflowerror "
    "jstack servlet hibernate slf4j log4j log4j2 lang ioexception xception throwable thrown ejb junit "
    "scala org",
    sources=("Java SE troubleshooting guide", "jstack(1)", "jstat(1)"),
)

CONFIGURATION = domain(
    "configuration",
    "the configuration",
    ("sets names, sizes and limits of services", "tells each program how to work"),
    capacity=(
        ("the value lies outside what the program accepts", "entries beyond the limit are left out"),
        ("compare the value with the range in the manual", "count entries against the documented maximum"),
    ),
    integrity=(
        ("the file can't be parsed and old values stay", "nodes run with different settings"),
        ("diff the file with the last version in git", "compare checksums of the file on all nodes"),
    ),
    availability=(
        ("the configuration server gives no answer, so nodes keep old settings", "changes don't reach the services"),
        ("test the agent's connection to its server", "see when the last successful run was"),
    ),
    access=(
        ("the service can't read its own settings", "an operator's change is refused"),
        ("check owner and mode of the configuration file", "see which user the service runs as"),
    ),
    absence=(
        ("a default is used where a choice was meant", "the service stops for want of a required key"),
        ("look for the key in the sample configuration", "check which file the service reads at start"),
    ),
    operation=(
        ("the service starts with wrong settings or not at all", "an option is refused and its effect missing"),
        ("run the program's own configuration check", "undo the last change and start again"),
    ),
    degradation=(
        ("an outdated option will stop working in the next release", "the default costs speed or safety"),
        ("look up the option's successor in the release notes", "list settings that differ from the defaults"),
    ),
    words="config configs configuration configurations configure configured conf parameter parameters option "
    "options setting settings argument arguments syntax parse parsing unrecognized unsupported deprecated "
    "property properties environment env variable variables defaults puppet ansible chef cfengine yaml "
    "xml json ini keyword directive obsolete",
    sources=("manual pages of section 5", "Puppet and Ansible documentation"),
    broad=True,
)

DATABASE = domain(
    "database",
    "the database",
    ("keeps records and answers queries", "commits changes as whole transactions"),
    capacity=(
        ("no connection is left for new clients", "the table space is full and inserts fail"),
        ("compare open sessions with max_connections", "look at table space and log volume size"),
    ),
    integrity=(
        ("rows or indexes no longer agree", "queries may return wrong records"),
        ("run the engine's check on the named table", "compare with a restored backup before repairing"),
    ),
    availability=(
        ("applications wait for locks or connections", "replicas don't hear from the primary"),
        ("list blocked sessions and who blocks them", "test the listener's port from the client"),
    ),
    access=(
        ("the client's role may not touch the table", "log-in to the database is turned down"),
        ("check grants of the role", "compare pg_hba or host rules with the client address"),
    ),
    absence=(
        ("the query names a table or column that isn't there", "the record the caller asked for is not stored"),
        ("compare the schema version with the application", "see whether the migration ran"),
    ),
    operation=(
        ("the transaction is rolled back and its changes are gone", "a statement failed and callers see an error"),
        ("read the statement and SQL state in the log", "replay the statement by hand in a test session"),
    ),
    degradation=(
        ("slow queries hold up all others", "replication lag makes reads old"),
        ("look at the plan of the slow statement", "measure replica lag and vacuum age"),
    ),
    words="database databases db db2 sql mysql mysqld mariadb postgres postgresql oracle query queries "
    "transaction transactions table row rows column columns commit rollback schema jdbc odbc insert "
    "select record records deadlock index innodb redis mongodb mongod cassandra sqlite tablespace vacuum "
    "wal redo constraint foreign tuple statement cursor tables",
    sources=("PostgreSQL documentation", "MySQL reference manual", "Db2 messages reference"),
)

QUEUE = domain(
    "message queue",
    "the message queue",
    ("passes messages from producers to consumers", "keeps messages in order until they are read"),
    capacity=(
        ("the broker blocks producers until space is free", "unread messages pile up on the disk"),
        ("read lag of each consumer group", "check the disk and memory alarm of the broker"),
    ),
    integrity=(
        ("a segment or record fails its checksum", "consumers may see messages twice or never"),
        ("compare offsets of leader and followers", "dump the suspect segment with the log tool"),
    ),
    availability=(
        ("partitions without a leader take no messages", "consumers lose the broker and rebalance"),
        ("list under-replicated and leaderless partitions", "test the broker's listener from a client"),
    ),
    access=(
        ("the client may not read or write that topic", "the broker rejects its credentials"),
        ("list ACLs for the principal and topic", "check the SASL mechanism on both ends"),
    ),
    absence=(
        ("the topic or queue it names isn't there", "requested offsets are already deleted"),
        ("list topics and their retention", "compare the consumer's offset with the log start"),
    ),
    operation=(
        ("messages of the producer are not stored", "a consumer stops at a message it can't handle"),
        ("read the error code the broker sent back", "move the message to a dead-letter queue"),
    ),
    degradation=(
        ("replicas fall behind and a failure would lose data", "rebalances pause all consumers again and again"),
        ("compare in-sync replicas with the wanted number", "watch poll intervals and session timeouts"),
    ),
    words="kafka rabbitmq activemq amqp mqtt broker brokers topic topics consumer consumers producer offset "
    "offsets isr rebalance zookeeper quorum znode jms message messages subscription pubsub pulsar nats "
    "zeromq leader follower queue exchange mq",
    sources=("Apache Kafka documentation", "RabbitMQ documentation", "ZooKeeper administrator guide"),
)

BIGDATA = domain(
    "distributed data",
    "the distributed data store",
    ("keeps blocks in several copies over many nodes", "runs data tasks close to their blocks"),
    capacity=(
        ("no data node has room for the next block", "executors are killed at their memory limit"),
        ("read capacity and balance in dfsadmin -report", "compare executor memory with the stage's peak"),
    ),
    integrity=(
        ("a replica fails its checksum and must be copied anew", "files with no good replica are lost"),
        ("list corrupt blocks with hdfs fsck", "check the disk of the node that held them"),
    ),
    availability=(
        ("blocks on that node count as missing until it returns", "tasks wait or are started elsewhere"),
        ("look at the last heartbeat of the data node", "check whether the name node is in safe mode"),
    ),
    access=(
        ("the task's user may not read the path", "a token has run out and containers fail"),
        ("compare owner and mode with hdfs dfs -ls", "renew the delegation token or ticket"),
    ),
    absence=(
        ("the input path or block can't be found", "a table or region is not assigned to any server"),
        ("list the path and its block locations", "look for unassigned regions in the master's page"),
    ),
    operation=(
        ("a task attempt failed and is tried on another node", "the write pipeline broke and the client starts over"),
        ("read the attempt's log in the history server", "see which data node the pipeline dropped"),
    ),
    degradation=(
        ("blocks have fewer copies than wanted", "stragglers hold up the whole stage"),
        ("count under-replicated blocks with hdfs fsck", "compare task times per node for one slow disk"),
    ),
    words="hdfs hadoop namenode datanode datanodes yarn mapreduce mapred reducer mapper spark executor "
    "executors rdd shuffle hbase regionserver region hive blockmap namesystem replication replicas "
    "replicate tasktracker jobtracker nodemanager resourcemanager appattempt packetresponder dfs "
    "elasticsearch shard blk block blocks",
    sources=("HDFS architecture guide", "Spark tuning guide", "HBase reference guide"),
)

TIME = domain(
    "time",
    "the clock service",
    ("keeps the clocks of all nodes in step", "gives log lines and files their time"),
    capacity=(
        ("the offset is too large to be corrected step by step", "timer interrupts are lost under load"),
        ("read the offset with chronyc tracking", "set the clock once, then start the daemon"),
    ),
    integrity=(
        ("events on different nodes can't be put in order", "tickets and certificates are judged by wrong time"),
        ("compare the date of several nodes", "check the hardware clock with hwclock"),
    ),
    availability=(
        ("the node's clock runs free and drifts", "no server gives the time"),
        ("list peers and reach with ntpq -p", "test UDP port 123 to the server"),
    ),
    access=(
        ("the time server turns queries of this node away", "the daemon may not set the clock"),
        ("check restrict lines in ntp.conf", "look for the CAP_SYS_TIME capability of the daemon"),
    ),
    absence=(
        ("the daemon has no server to follow", "the kernel finds no stable clock source"),
        ("list the servers in chrony.conf", "read the current clocksource under /sys"),
    ),
    operation=(
        ("the clock was not set and stays off", "programs may see time jump"),
        ("restart the daemon and watch the first polls", "look for programs that misbehaved at the jump"),
    ),
    degradation=(
        ("stamps become less exact from hour to hour", "the node follows a poorer server"),
        ("compare drift and jitter with other nodes", "check why the better stratum was dropped"),
    ),
    words="ntp ntpd ntpdate chrony chronyd clock clocksource timer timers synchronized synchronised "
    "synchronization sync drift stratum rtc hwclock timestamp gettimeofday adjusting leap tsc jiffies "
    "hpet skew timekeeping ptp offset timezone",
    sources=("ntpd(8)", "chronyc(1)", "clock_gettime(2)", "RFC 5905"),
)

SERVICE = domain(
    "service",
    "the system service",
    ("works in the background for other programs", "waits for requests of its clients"),
    capacity=(
        ("new requests are turned away until others finish", "the start limit is hit and it stays down"),
        ("count its connections and worker limit", "read start limits with systemctl show"),
    ),
    integrity=(
        ("its stored state may be wrong after a restart", "clients and server understand each other wrongly"),
        ("check its state files against a backup", "compare protocol versions of both sides"),
    ),
    availability=(
        ("programs that call on it wait or fail", "requests stay without an answer"),
        ("look at its state with systemctl status", "send one request by hand and watch its log"),
    ),
    access=(
        ("the client is not on its list and gets no service", "it may not bind its port or read its files"),
        ("check hosts.allow and the service's access rules", "see which user owns the process"),
    ),
    absence=(
        ("nothing listens where clients expect it", "a service that others need isn't installed"),
        ("list listening ports with ss -ltnp", "see whether its unit is enabled at boot"),
    ),
    operation=(
        ("it ended and its clients lose their sessions", "a request was dropped with an error"),
        ("read its journal with journalctl -u", "start it in the foreground with debug output"),
    ),
    degradation=(
        ("replies come late and clients repeat requests", "it restarts often and drops what it held"),
        ("compare response times before and after restarts", "count its restarts with systemctl"),
    ),
    words="service services server servers client clients daemon daemons xinetd inetd snmp snmpd ftp ftpd "
    "vsftpd portmap portmapper cups cupsd listener systemd dbus respawning respawn worker workers "
    "request requests slp print printer lpd init",
    sources=("systemd(1)", "xinetd(8)", "systemctl(1)"),
    broad=True,
)

MONITORING = domain(
    "monitoring",
    "the monitoring",
    ("watches health and load of the machine", "collects measurements and raises alarms"),
    capacity=(
        ("measurements are dropped because its store is full", "a watched value passed its alarm limit"),
        ("see which metric crossed which threshold", "check retention and disk of the metric store"),
    ),
    integrity=(
        ("readings can't be relied on and alarms mislead", "two collectors report different values"),
        ("compare the reading with the tool on the node", "check units and time stamps of the series"),
    ),
    availability=(
        ("faults on the node pass unseen", "missed heartbeats make a node count as dead"),
        ("check the agent on the node and its port", "see whether the node itself answers a ping"),
    ),
    access=(
        ("the collector may not read the value", "the agent rejects the server's query"),
        ("check the community string or token", "look at the agent's list of allowed hosts"),
    ),
    absence=(
        ("a gap remains in the record of the node", "the check plug-in it calls isn't there"),
        ("run the plug-in by hand on the node", "see when the last value came in"),
    ),
    operation=(
        ("a check found something that needs a look", "an alarm could not be delivered"),
        ("read the check's output and run it again", "test the notification path with a dummy alert"),
    ),
    degradation=(
        ("values come late and alarms with them", "flapping alarms hide the real ones"),
        ("compare poll interval and delay of the series", "raise the damping of the flapping check"),
    ),
    words="monitor monitors monitoring monitored health healthcheck heartbeat heartbeats ganglia gmond gmetad "
    "nagios nrpe zabbix prometheus statistics stats counter counters threshold thresholds alert alerts "
    "alarm alarms poll polling probe ping collectd metric metrics sampling telemetry diagnostics "
    "diagnostic ras",
    sources=("Prometheus documentation", "Nagios core documentation", "gmond.conf(5)"),
    broad=True,
)

LOGGING = domain(
    "logging",
    "the logging service",
    ("collects and stores the messages of programs", "forwards log lines to a central host"),
    capacity=(
        ("messages are dropped by the rate limit", "the log volume is full and the record stops"),
        ("look for suppressed-message notes of the daemon", "check free space under /var/log"),
    ),
    integrity=(
        ("parts of the log can't be read later", "the record of an incident has gaps"),
        ("verify the journal with journalctl --verify", "compare local lines with the central host"),
    ),
    availability=(
        ("lines wait in the queue for the central host", "programs block while they write to the log"),
        ("test the port of the log host", "read the daemon's queue statistics"),
    ),
    access=(
        ("the daemon may not write its file", "readers without the group see no log"),
        ("check owner and mode of the log file", "look for SELinux denials of the daemon"),
    ),
    absence=(
        ("no record of that time or program is there", "the log file was moved away under the daemon"),
        ("see whether rotation told the daemon to reopen", "check the rule that routes this program"),
    ),
    operation=(
        ("messages since then are lost for later analysis", "the daemon ended and nothing is recorded"),
        ("restart the daemon and send a line with logger", "check its configuration with rsyslogd -N1"),
    ),
    degradation=(
        ("repeated lines crowd out the useful ones", "messages reach the central host late"),
        ("find the loudest program in the log", "compare time of arrival and of origin"),
    ),
    words="syslog syslogd klogd rsyslog rsyslogd syslogng journald journalctl logger log logs logging logfile "
    "loghost rotate rotated rotation imuxsock fluentd logstash filebeat",
    sources=("syslogd(8)", "rsyslogd(8)", "journald.conf(5)", "RFC 5424"),
)

PACKAGES = domain(
    "packages",
    "the package manager",
    ("installs and updates the software of a node", "tracks which files belong to which package"),
    capacity=(
        ("the update stops for want of disk space", "caches of old packages fill the disk"),
        ("check free space of /var and /usr", "clean the cache of dnf or apt"),
    ),
    integrity=(
        ("the package database is damaged", "a package's signature or digest is wrong"),
        ("rebuild the database with rpm --rebuilddb", "verify installed files with rpm -V"),
    ),
    availability=(
        ("the repository gives no answer and updates wait", "another process holds the package lock"),
        ("fetch the repository's metadata with curl", "find the holder of the lock with fuser"),
    ),
    access=(
        ("the repository asks for a subscription or key", "users without rights can't install"),
        ("check the repository's credentials and keys", "see whether the command ran as root"),
    ),
    absence=(
        ("a dependency can't be found in any repository", "nodes lack a package their jobs need"),
        ("list the repositories that are enabled", "search which package provides the file"),
    ),
    operation=(
        ("a half-installed package leaves its service broken", "the install script ended with an error"),
        ("finish it with dpkg --configure or dnf history", "read the script's output in the package log"),
    ),
    degradation=(
        ("held-back packages leave known holes open", "nodes drift apart in their versions"),
        ("compare package lists of two like nodes", "list security updates that are still pending"),
    ),
    words="package packages rpm yum dnf apt dpkg zypper pip repository repo repos install installed installing "
    "updates upgrade upgraded erased dependency dependencies conda spack rpmdb up2date rhn",
    sources=("rpm(8)", "dnf(8)", "apt(8)", "dpkg(1)"),
)

PARTS = (
    KERNEL,
    SOFTWARE,
    LOADER,
    JVM,
    CONFIGURATION,
    DATABASE,
    QUEUE,
    BIGDATA,
    TIME,
    SERVICE,
    MONITORING,
    LOGGING,
    PACKAGES,
)
