"""Networks, what runs directly over them, and who is let in."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

NETWORK = domain(
    "network",
    "the network",
    ("carries packets between nodes and services", "joins hosts through switches and routes"),
    capacity=(
        ("packets are dropped before they reach their receiver", "clients wait or fail to connect"),
        (
            "read the drop and overrun counters of the interface",
            "compare open connections and packet sizes with their limits",
        ),
    ),
    integrity=(
        ("data are discarded on arrival and sent again", "both ends disagree about what was sent"),
        ("compare settings and error counters at both ends", "capture the traffic on both ends with tcpdump"),
    ),
    availability=(
        ("programs wait for a host or lose their connection", "transfers between the hosts break off"),
        ("ping the far end, or test whether its service runs", "read the state of the interface and the link"),
    ),
    access=(
        (
            "an application does not get the connection or socket it wants",
            "traffic that somebody counts on is turned away",
        ),
        (
            "identify the process or host that was turned away",
            "compare firewall rules and permissions with what was tried",
        ),
    ),
    absence=(
        ("traffic to some host or service goes nowhere", "a service starts with nobody to talk to"),
        ("check that the named host, interface or socket exists", "compare addresses and routes with those expected"),
    ),
    operation=(
        ("a program loses what it sent or asked for", "an exchange between two ends stays incomplete"),
        ("read the logs at both ends of the exchange", "check the network settings against a working host"),
    ),
    degradation=(
        ("data arrive late and transfers take longer", "connections break off now and then"),
        ("check speed and error counters of the link", "measure delay and loss on the way"),
    ),
    words="network networks networking net ethernet eth link links socket sockets tcp udp ip ipv ipv4 ipv6 icmp "
    "arp route routes router routing gateway packet packets frame port ports connection connections "
    "connect connected disconnect disconnected nic interface interfaces bond bonding vlan host hosts peer "
    "remote rpc firewall iptables broadcast multicast retransmission retransmit tg3 bnx2 igb ixgbe subnet "
    "subnets switch netmask mtu duplex mbps dhcp dhcpd dhclient bootp lease mac carrier wire sender "
    "receiver transmit",
    hints="bond broadcast connect connected frame gateway host hosts lease link links mac mbps net peer port "
    "ports receiver remote retransmission retransmit route rpc sender switch transmit wire",
    sources=("ip(8)", "ethtool(8)", "tcp(7)", "RFC 9293"),
    broad=True,
)

INTERCONNECT = domain(
    "interconnect",
    "the interconnect",
    ("passes messages of parallel jobs between nodes", "links nodes with low latency and its own routing"),
    capacity=(
        ("messages of a job wait or are dropped", "communication between ranks takes up most of the run"),
        ("read the error and congestion counters of the port", "look for an overloaded or faulty link in the fabric"),
    ),
    integrity=(
        ("message contents are wrong on arrival", "nodes of a job fail to understand each other"),
        (
            "compare firmware versions and packet errors of the adapters",
            "reseat or swap the cable between the two ports",
        ),
    ),
    availability=(
        ("ranks wait for messages that never come", "parallel jobs over this link die"),
        ("check the state of the links to its neighbours", "find the first node that stopped sending"),
    ),
    access=(
        ("messages to or from the node are rejected", "a job is not let onto the fast network"),
        (
            "look in the fabric manager's log for the refused node",
            "compare partition keys, rights and limits of the nodes",
        ),
    ),
    absence=(
        ("the node has no way into the fabric", "messages take a longer or slower way"),
        ("walk through the cabling plan link by link", "see whether the adapter and its driver are there"),
    ),
    operation=(
        ("messages of a job are lost and it aborts", "a link or adapter stays out of use"),
        ("read status and errors of the port on both sides", "test the link between two idle nodes"),
    ),
    degradation=(
        ("one slow link delays all nodes of a job", "messages are sent several times before they arrive"),
        ("compare width and speed of the links with their rating", "look for ports with rising retry counters"),
    ),
    words="torus tree collective collectives barrier infiniband ib ibv hca opensm myrinet gm fabric lid guid "
    "mlx mlx4 mlx5 ibsrp opa hfi psm rdma qp verbs quadrics elan gemini aries dragonfly seastar portals "
    "cable cables link links hop dimension wires interconnect fifo injection reception",
    hints="tree collective collectives barrier ib gm fabric lid guid mlx mlx4 mlx5 opa hfi psm qp verbs elan "
    "gemini aries dragonfly seastar portals cable cables link links hop dimension wires fifo injection "
    "reception",
    sources=("InfiniBand architecture specification", "ibdiagnet and infiniband-diags manual pages", "opensm(8)"),
)

NAMING = domain(
    "name service",
    "the name service",
    ("turns host and user names into addresses and ids", "answers look-ups for every login and connection"),
    capacity=(
        ("look-ups go without an answer", "a name or record is not accepted"),
        ("compare sizes and query counts with the server's limits", "see which client or name ran into the limit"),
    ),
    integrity=(
        ("clients are sent to the wrong host", "answers or zones are thrown away"),
        ("ask every server for the same name and compare", "check the zone or directory data for mistakes"),
    ),
    availability=(
        ("logins and mounts hang for want of names", "programs no longer find hosts or users"),
        ("query each configured server by hand", "check whether the name service process still runs"),
    ),
    access=(
        ("a client is refused the names or accounts it needs", "a server is kept from sharing its names"),
        ("check who has the right to query or change", "see which client or process was refused"),
    ),
    absence=(
        ("a program fails to find the host it calls", "users or services are not found by name"),
        ("test the name with getent or dig", "look whether the record or its file exists"),
    ),
    operation=(
        ("programs get an error instead of an address", "new or changed names do not reach the clients"),
        ("look at the configuration and log of the name server", "repeat the query and read its response code"),
    ),
    degradation=(
        ("every connection waits for its look-up", "clients act on outdated addresses"),
        ("time a look-up against each server", "see whether all servers hold the same zone version"),
    ),
    words="dns named nameserver resolver resolv lookup nxdomain servfail zone zones bind rndc nis nisplus "
    "ypbind ypserv ldap slapd sssd nscd nss hostname hostnames domain resolve unresolvable dnsmasq record "
    "lame rcode avahi mdns gethostbyname getaddrinfo lookups",
    hints="bind domain hostname hostnames lame lookup lookups named record resolve unresolvable zone zones",
    sources=("named(8)", "resolv.conf(5)", "RFC 1035", "sssd(8)", "slapd(8)"),
)

WEB = domain(
    "web",
    "the web server",
    ("answers HTTP requests of browsers and programs", "forwards requests to the applications behind it"),
    capacity=(
        ("visitors wait or have their requests turned down", "a large request or busy hour ends in errors"),
        ("compare the requests with the limits of the server", "count the busy workers and waiting requests"),
    ),
    integrity=(
        ("a request or its answer is thrown away", "visitors receive broken or partial pages"),
        ("repeat the request with curl and read the answer", "capture the request on its way and look for changes"),
    ),
    availability=(
        ("visitors wait in vain for an answer", "an application behind it is out of reach"),
        ("request the same address with a test client", "check whether server and backend processes are running"),
    ),
    access=(
        ("a visitor or program is refused what it needs", "part of the site stays closed to its users"),
        ("see whom the access log shows as refused", "check the access rules and credentials of the requested address"),
    ),
    absence=(
        ("visitors look in vain for a page or file", "a page or script works without something it needs"),
        ("check that the named file, script or module exists", "find the page or program that asks for it"),
    ),
    operation=(
        ("visitors get an error in place of their page", "a request to an application is not carried out"),
        ("look in the error log around that request", "repeat the request and note the status code"),
    ),
    degradation=(
        ("pages load slowly and users give up", "programs that use the service fall behind"),
        ("compare response times of server and backends", "look at the proxy's health checks of each backend"),
    ),
    words="http https httpd apache apache2 nginx web webserver url uri browser html cgi php mod proxy upstream "
    "haproxy tomcat squid varnish vhost cookie favicon htaccess script referer www rest api gateway "
    "robots",
    hints="api browser cookie gateway mod php proxy rest robots script upstream uri url vhost web",
    sources=("Apache HTTP Server documentation", "nginx documentation", "RFC 9110"),
)

MAIL = domain(
    "mail",
    "the mail service",
    ("takes, queues and delivers messages", "talks SMTP to the hosts of recipients"),
    capacity=(
        ("messages are turned down or arrive late", "senders get their mail back"),
        ("compare mailbox, message and queue sizes with their limits", "check free space of spool and mailboxes"),
    ),
    integrity=(
        ("a message arrives incomplete or wrong", "the server throws mail away as unreadable"),
        ("inspect the message or file that is named", "compare the message with what the sender has"),
    ),
    availability=(
        ("mail waits in the queue undelivered", "warnings sent by mail reach nobody"),
        ("connect to the receiving server by hand", "see whether the mail processes still run"),
    ),
    access=(
        ("a rightful message or user is turned away", "somebody fails to send or fetch mail"),
        ("see which sender, user or host the refusal concerns", "check relay rules, passwords and file permissions"),
    ),
    absence=(
        ("messages go back to their senders undelivered", "nobody receives what is sent to an address"),
        ("check that the mailbox, alias or host exists", "look for a typing mistake in the address or path"),
    ),
    operation=(
        ("a message never reaches its recipient", "some user has to send the mail again"),
        ("read the mail log for the server's answer", "send one test message and follow it"),
    ),
    degradation=(
        ("messages arrive long after they were sent", "urgent mail comes too late to help"),
        ("look at age and number of queued messages", "compare delays and load with an ordinary day"),
    ),
    words="mail mailer mailq mailbox smtp smtpd esmtp sendmail postfix exim dovecot imap pop3 relay relaying "
    "deferred bounced bounce recipient recipients rcpt mx spool sender mta lmtp ndn dsn newaliases alias "
    "aliases spam qmgr message messages",
    hints="alias aliases bounce bounced deferred dsn message messages mx ndn recipient recipients relay "
    "relaying sender spool",
    sources=("postfix(1)", "sendmail(8)", "RFC 5321"),
)

TLS = domain(
    "tls",
    "the certificate service",
    ("proves the identity of servers and clients", "sets up encrypted connections"),
    capacity=(
        ("the server takes no new secure connections", "clients are kept waiting or turned away"),
        ("compare key, chain and record sizes with the limits", "check load and open sessions of the server"),
    ),
    integrity=(
        ("clients no longer trust the server", "an encrypted exchange is broken off"),
        ("compare names, keys and versions on both sides", "verify the certificate chain with openssl"),
    ),
    availability=(
        ("no secure session is set up", "clients give up before any data are exchanged"),
        ("try a handshake with openssl s_client", "look whether the secured service still listens"),
    ),
    access=(
        ("clients and server refuse to talk", "a service has no certificate that others accept"),
        ("read dates and issuer of the certificate", "check who was refused and which rights the key has"),
    ),
    absence=(
        ("traffic goes unencrypted or does not flow at all", "clients have no proof whom they talk to"),
        ("check the paths of key and certificate files", "see what both sides offer and trust"),
    ),
    operation=(
        ("programs that depend on encryption do not work", "a server or client gets no protected connection"),
        (
            "check that key, certificate and issuer belong together",
            "compare the protocol versions that both ends allow",
        ),
    ),
    degradation=(
        ("connections are slower or less well protected", "clients need several tries before they are connected"),
        ("check end dates of certificates and the clocks", "repeat the handshake and note time and protocol"),
    ),
    words="ssl tls certificate certificates cert certs x509 handshake openssl cipher ciphers pem ca crl ocsp "
    "expiry keystore truststore encryption encrypted signature fingerprint keytool pkcs acme letsencrypt "
    "issuer",
    hints="acme ca expiry fingerprint handshake issuer keystore pem pkcs signature",
    sources=("openssl-s_client(1)", "RFC 8446", "RFC 5280"),
)

SECURITY = domain(
    "security",
    "access control",
    ("decides who may log in and do what", "checks passwords, keys and rights"),
    capacity=(
        ("further logins are turned away for a time", "scripts and users lose their way into the machine"),
        ("count logins and open sessions per user", "check the limits set for users and sessions"),
    ),
    integrity=(
        ("somebody has tampered with keys, accounts or records", "rightful users are not recognised"),
        ("compare the key or entry with a trusted copy", "find out who changed the entry last"),
    ),
    availability=(
        ("no login succeeds while this lasts", "open sessions end and work in them is lost"),
        ("check whether the login service answers", "try a login with a test account"),
    ),
    access=(
        ("somebody reaches for more than they are allowed", "a rightful user or program is shut out"),
        ("find out which account or program tried what", "check whether that account or program needs this access"),
    ),
    absence=(
        ("a login or task ends before it begins", "a session opens without the rights it needs"),
        ("look whether the account, key or module exists", "compare the name with the user directory"),
    ),
    operation=(
        ("rightful users fail to log in", "someone gets in without the proper checks"),
        (
            "see which account is concerned and where it comes from",
            "review the latest changes to accounts and login rules",
        ),
    ),
    degradation=(
        ("logins take long and scripts give up", "valid tickets or passwords are turned down"),
        ("compare the clocks of server and client", "time a login and count its tries"),
    ),
    words="auth authentication authenticate authenticated authorization authorized unauthorized login logins "
    "logon logout password passwords passwd user users uid gid sshd ssh sudo su root pam krb krb5 "
    "kerberos kdc keytab ticket permission permissions privilege privileges attack attacker breakin "
    "intrusion session sessions account accounts selinux avc apparmor audit auditd publickey rhost ruser "
    "credential credentials telnet telnetd rlogin rsh preauth fail2ban",
    hints="attack attacker audit gid intrusion permission root session sessions su ticket uid user users",
    sources=("pam(8)", "sshd(8)", "faillock(8)", "audit.rules(7)"),
)

PARTS = (NETWORK, INTERCONNECT, NAMING, WEB, MAIL, TLS, SECURITY)
