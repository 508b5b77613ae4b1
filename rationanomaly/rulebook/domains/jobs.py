"""What runs jobs: schedulers, message passing, I/O proxies, timed commands, containers."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

SCHEDULER = domain(
    "scheduler",
    "the job scheduler",
    ("decides which job runs on which nodes", "starts, watches and ends jobs"),
    capacity=(
        ("jobs wait longer in the queue", "a job over its limit is killed"),
        ("compare requested and used resources with sacct", "look at queue limits with qstat or scontrol"),
    ),
    integrity=(
        ("jobs may be counted where none run", "job records may be lost at its restart"),
        ("compare the job list with the processes on nodes", "back up the state directory before a restart"),
    ),
    availability=(
        ("running jobs may be lost or queued again", "nodes stand idle until it is back"),
        ("check that the node daemon runs and answers", "ping the controller with scontrol ping"),
    ),
    access=(
        ("the user's job is turned away at submission", "this node takes no work from the server"),
        ("check the account's association and queue ACL", "compare munge keys of server and node"),
    ),
    absence=(
        ("the job can't be placed on any node", "a job may vanish without a trace"),
        ("list partitions and node names with sinfo", "look into the spool directory on the node"),
    ),
    operation=(
        ("the user's job gives no result", "the node may be drained of further jobs"),
        ("read the job's exit code and the node daemon's log", "run the prologue script by hand"),
    ),
    degradation=(
        ("scheduling cycles take long and nodes idle", "jobs are requeued and start over"),
        ("time the scheduler's cycle with sdiag", "look for one node that requeues every job"),
    ),
    words="scheduler job jobs jobid queue queues queued batch pbs torque mom moab maui slurm slurmd slurmctld "
    "slurmstepd sge lsf condor submit submitted dispatch dispatched task tasks reservation partitioning "
    "walltime prologue epilogue pbsmom qsub qstat sched allocation munge preempt preempted requeue "
    "requeued bjobs srun sbatch backfill stagein",
    sources=("slurm.conf(5)", "pbs_mom(8)", "sacct(1)", "LSF administrator guide"),
)

MPI = domain(
    "mpi",
    "the message-passing runtime",
    ("starts the ranks of a parallel program", "moves data between ranks of a job"),
    capacity=(
        ("ranks may stop for lack of buffers", "further ranks can't be started"),
        ("compare ranks and slots in the host file", "lower eager limits and look at registered memory"),
    ),
    integrity=(
        ("the job may compute on wrong data", "a rank may stop with mismatched data"),
        ("compare send and receive counts in the code", "run with the library's checks switched on"),
    ),
    availability=(
        ("all ranks wait for one that is gone", "the job uses up its time without a result"),
        ("attach to the waiting rank with gdb", "find the rank that reported nothing last"),
    ),
    access=(
        ("remote ranks can't be launched on that host", "the job can't use all of its nodes"),
        ("test a login to the host without a password", "check limits for locked memory in the job"),
    ),
    absence=(
        ("ranks can't be started on that node", "the job ends before its first step"),
        ("check PATH and the shared directory on each node", "list the available transports with ompi_info"),
    ),
    operation=(
        ("the whole job ends with the failed rank", "work since the last checkpoint is lost"),
        ("find the first rank that failed in the output", "read its exit code and core file"),
    ),
    degradation=(
        ("messages may travel more slowly than planned", "one slow rank holds back every step"),
        ("see which transport was chosen with verbose output", "profile the waiting time of each rank"),
    ),
    words="mpi mpirun mpiexec rank ranks openmpi ompi mpich mvapich orted orte pmi pmix hydra btl communicator "
    "allreduce ucx shmem openshmem pvm romio rendezvous nccl prte message messages",
    sources=("MPI standard 4.0", "Open MPI documentation", "mpirun(1)"),
)

IODAEMON = domain(
    "io daemon",
    "the I/O daemon",
    ("does file and socket calls for compute nodes", "loads programs onto compute nodes and relays their output"),
    capacity=(
        ("compute nodes wait for their turn at I/O", "new files can't be opened for the job"),
        ("count open descriptors of the daemon with lsof", "check the ratio of compute to I/O nodes"),
    ),
    integrity=(
        ("requests of compute nodes may be misread", "output of the job may be cut or mixed up"),
        ("compare versions of daemon and compute kernel", "look at the last complete message before the break"),
    ),
    availability=(
        ("compute nodes behind it lose their files", "the job may be ended for lack of control"),
        ("check whether the daemon still runs on the I/O node", "test the control connection to the service node"),
    ),
    access=(
        ("the job's user may not open the program or file", "file calls of the job are refused"),
        ("test the path as the job's user on the I/O node", "compare uid and gid sent with the job"),
    ),
    absence=(
        ("the program image can't be loaded for the job", "the job finds none of its files"),
        ("list the path on the I/O node itself", "look whether the shared mount is up"),
    ),
    operation=(
        ("loading the job or its I/O fails", "the job may end together with its daemon"),
        ("read the daemon's log around the job's start", "restart the daemon and rerun a small job"),
    ),
    degradation=(
        ("all I/O of its compute nodes slows down", "repeated reconnects delay each file call"),
        ("watch load and network rate of the I/O node", "compare with an I/O node of the same block"),
    ),
    words="ciod ciodb ionode io iod cnk forwarding forwarder proxy proxies stream streams loader prefix zoid "
    "iofsl dvs dvsipc",
    sources=("IBM Blue Gene/L: Application Development (Redbook)", "IOFSL papers", "Cray DVS administration guide"),
)

CRON = domain(
    "cron",
    "the cron service",
    ("starts commands at set times", "runs maintenance like log rotation and backups"),
    capacity=(
        ("runs may overlap and disturb each other", "some runs may not start at all"),
        ("see with ps whether old runs pile up", "put a lock like flock around the command"),
    ),
    integrity=(
        ("the wrong command may run, or none", "the next run may act on wrong state"),
        ("check the syntax with crontab -l", "look at the lock and state files of the script"),
    ),
    availability=(
        ("later runs of the task are missed", "rotation stops and logs fill the disk"),
        ("find the hanging run and what it waits for", "check that crond itself is running"),
    ),
    access=(
        ("the user's timed commands don't run", "rotation or backup may be left out"),
        ("look for the user in cron.allow and cron.deny", "check whether the account's password has expired"),
    ),
    absence=(
        ("the task can't be carried out at all", "nobody notices that the work is left out"),
        ("give the command with its full path", "list orphaned files in the crontab spool"),
    ),
    operation=(
        ("the maintenance task remains undone", "the next run may trip over leftovers"),
        ("run the same command by hand as that user", "read the mail that cron sent with the output"),
    ),
    degradation=(
        ("runs take longer and collide with working hours", "catch-up runs load the node after a stop"),
        ("compare start and end times in the cron log", "spread start minutes of heavy tasks"),
    ),
    words="cron crond crontab crontabs anacron anacrontab atd logrotate hourly daily weekly monthly cmd "
    "updatedb makewhatis periodic",
    sources=("cron(8)", "crontab(5)", "anacron(8)"),
)

CONTAINER = domain(
    "container",
    "the container runtime",
    ("runs images as isolated processes", "sets up layers, namespaces and limits"),
    capacity=(
        ("the container may be killed at its limit", "other containers on the node run short"),
        ("compare docker stats with the container's limit", "remove unused layers with docker system prune"),
    ),
    integrity=(
        ("the image can't be trusted to run", "cleaning up or restarting it may fail"),
        ("pull the image again and compare its digest", "check the storage driver's directory for damage"),
    ),
    availability=(
        ("clients of the container get no answer", "new containers can't be started there"),
        ("ask the daemon with docker info", "test the registry's address with curl"),
    ),
    access=(
        ("the container can't get what it asks for", "its workload can't start for this user"),
        ("check the registry login and pull secret", "look for seccomp or AppArmor denials in the audit log"),
    ),
    absence=(
        ("the workload can't be started on this node", "the container ends as soon as it starts"),
        ("list the image's tags in the registry", "open a shell in the image and look for the command"),
    ),
    operation=(
        ("its service is gone until it is replaced", "the work must move to a new container"),
        ("read docker logs and the exit code", "inspect the runtime's error with journalctl -u containerd"),
    ),
    degradation=(
        ("clients lose service while it restarts", "its process gets less time than it needs"),
        ("count the restarts with docker inspect", "read throttled periods in the cgroup's cpu.stat"),
    ),
    words="container containers docker dockerd containerd podman runc crio cri oci image images layer layers "
    "overlay overlayfs overlay2 cgroup cgroups namespace registry entrypoint sandbox singularity "
    "apptainer shim snapshotter manifest dockerfile lxc",
    sources=("docker documentation", "containerd documentation", "OCI runtime specification"),
)

KUBERNETES = domain(
    "kubernetes",
    "the Kubernetes cluster",
    ("places pods on nodes and keeps them running", "holds the wanted state of all services"),
    capacity=(
        ("pods stay pending without room on any node", "pods may be evicted from the node"),
        (
            "read scheduling events with kubectl describe pod",
            "compare requests and allocatable with kubectl describe node",
        ),
    ),
    integrity=(
        ("services may be given outdated settings", "controllers may act on a wrong view"),
        ("compare revisions with etcdctl endpoint status", "check resource versions and watch errors in the API log"),
    ),
    availability=(
        ("pods of the node are moved or lost", "nobody steers the cluster until it returns"),
        ("look at node conditions and the kubelet's log", "test the API server's readyz endpoint"),
    ),
    access=(
        ("the workload can't do what it was made for", "an object is not created or changed"),
        ("ask kubectl auth can-i for that account", "read the webhook's refusal in the events"),
    ),
    absence=(
        ("the pod waits until the object exists", "requests to the service find no pod"),
        ("list the named objects in the pod's namespace", "compare the service's selector with pod labels"),
    ),
    operation=(
        ("the pod does not become ready", "its rollout may come to a halt"),
        ("read the last container's log with kubectl logs -p", "see the failed probe in the pod's events"),
    ),
    degradation=(
        ("fewer replicas than wanted serve requests", "changes to the cluster take effect late"),
        ("compare wanted and ready replicas with kubectl get", "check disk latency of etcd's data directory"),
    ),
    words="kubernetes kubelet kubectl kube apiserver etcd pod pods replicaset deployment daemonset statefulset "
    "configmap ingress crashloopbackoff imagepullbackoff notready cni calico flannel coredns kubeproxy "
    "pvc helm operator crd taint cordon eviction readiness liveness",
    sources=("Kubernetes documentation", "etcd documentation", "kubelet source, pkg/kubelet/events"),
)

VIRTUALISATION = domain(
    "virtualisation",
    "the hypervisor",
    ("shares a host among virtual machines", "gives guests virtual processors, disks and networks"),
    capacity=(
        ("the host can't give guests their promised memory", "virtual machines can't be placed"),
        ("compare committed and physical memory of the host", "read steal time inside the guest"),
    ),
    integrity=(
        ("the guest's disk image may be damaged", "a snapshot may not be restorable any more"),
        ("check the image with qemu-img check", "compare snapshot metadata with the files on disk"),
    ),
    availability=(
        ("guests freeze or drop out of sight", "the manager can't move or stop its guests"),
        ("look at the guest's state with virsh list", "check whether libvirtd or the agent still runs"),
    ),
    access=(
        ("the tenant may not start or change the instance", "the guest's disk stays closed to its emulator"),
        ("check project quota and role of the user", "look for SELinux denials of the qemu process"),
    ),
    absence=(
        ("the guest can't be started there", "guests fall back to slow emulation"),
        ("look for the base image in the cache directory", "check the vmx or svm flag in lscpu"),
    ),
    operation=(
        ("the guest does not come up where it should", "work inside the guest may be lost"),
        ("read the instance's own qemu log", "follow the request id through nova's logs"),
    ),
    degradation=(
        ("guests run slowly while neighbours take the host", "users of the guest wait longer for replies"),
        ("look for the noisy neighbour on the host", "measure dirty page rate of the guest"),
    ),
    words="hypervisor vm vms virtual qemu kvm xen xend libvirt libvirtd virsh vmware esxi guest guests instance "
    "instances nova openstack neutron glance cinder keystone migration hyperv vcpu virtio snapshot "
    "imagecache",
    sources=("libvirt documentation", "OpenStack administrator guides", "Linux kernel documentation, KVM"),
)

PARTS = (SCHEDULER, MPI, IODAEMON, CRON, CONTAINER, KUBERNETES, VIRTUALISATION)
