"""What runs jobs: schedulers, message passing, I/O proxies, timed commands, containers."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

SCHEDULER = domain(
    "scheduler",
    "the job scheduler",
    ("decides which job runs on which nodes", "starts, watches and ends jobs"),
    capacity=(
        ("jobs wait because no nodes are free", "a job over its limit is killed"),
        ("compare requested and used resources with sacct", "look at queue limits with qstat or scontrol"),
    ),
    integrity=(
        ("the scheduler's state and the nodes disagree", "job records may be lost at its restart"),
        ("compare the job list with the processes on nodes", "back up the state directory before a restart"),
    ),
    availability=(
        ("nodes are marked down and their jobs requeued", "users can neither submit nor cancel"),
        ("check that the node daemon runs and answers", "ping the controller with scontrol ping"),
    ),
    access=(
        ("the user's job is turned away at submission", "the node daemon rejects the server"),
        ("check the account's association and queue ACL", "compare munge keys of server and node"),
    ),
    absence=(
        ("the job names a queue or node that doesn't exist", "a job script or its spool file is gone"),
        ("list partitions and node names with sinfo", "look into the spool directory on the node"),
    ),
    operation=(
        ("the job did not start or ended early", "its prologue failed and the node is drained"),
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
        ("unexpected messages fill the rank's buffers", "no more ranks fit onto the slots"),
        ("compare ranks and slots in the host file", "lower eager limits and look at registered memory"),
    ),
    integrity=(
        ("a truncated message leaves wrong data in a rank", "ranks disagree about type or length"),
        ("compare send and receive counts in the code", "run with the library's checks switched on"),
    ),
    availability=(
        ("all ranks wait for one that is gone", "the launcher lost touch with its node"),
        ("attach to the waiting rank with gdb", "find the rank that reported nothing last"),
    ),
    access=(
        ("remote ranks can't be launched on that host", "shared memory segments are closed to the rank"),
        ("test a login to the host without a password", "check limits for locked memory in the job"),
    ),
    absence=(
        ("the launcher finds no executable on the node", "a transport or plug-in is not available"),
        ("check PATH and the shared directory on each node", "list available transports with ompi_info"),
    ),
    operation=(
        ("one rank aborted, so the whole job ends", "a collective call returned an error"),
        ("find the first rank that failed in the output", "read its exit code and core file"),
    ),
    degradation=(
        ("messages take a slower transport than planned", "one slow rank holds back every step"),
        ("see which transport was chosen with verbose output", "profile waiting time per rank"),
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
        ("too many compute nodes wait for one I/O node", "descriptors run out and new files can't be opened"),
        ("count open descriptors of the daemon with lsof", "check the ratio of compute to I/O nodes"),
    ),
    integrity=(
        ("a message with a wrong length breaks the stream", "output of the job may be cut or mixed up"),
        ("compare versions of daemon and compute kernel", "look at the last complete message before the break"),
    ),
    availability=(
        ("compute nodes behind it lose their files", "the job's control stream is cut off"),
        ("check whether the daemon still runs on the I/O node", "test the control connection to the service node"),
    ),
    access=(
        ("the job's user may not open the program or file", "the daemon drops its privileges too early"),
        ("test the path as the job's user on the I/O node", "compare uid and gid sent with the job"),
    ),
    absence=(
        ("the program image can't be loaded for the job", "the working directory is not mounted there"),
        ("list the path on the I/O node itself", "look whether the shared mount is up"),
    ),
    operation=(
        ("the job can't be loaded or its I/O fails", "the daemon ended and takes the job along"),
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
        ("a run starts before the last one ended", "the limit of processes keeps jobs from starting"),
        ("see with ps whether old runs pile up", "put a lock like flock around the command"),
    ),
    integrity=(
        ("a broken crontab line is skipped as a whole", "state left by a cut-off run misleads the next"),
        ("check the syntax with crontab -l", "look at the lock and state files of the script"),
    ),
    availability=(
        ("the command hangs and later runs are missed", "rotation stops and logs fill the disk"),
        ("find the hanging run and what it waits for", "check that crond itself is running"),
    ),
    access=(
        ("the user may not run timed commands", "the job's session is refused by PAM"),
        ("look into cron.allow and cron.deny", "check whether the account's password has expired"),
    ),
    absence=(
        ("the command is not found under cron's short PATH", "the crontab's user no longer exists"),
        ("give the command with its full path", "list orphaned files in the crontab spool"),
    ),
    operation=(
        ("the maintenance task remains undone", "its error output goes to a mailbox that nobody reads"),
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
        ("the container is killed at its memory limit", "image layers fill the node's disk"),
        ("compare docker stats with the container's limit", "remove unused layers with docker system prune"),
    ),
    integrity=(
        ("a layer fails its digest and the image won't run", "runtime state and kernel disagree"),
        ("pull the image again and compare its digest", "check the storage driver's directory for damage"),
    ),
    availability=(
        ("the daemon answers no request and containers drift", "the registry can't be reached for pulls"),
        ("ask the daemon with docker info", "test the registry's address with curl"),
    ),
    access=(
        ("the image or socket is closed to this user", "a security profile blocks the container's call"),
        ("check the registry login and pull secret", "look for seccomp or AppArmor denials in the audit log"),
    ),
    absence=(
        ("no image of that tag can be started", "the entry point is not inside the image"),
        ("list tags in the registry", "open a shell in the image and look for the command"),
    ),
    operation=(
        ("the container exited and its service is gone", "creating the sandbox failed before the process ran"),
        ("read docker logs and the exit code", "inspect the runtime's error with journalctl -u containerd"),
    ),
    degradation=(
        ("restarts in a loop leave clients without service", "the process is throttled by its CPU quota"),
        ("count restarts with docker inspect", "read throttled periods in the cgroup's cpu.stat"),
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
        ("pods stay pending without room on any node", "the node evicts pods to save itself"),
        (
            "read scheduling events with kubectl describe pod",
            "compare requests and allocatable with kubectl describe node",
        ),
    ),
    integrity=(
        ("etcd members hold different revisions", "controllers act on a stale view of the cluster"),
        ("compare revisions with etcdctl endpoint status", "check resource versions and watch errors in the API log"),
    ),
    availability=(
        ("the node turns NotReady and its pods move", "the API server gives no answer to controllers"),
        ("look at node conditions and the kubelet's log", "test the API server's readyz endpoint"),
    ),
    access=(
        ("the service account may not do the request", "admission turns the object away"),
        ("ask kubectl auth can-i for that account", "read the webhook's refusal in the events"),
    ),
    absence=(
        ("the pod waits for a secret, volume or config map", "a service has no endpoints behind it"),
        ("list the named objects in the pod's namespace", "compare the service's selector with pod labels"),
    ),
    operation=(
        ("the pod crashes again and backs off", "a volume or network set-up failed for the pod"),
        ("read the last container's log with kubectl logs -p", "see the failed probe in the pod's events"),
    ),
    degradation=(
        ("fewer replicas than wanted serve requests", "etcd is slow and every change lags"),
        ("compare wanted and ready replicas", "check disk latency of etcd's data directory"),
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
        ("the guest's disk image may be damaged", "snapshot chains no longer fit together"),
        ("check the image with qemu-img check", "compare snapshot metadata with the files on disk"),
    ),
    availability=(
        ("guests freeze although they are healthy", "the manager has no contact with its host"),
        ("look at the guest's state with virsh list", "check whether libvirtd or the agent still runs"),
    ),
    access=(
        ("the tenant may not start or change the instance", "labels keep the emulator from its image"),
        ("check project quota and role of the user", "look for SELinux denials of the qemu process"),
    ),
    absence=(
        ("the instance's image or host is unknown", "processor extensions are switched off"),
        ("look for the base image in the cache directory", "check the vmx or svm flag in lscpu"),
    ),
    operation=(
        ("the instance failed to spawn or migrate", "a guest was reset and lost its work"),
        ("read the instance's qemu log", "follow the request id through nova's logs"),
    ),
    degradation=(
        ("guests run slowly while neighbours take the host", "live migration takes long and never converges"),
        ("look for the noisy neighbour on the host", "measure dirty page rate of the guest"),
    ),
    words="hypervisor vm vms virtual qemu kvm xen xend libvirt libvirtd virsh vmware esxi guest guests instance "
    "instances nova openstack neutron glance cinder keystone migration hyperv vcpu virtio snapshot "
    "imagecache",
    sources=("libvirt documentation", "OpenStack administrator guides", "Linux kernel documentation, KVM"),
)

PARTS = (SCHEDULER, MPI, IODAEMON, CRON, CONTAINER, KUBERNETES, VIRTUALISATION)
