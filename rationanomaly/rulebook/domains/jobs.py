"""What runs jobs: schedulers, message passing, I/O proxies, timed commands, containers."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

SCHEDULER = domain(
    "scheduler",
    "the job scheduler",
    ("decides which job runs on which nodes", "starts, watches and ends jobs"),
    capacity=(
        ("jobs wait longer in the queue", "a job is held, cut short or killed at a limit"),
        ("compare requested with used resources of the job", "look at limits of queue, user and node"),
    ),
    integrity=(
        ("jobs run with wrong data or settings", "records of jobs and their use are wrong"),
        ("compare the job list with the processes on nodes", "check that server and nodes run the same version"),
    ),
    availability=(
        ("running jobs are lost or queued again", "nodes stand idle while users wait"),
        ("see whether the daemon on the node responds", "query the controller's status from a login node"),
    ),
    access=(
        ("submitted jobs are rejected although their owners need them", "a node gets no further work from the server"),
        ("see who is allowed to submit to that queue", "compare the credentials of server and node"),
    ),
    absence=(
        ("a job finds no node, queue or file that it needs", "a submitted job does not start"),
        ("list the queues and nodes that it knows", "look into its spool directory on the node"),
    ),
    operation=(
        ("users get no results from their job", "jobs are not placed on the nodes meant for them"),
        ("look up the job's exit code and the node it used", "submit a small test job to the same node"),
    ),
    degradation=(
        ("jobs start later and run longer than planned", "nodes yield less computing time to users"),
        ("time how long a scheduling round takes", "look for one node behind most of the late jobs"),
    ),
    words="scheduler job jobs jobid queue queues queued batch pbs torque mom moab maui slurm slurmd slurmctld "
    "slurmstepd sge lsf condor submit submitted dispatch dispatched task tasks reservation partitioning "
    "walltime prologue epilogue pbsmom qsub qstat sched allocation munge preempt preempted requeue "
    "requeued bjobs srun sbatch backfill stagein",
    hints="allocation backfill dispatch dispatched partitioning preempt preempted queue queued queues requeue "
    "requeued reservation sge stagein submit submitted task tasks",
    sources=("slurm.conf(5)", "pbs_mom(8)", "sacct(1)", "LSF administrator guide"),
)

MPI = domain(
    "mpi",
    "the message-passing runtime",
    ("starts the ranks of a parallel program", "moves data between ranks of a job"),
    capacity=(
        ("ranks of the job stop or wait at a limit", "messages between ranks are held up or dropped"),
        ("compare the rank count with the slots per node", "look at ulimit -l and -n on every node"),
    ),
    integrity=(
        ("the parallel job computes on wrong data", "ranks disagree about what they have exchanged"),
        ("match size and type of the data on both ranks", "list the MPI library that each node loads with ldd"),
    ),
    availability=(
        ("the other ranks wait in vain or end as well", "computing time of all its nodes is spent for nothing"),
        ("see on which nodes ranks are still running", "find the rank that was heard of last"),
    ),
    access=(
        ("ranks are kept from starting on a remote host", "the launcher gives up before the program begins"),
        ("test a login to the host without a password", "check rights on the network device and shared memory"),
    ),
    absence=(
        ("the parallel run is over before its first step", "ranks start on some nodes and not on others"),
        ("check that every node finds the program and its libraries", "see whether every host in the list resolves"),
    ),
    operation=(
        ("the whole job ends along with a single rank", "work since the last checkpoint is lost"),
        ("find the first rank that complains in the output", "run a small test with two ranks on that node"),
    ),
    degradation=(
        ("messages travel more slowly than planned", "one slow rank holds back every step"),
        ("see which network transport the ranks have chosen", "profile the waiting time of each rank"),
    ),
    words="mpi mpirun mpiexec rank ranks openmpi ompi mpich mvapich orted orte pmi pmix hydra btl communicator "
    "allreduce ucx shmem openshmem pvm romio rendezvous nccl prte message messages",
    hints="rank ranks pmi hydra btl communicator allreduce ucx shmem openshmem pvm rendezvous nccl message messages",
    sources=("MPI standard 4.0", "Open MPI documentation", "mpirun(1)"),
)

IODAEMON = domain(
    "io daemon",
    "the I/O daemon",
    ("does file and socket calls for compute nodes", "loads programs onto compute nodes and relays their output"),
    capacity=(
        ("compute nodes wait for their turn at I/O", "further files or sockets are refused to a job"),
        ("count open descriptors of the daemon with lsof", "compare its load with that of its peers"),
    ),
    integrity=(
        ("requests of compute nodes are misread", "input or output of the job is damaged"),
        ("compare software versions on I/O and compute nodes", "check the job's last output for gaps"),
    ),
    availability=(
        ("compute nodes behind it lose touch with their data", "the job hangs, or is ended for lack of control"),
        ("look for the daemon with ps on its node", "test the control connection from the service node"),
    ),
    access=(
        ("a job is kept from its program or data", "file calls of compute nodes are refused"),
        ("test the path as the job's user on its node", "see which uid and gid the job sent"),
    ),
    absence=(
        ("the program image is not loaded for the job", "an application goes without a file that it expects"),
        ("list the path on the I/O node itself", "see whether the shared file system is mounted there"),
    ),
    operation=(
        ("the job fails to load or to write output", "compute nodes get no answer when they read or write"),
        ("read what the daemon logged around the job's start", "run a short test program on the same nodes"),
    ),
    degradation=(
        ("applications behind it read and write slowly", "compute nodes spend their time waiting for it"),
        ("watch load and network rate of the I/O node", "see whether neighbouring nodes show the same delay"),
    ),
    words="ciod ciodb ionode io iod cnk forwarding forwarder proxy proxies stream streams loader prefix zoid "
    "iofsl dvs dvsipc",
    hints="cnk dvs forwarder forwarding io iod loader prefix proxies proxy stream streams",
    sources=("IBM Blue Gene/L: Application Development (Redbook)", "IOFSL papers", "Cray DVS administration guide"),
)

CRON = domain(
    "cron",
    "the cron service",
    ("starts commands at set times", "runs maintenance like log rotation and backups"),
    capacity=(
        ("runs overlap and disturb each other", "some timed commands are left out"),
        ("see with ps whether old runs pile up", "see how many processes the user is allowed"),
    ),
    integrity=(
        ("the wrong command runs, or none", "a script works on damaged or outdated files"),
        ("read the entry with crontab -l and check its syntax", "look at the lock and state files of the script"),
    ),
    availability=(
        ("later runs are missed one after another", "rotation stops and logs fill the disk"),
        ("look whether timed commands have run since then", "check that the cron daemon itself is running"),
    ),
    access=(
        ("crontab entries of that user are not started", "regular clean-up is skipped for lack of rights"),
        ("look for the user in cron.allow and cron.deny", "see whether the user's account is locked or expired"),
    ),
    absence=(
        ("a timed command is not carried out at all", "a script ends early for want of what it needs"),
        ("check the command's full path and its environment", "compare the crontab with the programs on the node"),
    ),
    operation=(
        ("regular maintenance is left undone", "the next run trips over leftovers"),
        ("run the same command by hand as that user", "read the mail that cron sent with the output"),
    ),
    degradation=(
        ("timed commands finish later than planned", "late runs load the node at busy hours"),
        ("compare start and end times in the cron log", "check the node's load at the time of the run"),
    ),
    words="cron crond crontab crontabs anacron anacrontab atd logrotate hourly daily weekly monthly cmd "
    "updatedb makewhatis periodic",
    hints="atd logrotate hourly daily weekly monthly cmd updatedb makewhatis periodic",
    sources=("cron(8)", "crontab(5)", "anacron(8)"),
)

CONTAINER = domain(
    "container",
    "the container runtime",
    ("runs images as isolated processes", "sets up layers, namespaces and limits"),
    capacity=(
        ("the container is killed or held back at its limit", "other containers on the node run short"),
        ("compare the container's usage with its cgroup limits", "check the space taken by images and layers"),
    ),
    integrity=(
        ("the container runs from a wrong or damaged image", "files inside the container are not trustworthy"),
        ("pull the image again and compare its digest", "look for errors of the disk below its storage"),
    ),
    availability=(
        ("clients of the container get no answer", "new containers fail to start there"),
        ("see whether the engine still lists its containers", "look at the container's state and when that changed"),
    ),
    access=(
        ("the container is denied what it asks for", "a workload stays down for lack of rights"),
        ("look at the user and capabilities of the container", "look for security denials in the audit log"),
    ),
    absence=(
        ("this node is unable to run the workload", "the container goes without an image, volume or network"),
        ("list the images and volumes present on the node", "compare image name and tag with the registry"),
    ),
    operation=(
        ("the container does not start or serve its users", "data written inside the container are lost"),
        ("look at the container's log and exit code", "search the runtime's journal around that time"),
    ),
    degradation=(
        ("users of its containers wait or lose service", "containers work on with less than they need"),
        ("count how many times the container has restarted", "compare its processor and memory use with neighbours"),
    ),
    words="container containers docker dockerd containerd podman runc crio cri oci image images layer layers "
    "overlay overlayfs overlay2 cgroup cgroups namespace registry entrypoint sandbox singularity "
    "apptainer shim snapshotter manifest dockerfile lxc",
    hints="cri entrypoint image images layer layers manifest namespace overlay overlayfs registry sandbox shim "
    "singularity",
    sources=("docker documentation", "containerd documentation", "OCI runtime specification"),
)

KUBERNETES = domain(
    "kubernetes",
    "the Kubernetes cluster",
    ("places pods on nodes and keeps them running", "holds the wanted state of all services"),
    capacity=(
        ("pods stay pending or are evicted", "services get by with fewer pods under load"),
        (
            "read scheduling events with kubectl describe pod",
            "compare requests with allocatable in kubectl describe node",
        ),
    ),
    integrity=(
        ("services are given outdated or wrong settings", "controllers act on a wrong view of the cluster"),
        ("compare the stored object with its source manifest", "check the health of every etcd member"),
    ),
    availability=(
        ("pods are lost or moved to other nodes", "services in it stop answering their users"),
        ("list node conditions with kubectl get nodes", "test the API server's readyz endpoint"),
    ),
    access=(
        ("a workload is refused what it needs from the cluster", "wanted changes to its objects are rejected"),
        ("ask kubectl auth can-i for that account", "check expiry of the certificates and tokens involved"),
    ),
    absence=(
        ("pods wait for an object that they refer to", "requests to the service find no pod"),
        ("search all namespaces for the named object", "compare labels and selectors of what belongs together"),
    ),
    operation=(
        ("the pod does not become ready", "a rollout comes to a halt half way"),
        ("read the pod's log with kubectl logs", "sort recent events by time with kubectl get events"),
    ),
    degradation=(
        ("fewer replicas than wanted serve requests", "changes to the cluster take effect late"),
        ("compare wanted and ready replicas with kubectl get", "check processor and disk load of the control plane"),
    ),
    words="kubernetes kubelet kubectl kube apiserver etcd pod pods replicaset deployment daemonset statefulset "
    "configmap ingress crashloopbackoff imagepullbackoff notready cni calico flannel coredns kubeproxy "
    "pvc helm operator crd taint cordon eviction readiness liveness",
    hints="calico cni cordon crd deployment etcd eviction flannel helm ingress liveness notready operator pvc "
    "readiness replicaset taint",
    sources=("Kubernetes documentation", "etcd documentation", "kubelet source, pkg/kubelet/events"),
)

VIRTUALISATION = domain(
    "virtualisation",
    "the hypervisor",
    ("shares a host among virtual machines", "gives guests virtual processors, disks and networks"),
    capacity=(
        ("guests get less of the host than they were promised", "new virtual machines find no host"),
        ("compare promised with physical memory of the host", "check quota and free disk for the guests"),
    ),
    integrity=(
        ("a guest works on damaged or outdated data", "the manager's records and the real guests disagree"),
        ("check the guest's image with the image tool", "look for differences between guest and manager records"),
    ),
    availability=(
        ("guests freeze or drop out of sight", "users lose their sessions inside virtual machines"),
        ("list the guests and their states on the host", "ask the management agent of the host for its status"),
    ),
    access=(
        ("a tenant is kept from an instance or its data", "the guest stays down for lack of a permission"),
        ("check the role of the user who asked", "see who owns the guest's disk files"),
    ),
    absence=(
        ("the guest stays down on that host", "an instance goes without a disk, image or network"),
        ("see whether image, network and volume exist", "compare the manager's list with the guests on the host"),
    ),
    operation=(
        ("the guest does not come up where it is wanted", "unsaved work inside the guest is lost"),
        ("read the log of that very guest", "follow the request through the manager's logs"),
    ),
    degradation=(
        ("guests run more slowly than their users expect", "the host has less to share among its guests"),
        ("look for the busiest guest on the host", "read steal time and latency inside the guest"),
    ),
    words="hypervisor vm vms virtual qemu kvm xen xend libvirt libvirtd virsh vmware esxi guest guests instance "
    "instances nova openstack neutron glance cinder keystone migration hyperv vcpu virtio snapshot "
    "imagecache",
    hints="imagecache instance instances migration snapshot virtual",
    sources=("libvirt documentation", "OpenStack administrator guides", "Linux kernel documentation, KVM"),
)

PARTS = (SCHEDULER, MPI, IODAEMON, CRON, CONTAINER, KUBERNETES, VIRTUALISATION)
