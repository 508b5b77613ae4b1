"""Memory, processors, boards and what feeds, cools and starts them."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

MEMORY = domain(
    "memory",
    "the main memory",
    ("holds the code and data of running programs", "gives processors fast access to what they work on"),
    capacity=(
        (
            "jobs on the node are left with too little usable memory",
            "programs that use it are stopped before they finish",
        ),
        (
            "compare the node's memory use and error counters with their limits",
            "find out which program or memory module is concerned",
        ),
    ),
    integrity=(
        (
            "jobs compute with values that have changed in memory",
            "the node crashes or gives results that nobody trusts",
        ),
        ("look in the kernel log for the module or address involved", "run a memory test while no job uses the node"),
    ),
    availability=(
        ("the node or a program on it stops working", "jobs on the node lose what they held in memory"),
        (
            "check whether the node still answers on its console",
            "search kernel and hardware logs for earlier memory errors",
        ),
    ),
    access=(
        ("a program is kept from memory that its work needs", "a job ends early because the system refuses its access"),
        (
            "look up which process touched or asked for which address",
            "compare the program's rights and limits with what it needs",
        ),
    ),
    absence=(
        ("the node offers less memory than jobs request", "some of what is installed stays unused"),
        (
            "compare the memory that the system found with the inventory",
            "check that every module is present, seated and enabled",
        ),
    ),
    operation=(
        ("a program loses its data and has to start over", "jobs on the node fail until the memory works reliably"),
        (
            "look in dmesg which module, address or program is concerned",
            "check the EDAC counters of the node for errors",
        ),
    ),
    degradation=(
        ("a module comes closer to failing for good", "every program here takes longer than usual"),
        ("watch whether the EDAC counters rise over days", "read temperature and health of the memory modules"),
    ),
    words="memory mem ram ddr ddr2 ddr3 ddr4 ddr5 dimm dimms sdram edram dram ecc edac chipkill scrub scrubbing "
    "scrubber symbol rank numa correctable uncorrectable bit bits syndrome steering refresh hbm parity ce "
    "ue bank banks row column spare",
    hints="bank banks bit bits ce column correctable edram hbm numa parity rank refresh row scrub scrubber "
    "spare steering symbol syndrome ue uncorrectable",
    sources=("Linux kernel documentation, EDAC", "mcelog(8)", "edac-util(1)", "JEDEC DDR standards"),
)

PAGING = domain(
    "virtual memory",
    "the virtual memory",
    ("maps the addresses of processes to pages", "moves cold pages out to swap space"),
    capacity=(
        ("a process is ended or refused the memory it wants", "jobs with large working sets slow down or die"),
        ("look in dmesg for processes that the kernel killed", "see with free and top what takes up the pages"),
    ),
    integrity=(
        ("a program reads wrong data from a page", "programs that share the affected pages crash"),
        ("find the process and the page or area concerned", "rule out faulty memory modules with a memory test"),
    ),
    availability=(
        ("processes on the node stand still or are ended", "running work is cut short or gets no further"),
        (
            "check with vmstat whether the node is busy swapping",
            "list stuck processes with ps and killed ones with dmesg",
        ),
    ),
    access=(
        ("a process ends because its access is refused", "a program runs without the mapping it asked for"),
        ("find out which process was refused and for what", "check the rights and locked-memory limits of the process"),
    ),
    absence=(
        ("a program stops because pages it relies on are missing", "jobs get by with less swap than planned"),
        ("list the active swap areas and huge pages", "check whether the mapping or file behind it still exists"),
    ),
    operation=(
        ("a job breaks off over a failed memory request", "programs crash or run with less memory than planned"),
        (
            "look for allocation failures in the kernel log",
            "compare memory, swap and overcommit settings with the demand",
        ),
    ),
    degradation=(
        ("programs wait for pages and run slowly", "reclaiming memory keeps the processors from useful work"),
        ("read the stall times in /proc/pressure/memory", "check how much the node swaps and which process causes it"),
    ),
    words="oom swap swapping swapped kswapd page pages paging pagefault malloc alloc allocation allocate "
    "allocated slab slub hugepage hugepages hugetlb vmalloc overcommit mmap heap rss memcg segment "
    "ballooning kmalloc zone buddy compaction anonymous virtual translation mlock",
    hints="alloc allocate allocated allocation anonymous ballooning buddy compaction heap overcommit page rss "
    "segment translation virtual zone",
    sources=("proc(5)", "vmstat(8)", "mmap(2)", "Linux kernel documentation, admin-guide/mm"),
)

CACHE = domain(
    "cache",
    "the processor cache",
    ("keeps copies of hot data next to the cores", "holds lines and address translations for fast access"),
    capacity=(
        ("data are evicted before their next use", "the cores wait for main memory more often"),
        ("compare cache hits and misses with those of before", "look up the size or limit that the cache has"),
    ),
    integrity=(
        ("a core works on wrong data or instructions", "programs crash or give wrong results because of it"),
        ("find out which core and cache level is affected", "run a stress test on the processor concerned"),
    ),
    availability=(
        ("cores wait for data that the cache does not deliver", "the node freezes or crashes with its jobs"),
        ("check which cores still make progress", "look for machine checks and lockups in the kernel log"),
    ),
    access=(
        ("the kernel ends a program over a refused access", "a program or tool fails to reach cached data"),
        ("find out which program was refused what access", "compare the rights on the address with the access tried"),
    ),
    absence=(
        ("data come from slower memory instead", "a core runs without a part of its cache"),
        ("read the cache sizes that lscpu shows", "check whether the cache is enabled in the firmware"),
    ),
    operation=(
        ("stale or wrong data stay behind in the cache", "a core stops and its jobs end"),
        ("decode any status value printed with it", "see whether the same core reported errors before"),
    ),
    degradation=(
        ("each access costs the cores more time", "more data are fetched from slow main memory"),
        ("count the cache errors of each core", "compare run times with a node of the same type"),
    ),
    words="cache caches cached cacheable dcache icache tlb itlb dtlb l1 l2 l3 lcache llc snoop snooping "
    "coherence coherency prefetch prefetcher flush invalidate evict eviction writeback parity",
    hints="cache cacheable cached caches coherence evict eviction flush invalidate l1 l2 llc parity prefetch "
    "prefetcher snooping writeback",
    sources=("Intel SDM volume 3, machine check architecture", "PowerPC 440 user manual", "perf-stat(1)"),
)

PROCESSOR = domain(
    "processor",
    "the processor",
    ("executes the instructions of every program", "raises a machine check when its own logic fails"),
    capacity=(
        ("programs on it wait for their turn or stop", "work on the node takes longer or ends unfinished"),
        ("look at the load of each core with top", "find out which program meets the limit and which limit it is"),
    ),
    integrity=(
        ("results of a job are wrong without anyone noticing", "a program on the core crashes"),
        ("look for machine check records of this processor", "rerun the job elsewhere and compare its output"),
    ),
    availability=(
        ("programs on the core hang or are ended", "the whole machine halts and drops its work"),
        ("compare the online cores in lscpu with the full set", "search dmesg for a lockup or panic message"),
    ),
    access=(
        ("a program is ended for what it tried to do", "code is denied an instruction or register it depends on"),
        (
            "identify the code behind the refused instruction or register",
            "check the program's privileges and the processor's feature flags",
        ),
    ),
    absence=(
        ("the node works with fewer cores than planned", "programs that need the missing feature do not start"),
        ("compare the cores and flags in lscpu with expectations", "check the firmware settings for this processor"),
    ),
    operation=(
        ("the job on this core ends without a result", "parallel work elsewhere waits for this core"),
        ("read the register dump and messages right around it", "find out which program ran on the core"),
    ),
    degradation=(
        ("programs on it run slower than planned", "parallel jobs wait for this slow node"),
        (
            "compare current and rated clock of the cores",
            "check temperature, power limits and error counters of the processor",
        ),
    ),
    words="cpu cpus processor processors core cores register registers instruction instructions fpu fpr gpr lr "
    "cr xer ctr iar dear esr msr dbcr mcsr tsr tcr pc sp floating arithmetic fp machine smp mce mca ppc "
    "ppc440 breakpoint alignment microcode cpufreq bogomips hyperthreading socket opcode divide rounding "
    "mcelog plb thermtrip exception",
    hints="alignment arithmetic breakpoint core cores cr ctr dear divide esr exception floating fp "
    "instructions lr machine mca pc plb ppc register registers rounding smp socket sp tcr tsr",
    sources=("Intel SDM volume 3", "PowerPC Book E", "mcelog(8)", "lscpu(1)"),
)

ACCELERATOR = domain(
    "accelerator",
    "the accelerator",
    ("runs the parallel kernels of jobs", "keeps its own memory beside the host's"),
    capacity=(
        ("a job does not get the device or memory it needs", "work on it stops until less is asked of it"),
        ("compare memory, load and limits of the device", "look for leftover processes that hold the device"),
    ),
    integrity=(
        ("the device hands back wrong results", "a job on it stops or trains on bad data"),
        ("check error counters and driver version of the device", "run a short test with a known result on it"),
    ),
    availability=(
        ("a job on the device hangs or dies", "the remaining ranks stand still for want of results"),
        ("search dmesg for errors of its driver", "see whether the driver's tool still lists the device"),
    ),
    access=(
        ("a job is stopped or denied the device", "users fail to run work on what they booked"),
        ("check owner and permissions of the device files", "find out which job was refused and what it tried"),
    ),
    absence=(
        ("programs find no device or library to compute with", "work falls back to the slower host processor"),
        (
            "compare the installed devices with those the driver lists",
            "check that driver and libraries are installed in matching versions",
        ),
    ),
    operation=(
        ("a job fails and has to start again elsewhere", "queued work on the device is not carried out"),
        ("look up the message in the driver's documentation", "try a small sample program on the same device"),
    ),
    degradation=(
        ("each step on the device takes longer", "training waits at every step for the slowest device"),
        ("read temperature, clocks and error counters of the device", "compare step times with a healthy node"),
    ),
    words="gpu gpus cuda nvidia nvml nvlink nvswitch xid cudnn cublas rocm amdgpu hip hipblas accelerator "
    "tensor mig dcgm vram opencl tpu",
    hints="hip mig tensor xid",
    sources=("NVIDIA Xid errors documentation", "nvidia-smi manual", "ROCm documentation"),
)

HARDWARE = domain(
    "hardware",
    "the node's hardware",
    ("carries processors, memory and connectors", "makes up the field-replaceable parts of a rack"),
    capacity=(
        ("jobs there slow down or stop early", "a device accepts no more data or requests"),
        (
            "find out which limit of which device or node was hit",
            "compare its current load and readings with its maximum",
        ),
    ),
    integrity=(
        ("programs that use the part get wrong data", "a node stays out of service until parts are exchanged"),
        ("compare the part and its version with the inventory", "run the diagnostics of the part or node"),
    ),
    availability=(
        ("a node leaves the pool in the middle of jobs", "whatever uses the device or node waits in vain"),
        ("try to reach it through the management controller", "read the hardware event log for the same time"),
    ),
    access=(
        ("software is barred from the device that it works with", "operators have no way to manage the part"),
        (
            "see which account or process wanted to use the part",
            "check the rights set for the device or its management",
        ),
    ),
    absence=(
        ("jobs find fewer nodes or devices than they expect", "programs do without the device or module they need"),
        (
            "look whether the part is installed, powered and enabled",
            "hold the detected parts against the inventory list",
        ),
    ),
    operation=(
        ("jobs that need the node or device fail", "a part stays out of use until it is reset"),
        ("read the status of the device or node concerned", "test the part on its own with its diagnostics"),
    ),
    degradation=(
        ("the part gives out completely before long", "work there proceeds at a lower pace"),
        (
            "look up its health status, temperature and error counters",
            "check for a spare and plan a maintenance window",
        ),
    ),
    words="hardware hw board boards card cards midplane rack racks chip chips sensor sensors chassis slot slots "
    "device devices ipmi bmc component assembly connector pin pins node nodes adapter console fru led "
    "inventory enclosure module modules motherboard backplane replacement",
    hints="adapter assembly component connector console device devices enclosure hw inventory led module "
    "modules node nodes pin pins replacement sensor slots",
    sources=("ipmitool(1)", "IPMI specification 2.0", "dmidecode(8)"),
    broad=True,
)

POWER = domain(
    "power",
    "the power supply",
    ("turns mains current into board voltages", "keeps each rail inside its tolerance"),
    capacity=(
        ("the supply shuts down and takes its machines along", "machines on it are denied power or held back"),
        ("compare volts, amps and watts with their limits", "add up what all machines on the feed draw"),
    ),
    integrity=(
        ("boards get a voltage or current that does not suit them", "operators act on wrong readings from the supply"),
        ("compare model and settings of all supplies", "check its readings against a meter or another sensor"),
    ),
    availability=(
        ("machines on the same feed go dark", "nodes lose everything that was not on disk"),
        ("check breakers, cords and the mains feed", "see whether the supplies and batteries deliver any output"),
    ),
    access=(
        (
            "operators fail to switch or monitor machines remotely",
            "machines stay on or off against the operator's wish",
        ),
        ("check the rights of the account on the power controller", "find out who sent the refused power request"),
    ),
    absence=(
        ("one more failure takes the machine down", "a machine runs without backup for its power"),
        ("look whether the supply or battery is plugged in", "compare the supplies found with the chassis plan"),
    ),
    operation=(
        ("boards stay without power and their jobs wait", "the machine depends on the supplies that are left"),
        ("read the supply's status through the BMC", "look at the status lights of the supply"),
    ),
    degradation=(
        ("the other units in the chassis take over its share", "the machine has no reserve when the mains fail"),
        ("check the health of every supply and battery", "watch the output voltage while the node is busy"),
    ),
    words="power powered voltage voltages volt volts currents amp amps ups psu battery supply supplies rail "
    "rails pgood dcdc dc ac outage brownout wattage watt watts apc fuse breaker regulator pdu mains "
    "converter vrm inverter undervoltage overvoltage poweroff bulk",
    hints="ac amp apc battery breaker brownout bulk converter currents dc fuse outage rail rails supplies supply ups",
    sources=("ipmitool(1)", "PMBus specification", "apcupsd manual"),
)

COOLING = domain(
    "cooling",
    "the cooling",
    ("moves heat from boards to air or water", "keeps chips below their critical temperature"),
    capacity=(
        ("parts slow down or switch off to protect themselves", "the cooling runs at its limit with no reserve"),
        ("hold each sensor reading against its warning limit", "check the air temperature at the rack inlet"),
    ),
    integrity=(
        ("fans follow a wrong temperature reading", "real overheating goes unnoticed by the operators"),
        ("compare the reading with those of neighbouring sensors", "check that fans and sensors fit this machine"),
    ),
    availability=(
        ("parts overheat and shut down within minutes", "nobody sees how hot the parts become"),
        ("look whether the fan or pump still turns", "ask the management controller for temperatures and fan status"),
    ),
    access=(
        ("fans stay at a speed that nobody adjusts", "operators go without readings or control"),
        ("check which rights the fan control asks for", "see who asked for the fan or sensor"),
    ),
    absence=(
        ("parts run hotter without the missing fan or sensor", "overheating passes unseen where no sensor reports"),
        (
            "count fans and sensors against the machine's plan",
            "see whether the sensor's cable is plugged and driver loaded",
        ),
    ),
    operation=(
        ("the fans do not follow the heat of the parts", "boards heat up until they switch off"),
        ("query sensor and fan once more by hand", "inspect the fan module and its sensor"),
    ),
    degradation=(
        ("the margin to the shutdown temperature shrinks", "chips lower their clocks and jobs slow down"),
        ("compare temperatures and fan speeds with like nodes", "look for dust, blocked air or low coolant flow"),
    ),
    words="temperature temperatures temp thermal heat heatsink overheat overheating cooling cool fan fans rpm "
    "degrees celsius airflow coolant water pump inlet humidity leak blower ambient overtemp throttle "
    "throttled throttling",
    hints="ambient cool degrees heat leak pump rpm temp throttle throttled throttling water",
    sources=("sensors(1)", "ipmitool(1)", "ACPI specification, thermal zones", "ASHRAE thermal guidelines"),
)

BUS = domain(
    "bus",
    "the device bus",
    ("connects cards and controllers to the processor", "finds devices and moves their data by DMA"),
    capacity=(
        ("a device does without resources that it asks for", "devices on it wait or lose data"),
        ("find out which device ran out of what", "count the devices behind the same hub or bridge"),
    ),
    integrity=(
        ("a device receives or delivers wrong data", "transfers over it are repeated or lost"),
        ("look up the error registers of the card with lspci", "reseat the card or cable and repeat the transfer"),
    ),
    availability=(
        ("drivers wait in vain for a device", "whatever is attached to it drops out"),
        ("list what is attached with lspci or lsusb", "look in dmesg for a removal or reset"),
    ),
    access=(
        ("a device is kept from memory or from its programs", "programs are refused the use of hardware"),
        (
            "identify the device and the program that were turned away",
            "check device permissions, udev rules and IOMMU messages",
        ),
    ),
    absence=(
        ("programs have to manage without an attached device", "a driver runs without a function of its hardware"),
        ("compare the detected devices with the parts list", "see whether the slot or port is enabled in the firmware"),
    ),
    operation=(
        ("a device is not set up and stays unusable", "requests to a device fail and are repeated"),
        ("read in dmesg what the device's driver says", "reload the driver or try the device in another slot"),
    ),
    degradation=(
        ("devices on it get less bandwidth", "repeated transfers slow disks and network cards"),
        ("compare actual and possible speed of the link", "count the bus errors over a day"),
    ),
    words="pci pcie pcix agp usb hub ehci uhci ohci xhci apic ioapic irq irqs dma iommu msi bridge lane lanes "
    "aer i2c smbus spi isa acpi hotplug descriptor endpoint enumerate enumeration bus vme gpio plbv opb "
    "hid uart ttys pnp mmio",
    hints="acpi apic bridge bus descriptor endpoint enumerate enumeration gpio hid hotplug hub isa lane lanes "
    "msi opb plbv pnp spi ttys uart",
    sources=("lspci(8)", "lsusb(8)", "PCI Express base specification, AER", "Linux kernel documentation, PCI"),
)

CONTROLLER = domain(
    "controller",
    "the service controller",
    ("starts, clocks and watches the boards of a rack", "reaches chips over JTAG on the service network"),
    capacity=(
        ("commands to the rack are dropped or wait", "readings from the boards arrive late or get lost"),
        ("count the commands that still wait for the controller", "find out which limit the controller reports"),
    ),
    integrity=(
        ("a board is set up with wrong values", "a card is taken for another one"),
        ("compare the stored identity with that on the card", "read the values again and see whether they change"),
    ),
    availability=(
        ("boards of the rack run on unwatched", "commands from operators reach no board"),
        ("ping the controller on the service network", "look whether its process and connection are up"),
    ),
    access=(
        ("operators are not let in to control the boards", "boards stay as they are although a change was ordered"),
        ("see which user or program sent the refused request", "check the access list of the controller"),
    ),
    absence=(
        ("a board of the rack stays unknown and unused", "jobs wait for nodes that no controller starts"),
        (
            "compare the boards found with the expected ones",
            "look whether board and controller are plugged and powered",
        ),
    ),
    operation=(
        ("boards stay unwatched until somebody steps in", "nodes of the rack are not set up in time"),
        ("read what the control software logged at that time", "repeat the last command for a single board"),
    ),
    degradation=(
        ("orders to the boards need several tries", "boards are started and watched with delay"),
        ("compare the reply times of the controllers", "check clock, temperature and link status of the boards"),
    ),
    words="jtag ido vpd eeprom fpga asic servicecard nodecard linkcard clockcard ecid controller mmcs pll "
    "clocks cmcs idoproxy hmc cmm mcserver scom",
    hints="ido vpd eeprom fpga asic ecid controller pll clocks hmc cmm mcserver scom",
    sources=("IEEE 1149.1", "IBM Blue Gene/L: System Administration (Redbook)", "OpenBMC documentation"),
)

FIRMWARE = domain(
    "firmware",
    "the firmware",
    ("sets up the hardware before the kernel runs", "loads the boot image and hands over control"),
    capacity=(
        ("an update or image is not taken over", "the machine starts without what was meant for it"),
        (
            "check sizes and limits of image, flash and boot partition",
            "find out which limit stopped the boot or the update",
        ),
    ),
    integrity=(
        ("the node refuses to boot the image", "the next start brings up an unfit version"),
        (
            "compare the image's checksum and version with the published ones",
            "check the firmware settings against a like node",
        ),
    ),
    availability=(
        ("the node does not come up again", "the scheduler has one machine less to give to jobs"),
        ("watch the console while the node starts", "test whether the boot server answers the node"),
    ),
    access=(
        ("the node is denied the image it starts from", "the machine stays on its old image or settings"),
        ("check signature and permissions of the image", "see which machine or user requested the boot file"),
    ),
    absence=(
        ("the node finds nothing to start from", "the machine starts without a part of its setup"),
        ("check the boot order and what it points to", "look whether the file is where the loader expects it"),
    ),
    operation=(
        ("the node does not finish its start", "a device works without the settings it needs"),
        (
            "read the boot messages of this node from the start",
            "compare firmware versions and settings across like nodes",
        ),
    ),
    degradation=(
        ("the node needs several tries to boot", "a start takes long or brings up fewer functions"),
        ("compare its start-up time with a like node", "look for a newer version with known fixes"),
    ),
    words="firmware bios uefi efi boot booting booted bootloader bootable reboot rebooting rebooted grub initrd "
    "initramfs pxe tftp tftpd tftpboot flash nvram cmos post microloader bootstrap kickstart dmi smbios "
    "image ramdisk loader dracut",
    hints="bootstrap dmi flash image kickstart loader nvram post ramdisk tftp tftpd",
    sources=("UEFI specification", "efibootmgr(8)", "GRUB manual", "dracut(8)"),
)

PARTS = (MEMORY, PAGING, CACHE, PROCESSOR, ACCELERATOR, HARDWARE, POWER, COOLING, BUS, CONTROLLER, FIRMWARE)
