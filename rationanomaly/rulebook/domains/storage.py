"""Disks, arrays, file systems and the networks between them."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

DISK = domain(
    "disk",
    "the disk",
    ("stores blocks on platters or flash", "reports its own wear through SMART"),
    capacity=(
        ("writes to the drive are delayed or refused", "programs wait longer for their disk requests"),
        (
            "check the drive's fill level and queue with df and iostat",
            "compare the drive's limits with what was asked of it",
        ),
    ),
    integrity=(
        ("reads from the drive return damaged or incomplete data", "files on the drive are no longer trustworthy"),
        ("run a long self-test with smartctl", "compare files on the drive with their last backup"),
    ),
    availability=(
        ("file systems on the drive stall or drop out", "processes that use the drive hang or end early"),
        ("see in dmesg whether the drive has answered since", "check cable, slot and power of the drive"),
    ),
    access=(
        ("programs are refused reads or writes on the drive", "data on it stay locked away from their users"),
        ("list the rights on its device node with ls -l", "see whether the drive is locked or write-protected"),
    ),
    absence=(
        ("programs do not find the disk or data they need", "file systems that live on the drive are not mounted"),
        ("compare lsblk with the drives that should be there", "see whether the drive is cabled and holds a medium"),
    ),
    operation=(
        ("data are not read from the drive or written to it", "programs get errors from the drive in place of data"),
        ("read the kernel's messages for the drive in dmesg", "print its error log with smartctl -l error"),
    ),
    degradation=(
        ("the drive has to be replaced before long", "every access to the drive takes longer than before"),
        ("copy data off it that exist nowhere else", "compare latency and error counts with other drives"),
    ),
    words="disk disks drive drives scsi sata sas ata ide sector sectors hda hdb sda sdb sd sdc hd smart smartd "
    "smartctl sense ncq platter spindle spin ssd nvme media seek reallocated cd cdrom dvd floppy tape "
    "atapi mpt mptscsih mptbase aacraid sg libata hdd lba unreadable blk hwif block blocks",
    hints="aacraid atapi blk block blocks cd cdrom dvd floppy hd media mpt sd seek sense sg smart spin tape unreadable",
    sources=("smartctl(8)", "SCSI Primary Commands (T10)", "Linux libata documentation", "sg3_utils"),
)

RAID = domain(
    "raid",
    "the disk array",
    ("joins disks into arrays that survive a failure", "shows the host one large volume"),
    capacity=(
        ("writes to the array slow down or are refused", "volumes on it find no room to grow or rebuild"),
        ("list the volumes, spares and free space of the array", "compare its queue and cache use with the limits set"),
    ),
    integrity=(
        ("the host reads wrong data from the array", "the members of the array no longer agree with each other"),
        ("run a consistency check of the affected array", "test whether its volumes are restorable from a backup"),
    ),
    availability=(
        ("volumes on the array go offline or stop answering", "the array goes on with fewer members than planned"),
        (
            "check the state of every member disk and its controller",
            "see whether the host still reads from its volumes",
        ),
    ),
    access=(
        ("the host is refused its volumes on the array", "changes to the array's setup are turned down"),
        (
            "see which account or host sent the request to it",
            "check whether the array is locked or owned by another host",
        ),
    ),
    absence=(
        ("the array or one of its volumes does not start", "the host misses a member disk or a logical drive"),
        (
            "compare the members it lists with the drives in the slots",
            "check that every disk shelf is powered and cabled",
        ),
    ),
    operation=(
        ("the array is not assembled or not usable as planned", "writes on their way to the array's disks are lost"),
        ("read the events that the array recorded at that time", "look up which of its arrays and members are online"),
    ),
    degradation=(
        ("the array has less reserve against a further disk failure", "reads and writes on the array take longer"),
        ("look for members that failed or are being rebuilt", "check temperature, cache mode and load of the array"),
    ),
    words="raid raid1 raid5 raid6 md mdadm mdstat array arrays stripe striped mirror megaraid cciss hpsa "
    "storcli rebuild rebuilding resync bbu hotspare spare spares jbod lvm vg pv volumes dmraid 3ware "
    "arcmsr ddn",
    hints="array arrays ddn jbod md mirror pv rebuild rebuilding resync spare spares stripe striped vg volumes",
    sources=("mdadm(8)", "md(4)", "Broadcom storcli reference", "lvm(8)"),
)

STORAGE = domain(
    "storage",
    "the storage system",
    ("keeps files beyond the life of a job", "serves blocks and files to the nodes"),
    capacity=(
        ("files are cut short or not written at all", "programs are refused further writes or open files"),
        ("check free space, inodes and quota of the path", "count open files with lsof and sizes with du"),
    ),
    integrity=(
        ("programs read something other than what was written", "a wrong or damaged file ends up in the backups"),
        ("compare the file's checksum and size with a good copy", "find out who wrote the file last, and when"),
    ),
    availability=(
        ("reads and writes of files hang or break off", "jobs lose output that they were about to save"),
        ("test the path with a plain ls and a timeout", "see whether the disk or server behind it answers"),
    ),
    access=(
        ("users or jobs are kept from their files", "work stops because a directory stays closed to it"),
        ("compare owner, mode and ACL of the path", "see who asked for the file and from where"),
    ),
    absence=(
        ("programs miss the input that they rely on", "jobs end early for want of their files"),
        ("see with findmnt whether the volume is mounted", "search the path and its backup for the missing item"),
    ),
    operation=(
        ("a file is not opened, changed or saved as intended", "output of a job is incomplete or lost"),
        ("try the same step on that path by hand", "look in dmesg for disk trouble at that time"),
    ),
    degradation=(
        ("opening and copying files takes users longer", "backups and transfers do not finish in time"),
        ("compare the latency of volumes with iostat", "check health and load of the disks behind it"),
    ),
    words="storage quota file files directory directories folder volume backup backups restore snapshot archive "
    "replica reads writes path filename rsync upload download",
    hints="archive download file filename files folder path reads replica restore rsync snapshot upload volume writes",
    sources=("df(1)", "errno(3)", "iostat(1)", "quota(1)"),
    broad=True,
)

SAN = domain(
    "storage network",
    "the storage network",
    ("carries block commands between hosts and arrays", "offers several paths to each LUN"),
    capacity=(
        ("hosts wait longer for their block requests", "commands are turned away and have to be repeated"),
        ("compare queue depths of the hosts with the array's limits", "read the load of the switch and target ports"),
    ),
    integrity=(
        ("hosts read wrong blocks from their volumes", "host and array disagree about what a volume holds"),
        ("count CRC errors on the switch ports", "compare size and identity of the volume on each host"),
    ),
    availability=(
        ("volumes freeze or lose one of their paths", "hosts lose sight of disks that they work on"),
        ("list the paths to the volume and their states", "check link and login state of the host adapter"),
    ),
    access=(
        ("volumes stay hidden from the host that needs them", "a host is refused its login to the target"),
        ("compare initiator names, secrets and LUN masking", "check the zoning for the host's port name"),
    ),
    absence=(
        ("a host has to do without one of its volumes", "one path fewer leads from host to array"),
        (
            "rescan the host adapters and list devices with lsscsi",
            "compare the LUNs on offer with those the host expects",
        ),
    ),
    operation=(
        ("block commands are not carried out for the host", "a volume is not usable on its host"),
        ("find what the adapter's driver reported in dmesg", "read what the array recorded at the same minute"),
    ),
    degradation=(
        ("block traffic crowds onto the paths that work well", "latency rises for hosts that share the switch"),
        ("find the slow or failing path and its switch port", "read error and retry counts of each path"),
    ),
    words="iscsi iscsid fc fibre fibrechannel fcoe san multipath multipathd dm lun luns target initiator wwn "
    "wwpn wwid hba qla qla2xxx qlogic lpfc emulex zoning zone brocade chap iqn paths pathgroup rport "
    "nvmeof srp",
    hints="brocade chap dm fc fibre initiator paths san srp target wwid wwn zone zoning",
    sources=("multipath(8)", "iscsiadm(8)", "Fibre Channel Framing and Signaling (T11)"),
)

FILESYSTEM = domain(
    "filesystem",
    "the local file system",
    ("turns disk blocks into named files", "keeps names, owners and sizes of files"),
    capacity=(
        ("programs are refused new files on the mount", "daemons on this node stop writing their logs"),
        ("compare df with df -i on the mount", "see which processes hold many files open with lsof"),
    ),
    integrity=(
        ("files in that tree are damaged or lost", "the kernel makes it read-only or refuses to mount it"),
        ("unmount it and run fsck in check mode", "check the health of the disk below it"),
    ),
    availability=(
        ("processes block on the mount point", "services on the node lose their working directory"),
        ("list processes in state D with ps", "read a few blocks of the underlying device with dd"),
    ),
    access=(
        ("programs are kept from their own directories", "a mount is refused to the user who asked"),
        ("look at its mount options in /proc/mounts", "check mode, ACL and security label with ls -lZ"),
    ),
    absence=(
        ("services on the node miss their data directory", "users find an empty directory at the mount point"),
        ("compare /etc/fstab with the output of blkid", "see with findmnt what is mounted and where"),
    ),
    operation=(
        ("programs fail to open or save files there", "the last changes to a file are lost"),
        ("read the file system's lines in dmesg", "repeat the mount or the file access by hand"),
    ),
    degradation=(
        ("reading and saving files on it takes longer", "services on the node wait for their reads and writes"),
        ("watch its latency and writeback with iostat", "see when it was last checked and repaired"),
    ),
    words="filesystem filesystems fs ext ext2 ext3 ext4 xfs btrfs reiserfs jfs inode inodes superblock journal "
    "journaling jbd jbd2 fsck mount mounted mounting unmount umount unmounted remount remounting fstab "
    "dentry vfs tmpfs loopback autofs automount automounter bitmap extent orphan partition readonly",
    hints="bitmap ext extent fs loopback orphan partition readonly",
    sources=("mount(8)", "e2fsck(8)", "xfs_repair(8)", "Linux kernel documentation, ext4"),
)

PARALLEL = domain(
    "parallel filesystem",
    "the shared file system",
    ("serves the same files to many nodes", "gives all nodes one view of shared files"),
    capacity=(
        ("jobs on many nodes have writes refused or delayed", "its servers turn away further requests of clients"),
        ("list usage and limits of every storage target", "see which clients and users load it the most"),
    ),
    integrity=(
        ("jobs read damaged or outdated parts of shared files", "clients see different contents of one file"),
        ("scan the tree for inconsistencies without repairing any", "read the same file on two clients and compare"),
    ),
    availability=(
        ("jobs with open files there stall or end", "clients lose data that they have not yet written"),
        ("see which servers and targets still answer the clients", "list its directories from a second node as a test"),
    ),
    access=(
        ("users are refused files that they share", "a client node is shut out of the mount"),
        ("compare user and group ids on client and server", "see whether the server lets this client mount"),
    ),
    absence=(
        ("some shared files are out of reach", "nodes run jobs without their shared home"),
        ("check on the node that everything shared is mounted", "see which server should provide what is missing"),
    ),
    operation=(
        ("running jobs get errors for their reads and writes", "a client's file request is not carried out"),
        ("match client and server logs by request time", "check that servers, targets and their network are up"),
    ),
    degradation=(
        ("one slow server holds back jobs on many nodes", "listing and opening shared files takes longer on clients"),
        ("compare the throughput of its storage servers", "measure from several clients how fast it replies"),
    ),
    words="lustre lustreerror gpfs ost osts oss mds mdt mgs mgc osc mdc obd ldlm lnet lnd llite mmfs mmfsd "
    "beegfs ceph osd panfs pvfs nfs nfsd rpcbind lockd statd export exports exported stale ptlrpc evicted "
    "evicting afs cifs smb gluster target targets",
    hints="afs evicted evicting export exported exports lnd mdc mds mgc mgs osd oss stale target targets",
    sources=("Lustre operations manual", "IBM Spectrum Scale problem guide", "nfs(5)", "Ceph documentation"),
)

PARTS = (DISK, RAID, STORAGE, SAN, FILESYSTEM, PARALLEL)
