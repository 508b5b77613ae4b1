"""Networks, what runs directly over them, and who is let in."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

NETWORK = domain(
    "network",
    "the network",
    ("carries packets between nodes and services", "joins hosts through switches and routes"),
    capacity=(
        ("packets are dropped and must be sent again", "new connections may be turned away"),
        ("read drop counters with ip -s link", "count sockets by state with ss -s"),
    ),
    integrity=(
        ("damaged packets are thrown away and sent again", "both ends may disagree about what was sent"),
        ("compare CRC errors on NIC and switch port", "swap the cable and capture with tcpdump"),
    ),
    availability=(
        ("the peer can't be reached and its clients wait", "open connections break in mid-transfer"),
        ("ping the peer, then trace the route to it", "look at the link state on the switch port"),
    ),
    access=(
        ("the service behind it can't be used from here", "clients see the connection refused"),
        ("list firewall rules and hits with nft", "test the port with nc from the client"),
    ),
    absence=(
        ("traffic to that address goes nowhere", "this host may be cut off from others"),
        ("check addresses and routes with ip", "see whether the driver found the NIC"),
    ),
    operation=(
        ("the program at the socket gets an error", "an exchange between two nodes is incomplete"),
        ("look up the errno and the peer's log", "watch the exchange with tcpdump on both ends"),
    ),
    degradation=(
        ("retransmissions cut throughput and add latency", "transfers take longer than planned"),
        ("check speed and duplex with ethtool", "measure loss to the peer with mtr"),
    ),
    words="network networks networking net ethernet eth link links socket sockets tcp udp ip ipv ipv4 ipv6 icmp "
    "arp route routes router routing gateway packet packets frame port ports connection connections "
    "connect connected disconnect disconnected nic interface interfaces bond bonding vlan host hosts peer "
    "remote rpc firewall iptables broadcast multicast retransmission retransmit tg3 bnx2 igb ixgbe subnet "
    "subnets switch netmask mtu duplex mbps dhcp dhcpd dhclient bootp lease mac carrier wire sender "
    "receiver transmit",
    sources=("ip(8)", "ethtool(8)", "tcp(7)", "RFC 9293"),
    broad=True,
)

INTERCONNECT = domain(
    "interconnect",
    "the interconnect",
    ("passes messages of parallel jobs between nodes", "links nodes with low latency and its own routing"),
    capacity=(
        ("messages back up into the sending nodes", "ranks wait until the congestion clears"),
        ("read the port's wait counters with perfquery", "look for one congested link in the fabric"),
    ),
    integrity=(
        ("a damaged packet can stop the whole partition", "message contents may be wrong on arrival"),
        ("compare CRC and symbol errors of both link ends", "reseat or swap the cable between the two ports"),
    ),
    availability=(
        ("ranks wait for a neighbour that is gone", "parallel jobs across the gap die"),
        ("check link states with ibstat or iblinkinfo", "find the first node of the partition that stopped"),
    ),
    access=(
        ("the node is left out of large jobs", "messages to that node are rejected"),
        ("compare partition keys of both nodes", "look for the refusal in the subnet manager's log"),
    ),
    absence=(
        ("the node has no way into the fabric", "traffic takes a longer way around the gap"),
        ("compare ibnetdiscover with the cabling plan", "see whether the adapter's driver is loaded"),
    ),
    operation=(
        ("messages of the job are lost and it aborts", "a link may stay unusable for its neighbours"),
        ("read the port's error registers on both sides", "reset the port and watch its training"),
    ),
    degradation=(
        ("a link at reduced width slows all collectives", "retransmits show that a cable ages"),
        ("compare active and supported width with ibstatus", "rank links by their retry counters"),
    ),
    words="torus tree collective collectives barrier infiniband ib ibv hca opensm myrinet gm fabric lid guid "
    "mlx mlx4 mlx5 ibsrp opa hfi psm rdma qp verbs quadrics elan gemini aries dragonfly seastar portals "
    "cable cables link links hop dimension wires interconnect fifo injection reception",
    sources=("InfiniBand architecture specification", "ibdiagnet and infiniband-diags manual pages", "opensm(8)"),
)

NAMING = domain(
    "name service",
    "the name service",
    ("turns host and user names into addresses and ids", "answers look-ups for every login and connection"),
    capacity=(
        ("look-ups are dropped while its queue is full", "new names can't be added or found"),
        ("count queries per second in the server's statistics", "see which client floods it with tcpdump"),
    ),
    integrity=(
        ("clients may be sent to the wrong host", "correct answers may be thrown away"),
        ("compare zone serials of primary and secondary", "validate the signed answer with delv"),
    ),
    availability=(
        ("logins and mounts hang until the look-up times out", "hosts are known by address alone"),
        ("ask each server in resolv.conf with dig", "check whether nscd or sssd still runs"),
    ),
    access=(
        ("other servers keep their old data", "the client gets no names or accounts"),
        ("check allow-transfer and key names on the server", "try the same bind with ldapwhoami"),
    ),
    absence=(
        ("the caller can't find its host", "a user without an entry can't log in"),
        ("test the name with getent and dig", "look whether the record was ever in the zone"),
    ),
    operation=(
        ("callers get an error in place of an address", "old names or none are served"),
        ("run named-checkzone on the zone file", "read the response code with dig"),
    ),
    degradation=(
        ("each connection waits for slow look-ups", "clients may use outdated addresses"),
        ("time a look-up against each server", "check cache hits and refresh of the zone"),
    ),
    words="dns named nameserver resolver resolv lookup nxdomain servfail zone zones bind rndc nis nisplus "
    "ypbind ypserv ldap slapd sssd nscd nss hostname hostnames domain resolve unresolvable dnsmasq record "
    "lame rcode avahi mdns gethostbyname getaddrinfo lookups",
    sources=("named(8)", "resolv.conf(5)", "RFC 1035", "sssd(8)", "slapd(8)"),
)

WEB = domain(
    "web",
    "the web server",
    ("answers HTTP requests of browsers and programs", "forwards requests to the applications behind it"),
    capacity=(
        ("clients have to queue for a worker", "requests beyond the limit are cut off"),
        ("count busy workers on the server-status page", "compare open connections with the worker limit"),
    ),
    integrity=(
        ("clients receive broken or mixed-up responses", "the request is thrown away unread"),
        ("replay the request with curl and compare bodies", "clear the proxy cache and test again"),
    ),
    availability=(
        ("users see gateway timeouts in place of pages", "applications behind it look dead"),
        ("curl the backend directly on its port", "see in the error log which upstream failed"),
    ),
    access=(
        ("the visitor does not see the page", "a scanner may be probing for open paths"),
        ("look up the client address in the access log", "check the location's allow and auth rules"),
    ),
    absence=(
        ("the visitor gets status 404 for it", "links to it lead nowhere"),
        ("compare the requested path with the document root", "find the referring page in the access log"),
    ),
    operation=(
        ("the visitor gets an error page", "responses may be cut in the middle"),
        ("read the application's traceback in the error log", "test the configuration with apachectl or nginx -t"),
    ),
    degradation=(
        ("pages load slowly and users retry", "the remaining backends carry more load"),
        ("compare response times of the single backends", "check which health check marks it down"),
    ),
    words="http https httpd apache apache2 nginx web webserver url uri browser html cgi php mod proxy upstream "
    "haproxy tomcat squid varnish vhost cookie favicon htaccess script referer www rest api gateway "
    "robots",
    sources=("Apache HTTP Server documentation", "nginx documentation", "RFC 9110"),
)

MAIL = domain(
    "mail",
    "the mail service",
    ("takes, queues and delivers messages", "talks SMTP to the hosts of recipients"),
    capacity=(
        ("the queue grows and messages arrive late", "new mail may bounce to its senders"),
        ("count the queued messages with mailq", "check free space of the spool and mailboxes"),
    ),
    integrity=(
        ("a message arrives cut or with broken headers", "queued mail may have become unreadable"),
        ("inspect the queue file with postcat", "look for a disk error under the spool"),
    ),
    availability=(
        ("mail stays queued until the remote host answers", "alerts by mail reach nobody"),
        ("test port 25 of the recipient's MX", "see whether the delivery agent still runs"),
    ),
    access=(
        ("the sender's message is turned away", "somebody may try to send spam through it"),
        ("check relay rules and the client's address", "look for the sender in block lists"),
    ),
    absence=(
        ("the message goes back to its sender", "mail for that address reaches nobody"),
        ("look the recipient up in the alias map", "rebuild the maps with newaliases or postmap"),
    ),
    operation=(
        ("a message may stay undelivered", "its sender has to write again"),
        ("read the SMTP reply code in the mail log", "deliver one message by hand with verbose output"),
    ),
    degradation=(
        ("messages may arrive hours later", "urgent mail comes too late to help"),
        ("list age and domains of deferred mail with qshape", "compare delay fields in the mail log"),
    ),
    words="mail mailer mailq mailbox smtp smtpd esmtp sendmail postfix exim dovecot imap pop3 relay relaying "
    "deferred bounced bounce recipient recipients rcpt mx spool sender mta lmtp ndn dsn newaliases alias "
    "aliases spam qmgr message messages",
    sources=("postfix(1)", "sendmail(8)", "RFC 5321"),
)

TLS = domain(
    "tls",
    "the certificate service",
    ("proves the identity of servers and clients", "sets up encrypted connections"),
    capacity=(
        ("new clients are dropped during the handshake", "some clients can't connect any more"),
        ("count handshakes per second at the endpoint", "read the chain depth with openssl s_client"),
    ),
    integrity=(
        ("the other side can't be trusted", "somebody may sit between client and server"),
        ("compare the key fingerprints on both sides", "verify the chain with openssl verify"),
    ),
    availability=(
        ("no secure session can start", "clients wait and then give up"),
        ("try the handshake with openssl s_client", "test the OCSP or CRL address with curl"),
    ),
    access=(
        ("clients refuse to talk to the server", "callers without the right authority get nothing"),
        ("check the trust store for the issuing authority", "see which client certificate was offered"),
    ),
    absence=(
        ("the service starts without encryption or not at all", "clients can't check whom they talk to"),
        ("check key and certificate paths in the configuration", "look whether renewal wrote its files"),
    ),
    operation=(
        ("the connection ends before any request", "both sides can't exchange their data"),
        ("compare protocol versions and ciphers of both ends", "read the expiry date with openssl x509"),
    ),
    degradation=(
        ("traffic becomes easier to read for strangers", "services may stop on the day of expiry"),
        ("renew the certificate before its end date", "list the enabled protocols with testssl"),
    ),
    words="ssl tls certificate certificates cert certs x509 handshake openssl cipher ciphers pem ca crl ocsp "
    "expiry keystore truststore encryption encrypted signature fingerprint keytool pkcs acme letsencrypt "
    "issuer",
    sources=("openssl-s_client(1)", "RFC 8446", "RFC 5280"),
)

SECURITY = domain(
    "security",
    "access control",
    ("decides who may log in and do what", "checks passwords, keys and rights"),
    capacity=(
        ("the account may be locked for a while", "further sessions are refused for a time"),
        ("list the user's failed tries with faillock", "compare MaxSessions and MaxStartups with open logins"),
    ),
    integrity=(
        ("a credential or policy may have been tampered with", "trust between the hosts is broken"),
        ("compare the host key with the recorded one", "check package integrity of sshd and PAM"),
    ),
    availability=(
        ("users may be unable to log in for now", "open sessions may be cut off"),
        ("test the authentication server from this node", "get a fresh ticket with kinit"),
    ),
    access=(
        ("either a stranger tries passwords or a user is shut out", "the attempt got no session on the host"),
        ("count tries by source address in auth.log", "ask the user, then block the address if unknown"),
    ),
    absence=(
        ("the log-in can't succeed, whoever tries it", "users without it get no session"),
        ("look the account up with getent passwd", "check the key file's path and the keytab"),
    ),
    operation=(
        ("access may stay closed to rightful users", "sessions may open without their limits"),
        ("test the PAM stack with pamtester", "run sshd with debug output on another port"),
    ),
    degradation=(
        ("logins take long while a server is tried in vain", "old ciphers or passwords weaken the host"),
        ("time a login with ssh -vvv", "review password age and expiry with chage"),
    ),
    words="auth authentication authenticate authenticated authorization authorized unauthorized login logins "
    "logon logout password passwords passwd user users uid gid sshd ssh sudo su root pam krb krb5 "
    "kerberos kdc keytab ticket permission permissions privilege privileges attack attacker breakin "
    "intrusion session sessions account accounts selinux avc apparmor audit auditd publickey rhost ruser "
    "credential credentials telnet telnetd rlogin rsh preauth fail2ban",
    sources=("pam(8)", "sshd(8)", "faillock(8)", "audit.rules(7)"),
)

PARTS = (NETWORK, INTERCONNECT, NAMING, WEB, MAIL, TLS, SECURITY)
