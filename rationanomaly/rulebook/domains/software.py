"""The kernel, programs and their runtimes, and what they are set up with."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

KERNEL = domain(
    "kernel",
    "the kernel",
    ("stands between programs and hardware", "runs drivers, schedules tasks and handles interrupts"),
    capacity=(
        ("programs on the node get errors from system calls", "the node turns away new processes or connections"),
        ("compare open files and processes with the system's limits", "count threads per user with ps"),
    ),
    integrity=(
        ("the node crashes or computes wrong results", "data in memory or on disk get damaged"),
        ("read the first trace and taint flags in dmesg", "test memory and disks of the node before new work"),
    ),
    availability=(
        ("everything that runs on the node hangs or is gone", "the node answers neither logins nor pings"),
        ("look for hung task or lockup traces in dmesg", "try the node's console and a ping"),
    ),
    access=(
        ("a program is refused its system call", "a process is kept from memory or hardware"),
        ("check user and capabilities of the process", "see which security policy is loaded on the node"),
    ),
    absence=(
        ("a function of the node stays switched off", "a device or program lacks the support that it needs"),
        ("look for the module with modinfo and lsmod", "compare uname -r with the installed modules"),
    ),
    operation=(
        ("programs on the node misbehave or end", "a device or driver does not do its work"),
        ("save the output of dmesg before any reboot", "search known bugs for the named function or driver"),
    ),
    degradation=(
        ("the node works on with reduced function", "jobs on the node take longer than planned"),
        ("watch /proc/interrupts and the load for outliers", "see in dmesg which device or driver is concerned"),
    ),
    words="kernel panic oops bug interrupt interrupts trap syscall driver drivers stack backtrace softlockup "
    "lockup watchdog nmi kthread rts linux module modules sysctl tainted kexec kdump vmcore printk dmesg "
    "rcu tasklet ksoftirqd kworker preempt spinlock uname modprobe insmod vmlinux sysrq",
    hints="backtrace bug dmesg linux module modules panic preempt rts stack trap uname watchdog",
    sources=("Linux kernel documentation, admin-guide", "dmesg(1)", "proc(5)", "crash(8)"),
    broad=True,
)

SOFTWARE = domain(
    "software",
    "the program",
    ("runs as a process with its own resources", "does what its users or other programs asked for"),
    capacity=(
        ("the process gives up part of its work", "requests of its users wait or are dropped"),
        ("compare the process's use with its ulimit", "watch with top how its memory use changes"),
    ),
    integrity=(
        ("it goes on from input or memory that is wrong", "its stored results are no longer trustworthy"),
        ("compare its output with a known good run", "check the input that it read last"),
    ),
    availability=(
        ("its users wait for a reply that never comes", "its work is left unfinished"),
        ("look for its process and state with ps", "see when it last wrote output or a log line"),
    ),
    access=(
        ("the process stops for lack of rights", "its users are turned away from their work"),
        ("look up the user that it runs as", "trace the refused call with strace"),
    ),
    absence=(
        ("it does not start, or ends early", "one of its features stays off"),
        ("check that its files and package are complete", "compare its version with what it expects"),
    ),
    operation=(
        ("its task is left undone or half done", "its users get an error in place of a result"),
        ("read its own log just before this line", "repeat the same task with more detailed logging"),
    ),
    degradation=(
        ("it works on with less than its full function", "its users see slower or missing functions"),
        ("watch its processor time and memory over a day", "see which of its parts lags behind or fails"),
    ),
    words="program programs process processes application app pid thread threads sigsegv sigterm sigkill "
    "sigabrt sigfpe segmentation segfault core dumped exit exited assertion assert exception null pointer "
    "executable binary shell perl python child children parent stacktrace fork exec traceback abort "
    "aborted handler coredump errno stdin stdout stderr buffers buffer signal",
    hints="abort aborted app application assert binary buffer buffers child children core dumped errno "
    "exception exec exit exited fork handler null parent perl pid pointer python shell signal stderr "
    "stdin stdout",
    sources=("core(5)", "signal(7)", "strace(1)", "gdb(1)"),
    broad=True,
)

LOADER = domain(
    "loader",
    "the program loader",
    ("binds programs to their shared libraries", "maps executables into memory before they run"),
    capacity=(
        ("programs find no room to start", "a build or start stops at a limit"),
        ("read the program's segment sizes with readelf -l", "check the limits of the shell with ulimit -a"),
    ),
    integrity=(
        ("the program does not run on this node", "calls into the library crash or return nonsense"),
        ("compare the file's checksum with its package", "check type and architecture with the file command"),
    ),
    availability=(
        ("programs hang or end while their libraries load", "jobs start late or not at all"),
        ("trace the library search with LD_DEBUG=libs", "test whether the library's directory answers"),
    ),
    access=(
        ("the user is kept from running the program", "a job ends because its library stays closed"),
        ("check mode bits and mount options of the path", "start the program as that user from a shell"),
    ),
    absence=(
        ("the program fails to start without its library", "jobs that use it end at once"),
        ("list the unresolved libraries with ldd", "check the library path and rerun ldconfig"),
    ),
    operation=(
        ("the program ends before its first line runs", "a build yields no usable binary"),
        ("run it with LD_DEBUG=all and read the end", "compare compiler and library versions on the node"),
    ),
    degradation=(
        ("programs start slowly on the nodes", "some functions of a program stay unusable"),
        ("see with ldd which version is bound", "time the start from local and shared disks"),
    ),
    words="library libraries ld ldd ldso elf dlopen dlsym symbol symbols linker relocation rpath glibc libc "
    "libstdc gcc compiler compile compiled linking shared dynamic static ldconfig undefined header "
    "headers preload",
    hints="compile compiled compiler dynamic elf gcc glibc header headers ld libc libstdc linker linking "
    "preload relocation shared static symbol symbols undefined",
    sources=("ld.so(8)", "ldd(1)", "elf(5)", "ldconfig(8)"),
)

JVM = domain(
    "jvm",
    "the Java virtual machine",
    ("runs Java programs and collects their garbage", "loads classes and compiles hot code"),
    capacity=(
        ("requests to its program fail or wait", "the Java process ends at its limit"),
        ("look at heap, threads and open files of the process", "compare its limits with the use shown by jcmd"),
    ),
    integrity=(
        ("objects in memory hold wrong values", "a class, file or message is refused as unusable"),
        ("find which class or input the stack trace concerns", "compare checksums of the jars between hosts"),
    ),
    availability=(
        ("requests to the program stay unanswered", "its peers count it as dead"),
        ("try a request to it from its own host", "list the running Java processes with jps"),
    ),
    access=(
        ("its program is refused files or calls it needs", "users of the application are turned down"),
        ("find in its output what was refused to whom", "see what its operating-system user is allowed"),
    ),
    absence=(
        ("the application does not start or lacks a function", "calls that rely on the missing item throw exceptions"),
        ("print the class path that the process was given", "search the jars and data directory for the missing item"),
    ),
    operation=(
        ("a request to its program ends without a result", "its program goes on in a half-finished state"),
        ("read the innermost cause of any stack trace below", "follow the thread of this line back in the log"),
    ),
    degradation=(
        ("replies slow down under the same load", "peers repeat their requests or give up"),
        ("watch the collection times with jstat", "compare heap and thread counts over some days"),
    ),
    words="java jvm javax gc garbage heap classloader classpath classnotfoundexception nullpointerexception "
    "hotspot jar jmx jdk jre metaspace permgen noclassdeffounderror outofmemoryerror stackoverflowerror "
    "jstack servlet hibernate slf4j log4j log4j2 lang ioexception xception throwable thrown ejb junit "
    "scala org",
    hints="ejb garbage heap hibernate hotspot jar javax junit lang log4j log4j2 org scala slf4j throwable "
    "thrown xception",
    sources=("Java SE troubleshooting guide", "jstack(1)", "jstat(1)"),
)

CONFIGURATION = domain(
    "configuration",
    "the configuration",
    ("sets names, sizes and limits of services", "tells each program how to work"),
    capacity=(
        ("a service ignores part of its settings", "limits in force do not suit the load"),
        ("compare the value with the range in the manual", "see which limit the setting puts on the service"),
    ),
    integrity=(
        ("a service obeys other values than those meant", "nodes run with different settings"),
        ("compare the file with its last committed version", "look for nodes whose settings differ from the rest"),
    ),
    availability=(
        ("a service goes on without its current settings", "changes fail to reach the nodes"),
        ("see whether the service has read its settings since", "look when settings were last rolled out"),
    ),
    access=(
        ("a service is kept from reading its own settings", "an operator's change is refused"),
        ("check owner and mode of the configuration file", "see which user the service runs as"),
    ),
    absence=(
        ("a default is used where a choice was meant", "a service stops for want of a required setting"),
        ("look for the setting in the sample configuration", "check which file the service reads at start"),
    ),
    operation=(
        ("a service starts with wrong settings or not at all", "an option has no effect although it is set"),
        ("let the program test its settings without starting", "compare it with the last settings that worked"),
    ),
    degradation=(
        ("a poor setting costs speed or safety", "nodes fall behind the settings meant for them"),
        ("see which option was changed last, and why", "list settings that differ from the defaults"),
    ),
    words="config configs configuration configurations configure configured conf parameter parameters option "
    "options setting settings argument arguments syntax parse parsing unrecognized unsupported deprecated "
    "property properties environment env variable variables defaults puppet ansible chef cfengine yaml "
    "xml json ini keyword directive obsolete",
    hints="argument arguments chef conf configs configure configured defaults deprecated directive env "
    "environment ini json keyword obsolete parse parsing properties property setting settings syntax "
    "unrecognized unsupported variable variables xml yaml",
    sources=("manual pages of section 5", "Puppet and Ansible documentation"),
    broad=True,
)

DATABASE = domain(
    "database",
    "the database",
    ("keeps records and answers queries", "commits changes as whole transactions"),
    capacity=(
        ("clients are refused new sessions or queries", "inserts and updates wait or fail at a limit"),
        ("compare open sessions with the connection limit", "look at table space and log volume size"),
    ),
    integrity=(
        ("applications store wrong or conflicting records", "queries return damaged or missing rows"),
        ("run the engine's own check on its tables", "compare with a restored backup before repairing"),
    ),
    availability=(
        ("applications wait or lose their sessions", "transactions that were open are rolled back"),
        ("list open sessions and who blocks them", "try a login to it from the application's host"),
    ),
    access=(
        ("the application behind it stops working", "a client is refused its own records"),
        ("list what the client's role is granted", "see which hosts the database accepts logins from"),
    ),
    absence=(
        ("the caller's query stays unanswered", "applications miss records they rely on"),
        ("compare its schema version with the application's", "see whether the missing object has another name there"),
    ),
    operation=(
        ("a transaction is rolled back and its changes are gone", "callers see an error in place of rows"),
        ("find the statement behind this line in its log", "try the same query in a test session"),
    ),
    degradation=(
        ("queries and commits take longer for all users", "readers get late or outdated answers"),
        ("look at the plan of the slowest statement", "measure how far its replicas lag behind"),
    ),
    words="database databases db db2 sql mysql mysqld mariadb postgres postgresql oracle query queries "
    "transaction transactions table row rows column columns commit rollback schema jdbc odbc insert "
    "select record records deadlock index innodb redis mongodb mongod cassandra sqlite tablespace vacuum "
    "wal redo constraint foreign tuple statement cursor tables",
    hints="column columns commit constraint cursor deadlock foreign index insert oracle query record records "
    "redo rollback row rows select statement table tables tuple vacuum wal",
    sources=("PostgreSQL documentation", "MySQL reference manual", "Db2 messages reference"),
)

QUEUE = domain(
    "message queue",
    "the message queue",
    ("passes messages from producers to consumers", "keeps messages in order until they are read"),
    capacity=(
        ("producers are held back or turned away", "unread messages pile up or are dropped"),
        ("read how far each consumer lags behind", "check how full the broker's disk and memory are"),
    ),
    integrity=(
        ("consumers get damaged or incomplete messages", "its members disagree about what is stored"),
        ("compare message counts of the copies", "trace one message from its producer to the consumer"),
    ),
    availability=(
        ("consumers stop getting new messages", "members of the cluster lose touch with each other"),
        ("see which brokers of the cluster still answer", "test the broker's port from a client"),
    ),
    access=(
        ("nothing that the client sends is accepted", "programs behind the topic run dry"),
        ("list the rights of the client on that topic", "check user name and login method on both ends"),
    ),
    absence=(
        ("producers have nowhere to deliver", "consumers find nothing to read"),
        ("list the queues or topics that exist", "see which queue or topic the client asks for"),
    ),
    operation=(
        ("messages are not stored or passed on", "a client or member stays out of the cluster"),
        ("read the broker's log for the same moment", "see which client, member or topic is concerned"),
    ),
    degradation=(
        ("messages reach their consumers late", "one member falls behind the others"),
        ("compare the copies in step with the wanted number", "watch the delay between producers and consumers"),
    ),
    words="kafka rabbitmq activemq amqp mqtt broker brokers topic topics consumer consumers producer offset "
    "offsets isr rebalance zookeeper quorum znode jms message messages subscription pubsub pulsar nats "
    "zeromq leader follower queue exchange mq",
    hints="consumer consumers exchange follower isr leader message messages mq nats offset offsets producer "
    "pulsar queue quorum rebalance subscription topic topics znode",
    sources=("Apache Kafka documentation", "RabbitMQ documentation", "ZooKeeper administrator guide"),
)

BIGDATA = domain(
    "distributed data",
    "the distributed data store",
    ("keeps blocks in several copies over many nodes", "runs data tasks close to their blocks"),
    capacity=(
        ("blocks or tasks find no room on the nodes", "jobs slow down or lose tasks at a limit"),
        ("compare capacity and use of the data nodes", "compare limits of the tasks with what they used"),
    ),
    integrity=(
        ("tasks fail on blocks that they are unable to use", "jobs read damaged or outdated data"),
        ("list blocks or shards without an intact copy", "check the disk of the node that held them"),
    ),
    availability=(
        ("blocks on a node are out of reach", "tasks wait or move to other nodes"),
        ("look when the data node was last heard of", "see whether the master still accepts requests"),
    ),
    access=(
        ("an analysis stops where its read is rejected", "tables or files are closed to those who work on them"),
        ("check whether the job's user has rights on the data", "read the expiry of the job's ticket or token"),
    ),
    absence=(
        ("data jobs find no input to work on", "requests for part of the data fail"),
        ("list the path and where its blocks lie", "count the data nodes that are registered"),
    ),
    operation=(
        ("a task or transfer has to be repeated", "clients do not get or store their blocks"),
        ("open the log of the task or transfer concerned", "find out which data nodes took part"),
    ),
    degradation=(
        ("copies of blocks are made later than wanted", "one slow node holds up the whole stage"),
        ("count blocks with too few copies", "compare disk and network times of the nodes"),
    ),
    words="hdfs hadoop namenode datanode datanodes yarn mapreduce mapred reducer mapper spark executor "
    "executors rdd shuffle hbase regionserver region hive blockmap namesystem replication replicas "
    "replicate tasktracker jobtracker nodemanager resourcemanager appattempt packetresponder dfs "
    "elasticsearch shard blk block blocks",
    hints="appattempt blk block blocks executor executors region replicas replicate replication shard shuffle",
    sources=("HDFS architecture guide", "Spark tuning guide", "HBase reference guide"),
)

TIME = domain(
    "time",
    "the clock service",
    ("keeps the clocks of all nodes in step", "gives log lines and files their time"),
    capacity=(
        ("programs and timers act on a wrong time", "the clock is left uncorrected"),
        ("read the clock's current offset from true time", "compare the offset with the daemon's allowed maximum"),
    ),
    integrity=(
        ("events on different nodes appear in the wrong order", "certificates and tickets are judged by wrong time"),
        ("compare the date of several nodes", "check the hardware clock with hwclock"),
    ),
    availability=(
        ("the node's clock drifts on its own", "log lines no longer match those of other nodes"),
        ("list the time sources and when they answered", "test UDP port 123 of the time server"),
    ),
    access=(
        ("this node gets no time from the server", "programs that need exact time misbehave"),
        ("see whether the server answers other nodes", "see which user and rights the daemon has"),
    ),
    absence=(
        ("timed work on the node starts too early or late", "time stamps of this node are wrong"),
        ("list the time servers it is set up with", "see whether the names of its servers resolve"),
    ),
    operation=(
        ("the node's time stays off or jumps", "programs on the node measure wrong intervals"),
        ("watch the daemon's next polls of its servers", "look for programs that misbehaved at that time"),
    ),
    degradation=(
        ("stamps become less exact from hour to hour", "clocks of the nodes slowly part from each other"),
        ("compare drift and jitter with other nodes", "measure the round trip to the time server"),
    ),
    words="ntp ntpd ntpdate chrony chronyd clock clocksource timer timers synchronized synchronised "
    "synchronization sync drift stratum rtc hwclock timestamp gettimeofday adjusting leap tsc jiffies "
    "hpet skew timekeeping ptp offset timezone",
    hints="adjusting drift gettimeofday jiffies leap offset skew sync synchronised synchronization "
    "synchronized timekeeping timer timers timestamp timezone",
    sources=("ntpd(8)", "chronyc(1)", "clock_gettime(2)", "RFC 5905"),
)

SERVICE = domain(
    "service",
    "the system service",
    ("works in the background for other programs", "waits for requests of its clients"),
    capacity=(
        ("new requests are turned away until others finish", "clients wait longer or give up"),
        ("count its connections against the configured limit", "see how much memory and how many files it holds"),
    ),
    integrity=(
        ("it goes on with a wrong or damaged state", "clients work with answers that are wrong"),
        ("check its state files against a backup", "see whether both sides speak the same version"),
    ),
    availability=(
        ("programs that call on it hang or end", "requests stay without an answer"),
        ("look at its state with systemctl status", "send one request by hand and watch its log"),
    ),
    access=(
        ("the client gets no service from this host", "users are locked out of what it offers"),
        ("read its allow and deny rules for that client", "see which account or address was refused"),
    ),
    absence=(
        ("clients do not find what they ask for", "programs that need it go without"),
        ("list listening ports with ss -ltnp", "look whether its files and unit are in place"),
    ),
    operation=(
        ("its clients have to ask again or go elsewhere", "requests are dropped without a result"),
        ("read its messages with journalctl -u", "check its configuration for recent changes"),
    ),
    degradation=(
        ("replies come late and clients repeat requests", "it serves fewer clients than planned"),
        ("compare its response times with last week's", "count its restarts and warnings in the journal"),
    ),
    words="service services server servers client clients daemon daemons xinetd inetd snmp snmpd ftp ftpd "
    "vsftpd portmap portmapper cups cupsd listener systemd dbus respawning respawn worker workers "
    "request requests slp print printer lpd init",
    hints="client clients ftp init listener print printer request requests slp snmp systemd worker workers",
    sources=("systemd(1)", "xinetd(8)", "systemctl(1)"),
    broad=True,
)

MONITORING = domain(
    "monitoring",
    "the monitoring",
    ("watches health and load of the machine", "collects measurements and raises alarms"),
    capacity=(
        ("the watched part stops working before long", "users notice a shortage before operators act"),
        ("see which value crossed which threshold", "check space and retention of the metric store"),
    ),
    integrity=(
        ("readings mislead those who act on them", "alarms are raised on wrong values"),
        ("compare the reading with a tool on the node", "check units and time stamps of the series"),
    ),
    availability=(
        ("faults on the node pass unseen", "a living node is counted as dead"),
        ("check that the agent runs on the node", "see whether the node itself answers a ping"),
    ),
    access=(
        ("the collector is refused its readings", "the node drops out of the overview"),
        ("compare credentials of the agent and the collector", "repeat the query as the monitoring user"),
    ),
    absence=(
        ("a gap remains in the record of the node", "no alarm is raised for that part"),
        ("run the probe by hand on the node", "see when the last value came in"),
    ),
    operation=(
        ("operators hear nothing of trouble", "the watched part fails before anyone looks"),
        ("read the check's output and run it again", "send a test alert and see whether it arrives"),
    ),
    degradation=(
        ("values and alarms come late", "the watched part gets slowly worse"),
        ("compare the poll interval with the delay of values", "look at the history of that check over some days"),
    ),
    words="monitor monitors monitoring monitored health healthcheck heartbeat heartbeats ganglia gmond gmetad "
    "nagios nrpe zabbix prometheus statistics stats counter counters threshold thresholds alert alerts "
    "alarm alarms poll polling probe ping collectd metric metrics sampling telemetry diagnostics "
    "diagnostic ras",
    hints="alarm alarms counter counters diagnostic diagnostics health healthcheck heartbeat heartbeats "
    "monitor monitored monitors ping poll polling probe ras sampling statistics stats telemetry "
    "threshold thresholds",
    sources=("Prometheus documentation", "Nagios core documentation", "gmond.conf(5)"),
    broad=True,
)

LOGGING = domain(
    "logging",
    "the logging service",
    ("collects and stores the messages of programs", "forwards log lines to a central host"),
    capacity=(
        ("messages are dropped without a trace", "the record has to stop at a limit"),
        ("look for notes on suppressed messages", "see how full the log partition is"),
    ),
    integrity=(
        ("parts of the log become unreadable", "the record of an incident has gaps"),
        ("check the log files for damaged stretches", "compare local lines with the central host"),
    ),
    availability=(
        ("lines pile up for the central host", "programs block while they write to the log"),
        ("test the connection to the log host", "see whether new lines still reach the log"),
    ),
    access=(
        ("the daemon is kept from its own file", "those who need the log find it closed"),
        ("see who owns the log file and its directory", "look which senders the log host accepts"),
    ),
    absence=(
        ("an incident of that time leaves no trace", "the log of one program is missing"),
        (
            "see whether log file and directory exist after rotation",
            "check the rule that routes this program's messages",
        ),
    ),
    operation=(
        ("later events are not recorded", "messages since then are lost for later analysis"),
        ("send a test line with logger and look for it", "check the logging rules for mistakes"),
    ),
    degradation=(
        ("useful lines are missing or hard to find", "messages reach the central host late"),
        ("find the loudest program in the log", "compare time of arrival and of origin"),
    ),
    words="syslog syslogd klogd rsyslog rsyslogd syslogng journald journalctl logger log logs logging logfile "
    "loghost rotate rotated rotation imuxsock fluentd logstash filebeat",
    hints="log logging logs rotate rotated rotation",
    sources=("syslogd(8)", "rsyslogd(8)", "journald.conf(5)", "RFC 5424"),
)

PACKAGES = domain(
    "packages",
    "the package manager",
    ("installs and updates the software of a node", "tracks which files belong to which package"),
    capacity=(
        ("an update stops half way at a limit", "nodes stay on their old versions"),
        ("see with df whether /usr and /var are full", "look for the limit named in the package tool's log"),
    ),
    integrity=(
        ("later updates are blocked by the damage", "broken or unsuitable files get installed"),
        ("verify installed files with the package tool", "refresh the repository's metadata and compare checksums"),
    ),
    availability=(
        ("nodes get no updates for now", "installs break off or wait for their turn"),
        ("fetch the repository's index with curl", "see which process holds the package lock"),
    ),
    access=(
        ("security fixes fail to reach the node", "the wanted software stays uninstalled"),
        ("check the repository's credentials and keys", "see whether the command ran as root"),
    ),
    absence=(
        ("the wanted package stays out of the node", "nodes lack software that their jobs need"),
        ("list the repositories that are enabled", "search which package provides what is missing"),
    ),
    operation=(
        ("services of that package fail to start", "the node is left between two versions"),
        ("read the package log for the step concerned", "let the package tool look for unfinished work"),
    ),
    degradation=(
        ("updates run past their maintenance window", "nodes drift apart in their versions"),
        ("compare package lists of two like nodes", "list updates that are still pending"),
    ),
    words="package packages rpm yum dnf apt dpkg zypper pip repository repo repos install installed installing "
    "updates upgrade upgraded erased dependency dependencies conda spack rpmdb up2date rhn",
    hints="package packages rpm apt pip repository repo repos install installed installing updates upgrade "
    "upgraded erased dependency dependencies rhn",
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
