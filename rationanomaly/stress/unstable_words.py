"""Short forms and synonyms that programs and their new versions write for each other."""

from __future__ import annotations

from collections.abc import Mapping

ABBREVIATIONS: Mapping[str, str] = {
    "abnormal": "abnrm", "address": "addr", "administrator": "admin", "allocation": "alloc", "application": "app",
    "argument": "arg", "attempt": "att", "authentication": "auth", "authorization": "authz", "average": "avg",
    "buffer": "buf", "cannot": "cant", "certificate": "cert", "channel": "chan", "character": "char", "command": "cmd",
    "communication": "comm", "configuration": "config", "connection": "conn", "connect": "conn", "context": "ctx",
    "controller": "ctlr", "count": "cnt", "current": "cur", "database": "db", "destination": "dst", "device": "dev",
    "directory": "dir", "document": "doc", "error": "err", "exception": "exc", "execution": "exec",
    "failed": "fld", "failure": "fail", "fatal": "ftl", "function": "func", "hardware": "hw", "identifier": "id",
    "information": "info", "initialization": "init", "input": "in", "instruction": "insn", "instructions": "insns",
    "interface": "iface", "internal": "int", "interrupt": "irq", "kernel": "krnl", "length": "len", "library": "lib",
    "manager": "mgr", "management": "mgmt", "maximum": "max", "memory": "mem", "message": "msg", "messages": "msgs",
    "minimum": "min", "module": "mod", "network": "net", "number": "no", "object": "obj", "operation": "op",
    "output": "out", "packet": "pkt", "packets": "pkts", "parameter": "param", "password": "pwd", "pointer": "ptr",
    "power": "pwr", "previous": "prev", "process": "proc", "processor": "cpu", "program": "prog", "receive": "recv",
    "received": "rcvd", "reference": "ref", "register": "reg", "request": "req", "response": "resp", "return": "ret",
    "segment": "seg", "sequence": "seq", "server": "srv", "service": "svc", "session": "sess", "signal": "sig",
    "source": "src", "statistics": "stats", "storage": "stor", "string": "str", "synchronization": "sync",
    "system": "sys", "temperature": "temp", "temporary": "tmp", "thread": "thr", "timeout": "tmo", "transaction": "txn",
    "unable": "unbl", "utility": "util", "value": "val", "version": "ver", "virtual": "virt", "warning": "warn",
}  # fmt: skip

SYNONYMS: Mapping[str, str] = {
    "aborted": "cancelled", "accepted": "admitted", "address": "location", "application": "program",
    "attempt": "try", "began": "started", "bad": "faulty", "begin": "start", "broken": "defective",
    "cannot": "can't", "client": "peer", "closed": "shut", "closing": "shutting", "command": "instruction",
    "completed": "finished", "connection": "link", "corrupted": "damaged", "corrupt": "damaged", "crashed": "died",
    "created": "made", "creating": "making", "daemon": "service", "dead": "lifeless", "deleted": "removed",
    "deleting": "removing", "denied": "refused", "detected": "noticed", "device": "unit", "directory": "folder",
    "disabled": "deactivated", "disconnected": "cut off", "done": "finished", "enabled": "activated",
    "encountered": "met", "ended": "finished", "ending": "finishing", "error": "fault", "errors": "faults",
    "exceeded": "surpassed", "exit": "leave", "exited": "quit", "exiting": "quitting", "failed": "did not succeed",
    "failure": "breakdown", "fatal": "deadly", "file": "document", "finished": "completed", "found": "discovered",
    "generating": "producing", "halted": "stopped", "host": "machine", "illegal": "forbidden", "incorrect": "wrong",
    "initialized": "set up", "invalid": "not valid", "job": "task", "killed": "terminated", "link": "connection",
    "loaded": "read in", "lost": "gone", "machine": "host", "message": "notice", "missing": "absent",
    "monitor": "watcher", "mounted": "attached", "node": "machine", "obtained": "got", "opened": "accessed",
    "operation": "action", "panic": "emergency stop", "process": "task", "problem": "trouble", "program": "application",
    "ready": "prepared", "received": "got", "refused": "rejected", "removed": "deleted", "removing": "deleting",
    "request": "query", "requested": "asked for", "restarted": "started again", "returned": "gave back",
    "running": "active", "sending": "transmitting", "sent": "transmitted", "server": "host", "shutdown": "power-off",
    "started": "launched", "starting": "launching", "stopped": "halted", "stopping": "halting",
    "successful": "fruitful", "successfully": "with success", "terminated": "ended", "terminating": "ending",
    "timeout": "time limit", "trying": "attempting", "unable": "not able", "unavailable": "not available",
    "unexpected": "unforeseen", "unknown": "unidentified", "unreachable": "not reachable", "updated": "renewed",
    "updating": "renewing", "user": "account", "waiting": "pausing", "warning": "caution", "writing": "storing",
}  # fmt: skip
