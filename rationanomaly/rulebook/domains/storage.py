"""Disks, arrays, file systems and the networks between them."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

DISK = domain(
    "disk",
    "the disk",
    ("stores blocks on platters or flash", "reports its own wear through SMART"),
    capacity=(
        ("writes to the drive start to fail", "callers block until the drive catches up"),
        ("read the reallocated sector count with smartctl", "watch queue length and latency with iostat"),
    ),
    integrity=(
        ("part of a file may be lost for good", "files on it may hold silent errors"),
        ("run a long self-test with smartctl", "map the bad sector to a file and restore it"),
    ),
    availability=(
        ("the volume on it stalls or drops out", "processes hang in uninterruptible sleep"),
        ("reseat the drive and check its cable", "look for SCSI command timeouts in dmesg"),
    ),
    access=(
        ("nothing can be written to the drive", "writers have to wait until it is released"),
        ("query the persistent reservations with sg_persist", "check hdparm's security state of the drive"),
    ),
    absence=(
        ("data on that drive are out of reach", "a volume that needs the drive can't be assembled"),
        ("compare lsblk with the populated bays", "see whether the drive spins up and is cabled"),
    ),
    operation=(
        ("files on it may be unreadable or incomplete", "the kernel may set the device offline"),
        ("read the sense key and code in dmesg", "replace the drive if the error comes again"),
    ),
    degradation=(
        ("the drive may fail within days or weeks", "every access takes longer than before"),
        ("copy the data off and order a spare drive", "compare latency and media errors with other drives"),
    ),
    words="disk disks drive drives scsi sata sas ata ide sector sectors hda hdb sda sdb sd sdc hd smart smartd "
    "smartctl sense ncq platter spindle spin ssd nvme media seek reallocated cd cdrom dvd floppy tape "
    "atapi mpt mptscsih mptbase aacraid sg libata hdd lba unreadable blk hwif block blocks",
    sources=("smartctl(8)", "SCSI Primary Commands (T10)", "Linux libata documentation", "sg3_utils"),
)

RAID = domain(
    "raid",
    "the RAID controller",
    ("joins disks into arrays that survive a failure", "caches writes behind a battery"),
    capacity=(
        ("the next disk failure finds no spare", "writes slow down to the speed of disks"),
        ("list spares and free disks with storcli", "check the controller's cache policy and dirty data"),
    ),
    integrity=(
        ("reads from the array may return wrong data", "a rebuild could copy bad blocks into the array"),
        ("run a consistency check of the array", "stop the rebuild until the mismatches are explained"),
    ),
    availability=(
        ("file systems on the array go offline", "every disk behind the controller is out of reach"),
        ("check the controller's state and its event log", "see in /proc/mdstat which members are gone"),
    ),
    access=(
        ("the array stays closed to the host", "changes to its configuration are refused"),
        ("look for a foreign configuration in storcli", "check who holds the controller's lock"),
    ),
    absence=(
        ("the array has to run without its full set", "unwritten data may be lost at a power cut"),
        ("identify the empty slot with the locate LED", "compare member serials with mdadm's detail"),
    ),
    operation=(
        ("the array may not come back after a restart", "writes in flight may be lost"),
        ("read the last controller events before the error", "assemble it read-only and copy the data off"),
    ),
    degradation=(
        ("one more disk failure loses the array", "writes may bypass the cache and slow down"),
        ("replace the failed member and start a rebuild", "check charge and age of the cache battery"),
    ),
    words="raid raid1 raid5 raid6 md mdadm mdstat array arrays stripe striped mirror megaraid cciss hpsa "
    "storcli rebuild rebuilding resync bbu hotspare spare spares jbod lvm vg pv volumes dmraid 3ware "
    "arcmsr ddn",
    sources=("mdadm(8)", "md(4)", "Broadcom storcli reference", "lvm(8)"),
)

STORAGE = domain(
    "storage",
    "the storage system",
    ("keeps files beyond the life of a job", "serves blocks and files to the nodes"),
    capacity=(
        ("jobs can't write results or checkpoints", "users over quota see their writes refused"),
        ("find the full volume with df, inodes too", "list the largest directories with du"),
    ),
    integrity=(
        ("programs may read something other than was written", "backups may carry the damage along"),
        ("verify checksums against the last good backup", "stop writers before anything is repaired"),
    ),
    availability=(
        ("reads and writes hang until it comes back", "jobs stall in the middle of their output"),
        ("test the mount with a plain ls and a timeout", "check the storage server's load and network port"),
    ),
    access=(
        ("files stay closed to their rightful users", "a job that asked for them stops"),
        ("compare owner, mode and ACL of the path", "check the export list of the server"),
    ),
    absence=(
        ("programs miss the input that they should read", "jobs that rely on it end early"),
        ("look whether the volume is mounted with findmnt", "search the backup for the path"),
    ),
    operation=(
        ("the program behind it gets an error back", "output of the job may be cut short"),
        ("note path and errno, then retry by hand", "look for device errors just before it in dmesg"),
    ),
    degradation=(
        ("transfers slow down for every job", "a copy is short until repair ends"),
        ("compare latency per volume with iostat", "check rebuild or migration tasks that run now"),
    ),
    words="storage quota file files directory directories folder volume backup backups restore snapshot archive "
    "replica reads writes path filename rsync upload download",
    sources=("df(1)", "errno(3)", "iostat(1)", "quota(1)"),
    broad=True,
)

SAN = domain(
    "storage network",
    "the storage network",
    ("carries block commands between hosts and arrays", "offers several paths to each LUN"),
    capacity=(
        ("block requests wait at the target port", "hosts get busy replies and back off"),
        ("compare queue depth with the array's limit", "read buffer credits of the switch port"),
    ),
    integrity=(
        ("commands must be repeated or return wrong blocks", "paths may lead to different copies of a LUN"),
        ("count CRC errors on the switch port", "compare the WWID of every path with multipath"),
    ),
    availability=(
        ("block requests queue up without a path", "file systems on the LUN freeze or turn read-only"),
        ("list path states with multipath -ll", "check the session state with iscsiadm"),
    ),
    access=(
        ("file systems kept there stay closed", "the LUN stays hidden from its users"),
        ("check initiator name, CHAP secret and LUN masking", "compare the zone set with the host's WWPN"),
    ),
    absence=(
        ("volumes can't be mounted on this host", "one more path failure cuts the host off"),
        ("rescan the host adapter and list lsscsi", "look for the optic's light on the switch port"),
    ),
    operation=(
        ("block commands must be repeated on another path", "a volume may not appear on the host"),
        ("read the adapter driver's messages in dmesg", "check the array's event log at the same minute"),
    ),
    degradation=(
        ("traffic runs over one path without a reserve", "path flaps make latency jump"),
        ("find the failed path and its switch port", "clean or swap the optic with rising errors"),
    ),
    words="iscsi iscsid fc fibre fibrechannel fcoe san multipath multipathd dm lun luns target initiator wwn "
    "wwpn wwid hba qla qla2xxx qlogic lpfc emulex zoning zone brocade chap iqn paths pathgroup rport "
    "nvmeof srp",
    sources=("multipath(8)", "iscsiadm(8)", "Fibre Channel Framing and Signaling (T11)"),
)

FILESYSTEM = domain(
    "filesystem",
    "the local file system",
    ("turns disk blocks into named files", "logs its changes in a journal before it makes them"),
    capacity=(
        ("new files can't be created there", "daemons on this node can't write logs"),
        ("compare df with df -i on the mount", "find deleted files still held open with lsof"),
    ),
    integrity=(
        ("names may point to the wrong blocks", "the kernel remounts it read-only to limit damage"),
        ("unmount it and run fsck or xfs_repair", "check the disk below before repairing the tree"),
    ),
    availability=(
        ("processes block on the mount point", "writers wait until the journal moves again"),
        ("find blocked tasks with a sysrq-w trace", "check whether the device below still answers"),
    ),
    access=(
        ("programs there can't write their files", "the user's open or write is refused"),
        ("look at mount options in /proc/mounts", "check mode, ACL and security label with ls -lZ"),
    ),
    absence=(
        ("services start without their data directory", "jobs on this node miss their files"),
        ("compare /etc/fstab with the output of blkid", "see whether the mount unit ran at boot"),
    ),
    operation=(
        ("its users may find an empty directory", "the last change to a file may be lost"),
        ("read the ext4 or xfs lines in dmesg", "try the mount by hand in read-only mode"),
    ),
    degradation=(
        ("the journal replays after every unclean stop", "fragmented files slow down reading"),
        ("check the mount count and last fsck with tune2fs", "watch writeback and dirty pages in vmstat"),
    ),
    words="filesystem filesystems fs ext ext2 ext3 ext4 xfs btrfs reiserfs jfs inode inodes superblock journal "
    "journaling jbd jbd2 fsck mount mounted mounting unmount umount unmounted remount remounting fstab "
    "dentry vfs tmpfs loopback autofs automount automounter bitmap extent orphan partition readonly",
    sources=("mount(8)", "e2fsck(8)", "xfs_repair(8)", "Linux kernel documentation, ext4"),
)

PARALLEL = domain(
    "parallel filesystem",
    "the parallel file system",
    ("spreads files over many storage servers", "gives all nodes one view of shared files"),
    capacity=(
        ("striped files can't grow any further", "jobs on all clients see failed writes"),
        ("list target usage with lfs df or mmdf", "count locks and open files on the servers"),
    ),
    integrity=(
        ("parts of a shared file may be missing", "clients may see different contents of one file"),
        ("run lfsck or mmfsck in check mode", "find files on the suspect target with lfs find"),
    ),
    availability=(
        ("every job with open files there stalls", "clients may be evicted and lose unwritten data"),
        ("check target states with lctl dl or mmgetstate", "see whether failover of the server took place"),
    ),
    access=(
        ("the client's lock or open is refused", "jobs can't open their shared files"),
        ("compare identity mapping on client and server", "check the server's nodemap or export rules"),
    ),
    absence=(
        ("files on that target are out of reach", "nodes run jobs without their shared home"),
        ("list mounts on the node and mount again", "see which server should export the target"),
    ),
    operation=(
        ("reads and writes of running jobs end in errors", "requests in flight may have to be repeated"),
        ("match client and server logs by request time", "read the error number of the RPC"),
    ),
    degradation=(
        ("one slow target holds back all stripes", "reconnects make metadata calls crawl"),
        ("compare the I/O rate of each target", "look for hung service threads on the metadata server"),
    ),
    words="lustre lustreerror gpfs ost osts oss mds mdt mgs mgc osc mdc obd ldlm lnet lnd llite mmfs mmfsd "
    "beegfs ceph osd panfs pvfs nfs nfsd rpcbind lockd statd export exports exported stale ptlrpc evicted "
    "evicting afs cifs smb gluster target targets",
    sources=("Lustre operations manual", "IBM Spectrum Scale problem guide", "nfs(5)", "Ceph documentation"),
)

PARTS = (DISK, RAID, STORAGE, SAN, FILESYSTEM, PARALLEL)
