"""Memory, processors, boards and what feeds, cools and starts them."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

MEMORY = domain(
    "memory",
    "the main memory",
    ("holds the code and data of running programs", "keeps each word under an error-correcting code"),
    capacity=(
        ("the next bad cell can cost a whole page", "further bit errors may no longer be corrected"),
        ("compare the edac corrected-error count per DIMM", "see in mcelog which bank ran out of spares"),
    ),
    integrity=(
        ("programs may compute on wrong bits", "the node has to halt before bad data reach the disk"),
        ("look in mcelog or edac for the failing DIMM", "run a memory test on the node before it takes jobs"),
    ),
    availability=(
        ("loads and stores stall until the node hangs", "every process that touches that bank gets stuck"),
        ("reseat the DIMM and watch whether it trains again", "read the BMC event log for memory training errors"),
    ),
    access=(
        ("the process that touched the page is killed", "writes into that address range are refused"),
        ("find the faulting address in dmesg", "compare the address with the map in /proc/PID/maps"),
    ),
    absence=(
        ("the node boots with less memory than jobs request", "a bank stays dark and its capacity is lost"),
        (
            "compare dmidecode's DIMM list with the order sheet",
            "count populated slots and reseat the lost module",
        ),
    ),
    operation=(
        ("a program loses its data and must be restarted", "the page is retired and its owner killed"),
        ("read dmesg for the physical address that failed", "check which job ran there and drain the node"),
    ),
    degradation=(
        ("a hard failure of the DIMM comes closer", "access slows down while errors are being corrected"),
        ("plan to swap the DIMM with rising corrected errors", "trend the edac counters over the last days"),
    ),
    words="memory mem ram ddr ddr2 ddr3 ddr4 ddr5 dimm dimms sdram edram dram ecc edac chipkill scrub scrubbing "
    "scrubber symbol rank numa correctable uncorrectable bit bits syndrome steering refresh hbm parity ce "
    "ue bank banks row column spare",
    sources=("Linux kernel documentation, EDAC", "mcelog(8)", "edac-util(1)", "JEDEC DDR standards"),
)

PAGING = domain(
    "virtual memory",
    "the virtual memory",
    ("maps the addresses of processes to pages", "moves cold pages out to swap space"),
    capacity=(
        ("the kernel kills a process to free pages", "jobs with large working sets die without warning"),
        ("find the victim of the OOM killer in dmesg", "compare free and the cgroup limit with the job's peak use"),
    ),
    integrity=(
        ("whatever maps that page may crash", "processes may read pages that belong to others"),
        ("look for bad page state lines in dmesg", "rule out a faulty DIMM with a memory test"),
    ),
    availability=(
        ("processes wait for pages and the node crawls", "logins and heartbeats stall behind page-ins"),
        ("watch the si and so columns of vmstat", "list processes in state D with ps"),
    ),
    access=(
        ("the process gets a segmentation fault and ends", "buffers for DMA can't be locked in memory"),
        ("check ulimit for locked memory and address space", "match the faulting address with the process map"),
    ),
    absence=(
        ("no swap catches the peaks of large jobs", "huge pages are gone and mappings fail"),
        ("run swapon to see which swap areas are active", "read the HugePages lines of /proc/meminfo"),
    ),
    operation=(
        ("malloc returns nothing and the program gives up", "a fork or mmap fails in the middle of a job"),
        ("check the overcommit settings in /proc/sys/vm", "look for failed page allocations with their order in dmesg"),
    ),
    degradation=(
        ("thrashing eats the time of every job on the node", "reclaim keeps kswapd busy and latency grows"),
        ("read the stall times in /proc/pressure/memory", "sort processes by resident size with top"),
    ),
    words="oom swap swapping swapped kswapd page pages paging pagefault malloc alloc allocation allocate "
    "allocated slab slub hugepage hugepages hugetlb vmalloc overcommit mmap heap rss memcg segment "
    "ballooning kmalloc zone buddy compaction anonymous virtual translation mlock",
    sources=("proc(5)", "vmstat(8)", "mmap(2)", "Linux kernel documentation, admin-guide/mm"),
)

CACHE = domain(
    "cache",
    "the processor cache",
    ("keeps copies of hot data next to the cores", "holds lines and address translations for fast access"),
    capacity=(
        ("hot lines are evicted before they are used again", "further bad lines can't be taken out of use"),
        ("compare cache misses with perf stat", "count disabled lines in the machine check log"),
    ),
    integrity=(
        ("a core may execute or store flipped bits", "memory may keep older values than programs wrote"),
        ("decode the machine check to get level and way", "move jobs off and swap the processor if it repeats"),
    ),
    availability=(
        ("cores wait for a line that never arrives", "coherence traffic stops and the whole node freezes"),
        ("look for cache or snoop timeouts before the hang", "take a core dump over the service network"),
    ),
    access=(
        ("the thread traps and its program ends", "work on that address waits for the kernel"),
        ("read the exception syndrome and the faulting address", "check the TLB entry and its permission bits"),
    ),
    absence=(
        ("every access goes to slow main memory", "the core runs with its cache switched off"),
        ("read the cache sizes with lscpu", "check the firmware settings that enable each cache level"),
    ),
    operation=(
        ("stale data may be left behind in the core", "the core takes a machine check and the job ends"),
        ("decode the status register printed next to it", "see whether the same core reported it before"),
    ),
    degradation=(
        ("an error beyond correction comes nearer", "programs slow down as lines are taken out"),
        ("trend corrected cache errors per core", "schedule the processor card for replacement"),
    ),
    words="cache caches cached cacheable dcache icache tlb itlb dtlb l1 l2 l3 lcache llc snoop snooping "
    "coherence coherency prefetch prefetcher flush invalidate evict eviction writeback parity",
    sources=("Intel SDM volume 3, machine check architecture", "PowerPC 440 user manual", "perf-stat(1)"),
)

PROCESSOR = domain(
    "processor",
    "the processor",
    ("executes the instructions of every program", "raises a machine check when its own logic fails"),
    capacity=(
        ("runnable threads queue up behind busy cores", "the core slows down and work takes longer"),
        ("compare load average and core count with uptime", "read the throttle counters under /sys/devices/system/cpu"),
    ),
    integrity=(
        ("results of the job can be silently wrong", "the core must not run another instruction"),
        ("decode the machine check bank with mcelog", "rerun the job elsewhere and compare its output"),
    ),
    availability=(
        ("a core stops and its threads hang with it", "interrupts on that core are no longer served"),
        ("look for soft lockup backtraces in dmesg", "send an NMI and read where the core stands"),
    ),
    access=(
        ("the program is stopped by a trap", "its instruction has no effect on the machine"),
        ("check the program counter and mode bits in the dump", "see which binary executed the privileged instruction"),
    ),
    absence=(
        ("the node comes up with fewer cores than scheduled", "threads are packed onto the cores that are left"),
        ("compare lscpu with the expected topology", "check whether firmware disabled the socket"),
    ),
    operation=(
        ("the job on that core may end without a result", "a thread that ran there can't continue"),
        ("read the program counter and link register in the dump", "map the address to a function with addr2line"),
    ),
    degradation=(
        ("cores run below their rated clock", "jobs on this node finish last and delay others"),
        ("compare the current frequency with cpupower", "check temperature and power caps of the socket"),
    ),
    words="cpu cpus processor processors core cores register registers instruction instructions fpu fpr gpr lr "
    "cr xer ctr iar dear esr msr dbcr mcsr tsr tcr pc sp floating arithmetic fp machine smp mce mca ppc "
    "ppc440 breakpoint alignment microcode cpufreq bogomips hyperthreading socket opcode divide rounding "
    "mcelog plb thermtrip exception",
    sources=("Intel SDM volume 3", "PowerPC Book E", "mcelog(8)", "lscpu(1)"),
)

ACCELERATOR = domain(
    "accelerator",
    "the accelerator",
    ("runs the parallel kernels of jobs", "keeps its own memory beside the host's"),
    capacity=(
        ("the job can't place its data on the device", "training stops until batches are made smaller"),
        ("read used and free device memory in nvidia-smi", "look for left-over processes that hold the GPU"),
    ),
    integrity=(
        ("results computed on the device are in doubt", "training may continue on wrong weights"),
        ("query retired pages and row remaps with nvidia-smi", "reset the GPU and run dcgmi diagnostics"),
    ),
    availability=(
        ("the job on that GPU hangs or dies", "peers wait in a collective without end"),
        ("search dmesg for Xid codes of the driver", "check the PCIe link state with lspci"),
    ),
    access=(
        ("the job cannot open the device file", "the container sees no GPU although one is there"),
        ("check owner and mode of /dev/nvidia files", "look at device cgroup rules and visible devices"),
    ),
    absence=(
        ("the job starts without any device to run on", "the scheduler has fewer GPUs to give away"),
        ("compare the list of nvidia-smi with lspci", "see whether the driver module loaded after the kernel update"),
    ),
    operation=(
        ("the job's context on the device is lost", "work queued there has to be run again"),
        ("look up the Xid code in the driver manual", "rerun under compute-sanitizer to find the faulting kernel"),
    ),
    degradation=(
        ("clocks drop and each step takes longer", "spare memory rows of the device run low"),
        ("read clocks and throttle reasons in nvidia-smi", "compare step times with a healthy node"),
    ),
    words="gpu gpus cuda nvidia nvml nvlink nvswitch xid cudnn cublas rocm amdgpu hip hipblas accelerator "
    "tensor mig dcgm vram opencl tpu",
    sources=("NVIDIA Xid errors documentation", "nvidia-smi manual", "ROCm documentation"),
)

HARDWARE = domain(
    "hardware",
    "the node's hardware",
    ("carries processors, memory and connectors", "makes up the field-replaceable parts of a rack"),
    capacity=(
        ("parts run outside the range they were built for", "the board may switch itself off as protection"),
        ("read limits and readings with ipmitool sensor", "compare the populated slots with the chassis manual"),
    ),
    integrity=(
        ("the board can be taken for another type", "its identity data can no longer be trusted"),
        ("reread the FRU data with ipmitool fru", "compare serial number and label on the board"),
    ),
    availability=(
        ("the node drops out and its jobs die", "a whole board with its neighbours is unreachable"),
        ("query the board through its BMC", "check whether neighbours in the same rack answer"),
    ),
    access=(
        ("operators can't manage the board from their console", "nobody can power the node on remotely"),
        ("check the BMC user and its privilege level", "try the command from the service node"),
    ),
    absence=(
        ("the slot stays empty for the scheduler", "the rack runs with fewer boards than planned"),
        ("look whether the card is seated and its LED lit", "compare the inventory with the hardware database"),
    ),
    operation=(
        ("the node is better kept away from jobs", "that board must be reset or replaced"),
        ("read the system event log with ipmitool sel", "rerun the board's diagnostics and note the part number"),
    ),
    degradation=(
        ("the part still works but has lost its reserve", "redundancy is gone until the part is swapped"),
        ("order a spare and plan a maintenance window", "watch whether the same sensor alarms again"),
    ),
    words="hardware hw board boards card cards midplane rack racks chip chips sensor sensors chassis slot slots "
    "device devices ipmi bmc component assembly connector pin pins node nodes adapter console fru led "
    "inventory enclosure module modules motherboard backplane replacement",
    sources=("ipmitool(1)", "IPMI specification 2.0", "dmidecode(8)"),
    broad=True,
)

POWER = domain(
    "power",
    "the power supply",
    ("turns mains current into board voltages", "keeps each rail inside its tolerance"),
    capacity=(
        ("the supply may trip and take boards down", "chips may compute wrongly or take damage"),
        ("read volts and amps of each rail with ipmitool", "add up the draw of the rack against its feed"),
    ),
    integrity=(
        ("nobody knows whether boards get a safe voltage", "logic at the edge of its voltage makes errors"),
        ("measure the rail with a multimeter at the board", "compare both supplies' readings over an hour"),
    ),
    availability=(
        ("boards on that feed go dark at once", "nodes lose everything that was not on disk"),
        ("check breakers, PDU outlets and the mains feed", "see whether the UPS took over and for how long"),
    ),
    access=(
        ("the power controller refuses to switch the node", "remote power cycling is not possible"),
        ("check credentials of the PDU or BMC", "see which user may issue power commands"),
    ),
    absence=(
        ("the second supply is gone, so one failure stops all", "a board without its converter stays off"),
        ("look whether the supply is seated and its cord plugged", "compare the count of supplies with the chassis"),
    ),
    operation=(
        ("the board behind it stays off", "nodes that it feeds can't boot"),
        ("read the status word of the DC converter", "reseat the module and try power-on again"),
    ),
    degradation=(
        ("redundancy is lost until the supply is swapped", "ripple grows while capacitors age"),
        ("swap the flagged supply while its partner carries load", "check runtime and charge of the UPS battery"),
    ),
    words="power powered voltage voltages volt volts currents amp amps ups psu battery supply supplies rail "
    "rails pgood dcdc dc ac outage brownout wattage watt watts apc fuse breaker regulator pdu mains "
    "converter vrm inverter undervoltage overvoltage poweroff bulk",
    sources=("ipmitool(1)", "PMBus specification", "apcupsd manual"),
)

COOLING = domain(
    "cooling",
    "the cooling",
    ("moves heat from boards to air or water", "keeps chips below their critical temperature"),
    capacity=(
        ("parts pass their limit and shut down", "processors throttle to escape the heat"),
        ("read temperatures and trip points with sensors", "check inlet temperature of the rack"),
    ),
    integrity=(
        ("a temperature reading cannot be believed", "fan control acts on wrong values"),
        ("compare the sensor with its neighbours", "point an infrared thermometer at the part"),
    ),
    availability=(
        ("air no longer moves across the boards", "heat builds up within minutes"),
        ("listen and look whether the fan turns", "query the fan controller through the BMC"),
    ),
    access=(
        ("fan speeds can't be set from outside", "the cooling unit ignores the operator's command"),
        ("check the BMC privilege for fan control", "see whether the unit is in local mode"),
    ),
    absence=(
        ("hot spots may form around the empty slot", "overheating there would pass unseen"),
        ("count fan modules and blanking plates", "see whether the sensor's cable is plugged"),
    ),
    operation=(
        ("the remaining fans must carry the load", "boards heat up until they switch off"),
        ("read fan speeds in rpm with ipmitool sensor", "swap the fan module and clear its filter"),
    ),
    degradation=(
        ("the margin to the shutdown temperature shrinks", "temperatures creep upward under load"),
        ("compare rpm with the other fans of the tray", "clean filters and check coolant flow"),
    ),
    words="temperature temperatures temp thermal heat heatsink overheat overheating cooling cool fan fans rpm "
    "degrees celsius airflow coolant water pump inlet humidity leak blower ambient overtemp throttle "
    "throttled throttling",
    sources=("sensors(1)", "ipmitool(1)", "ACPI specification, thermal zones", "ASHRAE thermal guidelines"),
)

BUS = domain(
    "bus",
    "the device bus",
    ("connects cards and controllers to the processor", "finds devices and moves their data by DMA"),
    capacity=(
        ("some device can't be brought into use", "the device gets too little bandwidth"),
        ("read the resource conflicts in dmesg at boot", "compare link width and speed in lspci"),
    ),
    integrity=(
        ("transfers must be repeated or their data are lost", "device and driver hold different data"),
        ("read the AER status registers with lspci", "reseat the card and try another slot"),
    ),
    availability=(
        ("drivers wait in vain for the device", "disks or ports behind it are out of reach"),
        ("rescan the bus and list devices with lspci", "look for surprise removal or link training in dmesg"),
    ),
    access=(
        ("the device's transfer does not reach memory", "programs can't make use of the device"),
        ("read the DMA fault address in dmesg", "check udev rules and the mode of the device file"),
    ),
    absence=(
        ("whatever needs the device has to do without", "its driver stays without work"),
        ("compare lspci or lsusb with the parts list", "see whether the slot is enabled in the firmware"),
    ),
    operation=(
        ("the device may stay unusable until a reset", "the failed request has to be sent again"),
        ("read the probe messages of the driver in dmesg", "unbind and bind the driver again"),
    ),
    degradation=(
        ("devices behind it get less bandwidth", "replays eat part of the bandwidth"),
        ("compare LnkSta with LnkCap in lspci", "count corrected errors of the port over a day"),
    ),
    words="pci pcie pcix agp usb hub ehci uhci ohci xhci apic ioapic irq irqs dma iommu msi bridge lane lanes "
    "aer i2c smbus spi isa acpi hotplug descriptor endpoint enumerate enumeration bus vme gpio plbv opb "
    "hid uart ttys pnp mmio",
    sources=("lspci(8)", "lsusb(8)", "PCI Express base specification, AER", "Linux kernel documentation, PCI"),
)

CONTROLLER = domain(
    "controller",
    "the service controller",
    ("starts, clocks and watches the boards of a rack", "reaches chips over JTAG on the service network"),
    capacity=(
        ("commands to the rack are dropped or wait", "polling cycles overrun and readings get old"),
        ("count the outstanding commands on the service node", "lower the polling rate of the environment monitor"),
    ),
    integrity=(
        ("shifted bits can set the wrong chip register", "the card's identity record cannot be trusted"),
        ("reread the chip ID over JTAG", "compare the card's EEPROM record with the database"),
    ),
    availability=(
        ("the cards behind it can't be booted or stopped", "hardware faults there pass unseen"),
        ("ping the service card on the control network", "power-cycle the service card and watch its LEDs"),
    ),
    access=(
        ("nodes of the rack can't be booted from here", "the control system may not touch the card"),
        ("see which process holds the card's lock", "check the allow list of the control daemon"),
    ),
    absence=(
        ("the block of nodes cannot be formed", "a card of the rack is unknown to the control system"),
        ("compare discovered cards with the hardware database", "look whether the card is plugged and its clock runs"),
    ),
    operation=(
        ("the nodes behind it stay in reset", "a block of nodes may not boot"),
        ("read the control daemon's log for the failed command", "reinitialise the card and rerun discovery"),
    ),
    degradation=(
        ("clocks wander and links lose alignment", "control commands need several tries"),
        ("check lock of the clock card's PLL", "watch retries on the service network"),
    ),
    words="jtag ido vpd eeprom fpga asic servicecard nodecard linkcard clockcard ecid controller mmcs pll "
    "clocks cmcs idoproxy hmc cmm mcserver scom",
    sources=("IEEE 1149.1", "IBM Blue Gene/L: System Administration (Redbook)", "OpenBMC documentation"),
)

FIRMWARE = domain(
    "firmware",
    "the firmware",
    ("sets up the hardware before the kernel runs", "loads the boot image and hands over control"),
    capacity=(
        ("an update can't be written to flash", "the boot variables can't be stored"),
        ("list and delete stale entries with efibootmgr", "check the free size of the boot partition"),
    ),
    integrity=(
        ("the node refuses to boot the damaged image", "settings fall back to factory values"),
        ("compare the image hash with the vendor's list", "flash the image again from the recovery slot"),
    ),
    availability=(
        ("the node hangs before any kernel message", "the boot server gives no image to the node"),
        ("watch the serial console during power-on", "test DHCP and TFTP from the boot network"),
    ),
    access=(
        ("the node won't start the image it was given", "a locked setup keeps settings from being changed"),
        ("check signatures and keys with mokutil", "see whether a setup password is set"),
    ),
    absence=(
        ("the node can't start its operating system", "a device may stay off without its microcode"),
        ("check boot order and the initrd's contents", "look for the file under /lib/firmware"),
    ),
    operation=(
        ("start-up stopped, so the node joins no job", "a device may be left half initialised"),
        ("read POST codes through the BMC", "compare firmware revisions across like nodes"),
    ),
    degradation=(
        ("the node boots slowly and on its second try", "an old revision keeps known defects"),
        ("compare the revision with the vendor's advisories", "measure the boot phases with systemd-analyze"),
    ),
    words="firmware bios uefi efi boot booting booted bootloader bootable reboot rebooting rebooted grub initrd "
    "initramfs pxe tftp tftpd tftpboot flash nvram cmos post microloader bootstrap kickstart dmi smbios "
    "image ramdisk loader dracut",
    sources=("UEFI specification", "efibootmgr(8)", "GRUB manual", "dracut(8)"),
)

PARTS = (MEMORY, PAGING, CACHE, PROCESSOR, ACCELERATOR, HARDWARE, POWER, COOLING, BUS, CONTROLLER, FIRMWARE)
