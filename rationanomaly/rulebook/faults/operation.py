"""Failures that take away something that is needed, or a piece of work."""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, error_in, sense, unable

FAULTS: tuple[Sign, ...] = (
    Sign(
        "unresolved",
        "absence",
        (
            sense(
                "no resolution has been found so far",
                "the resolution is still outstanding",
                words="unresolved",
            ),
            sense(
                "the attempt to resolve it gave no result",
                "no way was found to resolve it",
                phrases="could not be resolved",
                others=unable("resolve"),
            ),
            sense(
                "the lookup returned no usable entry",
                "the lookup ended without an answer",
                others=unable("lookup"),
            ),
            sense(
                "the domain name does not exist in the DNS",
                "the name server knows of no such domain",
                words="nxdomain",
            ),
            sense(
                "the name server failed to answer the DNS query",
                "the DNS query broke down on the server's side",
                words="servfail",
            ),
            sense(
                "no host of that name is known",
                "the host name leads to no known machine",
                phrases="unknown host, host not found, no such host",
            ),
            sense(
                "the name that was given is nowhere known",
                "the name has no known address",
                phrases="name or service not known, name not known",
            ),
            sense(
                "the host name was not translated into an address",
                "the host name was looked up without success",
                phrases="name resolution failure, cannot resolve hostname",
            ),
            sense(
                "the host name can't be resolved for the moment",
                "the name lookup failed for the time being",
                phrases="temporary failure in name resolution",
            ),
            sense(
                "the symbol has no known definition",
                "no code or data was found for the symbol",
                phrases="undefined symbol, unresolved symbol, unknown symbol, symbol not found",
            ),
            sense(
                "the reference points to nothing that is defined",
                "the target of the reference was not found",
                phrases="undefined reference, unresolved reference",
            ),
            sense(
                "the class was not found where the program looked",
                "the program wants a class that is not there",
                phrases="class not found",
            ),
        ),
        (
            "gai_strerror(3): EAI_NONAME, EAI_AGAIN",
            "ld.so(8): undefined symbol",
            "modprobe(8): unknown symbol",
            "named(8)",
        ),
        risks=(
            "a program can't use what it tried to resolve",
            "everyone who asks for that name is affected",
            "a program stops at the first use of the unresolved name",
        ),
        benign=(
            "someone mistyped the name that was looked up",
            "the program tried an optional name and does without it",
            "another source then supplied the answer",
        ),
        checks=(
            "see whether the same name resolves on another machine",
            "check how the name is spelled and where it is defined",
            "see whether other names still resolve there",
        ),
    ),
    Sign(
        "absent",
        "absence",
        (
            sense(
                "a part is not where it belongs",
                "one part is lacking",
                words="missing absent",
                phrases="not present",
            ),
            sense(
                "nothing of that name or kind exists",
                "what was asked for does not exist",
                words="nonexistent",
                phrases="no such, does not exist, do not exist, not exist",
            ),
            sense(
                "what existed earlier is gone now",
                "what was once there has since gone",
                phrases="no longer exists",
            ),
            sense(
                "a resource can't be used for now",
                words="unavailable",
                phrases="not available",
            ),
            sense(
                "a resource that could be used earlier is gone",
                "what could be used earlier is out of use",
                phrases="no longer available",
            ),
            sense(
                "the path leads to no existing file",
                "no file or directory was found under the name",
                words="enoent",
                phrases="no such file, no such file or directory",
            ),
            sense(
                "the system has no device of that name",
                "the device addressed is not there",
                phrases="no such device",
            ),
            sense(
                "the search ended without a match",
                "what was looked for is not there",
                phrases="not found, was not found, none found",
            ),
            sense(
                "the search for it brought no result",
                "no trace of it was found",
                others=unable("find locate"),
            ),
            sense(
                "no registration is on record",
                "the register holds no such entry",
                phrases="not registered",
            ),
            sense(
                "it is not part of the installation",
                "the system does not have it installed",
                phrases="not installed",
            ),
            sense(
                "the detection gave no result",
                phrases="not detected",
                others=unable("detect"),
            ),
            sense(
                "no module of that name was found",
                "the program wants a module that is not there",
                phrases="no module named",
            ),
            sense(
                "the status of the file could not be queried",
                "the file's attributes could not be obtained",
                others=unable("stat"),
            ),
            sense(
                "it could not be opened for use",
                others=unable("open"),
            ),
            sense(
                "no access to it was possible",
                "it stayed out of reach",
                others=unable("access"),
            ),
            sense(
                "it did not get mounted",
                "the mount was not possible",
                others=unable("mount"),
            ),
        ),
        ("errno(3): ENOENT, ENODEV, ENXIO", "modprobe(8): module not found", "Perl: Can't locate", "systemctl(1)"),
        risks=(
            "work that relies on the item ends early",
            "a service goes on without a piece that it needs",
            "a program falls back on an outdated copy unnoticed",
        ),
        benign=(
            "the program looks in several places and another has the item",
            "the item is optional and the machine does without it",
            "the item was taken away on purpose beforehand",
        ),
        checks=(
            "see whether the item exists under exactly that name",
            "find out whether someone removed or renamed the item",
            "find out which programs need the item",
        ),
    ),
    Sign(
        "misconfigured",
        "operation",
        (
            sense(
                "the settings are wrong",
                "the setup contains a mistake",
                words="misconfigured misconfiguration",
                phrases="badly configured",
            ),
            sense(
                "the text breaks the rules of its language",
                "the syntax of the text is wrong",
                phrases="syntax error",
            ),
            sense(
                "the input lacks the form that the parser expects",
                "the parser could not take the input apart",
                phrases="parse error, parse errors, parsing error",
            ),
            sense(
                "its structure could not be made out",
                "the parser can't interpret its content",
                others=unable("parse"),
            ),
            sense(
                "the program has no such option",
                "the option does not exist there",
                phrases="unknown option, unrecognized option",
            ),
            sense(
                "the option can't be used like that",
                "the option was rejected as unfit",
                phrases="invalid option, bad option, illegal option",
            ),
            sense(
                "the configuration can't be used as it is",
                "these settings are unusable",
                phrases="invalid configuration, bad configuration",
            ),
            sense(
                "the error concerns the configuration",
                "an error was found in the configuration",
                phrases="configuration error, config error",
            ),
            sense(
                "the configuration could not be carried out",
                "it was not configured successfully",
                phrases="configuration failed",
            ),
            sense(
                "the argument was rejected as unsuitable",
                "the call was given an unsuitable argument",
                phrases="invalid argument",
            ),
            sense(
                "the parameter is of no use as given",
                "the parameter is unsuitable",
                phrases="invalid parameter, bad parameter",
            ),
            sense(
                "the program has no parameter of that name",
                "the parameter name means nothing to the program",
                phrases="unknown parameter",
            ),
            sense(
                "no such entry is provided for",
                "the entry is not among the known ones",
                phrases="unknown directive, unknown key, unknown keyword",
            ),
            sense(
                "the value is outside what is accepted",
                "the value given can't be used",
                phrases="invalid value, bad value",
            ),
            sense(
                "the setting is not among those allowed",
                "the setting was rejected",
                phrases="invalid setting",
            ),
            sense(
                "no settings have been made for it",
                "nobody has set it up so far",
                phrases="not configured",
            ),
            sense(
                "a definition is still lacking",
                "nobody has defined it so far",
                phrases="not defined",
            ),
            sense(
                "no value has been given",
                "the value was left empty",
                phrases="not set",
            ),
            sense(
                "a required parameter was left out",
                "one of the required inputs was not given",
                phrases="missing parameter, missing argument",
            ),
        ),
        ("getopt(3): invalid option", "errno(3): EINVAL", "sshd_config(5): bad configuration option", "nginx -t"),
        risks=(
            "a default applies that nobody intended",
            "the program refuses to run with the given settings",
            "what was configured stays without effect",
        ),
        benign=(
            "a user mistyped a command and enters it again",
            "an older program skips a setting that only newer ones know",
            "the setting was left out on purpose and a default serves",
        ),
        checks=(
            "compare the setting or command with its documentation",
            "review the latest change to the configuration",
            "find out which program or user supplied the setting",
        ),
    ),
    Sign(
        "duplicated",
        "operation",
        (
            sense(
                "one item occurs more than once",
                "a repeat of an earlier item was noticed",
                words="duplicate duplicated duplicates",
            ),
            sense(
                "the same entry was made twice",
                "the entry exists already",
                phrases="duplicate entry",
            ),
            sense(
                "the address is taken by another socket",
                "the wanted address is occupied already",
                words="eaddrinuse",
                phrases="address already in use",
            ),
            sense(
                "it is occupied and not free to take",
                "an earlier user still holds it",
                phrases="already in use",
            ),
            sense(
                "the same address is claimed twice",
                "the address has more than one holder",
                phrases="duplicate address, duplicate ip, ip conflict, address conflict",
            ),
            sense(
                "the identifier should be unique but occurs twice",
                "the same identifier was used again",
                phrases="duplicate key, duplicate id, duplicate uuid",
            ),
            sense(
                "two owners claim the name",
                "the name clashes with another one",
                phrases="name conflict",
            ),
        ),
        ("errno(3): EADDRINUSE", "arping(8), Linux addrconf.c: duplicate address detected", "MySQL: error 1062"),
        risks=(
            "data go to the wrong one of two holders",
            "one holder is shut out while the other works",
            "the same item is counted or handled twice",
        ),
        benign=(
            "the sender repeated its message because no receipt came",
            "the earlier holder is about to let go",
            "the repeat was noticed and simply ignored",
        ),
        checks=(
            "find out who holds the original and who the duplicate",
            "see which host or process came first",
            "see whether a copied configuration causes the duplicate",
        ),
    ),
    Sign(
        "unreadable",
        "operation",
        (
            sense(
                "the content can't be read",
                "nobody can make out the content",
                words="unreadable",
                phrases="not readable",
            ),
            sense(
                "reading it was not possible",
                "no data could be obtained from it",
                others=unable("read"),
            ),
            sense(
                "the read ended in an error",
                "no clean read was possible",
                phrases="read io error",
                others=error_in("reading", "read"),
            ),
            sense(
                "loading it was in vain",
                "it did not get loaded",
                others=unable("load"),
            ),
            sense(
                "the load did not go through",
                "an error stopped the load",
                others=error_in("loading", "load"),
            ),
            sense(
                "the fetch had no success",
                "nothing usable was fetched",
                others=unable("fetch") | error_in("fetching", ""),
            ),
            sense(
                "it was not received",
                "the receiver did not get it",
                others=unable("receive"),
            ),
            sense(
                "the receiving side ran into an error",
                "data did not come in properly",
                others=error_in("receiving", "receive recv"),
            ),
            sense(
                "the exchange of data went wrong",
                "data could not be moved in or out",
                phrases="buffer i o error, input output error",
            ),
        ),
        ("read(2), errno(3): EIO", "Linux block layer: I/O error", "smartctl(8): read failure"),
        risks=(
            "programs go on with incomplete data",
            "a job breaks off for lack of its input",
            "the data can't be recovered from there",
        ),
        benign=(
            "the source was busy for a moment and delivers later",
            "a second try gets the data",
            "the data are optional and the program skips them",
        ),
        checks=(
            "see whether the same data can be read now",
            "see whether the source serves other readers",
            "verify that the source exists and permits reading",
        ),
    ),
    Sign(
        "unwritable",
        "operation",
        (
            sense(
                "the file system can be read but not changed",
                "nothing can be written to the file system",
                words="erofs",
                phrases="read only file system, read only filesystem",
            ),
            sense(
                "the file system is switched to reading only",
                "the file system is to take no more writes",
                phrases="remounting filesystem read only, remounted read only",
            ),
            sense(
                "a protection guards the content against changes",
                "writing is blocked by a protection",
                phrases="write protected",
            ),
            sense(
                "no writes are accepted there",
                "the content has to stay as it is",
                phrases="not writable",
            ),
            sense(
                "a page of data did not reach its storage",
                "the content of one page was not stored",
                phrases="lost page write, lost async page write",
            ),
            sense(
                "the data could not be written",
                "it did not get written",
                others=unable("write"),
            ),
            sense(
                "the write did not go through",
                "an error hindered the write",
                others=error_in("writing", "write"),
            ),
            sense(
                "no saved copy was made",
                "the save was not completed",
                others=unable("save") | error_in("saving", ""),
            ),
            sense(
                "it did not get into storage",
                "the data were not stored as intended",
                others=unable("store") | error_in("storing", ""),
            ),
            sense(
                "the sync was not finished",
                "it did not get synced",
                others=unable("sync"),
            ),
            sense(
                "the flush stopped at an error",
                "the contents were not flushed out properly",
                others=unable("flush") | error_in("flushing", "flush fsync"),
            ),
            sense(
                "the commit did not take effect",
                "the changes did not become permanent",
                others=unable("commit") | error_in("", "commit"),
            ),
            sense(
                "it could not be sent out",
                "it did not leave the sender",
                others=unable("send transmit"),
            ),
            sense(
                "the transmission went wrong",
                "sending met with an error",
                others=error_in("sending", "send transmit"),
            ),
        ),
        ("write(2), fsync(2), errno(3): EROFS", "Linux fs/buffer.c: lost page write", "ext4(5): errors=remount-ro"),
        risks=(
            "results that users believe to be safe are lost",
            "data pile up because they can't be passed on",
            "the other side works on with outdated data",
        ),
        benign=(
            "the target was briefly busy and takes the data later",
            "the same data are kept elsewhere as well",
            "someone closed the target on purpose",
        ),
        checks=(
            "see whether the target accepts data now",
            "compare what arrived with what was to be written",
            "look for another copy of the same content",
        ),
    ),
    Sign(
        "exception",
        "operation",
        (
            sense(
                "an exceptional case came up",
                "the program met an exceptional condition",
                words="exception exceptions",
            ),
            sense(
                "no code dealt with the case",
                "the program has no handling for the case",
                words="uncaught unhandled",
            ),
            sense(
                "no code caught the exception",
                "the exception passed through the program uncaught",
                phrases="unhandled exception, uncaught exception",
            ),
            sense(
                "the call does not fit the object's state",
                "the object's state did not allow the call",
                phrases="illegal state exception",
            ),
            sense(
                "a condition that must hold is checked",
                "the code tests an assumption",
                words="assertion assert",
            ),
            sense(
                "a condition that the code needs did not hold",
                "an assumption of the code proved wrong",
                phrases="assertion failed, assertion failure",
            ),
            sense(
                "a defect in the code is reported",
                "a programming mistake is pointed out",
                words="bug",
            ),
            sense(
                "the running code hit an unforeseen error",
                "the system's own code ran into trouble",
                words="oops",
            ),
            sense(
                "a program touched memory that it must not use",
                "a program reached outside its own memory",
                words="segfault sigsegv",
                phrases="segmentation fault",
            ),
            sense(
                "an access over the bus went wrong",
                "the bus access ended in an error",
                words="sigbus",
                phrases="bus error",
            ),
            sense(
                "a signal makes the program abort",
                "the program is told to give up at once",
                words="sigabrt",
            ),
            sense(
                "the processor can't execute the instruction",
                "the instruction is not one that is allowed",
                words="sigill",
                phrases="illegal instruction, invalid opcode",
            ),
            sense(
                "a trap calls attention to an event",
                "an event set off the trap",
                words="trap",
            ),
            sense(
                "the chain of function calls is listed",
                "the calls leading up to this point are shown",
                words="backtrace traceback",
                phrases="stack trace, call trace",
            ),
            sense(
                "a copy of the program's memory was written out",
                "the memory content was kept for later study",
                phrases="core dumped",
            ),
            sense(
                "the code used a pointer that leads nowhere",
                "an empty reference stood where an object is needed",
                phrases="null pointer, null pointer exception",
            ),
            sense(
                "a program broke the processor's protection rules",
                "the processor caught a forbidden access",
                phrases="general protection fault",
            ),
            sense(
                "an access hit a page that is not ready",
                "the memory page was not at hand",
                phrases="page fault",
            ),
            sense(
                "a calculation can't be carried out",
                "an arithmetic operation went wrong",
                phrases="divide error, floating point exception",
            ),
            sense(
                "the processor's fault detection is concerned",
                "the processor's hardware check is involved",
                phrases="machine check",
            ),
            sense(
                "freed memory was handled once more",
                "the program misused memory after its release",
                phrases="double free, use after free",
            ),
            sense(
                "the calls took more stack than is set aside",
                "the stack grew past its limit",
                phrases="stack overflow",
            ),
            sense(
                "the error is inside the part itself",
                "the error comes from within",
                phrases="internal error",
            ),
            sense(
                "an address does not fit the boundary required",
                "the data address is out of alignment",
                phrases="unaligned access, alignment exception",
            ),
            sense(
                "an instruction of the program caused the interrupt",
                "the running program made the processor take an interrupt",
                phrases="program interrupt",
            ),
        ),
        (
            "signal(7): SIGSEGV, SIGBUS",
            "assert(3)",
            "Linux BUG(), oops-tracing",
            "java.lang: exceptions",
            "Python docs",
        ),
        risks=(
            "the program ends in the middle of its work",
            "the same input brings the program down again",
            "results of the program can't be trusted",
        ),
        benign=(
            "a program under development set off the error",
            "the case is expected and handled in the code",
            "only a single user's program was affected",
        ),
        checks=(
            "find out which program or function raised the error",
            "see whether only one machine shows the fault",
            "look for a known defect with the same message",
        ),
    ),
    Sign(
        "interrupted",
        "operation",
        (
            sense(
                "an interruption stopped the operation",
                "the operation did not run through",
                words="interrupted",
                phrases="was interrupted",
            ),
            sense(
                "a signal broke into the system call",
                "the system call returned before its end",
                words="eintr",
                phrases="interrupted system call",
            ),
            sense(
                "the operation was called off",
                "the rest of the operation was given up",
                phrases="operation cancelled, operation canceled",
            ),
            sense(
                "the transfer stopped before all data were across",
                "the transfer did not reach its end",
                phrases="transfer aborted",
            ),
        ),
        ("errno(3): EINTR, ECANCELED", "signal(7)", "Slurm: job state CANCELLED"),
        risks=(
            "a half-finished change is left behind",
            "the caller waits in vain for the outcome",
            "the operation has to start over and takes longer",
        ),
        benign=(
            "someone called the operation off on purpose",
            "the program simply resumes after the interruption",
            "a planned shutdown cut the operation short",
        ),
        checks=(
            "find out who or what broke off the operation",
            "see whether the operation was taken up again",
            "look for unfinished output of the operation",
        ),
    ),
    Sign(
        "invalid",
        "operation",
        (
            sense(
                "it does not meet the rules for its kind",
                "it was not accepted as it stands",
                words="invalid",
                phrases="not valid",
            ),
            sense(
                "a call was given an argument it can't take",
                "one argument of the call is not acceptable",
                words="einval",
            ),
            sense(
                "the packet is not built as its protocol demands",
                "the packet was not accepted in its form",
                phrases="invalid packet",
            ),
            sense(
                "the request does not have an acceptable form",
                "the request can't be served as it stands",
                phrases="invalid request",
            ),
            sense(
                "a rule does not allow it",
                "it breaks a rule that applies here",
                words="illegal",
            ),
            sense(
                "no information about it is at hand",
                "nothing is known about it here",
                words="unknown",
            ),
            sense(
                "the program knows no such command",
                "no action goes with the command",
                phrases="unknown command",
            ),
            sense(
                "it could not be identified",
                "it fits none of the known forms",
                words="unrecognized unrecognised",
                phrases="not recognized",
            ),
            sense(
                "its meaning stayed unclear",
                "the receiver could not make sense of it",
                phrases="not understood",
            ),
            sense(
                "it was not foreseen at that point",
                "nobody had foreseen it there",
                words="unexpected",
            ),
            sense(
                "the system has no means for it",
                "it is beyond what the system offers",
                words="unsupported",
                phrases="not supported",
            ),
            sense(
                "no definition of it exists",
                "nothing lays down what it stands for",
                words="undefined",
            ),
            sense(
                "a fault was found in it",
                "it turned out to be faulty",
                words="bad",
            ),
            sense(
                "it deviates from what is right",
                "a mistake was found in it",
                words="wrong incorrect",
            ),
            sense(
                "it was done in the wrong way",
                "the right way was not followed",
                words="incorrectly",
            ),
            sense(
                "it came earlier than it should",
                "it set in before it was due",
                words="premature",
            ),
            sense(
                "no real cause stands behind it",
                "it came without a genuine reason",
                words="spurious",
            ),
            sense(
                "it can be taken in more than one way",
                "several meanings fit it",
                words="ambiguous",
            ),
            sense(
                "it is not considered genuine",
                "it looks made up to the program",
                words="bogus",
            ),
        ),
        (
            "errno(3): EINVAL, ENOTSUP, EBADMSG",
            "Linux: spurious interrupt, bogus packet",
            "bash(1): ambiguous redirect",
        ),
        risks=(
            "later work relies on a wrong value",
            "messages between two systems are misunderstood",
            "damaged data get passed on unnoticed",
            "a user does not get what was asked for",
            "the software can't deal with the case and gives up",
            "one component can't cooperate with the rest",
        ),
        benign=(
            "a user made a typing mistake and tries again",
            "the system rightly turns away what does not fit",
            "one side is newer and uses what the other lacks",
            "a program merely tested what is supported",
            "the odd item was noticed and simply skipped",
            "the right state is reached a moment later",
        ),
        checks=(
            "trace the complaint to the user or part behind it",
            "compare the software versions of the parts involved",
            "compare the given form with the expected one",
            "look at the actual value behind the complaint",
            "see whether one source or several cause the complaint",
            "see whether a correct example is accepted",
        ),
    ),
    Sign(
        "failed",
        "operation",
        (
            sense(
                "the operation failed",
                "the operation did not work out",
                words="fail fails failed",
            ),
            sense(
                "the attempt did not succeed",
                "it was tried without success",
                phrases="failed to",
            ),
            sense(
                "a failure was noticed",
                "a breakdown was noticed there",
                words="failure failures",
            ),
            sense(
                "an error occurred",
                "an error was noted there",
                words="error err",
            ),
            sense(
                "more than one error occurred",
                "several errors were noted",
                words="errors",
            ),
            sense(
                "the action could not be carried out",
                "the ability to do it was lacking",
                words="unable",
                phrases="unable to",
            ),
            sense(
                "the action is not possible as things stand",
                "present conditions do not permit it",
                words="cannot",
                phrases="can not",
            ),
            sense(
                "the action proved impossible",
                "the action had to be left undone",
                phrases="could not",
            ),
            sense(
                "a problem was noticed",
                "a difficulty came up",
                words="problem problems",
            ),
            sense(
                "success was not achieved",
                "the intended result was not reached",
                words="unsuccessful unsuccessfully",
            ),
            sense(
                "that condition is not met",
                "that is not so here",
                words="not",
            ),
            sense(
                "the action did not take place",
                "no such action came about",
                phrases="did not",
            ),
            sense(
                "that was not the case at the time",
                phrases="was not",
            ),
            sense(
                "that does not hold true",
                "that does not apply there",
                phrases="does not",
            ),
            sense(
                "the condition calls for a check",
                "a closer look at the condition is requested",
                phrases="check condition",
            ),
            sense(
                "the hardware has an error",
                "a physical part is at fault",
                phrases="hardware error",
            ),
            sense(
                "an I/O operation ended in an error",
                "input or output did not go through",
                words="eio",
            ),
            sense(
                "an error was handed back to the caller",
                "the call came back with an error",
                phrases="returned error",
            ),
            sense(
                "a status other than zero was returned",
                "the status does not signal success",
                phrases="exit status 1, non zero status, nonzero status",
            ),
        ),
        ("strerror(3), errno(3)", "syslog(3): LOG_ERR", "SCSI SAM: CHECK CONDITION status", "systemd: Failed to start"),
        risks=(
            "work that depends on the operation can't go on",
            "users do not get the result that they expect",
            "later steps build on an incomplete state",
            "data handled at that moment are incomplete",
            "a part is out of service without anyone noticing",
            "someone has to start the operation again",
        ),
        benign=(
            "the operation is optional and work goes on without it",
            "a second attempt succeeds shortly afterwards",
            "someone was trying out the part named",
            "another part takes over the work",
            "a program only tried whether the action is possible",
            "a short disturbance came up and passed",
        ),
        checks=(
            "see whether the part named works now",
            "look for a reason given with the failure",
            "see whether the operation worked when tried again",
            "look for a recent change to the part named",
            "compare with another machine of the same kind",
            "ask who or what requested the operation",
        ),
    ),
)
