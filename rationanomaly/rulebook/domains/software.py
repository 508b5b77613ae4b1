"""The kernel, programs and their runtimes, and what they are set up with."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

KERNEL = domain(
    "kernel",
    "the kernel",
    ("stands between programs and hardware", "runs drivers, schedules tasks and handles interrupts"),
    capacity=(
        ("system calls of all programs may fail", "new processes can't be created on the node"),
        ("compare file-nr and pid_max under /proc/sys", "count threads per user with ps"),
    ),
    integrity=(
        ("a crash of the node may be near", "files in use may be damaged along with it"),
        ("read the taint flags and the first trace in dmesg", "boot the node again before it takes work"),
    ),
    availability=(
        ("jobs there hang or are lost", "the node answers neither logins nor pings"),
        ("look for hung task or lockup traces in dmesg", "trigger a crash dump over the console"),
    ),
    access=(
        ("the call is refused to the program", "a driver may be kept out"),
        ("check capabilities and seccomp of the process", "look at lockdown mode and module signatures"),
    ),
    absence=(
        ("a function of the node stays switched off", "a device stays without its driver"),
        ("look for the module with modinfo", "compare uname -r with the installed modules"),
    ),
    operation=(
        ("the node may stop and take its jobs along", "every program on the node may be affected"),
        ("save the trace or vmcore before the reboot", "search the top function of the trace in known bugs"),
    ),
    degradation=(
        ("the node works on with reduced function", "jobs get less processor time than they asked for"),
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
        ("the process may give up part of its work", "items in its queues may be dropped"),
        ("compare ulimit -a with the process's use", "read its own size and queue settings"),
    ),
    integrity=(
        ("its state can't be trusted after this", "results written since then are doubtful"),
        ("compare its output with a known good run", "check the input file that it read last"),
    ),
    availability=(
        ("its users wait for a reply that never comes", "its task makes no headway until somebody acts"),
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
        ("its task remains undone and data may be half written", "the process may have to be started again"),
        ("open the core file with gdb and take a backtrace", "read its own log just before the end"),
    ),
    degradation=(
        ("it works on with less than its full function", "its users see slower or missing functions"),
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
        ("the library can't be loaded into the process", "a program has no room to start"),
        ("read segment sizes with readelf -l", "count the loaded libraries with ldd"),
    ),
    integrity=(
        ("the program can't be run on this node", "calls may end in the wrong code"),
        ("compare the file's checksum with its package", "check type and architecture with the file command"),
    ),
    availability=(
        ("programs hang while libraries come over a dead mount", "jobs start late or not at all"),
        ("trace the library search with LD_DEBUG=libs", "test whether the library's directory answers"),
    ),
    access=(
        ("the user can't run the program", "its job ends with permission denied"),
        ("check mode bits and mount options of the path", "look for denials on the library file"),
    ),
    absence=(
        ("the program can't start without its library", "jobs that use it end at once"),
        ("list the unresolved libraries with ldd", "check LD_LIBRARY_PATH and then rerun ldconfig"),
    ),
    operation=(
        ("the program ends before its first line runs", "the build gives no usable binary"),
        ("run it with LD_DEBUG=all and read the end", "compare compiler and library versions of the build"),
    ),
    degradation=(
        ("results may come from an older library", "start-up is slow on every node"),
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
        ("requests fail until memory is freed", "garbage collection takes all the processor time"),
        ("take a heap dump with jmap", "compare Xmx with live data in the GC log"),
    ),
    integrity=(
        ("objects read from outside can't be trusted", "code of two versions may run mixed"),
        ("look for the same class in two jars", "compare the jar's checksum on all hosts"),
    ),
    availability=(
        ("requests to the program stay unanswered", "its peers may count it as dead"),
        ("take three thread dumps with jstack", "look for pauses above one second in the GC log"),
    ),
    access=(
        ("the blocked call fails in its program", "secrets or files stay closed to it"),
        ("read the denied permission in the stack trace", "check the user that the JVM runs as"),
    ),
    absence=(
        ("the application may not start", "every call to that code fails"),
        ("print the class path with the verbose class option", "find the jar that should hold the class"),
    ),
    operation=(
        ("the request or thread that threw it is lost", "callers get an error in place of a result"),
        ("read the innermost cause of the stack trace", "open hs_err_pid if the machine itself crashed"),
    ),
    degradation=(
        ("collections come often and latency grows", "compiled code is thrown out and runs slowly"),
        ("watch the collection times with jstat", "compare heap use after full collections over days"),
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
        ("the setting is cut to what is allowed", "entries beyond the limit are left out"),
        ("compare the value with the range in the manual", "count entries against the documented maximum"),
    ),
    integrity=(
        ("old values may stay in force", "nodes run with different settings"),
        ("diff the file with the last version in git", "compare checksums of the file on all nodes"),
    ),
    availability=(
        ("nodes keep their old settings until it answers", "changes don't reach the services"),
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
        ("new clients get no connection", "inserts may fail until space is made"),
        ("compare the open sessions with max_connections", "look at table space and log volume size"),
    ),
    integrity=(
        ("writes can spread the damage further", "queries may return wrong records"),
        ("run the engine's check on the named table", "compare with a restored backup before repairing"),
    ),
    availability=(
        ("applications wait for locks or connections", "replicas don't hear from the primary"),
        ("list blocked sessions and who blocks them", "test the listener's port from the client"),
    ),
    access=(
        ("the client's role may not touch the table", "the application behind it can't work"),
        ("check the grants of the client's role", "compare pg_hba or host rules with the client address"),
    ),
    absence=(
        ("the caller's query can't be answered", "applications miss records they rely on"),
        ("compare the schema version with the application", "see whether the last schema migration ran"),
    ),
    operation=(
        ("the transaction is rolled back and its changes are gone", "callers see an error in place of rows"),
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
        ("part of the stored messages must be discarded", "consumers may see messages twice or never"),
        ("compare offsets of leader and followers", "dump the suspect segment with the log tool"),
    ),
    availability=(
        ("partitions without a leader take no messages", "consumers lose the broker and rebalance"),
        ("list the under-replicated and leaderless partitions", "test the broker's listener from a client"),
    ),
    access=(
        ("the client's messages don't get through", "programs behind the topic run dry"),
        ("list ACLs for the principal and topic", "check the SASL mechanism on both ends"),
    ),
    absence=(
        ("producers can't deliver their messages", "consumers find nothing to read"),
        ("list the topics and their retention", "compare the consumer's offset with the log start"),
    ),
    operation=(
        ("new messages may not be stored", "a consumer stops at a message it can't handle"),
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
        ("the block must be copied anew from good replicas", "files with no good replica are lost"),
        ("list corrupt blocks with hdfs fsck", "check the disk of the node that held them"),
    ),
    availability=(
        ("blocks on that node count as missing until it returns", "tasks wait or are started elsewhere"),
        ("look at the last heartbeat of the data node", "check whether the name node is in safe mode"),
    ),
    access=(
        ("the task's user may not read the path", "the data job behind it ends early"),
        ("compare owner and mode with hdfs dfs -ls", "renew the delegation token or ticket"),
    ),
    absence=(
        ("data jobs can't read their input", "requests for that part of the data fail"),
        ("list the path and its block locations", "look for unassigned regions in the master's page"),
    ),
    operation=(
        ("the task is tried again on another node", "a client has to write the block again"),
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
        ("the daemon may refuse to correct the clock", "timers of programs may fire late"),
        ("read the offset with chronyc tracking", "set the clock once, then start the daemon"),
    ),
    integrity=(
        ("events on different nodes can't be put in order", "tickets and certificates are judged by wrong time"),
        ("compare the date of several nodes", "check the hardware clock with hwclock"),
    ),
    availability=(
        ("the node's clock runs free and drifts", "log lines can't be matched with other nodes"),
        ("list peers and reach with ntpq -p", "test UDP port 123 to the server"),
    ),
    access=(
        ("this node gets no time from the server", "the daemon can't correct what it measures"),
        ("check the restrict lines in ntp.conf", "look for the CAP_SYS_TIME capability of the daemon"),
    ),
    absence=(
        ("the node depends on its own clock", "kernel timers become coarse or unstable"),
        ("list the time servers in chrony.conf", "read the current clocksource under /sys"),
    ),
    operation=(
        ("the clock may stay off by seconds", "programs may see time jump"),
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
        ("new requests are turned away until others finish", "it may stay down until somebody steps in"),
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
        ("the client gets no service from this host", "requests of this user are refused"),
        ("check hosts.allow and the service's access rules", "see which user owns the process"),
    ),
    absence=(
        ("nothing listens where clients expect it", "programs that need it can't work"),
        ("list listening ports with ss -ltnp", "see whether its unit is enabled at boot"),
    ),
    operation=(
        ("its clients may lose their sessions", "requests may be dropped without a result"),
        ("read its journal with journalctl -u", "start it in the foreground with debug output"),
    ),
    degradation=(
        ("replies come late and clients repeat requests", "work it held may be dropped"),
        ("compare response times before and after restarts", "count its restarts with systemctl show"),
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
        ("the watched part may soon stop working", "somebody should act before users notice"),
        ("see which metric crossed which threshold", "check retention and disk of the metric store"),
    ),
    integrity=(
        ("readings can't be relied on and alarms mislead", "decisions are based on wrong values"),
        ("compare the reading with the tool on the node", "check units and time stamps of the series"),
    ),
    availability=(
        ("faults on the node pass unseen", "missed heartbeats make a node count as dead"),
        ("check the agent on the node and its port", "see whether the node itself answers a ping"),
    ),
    access=(
        ("the collector may not read the value", "the node drops out of the overview"),
        ("check the community string or token", "look at the agent's list of allowed hosts"),
    ),
    absence=(
        ("a gap remains in the record of the node", "alarms for that part can't be raised"),
        ("run the plug-in by hand on the node", "see when the last value came in"),
    ),
    operation=(
        ("the watched part needs a closer look", "operators may not hear of trouble"),
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
        ("some messages are dropped unseen", "the record may stop until space is made"),
        ("look for suppressed-message notes of the daemon", "check the free space under /var/log"),
    ),
    integrity=(
        ("parts of the log can't be read later", "the record of an incident has gaps"),
        ("verify the journal with journalctl --verify", "compare local lines with the central host"),
    ),
    availability=(
        ("lines wait in the queue for the central host", "programs block while they write to the log"),
        ("test the port of the log host", "read the queue statistics of the daemon"),
    ),
    access=(
        ("the daemon may not write its file", "readers without the group see no log"),
        ("check owner and mode of the log file", "look for SELinux denials of the daemon"),
    ),
    absence=(
        ("no record of that time or program is there", "an incident there can't be traced"),
        ("see whether rotation told the daemon to reopen", "check the rule that routes this program"),
    ),
    operation=(
        ("messages since then are lost for later analysis", "later events may not be recorded"),
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
        ("the update stops for want of disk space", "nodes stay on their old versions"),
        ("check free space of /var and /usr", "clean the cache of dnf or apt"),
    ),
    integrity=(
        ("updates can't be installed safely", "broken or tampered files may get installed"),
        ("rebuild the database with rpm --rebuilddb", "verify installed files with rpm -V"),
    ),
    availability=(
        ("nodes can't fetch updates for now", "installs have to wait for their turn"),
        ("fetch the repository's metadata with curl", "find the holder of the lock with fuser"),
    ),
    access=(
        ("nodes get no updates from there", "users without rights can't install"),
        ("check the repository's credentials and keys", "see whether the command ran as root"),
    ),
    absence=(
        ("the wanted package can't be installed", "nodes lack a package their jobs need"),
        ("list the repositories that are enabled", "search which package provides the file"),
    ),
    operation=(
        ("services of that package may not start", "the node may be left between two versions"),
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
