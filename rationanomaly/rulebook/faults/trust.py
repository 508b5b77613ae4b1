"""Failures that take away what one has to rely on: the correctness of contents, or the permission to do something."""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, sense, unable

FAULTS: tuple[Sign, ...] = (
    Sign(
        "uncorrected",
        "integrity",
        (
            sense(
                "this is beyond what error correction can repair",
                "no correction is possible for this",
                words="uncorrectable",
                phrases="uncorrectable error, uncorrectable errors",
            ),
            sense(
                "this was not fixed by error correction",
                "the fault was detected but not repaired",
                words="uncorrected",
                phrases="uncorrected error, uncorrected errors",
            ),
            sense(
                "there is no recovering from this",
                "recovery is impossible here",
                words="unrecoverable",
                phrases="unrecoverable error",
            ),
            sense(
                "recovery has not been made so far",
                "this has not been made good yet",
                words="unrecovered",
            ),
            sense(
                "error recovery did not get the data back",
                "the read failed and its data was not recovered",
                phrases="unrecovered read error",
            ),
            sense(
                "the medium itself gave the error",
                "the error comes from the medium in use",
                phrases="medium error, media error",
            ),
            sense(
                "two bits were wrong at once",
                "two faulty bits turned up together",
                phrases="double bit error",
            ),
            sense(
                "more than one bit was wrong",
                "several bits changed at the same time",
                phrases="multi bit error, multibit error",
            ),
        ),
        sources=(
            "rasdaemon, mcelog: corrected and uncorrected errors",
            "SCSI SPC: sense key MEDIUM ERROR",
            "EDAC: UE counts",
        ),
        risks=(
            "data with no second copy is lost for good",
            "a job that touches the damaged spot crashes",
            "failing memory or a dying disk takes a host down",
        ),
        benign=(
            "another copy or a repeated attempt supplied what was needed",
            "the fault was injected on purpose to test the alarms",
            "an old error record that was dealt with is read out again",
        ),
        checks=(
            "see whether the same address or block failed before",
            "find out which data is hit and whether a copy exists",
            "compare the error counters of the device with earlier values",
        ),
    ),
    Sign(
        "attacked",
        "access",
        (
            sense(
                "this is taken for hostile activity",
                "deliberate harm is reported or suspected here",
                words="attack attacks",
            ),
            sense(
                "a hostile party is thought to be at work",
                "the party behind this is seen as malicious",
                words="attacker",
            ),
            sense(
                "the origin or identity claimed here is fake",
                "this concerns a forged sender or a false identity",
                words="spoof spoofed spoofing",
            ),
            sense(
                "unauthorised entry was made or attempted",
                "an intruder was noticed or is suspected",
                words="intrusion",
            ),
            sense(
                "this points to changes made without permission",
                "someone is thought to have meddled with this",
                words="tampered tampering",
            ),
            sense(
                "messages or packets come or go in masses",
                "traffic pours in or out in large amounts",
                words="flooding",
            ),
            sense(
                "someone seems to be trying to get in by force",
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
                "syn packets arrive as if to overwhelm the host",
                phrases="syn flooding",
            ),
            sense(
                "one guess after another is tried",
                "sheer numbers of attempts are meant to get through",
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
                "the identity shown is not the one known so far",
                "this identifies itself differently from before",
                phrases="identification has changed",
            ),
            sense(
                "the source address is impossible on this network",
                "a packet came with a sender address it can't have",
                phrases="martian source",
            ),
        ),
        sources=(
            "OpenSSH auth.c, canohost.c: POSSIBLE BREAK-IN ATTEMPT",
            "Linux tcp_input.c: possible SYN flooding",
            "ssh(1)",
        ),
        risks=(
            "an outsider takes over an account or the whole host",
            "passwords or private data get into the wrong hands",
            "legitimate users get slow service or none while it lasts",
        ),
        benign=(
            "a planned security test set off the warning",
            "a rebuilt or misconfigured machine looks hostile without being so",
            "the defences recognised and stopped it",
        ),
        checks=(
            "find out which address or account is behind it",
            "look for successful logins from the same source",
            "ask whether a host was rebuilt or a security test was running",
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
                "this could not be confirmed as correct or genuine",
                "a check of this brought no confirmation",
                others=unable("verify"),
            ),
            sense(
                "the person or program did not get in",
                "a login was attempted without success",
                phrases="failed login, login failed, login failure",
                others=unable("login"),
            ),
            sense(
                "the user name or password was wrong",
                "the login details given were not right",
                phrases="login incorrect",
            ),
            sense(
                "the password that was given was not accepted",
                "the password failed the test",
                phrases="failed password, password failed, password check failed",
            ),
            sense(
                "this password is wrong or too weak",
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
                "this password can't be used here",
                phrases="invalid password",
            ),
            sense(
                "the two passwords compared are not the same",
                "this is another password than expected",
                phrases="password mismatch",
            ),
            sense(
                "the public key offered was turned down",
                "logging in by public key did not work",
                phrases="failed publickey",
            ),
            sense(
                "the credentials presented were turned down",
                "the proof of identity offered is no good",
                phrases="invalid credentials, bad credentials",
            ),
            sense(
                "this is not a valid account here",
                "that user name is not accepted for access",
                phrases="illegal user, invalid user",
            ),
            sense(
                "no account of that name exists",
                "the system does not know this user",
                phrases="user unknown, unknown user",
            ),
            sense(
                "the identity behind this is not established",
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
            "someone gets into an account by guessing its password",
            "a legitimate user or service stays locked out of its work",
            "an impostor passes for a trusted user or host",
        ),
        benign=(
            "a wrong entry was put right on the next try",
            "an unwelcome visitor was kept out as intended",
            "the client goes through several methods until one works",
        ),
        checks=(
            "look up the source address and the account it aimed at",
            "see whether access was gained shortly afterwards",
            "check that the account, key or certificate is still valid",
        ),
    ),
    Sign(
        "expired",
        "access",
        (
            sense(
                "its validity or time limit has ended",
                "the time set for this is over",
                words="expired",
                phrases="has expired, is expired",
            ),
            sense(
                "this was withdrawn and no longer counts",
                "what was granted here has been taken back",
                words="revoked",
            ),
            sense(
                "the certificate is past its end date",
                "the certificate is out of date and needs replacing",
                phrases="certificate expired, certificate has expired",
            ),
            sense(
                "the lease was not renewed in time",
                "the lease ran out and no longer holds",
                phrases="lease expired",
            ),
            sense(
                "the password is too old and must be changed",
                "the password has passed its maximum age",
                phrases="password expired",
            ),
            sense(
                "the ticket is past its lifetime",
                "a new ticket is needed from now on",
                phrases="ticket expired",
            ),
            sense(
                "the token is too old to be accepted",
                "further requests need a fresh token",
                phrases="token expired",
            ),
            sense(
                "the session used up its allowed time",
                "the session ended and has to be opened anew",
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
            "requests that rely on it are refused until it is renewed",
            "a long job loses access to its data halfway",
            "users are logged out while still at work",
        ),
        benign=(
            "a replacement was already in place when it ended",
            "its user or owner had no more use for it",
            "it was withdrawn or left to lapse on purpose",
        ),
        checks=(
            "look up when it ended and who has to renew it",
            "compare the clock of the machine with a time server",
            "find out which users or services still depend on it",
        ),
    ),
    Sign(
        "denied",
        "access",
        (
            sense(
                "this was asked for but not granted",
                "this request was turned down",
                words="denied",
            ),
            sense(
                "this was offered or sent but not accepted",
                "this was turned away",
                words="rejected",
            ),
            sense(
                "the right to do this is lacking",
                "whoever wants this is not entitled to it",
                words="unauthorized",
                phrases="not authorized",
            ),
            sense(
                "this is off limits under the rules",
                "this is banned by a rule",
                words="forbidden disallowed prohibited",
            ),
            sense(
                "the rules stand in the way of this",
                "this goes beyond the rights in place",
                phrases="not permitted, not allowed",
            ),
            sense(
                "a rule or limit was broken here",
                "this goes against a restriction in force",
                words="violation",
            ),
            sense(
                "this overstepped the permissions that were set",
                "this is not covered by the rights granted",
                phrases="permission violation",
            ),
            sense(
                "an access went where it was not allowed",
                "memory or data was accessed against the rules",
                phrases="access violation",
            ),
            sense(
                "the permission needed for this was not given",
                "whoever tried this lacks the permission",
                words="eacces",
                phrases="permission denied",
            ),
            sense(
                "the operation was refused by the system",
                "the system keeps the caller from this operation",
                words="eperm",
                phrases="operation not permitted",
            ),
            sense(
                "access was asked for and refused",
                "the user or program was kept out",
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
            "a job can't get at files or services that it needs",
            "an intruder finds a way in after many tries",
            "people are cut off from part of a service",
        ),
        benign=(
            "the rules kept out just what they are meant to keep out",
            "a user or client simply asked for too much",
            "the caller just tested which of its options are open",
        ),
        checks=(
            "trace who asked for it and for what purpose",
            "compare the permissions set with those the task requires",
            "find out whether access rules were changed lately",
        ),
    ),
    Sign(
        "truncated",
        "integrity",
        (
            sense(
                "part of it was cut off",
                "it was shortened and a part dropped",
                words="truncated truncation",
            ),
            sense(
                "it stopped before it was complete",
                "the end came sooner than it should",
                phrases="premature end, ended prematurely",
            ),
            sense(
                "it ended where more was expected",
                "no end was due here yet",
                phrases="unexpected end",
            ),
            sense(
                "the file or stream ended too early",
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
            "a user works with a file whose last part is missing",
            "a job fails on incomplete input",
            "a transfer has to be repeated from the start",
        ),
        benign=(
            "one side stopped on purpose once it had enough",
            "the rest follows with the next attempt",
            "the program makes do with the part that it got",
        ),
        checks=(
            "compare its size with that of the original",
            "see whether the sender or writer stopped early",
            "look for a full disk or a dropped connection",
        ),
    ),
    Sign(
        "corrupt",
        "integrity",
        (
            sense(
                "the contents are wrong or damaged",
                "the data is spoiled and unreliable",
                words="corrupt corrupted corruption",
            ),
            sense(
                "data is being damaged",
                "this spoils what is stored or sent",
                words="corrupting",
            ),
            sense(
                "this concerns the parity that guards data",
                "parity bits, which reveal wrong data, are involved",
                words="parity",
            ),
            sense(
                "a parity check turned out bad",
                "the bits do not agree with their parity",
                phrases="parity error, parity errors",
            ),
            sense(
                "the parity kept with the data is wrong",
                "data was found with faulty parity",
                phrases="data parity error",
            ),
            sense(
                "parts of it contradict each other",
                "the records do not agree with one another",
                words="inconsistent inconsistency",
            ),
            sense(
                "it did not stay intact",
                "part of it is broken or spoiled",
                words="damaged",
            ),
            sense(
                "it does not follow the expected format",
                "its structure is wrong",
                words="malformed",
            ),
            sense(
                "it does not sit on the required boundary",
                "its position is off from where it belongs",
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
                "a cyclic redundancy check went wrong",
                phrases="crc error, crc errors, crc mismatch, bad crc",
            ),
            sense(
                "the error-correcting code caught wrong bits",
                "ecc noticed faulty data",
                phrases="ecc error, ecc errors",
            ),
            sense(
                "the error is confined to one bit",
                "only a single bit has a false value",
                phrases="single bit error",
            ),
            sense(
                "a bit changed to the opposite value",
                "a zero became a one or the reverse",
                phrases="bit flip",
            ),
            sense(
                "the marker that identifies the format is wrong",
                "this does not carry the signature of its format",
                phrases="bad magic, bad magic number",
            ),
            sense(
                "the main record of the file system is unusable",
                "the superblock of the file system is not valid",
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
            "a job computes with wrong values and nobody notices",
            "a file or table stays unusable until it is repaired",
            "backups are filled with spoiled copies",
        ),
        benign=(
            "the bad copy was dropped and a good one used instead",
            "the data in question was temporary and not needed again",
            "a test fed in bad data on purpose",
        ),
        checks=(
            "compare the contents with an intact copy",
            "look for memory, disk or cable errors on the same machine",
            "read the data once more to see whether the error stays",
        ),
    ),
    Sign(
        "mismatch",
        "integrity",
        (
            sense(
                "what was found is not what was wanted",
                "the values compared are not equal",
                words="mismatch mismatched mismatches mismatching",
                phrases="does not match, do not match, did not match, not match",
            ),
            sense(
                "two claims or settings exclude each other",
                "this clashes with another entry or request",
                words="conflict conflicts conflicting",
            ),
            sense(
                "a different version than expected turned up",
                "two different versions are in use",
                phrases="version mismatch",
            ),
            sense(
                "this version does not work with the other side",
                "this version can't be used with its counterpart",
                phrases="incompatible version",
            ),
            sense(
                "another version is needed here",
                "the required version is not the one at hand",
                phrases="wrong version",
            ),
            sense(
                "the value is of another type than required",
                "the two types do not go together",
                phrases="type mismatch",
            ),
            sense(
                "the actual size differs from the expected one",
                "the sizes on both sides disagree",
                phrases="size mismatch",
            ),
            sense(
                "this does not work together with the rest",
                "one can't be combined with the other",
                words="incompatible",
                phrases="not compatible",
            ),
            sense(
                "it is not the same as its counterpart",
                "there is a difference between the two",
                phrases="differs from",
            ),
            sense(
                "the values or states do not fit together",
                "the details disagree with each other",
                phrases="not consistent",
            ),
        ),
        sources=(
            "raid: mismatch_cnt (md(4))",
            "RPC: program/version mismatch (rpc(3))",
            "OpenSSH: host key does not match",
        ),
        risks=(
            "the two sides misread each other and exchange wrong data",
            "a wrong file or version is used without anyone noticing",
            "a connection or an update does not come about",
        ),
        benign=(
            "an upgrade is under way and old meets new",
            "both ends fall back to what each of them supports",
            "the comparison is there to sort out such cases",
        ),
        checks=(
            "put the two values that disagree side by side",
            "find out what was upgraded or reconfigured last",
            "make sure that both ends run the same version and settings",
        ),
    ),
)
