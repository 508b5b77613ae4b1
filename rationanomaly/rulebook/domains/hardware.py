"""Memory, processors, boards and what feeds, cools and starts them."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

MEMORY = domain(
    "memory",
    "the main memory",
    ("holds the code and data of running programs", "keeps each word under an error-correcting code"),
    capacity=(
        ("spare rows for bad cells are used up", "corrected errors arrive faster than the controller may hide"),
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
        ("a process is killed for touching a protected page", "writes into that address range are refused"),
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
        ("a DIMM is on its way to hard failure", "access slows down while errors are being corrected"),
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
        ("a page table entry points to the wrong frame", "processes may read pages that belong to others"),
        ("look for bad page state lines in dmesg", "rule out a faulty DIMM with a memory test"),
    ),
    availability=(
        ("processes wait for pages and the node crawls", "logins and heartbeats stall behind page-ins"),
        ("watch the si and so columns of vmstat", "list processes in state D with ps"),
    ),
    access=(
        ("the process gets a segmentation fault and ends", "memory locked for DMA cannot be pinned"),
        ("check ulimit for locked memory and address space", "match the faulting address with the process map"),
    ),
    absence=(
        ("no swap catches the peaks of large jobs", "huge pages are gone and mappings fail"),
        ("run swapon to see which swap areas are active", "read the HugePages lines of /proc/meminfo"),
    ),
    operation=(
        ("malloc returns nothing and the program gives up", "a fork or mmap fails in the middle of a job"),
        ("check overcommit settings in /proc/sys/vm", "look for failed page allocations with their order in dmesg"),
    ),
    degradation=(
        ("thrashing eats the time of every job on the node", "reclaim keeps kswapd busy and latency grows"),
        ("read memory pressure in /proc/pressure/memory", "sort processes by resident size with top"),
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
        ("hot lines are evicted before they are used again", "the lines that may be disabled have run out"),
        ("compare cache misses with perf stat", "count disabled lines in the machine check log"),
    ),
    integrity=(
        ("a core may execute or store flipped bits", "dirty lines are lost and memory keeps old values"),
        ("decode the machine check to get level and way", "move jobs off and swap the processor if it repeats"),
    ),
    availability=(
        ("cores wait for a line that never arrives", "coherence traffic stops and the whole node freezes"),
        ("look for cache or snoop timeouts before the hang", "take a core dump over the service network"),
    ),
    access=(
        ("a translation is refused and the thread traps", "the core faults on a protected line"),
        ("read the exception syndrome and the faulting address", "check the TLB entry and its permission bits"),
    ),
    absence=(
        ("every access goes to slow main memory", "the core runs with its cache switched off"),
        ("read cache sizes with lscpu", "check the firmware settings that enable each cache level"),
    ),
    operation=(
        ("the flush or prefetch left stale data behind", "the core takes a machine check and the job ends"),
        ("decode the status register printed next to it", "see whether the same core reported it before"),
    ),
    degradation=(
        ("the cache corrects more and more single bits", "lines are taken out and programs slow down"),
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
        ("runnable threads queue up behind busy cores", "the clock is cut to stay inside its limits"),
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
        ("a privileged instruction is refused with a trap", "the program tried to enter kernel mode and died"),
        ("check the program counter and mode bits in the dump", "see which binary executed the privileged instruction"),
    ),
    absence=(
        ("the node comes up with fewer cores than scheduled", "threads are packed onto the cores that are left"),
        ("compare lscpu with the expected topology", "check whether firmware disabled the socket"),
    ),
    operation=(
        ("an interrupt ended the instruction stream of the job", "the thread traps and its registers are dumped"),
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
        ("the kernel launch finds no device memory", "tensors no longer fit and training stops"),
        ("read used and free device memory in nvidia-smi", "look for left-over processes that hold the GPU"),
    ),
    integrity=(
        ("a double-bit error poisons device memory", "training continues on wrong weights"),
        ("query retired pages and row remaps with nvidia-smi", "reset the GPU and run dcgmi diagnostics"),
    ),
    availability=(
        ("the GPU fell off the bus and its job hangs", "peers wait in a collective without end"),
        ("search dmesg for Xid codes of the driver", "check the PCIe link state with lspci"),
    ),
    access=(
        ("the job cannot open the device file", "the container sees no GPU although one is there"),
        ("check owner and mode of /dev/nvidia files", "look at device cgroup rules and visible devices"),
    ),
    absence=(
        ("the job starts without any device to run on", "the driver found fewer GPUs than the node has"),
        ("compare the list of nvidia-smi with lspci", "see whether the driver module loaded after the kernel update"),
    ),
    operation=(
        ("a kernel faulted and its context is lost", "the CUDA call returns an error and the job ends"),
        ("look up the Xid code in the driver manual", "rerun under compute-sanitizer to find the faulting kernel"),
    ),
    degradation=(
        ("clocks drop and each step takes longer", "remapped rows show that device memory ages"),
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
        ("a sensor reading is outside its safe range", "the chassis takes no further cards"),
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
        ("the management controller refuses commands for the board", "nobody can power the node on remotely"),
        ("check the BMC user and its privilege level", "try the command from the service node"),
    ),
    absence=(
        ("the slot stays empty for the scheduler", "the rack runs with fewer boards than planned"),
        ("look whether the card is seated and its LED lit", "compare the inventory with the hardware database"),
    ),
    operation=(
        ("a component test failed and the node is withheld", "the board must be reset or replaced"),
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
        ("the supply is overloaded and may trip", "a rail above its limit can damage chips"),
        ("read volts and amps of each rail with ipmitool", "add up the draw of the rack against its feed"),
    ),
    integrity=(
        ("supplies disagree and the measured voltage is doubtful", "logic at the edge of its voltage makes errors"),
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
        ("the board did not reach power good", "power sequencing stopped before the node could boot"),
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
        ("an open slot lets cool air escape", "no sensor watches this part"),
        ("count fan modules and blanking plates", "see whether the sensor's cable is plugged"),
    ),
    operation=(
        ("the remaining fans must carry the load", "boards heat up until they switch off"),
        ("read fan speeds in rpm with ipmitool sensor", "swap the fan module and clear its filter"),
    ),
    degradation=(
        ("a worn fan turns below its set speed", "temperatures creep upward under load"),
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
        ("no interrupt vector or address window is left", "the device gets too little bandwidth"),
        ("read the resource conflicts in dmesg at boot", "compare link width and speed in lspci"),
    ),
    integrity=(
        ("a transfer arrived with a bad checksum", "device and driver hold different data"),
        ("read the AER status registers with lspci", "reseat the card and try another slot"),
    ),
    availability=(
        ("the device vanished and its driver waits in vain", "disks or ports behind the bridge are gone"),
        ("rescan the bus and list devices with lspci", "look for surprise removal or link training in dmesg"),
    ),
    access=(
        ("the IOMMU stopped a transfer of the device", "the program may not open the device node"),
        ("read the DMA fault address in dmesg", "check udev rules and the mode of the device file"),
    ),
    absence=(
        ("no driver binds because no device answers", "the slot shows nothing to the kernel"),
        ("compare lspci or lsusb with the parts list", "see whether the slot is enabled in the firmware"),
    ),
    operation=(
        ("the kernel could not set the device up", "a request to the device ended with an error"),
        ("read the probe messages of the driver in dmesg", "unbind and bind the driver again"),
    ),
    degradation=(
        ("the link fell back to fewer lanes", "replays eat part of the bandwidth"),
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
        ("the controller has no buffer for more commands", "polling cycles overrun and readings get old"),
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
        ("another master owns the JTAG chain", "the control system may not touch the card"),
        ("see which process holds the card's lock", "check the allow list of the control daemon"),
    ),
    absence=(
        ("the block of nodes cannot be formed", "a card of the rack is unknown to the control system"),
        ("compare discovered cards with the hardware database", "look whether the card is plugged and its clock runs"),
    ),
    operation=(
        ("the nodes behind it stay in reset", "booting the block ends before the kernel loads"),
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
        ("the flash has no room for the new image", "the boot variables can't be stored"),
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
        ("secure boot rejects the loader or driver", "a locked setup keeps settings from being changed"),
        ("check signatures and keys with mokutil", "see whether a setup password is set"),
    ),
    absence=(
        ("no bootable device is found on the node", "the device lacks its microcode file and stays off"),
        ("check boot order and the initrd's contents", "look for the file under /lib/firmware"),
    ),
    operation=(
        ("start-up stopped, so the node joins no job", "an update left the device half flashed"),
        ("read POST codes through the BMC", "compare firmware revisions across like nodes"),
    ),
    degradation=(
        ("the node boots slowly and on its second try", "an old revision keeps known defects"),
        ("compare the revision with the vendor's advisories", "measure boot phases with systemd-analyze"),
    ),
    words="firmware bios uefi efi boot booting booted bootloader bootable reboot rebooting rebooted grub initrd "
    "initramfs pxe tftp tftpd tftpboot flash nvram cmos post microloader bootstrap kickstart dmi smbios "
    "image ramdisk loader dracut",
    sources=("UEFI specification", "efibootmgr(8)", "GRUB manual", "dracut(8)"),
)

PARTS = (MEMORY, PAGING, CACHE, PROCESSOR, ACCELERATOR, HARDWARE, POWER, COOLING, BUS, CONTROLLER, FIRMWARE)
