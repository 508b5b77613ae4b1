"""Failures that take away what one has to rely on: the correctness of contents, or the permission to do something."""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, sense, unable

FAULTS: tuple[Sign, ...] = (
    Sign(
        "uncorrected",
        "integrity",
        (
            sense(
                "error correction can't repair this",
                "the error is beyond correction",
                words="uncorrectable",
                phrases="uncorrectable error, uncorrectable errors",
            ),
            sense(
                "an error was detected but not corrected",
                "error correction did not fix this",
                words="uncorrected",
                phrases="uncorrected error, uncorrected errors",
            ),
            sense(
                "recovery is impossible",
                "nothing can bring about a recovery",
                words="unrecoverable",
                phrases="unrecoverable error",
            ),
            sense(
                "there was no recovery",
                "nothing has been recovered so far",
                words="unrecovered",
            ),
            sense(
                "the read failed and its data was not recovered",
                phrases="unrecovered read error",
            ),
            sense(
                "the storage medium caused the error",
                "the error comes from the medium in use",
                phrases="medium error, media error",
            ),
            sense(
                "two bits were wrong at once",
                "two faulty bits turned up together",
                phrases="double bit error",
            ),
            sense(
                "the error covers several bits",
                "more than one bit changed at the same time",
                phrases="multi bit error, multibit error",
            ),
        ),
        sources=(
            "rasdaemon, mcelog: corrected and uncorrected errors",
            "SCSI SPC: sense key MEDIUM ERROR",
            "EDAC: UE counts",
        ),
        risks=(
            "data without a second copy is lost for good",
            "whatever uses the damaged data crashes",
            "failing hardware takes the whole machine down",
        ),
        benign=(
            "a second copy supplied what was needed",
            "an error was injected on purpose as a test",
            "an old error record is read out again",
        ),
        checks=(
            "see whether the same part has failed like this earlier",
            "find out which data was hit and whether it is backed up",
            "compare the error counters with older readings",
        ),
    ),
    Sign(
        "attacked",
        "access",
        (
            sense(
                "hostile activity is reported",
                "deliberate harm is suspected",
                words="attack attacks",
            ),
            sense(
                "a hostile party is thought to be at work",
                "somebody is taken for an enemy",
                words="attacker",
            ),
            sense(
                "the claimed identity is taken for false",
                "a forged sender is suspected",
                words="spoof spoofed spoofing",
            ),
            sense(
                "unauthorised entry is suspected",
                "an intruder is thought to be there",
                words="intrusion",
            ),
            sense(
                "a change without permission is suspected",
                "somebody is thought to have meddled with this",
                words="tampered tampering",
            ),
            sense(
                "the traffic comes in masses",
                "a very large amount of traffic is reported",
                words="flooding",
            ),
            sense(
                "somebody seems to be forcing a way in",
                "this looks like an attempt at illegal entry",
                phrases="break in attempt",
            ),
            sense(
                "ports are probed to see which are open",
                "a search for open ports was noticed",
                phrases="port scan",
            ),
            sense(
                "far too many new connection requests arrive",
                "connection requests come in masses",
                phrases="syn flooding",
            ),
            sense(
                "one guess after another is tried",
                "guessing in large numbers is suspected",
                phrases="brute force",
            ),
            sense(
                "a third party is suspected between the two ends",
                "the connection is possibly being intercepted",
                phrases="man in the middle",
            ),
            sense(
                "the host shows another key than before",
                "the key on record for the host no longer fits",
                phrases="host key changed",
            ),
            sense(
                "the identity shown is not the known one",
                "the other side identifies itself differently from before",
                phrases="identification has changed",
            ),
            sense(
                "the source address is impossible on this network",
                "a packet has a sender address that can't exist there",
                phrases="martian source",
            ),
        ),
        sources=(
            "OpenSSH auth.c, canohost.c: POSSIBLE BREAK-IN ATTEMPT",
            "Linux tcp_input.c: possible SYN flooding",
            "ssh(1)",
        ),
        risks=(
            "an outsider is trying to harm the machine",
            "somebody outside is looking for a weak spot",
            "legitimate users are shut out while the attack lasts",
        ),
        benign=(
            "a planned security test set off the warning",
            "a misconfigured machine looks hostile without being so",
            "the protection in place stopped the attempt",
        ),
        checks=(
            "find out who is behind the attack",
            "look for signs that the attack succeeded",
            "ask whether a security test was running",
        ),
    ),
    Sign(
        "unauthenticated",
        "access",
        (
            sense(
                "the proof of identity was not accepted",
                "the identity check did not succeed",
                phrases="authentication failure, authentication failures, authentication failed, "
                "authentication error, failed authentication",
                others=unable("authenticate"),
            ),
            sense(
                "the verification failed",
                "the check brought no confirmation",
                others=unable("verify"),
            ),
            sense(
                "a login was attempted without success",
                "the attempted login brought no access",
                phrases="failed login, login failed, login failure",
                others=unable("login"),
            ),
            sense(
                "the login details were wrong",
                "what was entered at the login is not right",
                phrases="login incorrect",
            ),
            sense(
                "the password that was given was refused",
                "the password did not pass the check",
                phrases="failed password, password failed, password check failed",
            ),
            sense(
                "the password is not acceptable",
                "the password was turned down as unfit",
                phrases="bad password",
            ),
            sense(
                "the password entered does not fit the account",
                "a different password would have been right",
                phrases="wrong password, incorrect password",
            ),
            sense(
                "the password does not count as valid",
                "a valid password is needed instead",
                phrases="invalid password",
            ),
            sense(
                "the two passwords are unequal",
                "another password was expected",
                phrases="password mismatch",
            ),
            sense(
                "the public key offered was turned down",
                "logging in by public key did not work",
                phrases="failed publickey",
            ),
            sense(
                "the credentials presented were turned down",
                "these credentials are no proof of identity",
                phrases="invalid credentials, bad credentials",
            ),
            sense(
                "there is no valid account for this user",
                "that user name is not accepted",
                phrases="illegal user, invalid user",
            ),
            sense(
                "no account of that name exists",
                "the system does not know this user",
                phrases="user unknown, unknown user",
            ),
            sense(
                "the identity has not been proved",
                "nobody has proved who is asking",
                words="unauthenticated",
                phrases="not authenticated",
            ),
            sense(
                "the check ahead of the actual authentication failed",
                "the first step of proving the identity went wrong",
                phrases="preauthentication failed",
            ),
        ),
        sources=(
            "pam_unix(8): authentication failure",
            "sshd(8): Failed password, Invalid user",
            "login(1)",
            "MIT Kerberos",
        ),
        risks=(
            "a stranger keeps guessing until an attempt succeeds",
            "a legitimate user stays locked out",
            "an impostor passes for a trusted party",
        ),
        benign=(
            "somebody made a typing error and corrected it afterwards",
            "an unwelcome visitor was kept out as intended",
            "the client tries several methods until one works",
        ),
        checks=(
            "look up the source and the account it aimed at",
            "see whether access was gained shortly afterwards",
            "check that the proof of identity is still valid",
        ),
    ),
    Sign(
        "expired",
        "access",
        (
            sense(
                "the time allowed is over",
                "the time set has run out",
                words="expired",
                phrases="has expired, is expired",
            ),
            sense(
                "it was withdrawn and no longer counts",
                "its validity was taken away",
                words="revoked",
            ),
            sense(
                "the certificate is past its end date",
                "the certificate has to be replaced",
                phrases="certificate expired, certificate has expired",
            ),
            sense(
                "the lease was not renewed in time",
                "the lease no longer holds",
                phrases="lease expired",
            ),
            sense(
                "the password is too old and must be changed",
                "the password has passed its maximum age",
                phrases="password expired",
            ),
            sense(
                "the ticket is past its lifetime",
                "a new ticket is needed",
                phrases="ticket expired",
            ),
            sense(
                "the token is too old to be accepted",
                "a fresh token is required",
                phrases="token expired",
            ),
            sense(
                "the session used up its allowed time",
                "the session has to be opened anew",
                phrases="session expired",
            ),
            sense(
                "the license is no longer in force",
                "the license is out of date",
                phrases="license expired",
            ),
        ),
        sources=(
            "x509 verify: certificate has expired",
            "dhclient(8): lease expired",
            "chage(1), pam_unix(8)",
            "kinit(1)",
        ),
        risks=(
            "whatever still relies on it is refused",
            "long work is broken off before its end",
            "users are shut out until somebody renews it",
        ),
        benign=(
            "a new one was in force before the old one ended",
            "its owner had no more use for it",
            "the time was meant to run out",
        ),
        checks=(
            "find out when it ended and who renews it",
            "compare the clock of the machine with a time server",
            "see whether a renewal has come since",
        ),
    ),
    Sign(
        "denied",
        "access",
        (
            sense(
                "permission was refused",
                "this was asked for but not granted",
                words="denied",
            ),
            sense(
                "it was turned away",
                words="rejected",
            ),
            sense(
                "the right to do this is lacking",
                "the necessary rights are missing",
                words="unauthorized",
                phrases="not authorized",
            ),
            sense(
                "the rules forbid this",
                "this is off limits under the rules",
                words="forbidden disallowed prohibited",
            ),
            sense(
                "the rules stand in the way of this",
                "there is no permission for this",
                phrases="not permitted, not allowed",
            ),
            sense(
                "a rule was broken",
                "this goes against a restriction in force",
                words="violation",
            ),
            sense(
                "the permissions that were set were overstepped",
                "the rights granted do not cover this",
                phrases="permission violation",
            ),
            sense(
                "an access went where it was not allowed",
                "an access broke the rules",
                phrases="access violation",
            ),
            sense(
                "the necessary permission was not given",
                "whoever tried this lacks the permission",
                words="eacces",
                phrases="permission denied",
            ),
            sense(
                "the operation was refused",
                "the caller is kept from this operation",
                words="eperm",
                phrases="operation not permitted",
            ),
            sense(
                "access was refused",
                "entry was not allowed",
                phrases="access denied",
            ),
            sense(
                "a rule set by the administrator blocks this",
                "the administration has ruled this out",
                phrases="admin prohibited",
            ),
        ),
        sources=(
            "errno(3): EACCES, EPERM",
            "SELinux: avc: denied",
            "sudoers(5): user NOT allowed",
            "HTTP status 401, 403",
        ),
        risks=(
            "a wrong rule keeps legitimate work from being done",
            "somebody keeps looking for a way around the rules",
            "a task stays undone for lack of rights",
        ),
        benign=(
            "the rules kept out just what they are meant to",
            "somebody simply asked for too much",
            "a program only tested what it is allowed to do",
        ),
        checks=(
            "find out who or what asked for it",
            "compare the rights set with those that are needed",
            "see whether access rules were changed lately",
        ),
    ),
    Sign(
        "truncated",
        "integrity",
        (
            sense(
                "part of it was cut off",
                "it was cut short",
                words="truncated truncation",
            ),
            sense(
                "the end came sooner than it should",
                "the end came before all was complete",
                phrases="premature end, ended prematurely",
            ),
            sense(
                "the end came where more was expected",
                "no end was due yet",
                phrases="unexpected end",
            ),
            sense(
                "the input ended too early",
                "the input ran out before all had been read",
                phrases="premature eof",
            ),
            sense(
                "the data ended while more was awaited",
                "the end of the input came without warning",
                phrases="unexpected eof, unexpected end of file",
            ),
            sense(
                "fewer bytes were read than asked for",
                "the read returned only part of the data",
                phrases="short read, incomplete read",
            ),
            sense(
                "some of the data was left unwritten",
                "fewer bytes were written than handed over",
                phrases="short write, partial write",
            ),
            sense(
                "the file has been read to its last byte",
                "there is no more to read in the file",
                phrases="end of file reached",
            ),
        ),
        sources=(
            "OpenSSL: unexpected eof while reading",
            "gzip(1): unexpected end of file",
            "Apache: premature end of script",
        ),
        risks=(
            "somebody works with data whose last part is missing",
            "a program stumbles over the missing end",
            "the data has to be fetched again from the start",
        ),
        benign=(
            "one side stopped on purpose once it had enough",
            "the rest follows with the next attempt",
            "the program makes do with the part that it got",
        ),
        checks=(
            "compare the length with that of the original",
            "see whether the source of the data stopped early",
            "find out whether the missing rest came later",
        ),
    ),
    Sign(
        "corrupt",
        "integrity",
        (
            sense(
                "the contents are damaged",
                "the data can't be trusted",
                words="corrupt corrupted corruption",
            ),
            sense(
                "data is being damaged",
                "contents are being spoiled",
                words="corrupting",
            ),
            sense(
                "the parity that guards data is concerned",
                "this is about check bits for data",
                words="parity",
            ),
            sense(
                "a parity check went wrong",
                "the bits do not agree with their parity",
                phrases="parity error, parity errors",
            ),
            sense(
                "the parity kept with the data is wrong",
                "data was found with faulty parity",
                phrases="data parity error",
            ),
            sense(
                "parts contradict each other",
                "two parts are at odds",
                words="inconsistent inconsistency",
            ),
            sense(
                "it did not stay intact",
                "damage was found there",
                words="damaged",
            ),
            sense(
                "the structure is wrong",
                "the expected format is not followed",
                words="malformed",
            ),
            sense(
                "the position is off from where it belongs",
                "it does not sit on the required boundary",
                words="misaligned",
                phrases="not aligned",
            ),
            sense(
                "it came out scrambled",
                "it is too jumbled to be read properly",
                words="garbled",
            ),
            sense(
                "the checksum is not the right one for the data",
                "a checksum test was not passed",
                phrases="checksum mismatch, checksum error, checksum errors, bad checksum, checksum failed",
            ),
            sense(
                "the crc does not fit the data",
                "a cyclic redundancy check was not passed",
                phrases="crc error, crc errors, crc mismatch, bad crc",
            ),
            sense(
                "the error-correcting code caught wrong bits",
                "ecc noticed faulty data",
                phrases="ecc error, ecc errors",
            ),
            sense(
                "the error is confined to one bit",
                "a single bit has a false value",
                phrases="single bit error",
            ),
            sense(
                "a bit changed to the opposite value",
                phrases="bit flip",
            ),
            sense(
                "the marker that identifies the format is wrong",
                "this does not carry the signature of its format",
                phrases="bad magic, bad magic number",
            ),
            sense(
                "the main record of the file system is unusable",
                "the superblock is not usable",
                phrases="bad superblock",
            ),
            sense(
                "the content does not fit its hash",
                "the digest comes out different than expected",
                phrases="hash mismatch, digest mismatch",
            ),
        ),
        sources=(
            "Linux EDAC, mce(8)",
            "e2fsck(8): inconsistency",
            "PCI: parity errors",
            "mmap(2): not aligned",
            "ZFS: checksum",
        ),
        risks=(
            "programs compute wrong results from bad data",
            "the damaged contents stay unusable until they are repaired",
            "spoiled data spreads to copies and backups",
        ),
        benign=(
            "a good copy was used in place of the bad one",
            "the data was temporary and not needed again",
            "a test fed in bad data on purpose",
        ),
        checks=(
            "compare the contents with an intact copy",
            "see whether the hardware there reports faults as well",
            "read the data once more to see whether the error stays",
        ),
    ),
    Sign(
        "mismatch",
        "integrity",
        (
            sense(
                "the values compared are not equal",
                "what was found is not what was wanted",
                words="mismatch mismatched mismatches mismatching",
                phrases="does not match, do not match, did not match, not match",
            ),
            sense(
                "two claims exclude each other",
                "two demands can't both be met",
                words="conflict conflicts conflicting",
            ),
            sense(
                "the versions do not fit together",
                "a different version was expected",
                phrases="version mismatch",
            ),
            sense(
                "the version does not work with the other side",
                "this version can't be combined with its counterpart",
                phrases="incompatible version",
            ),
            sense(
                "another version is needed",
                "the version is not the required one",
                phrases="wrong version",
            ),
            sense(
                "the value is of another type than required",
                "these types do not go together",
                phrases="type mismatch",
            ),
            sense(
                "the actual size differs from the expected one",
                "the two sizes disagree",
                phrases="size mismatch",
            ),
            sense(
                "the two do not work together",
                "combining them is not possible",
                words="incompatible",
                phrases="not compatible",
            ),
            sense(
                "there is a difference between the two",
                "the two are not the same",
                phrases="differs from",
            ),
            sense(
                "the details disagree with each other",
                "not everything fits together",
                phrases="not consistent",
            ),
        ),
        sources=(
            "raid: mismatch_cnt (md(4))",
            "RPC: program/version mismatch (rpc(3))",
            "OpenSSH: host key does not match",
        ),
        risks=(
            "the two sides misread each other's data",
            "the wrong counterpart is used without anyone noticing",
            "the two sides can't cooperate any further",
        ),
        benign=(
            "an upgrade is under way and old meets new",
            "both sides fall back to what each of them supports",
            "the comparison is there to find such differences",
        ),
        checks=(
            "put the two that disagree side by side",
            "find out what was upgraded or reconfigured last",
            "decide which of the two is right",
        ),
    ),
)
