"""Disks, arrays, file systems and the networks between them."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

DISK = domain(
    "disk",
    "the disk",
    ("stores blocks on platters or flash", "reports its own wear through SMART"),
    capacity=(
        ("spare sectors are used up and writes start to fail", "the request queue overflows and callers block"),
        ("read the reallocated sector count with smartctl", "watch queue length and latency with iostat"),
    ),
    integrity=(
        ("a sector can't be read back as it was written", "files on it may hold silent errors"),
        ("run a long self-test with smartctl", "map the bad sector to a file and restore it"),
    ),
    availability=(
        ("the drive no longer answers and its volume stalls", "processes hang in uninterruptible sleep"),
        ("reseat the drive and check its cable", "look for SCSI command timeouts in dmesg"),
    ),
    access=(
        ("the drive is locked or write-protected", "a reservation of another host keeps writers out"),
        ("query persistent reservations with sg_persist", "check hdparm's security state of the drive"),
    ),
    absence=(
        ("the bay is empty for the kernel", "a volume that needs the drive can't be assembled"),
        ("compare lsblk with the populated bays", "see whether the drive spins up and is cabled"),
    ),
    operation=(
        ("a read or write came back with an error", "the kernel may set the device offline"),
        ("read the sense key and code in dmesg", "replace the drive if the error comes again"),
    ),
    degradation=(
        ("the drive predicts its own failure", "retries make every access slow"),
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
        ("no hot spare is left for the next failure", "the write cache is full and writes slow down"),
        ("list spares and free disks with storcli", "check the controller's cache policy and dirty data"),
    ),
    integrity=(
        ("stripes and parity no longer agree", "a rebuild could copy bad blocks into the array"),
        ("run a consistency check of the array", "stop the rebuild until the mismatches are explained"),
    ),
    availability=(
        ("the array went offline with its file systems", "all disks behind the controller vanish together"),
        ("check the controller's state and its event log", "see in /proc/mdstat which members are gone"),
    ),
    access=(
        ("the array imports as foreign and stays closed", "changes to its configuration are refused"),
        ("look for a foreign configuration in storcli", "check who holds the controller's lock"),
    ),
    absence=(
        ("a member disk is gone from the array", "the controller runs without its cache battery"),
        ("identify the empty slot with the locate LED", "compare member serials with mdadm's detail"),
    ),
    operation=(
        ("the array could not be assembled or rebuilt", "the controller reset and dropped commands"),
        ("read the last controller events before the error", "assemble read-only and copy the data first"),
    ),
    degradation=(
        ("one more disk failure loses the array", "write-through mode makes writes slow"),
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
        ("stored data differ from what was written", "backups may carry the damage along"),
        ("verify checksums against the last good backup", "stop writers before anything is repaired"),
    ),
    availability=(
        ("reads and writes hang until it comes back", "jobs stall in the middle of their output"),
        ("test the mount with a plain ls and a timeout", "check the storage server's load and network port"),
    ),
    access=(
        ("files stay closed to their rightful users", "the export refuses this client"),
        ("compare owner, mode and ACL of the path", "check the export list of the server"),
    ),
    absence=(
        ("programs miss the input that they should read", "a path that jobs rely on is gone"),
        ("look whether the volume is mounted with findmnt", "search the backup for the path"),
    ),
    operation=(
        ("a file operation ended without its result", "output of the job may be cut short"),
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
        ("the queue of the target port is full", "hosts get busy replies and back off"),
        ("compare queue depth with the array's limit", "read buffer credits of the switch port"),
    ),
    integrity=(
        ("frames arrive damaged and commands are repeated", "paths may lead to different copies of a LUN"),
        ("count CRC errors on the switch port", "compare the WWID of every path with multipath"),
    ),
    availability=(
        ("all paths to the LUN are down and I/O queues up", "the session to the target dropped out"),
        ("list path states with multipath -ll", "check session state with iscsiadm"),
    ),
    access=(
        ("the target refuses this initiator", "zoning or masking hides the LUN"),
        ("check initiator name, CHAP secret and LUN masking", "compare the zone set with the host's WWPN"),
    ),
    absence=(
        ("the host sees no LUN to mount", "a path of the pair is gone"),
        ("rescan the host adapter and list lsscsi", "look for the optic's light on the switch port"),
    ),
    operation=(
        ("a block command was aborted by the host adapter", "log-in to the target port failed"),
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
        ("no block or inode is free for new files", "daemons on this node can't write logs"),
        ("compare df with df -i on the mount", "find deleted files still held open with lsof"),
    ),
    integrity=(
        ("directory entries may point to wrong blocks", "the kernel remounts it read-only to limit damage"),
        ("unmount it and run fsck or xfs_repair", "check the disk below before repairing the tree"),
    ),
    availability=(
        ("processes block on the mount point", "the journal can't move forward and writers wait"),
        ("find blocked tasks with a sysrq-w trace", "check whether the device below still answers"),
    ),
    access=(
        ("writes fail because the mount is read-only", "users without the right bits see the open refused"),
        ("look at mount options in /proc/mounts", "check mode, ACL and security label with ls -lZ"),
    ),
    absence=(
        ("services start without their data directory", "the label in fstab matches no device"),
        ("compare /etc/fstab with the output of blkid", "see whether the mount unit ran at boot"),
    ),
    operation=(
        ("the mount failed and its users find it empty", "an update of an inode was given up"),
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
        ("a full storage target stops writes to striped files", "client locks outgrow the server's memory"),
        ("list target usage with lfs df or mmdf", "count locks and open files on the servers"),
    ),
    integrity=(
        ("metadata and objects of a file disagree", "clients may see different contents of one file"),
        ("run lfsck or mmfsck in check mode", "find files on the suspect target with lfs find"),
    ),
    availability=(
        ("every job with open files there stalls", "clients are evicted and lose unwritten data"),
        ("check target states with lctl dl or mmgetstate", "see whether failover of the server took place"),
    ),
    access=(
        ("the server refuses the client's lock or open", "root squash keeps administrators out"),
        ("compare identity mapping on client and server", "check nodemap or export rules"),
    ),
    absence=(
        ("the storage target is not part of the pool", "nodes run jobs without their shared home"),
        ("list mounts on the node and mount again", "see which server should export the target"),
    ),
    operation=(
        ("a remote file call ended with an error", "the client aborts requests in flight"),
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
