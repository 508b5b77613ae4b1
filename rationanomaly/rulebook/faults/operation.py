"""Failures that take away something that is needed, or a piece of work."""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, error_in, sense, unable

FAULTS: tuple[Sign, ...] = (
    Sign(
        "unresolved",
        "absence",
        (
            sense(
                "this is still open and waits to be resolved",
                "it is waiting to be settled",
                words="unresolved",
            ),
            sense(
                "it remains unresolved",
                "resolving this brought no result",
                phrases="could not be resolved",
                others=unable("resolve"),
            ),
            sense(
                "the lookup gave no usable answer",
                "no entry came back from this lookup",
                others=unable("lookup"),
            ),
            sense(
                "the name server says that this domain does not exist",
                "there is no such domain name in the DNS",
                words="nxdomain",
            ),
            sense(
                "the name server ran into trouble with this query",
                "a DNS query broke down on the server's side",
                words="servfail",
            ),
            sense(
                "no host is known under that name",
                "this host name leads nowhere",
                phrases="unknown host, host not found, no such host",
            ),
            sense(
                "the name that was given is nowhere known",
                "no address or service goes by this name",
                phrases="name or service not known, name not known",
            ),
            sense(
                "the name could not be turned into an address",
                "a host name was looked up without success",
                phrases="name resolution failure, cannot resolve hostname",
            ),
            sense(
                "for the moment this name can't be resolved",
                "a name could not be translated for the time being",
                phrases="temporary failure in name resolution",
            ),
            sense(
                "this symbol has no known definition",
                "the code or data behind the symbol is not there",
                phrases="undefined symbol, unresolved symbol, unknown symbol, symbol not found",
            ),
            sense(
                "what this refers to was not found",
                "the reference points to nothing that is known",
                phrases="undefined reference, unresolved reference",
            ),
            sense(
                "the class that a program asks for is not there",
                "this class is in none of the places searched",
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
            "whatever is reached by this name stays out of reach",
            "a program breaks off where it first needs this name",
            "many clients fail together because they share this lookup",
        ),
        benign=(
            "someone mistyped the name and will correct it",
            "a program probes for an optional name and does without it",
            "the next server or search path supplies the answer",
        ),
        checks=(
            "look the name up by hand on the same machine",
            "compare its spelling with what is registered or defined",
            "see whether other names are resolved at the same time",
        ),
    ),
    Sign(
        "absent",
        "absence",
        (
            sense(
                "this is not in place",
                "its place is empty",
                "this is lacking here",
                words="missing absent",
                phrases="not present",
            ),
            sense(
                "nothing of this name or kind is there",
                "what is asked for here does not exist",
                words="nonexistent",
                phrases="no such, does not exist, do not exist, not exist",
            ),
            sense(
                "it was there once and is gone now",
                "this existed earlier and has since been removed or ended",
                phrases="no longer exists",
            ),
            sense(
                "it can't be used as things stand",
                "this is not to be had at present",
                words="unavailable",
                phrases="not available",
            ),
            sense(
                "it was open to use earlier, but now it is gone",
                "this used to be on offer and no longer is",
                phrases="no longer available",
            ),
            sense(
                "the file or directory is not at that path",
                "this path leads nowhere",
                words="enoent",
                phrases="no such file, no such file or directory",
            ),
            sense(
                "the system has no device of this name or kind",
                "the device addressed here is not there",
                phrases="no such device",
            ),
            sense(
                "it is not where it was looked for",
                "the search for it brought up nothing",
                "looking for this gave no match",
                phrases="not found, was not found, none found",
            ),
            sense(
                "it was looked for in vain",
                "the attempt to find it came to nothing",
                others=unable("find locate"),
            ),
            sense(
                "it has no registration on record",
                "the register holds no entry for it",
                phrases="not registered",
            ),
            sense(
                "it is not part of this installation",
                "this has not been put on the system",
                phrases="not installed",
            ),
            sense(
                "detection gave no sign of it",
                "this did not show up in the probe",
                phrases="not detected",
                others=unable("detect"),
            ),
            sense(
                "no module of this name is within reach",
                "the module asked for is in none of the known places",
                phrases="no module named",
            ),
            sense(
                "the status of this file could not be queried",
                "asking for its file attributes did not work",
                others=unable("stat"),
            ),
            sense(
                "its content or service stays closed",
                "it did not open, so work with it can't begin",
                others=unable("open"),
            ),
            sense(
                "it can't be reached or used from here",
                "this stays out of reach",
                others=unable("access"),
            ),
            sense(
                "it is not mounted, so its content is unavailable",
                "no access is possible, since it is not attached",
                others=unable("mount"),
            ),
        ),
        ("errno(3): ENOENT, ENODEV, ENXIO", "modprobe(8): module not found", "Perl: Can't locate", "systemctl(1)"),
        risks=(
            "a job that needs it breaks off without output",
            "a service runs with an important piece left out",
            "programs fall back on a default or an old copy unnoticed",
        ),
        benign=(
            "it is looked for in several places, and another one has it",
            "the part is optional and this machine does without it",
            "it was taken away on purpose and the request is outdated",
        ),
        checks=(
            "see whether it exists under exactly this name",
            "find out whether it was removed, renamed or moved lately",
            "check the path, its spelling and its access rights",
        ),
    ),
    Sign(
        "misconfigured",
        "operation",
        (
            sense(
                "its settings are wrong",
                "this has been set up badly",
                words="misconfigured misconfiguration",
                phrases="badly configured",
            ),
            sense(
                "the text does not follow the rules of its language",
                "what was written here can't be interpreted as it stands",
                phrases="syntax error",
            ),
            sense(
                "the input does not have the form that the parser expects",
                "the input could not be taken apart as intended",
                phrases="parse error, parse errors, parsing error",
            ),
            sense(
                "its structure could not be made out",
                "the parser can't interpret its content",
                others=unable("parse"),
            ),
            sense(
                "the program has no such option",
                "this option is not among those it accepts",
                phrases="unknown option, unrecognized option",
            ),
            sense(
                "this option can't be used like that",
                "the option does not fit here",
                phrases="invalid option, bad option, illegal option",
            ),
            sense(
                "the configuration is unusable as it is",
                "these settings are not fit for use",
                phrases="invalid configuration, bad configuration",
            ),
            sense(
                "there is a mistake in its settings or in applying them",
                "the error lies with how this is configured",
                phrases="configuration error, config error",
            ),
            sense(
                "the settings did not take effect",
                "it stays without the settings meant for it",
                phrases="configuration failed",
            ),
            sense(
                "the argument does not fit what the call or command takes",
                "this argument was turned down as unusable",
                phrases="invalid argument",
            ),
            sense(
                "this parameter has an unsuitable form or content",
                "the parameter is of no use as given",
                phrases="invalid parameter, bad parameter",
            ),
            sense(
                "nothing goes by this parameter name",
                "the parameter means nothing to its reader",
                phrases="unknown parameter",
            ),
            sense(
                "this key or keyword is not among the known ones",
                "it names a directive or key that nobody knows here",
                phrases="unknown directive, unknown key, unknown keyword",
            ),
            sense(
                "this value is outside what is accepted",
                "nothing can be done with this value",
                phrases="invalid value, bad value",
            ),
            sense(
                "the setting is not one of those allowed",
                "a setting was given unusable content",
                phrases="invalid setting",
            ),
            sense(
                "nobody has set this up so far",
                "no settings exist for it",
                phrases="not configured",
            ),
            sense(
                "it still lacks a definition",
                "this was not declared",
                phrases="not defined",
            ),
            sense(
                "no value was given to it",
                "nobody has filled this in or switched it on",
                phrases="not set",
            ),
            sense(
                "a required parameter or argument was left out",
                "the command or call lacks one of its inputs",
                phrases="missing parameter, missing argument",
            ),
        ),
        ("getopt(3): invalid option", "errno(3): EINVAL", "sshd_config(5): bad configuration option", "nginx -t"),
        risks=(
            "a default applies that nobody intended",
            "the service refuses its next start with these settings",
            "protection or tuning that was configured stays without effect",
        ),
        benign=(
            "a user mistyped a command and enters it again",
            "an older program skips a setting that only newer ones know",
            "the setting was left out on purpose and a default serves",
        ),
        checks=(
            "compare this setting or command with its documentation",
            "review the latest change to the configuration or command line",
            "test the corrected settings before the next restart",
        ),
    ),
    Sign(
        "duplicated",
        "operation",
        (
            sense(
                "this occurs more than once",
                "it repeats what was there already",
                words="duplicate duplicated duplicates",
            ),
            sense(
                "the same entry was made twice",
                "an entry of this content or key exists already",
                phrases="duplicate entry",
            ),
            sense(
                "the wanted address or port is taken",
                "another socket holds this address at the moment",
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
                "more than one holder uses this address",
                phrases="duplicate address, duplicate ip, ip conflict, address conflict",
            ),
            sense(
                "an identifier that should be unique occurs twice",
                "this key or id belongs to an earlier one as well",
                phrases="duplicate key, duplicate id, duplicate uuid",
            ),
            sense(
                "two owners claim the same name",
                "this name clashes with another one",
                phrases="name conflict",
            ),
        ),
        ("errno(3): EADDRINUSE", "arping(8), Linux addrconf.c: duplicate address detected", "MySQL: error 1062"),
        risks=(
            "messages or requests reach the wrong one of two holders",
            "one program stays down while the other holds its place",
            "records get mixed up or counted double",
        ),
        benign=(
            "a message was sent again because its receipt came late",
            "the earlier holder is about to let go of it",
            "someone adds what is there already, and the repeat is ignored",
        ),
        checks=(
            "find both holders of the address, name or entry",
            "see which process or host had it first",
            "look for a cloned machine or a copied configuration",
        ),
    ),
    Sign(
        "unreadable",
        "operation",
        (
            sense(
                "its content can't be made out",
                "nobody can read it in this state",
                words="unreadable",
                phrases="not readable",
            ),
            sense(
                "nothing usable was read from there",
                "its content could not be obtained",
                others=unable("read"),
            ),
            sense(
                "the data came back with an error or not at all",
                "the read ended badly",
                phrases="read io error",
                others=error_in("reading", "read"),
            ),
            sense(
                "it is not loaded, so nobody can use it",
                "there is nothing loaded to work with",
                others=unable("load"),
            ),
            sense(
                "it was loaded only in part or not at all",
                "the load ran into an error",
                others=error_in("loading", "load"),
            ),
            sense(
                "what was to be fetched did not arrive",
                "the fetch brought nothing usable back",
                others=unable("fetch") | error_in("fetching", ""),
            ),
            sense(
                "the awaited data could not be taken in",
                "nothing arrived in a usable way",
                others=unable("receive"),
            ),
            sense(
                "data on their way in were not received properly",
                "the receiving side ran into an error",
                others=error_in("receiving", "receive recv"),
            ),
            sense(
                "an exchange of data with a device or file went wrong",
                "the device or file did not take or give the data",
                phrases="buffer i o error, input output error",
            ),
        ),
        ("read(2), errno(3): EIO", "Linux block layer: I/O error", "smartctl(8): read failure"),
        risks=(
            "programs go on with incomplete or stale data",
            "the disk, tape or line behind it is wearing out",
            "a job breaks off because its input never becomes complete",
        ),
        benign=(
            "the other side hung up while data were still awaited",
            "one transfer was disturbed and a second try gets through",
            "the data are optional and the program skips them",
        ),
        checks=(
            "read the same data again by another way",
            "check cables, media and error counters along the path",
            "verify that the source exists and may be read",
        ),
    ),
    Sign(
        "unwritable",
        "operation",
        (
            sense(
                "its files can be read but not changed",
                "nothing can be written to this file system",
                words="erofs",
                phrases="read only file system, read only filesystem",
            ),
            sense(
                "the mount is switched over to reading only",
                "this file system is to take no more writes",
                phrases="remounting filesystem read only, remounted read only",
            ),
            sense(
                "a protection keeps writes away from it",
                "its content is guarded against changes",
                phrases="write protected",
            ),
            sense(
                "it accepts no writes",
                "its content has to stay as it is",
                phrases="not writable",
            ),
            sense(
                "a page of data did not reach its storage",
                "the content of one memory page was not stored",
                phrases="lost page write, lost async page write",
            ),
            sense(
                "the data could not be put where they belong",
                "nothing was written there",
                others=unable("write"),
            ),
            sense(
                "the write ended with an error",
                "it is not certain that the data arrived",
                others=error_in("writing", "write"),
            ),
            sense(
                "what was to be saved is not safely kept",
                "no saved copy was made",
                others=unable("save") | error_in("saving", ""),
            ),
            sense(
                "it was not put into storage as intended",
                "the place meant to store it did not keep it",
                others=unable("store") | error_in("storing", ""),
            ),
            sense(
                "it was not brought up to date with its other side",
                "its sync remains to be done",
                others=unable("sync"),
            ),
            sense(
                "the flush stopped at an error",
                "its pending contents were not cleared out properly",
                others=unable("flush") | error_in("flushing", "flush fsync"),
            ),
            sense(
                "the changes were not made final",
                "its changes did not become permanent",
                others=unable("commit") | error_in("", "commit"),
            ),
            sense(
                "it did not leave the sender",
                "the message or data could not be sent out",
                others=unable("send transmit"),
            ),
            sense(
                "it was not passed on to the receiver properly",
                "the transmission did not get through cleanly",
                others=error_in("sending", "send transmit"),
            ),
        ),
        ("write(2), fsync(2), errno(3): EROFS", "Linux fs/buffer.c: lost page write", "ext4(5): errors=remount-ro"),
        risks=(
            "results that users believe to be safe are not stored",
            "queues fill up because nothing leaves them",
            "the receiver works on with outdated or incomplete data",
        ),
        benign=(
            "the target was briefly busy and takes the data at the next try",
            "what was to go there is stored elsewhere as well",
            "someone closed or protected the target on purpose",
        ),
        checks=(
            "see whether the target has room and accepts changes",
            "compare what arrived with what was to be written or sent",
            "try a small write or message to the same place",
        ),
    ),
    Sign(
        "exception",
        "operation",
        (
            sense(
                "the code met a case outside its regular course",
                "this broke into the regular run of the program",
                words="exception exceptions",
            ),
            sense(
                "the program has no handling for this case",
                "no code was there to deal with it",
                words="uncaught unhandled",
            ),
            sense(
                "the program hit an error that none of its code catches",
                "an exception passed through the code without being caught",
                phrases="unhandled exception, uncaught exception",
            ),
            sense(
                "a call came in a state that does not permit it",
                "the object was asked for what its state rules out",
                phrases="illegal state exception",
            ),
            sense(
                "a condition that must hold is checked here",
                "the code checks itself at this point",
                words="assertion assert",
            ),
            sense(
                "a condition that the code relies on did not hold",
                "the program found itself in a state that must not occur",
                phrases="assertion failed, assertion failure",
            ),
            sense(
                "a defect in code or design shows up here",
                "this points to a mistake in the code",
                words="bug",
            ),
            sense(
                "running code hit an error that it did not foresee",
                "the software stumbled over a mistake of its own",
                words="oops",
            ),
            sense(
                "a program touched memory that it must not use",
                "the program reached outside its own memory",
                words="segfault sigsegv",
                phrases="segmentation fault",
            ),
            sense(
                "an access over the bus or to memory went wrong",
                "an address could not be accessed in this way",
                words="sigbus",
                phrases="bus error",
            ),
            sense(
                "a signal makes the program abort",
                "the program is told to give up at once",
                words="sigabrt",
            ),
            sense(
                "the instruction or operation code is not one that is allowed",
                "this instruction can't be executed",
                words="sigill",
                phrases="illegal instruction, invalid opcode",
            ),
            sense(
                "a trap brings an event to notice",
                "the event diverts execution or raises an alert",
                words="trap",
            ),
            sense(
                "it shows which function calls led up to this point",
                "the chain of calls is listed for finding the cause",
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
                "a program broke the protection rules of the processor",
                "the processor caught an instruction or access that breaks its rules",
                phrases="general protection fault",
            ),
            sense(
                "an access hit a memory page that is not ready for it",
                "the processor could not get at a memory page right away",
                phrases="page fault",
            ),
            sense(
                "a calculation can't be carried out, such as a division by zero",
                "an arithmetic operation went wrong",
                phrases="divide error, floating point exception",
            ),
            sense(
                "this is how a processor reports hardware errors",
                "it belongs to the processor's detection of hardware faults",
                phrases="machine check",
            ),
            sense(
                "the program mishandled memory that it had already freed",
                "memory was used or freed once more after its release",
                phrases="double free, use after free",
            ),
            sense(
                "the calls took more stack than is set aside for them",
                "the stack grew past its limit",
                phrases="stack overflow",
            ),
            sense(
                "the fault lies inside the program or device itself",
                "it could not cope with an inner problem of its own",
                phrases="internal error",
            ),
            sense(
                "an address does not fit the boundary that the access requires",
                "data were accessed at an address out of alignment",
                phrases="unaligned access, alignment exception",
            ),
            sense(
                "an instruction of the program caused this interrupt",
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
            "the same input brings this code down again",
            "bad memory or a bad processor spoils results without notice",
        ),
        benign=(
            "a test or a program under development set it off",
            "the caller expects this case and carries on",
            "the code caught it, noted it down and dealt with it",
        ),
        checks=(
            "note the function or code address that goes with it",
            "see whether only one program or machine shows it",
            "look for an update that mends this defect",
        ),
    ),
    Sign(
        "interrupted",
        "operation",
        (
            sense(
                "it was broken off on the way",
                "this did not run through in one go",
                words="interrupted",
                phrases="was interrupted",
            ),
            sense(
                "a signal broke into a system call before it finished",
                "the call came back before its work was done",
                words="eintr",
                phrases="interrupted system call",
            ),
            sense(
                "it was called off before it was finished",
                "its remaining work was given up",
                phrases="operation cancelled, operation canceled",
            ),
            sense(
                "the transfer stopped before all data were across",
                "this transfer did not reach its end",
                phrases="transfer aborted",
            ),
        ),
        ("errno(3): EINTR, ECANCELED", "signal(7)", "Slurm: job state CANCELLED"),
        risks=(
            "a half-written file or half-done change stays behind",
            "the caller waits for an outcome that never comes",
            "the task starts over and takes its time twice",
        ),
        benign=(
            "a user or scheduler called the task off on purpose",
            "a signal came in between and the call is simply repeated",
            "a planned shutdown ended what was under way",
        ),
        checks=(
            "find out who or what broke it off",
            "see whether the work was taken up again afterwards",
            "look for incomplete output and remove it",
        ),
    ),
    Sign(
        "invalid",
        "operation",
        (
            sense(
                "it can't be accepted as it stands",
                "this breaks the rules for its form or content",
                "it fails a check and can't be used",
                words="invalid",
                phrases="not valid",
            ),
            sense(
                "a call was given an argument that it can't take",
                "one argument of the call is not acceptable",
                words="einval",
            ),
            sense(
                "the packet is not built as its protocol demands",
                "a packet can't be used in the form that it has",
                phrases="invalid packet",
            ),
            sense(
                "the request does not have an acceptable form",
                "what is requested can't be served like this",
                phrases="invalid request",
            ),
            sense(
                "a rule forbids this",
                "it goes against a rule that applies here",
                words="illegal",
            ),
            sense(
                "it could not be told what this is",
                "nothing known here matches it",
                "no information is at hand about this",
                words="unknown",
            ),
            sense(
                "this is no command that the program knows",
                "no action goes with this command",
                phrases="unknown command",
            ),
            sense(
                "this could not be identified",
                "it fits none of the forms that are known",
                words="unrecognized unrecognised",
                phrases="not recognized",
            ),
            sense(
                "the meaning of this stayed unclear",
                "its receiver could not make sense of it",
                phrases="not understood",
            ),
            sense(
                "this was not foreseen at this point",
                "it came without anybody counting on it",
                "another course of events was expected",
                words="unexpected",
            ),
            sense(
                "this is beyond what the program or device offers",
                "the software or hardware has no means for this",
                words="unsupported",
                phrases="not supported",
            ),
            sense(
                "its meaning or value is left open",
                "nothing lays down what this stands for",
                words="undefined",
            ),
            sense(
                "this is faulty or not acceptable",
                "it is in no usable state or form",
                "it falls short of what is required",
                words="bad",
            ),
            sense(
                "this is not right",
                "it deviates from what is right",
                words="wrong incorrect",
            ),
            sense(
                "this was done in the wrong way",
                "it was not done or stated the right way",
                words="incorrectly",
            ),
            sense(
                "it came earlier than it should",
                "this set in before it was due",
                words="premature",
            ),
            sense(
                "no real cause stands behind it",
                "this came without a genuine reason",
                words="spurious",
            ),
            sense(
                "it can be taken in more than one way",
                "several meanings fit this",
                words="ambiguous",
            ),
            sense(
                "it is made up or without meaning",
                "this is taken for fake or nonsense",
                words="bogus",
            ),
        ),
        (
            "errno(3): EINVAL, ENOTSUP, EBADMSG",
            "Linux: spurious interrupt, bogus packet",
            "bash(1): ambiguous redirect",
        ),
        risks=(
            "the input is dropped and its sender gets no result",
            "two sides run versions that do not understand each other",
            "damaged or forged data get passed on",
            "a user's request stays undone without an explanation",
            "a wrong value is stored or used for further work",
            "a program takes a path that nobody has tested",
        ),
        benign=(
            "a client sent what this side rightly turns away",
            "a user made a typing mistake and tries again",
            "a newer version on the other side uses what is not known here",
            "software probes for a feature that is not offered here",
            "it was checked, found unusable and simply skipped",
            "the right value is filled in a moment later",
        ),
        checks=(
            "find out who supplied it and what it looked like",
            "check which software version each side runs",
            "hold it against the documented format or range",
            "look at the raw value or data behind this complaint",
            "see whether one sender or many cause it",
            "test with an example that is known to be right",
        ),
    ),
    Sign(
        "failed",
        "operation",
        (
            sense(
                "this did not turn out as intended",
                "it does not work or came to nothing",
                "this went wrong or is out of order",
                words="fail fails failed",
            ),
            sense(
                "this attempt did not succeed",
                "it was tried without success",
                "the step named here was not completed",
                phrases="failed to",
            ),
            sense(
                "this broke down or went wrong",
                "work or equipment broke down here",
                words="failure failures",
            ),
            sense(
                "an error occurred there",
                "this went wrong",
                "it was logged as an error",
                words="error err",
            ),
            sense(
                "this ran into several errors",
                "more than one error occurred here",
                words="errors",
            ),
            sense(
                "this could not be done",
                "what was intended here could not be carried out",
                "the ability to do this is lacking",
                words="unable",
                phrases="unable to",
            ),
            sense(
                "this is not possible as things stand",
                "it is impossible under present conditions",
                words="cannot",
                phrases="can not",
            ),
            sense(
                "this proved impossible",
                "the intended step was not possible",
                "it had to be left undone",
                phrases="could not",
            ),
            sense(
                "this causes trouble",
                "this gives rise to difficulties",
                words="problem problems",
            ),
            sense(
                "it did not lead to success",
                "the desired outcome did not come about",
                words="unsuccessful unsuccessfully",
            ),
            sense(
                "this is not the case here",
                "the opposite of this is true",
                words="not",
            ),
            sense(
                "this did not take place",
                "it failed to come about",
                phrases="did not",
            ),
            sense(
                "this was not so at the time",
                "that state or step was missing then",
                phrases="was not",
            ),
            sense(
                "this action or effect does not show",
                "it lacks this behaviour or feature",
                phrases="does not",
            ),
            sense(
                "its status calls for a closer look",
                "a check of its condition is asked for",
                phrases="check condition",
            ),
            sense(
                "the fault lies in the hardware",
                "the error comes from a physical part",
                phrases="hardware error",
            ),
            sense(
                "reading or writing data went wrong there",
                "an input or output step ended in an error",
                words="eio",
            ),
            sense(
                "an error was handed back to the caller",
                "the caller has to deal with an error",
                phrases="returned error",
            ),
            sense(
                "a status other than zero was returned",
                "it did not end with a status of success",
                phrases="exit status 1, non zero status, nonzero status",
            ),
        ),
        ("strerror(3), errno(3)", "syslog(3): LOG_ERR", "SCSI SAM: CHECK CONDITION status", "systemd: Failed to start"),
        risks=(
            "whatever waits for this step goes without its result",
            "users notice missing output or a service without answers",
            "work that builds on it starts from an incomplete state",
            "data that belong to it are lost or half written",
            "a part is out of service without anyone noticing",
            "a job ends early and has to be submitted again",
        ),
        benign=(
            "the step is optional and work goes on without it",
            "a second attempt shortly afterwards succeeds",
            "someone asked for what is not provided here",
            "another part or path takes over the work",
            "a program only tried whether this is possible",
            "a user's input was at fault rather than the system",
        ),
        checks=(
            "repeat the step by hand and watch what comes out",
            "look for an error code or a reason that goes with it",
            "see whether disk space, memory and access rights suffice",
            "see whether a repeat of it succeeded since",
            "check the state of the part that is named",
            "see what was changed on this machine lately",
        ),
    ),
)
