"""What stands at the slots of the pretraining catalogue: one function for each type of value.

Most names are letters and numbers that come from nowhere, so that a model learns what a value looks like and not which
ones there are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

_USERS = "adam brenda carlos diana ewan fatima greta henrik ilya jaya kurt lucia mbarak noor oscar priya quinn rosa"
_STEMS = "alder birch cedar compute db edge ember fir gpu hazel ibis lark login maple mds n node oss rack web"
_DAEMONS = (
    "auditd autofs chronyd cups docker firewalld gdm haproxy httpd irqbalance kubelet libvirtd mariadb munge named "
    "nfsd nginx nscd ntpd polkit postfix postgresql redis rpcbind rsyslog slurmd smartd snmpd sshd sssd tuned vsftpd"
)
_PROGRAMS = (
    "java python3 gromacs lammps namd2 vasp wrf.exe openfoam bash rsync tar cp firefox qemu-kvm gcc make perl ruby "
    "node mysqld nwchem cp2k blender ffmpeg gzip sort curl hmmsearch bwa samtools R julia"
)
_MODULES = (
    "e1000e igb ixgbe i40e bnxt_en mlx5_core mlx4_en nvme megaraid_sas mpt3sas hpsa qla2xxx lpfc ahci xhci_hcd i915 "
    "nouveau amdgpu tg3 bnx2x virtio_net vmxnet3 zfs lustre nfsv4 bonding dm_mod snd_hda_intel iwlwifi"
)
_SYMBOLS = (
    "do_page_fault ext4_lookup schedule_timeout tcp_sendmsg kmem_cache_alloc vfs_read submit_bio nfs_file_write "
    "ip_rcv copy_user_generic do_sys_open mutex_lock blk_mq_run_hw_queue handle_irq_event process_one_work "
    "xfs_iget ptlrpc_queue_wait futex_wait dma_map_page worker_thread read_pages flush_buffers"
)
_CLASSES = (
    "org.apache.catalina.core.StandardWrapper com.example.order.OrderService io.netty.channel.nio.NioEventLoop "
    "org.springframework.web.servlet.DispatcherServlet org.hibernate.engine.jdbc.SqlExceptionHelper "
    "org.apache.zookeeper.ClientCnxn com.example.billing.InvoiceJob org.quartz.core.JobRunShell "
    "org.apache.cassandra.service.GCInspector org.elasticsearch.cluster.service.MasterService "
    "org.eclipse.jetty.server.HttpChannel com.example.cache.RegionLoader"
)
_TOPICS = "orders payments sessions metrics audit checkout inventory search users mail billing images reports prod"
_TABLES = "accounts events invoices jobs items sessions history locks customers measurements"
_FOLDERS = "var log lib etc opt srv data home scratch usr local share spool run tmp mnt backup projects"
_FILES = "core state.db access.log config.yaml server.conf index.dat journal part-00017 output.h5 cache.bin hosts"
_LIBRARIES = "libc-2.31.so libmpi.so.40 libcuda.so.1 libpthread-2.17.so libhdf5.so.103 libssl.so.1.1 libstdc++.so.6"
_UNITS = (
    "OpenSSH server daemon|Network Time Service|Login Service|Daily apt upgrade and clean activities|"
    "Session 14 of user root|PostgreSQL RDBMS|Cleanup of Temporary Directories|LSB: Bring up/down networking|"
    "Docker Application Container Engine|Local File Systems|Remote desktop service|Session Scope of the console"
)
_CRITICAL = "DISK CRITICAL - free space: 2%|CRITICAL - Socket timeout after 10 seconds|load average: 97.3"

Draw = Callable[[random.Random], str]


def _any(words: str, rng: random.Random) -> str:
    return rng.choice(words.split())


def _one_of(words: str) -> Draw:
    return lambda rng: rng.choice(words.split())


def _one_text_of(texts: str) -> Draw:
    return lambda rng: rng.choice(texts.split("|"))


def _integer(low: int, high: int) -> Draw:
    return lambda rng: str(rng.randint(low, high))


def _hexadecimal(digits: int, prefix: str = "0x") -> Draw:
    return lambda rng: f"{prefix}{rng.getrandbits(4 * digits):0{digits}x}"


def _large(rng: random.Random) -> str:
    """Whole numbers of all magnitudes alike."""
    return str(int(10 ** rng.uniform(1.5, 7)))


def _host(rng: random.Random) -> str:
    name = f"{_any(_STEMS, rng)}{rng.randint(1, 400)}"
    return name if rng.random() < 0.7 else f"{name}.example.{rng.choice(('com', 'org', 'net'))}"


def _node(rng: random.Random) -> str:
    a, b, c, d = (rng.randint(0, 15) for _ in range(4))
    names = (
        f"c{a}-{b}c{c % 3}s{d}n{a % 4}",
        f"rack{a}-mid{b % 2}-n{c:02d}",
        f"nid{a:02d}{b:02d}{c:02d}",
        f"r{a}i{b}n{c}",
    )
    return rng.choice(names)


def _ip(rng: random.Random) -> str:
    return f"{rng.choice(('10', '172', '192'))}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def _mac(rng: random.Random) -> str:
    return ":".join(f"{rng.getrandbits(8):02x}" for _ in range(6))


def _path(rng: random.Random) -> str:
    folders = "".join(f"/{_any(_FOLDERS, rng)}" for _ in range(rng.randint(1, 3)))
    return folders + rng.choice(("", f"/{_any(_TOPICS, rng)}"))


def _source(rng: random.Random) -> str:
    return f"{_any('net fs mm client server core', rng)}/{_any(_SYMBOLS, rng)}.{_any('c go', rng)}"


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _disk(rng: random.Random) -> str:
    names = (f"sd{rng.choice('abcdefgh')}", f"nvme{rng.randint(0, 7)}n1", f"dm-{rng.randint(0, 20)}", "vda")
    return rng.choice(names)


def _volume(rng: random.Random) -> str:
    names = (f"mpath{rng.choice('abcdef')}", f"lun{rng.randint(0, 60)}", f"3600{rng.getrandbits(64):016x}")
    return rng.choice(names)


def _interface(rng: random.Random) -> str:
    names = (f"eth{rng.randint(0, 5)}", f"ens{rng.randint(1, 9)}f{rng.randint(0, 1)}", "bond0", "ib0", "eno1")
    return rng.choice(names)


def _memory_module(rng: random.Random) -> str:
    channel = f"CPU_SrcID#{rng.randint(0, 1)}_Ha#0_Chan#{rng.randint(0, 3)}_DIMM#{rng.randint(0, 2)}"
    return rng.choice((f"DIMM_{rng.choice('ABCD')}{rng.randint(1, 4)}", channel, f"dimm{rng.randint(0, 15)}"))


def _job(rng: random.Random) -> str:
    number = rng.randint(1_000, 99_999)
    application = f"application_{rng.randint(10**12, 2 * 10**12)}_{rng.randint(1, 9_999):04d}"
    return rng.choice((str(rng.randint(10_000, 9_000_000)), f"{number}.{_host(rng)}", application))


def _partition(rng: random.Random) -> str:
    names = (
        f"R{rng.randint(0, 63):02d}-M{rng.randint(0, 1)}",
        f"part{rng.randint(1, 60)}",
        f"blk-{rng.randint(1, 900)}",
    )
    return rng.choice(names)


def _pod(rng: random.Random) -> str:
    return f"{_any(_TOPICS, rng)}-{rng.getrandbits(36):09x}-{rng.getrandbits(20):05x}"


def _image(rng: random.Random) -> str:
    return f"registry.example.com/{_any(_TOPICS, rng)}/{_any(_DAEMONS, rng)}:{rng.randint(0, 9)}.{rng.randint(0, 30)}"


def _bus_address(rng: random.Random) -> str:
    return f"0000:{rng.getrandbits(8):02x}:{rng.randint(0, 31):02x}.{rng.randint(0, 7)}"


def _duration(rng: random.Random) -> str:
    return f"{rng.randint(2, 300)}{rng.choice(('s', 'min', 'h', ' seconds', ' hours'))}"


def _size(rng: random.Random) -> str:
    return f"{rng.randint(1, 999)}{rng.choice(('K', 'M', 'G', 'MB', 'GiB', ' GB', 'kB'))}"


def _clock(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"


def _date(rng: random.Random) -> str:
    return f"{rng.randint(2012, 2025)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


#: The type of a slot → a function that draws a value for it.
VALUES: Mapping[str, Draw] = {
    "small": _integer(0, 31),
    "int": _large,
    "pid": _integer(200, 65_000),
    "port": _integer(22, 65_000),
    "pct": _integer(1, 99),
    "temp": _integer(15, 104),
    "ms": _integer(1, 9_000),
    "float": lambda rng: f"{rng.uniform(0, 90):.{rng.randint(1, 3)}f}",
    "volt": lambda rng: f"{rng.uniform(0.6, 13):.2f}",
    "dur": _duration,
    "size": _size,
    "hex": lambda rng: _hexadecimal(rng.randint(2, 8))(rng),
    "hex16": lambda rng: _hexadecimal(16, rng.choice(("", "0x")))(rng),
    "hexid": _hexadecimal(4, ""),
    "hexbytes": lambda rng: " ".join(f"{rng.getrandbits(8):02x}" for _ in range(rng.randint(3, 8))),
    "host": _host,
    "node": _node,
    "ip": _ip,
    "mac": _mac,
    "uuid": _uuid,
    "bdf": _bus_address,
    "path": _path,
    "file": lambda rng: f"{_path(rng)}/{_any(_FILES, rng)}",
    "source": _source,
    "disk": _disk,
    "lun": _volume,
    "slot": lambda rng: f"{rng.randint(0, 3)}:{rng.randint(0, 24)}",
    "nic": _interface,
    "dimm": _memory_module,
    "job": _job,
    "part": _partition,
    "pod": _pod,
    "image": _image,
    "version": lambda rng: f"{rng.randint(0, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 99)}",
    "serial": lambda rng: f"{rng.choice(('S', 'WD', 'ZA', 'CN'))}{rng.getrandbits(32):08X}",
    "time": _clock,
    "date": _date,
    "vm": lambda rng: f"vm-{rng.randint(1, 300)}",
    "user": _one_of(_USERS),
    "program": _one_of(_PROGRAMS),
    "daemon": _one_of(_DAEMONS),
    "module": _one_of(_MODULES),
    "symbol": _one_of(_SYMBOLS),
    "class": _one_of(_CLASSES),
    "topic": _one_of(_TOPICS),
    "table": _one_of(_TABLES),
    "library": _one_of(_LIBRARIES),
    "unit": _one_text_of(_UNITS),
    "queue": _one_of("batch debug long gpu short interactive express night"),
    "fs": _one_of("scratch home work proj lfs01 archive"),
    "model": _one_of("ST4000NM0035 MZ7LH960 WDC-WUS721 EPYC-7543 Xeon-6248R PM1733"),
    "manufacturer": _one_of("Samsung Hynix Micron Kingston"),
    "text_crit": _one_text_of(_CRITICAL),
}
